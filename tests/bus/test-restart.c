/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "dbus/names.h"
#include "tests/bus/fixture.h"

static guint64 job_id(GVariant *reply) {
        g_autoptr(GVariant) owned = reply;
        guint64 id;

        g_variant_get(reply, "(to)", &id, NULL);
        return id;
}

/* A number is never given twice, however the daemon ended. */
static void test_ids(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        guint64 highest = 0;

        for (unsigned round = 0; round < 8; round++) {
                g_autofree char *domain = domain_path(fixture->connection, "test");

                for (unsigned i = 0; i < 20; i++) {
                        g_autofree char *name = g_strdup_printf("r%u-%u", round, i);
                        guint64 id = job_id(must(fixture->connection, domain, "Domain.CreateSnapshot",
                                args_name(name, NULL)));

                        g_assert_cmpuint(id, >, highest);
                        highest = id;
                }
                /* with jobs under way and waiting */
                if (round % 2 == 0)
                        fixture_kill_daemon(fixture);
                else
                        fixture_stop_daemon(fixture);
                fixture_start_daemon(fixture);
        }
}

/* Whatever the next daemon makes of the records of the one before, it starts, every job ends, and none is
 * left. */
static void test_leftovers(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");

        for (unsigned round = 0; round < 5; round++) {
                g_autofree char *domain = domain_path(fixture->connection, "test");

                for (unsigned i = 0; i < 10; i++) {
                        g_autofree char *name = g_strdup_printf("k%u-%u", round, i);

                        job_id(must(fixture->connection, domain, "Domain.CreateSnapshot",
                                args_name(name, NULL)));
                }
                fixture_kill_daemon(fixture);
                fixture_start_daemon(fixture);
        }
        WAIT_FOR(get_number(fixture->connection, VS_ROOT_PATH, "Manager.JobsQueued") == 0);
        WAIT_FOR(get_number(fixture->connection, VS_ROOT_PATH, "Manager.JobsRunning") == 0);
}

static void damage(const Fixture *fixture, const char *name, const char *bytes, gssize size) {
        g_autofree char *path = g_build_filename(fixture->dir, "state", name, NULL);
        g_autoptr(GError) error = NULL;

        g_file_set_contents(path, bytes, size, &error);
        g_assert_no_error(error);
}

/* A state directory full of what it should not be full of: set aside, and the daemon works. */
static void test_damaged_state(void) {
        static const char *const texts[] = { "", "{", "null", "[]", "x", "{\"id\": \"x\"}",
                "18446744073709551615", "-1" };
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        guint64 highest = 0;

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                g_autofree char *domain = domain_path(fixture->connection, "test");
                g_autofree char *record = NULL;
                guint64 id = job_id(
                        must(fixture->connection, domain, "Domain.CreateSnapshot", args_name("s", NULL)));

                g_assert_cmpuint(id, >, highest);
                highest = id;
                fixture_kill_daemon(fixture);
                record = g_strdup_printf("jobs/%" G_GUINT64_FORMAT ".json", id + 1000);
                damage(fixture, record, texts[i], -1);
                fixture_start_daemon(fixture);
        }
}

/* Who follows sees the old daemon's objects go and the new one's come. */
static void test_follow(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GSubprocess *follower = follow(fixture);

        for (unsigned round = 0; round < 3; round++) {
                g_autofree char *domain = domain_path(fixture->connection, "test");
                g_autofree char *a = create(fixture->connection, domain, "a", NULL);
                g_autofree char *b = create(fixture->connection, domain, "b", NULL);

                follow_check(follower);
                fixture_kill_daemon(fixture);
                fixture_start_daemon(fixture);
                follow_check(follower);
        }
        follow_end(follower);
}

/* A second daemon on the same bus or the same state gives up and leaves the first alone. */
static void test_second(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        g_autofree char *domain = domain_path(fixture->connection, "test"), *path = NULL, *other = NULL;
        const char *arguments[] = { "--user", "--connect", "test:///default", "--state-directory", NULL,
                NULL };
        g_autoptr(GSubprocess) second = NULL;

        other = g_build_filename(fixture->dir, "state", NULL);
        arguments[4] = other;
        second = fixture_spawn(fixture, "VIRTSNAPD", arguments);
        g_assert_true(g_subprocess_wait(second, NULL, NULL));
        g_assert_false(g_subprocess_get_successful(second));
        path = create(fixture->connection, domain, "still-here", NULL);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/restart/ids", test_ids);
        g_test_add_func("/restart/leftovers", test_leftovers);
        g_test_add_func("/restart/damaged-state", test_damaged_state);
        g_test_add_func("/restart/follow", test_follow);
        g_test_add_func("/restart/second", test_second);
        return g_test_run();
}
