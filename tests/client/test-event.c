/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <locale.h>
#include <stdlib.h>
#include <time.h>

#include <glib.h>

#include "client/event.h"

static void check(const char *json, const char *expected) {
        g_autoptr(Json) event = json_tokener_parse(json);
        g_autofree char *line = NULL;

        g_assert_nonnull(event);
        line = event_format(event);
        g_assert_cmpstr(line, ==, expected);
}

static void test_snapshots(void) {
        check("{\"time\":1700000000000000,\"event\":\"snapshot-created\",\"domain\":\"web1\",\"snapshot\":"
              "\"a\"}",
                "2023-11-14 22:13:20 +0000  web1: snapshot 'a' created");
        check("{\"event\":\"snapshot-reverted\",\"domain\":\"w\",\"snapshot\":\"a\\nb\"}",
                "1970-01-01 00:00:00 +0000  w: snapshot 'a\\nb' reverted to");
}

static void test_jobs(void) {
        check("{\"event\":\"job-new\",\"domain\":\"w\",\"job\":7,\"operation\":\"block-commit\",\"disk\":"
              "\"vda\"}",
                "1970-01-01 00:00:00 +0000  w: job 7 (block-commit vda) queued");
        check("{\"event\":\"job-changed\",\"domain\":\"w\",\"job\":7,\"state\":\"running\",\"phase\":"
              "\"copying\","
              "\"progress\":0.5}",
                "1970-01-01 00:00:00 +0000  w: job 7: running, copying (50%)");
        check("{\"event\":\"job-removed\",\"domain\":\"w\",\"job\":7,\"result\":\"failed\","
              "\"error_message\":\"no \\u001b[31m\"}",
                "1970-01-01 00:00:00 +0000  w: job 7 ended: failed: no \\x1b[31m");
}

static void test_others(void) {
        check("{\"event\":\"domain-state\",\"domain\":\"w\",\"state\":\"paused\"}",
                "1970-01-01 00:00:00 +0000  w: is now paused");
        check("{\"event\":\"disconnected\"}", "1970-01-01 00:00:00 +0000  virtsnapd lost libvirt");
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        setlocale(LC_CTYPE, "C.UTF-8");
        setenv("TZ", "UTC0", 1);
        tzset();
        g_test_add_func("/event/snapshots", test_snapshots);
        g_test_add_func("/event/jobs", test_jobs);
        g_test_add_func("/event/others", test_others);
        return g_test_run();
}
