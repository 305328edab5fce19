/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/rows.h"
#include "client/say.h"
#include "client/table.h"
#include "client/verb.h"

static int run_domains(Client *client, const Verb *verb, char **args) {
        static const char *const titles[] = { "Name", "State", "Current", "Snapshots", NULL };
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autoptr(Table) table = table_new(titles);
        g_autoptr(Json) rows = NULL;
        int r = rows_domains(client, &error, &rows);

        if (r < 0)
                return fail_bus(&error, r, "list the domains");
        rows_sort(rows);
        if (json_len(rows) == 0)
                say_if_disconnected(client);
        if (client->json) {
                json_print(rows);
                return STATUS_DONE;
        }
        for (size_t i = 0; i < json_len(rows); i++) {
                Json *row = json_at(rows, i);
                const char *current = json_str(row, "current_snapshot");

                table_add(table, json_str(row, "name"));
                table_add(table, json_str(row, "state"));
                table_add(table, *current ? current : "-");
                table_add(table, json_str(row, "snapshots"));
        }
        table_print(table, stdout);
        return STATUS_DONE;
}

const Verb verb_domains = {
        .name = "domains",
        .synopsis = "",
        .summary = "List the domains",
        .group = GROUP_LOOK,
        .run = run_domains,
};
