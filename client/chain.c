/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "client/format.h"
#include "client/say.h"
#include "client/table.h"
#include "client/text.h"
#include "client/verb.h"
#include "dbus/names.h"

/* What stands before a layer: the top one, those below it, the last; one that is alone. */
static const char *layer_line(const Client *client, size_t i, size_t n) {
        if (n == 1)
                return client->utf8 ? "─ " : "- ";
        if (i == 0)
                return client->utf8 ? "┌ " : "+ ";
        if (i + 1 < n)
                return client->utf8 ? "├ " : "| ";
        return client->utf8 ? "└ " : "+ ";
}

static char *join_names(Json *names) {
        GString *out = g_string_new(NULL);

        for (size_t i = 0; i < json_len(names); i++)
                g_string_append_printf(
                        out, "%s%s", i > 0 ? ", " : "", json_object_get_string(json_at(names, i)));
        return g_string_free(out, FALSE);
}

static void print_chain(const Client *client, const char *disk, Json *layers) {
        const char *titles[] = { disk, "Format", "Size", "On disk", "In use", "Holds", NULL };
        g_autoptr(Table) table = table_new(titles);
        size_t n = json_len(layers);

        for (size_t i = 0; i < n; i++) {
                Json *layer = json_at(layers, i);
                const char *line = layer_line(client, i, n);

                table_add_take(table, g_strconcat(line, json_str(layer, "path"), NULL));
                table_add(table, json_str(layer, "format"));
                table_add_take(table, format_bytes(json_uint(layer, "virtual_size")));
                table_add_take(table, format_bytes(json_uint(layer, "allocated")));
                table_add(table, json_flag(layer, "in_use") ? "yes" : "no");
                table_add_take(table, join_names(json_get(layer, "snapshots")));
        }
        table_print(table, stdout);
}

/* Read the chains of those disks that have a source (a CD drive may be empty).  Returns a status; those that
 * could be read are in the array. */
static int read_chains(Client *client, const char *path, const char *only, Json *disks, Json *chains) {
        int status = STATUS_DONE;

        for (size_t i = 0; i < json_len(disks); i++) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                const char *disk = json_object_get_string(json_at(json_at(disks, i), 0));
                const char *source = json_object_get_string(json_at(json_at(disks, i), 1));
                g_autofree char *escaped = text_escape(disk);
                g_autofree char *what = g_strdup_printf("read the chain of '%s'", escaped);
                Json *layers, *chain;
                int r;

                if (only ? !g_str_equal(only, disk) : !*source)
                        continue;
                r = bus_call(
                        client, &error, &layers, path, VS_DOMAIN_INTERFACE, "GetBackingChain", "s", disk);
                if (r < 0) {
                        status = fail_bus(&error, r, what);
                        continue;
                }
                chain = json_object_new_object();
                json_set_str(chain, "disk", disk);
                json_object_object_add(chain, "layers", layers);
                json_object_array_add(chains, chain);
        }
        return status;
}

static bool has_disk(Json *disks, const char *name) {
        for (size_t i = 0; i < json_len(disks); i++)
                if (g_str_equal(json_object_get_string(json_at(json_at(disks, i), 0)), name))
                        return true;
        return false;
}

static int run_chain(Client *client, const Verb *verb, char **args) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autofree char *path = NULL, *domain = text_escape(args[0]);
        g_autofree char *what = g_strdup_printf("read the disks of '%s'", domain);
        g_autoptr(Json) properties = NULL, chains = json_object_new_array();
        Json *disks;
        int r = bus_find_domain(client, args[0], &path);

        if (r != STATUS_DONE)
                return r;
        r = bus_get_all(client, &error, &properties, path, VS_DOMAIN_INTERFACE);
        if (r < 0)
                return fail_bus(&error, r, what);
        disks = json_get(properties, "disks");
        if (args[1] && !has_disk(disks, args[1])) {
                g_autofree char *disk = text_escape(args[1]);
                fail("'%s' has no disk '%s'\n'virtsnapctl chain %s' shows those that it has.", domain, disk,
                        domain);
                return STATUS_NOT_FOUND;
        }
        r = read_chains(client, path, args[1], disks, chains);
        if (client->json)
                json_print(chains);
        for (size_t i = 0; i < json_len(chains) && !client->json; i++) {
                if (i > 0)
                        putchar('\n');
                print_chain(client, json_str(json_at(chains, i), "disk"),
                        json_get(json_at(chains, i), "layers"));
        }
        return r;
}

const Verb verb_chain = {
        .name = "chain",
        .synopsis = "DOMAIN [DISK]",
        .summary = "Show what the disks' content lies in",
        .group = GROUP_LOOK,
        .min_args = 1,
        .max_args = 2,
        .run = run_chain,
};
