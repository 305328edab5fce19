/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "dbus/names.h"
#include "tests/bus/fixture.h"

/* More jobs than the daemon takes from one user. */
#define MANY 1500

typedef struct Submitted {
        GPtrArray *jobs; /* paths */
        unsigned n_refused, n_answers;
} Submitted;

static void on_submitted(GObject *source, GAsyncResult *result, void *userdata) {
        Submitted *s = userdata;
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);

        s->n_answers++;
        if (reply) {
                char *job;

                g_variant_get(reply, "(to)", NULL, &job);
                g_ptr_array_add(s->jobs, job);
        } else {
                g_autofree char *name = g_dbus_error_get_remote_error(error);

                g_assert_cmpstr(name, ==, VS_ERROR_TOO_MANY);
                s->n_refused++;
        }
}

/* Without waiting for one before the next. */
static Submitted *submit(GDBusConnection *bus, const char *domain, unsigned n) {
        Submitted *s = g_new0(Submitted, 1);

        s->jobs = g_ptr_array_new_with_free_func(g_free);
        for (unsigned i = 0; i < n; i++) {
                g_autofree char *name = g_strdup_printf("s%u", i);

                g_dbus_connection_call(bus, VS_BUS_NAME, domain, VS_DOMAIN_INTERFACE, "CreateSnapshot",
                        args_name(name, NULL), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_submitted, s);
        }
        WAIT_FOR(s->n_answers == n);
        return s;
}

static void submitted_free(Submitted *s) {
        g_ptr_array_unref(s->jobs);
        g_free(s);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Submitted, submitted_free)

static char *wait_for(GDBusConnection *bus, const char *job) {
        g_autoptr(GVariant) reply = must(bus, job, "Job.Wait", g_variant_new("(t)", G_GUINT64_CONSTANT(0)));
        char *result;

        g_variant_get(reply, "(sss)", &result, NULL, NULL);
        return result;
}

static void test_properties(void) {
        static const char *const expected[][2] = {
                { "Operation", "'create'" },
                { "Domain", "objectpath '/org/virtsnap1/domain/test'" },
                { "Disk", "''" },
                { "Snapshot", "'base'" },
                { "State", "'done'" },
                { "Progress", "1.0" },
                { "Cancelable", "false" },
                { "ErrorName", "''" },
                { "ErrorMessage", "''" },
                { "ExpectedEndTime", "uint64 0" },
        };
        gint64 before = g_get_real_time();
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *job = NULL, *path = NULL, *expected_path = NULL;
        g_autoptr(GVariant) submitted = must(bus, domain, "Domain.CreateSnapshot", args_name("base", NULL));
        g_autoptr(GVariant) reply = NULL, properties = NULL, found = NULL;
        gint64 created, started;
        guint64 id;

        g_variant_get(submitted, "(to)", &id, &path);
        job = job_done(bus, g_steal_pointer(&submitted));
        expected_path = g_strdup_printf(VS_JOB_PREFIX "/%" G_GUINT64_FORMAT, id);
        g_assert_cmpstr(job, ==, expected_path);
        found = must(bus, VS_ROOT_PATH, "Manager.GetJob", g_variant_new("(t)", id));
        g_free(path);
        g_variant_get(found, "(o)", &path);
        g_assert_cmpstr(path, ==, job);

        reply = must(
                bus, job, "org.freedesktop.DBus.Properties.GetAll", g_variant_new("(s)", VS_JOB_INTERFACE));
        properties = g_variant_get_child_value(reply, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
                g_autoptr(GVariant) value = g_variant_lookup_value(properties, expected[i][0], NULL);
                g_autofree char *seen = g_variant_print(value, TRUE);

                g_assert_cmpstr(seen, ==, expected[i][1]);
        }
        g_assert_cmpuint(get_number(bus, job, "Job.Id"), ==, id);
        g_assert_cmpuint(get_number(bus, job, "Job.StartedByUID"), ==, geteuid());
        created = (gint64) get_number(bus, job, "Job.CreatedTime");
        started = (gint64) get_number(bus, job, "Job.StartTime");
        g_assert_cmpint(created, >=, before);
        g_assert_cmpint(started, >=, created);
        g_assert_cmpint(started, <=, g_get_real_time());
}

static void test_list(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *path = create(bus, domain, "base", NULL);
        g_autoptr(GVariant) now = must(bus, VS_ROOT_PATH, "Manager.ListJobs", args_options(NULL));
        g_autoptr(GVariant) all =
                must(bus, VS_ROOT_PATH, "Manager.ListJobs", args_options("{'ended': <true>}"));
        g_autoptr(GVariant) jobs = get(bus, domain, "Domain.Jobs"), rows = NULL;
        g_autofree char *text = g_variant_print(now, TRUE), *operation = NULL, *name = NULL, *state = NULL;
        g_autofree char *job = NULL, *where = NULL;
        double progress;
        guint64 id;

        g_assert_cmpstr(text, ==, "(@a(tsssdsoo) [],)");
        g_assert_cmpuint(g_variant_n_children(jobs), ==, 0);
        g_assert_cmpuint(n_rows(all), ==, 1);
        rows = g_variant_get_child_value(all, 0);
        g_variant_get_child(
                rows, 0, "(tsssdsoo)", &id, &operation, &name, &state, &progress, NULL, &job, &where);
        g_assert_cmpstr(operation, ==, "create");
        g_assert_cmpstr(name, ==, "test");
        g_assert_cmpstr(state, ==, "done");
        g_assert_cmpfloat(progress, ==, 1.0);
        g_assert_cmpstr(where, ==, domain);
}

/* Of a job that has ended, Wait answers at once, with any limit. */
static void test_wait_ended(void) {
        static const guint64 limits[] = { 0, 1, G_MAXUINT64, G_MAXINT64, (guint64) G_MAXINT64 + 1 };
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test");
        g_autofree char *job =
                job_done(bus, must(bus, domain, "Domain.CreateSnapshot", args_name("base", NULL)));

        for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
                g_autoptr(GVariant) reply = must(bus, job, "Job.Wait", g_variant_new("(t)", limits[i]));
                g_autofree char *text = g_variant_print(reply, FALSE);

                g_assert_cmpstr(text, ==, "('done', '', '')");
        }
        must_fail(bus, job, "Job.Cancel", args_options(NULL), "NotCancelable");
        must_fail(bus, job, "Job.Finish", args_options(NULL), "NotSupported");
}

/* Who waited finds the world as the job left it. */
static void test_wait_world(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test");

        for (guint64 i = 1; i <= 20; i++) {
                g_autofree char *name = g_strdup_printf("s%" G_GUINT64_FORMAT, i);
                g_autofree char *path = create(bus, domain, name, NULL), *current = NULL;

                current = get_text(bus, domain, "Domain.CurrentSnapshot");
                g_assert_cmpstr(current, ==, path);
                g_assert_cmpuint(get_number(bus, domain, "Domain.SnapshotCount"), ==, i);
        }
}

/* A job that fails says why. */
static void test_failed(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *base = create(bus, domain, "base", NULL);
        g_autofree char *result = NULL, *error = NULL, *message = NULL, *job = NULL, *again = NULL;
        GSubprocess *follower = follow(fixture);
        /* libvirt's test driver does not know this flag */
        g_autoptr(GVariant) reply =
                must(bus, base, "Snapshot.Delete", args_options("{'metadata-only': <true>}"));
        g_autoptr(GVariant) answer = NULL;

        g_variant_get(reply, "(to)", NULL, &job);
        answer = must(bus, job, "Job.Wait", g_variant_new("(t)", (guint64) LIMIT_USEC));
        g_variant_get(answer, "(sss)", &result, &error, &message);
        g_assert_cmpstr(result, ==, "failed");
        g_assert_cmpstr(error, ==, VS_ERROR_LIBVIRT_FAILED);
        /* libvirt's own words */
        g_assert_nonnull(strstr(message, "unsupported flags"));
        again = get_text(bus, job, "Job.ErrorName");
        g_assert_cmpstr(again, ==, error);
        g_free(again);
        again = get_text(bus, job, "Job.ErrorMessage");
        g_assert_cmpstr(again, ==, message);
        g_free(again);
        again = get_text(bus, job, "Job.State");
        g_assert_cmpstr(again, ==, "failed");
        g_assert_true(has_object(bus, base, "Snapshot"));
        follow_end(follower);
}

static void test_queue(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *result = NULL, *last_path = NULL;
        GSubprocess *follower = follow(fixture);
        g_autoptr(Submitted) s = submit(bus, domain, 50);
        const char *last = s->jobs->pdata[s->jobs->len - 1];
        guint64 id = 0;

        g_assert_cmpuint(s->n_refused, ==, 0);
        /* numbers go up, none comes twice */
        for (guint i = 0; i < s->jobs->len; i++) {
                guint64 next = g_ascii_strtoull(strrchr(s->jobs->pdata[i], '/') + 1, NULL, 10);

                g_assert_cmpuint(next, >, id);
                id = next;
        }
        result = wait_for(bus, last);
        g_assert_cmpstr(result, ==, "done");
        g_assert_cmpuint(get_number(bus, domain, "Domain.SnapshotCount"), ==, 50);
        /* each after the other: the last is the child of the one before */
        last_path = get_text(bus, VS_DOMAIN_PREFIX "/test/s0/s1", "Snapshot.Parent");
        g_assert_cmpstr(last_path, ==, VS_DOMAIN_PREFIX "/test/s0");
        WAIT_FOR(get_number(bus, VS_ROOT_PATH, "Manager.JobsQueued") == 0);
        WAIT_FOR(get_number(bus, VS_ROOT_PATH, "Manager.JobsRunning") == 0);
        follow_end(follower);
}

/* The last of a long queue is not begun yet: waiting for it times out, and it can be cancelled. */
static void test_cancel_queued(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *result = NULL, *before_last = NULL;
        GSubprocess *follower = follow(fixture);
        g_autoptr(Submitted) s = submit(bus, domain, 150);
        const char *last = s->jobs->pdata[s->jobs->len - 1];
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = NULL;

        reply = call(bus, last, "Job.Cancel", args_options(NULL), &error);
        if (!reply) {
                /* this machine was faster */
                g_assert_true(strstr(error->message, "NotCancelable") != NULL);
                g_test_skip("the queue was through before the cancel came");
                follow_end(follower);
                return;
        }
        result = wait_for(bus, last);
        g_assert_cmpstr(result, ==, "cancelled");
        must_fail(bus, VS_ROOT_PATH, "Manager.GetSnapshot", g_variant_new("(ss)", "test", "s149"),
                "NoSuchSnapshot");
        before_last = wait_for(bus, s->jobs->pdata[s->jobs->len - 2]);
        g_assert_cmpstr(before_last, ==, "done");
        g_assert_cmpuint(get_number(bus, domain, "Domain.SnapshotCount"), ==, 149);
        follow_end(follower);
}

static void test_wait_timeout(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *result = NULL;
        g_autoptr(Submitted) s = submit(bus, domain, 150);
        const char *last = s->jobs->pdata[s->jobs->len - 1];
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply =
                call(bus, last, "Job.Wait", g_variant_new("(t)", G_GUINT64_CONSTANT(1)), &error);

        if (reply)
                g_test_skip("the queue was through before the limit");
        else {
                g_autofree char *name = g_dbus_error_get_remote_error(error);

                g_assert_cmpstr(name, ==, VS_ERROR_TIMEOUT);
        }
        /* the job goes on */
        result = wait_for(bus, last);
        g_assert_cmpstr(result, ==, "done");
}

/* Of one user only so many, and the daemon stays well. */
static void test_too_many(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *result = NULL;
        g_autoptr(Submitted) s = submit(bus, domain, MANY);

        g_assert_cmpuint(s->n_refused, >, 0);
        g_assert_cmpuint(s->jobs->len, >=, 100);
        result = wait_for(bus, s->jobs->pdata[s->jobs->len - 1]);
        g_assert_cmpstr(result, ==, "done");
        g_assert_cmpuint(get_number(bus, domain, "Domain.SnapshotCount"), ==, s->jobs->len);
        g_free(create(bus, domain, "afterwards", NULL));
}

/* Two deletes of one snapshot at once: it goes once, and nobody is told of a success that was none. */
static void test_delete_twice(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *path = create(bus, domain, "s", NULL),
                        *first = NULL;
        GSubprocess *follower = follow(fixture);
        g_autoptr(GVariant) a = must(bus, path, "Snapshot.Delete", args_options(NULL));
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) b = call(bus, path, "Snapshot.Delete", args_options(NULL), &error);

        first = job_done(bus, g_steal_pointer(&a));
        if (b) {
                g_autofree char *second = NULL, *result = NULL;

                g_variant_get(b, "(to)", NULL, &second);
                result = wait_for(bus, second);
                /* it joined the first, or found nothing left */
                g_assert_cmpstr(result, ==, strcmp(first, second) == 0 ? "done" : "failed");
        } else {
                g_autofree char *name = g_dbus_error_get_remote_error(error);

                g_assert_true(g_str_equal(name, VS_ERROR_DOMAIN_BUSY) ||
                        g_str_equal(name, "org.freedesktop.DBus.Error.UnknownObject"));
        }
        g_assert_cmpuint(get_number(bus, domain, "Domain.SnapshotCount"), ==, 0);
        follow_end(follower);
}

/* Whoever waits may leave. */
static void test_waiter_leaves(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection, *other = fixture_connect(fixture);
        g_autofree char *domain = domain_path(bus, "test"), *result = NULL;
        g_autoptr(Submitted) s = submit(bus, domain, 50);

        for (guint i = 0; i < s->jobs->len; i++)
                g_dbus_connection_call(other, VS_BUS_NAME, s->jobs->pdata[i], VS_JOB_INTERFACE, "Wait",
                        g_variant_new("(t)", G_GUINT64_CONSTANT(0)), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                        NULL, NULL);
        g_dbus_connection_flush_sync(other, NULL, NULL);
        g_dbus_connection_close_sync(other, NULL, NULL);
        g_object_unref(other);
        result = wait_for(bus, s->jobs->pdata[s->jobs->len - 1]);
        g_assert_cmpstr(result, ==, "done");
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/jobs/properties", test_properties);
        g_test_add_func("/jobs/list", test_list);
        g_test_add_func("/jobs/wait/ended", test_wait_ended);
        g_test_add_func("/jobs/wait/world", test_wait_world);
        g_test_add_func("/jobs/wait/timeout", test_wait_timeout);
        g_test_add_func("/jobs/wait/leaves", test_waiter_leaves);
        g_test_add_func("/jobs/failed", test_failed);
        g_test_add_func("/jobs/queue", test_queue);
        g_test_add_func("/jobs/cancel-queued", test_cancel_queued);
        g_test_add_func("/jobs/too-many", test_too_many);
        g_test_add_func("/jobs/delete-twice", test_delete_twice);
        return g_test_run();
}
