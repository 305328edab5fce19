/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/model/layers.h"

static LayerRef ref_make(const char *path, const char *format, bool block) {
        return (LayerRef){
                .path = g_strdup(path),
                .format = g_strdup(format ?: ""),
                .block = block,
        };
}

static void ref_clear(LayerRef *ref) {
        g_free(ref->path);
        g_free(ref->format);
}

LayerRef *layer_ref_new(const char *path, const char *format, bool block) {
        LayerRef *ref = g_new(LayerRef, 1);

        *ref = ref_make(path, format, block);
        return ref;
}

LayerRef *layer_ref_free(LayerRef *ref) {
        if (!ref)
                return NULL;
        ref_clear(ref);
        g_free(ref);
        return NULL;
}

static void ref_destroy(gpointer ref) {
        layer_ref_free(ref);
}

GPtrArray *layer_ref_array_new(void) {
        return g_ptr_array_new_with_free_func(ref_destroy);
}

LayerMove *layer_move_new(const char *path, const char *format, bool block) {
        LayerMove *move = g_new0(LayerMove, 1);

        move->to = ref_make(path, format, block);
        return move;
}

LayerMove *layer_move_free(LayerMove *move) {
        if (!move)
                return NULL;
        ref_clear(&move->to);
        g_clear_pointer(&move->below, g_ptr_array_unref);
        g_free(move);
        return NULL;
}

static void move_destroy(gpointer move) {
        layer_move_free(move);
}

GHashTable *layer_moves_new(void) {
        return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, move_destroy);
}

MergePlan *merge_plan_free(MergePlan *plan) {
        if (!plan)
                return NULL;
        ref_clear(&plan->base);
        ref_clear(&plan->top);
        g_clear_pointer(&plan->lost, g_ptr_array_unref);
        g_clear_pointer(&plan->moved, g_ptr_array_unref);
        g_clear_pointer(&plan->moves, g_hash_table_unref);
        g_clear_pointer(&plan->unlink, g_ptr_array_unref);
        g_clear_pointer(&plan->left, g_ptr_array_unref);
        g_free(plan);
        return NULL;
}
