/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "dbus/names.h"
#include "tests/bus/fixture.h"
#include "tests/bus/rules.h"

/* What the caller of a method sees, in the order of the wire, as words. */
typedef struct Story {
        Fixture *fixture;
        GDBusConnection *bus;
        Recorder *recorder;
        char *domain;
} Story;

static Story story_begin(void) {
        Story s = { .fixture = fixture_new("test:///default") };
        g_autoptr(GVariant) flush = NULL;

        s.bus = s.fixture->connection;
        s.domain = domain_path(s.bus, "test");
        s.recorder = recorder_new(s.bus);
        /* the match rule is in place behind this */
        flush = must(s.bus, VS_ROOT_PATH, "org.freedesktop.DBus.Peer.Ping", NULL);
        return s;
}

static void story_end(Story *s) {
        recorder_free(s->recorder);
        g_free(s->domain);
        fixture_free(s->fixture);
}

/* All messages until now, one word each: "added:job", "JobNew", "reply:1" (of the n-th call), … */
static GPtrArray *story_words(Story *s) {
        GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GHashTable) calls = g_hash_table_new(NULL, NULL);
        unsigned n_calls = 0;
        Record *record;

        while ((record = recorder_pop(s->recorder))) {
                g_autoptr(Record) owned = record;
                GDBusMessage *message = record->message;
                const char *path = g_dbus_message_get_path(message),
                           *member = g_dbus_message_get_member(message);
                const char *kind = !path                            ? ""
                        : g_str_has_prefix(path, VS_JOB_PREFIX "/") ? "job"
                        : g_str_equal(path, VS_ROOT_PATH)           ? "manager"
                        : g_str_equal(path, s->domain)              ? "domain"
                                                                    : "snapshot";

                if (!record->incoming) {
                        if (g_strcmp0(g_dbus_message_get_destination(message), VS_BUS_NAME) == 0)
                                g_hash_table_insert(calls,
                                        GUINT_TO_POINTER(g_dbus_message_get_serial(message)),
                                        GUINT_TO_POINTER(++n_calls));
                        continue;
                }
                if (g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_METHOD_RETURN) {
                        unsigned n = GPOINTER_TO_UINT(g_hash_table_lookup(
                                calls, GUINT_TO_POINTER(g_dbus_message_get_reply_serial(message))));

                        if (n > 0)
                                g_ptr_array_add(words, g_strdup_printf("reply:%u", n));
                } else if (!member) {
                        g_ptr_array_add(words, g_strdup("error"));
                } else if (g_str_has_prefix(member, "Interfaces")) {
                        g_autoptr(GVariant) object =
                                g_variant_get_child_value(g_dbus_message_get_body(message), 0);
                        const char *about = g_variant_get_string(object, NULL);

                        g_ptr_array_add(words,
                                g_strdup_printf("%s:%s",
                                        strcmp(member, "InterfacesAdded") == 0 ? "added" : "removed",
                                        g_str_has_prefix(about, VS_JOB_PREFIX "/") ? "job" : "snapshot"));
                } else if (strcmp(member, "PropertiesChanged") == 0)
                        g_ptr_array_add(words, g_strdup_printf("changed:%s", kind));
                else
                        g_ptr_array_add(words, g_strdup(member));
        }
        return words;
}

static int first(const GPtrArray *words, const char *word) {
        for (guint i = 0; i < words->len; i++)
                if (strcmp(words->pdata[i], word) == 0)
                        return (int) i;
        return -1;
}

static int last(const GPtrArray *words, const char *word) {
        for (guint i = words->len; i-- > 0;)
                if (strcmp(words->pdata[i], word) == 0)
                        return (int) i;
        return -1;
}

static void tell(const GPtrArray *words) {
        g_autoptr(GString) text = g_string_new(NULL);

        for (guint i = 0; i < words->len; i++)
                g_string_append_printf(text, " %s", (char *) words->pdata[i]);
        g_test_message("%s", text->str);
}

/* Each word is there, and the last of one comes before the first of the next. */
static void check_order(const GPtrArray *words, const char *const *order) {
        tell(words);
        for (size_t i = 0; order[i]; i++) {
                g_assert_cmpint(first(words, order[i]), >=, 0);
                if (i > 0)
                        g_assert_cmpint(last(words, order[i - 1]), <, first(words, order[i]));
        }
}

/* The two calls of a job: the method, then Wait. */
static void run_job(Story *s, const char *path, const char *member, GVariant *args) {
        g_free(job_done(s->bus, must(s->bus, path, member, args)));
}

static void drop(Story *s) {
        Record *record;

        while ((record = recorder_pop(s->recorder)))
                record_free(record);
}

static void test_create(void) {
        static const char *const order[] = {
                "added:job",
                "JobNew",
                "reply:1",
                "changed:job",
                "added:snapshot",
                "SnapshotCreated",
                "JobRemoved",
                "reply:2",
                NULL,
        };
        Story s = story_begin();
        g_autoptr(GPtrArray) words = NULL;

        drop(&s);
        run_job(&s, s.domain, "Domain.CreateSnapshot", args_name("a", NULL));
        words = story_words(&s);
        check_order(words, order);
        /* the domain's count and current snapshot, before the end is told */
        g_assert_cmpint(last(words, "changed:domain"), <, first(words, "JobRemoved"));
        story_end(&s);
}

static void test_delete(void) {
        static const char *const order[] = {
                "added:job",
                "JobNew",
                "reply:1",
                "changed:job",
                "removed:snapshot",
                "added:snapshot",
                "SnapshotDeleted",
                "JobRemoved",
                "reply:2",
                NULL,
        };
        Story s = story_begin();
        g_autoptr(GPtrArray) words = NULL;
        g_autofree char *a = create(s.bus, s.domain, "a", NULL), *b = create(s.bus, s.domain, "b", NULL);
        g_autofree char *c = create(s.bus, s.domain, "c", NULL);

        drop(&s);
        /* b and c move up */
        run_job(&s, a, "Snapshot.Delete", args_options(NULL));
        words = story_words(&s);
        check_order(words, order);
        story_end(&s);
}

static void test_revert(void) {
        static const char *const order[] = {
                "added:job",
                "JobNew",
                "reply:1",
                "changed:job",
                "SnapshotReverted",
                "JobRemoved",
                "reply:2",
                NULL,
        };
        Story s = story_begin();
        g_autoptr(GPtrArray) words = NULL;
        g_autofree char *a = create(s.bus, s.domain, "a", NULL), *b = create(s.bus, s.domain, "b", NULL);

        drop(&s);
        run_job(&s, a, "Snapshot.Revert", args_options(NULL));
        words = story_words(&s);
        check_order(words, order);
        g_assert_cmpint(last(words, "changed:domain"), <, first(words, "JobRemoved"));
        g_assert_cmpint(last(words, "changed:snapshot"), <, first(words, "JobRemoved"));
        story_end(&s);
}

/* A job that does not come to be is not told of. */
static void test_refused(void) {
        Story s = story_begin();
        g_autoptr(GPtrArray) words = NULL;

        drop(&s);
        must_fail(s.bus, s.domain, "Domain.CreateSnapshot", args_name("../x", NULL), "InvalidName");
        g_variant_unref(must(s.bus, VS_ROOT_PATH, "org.freedesktop.DBus.Peer.Ping", NULL));
        words = story_words(&s);
        tell(words);
        g_assert_cmpint(first(words, "JobNew"), ==, -1);
        g_assert_cmpint(first(words, "added:job"), ==, -1);
        story_end(&s);
}

/* Jobs and their signals of one caller, seen by another: a random walk, followed by the program that knows
 * the rules. */
static void test_random_walk(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test");
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
        GSubprocess *follower = follow(fixture);

        for (unsigned i = 0; i < 150; i++) {
                int dice = g_test_rand_int_range(0, 10);
                g_autofree char *path = NULL;
                guint n = names->len > 0 ? (guint) g_test_rand_int_range(0, (gint32) names->len) : 0;

                if (names->len == 0 || dice < 5) {
                        char *name = g_strdup_printf("s%u", i);

                        g_free(create(bus, domain, name, NULL));
                        g_ptr_array_add(names, name);
                } else {
                        path = snapshot_path(bus, domain, names->pdata[n]);
                        if (dice < 8)
                                g_free(job_done(
                                        bus, must(bus, path, "Snapshot.Revert", args_options(NULL))));
                        else {
                                g_free(job_done(
                                        bus, must(bus, path, "Snapshot.Delete", args_options(NULL))));
                                g_ptr_array_remove_index(names, n);
                        }
                }
                if (i % 25 == 0)
                        follow_check(follower);
        }
        g_assert_cmpuint(get_number(bus, domain, "Domain.SnapshotCount"), ==, names->len);
        follow_end(follower);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/order/create", test_create);
        g_test_add_func("/order/delete", test_delete);
        g_test_add_func("/order/revert", test_revert);
        g_test_add_func("/order/refused", test_refused);
        g_test_add_func("/order/random-walk", test_random_walk);
        return g_test_run();
}
