/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "dbus/names.h"
#include "dbus/path.h"
#include "tests/bus/fixture.h"
#include "tests/bus/rules.h"

/* The whole tree must agree with itself; paths follow from it. */
static void check_world(GDBusConnection *bus) {
        g_autoptr(GVariant) reply =
                must(bus, VS_ROOT_PATH, "org.freedesktop.DBus.ObjectManager.GetManagedObjects", NULL);
        g_autoptr(GVariant) objects = g_variant_get_child_value(reply, 0);
        g_autoptr(GPtrArray) faults = g_ptr_array_new_with_free_func(g_free);

        check_tree(objects, faults);
        for (guint i = 0; i < faults->len; i++)
                g_test_message("%s", (char *) faults->pdata[i]);
        g_assert_cmpuint(faults->len, ==, 0);
}

/* 16 levels, three branches at each. */
static void test_branches(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *parent = NULL;
        g_autoptr(GString) path = g_string_new(domain);
        GSubprocess *follower = follow(fixture);

        for (unsigned level = 0; level < 16; level++) {
                for (unsigned branch = 0; branch < 3; branch++) {
                        g_autofree char *name = g_strdup_printf("l%ub%u", level, branch);
                        g_autofree char *own = NULL;

                        if (parent) {
                                g_autofree char *above = snapshot_path(bus, domain, parent);

                                g_free(job_done(
                                        bus, must(bus, above, "Snapshot.Revert", args_options(NULL))));
                        }
                        own = create(bus, domain, name, NULL);
                }
                g_free(parent);
                parent = g_strdup_printf("l%ub1", level);
                g_string_append_printf(path, "/l%ub1", level);
                if (level == 0)
                        g_assert_cmpuint(get_number(bus, domain, "Domain.SnapshotCount"), ==, 3);
        }
        check_world(bus);
        g_assert_cmpuint(get_number(bus, domain, "Domain.SnapshotCount"), ==, 48);
        follow_end(follower);
}

/* A chain of 200: every 64 levels the path starts again under the domain. */
static void test_deep(void) {
        g_autoptr(Fixture) fixture = fixture_new_bulk(1, 200, 1);
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "d0"), *path = NULL, *seen = NULL;
        GSubprocess *follower = follow(fixture);

        for (unsigned level = 0; level < 200; level++) {
                g_autofree char *name = g_strdup_printf("s%u", level), *found = NULL;
                char *next = vs_snapshot_path(domain, path, level, name);

                found = snapshot_path(bus, domain, name);
                g_assert_cmpstr(found, ==, next);
                if (path) {
                        g_autofree char *parent = get_text(bus, found, "Snapshot.Parent");

                        g_assert_cmpstr(parent, ==, path);
                }
                g_free(path);
                path = next;
        }
        check_world(bus);

        /* one goes near the top: all below it move by a level, over two seams */
        seen = snapshot_path(bus, domain, "s5");
        g_free(job_done(bus, must(bus, seen, "Snapshot.Delete", args_options(NULL))));
        check_world(bus);
        g_assert_cmpuint(get_number(bus, domain, "Domain.SnapshotCount"), ==, 199);
        follow_check(follower);

        /* the root goes */
        g_free(seen);
        seen = snapshot_path(bus, domain, "s0");
        g_free(job_done(bus, must(bus, seen, "Snapshot.Delete", args_options(NULL))));
        check_world(bus);

        /* everything below a seam goes */
        g_free(seen);
        seen = snapshot_path(bus, domain, "s70");
        g_free(job_done(bus, must(bus, seen, "Snapshot.Delete", args_options("{'children': <true>}"))));
        check_world(bus);
        g_assert_cmpuint(get_number(bus, domain, "Domain.SnapshotCount"), ==, 68);
        follow_end(follower);
}

/* Every object of a deep tree, found by walking down from node to node as busctl does. */
static void walk(GDBusConnection *bus, const char *path, GHashTable *found) {
        g_autoptr(GVariant) reply = must(bus, path, "org.freedesktop.DBus.Introspectable.Introspect", NULL);
        g_autoptr(GDBusNodeInfo) node = NULL;
        g_autoptr(GError) error = NULL;
        const char *xml;

        g_hash_table_add(found, g_strdup(path));
        g_variant_get(reply, "(&s)", &xml);
        node = g_dbus_node_info_new_for_xml(xml, &error);
        g_assert_no_error(error);
        for (GDBusNodeInfo **child = node->nodes; child && *child; child++) {
                g_autofree char *below = g_strdup_printf("%s/%s", path, (*child)->path);

                walk(bus, below, found);
        }
}

static void test_walk(void) {
        g_autoptr(Fixture) fixture = fixture_new_bulk(2, 100, 2);
        GDBusConnection *bus = fixture->connection;
        g_autoptr(GVariant) reply =
                must(bus, VS_ROOT_PATH, "org.freedesktop.DBus.ObjectManager.GetManagedObjects", NULL);
        g_autoptr(GVariant) objects = g_variant_get_child_value(reply, 0);
        g_autoptr(GHashTable) found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        unsigned n = 0;
        GVariantIter iter;
        const char *path;

        walk(bus, VS_ROOT_PATH, found);
        g_variant_iter_init(&iter, objects);
        while (g_variant_iter_next(&iter, "{&o@a{sa{sv}}}", &path, NULL)) {
                g_assert_true(g_hash_table_contains(found, path));
                n++;
        }
        g_assert_cmpuint(n, >=, 202);
}

/* Metadata put in place, and moved to another parent. */
static void test_redefine(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test");
        GSubprocess *follower = follow(fixture);
        g_autofree char *a = redefine(bus, domain, "a", NULL), *b = redefine(bus, domain, "b", "a");
        g_autofree char *c = redefine(bus, domain, "c", "b"), *d = redefine(bus, domain, "d", "a"),
                        *moved = NULL;

        g_assert_cmpstr(c, ==, VS_DOMAIN_PREFIX "/test/a/b/c");
        /* b goes from a to d, and c with it */
        moved = redefine(bus, domain, "b", "d");
        g_assert_cmpstr(moved, ==, VS_DOMAIN_PREFIX "/test/a/d/b");
        g_assert_true(has_object(bus, VS_DOMAIN_PREFIX "/test/a/d/b/c", "Snapshot"));
        g_assert_false(has_object(bus, c, "Snapshot"));
        check_world(bus);
        follow_end(follower);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/tree/branches", test_branches);
        g_test_add_func("/tree/deep", test_deep);
        g_test_add_func("/tree/walk", test_walk);
        g_test_add_func("/tree/redefine", test_redefine);
        return g_test_run();
}
