/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/job.h"
#include "client/say.h"
#include "client/text.h"
#include "client/verb.h"
#include "dbus/names.h"

static bool arg_current, arg_children, arg_children_only, arg_metadata, arg_force;

static const Option delete_options[] = {
        { "current", 0, OPTION_FLAG, &arg_current, "Delete the current snapshot" },
        { "children", 0, OPTION_FLAG, &arg_children, "It and all below it" },
        { "children-only", 0, OPTION_FLAG, &arg_children_only, "All below it, but not itself" },
        { "metadata", 0, OPTION_FLAG, &arg_metadata, "Let libvirt forget about it, and leave its content" },
        { "force", 0, OPTION_FLAG, &arg_force, "Also when it is protected" },
        { NULL },
};

static int append_options(sd_bus_message *m) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0)
                r = bus_option_bool(m, "children", arg_children);
        if (r >= 0)
                r = bus_option_bool(m, "children-only", arg_children_only);
        if (r >= 0)
                r = bus_option_bool(m, "metadata-only", arg_metadata);
        if (r >= 0)
                r = bus_option_bool(m, "force", arg_force);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static char *done_text(const char *domain, const char *name) {
        if (arg_children_only)
                return g_strdup_printf("All snapshots below '%s' of '%s' deleted", name, domain);
        return g_strdup_printf(
                "Snapshot '%s' of '%s'%s deleted", name, domain, arg_children ? " and all below it" : "");
}

static int run_delete(Client *client, const Verb *verb, char **args) {
        g_autofree char *path = NULL, *name = NULL, *command = verb_command(verb);
        g_autofree char *domain = text_escape(args[0]), *escaped = NULL, *what = NULL, *done = NULL;
        g_autoptr(sd_bus_message) m = NULL;
        int r;

        if (arg_children && arg_children_only)
                return options_usage(command, "--children and --children-only exclude each other");
        r = bus_find_snapshot_or_current(client, command, args[0], args[1], arg_current, &path, &name);
        if (r != STATUS_DONE)
                return r;
        escaped = text_escape(name);
        what = g_strdup_printf("delete snapshot '%s' of '%s'", escaped, domain);
        done = done_text(domain, escaped);
        const JobText text = { .label = domain, .what = what, .done = done };

        r = bus_method(client, path, VS_SNAPSHOT_INTERFACE, "Delete", &m);
        if (r >= 0)
                r = append_options(m);
        return r < 0 ? fail_bus(NULL, r, what) : job_run(client, m, &text);
}

const Verb verb_delete = {
        .name = "delete",
        .synopsis = "DOMAIN NAME",
        .summary = "Delete a snapshot",
        .group = GROUP_SNAPSHOT,
        .min_args = 1,
        .max_args = 2,
        .options = delete_options,
        .run = run_delete,
};
