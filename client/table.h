/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include <glib.h>

/* A table in virsh's looks: a title line, a line of dashes, three spaces between columns as wide as their
 * widest cell.  Cells are text of others: they are escaped here, and here only. */
typedef struct Table Table;

/* titles: NULL-terminated, static. */
Table *table_new(const char *const *titles);
Table *table_free(Table *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, table_free)

/* Add the next cell, rows filling from the left.  The string is copied. */
void table_add(Table *table, const char *cell);
void table_add_take(Table *table, char *cell); /* g_free()s it */

void table_print(const Table *table, FILE *stream);
