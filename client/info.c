/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "client/format.h"
#include "client/rows.h"
#include "client/say.h"
#include "client/text.h"
#include "client/treedraw.h"
#include "client/verb.h"
#include "dbus/names.h"
#include "dbus/path.h"

static bool arg_current;

static const Option info_options[] = {
        { "current", 0, OPTION_FLAG, &arg_current, "The current snapshot" },
        { NULL },
};

/* A snapshot's or domain's path to its name; "" for "/". */
static char *path_name(const char *path) {
        char *domain = NULL, *name = NULL;
        g_autofree char *copy = NULL;

        if (vs_snapshot_path_decode(path, &domain, &name) > 0)
                copy = g_strdup(name);
        else if (vs_domain_path_decode(path, &domain) > 0)
                copy = g_strdup(domain);
        free(name);
        free(domain);
        return copy ? g_steal_pointer(&copy) : g_strdup("");
}

static size_t count_descendants(Json *rows, const char *name) {
        size_t n = json_len(rows), count = 0, start = TREE_NONE;
        g_autofree size_t *parents = g_new(size_t, n + 1);
        g_autofree bool *below = g_new0(bool, n + 1);

        rows_parents(rows, parents);
        for (size_t i = 0; i < n; i++)
                if (g_str_equal(json_str(json_at(rows, i), "name"), name))
                        start = i;
        /* Parents come before their children. */
        for (size_t i = 0; i < n && start != TREE_NONE; i++)
                if (parents[i] != TREE_NONE && (parents[i] == start || below[parents[i]])) {
                        below[i] = true;
                        count++;
                }
        return count;
}

static int append_metadata(sd_bus_message *m) {
        return bus_option_bool(m, "metadata", true);
}

static bool contains(Json *rows, const char *name) {
        for (size_t i = 0; i < json_len(rows); i++)
                if (g_str_equal(json_str(json_at(rows, i), "name"), name))
                        return true;
        return false;
}

/* What virsh tells of a snapshot but is no property of it: names of relatives, numbers of those below. */
static int add_relatives(Client *client, sd_bus_error *error, Json *info) {
        static const char *const disk_fields[] = { "target", "mode", "file", NULL };
        g_autofree char *domain = path_name(json_str(info, "domain"));
        g_autofree char *parent = path_name(json_str(info, "parent"));
        g_autofree char *name = g_strdup(json_str(info, "name"));
        g_autoptr(Json) all = NULL, with_metadata = NULL;
        g_autoptr(Json) children = json_object_new_array();
        int r = rows_snapshots(client, error, json_str(info, "domain"), NULL, &all);

        if (r >= 0)
                r = rows_snapshots(client, error, json_str(info, "domain"), append_metadata, &with_metadata);
        if (r < 0)
                return r;
        for (size_t i = 0; i < json_len(json_get(info, "children")); i++) {
                const char *path = json_object_get_string(json_at(json_get(info, "children"), i));
                g_autofree char *child = path_name(path);

                json_object_array_add(children, json_object_new_string(child));
        }
        json_object_object_add(info, "disks", json_name_fields(json_get(info, "disks"), disk_fields));
        json_set_str(info, "domain", domain);
        json_set_str(info, "parent", parent);
        json_object_object_add(info, "children", g_steal_pointer(&children));
        json_object_object_add(info, "descendants", json_object_new_uint64(count_descendants(all, name)));
        json_object_object_add(info, "metadata", json_object_new_boolean(contains(with_metadata, name)));
        return 0;
}

static void print_line(const char *key, const char *value) {
        g_autofree char *escaped = text_escape(value), *title = g_strconcat(key, *key ? ":" : "", NULL);

        printf("%-15s %s\n", title, escaped);
}

static void print_count(const char *key, uint64_t count) {
        g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, count);

        print_line(key, text);
}

static void print_disks(Json *disks) {
        for (size_t i = 0; i < json_len(disks); i++) {
                Json *disk = json_at(disks, i);
                const char *file = json_str(disk, "file");
                g_autofree char *text = g_strdup_printf("%s %s%s%s", json_str(disk, "target"),
                        json_str(disk, "mode"), *file ? " " : "", file);

                print_line(i == 0 ? "Disks" : "", text);
        }
}

static void print_info(Json *info) {
        g_autofree char *created = format_time(json_uint(info, "creation_time"));
        const char *parent = json_str(info, "parent"), *reason = json_str(info, "condition_reason");
        g_autofree char *condition =
                g_strdup_printf("%s%s%s", json_str(info, "condition"), *reason ? ": " : "", reason);

        print_line("Name", json_str(info, "name"));
        print_line("Domain", json_str(info, "domain"));
        print_line("Current", json_flag(info, "current") ? "yes" : "no");
        print_line("State", json_str(info, "state"));
        print_line("Location", json_str(info, "location"));
        print_line("Parent", *parent ? parent : "-");
        print_count("Children", json_len(json_get(info, "children")));
        print_count("Descendants", json_uint(info, "descendants"));
        print_line("Metadata", json_flag(info, "metadata") ? "yes" : "no");

        print_line("Created", created);
        if (*json_str(info, "description"))
                print_line("Description", json_str(info, "description"));
        print_line("Condition", condition);
        print_line("Consistency", json_str(info, "consistency"));
        print_line("Memory", json_str(info, "memory"));
        print_line("Protected", json_flag(info, "protected") ? "yes" : "no");
        if (*json_str(info, "policy"))
                print_line("Policy", json_str(info, "policy"));
        print_disks(json_get(info, "disks"));
}

static int run_info(Client *client, const Verb *verb, char **args) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autofree char *path = NULL, *name = NULL, *command = verb_command(verb);
        g_autoptr(Json) info = NULL;
        int r = bus_find_snapshot_or_current(client, command, args[0], args[1], arg_current, &path, &name);

        if (r != STATUS_DONE)
                return r;
        r = bus_get_all(client, &error, &info, path, VS_SNAPSHOT_INTERFACE);
        if (r >= 0)
                r = add_relatives(client, &error, info);
        if (r < 0)
                return fail_bus(&error, r, "read the snapshot");
        if (client->json)
                json_print(info);
        else
                print_info(info);
        return STATUS_DONE;
}

const Verb verb_info = {
        .name = "info",
        .synopsis = "DOMAIN NAME",
        .summary = "Tell everything about a snapshot",
        .group = GROUP_LOOK,
        .min_args = 1,
        .max_args = 2,
        .options = info_options,
        .run = run_info,
};
