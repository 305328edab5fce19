/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/bar.h"

#include <glib.h>

#include "client/format.h"
#include "client/text.h"

#define BAR_COLUMNS_MAX 30U
#define BAR_COLUMNS_MIN 8U

/* Another service of our name may say anything, and not a number, too. */
static double within(double progress) {
        return progress >= 0 && progress <= 1 ? progress : 0;
}

static void append_blocks(GString *out, double progress, unsigned columns) {
        static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
        unsigned filled = (unsigned) (progress * columns * 8), drawn = filled / 8;

        g_string_append(out, "▕");
        for (unsigned i = 0; i < drawn; i++)
                g_string_append(out, "█");
        if (filled % 8 != 0) {
                g_string_append(out, eighths[filled % 8]);
                drawn++;
        }
        g_string_append_printf(out, "%*s▏", (int) (columns - drawn), "");
}

static void append_hashes(GString *out, double progress, unsigned columns) {
        unsigned filled = (unsigned) (progress * columns);

        g_string_append_c(out, '[');
        for (unsigned i = 0; i < columns; i++)
                g_string_append_c(out, i < filled ? '#' : '.');
        g_string_append_c(out, ']');
}

/* What stands behind the bar, the most important first. */
static void collect_details(const Bar *bar, GPtrArray *details) {
        /* Rounded down: 100 % is for what is done. */
        g_ptr_array_add(details, g_strdup_printf("%3u%%", (unsigned) (within(bar->progress) * 100)));
        if (bar->left_usec > 0) {
                g_autofree char *left = format_span(bar->left_usec);
                g_ptr_array_add(details, g_strdup_printf("%s left", left));
        }
        if (bar->rate > 0) {
                g_autofree char *rate = format_bytes(bar->rate);
                g_ptr_array_add(details, g_strdup_printf("%s/s", rate));
        }
        if (bar->bytes_total > 0) {
                g_autofree char *done = format_bytes(bar->bytes_done),
                                *total = format_bytes(bar->bytes_total);
                g_ptr_array_add(details, g_strdup_printf("%s of %s", done, total));
        }
        if (*bar->phase)
                g_ptr_array_add(details, g_strdup(bar->phase));
}

/* Cut a string down to some columns, by characters. */
static void cut(GString *line, unsigned columns) {
        while (line->len > 0 && text_width(line->str) > columns) {
                const char *last = g_utf8_find_prev_char(line->str, line->str + line->len);
                g_string_truncate(line, last ? (gsize) (last - line->str) : 0);
        }
}

char *bar_format(const Bar *bar, unsigned columns, bool utf8) {
        g_autoptr(GPtrArray) details = g_ptr_array_new_with_free_func(g_free);
        double progress = within(bar->progress);
        GString *line = g_string_new(bar->label);
        size_t used;
        unsigned room;

        collect_details(bar, details);
        g_string_append_c(line, ' ');
        /* The bar and the percentage behind it come before every other detail. */
        used = text_width(line->str) + 2 + 5;
        room = columns > used ? (unsigned) MIN(columns - used, BAR_COLUMNS_MAX) : 0;
        if (columns < 100)
                room = MIN(room, MAX(columns / 5, BAR_COLUMNS_MIN));
        if (room >= BAR_COLUMNS_MIN) {
                if (utf8)
                        append_blocks(line, progress, room);
                else
                        append_hashes(line, progress, room);
                g_string_append_c(line, ' ');
        }
        for (guint i = 0; i < details->len; i++) {
                const char *detail = g_ptr_array_index(details, i);
                const char *gap = i > 0 ? "  " : "";

                if (text_width(line->str) + strlen(gap) + text_width(detail) <= columns)
                        g_string_append_printf(line, "%s%s", gap, detail);
        }
        cut(line, columns);
        return g_string_free(line, FALSE);
}
