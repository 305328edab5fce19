/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "dbus/names.h"
#include "tests/bus/fixture.h"

/* Names that ListSnapshots answers, in its order, separated by blanks. */
static char *names(GDBusConnection *bus, const char *domain, const char *text) {
        g_autoptr(GVariant) reply = must(bus, domain, "Domain.ListSnapshots", args_options(text));
        g_autoptr(GVariant) list = g_variant_get_child_value(reply, 0);
        g_autoptr(GString) all = g_string_new(NULL);

        for (gsize i = 0; i < g_variant_n_children(list); i++) {
                g_autoptr(GVariant) row = g_variant_get_child_value(list, i);
                const char *name;

                g_variant_get_child(row, 0, "&s", &name);
                g_string_append_printf(all, "%s%s", i > 0 ? " " : "", name);
        }
        return g_string_free(g_steal_pointer(&all), FALSE);
}

static void check_names(GDBusConnection *bus, const char *domain, const char *text, const char *expected) {
        g_autofree char *seen = names(bus, domain, text);

        if (strcmp(seen, expected) != 0)
                g_test_message("ListSnapshots %s", text ? text : "");
        g_assert_cmpstr(seen, ==, expected);
}

static void revert(GDBusConnection *bus, const char *domain, const char *name) {
        g_autofree char *path = snapshot_path(bus, domain, name);

        g_free(job_done(bus, must(bus, path, "Snapshot.Revert", args_options(NULL))));
}

static void drop(GDBusConnection *bus, const char *domain, const char *name, const char *text) {
        g_autofree char *path = snapshot_path(bus, domain, name);

        g_free(job_done(bus, must(bus, path, "Snapshot.Delete", args_options(text))));
}

/* a ─ b ─ d
 *   └ c ─ e      current: e */
static char *make_tree(GDBusConnection *bus) {
        static const struct {
                const char *name, *after;
        } steps[] = { { "a", NULL }, { "b", "a" }, { "d", "b" }, { "c", "a" }, { "e", "c" } };
        char *domain = domain_path(bus, "test");

        for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
                if (steps[i].after)
                        revert(bus, domain, steps[i].after);
                g_free(create(bus, domain, steps[i].name, NULL));
        }
        return domain;
}

static void test_create(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *path = NULL, *text = NULL, *all = NULL;
        g_autoptr(GVariant) reply = NULL, properties = NULL;
        gint64 before = g_get_real_time(), time;
        GSubprocess *follower = follow(fixture);

        path = create(bus, domain, "base", "{'description': <'first'>, 'protected': <true>}");
        g_assert_cmpstr(path, ==, VS_DOMAIN_PREFIX "/test/base");
        time = (gint64) get_number(bus, path, "Snapshot.CreationTime");
        g_assert_cmpint(time, >=, before - 2 * G_USEC_PER_SEC);
        g_assert_cmpint(time, <=, g_get_real_time());

        reply = must(bus, path, "org.freedesktop.DBus.Properties.GetAll",
                g_variant_new("(s)", VS_SNAPSHOT_INTERFACE));
        properties = g_variant_get_child_value(reply, 0);
        static const char *const expected[][2] = {
                { "Name", "'base'" },
                { "Description", "'first'" },
                { "Domain", "objectpath '/org/virtsnap1/domain/test'" },
                { "Parent", "objectpath '/'" },
                { "Children", "@ao []" },
                { "State", "'running'" },
                { "Condition", "'ok'" },
                { "ConditionReason", "''" },
                { "Location", "'internal'" },
                { "Memory", "'internal'" },
                { "Current", "true" },
                { "Consistency", "'memory'" },
                { "Policy", "''" },
                { "Protected", "true" },
        };
        for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
                g_autoptr(GVariant) value = g_variant_lookup_value(properties, expected[i][0], NULL);
                g_autofree char *seen = g_variant_print(value, TRUE);

                g_assert_cmpstr(seen, ==, expected[i][1]);
        }
        all = get_text(bus, domain, "Domain.CurrentSnapshot");
        g_assert_cmpstr(all, ==, path);
        g_assert_cmpuint(get_number(bus, domain, "Domain.SnapshotCount"), ==, 1);
        must_fail(bus, domain, "Domain.CreateSnapshot", args_name("base", NULL), "SnapshotExists");
        follow_end(follower);
}

static void test_list(void) {
        static const struct {
                const char *options, *expected;
        } table[] = {
                { NULL, "a b d c e" },
                { "{'roots': <true>}", "a" },
                { "{'roots': <false>}", "a b d c e" },
                { "{'leaves': <true>}", "d e" },
                { "{'no-leaves': <true>}", "a b c" },
                { "{'leaves': <true>, 'no-leaves': <true>}", "a b d c e" },
                { "{'active': <true>}", "a b d c e" },
                { "{'inactive': <true>}", "" },
                { "{'disk-only': <true>}", "" },
                { "{'internal': <true>}", "a b d c e" },
                { "{'external': <true>}", "" },
                { "{'internal': <true>, 'external': <true>}", "a b d c e" },
                { "{'metadata': <true>}", "a b d c e" },
                { "{'no-metadata': <true>}", "" },
                { "{'from': <'a'>}", "b c" },
                { "{'from': <'c'>}", "e" },
                { "{'from': <'e'>}", "" },
                { "{'from': <'a'>, 'descendants': <true>}", "b d c e" },
                { "{'from': <'b'>, 'descendants': <true>}", "d" },
                { "{'from': <'a'>, 'leaves': <true>}", "" },
                { "{'from': <'a'>, 'descendants': <true>, 'leaves': <true>}", "d e" },
                { "{'roots': <true>, 'leaves': <true>}", "" },
        };
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = make_tree(bus), *text = NULL, *expected = NULL;
        g_autoptr(GVariant) reply = NULL, row = NULL;
        guint64 time;

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
                check_names(bus, domain, table[i].options, table[i].expected);
        must_fail(bus, domain, "Domain.ListSnapshots", args_options("{'from': <'none'>}"), "NoSuchSnapshot");

        /* one row in full */
        time = get_number(bus, VS_DOMAIN_PREFIX "/test/a/c/e", "Snapshot.CreationTime");
        reply = must(bus, domain, "Domain.ListSnapshots", args_options("{'from': <'c'>}"));
        text = g_variant_print(reply, FALSE);
        expected = g_strdup_printf("([('e', '/org/virtsnap1/domain/test/a/c/e', 'c', %" G_GUINT64_FORMAT
                                   ", 'running', 'internal', true, 0)],)",
                time);
        g_assert_cmpstr(text, ==, expected);
}

static void test_revert(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = make_tree(bus), *b = snapshot_path(bus, domain, "b"), *current = NULL;
        GSubprocess *follower = follow(fixture);

        revert(bus, domain, "b");
        current = get_text(bus, domain, "Domain.CurrentSnapshot");
        g_assert_cmpstr(current, ==, b);
        g_assert_cmpuint(get_number(bus, b, "Snapshot.Current"), ==, 1);
        g_assert_cmpuint(get_number(bus, VS_DOMAIN_PREFIX "/test/a/c/e", "Snapshot.Current"), ==, 0);
        g_free(create(bus, domain, "f", NULL));
        g_assert_true(has_object(bus, VS_DOMAIN_PREFIX "/test/a/b/f", "Snapshot"));

        /* the state afterwards, whatever it was then */
        g_free(job_done(
                bus, must(bus, b, "Snapshot.Revert", args_options("{'paused': <true>, 'force': <true>}"))));
        g_free(current);
        current = get_text(bus, domain, "Domain.State");
        g_assert_cmpstr(current, ==, "paused");
        follow_end(follower);
}

static void test_delete(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = make_tree(bus);
        GSubprocess *follower = follow(fixture);

        /* the children become the parent's, and so move */
        drop(bus, domain, "b", NULL);
        check_names(bus, domain, NULL, "a c e d");
        g_assert_true(has_object(bus, VS_DOMAIN_PREFIX "/test/a/d", "Snapshot"));
        g_assert_false(has_object(bus, VS_DOMAIN_PREFIX "/test/a/b", "Snapshot"));
        g_assert_false(has_object(bus, VS_DOMAIN_PREFIX "/test/a/b/d", "Snapshot"));
        follow_check(follower);

        drop(bus, domain, "c", "{'children-only': <true>}");
        check_names(bus, domain, NULL, "a c d");
        /* not every driver of libvirt can do that: a failure, and nothing has gone */
        job_failed(bus,
                must(bus, VS_DOMAIN_PREFIX "/test/a/d", "Snapshot.Delete",
                        args_options("{'metadata-only': <true>}")),
                "LibvirtFailed");
        check_names(bus, domain, NULL, "a c d");
        follow_check(follower);

        drop(bus, domain, "a", "{'children': <true>}");
        check_names(bus, domain, NULL, "");
        g_assert_cmpuint(get_number(bus, domain, "Domain.SnapshotCount"), ==, 0);
        follow_end(follower);
}

/* Roots: several, and the one that goes leaves its children as roots. */
static void test_delete_root(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = make_tree(bus), *roots = NULL;
        g_autoptr(GVariant) value = NULL;
        GSubprocess *follower = follow(fixture);

        drop(bus, domain, "a", NULL);
        value = get(bus, domain, "Domain.Roots");
        roots = g_variant_print(value, FALSE);
        g_assert_cmpstr(roots, ==, "['/org/virtsnap1/domain/test/b', '/org/virtsnap1/domain/test/c']");
        g_assert_true(has_object(bus, VS_DOMAIN_PREFIX "/test/c/e", "Snapshot"));
        follow_end(follower);
}

static void test_protected(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = make_tree(bus), *a = snapshot_path(bus, domain, "a");
        g_autofree char *c = snapshot_path(bus, domain, "c");
        GSubprocess *follower = follow(fixture);

        g_variant_unref(must(bus, c, "Snapshot.SetProtected", g_variant_new("(b)", TRUE)));
        g_assert_cmpuint(get_number(bus, c, "Snapshot.Protected"), ==, 1);
        must_fail(bus, c, "Snapshot.Delete", args_options(NULL), "Protected");
        /* nor as a child of another */
        must_fail(bus, a, "Snapshot.Delete", args_options("{'children': <true>}"), "Protected");
        must_fail(bus, a, "Snapshot.Delete", args_options("{'children-only': <true>}"), "Protected");
        check_names(bus, domain, NULL, "a b d c e");
        follow_check(follower);

        drop(bus, domain, "c", "{'force': <true>}");
        check_names(bus, domain, NULL, "a b d e");
        g_variant_unref(must(bus, a, "Snapshot.SetProtected", g_variant_new("(b)", TRUE)));
        g_variant_unref(must(bus, a, "Snapshot.SetProtected", g_variant_new("(b)", FALSE)));
        drop(bus, domain, "a", NULL);
        follow_end(follower);
}

static void test_edit(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = make_tree(bus), *b = snapshot_path(bus, domain, "b"), *text = NULL;
        GSubprocess *follower = follow(fixture);

        g_variant_unref(must(bus, b, "Snapshot.SetDescription", g_variant_new("(s)", "</x> & more")));
        text = get_text(bus, b, "Snapshot.Description");
        g_assert_cmpstr(text, ==, "</x> & more");
        g_variant_unref(must(bus, b, "Snapshot.SetDescription", g_variant_new("(s)", "")));
        g_free(text);
        text = get_text(bus, b, "Snapshot.Description");
        g_assert_cmpstr(text, ==, "");
        g_assert_cmpuint(get_number(bus, b, "Snapshot.Current"), ==, 0);

        g_variant_unref(must(bus, b, "Snapshot.MakeCurrent", args_options(NULL)));
        g_free(text);
        text = get_text(bus, domain, "Domain.CurrentSnapshot");
        g_assert_cmpstr(text, ==, b);
        check_names(bus, domain, NULL, "a b d c e");

        must_fail(bus, b, "Snapshot.Rename", args_name("other", NULL), "NotSupported");
        must_fail(bus, b, "Snapshot.Rename", args_name("../x", NULL), "InvalidName");
        must_fail(bus, b, "Snapshot.Rename", args_name("", NULL), "InvalidName");
        follow_end(follower);
}

static void test_xml(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = make_tree(bus), *e = snapshot_path(bus, domain, "e"), *again = NULL,
                        *copy = NULL;
        g_autoptr(GVariant) reply = must(bus, e, "Snapshot.GetXML", args_options(NULL)), copy_of = NULL;
        const char *xml;

        g_variant_get(reply, "(&s)", &xml);
        g_assert_true(g_str_has_prefix(xml, "<domainsnapshot>"));
        g_assert_nonnull(strstr(xml, "<name>e</name>"));
        g_assert_nonnull(strstr(xml, "<parent>"));

        /* gone, and back with all that its XML says */
        drop(bus, domain, "e", NULL);
        copy = g_strdup(xml);
        g_free(job_done(bus,
                must(bus, domain, "Domain.CreateSnapshotXML",
                        args_name(copy, "{'redefine': <true>, 'current': <true>}"))));
        again = snapshot_path(bus, domain, "e");
        g_assert_cmpstr(again, ==, e);
        g_assert_cmpuint(get_number(bus, e, "Snapshot.Current"), ==, 1);

        /* a plain one from XML, with options on top */
        g_free(job_done(bus,
                must(bus, domain, "Domain.CreateSnapshotXML",
                        args_name("<domainsnapshot><name>x</name><description>from XML</description>"
                                  "</domainsnapshot>",
                                "{'protected': <true>}"))));
        g_free(again);
        again = get_text(bus, VS_DOMAIN_PREFIX "/test/a/c/e/x", "Snapshot.Description");
        g_assert_cmpstr(again, ==, "from XML");
        g_assert_cmpuint(get_number(bus, VS_DOMAIN_PREFIX "/test/a/c/e/x", "Snapshot.Protected"), ==, 1);
        g_free(job_done(bus,
                must(bus, domain, "Domain.CreateSnapshotXML",
                        args_name("<domainsnapshot><name>y</name><description>from XML</description>"
                                  "</domainsnapshot>",
                                "{'description': <'from the option'>}"))));
        g_free(again);
        again = get_text(bus, VS_DOMAIN_PREFIX "/test/a/c/e/x/y", "Snapshot.Description");
        g_assert_cmpstr(again, ==, "from the option");
        /* of a redefine, too */
        copy_of = must(bus, VS_DOMAIN_PREFIX "/test/a/c/e/x", "Snapshot.GetXML", args_options(NULL));
        g_variant_get(copy_of, "(&s)", &xml);
        g_free(job_done(bus,
                must(bus, domain, "Domain.CreateSnapshotXML",
                        args_name(xml, "{'redefine': <true>, 'description': <'again'>}"))));
        g_free(again);
        again = get_text(bus, VS_DOMAIN_PREFIX "/test/a/c/e/x", "Snapshot.Description");
        g_assert_cmpstr(again, ==, "again");
        must_fail(bus, domain, "Domain.CreateSnapshotXML",
                args_name(xml, "{'redefine': <true>, 'memory': <'none'>}"),
                "org.freedesktop.DBus.Error.InvalidArgs");
        must_fail(bus, domain, "Domain.CreateSnapshotXML",
                args_name("<domainsnapshot><name>x</name></domainsnapshot>", NULL), "SnapshotExists");
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/snapshots/create", test_create);
        g_test_add_func("/snapshots/list", test_list);
        g_test_add_func("/snapshots/revert", test_revert);
        g_test_add_func("/snapshots/delete", test_delete);
        g_test_add_func("/snapshots/delete-root", test_delete_root);
        g_test_add_func("/snapshots/protected", test_protected);
        g_test_add_func("/snapshots/edit", test_edit);
        g_test_add_func("/snapshots/xml", test_xml);
        return g_test_run();
}
