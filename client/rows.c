/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/say.h"
#include "client/text.h"
#include "client/treedraw.h"
#include "dbus/names.h"

static const char *const snapshot_fields[] = {
        "name",
        "path",
        "parent",
        "creation_time",
        "state",
        "location",
        "current",
        "children",
        NULL,
};

static const char *const domain_fields[] = {
        "name",
        "uuid",
        "state",
        "current_snapshot",
        "path",
        "snapshots",
        NULL,
};

int rows_snapshots(
        Client *client, sd_bus_error *error, const char *domain_path, AppendFilters filters, Json **ret) {
        g_autoptr(sd_bus_message) m = NULL, reply = NULL;
        g_autoptr(Json) rows = NULL;
        int r = bus_method(client, domain_path, VS_DOMAIN_INTERFACE, "ListSnapshots", &m);

        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0 && filters)
                r = filters(m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_call(client->bus, m, 0, error, &reply);
        if (r >= 0)
                r = json_from_message(reply, &rows);
        if (r < 0)
                return r;
        *ret = json_name_fields(rows, snapshot_fields);
        return 0;
}

int rows_domains(Client *client, sd_bus_error *error, Json **ret) {
        g_autoptr(Json) rows = NULL;
        int r = bus_call(
                client, error, &rows, VS_ROOT_PATH, VS_MANAGER_INTERFACE, "ListDomains", "a{sv}", 0);

        if (r < 0)
                return r;
        *ret = json_name_fields(rows, domain_fields);
        return 0;
}

static int compare_names(const void *a, const void *b) {
        const char *x = json_str(*(Json *const *) a, "name"), *y = json_str(*(Json *const *) b, "name");
        int r = g_ascii_strcasecmp(x, y);

        return r ? r : strcmp(x, y);
}

void rows_sort(Json *rows) {
        json_object_array_sort(rows, compare_names);
}

void rows_parents(Json *rows, size_t *parents) {
        g_autoptr(GHashTable) index = g_hash_table_new(g_str_hash, g_str_equal);

        for (size_t i = 0; i < json_len(rows); i++)
                g_hash_table_insert(
                        index, (char *) json_str(json_at(rows, i), "name"), GSIZE_TO_POINTER(i + 1));
        for (size_t i = 0; i < json_len(rows); i++) {
                gpointer found = g_hash_table_lookup(index, json_str(json_at(rows, i), "parent"));

                parents[i] = found ? GPOINTER_TO_SIZE(found) - 1 : TREE_NONE;
        }
}

void print_value(const char *value) {
        g_autofree char *escaped = isatty(STDOUT_FILENO) ? text_escape(value) : NULL;

        puts(escaped ? escaped : value);
}

void say_if_disconnected(Client *client) {
        g_autoptr(Json) properties = NULL;
        g_autofree char *uri = NULL;

        if (bus_get_all(client, NULL, &properties, VS_ROOT_PATH, VS_MANAGER_INTERFACE) < 0 ||
                json_flag(properties, "connected"))
                return;
        uri = text_escape(json_str(properties, "connection_uri"));
        say("virtsnapd has no connection to libvirt (%s) at the moment: its domains are not known.", uri);
}
