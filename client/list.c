/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "client/format.h"
#include "client/rows.h"
#include "client/say.h"
#include "client/table.h"
#include "client/text.h"
#include "client/treedraw.h"
#include "client/verb.h"
#include "dbus/path.h"

static bool arg_parent, arg_tree, arg_name, arg_topological, arg_current;
static const char *arg_from;

/* What the daemon filters by, under virsh's names. */
static bool arg_roots, arg_leaves, arg_no_leaves, arg_active, arg_inactive, arg_disk_only, arg_internal,
        arg_external, arg_metadata, arg_no_metadata, arg_descendants;

static const Option list_options[] = {
        { "parent", 0, OPTION_FLAG, &arg_parent, "Show the parents too" },
        { "tree", 0, OPTION_FLAG, &arg_tree, "Draw the tree of names, as virsh does" },
        { "name", 0, OPTION_FLAG, &arg_name, "Print nothing but names" },
        { "topological", 0, OPTION_FLAG, &arg_topological, "Parents before their children, not by name" },
        { "from", 0, OPTION_STRING, &arg_from, "Only the children of this one", "NAME" },
        { "current", 0, OPTION_FLAG, &arg_current, "Only the children of the current one" },
        { "descendants", 0, OPTION_FLAG, &arg_descendants, "With --from or --current: all below it" },
        { "roots", 0, OPTION_FLAG, &arg_roots, "Only those without a parent" },
        { "leaves", 0, OPTION_FLAG, &arg_leaves, "Only those without children" },
        { "no-leaves", 0, OPTION_FLAG, &arg_no_leaves, "Only those with children" },
        { "active", 0, OPTION_FLAG, &arg_active, "Only those with the state of a running domain" },
        { "inactive", 0, OPTION_FLAG, &arg_inactive, "Only those taken while the domain was off" },
        { "disk-only", 0, OPTION_FLAG, &arg_disk_only, "Only those of a running domain's disks alone" },
        { "internal", 0, OPTION_FLAG, &arg_internal, "Only internal ones" },
        { "external", 0, OPTION_FLAG, &arg_external, "Only external ones" },
        { "metadata", 0, OPTION_FLAG, &arg_metadata, "Only those that would hinder an undefine" },
        { "no-metadata", 0, OPTION_FLAG, &arg_no_metadata, "Only those that would not" },
        { NULL },
};

static int append_filters(sd_bus_message *m) {
        const struct {
                const char *key;
                bool value;
        } filters[] = {
                { "roots", arg_roots },
                { "leaves", arg_leaves },
                { "no-leaves", arg_no_leaves },
                { "active", arg_active },
                { "inactive", arg_inactive },
                { "disk-only", arg_disk_only },
                { "internal", arg_internal },
                { "external", arg_external },
                { "metadata", arg_metadata },
                { "no-metadata", arg_no_metadata },
                /* A tree goes all the way down. */
                { "descendants", arg_descendants || (arg_tree && arg_from) },
        };
        int r = bus_option_str(m, "from", arg_from);

        for (size_t i = 0; i < G_N_ELEMENTS(filters) && r >= 0; i++)
                r = bus_option_bool(m, filters[i].key, filters[i].value);
        return r;
}

/* virsh's rules on what goes together. */
static int check_options(const Verb *verb) {
        const struct {
                bool first, second;
                const char *names;
        } exclusive[] = {
                { arg_tree, arg_name, "--tree and --name" },
                { arg_parent, arg_roots, "--parent and --roots" },
                { arg_parent, arg_tree, "--parent and --tree" },
                { arg_roots, arg_tree, "--roots and --tree" },
                { arg_roots, arg_from, "--roots and --from" },
                { arg_roots, arg_current, "--roots and --current" },
                { arg_from, arg_current, "--from and --current" },
        };
        g_autofree char *command = verb_command(verb);

        for (size_t i = 0; i < G_N_ELEMENTS(exclusive); i++)
                if (exclusive[i].first && exclusive[i].second)
                        return options_usage(command, "%s exclude each other", exclusive[i].names);
        if (arg_descendants && !arg_from && !arg_current)
                return options_usage(command, "--descendants needs --from or --current");
        return STATUS_DONE;
}

static void draw_name(void *userdata, const char *prefix, size_t node) {
        Json *rows = userdata;
        g_autofree char *name =
                node == TREE_NONE ? NULL : text_escape(json_str(json_at(rows, node), "name"));

        printf("%s%s\n", prefix, name ? name : "");
}

/* The one that the tree begins with is not part of the filtered list. */
static void add_start(Json *rows) {
        Json *start = json_object_new_object();

        json_set_str(start, "name", arg_from);
        json_object_array_add(rows, start);
}

static void print_tree(Json *rows) {
        g_autofree size_t *parents = NULL;

        if (arg_from)
                add_start(rows);
        rows_sort(rows);
        parents = g_new(size_t, json_len(rows) + 1);
        rows_parents(rows, parents);
        tree_draw(parents, json_len(rows), TREE_ASCII, draw_name, rows);
}

static void print_table(Json *rows) {
        const char *titles[] = { "Name", "Creation Time", "State", arg_parent ? "Parent" : NULL, NULL };
        g_autoptr(Table) table = table_new(titles);

        for (size_t i = 0; i < json_len(rows); i++) {
                Json *row = json_at(rows, i);

                table_add(table, json_str(row, "name"));
                table_add_take(table, format_time(json_uint(row, "creation_time")));
                table_add(table, json_str(row, "state"));
                if (arg_parent)
                        table_add(table, json_str(row, "parent"));
        }
        table_print(table, stdout);
}

static void print_names(Json *rows) {
        for (size_t i = 0; i < json_len(rows); i++)
                print_value(json_str(json_at(rows, i), "name"));
}

static int run_list(Client *client, const Verb *verb, char **args) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autofree char *path = NULL, *snapshot_path = NULL, *current = NULL, *domain = text_escape(args[0]);
        g_autofree char *what = g_strdup_printf("list the snapshots of '%s'", domain);
        g_autofree char *command = verb_command(verb);
        g_autoptr(Json) rows = NULL;
        int r;

        r = check_options(verb);
        if (r == STATUS_DONE)
                r = bus_find_domain(client, args[0], &path);
        if (r == STATUS_DONE && arg_current) {
                r = bus_find_snapshot_or_current(
                        client, command, args[0], NULL, true, &snapshot_path, &current);
                arg_from = current;
        }
        if (r != STATUS_DONE)
                return r;
        r = rows_snapshots(client, &error, path, append_filters, &rows);
        if (r < 0)
                return fail_bus(&error, r, what);
        if (!arg_topological)
                rows_sort(rows);
        if (client->json)
                json_print(rows);
        else if (arg_tree)
                print_tree(rows);
        else if (arg_name)
                print_names(rows);
        else
                print_table(rows);
        return STATUS_DONE;
}

const Verb verb_list = {
        .name = "list",
        .synopsis = "DOMAIN",
        .summary = "List a domain's snapshots",
        .group = GROUP_LOOK,
        .min_args = 1,
        .max_args = 1,
        .options = list_options,
        .run = run_list,
};
