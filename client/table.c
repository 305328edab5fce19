/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/table.h"

#include "client/text.h"

typedef struct Cell {
        char *text;
        size_t width;
} Cell;

struct Table {
        size_t n_columns;
        GArray *cells; /* of Cell, the titles first */
};

static void cell_clear(void *p) {
        g_free(((Cell *) p)->text);
}

Table *table_new(const char *const *titles) {
        Table *table = g_new0(Table, 1);

        table->cells = g_array_new(FALSE, FALSE, sizeof(Cell));
        g_array_set_clear_func(table->cells, cell_clear);
        for (; *titles; titles++, table->n_columns++)
                table_add(table, *titles);
        return table;
}

Table *table_free(Table *table) {
        if (table) {
                g_array_unref(table->cells);
                g_free(table);
        }
        return NULL;
}

void table_add(Table *table, const char *cell) {
        char *text = text_escape(cell);
        Cell c = { .text = text, .width = text_width(text) };

        g_array_append_val(table->cells, c);
}

void table_add_take(Table *table, char *cell) {
        table_add(table, cell);
        g_free(cell);
}

static void print_padding(FILE *stream, int c, size_t n) {
        while (n-- > 0)
                fputc(c, stream);
}

static void print_row(const Table *table, const size_t *widths, const Cell *row, FILE *stream) {
        fputc(' ', stream);
        for (size_t i = 0; i < table->n_columns; i++) {
                fputs(row[i].text, stream);
                if (i + 1 < table->n_columns)
                        print_padding(stream, ' ', widths[i] - row[i].width + 3);
        }
        fputc('\n', stream);
}

void table_print(const Table *table, FILE *stream) {
        g_autofree size_t *widths = g_new0(size_t, table->n_columns);
        const Cell *cells = (const Cell *) (const void *) table->cells->data;
        size_t n_rows = table->cells->len / table->n_columns, total = 0;

        for (size_t i = 0; i < n_rows * table->n_columns; i++)
                widths[i % table->n_columns] = MAX(widths[i % table->n_columns], cells[i].width);
        for (size_t i = 0; i < table->n_columns; i++)
                total += widths[i] + 3;

        print_row(table, widths, cells, stream);
        print_padding(stream, '-', total);
        fputc('\n', stream);
        for (size_t i = 1; i < n_rows; i++)
                print_row(table, widths, cells + i * table->n_columns, stream);
}
