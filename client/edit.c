/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verbs that change what is known of a snapshot, and none of its content. */
#include "client/rows.h"
#include "client/say.h"
#include "client/text.h"
#include "client/verb.h"
#include "client/xml.h"
#include "dbus/names.h"

static bool arg_name, arg_security_info;

static const Option current_options[] = {
        { "name", 0, OPTION_FLAG, &arg_name, "Its name rather than its XML" },
        { "security-info", 0, OPTION_FLAG, &arg_security_info, "The XML with passwords" },
        { NULL },
};

/* End a verb that is one call: say what became of it. */
static int finish(int r, const sd_bus_error *error, const char *what, const char *done) {
        if (r < 0)
                return fail_bus(error, r, what);
        say("%s", done);
        return STATUS_DONE;
}

static int make_current(Client *client, const char *domain, const char *snapshot) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autofree char *path = NULL, *d = text_escape(domain), *s = text_escape(snapshot);
        g_autofree char *what = g_strdup_printf("make '%s' the current snapshot of '%s'", s, d);
        g_autofree char *done = g_strdup_printf("'%s' is the current snapshot of '%s'", s, d);
        int r = bus_find_snapshot(client, domain, snapshot, &path);

        if (r != STATUS_DONE)
                return r;
        r = bus_call(client, &error, NULL, path, VS_SNAPSHOT_INTERFACE, "MakeCurrent", "a{sv}", 0);
        return finish(r, &error, what, done);
}

static int run_current(Client *client, const Verb *verb, char **args) {
        g_autofree char *path = NULL, *name = NULL, *command = verb_command(verb);
        g_autoptr(Json) json = NULL;
        int r;

        if (args[1])
                return make_current(client, args[0], args[1]);
        r = bus_find_snapshot_or_current(client, command, args[0], NULL, true, &path, &name);
        if (r != STATUS_DONE)
                return r;
        if (!arg_name)
                return xml_print(client, path, name, arg_security_info);
        if (client->json) {
                json = json_object_new_object();
                json_set_str(json, "name", name);
                json_set_str(json, "path", path);
                json_print(json);
        } else
                print_value(name);
        return STATUS_DONE;
}

static int run_describe(Client *client, const Verb *verb, char **args) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autofree char *path = NULL, *d = text_escape(args[0]), *s = text_escape(args[1]);
        g_autofree char *what = g_strdup_printf("describe '%s' of '%s'", s, d);
        g_autofree char *done = g_strdup_printf("Snapshot '%s' of '%s' described", s, d);
        int r = bus_find_snapshot(client, args[0], args[1], &path);

        if (r != STATUS_DONE)
                return r;
        r = bus_call(client, &error, NULL, path, VS_SNAPSHOT_INTERFACE, "SetDescription", "s", args[2]);
        return finish(r, &error, what, done);
}

static int run_rename(Client *client, const Verb *verb, char **args) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autofree char *path = NULL, *d = text_escape(args[0]), *s = text_escape(args[1]);
        g_autofree char *new_name = text_escape(args[2]);
        g_autofree char *what = g_strdup_printf("rename '%s' of '%s'", s, d);
        g_autofree char *done = g_strdup_printf("Snapshot '%s' of '%s' is now '%s'", s, d, new_name);
        int r = bus_find_snapshot(client, args[0], args[1], &path);

        if (r != STATUS_DONE)
                return r;
        r = bus_call(client, &error, NULL, path, VS_SNAPSHOT_INTERFACE, "Rename", "sa{sv}", args[2], 0);
        return finish(r, &error, what, done);
}

/* protect and unprotect. */
static int run_protect(Client *client, const Verb *verb, char **args) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        int protect = verb == &verb_protect;
        g_autofree char *path = NULL, *d = text_escape(args[0]), *s = text_escape(args[1]);
        g_autofree char *what = g_strdup_printf("%s '%s' of '%s'", verb->name, s, d);
        g_autofree char *done = g_strdup_printf(
                "Snapshot '%s' of '%s' is %s", s, d, protect ? "protected" : "not protected");
        int r = bus_find_snapshot(client, args[0], args[1], &path);

        if (r != STATUS_DONE)
                return r;
        r = bus_call(client, &error, NULL, path, VS_SNAPSHOT_INTERFACE, "SetProtected", "b", protect);
        return finish(r, &error, what, done);
}

const Verb verb_current = {
        .name = "current",
        .synopsis = "DOMAIN [NAME]",
        .summary = "Print the current one's XML, or set it",
        .group = GROUP_SNAPSHOT,
        .min_args = 1,
        .max_args = 2,
        .options = current_options,
        .run = run_current,
};

const Verb verb_describe = {
        .name = "describe",
        .synopsis = "DOMAIN NAME TEXT",
        .summary = "Change what a snapshot is for",
        .group = GROUP_SNAPSHOT,
        .min_args = 3,
        .max_args = 3,
        .run = run_describe,
};

const Verb verb_rename = {
        .name = "rename",
        .synopsis = "DOMAIN NAME NEW-NAME",
        .summary = "Give an external snapshot another name",
        .group = GROUP_SNAPSHOT,
        .min_args = 3,
        .max_args = 3,
        .run = run_rename,
};

const Verb verb_protect = {
        .name = "protect",
        .synopsis = "DOMAIN NAME",
        .summary = "Let it not be deleted without --force",
        .group = GROUP_SNAPSHOT,
        .min_args = 2,
        .max_args = 2,
        .run = run_protect,
};

const Verb verb_unprotect = {
        .name = "unprotect",
        .synopsis = "DOMAIN NAME",
        .summary = "Let it be deleted",
        .group = GROUP_SNAPSHOT,
        .min_args = 2,
        .max_args = 2,
        .run = run_protect,
};
