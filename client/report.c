/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "client/rows.h"
#include "client/say.h"
#include "client/text.h"

/* How this program is called to reach the same daemon again. */
static char *own_command(const Client *client) {
        g_autofree char *host = client->host ? text_escape(client->host) : NULL;

        if (host)
                return g_strdup_printf("virtsnapctl -H %s", host);
        return g_strdup(client->user ? "virtsnapctl --user" : "virtsnapctl");
}

static void print_json(const JobEnd *job, const char *snapshot) {
        g_autoptr(Json) json = json_object_new_object();

        json_object_object_add(json, "job", json_object_new_uint64(job->id));
        json_set_str(json, "path", job->path);
        json_set_str(json, "result", job->result);
        if (*snapshot)
                json_set_str(json, "snapshot", snapshot);
        if (job->error_name && *job->error_name) {
                json_set_str(json, "error_name", job->error_name);
                json_set_str(json, "error_message", job->error_message);
        }
        json_print(json);
}

int report_left(const Client *client, const JobEnd *job, const char *how, const char *verb) {
        g_autofree char *command = own_command(client);

        if (client->json)
                print_json(job, "");
        else if (!isatty(STDOUT_FILENO) && client->no_wait)
                printf("%" PRIu64 "\n", job->id);
        else
                say("Job %" PRIu64 " %s: %s %s %" PRIu64, job->id, how, command, verb, job->id);
        return STATUS_DONE;
}

int report_interrupted(const Client *client, const JobEnd *job) {
        g_autofree char *command = own_command(client);

        if (job->id == 0)
                say("Left before the answer came. '%s jobs' shows whether it is being done.", command);
        else
                say("Job %" PRIu64 " goes on. To come back to it: %s wait %" PRIu64, job->id, command,
                        job->id);
        return STATUS_INTERRUPTED;
}

static int report_cancelled(const JobEnd *job, const JobText *text) {
        if (!text->cancelled)
                return fail("job %" PRIu64 " was cancelled", job->id);
        say("%s", text->cancelled);
        return STATUS_DONE;
}

static int report_done(const Client *client, const JobText *text, const char *snapshot) {
        if (text->cancelled)
                return fail("cannot %s: it was done before", text->what);
        if (text->print_snapshot && !client->json && *snapshot)
                print_value(snapshot);
        else if (text->done)
                say("%s", text->done);
        return STATUS_DONE;
}

int report_end(const Client *client, const JobEnd *job, const JobText *text, const char *snapshot) {
        if (client->json)
                print_json(job, snapshot);
        if (g_str_equal(job->result, "failed"))
                return fail_named(job->error_name, job->error_message, text->what);
        if (g_str_equal(job->result, "cancelled"))
                return report_cancelled(job, text);
        return report_done(client, text, snapshot);
}
