/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/format.h"
#include "client/rows.h"
#include "client/say.h"
#include "client/style.h"
#include "client/text.h"
#include "client/treedraw.h"
#include "client/verb.h"
#include "dbus/names.h"
#include "dbus/path.h"

/* Beyond this column what is told of a snapshot follows its name, without being aligned. */
#define ALIGN_COLUMNS_MAX 60U

/* One domain being printed: node 0 is the domain, node i + 1 its i-th snapshot. */
typedef struct Picture {
        const Client *client;
        Json *domain, *snapshots;
        size_t column; /* where what is told of them begins */
        uint64_t now;
} Picture;

static const Style condition_styles[] = { STYLE_WARN, STYLE_BAD };

static const char *state_style(const Client *client, const char *state) {
        static const struct {
                const char *state;
                Style style;
        } styles[] = {
                { "running", STYLE_GOOD },
                { "paused", STYLE_WARN },
                { "crashed", STYLE_BAD },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(styles); i++)
                if (g_str_equal(styles[i].state, state))
                        return style(client, styles[i].style);
        return "";
}

static char *node_label(const Picture *p, size_t node) {
        Json *row = node == 0 ? p->domain : json_at(p->snapshots, node - 1);
        g_autofree char *name = text_escape(json_str(row, "name"));

        return g_strconcat(name, node > 0 && json_flag(row, "current") ? " *" : "", NULL);
}

static void print_padding(size_t from, size_t to) {
        /* Two spaces at least, also where the name is longer than all that is aligned. */
        printf("%*s", (int) (to > from ? to - from + 2 : 2), "");
}

static void print_domain_facts(const Picture *p) {
        const char *state = json_str(p->domain, "state"), *normal = style(p->client, STYLE_NORMAL);

        printf("%s%s%s", state_style(p->client, state), state, normal);
        if (json_len(p->snapshots) == 0)
                printf("  %sno snapshots%s", style(p->client, STYLE_DIM), normal);
}

static void print_snapshot_facts(const Picture *p, Json *row) {
        const char *state = json_str(row, "state"), *normal = style(p->client, STYLE_NORMAL);
        const char *condition = json_str(row, "condition");
        g_autofree char *age = format_age(json_uint(row, "creation_time"), p->now);

        printf("%s%-13s%s  %s%10s%s", state_style(p->client, state), state, normal,
                style(p->client, STYLE_DIM), age, normal);
        if (json_flag(row, "protected"))
                printf("  protected");
        if (!g_str_equal(condition, "ok")) {
                g_autofree char *reason = text_escape(json_str(row, "condition_reason"));
                Style s = condition_styles[g_str_equal(condition, "broken")];

                printf("  %s%s%s%s%s", style(p->client, s), condition, *reason ? ": " : "", reason, normal);
        }
}

static void print_node(void *userdata, const char *prefix, size_t node) {
        const Picture *p = userdata;
        const char *normal = style(p->client, STYLE_NORMAL);
        Json *row = node == TREE_NONE || node == 0 ? NULL : json_at(p->snapshots, node - 1);
        g_autofree char *label = NULL;

        if (node == TREE_NONE) {
                puts(prefix);
                return;
        }
        label = node_label(p, node);
        printf("%s%s%s", style(p->client, STYLE_DIM), prefix, normal);
        printf("%s%s%s", node == 0 || json_flag(row, "current") ? style(p->client, STYLE_BOLD) : "", label,
                normal);
        print_padding(text_width(prefix) + text_width(label), p->column);
        if (row)
                print_snapshot_facts(p, row);
        else
                print_domain_facts(p);
        putchar('\n');
}

/* Where the facts begin: behind the longest name that is not too long. */
static size_t find_column(const Picture *p, const size_t *parents, size_t n, TreeStyle tree_style) {
        g_autofree size_t *depths = g_new(size_t, n);
        size_t column = 0;

        tree_depths(parents, n, depths);
        for (size_t i = 0; i < n; i++) {
                g_autofree char *label = node_label(p, i);
                size_t end = tree_indent(tree_style, depths[i]) + text_width(label);

                if (end <= ALIGN_COLUMNS_MAX)
                        column = MAX(column, end);
        }
        return column;
}

static void print_picture(const Client *client, Json *domain) {
        TreeStyle tree_style = client->utf8 ? TREE_LINES : TREE_ASCII;
        Picture p = {
                .client = client,
                .domain = domain,
                .snapshots = json_get(domain, "snapshots"),
                .now = now_usec(),
        };
        size_t n = json_len(p.snapshots) + 1;
        g_autofree size_t *parents = g_new(size_t, n);

        parents[0] = TREE_NONE;
        rows_parents(p.snapshots, parents + 1);
        for (size_t i = 1; i < n; i++)
                parents[i] = parents[i] == TREE_NONE ? 0 : parents[i] + 1;
        p.column = find_column(&p, parents, n, tree_style);
        tree_draw(parents, n, tree_style, print_node, &p);
}

/* The name at the end of a snapshot's path, "" for "/". */
static Json *name_of_path(const char *path) {
        char *domain = NULL, *name = NULL;
        Json *json;

        (void) vs_snapshot_path_decode(path, &domain, &name);
        json = json_object_new_string(name ? name : "");
        free(domain);
        free(name);
        return json;
}

/* The row of a snapshot, as `list` has it and with what `tree` marks. */
static Json *snapshot_row(const char *path, Json *properties) {
        static const char *const kept[] = { "name", "description", "creation_time", "state", "location",
                "current", "condition", "condition_reason", "protected", NULL };
        Json *row = json_object_new_object();

        for (size_t i = 0; kept[i]; i++)
                json_object_object_add(row, kept[i], json_object_get(json_get(properties, kept[i])));
        json_object_object_add(row, "parent", name_of_path(json_str(properties, "parent")));
        json_set_str(row, "path", path);
        return row;
}

static Json *domain_row(const char *path, Json *properties) {
        static const char *const kept[] = { "name", "uuid", "title", "state", NULL };
        Json *row = json_object_new_object();

        for (size_t i = 0; kept[i]; i++)
                json_object_object_add(row, kept[i], json_object_get(json_get(properties, kept[i])));
        json_object_object_add(
                row, "current_snapshot", name_of_path(json_str(properties, "current_snapshot")));
        json_set_str(row, "path", path);
        json_object_object_add(row, "snapshots", json_object_new_array());
        return row;
}

/* Make an array of domains, each with its snapshots, of all objects; of one domain alone if only is set. */
static Json *collect(Json *objects, const char *only) {
        g_autoptr(GHashTable) by_path = g_hash_table_new(g_str_hash, g_str_equal);
        Json *domains = json_object_new_array();

        json_object_object_foreach(objects, path, interfaces) {
                Json *properties = json_get(interfaces, VS_DOMAIN_INTERFACE), *row;

                if (!properties || (only && !g_str_equal(only, path)))
                        continue;
                row = domain_row(path, properties);
                json_object_array_add(domains, row);
                g_hash_table_insert(by_path, path, row);
        }
        json_object_object_foreach(objects, snapshot_path, all) {
                Json *properties = json_get(all, VS_SNAPSHOT_INTERFACE);
                Json *domain = g_hash_table_lookup(by_path, json_str(properties, "domain"));

                if (domain)
                        json_object_array_add(
                                json_get(domain, "snapshots"), snapshot_row(snapshot_path, properties));
        }
        rows_sort(domains);
        for (size_t i = 0; i < json_len(domains); i++)
                rows_sort(json_get(json_at(domains, i), "snapshots"));
        return domains;
}

static int run_tree(Client *client, const Verb *verb, char **args) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autoptr(Json) objects = NULL, domains = NULL;
        g_autofree char *only = NULL;
        int r = STATUS_DONE;

        if (args[0])
                r = bus_find_domain(client, args[0], &only);
        if (r != STATUS_DONE)
                return r;
        r = bus_call(client, &error, &objects, VS_ROOT_PATH, "org.freedesktop.DBus.ObjectManager",
                "GetManagedObjects", "");
        if (r < 0)
                return fail_bus(&error, r, "read the snapshots");
        domains = collect(objects, only);
        if (json_len(domains) == 0)
                say_if_disconnected(client);
        if (client->json) {
                json_print(domains);
                return STATUS_DONE;
        }
        for (size_t i = 0; i < json_len(domains); i++)
                print_picture(client, json_at(domains, i));
        return STATUS_DONE;
}

const Verb verb_tree = {
        .name = "tree",
        .synopsis = "[DOMAIN]",
        .summary = "Draw the trees of snapshots",
        .group = GROUP_LOOK,
        .max_args = 1,
        .run = run_tree,
};
