/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Trees as lines of text.  Pure: knows shapes, not what hangs in them. */

typedef enum TreeStyle {
        TREE_ASCII, /* to the letter as virsh draws them */
        TREE_LINES, /* with the box characters of Unicode, no lines in between */
} TreeStyle;

/* No node: a root's parent, and the lines in between of TREE_ASCII. */
#define TREE_NONE ((size_t) -1)

/* prefix is what is drawn before the node, valid for this call. */
typedef void (*TreeLine)(void *userdata, const char *prefix, size_t node);

/* Walk the forest depth first, roots and siblings in the order of the array, one call a line.  parents[i] is
 * the index of i's parent or TREE_NONE.  What hangs in a circle has no root and is not drawn. */
void tree_draw(const size_t *parents, size_t n, TreeStyle style, TreeLine line, void *userdata);

/* How far below its root each node hangs, into depths[n]; 0 in a circle. */
void tree_depths(const size_t *parents, size_t n, size_t *depths);

/* Columns before a node of this depth. */
size_t tree_indent(TreeStyle style, size_t depth);
