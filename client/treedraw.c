/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/treedraw.h"

#include <glib.h>

typedef struct Drawing {
        size_t *first_child, *next; /* per node, TREE_NONE at the end */
        TreeStyle style;
        TreeLine line;
        void *userdata;
        GString *indent;
} Drawing;

/* Returns the first root. */
static size_t link_siblings(const size_t *parents, size_t n, size_t *first_child, size_t *next) {
        size_t first_root = TREE_NONE;

        for (size_t i = 0; i < n; i++)
                first_child[i] = TREE_NONE;
        for (size_t i = n; i-- > 0;) {
                size_t *head = parents[i] == TREE_NONE ? &first_root : &first_child[parents[i]];

                next[i] = *head;
                *head = i;
        }
        return first_root;
}

/* The line in between that virsh draws, for all that a picture of text needs: a bar goes on, or a branch
 * ends. */
static void draw_ascii(Drawing *d, size_t node, bool is_root, bool is_last) {
        size_t length = d->indent->len, child = d->first_child[node];

        g_string_append(d->indent, is_root ? "" : "+- ");
        d->line(d->userdata, d->indent->str, node);
        g_string_truncate(d->indent, length);

        if (!is_root)
                g_string_append(d->indent, is_last ? "  " : "| ");
        g_string_append(d->indent, "  ");
        if (child != TREE_NONE) {
                g_string_append_c(d->indent, '|');
                d->line(d->userdata, d->indent->str, TREE_NONE);
                g_string_truncate(d->indent, d->indent->len - 1);
        }
        for (; child != TREE_NONE; child = d->next[child])
                draw_ascii(d, child, false, d->next[child] == TREE_NONE);
        g_string_truncate(d->indent, d->indent->len - 2);
        if (d->first_child[node] == TREE_NONE && is_last)
                d->line(d->userdata, d->indent->str, TREE_NONE);
        g_string_truncate(d->indent, length);
}

static void draw_lines(Drawing *d, size_t node, bool is_root, bool is_last) {
        size_t length = d->indent->len;

        if (!is_root)
                g_string_append(d->indent, is_last ? "└─ " : "├─ ");
        d->line(d->userdata, d->indent->str, node);
        g_string_truncate(d->indent, length);

        if (!is_root)
                g_string_append(d->indent, is_last ? "   " : "│  ");
        for (size_t child = d->first_child[node]; child != TREE_NONE; child = d->next[child])
                draw_lines(d, child, false, d->next[child] == TREE_NONE);
        g_string_truncate(d->indent, length);
}

void tree_draw(const size_t *parents, size_t n, TreeStyle style, TreeLine line, void *userdata) {
        g_autofree size_t *first_child = g_new(size_t, n + 1), *next = g_new(size_t, n + 1);
        g_autoptr(GString) indent = g_string_new(NULL);
        Drawing d = {
                .first_child = first_child,
                .next = next,
                .style = style,
                .line = line,
                .userdata = userdata,
                .indent = indent,
        };

        for (size_t root = link_siblings(parents, n, first_child, next); root != TREE_NONE;
                root = next[root])
                if (style == TREE_ASCII)
                        draw_ascii(&d, root, true, true);
                else
                        draw_lines(&d, root, true, true);
}

void tree_depths(const size_t *parents, size_t n, size_t *depths) {
        g_autofree size_t *first_child = g_new(size_t, n + 1), *next = g_new(size_t, n + 1);
        g_autofree size_t *stack = g_new(size_t, n + 1);
        size_t top = 0;

        for (size_t i = 0; i < n; i++)
                depths[i] = 0;
        for (size_t root = link_siblings(parents, n, first_child, next); root != TREE_NONE;
                root = next[root])
                stack[top++] = root;
        while (top > 0) {
                size_t node = stack[--top];

                for (size_t child = first_child[node]; child != TREE_NONE; child = next[child]) {
                        depths[child] = depths[node] + 1;
                        stack[top++] = child;
                }
        }
}

size_t tree_indent(TreeStyle style, size_t depth) {
        if (depth == 0)
                return 0;
        return style == TREE_LINES ? 3 * depth : 4 * (depth - 1) + 5;
}
