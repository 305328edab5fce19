/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/loop.h"

#include <glib.h>

#define LIMIT_USEC (INT64_C(120) * G_USEC_PER_SEC)

void loop_until(sd_event *event, bool (*done)(const void *data), const void *data) {
        int64_t deadline = g_get_monotonic_time() + LIMIT_USEC;

        while (!done(data)) {
                g_assert_cmpint(g_get_monotonic_time(), <, deadline);
                g_assert_cmpint(sd_event_run(event, G_USEC_PER_SEC), >=, 0);
        }
}
