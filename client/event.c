/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/event.h"

#include <inttypes.h>
#include <stdio.h>

#include "client/format.h"
#include "client/text.h"

static void append_job(GString *out, Json *event) {
        static const char *const keys[] = { "operation", "disk", "snapshot" };

        g_string_append_printf(out, "job %" PRIu64, json_uint(event, "job"));
        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
                g_autofree char *value = text_escape(json_str(event, keys[i]));

                if (*value)
                        g_string_append_printf(out, "%s%s", i == 0 ? " (" : " ", value);
        }
        g_string_append(out, *json_str(event, "operation") ? ")" : "");
}

static void append_snapshot(GString *out, Json *event, const char *what) {
        g_autofree char *name = text_escape(json_str(event, "snapshot"));

        g_string_append_printf(out, "snapshot '%s' %s", name, what);
}

static void append_job_new(GString *out, Json *event, const char *what) {
        append_job(out, event);
        g_string_append(out, what);
}

static void append_job_changed(GString *out, Json *event, const char *what) {
        g_autofree char *phase = text_escape(json_str(event, "phase"));

        append_job(out, event);
        g_string_append_printf(out, ": %s", json_str(event, "state"));
        if (*phase)
                g_string_append_printf(out, ", %s", phase);
        if (json_num(event, "progress") > 0)
                g_string_append_printf(out, " (%u%%)", (unsigned) (json_num(event, "progress") * 100));
}

static void append_job_removed(GString *out, Json *event, const char *what) {
        g_autofree char *message = text_escape(json_str(event, "error_message"));

        append_job(out, event);
        g_string_append_printf(out, " ended: %s", json_str(event, "result"));
        if (*message)
                g_string_append_printf(out, ": %s", message);
}

static void append_state(GString *out, Json *event, const char *what) {
        g_string_append_printf(out, "%s%s", what, json_str(event, "state"));
}

static void append_text(GString *out, Json *event, const char *what) {
        g_string_append(out, what);
}

char *event_format(Json *event) {
        static const struct {
                const char *kind;
                void (*append)(GString *out, Json *event, const char *what);
                const char *what;
        } kinds[] = {
                { "snapshot-created", append_snapshot, "created" },
                { "snapshot-deleted", append_snapshot, "deleted" },
                { "snapshot-reverted", append_snapshot, "reverted to" },
                { "job-new", append_job_new, " queued" },
                { "job-changed", append_job_changed, NULL },
                { "job-removed", append_job_removed, NULL },
                { "domain-added", append_state, "appeared, " },
                { "domain-state", append_state, "is now " },
                { "domain-removed", append_text, "disappeared" },
                { "connected", append_text, "virtsnapd is connected to libvirt" },
                { "disconnected", append_text, "virtsnapd lost libvirt" },
                { "daemon-started", append_text, "virtsnapd started" },
                { "daemon-gone", append_text, "virtsnapd has gone" },
        };
        g_autofree char *time = format_time(json_uint(event, "time"));
        g_autofree char *domain = text_escape(json_str(event, "domain"));
        GString *out = g_string_new(time);

        g_string_append_printf(out, "  %s%s", domain, *domain ? ": " : "");
        for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
                if (g_str_equal(kinds[i].kind, json_str(event, "event")))
                        kinds[i].append(out, event, kinds[i].what);
        return g_string_free(out, FALSE);
}

void event_print(Json *event) {
        g_autofree char *line = event_format(event);

        puts(line);
}
