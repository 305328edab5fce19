/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <locale.h>
#include <math.h>
#include <string.h>

#include <glib.h>

#include "client/bar.h"
#include "client/format.h"
#include "client/text.h"

static const Bar example = {
        .label = "web1 vda",
        .phase = "copying",
        .progress = 0.456,
        .bytes_done = 128 << 20,
        .bytes_total = 256 << 20,
        .rate = 10 << 20,
        .left_usec = 13 * USEC_PER_SEC,
};

static void test_full(void) {
        g_autofree char *line = bar_format(&example, 120, false);

        g_assert_cmpstr(line, ==,
                "web1 vda [#############.................]  45%  0:13 left  10.0 MiB/s  "
                "128.0 MiB of 256.0 MiB  copying");
}

static void test_unknown(void) {
        const Bar bar = { .label = "web1", .phase = "" };
        g_autofree char *line = bar_format(&bar, 120, false);

        g_assert_cmpstr(line, ==, "web1 [..............................]   0%");
}

/* Whatever the width, it fits, and what matters most is there. */
static void test_widths(void) {
        for (unsigned columns = 1; columns < 150; columns++)
                for (unsigned utf8 = 0; utf8 <= (unsigned) text_locale_is_utf8(); utf8++) {
                        g_autofree char *line = bar_format(&example, columns, utf8);

                        g_assert_cmpuint(text_width(line), <=, columns);
                        if (columns >= 15)
                                g_assert_nonnull(strstr(line, "45%"));
                }
}

/* Neither a rounded 100 % before the end, nor a crash over what no daemon should send. */
static void test_extremes(void) {
        const double values[] = { 0, 0.9999, 1, -1, 2, NAN, INFINITY };

        for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
                Bar bar = example;
                g_autofree char *line = NULL, *blocks = NULL;

                bar.progress = values[i];
                line = bar_format(&bar, 80, false);
                blocks = bar_format(&bar, 80, true);
                g_assert_cmpuint(text_width(line), <=, 80);
                g_assert_true(g_utf8_validate(blocks, -1, NULL));
                g_assert_true((strstr(line, "100%") != NULL) == (values[i] == 1));
        }
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        if (!setlocale(LC_ALL, "C.UTF-8"))
                g_test_message("no UTF-8 locale");
        g_test_add_func("/bar/full", test_full);
        g_test_add_func("/bar/unknown", test_unknown);
        g_test_add_func("/bar/widths", test_widths);
        g_test_add_func("/bar/extremes", test_extremes);
        return g_test_run();
}
