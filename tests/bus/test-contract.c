/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/names.h"
#include "tests/bus/fixture.h"

static void test_introspect(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        g_autofree char *domain = domain_path(fixture->connection, "test"), *base = NULL, *child = NULL;
        g_autofree char *output = NULL;
        const char *const arguments[] = { g_getenv("INTERFACE_DIR"), NULL };
        g_autoptr(GSubprocess) process = NULL;

        base = create(fixture->connection, domain, "base", NULL);
        child = create(fixture->connection, domain, "child", NULL);
        process = fixture_spawn(fixture, "INTROSPECT", arguments);
        g_assert_true(g_subprocess_communicate_utf8(process, NULL, NULL, &output, NULL, NULL));
        g_test_message("%s", output);
        g_assert_true(g_subprocess_get_successful(process));
}

/* No interface of ours where it does not belong. */
static void test_interfaces(void) {
        static const struct {
                const char *kind;
                bool root, domain, snapshot;
        } table[] = {
                { "Manager", true, false, false },
                { "Domain", false, true, false },
                { "Snapshot", false, false, true },
                { "Job", false, false, false },
        };
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *base = create(bus, domain, "base", NULL);

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_assert_true(has_object(bus, VS_ROOT_PATH, table[i].kind) == table[i].root);
                g_assert_true(has_object(bus, domain, table[i].kind) == table[i].domain);
                g_assert_true(has_object(bus, base, table[i].kind) == table[i].snapshot);
                g_assert_false(has_object(bus, "/", table[i].kind));
                g_assert_false(has_object(bus, VS_DOMAIN_PREFIX, table[i].kind));
                g_assert_false(has_object(bus, VS_JOB_PREFIX, table[i].kind));
        }
}

static void test_manager(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *version = get_text(bus, VS_ROOT_PATH, "Manager.Version");
        g_autofree char *uri = get_text(bus, VS_ROOT_PATH, "Manager.ConnectionUri");
        g_autofree char *libvirt = get_text(bus, VS_ROOT_PATH, "Manager.LibvirtVersion");
        g_autofree char *hypervisor = get_text(bus, VS_ROOT_PATH, "Manager.HypervisorVersion");

        g_assert_cmpstr(version, ==, VIRTSNAP_VERSION);
        g_assert_cmpstr(uri, ==, "test:///default");
        g_assert_true(g_regex_match_simple("^[0-9]+\\.[0-9]+\\.[0-9]+$", libvirt, 0, 0));
        g_assert_true(
                g_regex_match_simple("^TEST [0-9]+\\.[0-9]+\\.[0-9]+$", hypervisor, G_REGEX_CASELESS, 0));
        g_assert_cmpuint(get_number(bus, VS_ROOT_PATH, "Manager.Connected"), ==, 1);
        g_assert_cmpuint(get_number(bus, VS_ROOT_PATH, "Manager.JobsQueued"), ==, 0);
        g_assert_cmpuint(get_number(bus, VS_ROOT_PATH, "Manager.JobsRunning"), ==, 0);
}

static void test_domain(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *again = NULL, *text = NULL, *rows = NULL;
        g_autofree char *uuid = get_text(bus, domain, "Domain.Uuid"),
                        *state = get_text(bus, domain, "Domain.State");
        g_autofree char *current = get_text(bus, domain, "Domain.CurrentSnapshot"), *row = NULL;
        g_autoptr(GVariant) disks = get(bus, domain, "Domain.Disks"), list = NULL;

        g_assert_cmpstr(domain, ==, VS_DOMAIN_PREFIX "/test");
        again = domain_path(bus, uuid);
        g_assert_cmpstr(again, ==, domain);
        g_assert_cmpstr(state, ==, "running");
        g_assert_cmpstr(current, ==, "/");
        text = g_variant_print(disks, FALSE);
        g_assert_cmpstr(text, ==, "[('vda', '/guest/diskimage1', '', 'file')]");

        list = must(bus, VS_ROOT_PATH, "Manager.ListDomains", args_options(NULL));
        rows = g_variant_print(list, FALSE);
        row = g_strdup_printf("([('test', '%s', 'running', '', '%s', 0)],)", uuid, domain);
        g_assert_cmpstr(rows, ==, row);
}

static void test_missing(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test");
        const char *root = VS_ROOT_PATH;

        must_fail(bus, root, "Manager.GetDomain", g_variant_new("(s)", "none"), "NoSuchDomain");
        must_fail(bus, root, "Manager.GetDomain", g_variant_new("(s)", ""), "NoSuchDomain");
        must_fail(bus, root, "Manager.GetSnapshot", g_variant_new("(ss)", "none", "s"), "NoSuchDomain");
        must_fail(bus, root, "Manager.GetSnapshot", g_variant_new("(ss)", "test", "none"), "NoSuchSnapshot");
        must_fail(bus, root, "Manager.GetJob", g_variant_new("(t)", G_GUINT64_CONSTANT(0)), "NoSuchJob");
        must_fail(bus, root, "Manager.GetJob", g_variant_new("(t)", G_MAXUINT64), "NoSuchJob");
        must_fail(bus, root, "Manager.GetPolicy", g_variant_new("(s)", "none"), "NoSuchPolicy");
        must_fail(bus, domain, "Domain.GetSnapshot", g_variant_new("(s)", "none"), "NoSuchSnapshot");
        must_fail(bus, domain, "Domain.GetBackingChain", g_variant_new("(s)", "vdz"), "NoSuchDisk");
        must_fail(bus, domain, "Domain.BlockCommit", args_name("vdz", NULL), "NoSuchDisk");
        must_fail(bus, domain, "Domain.BlockPull", args_name("vdz", NULL), "NoSuchDisk");
        must_fail(bus, domain, "Domain.CreateSnapshot", args_name("s", "{'disks': <[('vdz', @a{sv} {})]>}"),
                "NoSuchDisk");
        must_fail(bus, domain, "Domain.NoSuchMethod", NULL, "org.freedesktop.DBus.Error.UnknownMethod");
        must_fail(bus, domain, "Snapshot.Delete", args_options(NULL),
                "org.freedesktop.DBus.Error.UnknownMethod");
}

static void test_later(void) {
        static const char *const of_domain[] = { "Consolidate", "PlanConsolidate", "PlanRepair", "Repair" };
        static const char *const of_snapshot[] = { "PlanDelete", "PlanRevert" };
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *base = create(bus, domain, "base", NULL);
        g_autoptr(GVariant) policies = must(bus, VS_ROOT_PATH, "Manager.ListPolicies", args_options(NULL));
        g_autofree char *text = g_variant_print(policies, TRUE);

        for (size_t i = 0; i < G_N_ELEMENTS(of_domain); i++) {
                g_autofree char *member = g_strconcat("Domain.", of_domain[i], NULL);

                must_fail(bus, domain, member, args_options(NULL), "NotSupported");
        }
        for (size_t i = 0; i < G_N_ELEMENTS(of_snapshot); i++) {
                g_autofree char *member = g_strconcat("Snapshot.", of_snapshot[i], NULL);

                must_fail(bus, base, member, args_options(NULL), "NotSupported");
        }
        must_fail(bus, domain, "Domain.Backup", args_name("/tmp", NULL), "NotSupported");
        must_fail(bus, VS_ROOT_PATH, "Manager.SetPolicy",
                g_variant_new("(ss@a{sv})", "p", "{}", options(NULL)), "NotSupported");
        must_fail(bus, VS_ROOT_PATH, "Manager.RemovePolicy", args_name("p", NULL), "NotSupported");
        g_assert_cmpstr(text, ==, "(@a(ssbsto) [],)");
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/contract/introspect", test_introspect);
        g_test_add_func("/contract/interfaces", test_interfaces);
        g_test_add_func("/contract/manager", test_manager);
        g_test_add_func("/contract/domain", test_domain);
        g_test_add_func("/contract/missing", test_missing);
        g_test_add_func("/contract/later", test_later);
        return g_test_run();
}
