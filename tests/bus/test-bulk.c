/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/names.h"
#include "tests/bus/fixture.h"
#include "tests/bus/rules.h"

#define DOMAINS 100
#define SNAPSHOTS 100

/* Another caller may not notice that everything is read again; the exact figure is the bench's. */
#define PING_LIMIT_USEC (3 * G_USEC_PER_SEC)

static void on_reply(GObject *source, GAsyncResult *result, void *userdata) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
        bool *done = userdata;

        g_assert_no_error(error);
        *done = true;
}

static void test_all_there(void) {
        g_autoptr(Fixture) fixture = fixture_new_bulk(DOMAINS, SNAPSHOTS, 3);
        GDBusConnection *bus = fixture->connection;
        g_autoptr(GVariant) reply =
                must(bus, VS_ROOT_PATH, "org.freedesktop.DBus.ObjectManager.GetManagedObjects", NULL);
        g_autoptr(GVariant) objects = g_variant_get_child_value(reply, 0);
        g_autoptr(GPtrArray) faults = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GVariant) domains = must(bus, VS_ROOT_PATH, "Manager.ListDomains", args_options(NULL));
        GSubprocess *follower = follow(fixture);

        g_assert_cmpuint(n_rows(domains), ==, DOMAINS);
        g_assert_cmpuint(g_variant_n_children(objects), >=, DOMAINS * SNAPSHOTS + DOMAINS);
        check_tree(objects, faults);
        g_assert_cmpuint(faults->len, ==, 0);
        follow_end(follower);
}

static void test_refresh(void) {
        g_autoptr(Fixture) fixture = fixture_new_bulk(DOMAINS, SNAPSHOTS, 3);
        GDBusConnection *bus = fixture->connection, *other = fixture_connect(fixture);
        GSubprocess *follower = follow(fixture);
        bool refreshed = false;
        gint64 worst = 0;
        unsigned n = 0;

        g_dbus_connection_call(bus, VS_BUS_NAME, VS_ROOT_PATH, VS_MANAGER_INTERFACE, "Refresh",
                args_options(NULL), NULL, G_DBUS_CALL_FLAGS_NONE, (int) (LIMIT_USEC / 1000), NULL, on_reply,
                &refreshed);
        do {
                gint64 before = g_get_monotonic_time(), taken;
                g_autoptr(GVariant) reply =
                        must(other, VS_ROOT_PATH, "org.freedesktop.DBus.Peer.Ping", NULL);

                taken = g_get_monotonic_time() - before;
                worst = MAX(worst, taken);
                n++;
        } while (!refreshed);
        g_test_message("%u pings while refreshing, the slowest took %" G_GINT64_FORMAT " µs", n, worst);
        g_assert_cmpint(worst, <, PING_LIMIT_USEC);
        g_object_unref(other);
        follow_end(follower);
}

/* Many changes at once in many domains: all is told, and in order. */
static void test_churn(void) {
        g_autoptr(Fixture) fixture = fixture_new_bulk(DOMAINS, SNAPSHOTS, 3);
        GDBusConnection *bus = fixture->connection;
        GSubprocess *follower = follow(fixture);
        bool done[DOMAINS] = {};
        unsigned n_done = 0;

        for (unsigned i = 0; i < DOMAINS; i++) {
                g_autofree char *name = g_strdup_printf("d%u", i), *domain = domain_path(bus, name);
                g_autofree char *root = g_strconcat(domain, "/s0", NULL);

                g_dbus_connection_call(bus, VS_BUS_NAME, root, VS_SNAPSHOT_INTERFACE, "Delete",
                        args_options(i % 2 == 0 ? "{'children': <true>}" : NULL), NULL,
                        G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_reply, &done[i]);
        }
        while (n_done < DOMAINS) {
                spin();
                n_done = 0;
                for (unsigned i = 0; i < DOMAINS; i++)
                        n_done += done[i];
        }
        WAIT_FOR(get_number(bus, VS_ROOT_PATH, "Manager.JobsQueued") == 0 &&
                get_number(bus, VS_ROOT_PATH, "Manager.JobsRunning") == 0);
        g_assert_cmpuint(get_number(bus, VS_DOMAIN_PREFIX "/d0", "Domain.SnapshotCount"), ==, 0);
        g_assert_cmpuint(get_number(bus, VS_DOMAIN_PREFIX "/d1", "Domain.SnapshotCount"), ==, SNAPSHOTS - 1);
        follow_end(follower);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bulk/all-there", test_all_there);
        g_test_add_func("/bulk/refresh", test_refresh);
        g_test_add_func("/bulk/churn", test_churn);
        return g_test_run();
}
