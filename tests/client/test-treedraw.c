/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "client/treedraw.h"

typedef struct Drawn {
        const char *const *names;
        GString *text;
} Drawn;

static void line(void *userdata, const char *prefix, size_t node) {
        Drawn *drawn = userdata;

        g_string_append_printf(drawn->text, "%s%s\n", prefix, node == TREE_NONE ? "" : drawn->names[node]);
}

static void check(
        const size_t *parents, const char *const *names, size_t n, TreeStyle style, const char *expected) {
        Drawn drawn = { .names = names, .text = g_string_new(NULL) };

        tree_draw(parents, n, style, line, &drawn);
        g_assert_cmpstr(drawn.text->str, ==, expected);
        g_string_free(drawn.text, TRUE);
}

/* Two branches below base, one of them forking again; a second root. */
static const char *const names[] = { "base", "p1", "p2", "q1", "r1", "solo" };
static const size_t parents[] = { TREE_NONE, 0, 1, 1, 0, TREE_NONE };

/* What virsh snapshot-list --tree prints, to the letter. */
static void test_ascii(void) {
        check(parents, names, G_N_ELEMENTS(names), TREE_ASCII,
                "base\n"
                "  |\n"
                "  +- p1\n"
                "  |   |\n"
                "  |   +- p2\n"
                "  |   +- q1\n"
                "  |     \n"
                "  +- r1\n"
                "    \n"
                "solo\n"
                "\n");
}

static void test_lines(void) {
        check(parents, names, G_N_ELEMENTS(names), TREE_LINES,
                "base\n"
                "├─ p1\n"
                "│  ├─ p2\n"
                "│  └─ q1\n"
                "└─ r1\n"
                "solo\n");
}

static void test_nothing(void) {
        check(NULL, NULL, 0, TREE_LINES, "");
        check(NULL, NULL, 0, TREE_ASCII, "");
}

static void test_circle(void) {
        static const size_t circle[] = { 1, 0, TREE_NONE };
        static const char *const circle_names[] = { "a", "b", "c" };
        size_t depths[3];

        check(circle, circle_names, 3, TREE_LINES, "c\n");
        tree_depths(circle, 3, depths);
        g_assert_cmpuint(depths[0], ==, 0);
}

/* Children may stand before their parents in the array. */
static void test_depths(void) {
        static const size_t shuffled[] = { 2, 0, TREE_NONE, 2 };
        static const size_t expected[] = { 1, 2, 0, 1 };
        size_t depths[4];

        tree_depths(shuffled, 4, depths);
        for (size_t i = 0; i < 4; i++)
                g_assert_cmpuint(depths[i], ==, expected[i]);
        g_assert_cmpuint(tree_indent(TREE_LINES, 2), ==, 6);
        g_assert_cmpuint(tree_indent(TREE_ASCII, 0), ==, 0);
        g_assert_cmpuint(tree_indent(TREE_ASCII, 1), ==, 5);
        g_assert_cmpuint(tree_indent(TREE_ASCII, 2), ==, 9);
}

static void count_line(void *userdata, const char *prefix, size_t node) {
        size_t *lines = userdata;

        (*lines)++;
}

/* As deep as libvirt lets it be. */
static void test_deep(void) {
        size_t n = 16384, lines = 0;
        g_autofree size_t *chain = g_new(size_t, n);

        for (size_t i = 0; i < n; i++)
                chain[i] = i == 0 ? TREE_NONE : i - 1;
        tree_draw(chain, n, TREE_LINES, count_line, &lines);
        g_assert_cmpuint(lines, ==, n);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/treedraw/ascii", test_ascii);
        g_test_add_func("/treedraw/lines", test_lines);
        g_test_add_func("/treedraw/nothing", test_nothing);
        g_test_add_func("/treedraw/circle", test_circle);
        g_test_add_func("/treedraw/depths", test_depths);
        g_test_add_func("/treedraw/deep", test_deep);
        return g_test_run();
}
