/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "client/format.h"
#include "client/job.h"
#include "client/rows.h"
#include "client/say.h"
#include "client/table.h"
#include "client/text.h"
#include "client/verb.h"
#include "dbus/names.h"
#include "dbus/path.h"

static bool arg_ended;

static const Option jobs_options[] = {
        { "ended", 0, OPTION_FLAG, &arg_ended, "Also those that ended in the last minute" },
        { NULL },
};

static void print_jobs(Json *rows) {
        static const char *const titles[] = { "Id", "Operation", "Domain", "State", "Progress", "Phase",
                NULL };
        g_autoptr(Table) table = table_new(titles);

        for (size_t i = 0; i < json_len(rows); i++) {
                Json *row = json_at(rows, i);

                table_add(table, json_str(row, "id"));
                table_add(table, json_str(row, "operation"));
                table_add(table, json_str(row, "domain"));
                table_add(table, json_str(row, "state"));
                table_add_take(table, g_strdup_printf("%.0f%%", floor(json_num(row, "progress") * 100)));
                table_add(table, json_str(row, "phase"));
        }
        table_print(table, stdout);
}

static int run_jobs(Client *client, const Verb *verb, char **args) {
        static const char *const fields[] = { "id", "operation", "domain", "state", "progress", "phase",
                "path", "domain_path", NULL };
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autoptr(Json) answer = NULL, rows = NULL;
        int r = bus_call(client, &error, &answer, VS_ROOT_PATH, VS_MANAGER_INTERFACE, "ListJobs", "a{sv}", 1,
                "ended", "b", (int) arg_ended);

        if (r < 0)
                return fail_bus(&error, r, "list the jobs");
        rows = json_name_fields(answer, fields);
        if (client->json)
                json_print(rows);
        else
                print_jobs(rows);
        return STATUS_DONE;
}

/* "web1 vda", as far as the job has them. */
static char *job_label(Client *client, const char *path) {
        g_autoptr(Json) properties = NULL;
        g_autofree char *label = NULL;
        char *domain = NULL;

        if (bus_get_all(client, NULL, &properties, path, VS_JOB_INTERFACE) < 0)
                return g_strdup("");
        (void) vs_domain_path_decode(json_str(properties, "domain"), &domain);
        label = g_strstrip(g_strjoin(" ", domain ? domain : "", json_str(properties, "disk"), NULL));
        free(domain);
        return text_escape(label);
}

/* wait; finish and cancel, which first ask for it. */
static int run_follow(Client *client, const Verb *verb, char **args) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        const char *method = verb == &verb_finish ? "Finish" : verb == &verb_cancel ? "Cancel" : NULL;
        g_autofree char *path = NULL, *label = NULL, *what = NULL, *done = NULL;
        g_autoptr(Job) job = NULL;
        uint64_t id;
        int r = bus_find_job(client, args[0], &id, &path);

        if (r != STATUS_DONE)
                return r;
        label = job_label(client, path);
        what = method ? g_strdup_printf("%s job %" PRIu64, verb->name, id)
                      : g_strdup_printf("complete job %" PRIu64, id);
        done = g_strdup_printf("Job %" PRIu64 " is %s", id, verb == &verb_cancel ? "cancelled" : "done");
        const JobText text = {
                .label = label,
                .what = what,
                .done = done,
                .cancelled = verb == &verb_cancel ? done : NULL,
        };

        r = job_new(client, &text, &job);
        if (r >= 0 && method)
                r = bus_call(client, &error, NULL, path, VS_JOB_INTERFACE, method, "a{sv}", 0);
        if (r < 0)
                return fail_bus(&error, r, what);
        if (method && client->no_wait)
                return STATUS_DONE;
        client->no_wait = false;
        job_attach(job, id, path);
        return job_follow(job);
}

static int run_bandwidth(Client *client, const Verb *verb, char **args) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autofree char *path = NULL, *command = verb_command(verb), *what = NULL, *rate_text = NULL;
        uint64_t id, rate;
        int r;

        if (parse_bytes(args[1], &rate) < 0)
                return options_usage(
                        command, "RATE is a number of bytes a second, like 512K, 10M or 1.5GiB/s");
        r = bus_find_job(client, args[0], &id, &path);
        if (r != STATUS_DONE)
                return r;
        what = g_strdup_printf("limit the bandwidth of job %" PRIu64, id);
        rate_text = format_bytes(rate);
        r = bus_call(client, &error, NULL, path, VS_JOB_INTERFACE, "SetBandwidth", "t", rate);
        if (r < 0)
                return fail_bus(&error, r, what);
        if (rate == 0)
                say("Job %" PRIu64 " has no limit any more", id);
        else
                say("Job %" PRIu64 " may take %s/s", id, rate_text);
        return STATUS_DONE;
}

const Verb verb_jobs = {
        .name = "jobs",
        .synopsis = "",
        .summary = "List the jobs",
        .group = GROUP_JOB,
        .options = jobs_options,
        .run = run_jobs,
};

const Verb verb_wait = {
        .name = "wait",
        .synopsis = "JOB",
        .summary = "Follow a job to its end",
        .group = GROUP_JOB,
        .min_args = 1,
        .max_args = 1,
        .run = run_follow,
};

const Verb verb_cancel = {
        .name = "cancel",
        .synopsis = "JOB",
        .summary = "Cancel a job",
        .group = GROUP_JOB,
        .min_args = 1,
        .max_args = 1,
        .run = run_follow,
};

const Verb verb_finish = {
        .name = "finish",
        .synopsis = "JOB",
        .summary = "End a merge that is held ready: pivot",
        .group = GROUP_JOB,
        .min_args = 1,
        .max_args = 1,
        .run = run_follow,
};

const Verb verb_bandwidth = {
        .name = "bandwidth",
        .synopsis = "JOB RATE",
        .summary = "Slow a merge down, or hasten it",
        .group = GROUP_JOB,
        .min_args = 2,
        .max_args = 2,
        .run = run_bandwidth,
};
