/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/job.h"
#include "client/say.h"
#include "client/text.h"
#include "client/verb.h"
#include "dbus/names.h"

static bool arg_shallow, arg_active, arg_pivot, arg_no_pivot, arg_keep_overlay, arg_keep_relative, arg_force,
        arg_no_delete;
static const char *arg_base, *arg_top;
static uint64_t arg_bandwidth, arg_timeout;

static const Option commit_options[] = {
        { "base", 0, OPTION_STRING, &arg_base, "Merge into this layer (default: the bottom)", "FILE" },
        { "top", 0, OPTION_STRING, &arg_top, "Merge from this layer (default: the one in use)", "FILE" },
        { "shallow", 0, OPTION_FLAG, &arg_shallow, "Merge into the layer below the top" },
        { "active", 0, OPTION_FLAG, &arg_active, "The top is the layer in use" },
        { "pivot", 0, OPTION_FLAG, &arg_pivot,
                "Go on from the base then (so it is anyway); implies --active" },
        { "no-pivot", 0, OPTION_FLAG, &arg_no_pivot,
                "Hold the job when both are equal, until 'finish' or 'cancel'; implies --active" },
        { "keep-overlay", 0, OPTION_FLAG, &arg_keep_overlay,
                "End the job then, and stay on the overlay; implies --active" },
        { "no-delete", 0, OPTION_FLAG, &arg_no_delete, "Leave the merged overlays' files" },
        { "keep-relative", 0, OPTION_FLAG, &arg_keep_relative, "Keep backing names relative" },
        { "bandwidth", 0, OPTION_BYTES, &arg_bandwidth, "At most this much a second, like 50M", "SIZE" },
        { "timeout", 0, OPTION_SECONDS, &arg_timeout, "Cancel when it takes longer", "SECONDS" },
        { "force", 0, OPTION_FLAG, &arg_force, "Do not ask about snapshots that are lost with it" },
        { NULL },
};

static const Option pull_options[] = {
        { "base", 0, OPTION_STRING, &arg_base, "What stays below (default: nothing)", "FILE" },
        { "keep-relative", 0, OPTION_FLAG, &arg_keep_relative, "Keep backing names relative" },
        { "bandwidth", 0, OPTION_BYTES, &arg_bandwidth, "At most this much a second, like 50M", "SIZE" },
        { "timeout", 0, OPTION_SECONDS, &arg_timeout, "Cancel when it takes longer", "SECONDS" },
        { NULL },
};

static int append_commit_options(sd_bus_message *m) {
        int r = bus_option_str(m, "top", arg_top);

        if (r >= 0)
                r = bus_option_bool(m, "shallow", arg_shallow);
        if (r >= 0)
                r = bus_option_bool(
                        m, "active", arg_active || arg_pivot || arg_no_pivot || arg_keep_overlay);
        if (r >= 0)
                r = bus_option_bool(m, "keep-overlay", arg_keep_overlay);
        if (r >= 0)
                r = bus_option_bool(m, "force", arg_force);
        if (r >= 0 && arg_no_pivot)
                r = sd_bus_message_append(m, "{sv}", "pivot", "b", false);
        if (r >= 0 && arg_no_delete)
                r = sd_bus_message_append(m, "{sv}", "delete", "b", false);
        return r;
}

static int make_call(
        Client *client, const Verb *verb, const char *path, const char *disk, sd_bus_message **ret) {
        bool commit = verb == &verb_commit;
        g_autoptr(sd_bus_message) m = NULL;
        int r = bus_method(client, path, VS_DOMAIN_INTERFACE, commit ? "BlockCommit" : "BlockPull", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "s", disk);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = bus_option_str(m, "base", arg_base);
        if (r >= 0)
                r = bus_option_bool(m, "relative", arg_keep_relative);
        if (r >= 0)
                r = bus_option_uint(m, "bandwidth", arg_bandwidth);
        if (r >= 0)
                r = bus_option_uint(m, "timeout", arg_timeout);
        if (r >= 0 && commit)
                r = append_commit_options(m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return r;
        *ret = g_steal_pointer(&m);
        return 0;
}

/* Send the call once and see it through.  Where snapshots would be lost and somebody can be asked about it,
 * STATUS_LEFT_TO_CALLER with ret_question set: the daemon may know that at once, or when the job begins. */
static int merge_once(Client *client, const Verb *verb, const char *path, const char *disk, JobText *text,
        char **ret_question) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autoptr(sd_bus_message) m = NULL;
        g_autoptr(Job) job = NULL;
        int status, r;

        text->left_to_caller = can_ask() && !arg_force ? VS_ERROR_WOULD_LOSE_DATA : NULL;
        r = make_call(client, verb, path, disk, &m);
        if (r >= 0)
                r = job_new(client, text, &job);
        if (r >= 0)
                r = job_start(job, m, &error);
        if (r < 0 && text->left_to_caller && sd_bus_error_has_name(&error, text->left_to_caller)) {
                *ret_question = text_escape(error.message ? error.message : "");
                return STATUS_LEFT_TO_CALLER;
        }
        if (r < 0)
                return fail_bus(&error, r, text->what);
        status = job_follow(job);
        if (status == STATUS_LEFT_TO_CALLER)
                *ret_question = text_escape(job_error_message(job));
        return status;
}

/* Once more with "force" when losing snapshots is first refused, then allowed. */
static int merge(Client *client, const Verb *verb, const char *path, const char *disk, JobText *text) {
        g_autofree char *question = NULL;
        int status = merge_once(client, verb, path, disk, text, &question);

        if (status != STATUS_LEFT_TO_CALLER)
                return status;
        fprintf(stderr, "%s\n", question);
        if (!ask("Delete these snapshots with it?")) {
                say("Nothing was changed.");
                return STATUS_FAILED;
        }
        arg_force = true;
        return merge_once(client, verb, path, disk, text, &question);
}

static int check_options(const Verb *verb) {
        g_autofree char *command = verb_command(verb);

        if (arg_pivot + arg_no_pivot + arg_keep_overlay > 1)
                return options_usage(command, "only one of --pivot, --no-pivot and --keep-overlay can be");
        if (arg_base && arg_shallow)
                return options_usage(command, "--base and --shallow exclude each other");
        return STATUS_DONE;
}

static int run_merge(Client *client, const Verb *verb, char **args) {
        g_autofree char *path = NULL, *domain = text_escape(args[0]), *disk = text_escape(args[1]);
        g_autofree char *label = g_strdup_printf("%s %s", domain, disk);
        g_autofree char *what = g_strdup_printf("merge disk '%s' of '%s'", disk, domain);
        g_autofree char *done = g_strdup_printf("Disk '%s' of '%s' merged", disk, domain);
        JobText text = { .label = label, .what = what, .done = done, .hold = arg_no_pivot };
        int r = check_options(verb);

        if (r == STATUS_DONE)
                r = bus_find_domain(client, args[0], &path);
        return r == STATUS_DONE ? merge(client, verb, path, args[1], &text) : r;
}

const Verb verb_commit = {
        .name = "commit",
        .synopsis = "DOMAIN DISK",
        .summary = "Merge layers of a disk down",
        .group = GROUP_MERGE,
        .min_args = 2,
        .max_args = 2,
        .options = commit_options,
        .run = run_merge,
};

const Verb verb_pull = {
        .name = "pull",
        .synopsis = "DOMAIN DISK",
        .summary = "Merge layers of a disk up",
        .group = GROUP_MERGE,
        .min_args = 2,
        .max_args = 2,
        .options = pull_options,
        .run = run_merge,
};
