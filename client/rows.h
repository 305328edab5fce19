/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/bus.h"

/* The daemon's lists as arrays of objects with named fields, and what several verbs make of them. */

/* name, path, parent, creation_time, state, location, current, children of the snapshots at a domain's path.
 * filters is NULL or a function that appends entries to the open a{sv}.  0 or a negative errno. */
typedef int (*AppendFilters)(sd_bus_message *m);
int rows_snapshots(
        Client *client, sd_bus_error *error, const char *domain_path, AppendFilters filters, Json **ret);

/* name, uuid, state, current_snapshot, path, snapshots. */
int rows_domains(Client *client, sd_bus_error *error, Json **ret);

/* Sort by "name" as virsh does: without regard to case. */
void rows_sort(Json *rows);

/* The index of each row's "parent" among the rows, TREE_NONE where it is not there.  parents[n]. */
void rows_parents(Json *rows, size_t *parents);

/* Print one value on a line of its own: escaped for a terminal, as it is for everybody else. */
void print_value(const char *value);

/* Say so when a list may be empty because libvirt is away. */
void say_if_disconnected(Client *client);
