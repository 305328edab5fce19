/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/job.h"
#include "client/say.h"
#include "client/text.h"
#include "client/verb.h"
#include "dbus/names.h"

static bool arg_current, arg_running, arg_paused, arg_force, arg_reset_nvram;
static const char *arg_keep;

static const Option revert_options[] = {
        { "current", 0, OPTION_FLAG, &arg_current, "Go back to the current snapshot" },
        { "running", 0, OPTION_FLAG, &arg_running, "Let the domain run afterwards, whatever it did then" },
        { "paused", 0, OPTION_FLAG, &arg_paused, "Leave the domain paused afterwards" },
        { "force", 0, OPTION_FLAG, &arg_force, "Also where it is risky" },
        { "reset-nvram", 0, OPTION_FLAG, &arg_reset_nvram, "Start with fresh firmware variables" },
        { "keep", 0, OPTION_STRING, &arg_keep, "First save the present state as a snapshot of this name",
                "NAME" },
        { NULL },
};

static int append_options(sd_bus_message *m) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0)
                r = bus_option_bool(m, "running", arg_running);
        if (r >= 0)
                r = bus_option_bool(m, "paused", arg_paused);
        if (r >= 0)
                r = bus_option_bool(m, "force", arg_force);
        if (r >= 0)
                r = bus_option_bool(m, "reset-nvram", arg_reset_nvram);
        if (r >= 0)
                r = bus_option_str(m, "keep", arg_keep);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int run_revert(Client *client, const Verb *verb, char **args) {
        g_autofree char *path = NULL, *name = NULL, *command = verb_command(verb);
        g_autofree char *domain = text_escape(args[0]), *escaped = NULL, *what = NULL, *done = NULL;
        g_autoptr(sd_bus_message) m = NULL;
        int r;

        if (arg_running && arg_paused)
                return options_usage(command, "--running and --paused exclude each other");
        r = bus_find_snapshot_or_current(client, command, args[0], args[1], arg_current, &path, &name);
        if (r != STATUS_DONE)
                return r;
        escaped = text_escape(name);
        what = g_strdup_printf("take '%s' back to '%s'", domain, escaped);
        done = g_strdup_printf("'%s' is back at '%s'", domain, escaped);
        const JobText text = { .label = domain, .what = what, .done = done };

        r = bus_method(client, path, VS_SNAPSHOT_INTERFACE, "Revert", &m);
        if (r >= 0)
                r = append_options(m);
        return r < 0 ? fail_bus(NULL, r, what) : job_run(client, m, &text);
}

const Verb verb_revert = {
        .name = "revert",
        .synopsis = "DOMAIN NAME",
        .summary = "Go back to a snapshot",
        .group = GROUP_SNAPSHOT,
        .min_args = 1,
        .max_args = 2,
        .options = revert_options,
        .run = run_revert,
};
