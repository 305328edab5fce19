/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/names.h"
#include "tests/bus/fixture.h"

#define INVALID_ARGS "org.freedesktop.DBus.Error.InvalidArgs"

typedef enum On { ON_ROOT, ON_DOMAIN, ON_SNAPSHOT, ON_JOB } On;

/* What one table needs: a domain with a snapshot, and the job that made it. */
typedef struct World {
        Fixture *fixture;
        char *paths[4];
        char *before;
} World;

static World world_make(void) {
        World w = { .fixture = fixture_new("test:///default") };
        GDBusConnection *bus = w.fixture->connection;

        w.paths[ON_ROOT] = g_strdup(VS_ROOT_PATH);
        w.paths[ON_DOMAIN] = domain_path(bus, "test");
        w.paths[ON_JOB] = job_done(
                bus, must(bus, w.paths[ON_DOMAIN], "Domain.CreateSnapshot", args_name("base", NULL)));
        w.paths[ON_SNAPSHOT] = snapshot_path(bus, w.paths[ON_DOMAIN], "base");
        w.before = dump_world(bus);
        return w;
}

/* Nothing has happened, and the daemon is well. */
static void world_check_and_free(World *w) {
        g_autofree char *after = dump_world(w->fixture->connection);

        g_assert_cmpstr(after, ==, w->before);
        for (size_t i = 0; i < G_N_ELEMENTS(w->paths); i++)
                g_free(w->paths[i]);
        g_free(w->before);
        fixture_free(w->fixture);
}

/* Arguments as text, so that they can be of any type. */
static GVariant *parse(const char *text) {
        g_autoptr(GError) error = NULL;
        GVariant *value = g_variant_parse(NULL, text, NULL, NULL, &error);

        g_assert_no_error(error);
        return value;
}

/* Every method that takes options, with arguments that would do but for them. */
static const struct {
        On on;
        const char *member, *before_options;
} methods[] = {
        { ON_ROOT, "Manager.ListDomains", "" },
        { ON_ROOT, "Manager.ListJobs", "" },
        { ON_ROOT, "Manager.Refresh", "" },
        { ON_ROOT, "Manager.ListPolicies", "" },
        { ON_DOMAIN, "Domain.CreateSnapshot", "'new', " },
        { ON_DOMAIN, "Domain.CreateSnapshotXML", "'<domainsnapshot/>', " },
        { ON_DOMAIN, "Domain.ListSnapshots", "" },
        { ON_DOMAIN, "Domain.BlockCommit", "'vda', " },
        { ON_DOMAIN, "Domain.BlockPull", "'vda', " },
        { ON_SNAPSHOT, "Snapshot.GetXML", "" },
        { ON_SNAPSHOT, "Snapshot.Revert", "" },
        { ON_SNAPSHOT, "Snapshot.Delete", "" },
        { ON_SNAPSHOT, "Snapshot.MakeCurrent", "" },
        { ON_SNAPSHOT, "Snapshot.Rename", "'other', " },
        { ON_JOB, "Job.Cancel", "" },
        { ON_JOB, "Job.Finish", "" },
};

static void test_unknown(void) {
        static const char *const bad[] = {
                "{'no-such-option': <true>}",
                "{'': <true>}",
                "{'Children': <true>}",
                "{'disk_only': <true>}",
                "{'%n%s': <'x'>}",
        };
        World w = world_make();

        for (size_t m = 0; m < G_N_ELEMENTS(methods); m++)
                for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
                        g_autofree char *text = g_strdup_printf("(%s%s%s)", methods[m].before_options,
                                bad[i], *methods[m].before_options ? "" : ",");

                        must_fail(w.fixture->connection, w.paths[methods[m].on], methods[m].member,
                                parse(text), INVALID_ARGS);
                }
        world_check_and_free(&w);
}

static void test_signature(void) {
        static const struct {
                On on;
                const char *member, *args;
        } table[] = {
                { ON_ROOT, "Manager.ListDomains", "()" },
                { ON_ROOT, "Manager.ListDomains", "('x',)" },
                { ON_ROOT, "Manager.GetDomain", "(1,)" },
                { ON_ROOT, "Manager.GetJob", "('1',)" },
                { ON_ROOT, "Manager.GetJob", "(@u 1,)" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('x',)" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('x', @a{ss} {})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('x', @a{sv} {}, 'y')" },
                { ON_SNAPSHOT, "Snapshot.SetProtected", "('yes',)" },
                { ON_JOB, "Job.Wait", "(-1,)" },
                { ON_JOB, "Job.SetBandwidth", "(nan,)" },
        };
        World w = world_make();

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
                must_fail(w.fixture->connection, w.paths[table[i].on], table[i].member, parse(table[i].args),
                        INVALID_ARGS);
        world_check_and_free(&w);
}

/* Wrong types, words that mean nothing, keys given twice, and combinations that contradict each other. */
static void test_values(void) {
        static const struct {
                On on;
                const char *member, *args;
        } table[] = {
                { ON_ROOT, "Manager.ListJobs", "({'ended': <'yes'>},)" },
                { ON_ROOT, "Manager.ListJobs", "({'ended': <1>},)" },
                { ON_ROOT, "Manager.ListJobs", "({'ended': <true>, 'ended': <true>},)" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'description': <1>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'description': <@o '/'>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'disk-only': <'true'>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'disk-only': <<true>>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'live': <nan>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'atomic': <byte 1>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'halt': <1.5>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'reuse-external': <@t 1>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'no-metadata': <@as []>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'validate': <@n 1>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'protected': <@h 0>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'quiesce': <true>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'quiesce': <'maybe'>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'quiesce': <''>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'memory': <true>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'memory': <'Internal'>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'memory-file': <1>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'disks': <'vda'>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'disks': <['vda']>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'disks': <[('vda', {'snapshot': <'x'>})]>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'disks': <[('vda', {'snapshot': <1>})]>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'disks': <[('vda', {'file': <1>})]>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'disks': <[('vda', {'driver': <1>})]>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'disks': <[('vda', {'source': <'x'>})]>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot",
                        "('n', {'disks': <[('vda', @a{sv} {}), ('vda', @a{sv} {})]>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'live': <true>, 'live': <false>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'redefine': <true>})" },
                { ON_DOMAIN, "Domain.CreateSnapshot", "('n', {'current': <true>})" },
                { ON_DOMAIN, "Domain.CreateSnapshotXML", "('<domainsnapshot/>', {'redefine': <'x'>})" },
                { ON_DOMAIN, "Domain.CreateSnapshotXML", "('<domainsnapshot/>', {'current': <1>})" },
                { ON_DOMAIN, "Domain.ListSnapshots", "({'roots': <1>},)" },
                { ON_DOMAIN, "Domain.ListSnapshots", "({'from': <true>},)" },
                { ON_DOMAIN, "Domain.ListSnapshots", "({'from': <@o '/'>},)" },
                { ON_DOMAIN, "Domain.BlockCommit", "('vda', {'base': <1>})" },
                { ON_DOMAIN, "Domain.BlockCommit", "('vda', {'top': <true>})" },
                { ON_DOMAIN, "Domain.BlockCommit", "('vda', {'bandwidth': <1>})" },
                { ON_DOMAIN, "Domain.BlockCommit", "('vda', {'bandwidth': <nan>})" },
                { ON_DOMAIN, "Domain.BlockCommit", "('vda', {'bandwidth': <-1.0>})" },
                { ON_DOMAIN, "Domain.BlockCommit", "('vda', {'bandwidth': <inf>})" },
                { ON_DOMAIN, "Domain.BlockCommit", "('vda', {'timeout': <@x 1>})" },
                { ON_DOMAIN, "Domain.BlockCommit", "('vda', {'pivot': <'no'>})" },
                { ON_DOMAIN, "Domain.BlockPull", "('vda', {'active': <true>})" },
                { ON_DOMAIN, "Domain.BlockPull", "('vda', {'bandwidth': <nan>})" },
                { ON_DOMAIN, "Domain.BlockPull", "('vda', {'relative': <'x'>})" },
                { ON_SNAPSHOT, "Snapshot.GetXML", "({'secure': <1>},)" },
                { ON_SNAPSHOT, "Snapshot.Revert", "({'running': <'x'>},)" },
                { ON_SNAPSHOT, "Snapshot.Revert", "({'running': <true>, 'paused': <true>},)" },
                { ON_SNAPSHOT, "Snapshot.Revert", "({'keep': <true>},)" },
                { ON_SNAPSHOT, "Snapshot.Delete", "({'children': <1>},)" },
                { ON_SNAPSHOT, "Snapshot.Delete", "({'children': <true>, 'children-only': <true>},)" },
                { ON_SNAPSHOT, "Snapshot.Delete", "({'force': <nan>},)" },
        };
        World w = world_make();

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
                must_fail(w.fixture->connection, w.paths[table[i].on], table[i].member, parse(table[i].args),
                        INVALID_ARGS);
        world_check_and_free(&w);
}

/* The largest numbers, and more of everything than anyone needs: an error of one kind or another, at once,
 * and nothing has happened. */
static void test_huge(void) {
        g_autoptr(GString) keys = g_string_new("('n', {"), disks = g_string_new("('n', {'disks': <["),
                           text = NULL;
        g_autofree char *long_key = g_strnfill(1 << 20, 'k');
        World w = world_make();
        GDBusConnection *bus = w.fixture->connection;

        text = g_string_new(NULL);
        for (unsigned i = 0; i < 10000; i++)
                g_string_append_printf(keys, "%s'k%u': <true>", i > 0 ? ", " : "", i);
        g_string_append(keys, "})");
        must_fail(bus, w.paths[ON_DOMAIN], "Domain.CreateSnapshot", parse(keys->str), INVALID_ARGS);

        for (unsigned i = 0; i < 10000; i++)
                g_string_append_printf(disks, "%s('vd%u', @a{sv} {})", i > 0 ? ", " : "", i);
        g_string_append(disks, "]>})");
        must_fail(bus, w.paths[ON_DOMAIN], "Domain.CreateSnapshot", parse(disks->str), INVALID_ARGS);

        g_string_printf(text, "('n', {'%s': <true>})", long_key);
        must_fail(bus, w.paths[ON_DOMAIN], "Domain.CreateSnapshot", parse(text->str), INVALID_ARGS);

        must_fail(bus, w.paths[ON_DOMAIN], "Domain.BlockCommit",
                parse("('vda', {'bandwidth': <@t 18446744073709551615>})"), INVALID_ARGS);
        must_fail(bus, w.paths[ON_DOMAIN], "Domain.BlockPull",
                parse("('vda', {'bandwidth': <@t 18446744073709551615>})"), INVALID_ARGS);
        world_check_and_free(&w);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/options/unknown", test_unknown);
        g_test_add_func("/options/signature", test_signature);
        g_test_add_func("/options/values", test_values);
        g_test_add_func("/options/huge", test_huge);
        return g_test_run();
}
