/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "daemon/base/error.h"
#include "daemon/model/layers.h"

/*
 * What a merge inside the chain of a running domain does to everything else.
 *
 * A commit writes into base: from then on base holds what top held.  Whoever read base, or a layer between,
 * reads something else (that is lost); whoever read top finds it in base (that moves); whoever reads through
 * these layers from outside of the chain would be corrupted (that is refused).  A pull writes into the head
 * only, and changes nothing of what it holds: layers leave the chain, and their files stay as they were.
 */
typedef struct Merge {
        LayerGraph *graph;
        const char *uuid, *disk;
        GPtrArray *chain; /* of Layer, top first */
        unsigned top, base; /* indices into it; base == chain->len: below the bottom */
} Merge;

static void merge_clear(Merge *merge) {
        g_clear_pointer(&merge->chain, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Merge, merge_clear)

static Layer *at(const Merge *merge, unsigned i) {
        return merge->chain->pdata[i];
}

static bool is_own(const Merge *merge, const LayerPin *pin) {
        return strcmp(pin->owner.domain_uuid, merge->uuid) == 0;
}

static bool is_own_head(const Merge *merge, const LayerPin *pin) {
        return pin->kind == PIN_HEAD && is_own(merge, pin) && g_strcmp0(pin->disk, merge->disk) == 0;
}

static bool has_internal(const Layer *layer) {
        for (unsigned i = 0; i < layer->pins->len; i++)
                if (((const LayerPin *) layer->pins->pdata[i])->kind == PIN_INTERNAL)
                        return true;
        return layer->internal_snapshots > 0;
}

/* Finding the layers. */

static bool not_in_chain(const Merge *merge, const char *what, const char *name, GError **error) {
        g_autoptr(GString) text = g_string_new(NULL);

        for (unsigned i = 0; i < merge->chain->len; i++)
                g_string_append_printf(text, "%s'%s'", i > 0 ? ", " : "", at(merge, i)->path);
        return vs_fail(error, VS_ERR_INVALID_PATH,
                "The %s '%s' is not in the chain of disk '%s', which is, top first: %s", what, name,
                merge->disk, text->str);
}

static bool find_in_chain(
        const Merge *merge, const char *what, const char *name, unsigned *ret, GError **error) {
        const Layer *layer = layer_graph_find(merge->graph, name);

        if (!layer || !g_ptr_array_find(merge->chain, layer, ret))
                return not_in_chain(merge, what, name, error);
        return true;
}

static bool is_given(const char *name) {
        return name && name[0];
}

static bool is_complete(const Merge *merge) {
        return !at(merge, merge->chain->len - 1)->backing_name;
}

static bool check_complete(const Merge *merge, GError **error) {
        const Layer *last = at(merge, merge->chain->len - 1);

        if (is_complete(merge))
                return true;
        return vs_fail(error, VS_ERR_BROKEN, "The backing file '%s' of '%s' cannot be found",
                last->backing_name, last->path);
}

/* An end that is left open is where the chain ends. */
static bool find_base(Merge *merge, const char *base, unsigned end, GError **error) {
        if (is_given(base))
                return find_in_chain(merge, "base", base, &merge->base, error);
        merge->base = end;
        return check_complete(merge, error);
}

/* What stands in the way. */

static char *describe_owner(const LayerPin *pin) {
        if (pin->owner.snapshot)
                return g_strdup_printf(
                        "snapshot '%s' of domain '%s'", pin->owner.snapshot, pin->owner.domain);
        if (pin->kind == PIN_MANAGED_SAVE)
                return g_strdup_printf("the saved state of domain '%s'", pin->owner.domain);
        return g_strdup_printf("disk '%s' of domain '%s'", pin->disk ?: "?", pin->owner.domain);
}

typedef bool (*LayerVisit)(const Merge *merge, const Layer *layer, GError **error);

/* Every layer that reads through this one, each once, itself not among them. */
static bool visit_descendants(const Merge *merge, const Layer *layer, LayerVisit visit, GError **error) {
        g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
        g_autoptr(GPtrArray) todo = g_ptr_array_new();

        g_hash_table_add(seen, (gpointer) layer);
        g_ptr_array_extend(todo, layer->children, NULL, NULL);
        while (todo->len > 0) {
                Layer *next = g_ptr_array_steal_index_fast(todo, todo->len - 1);

                if (!g_hash_table_add(seen, next))
                        continue;
                if (!visit(merge, next, error))
                        return false;
                g_ptr_array_extend(todo, next->children, NULL, NULL);
        }
        return true;
}

/* The first to need anything of a branch, for a message. */
static bool find_need(const Merge *merge, const Layer *layer, GError **error) {
        g_autofree char *owner = NULL;

        if (layer->pins->len == 0)
                return true;
        owner = describe_owner(layer->pins->pdata[0]);
        return vs_fail(error, VS_ERR_WOULD_LOSE_DATA, "needed by %s", owner);
}

static bool refuse_branch(const Merge *merge, const Layer *layer, const Layer *child, GError **error) {
        g_autoptr(GError) need = NULL;

        if (find_need(merge, child, &need))
                visit_descendants(merge, child, find_need, &need);
        return vs_fail(error, VS_ERR_WOULD_LOSE_DATA,
                "The image '%s' backs on '%s' and would be corrupted; it is %s. %s", child->path,
                layer->path, need ? need->message : "not needed by any domain or snapshot",
                need ? "Delete what needs it first, or give it a copy of its own"
                     : "Remove it first if it is not wanted");
}

static bool check_children(const Merge *merge, GError **error) {
        for (unsigned i = merge->top; i <= merge->base; i++) {
                const Layer *layer = at(merge, i), *above = i > 0 ? at(merge, i - 1) : NULL;

                for (unsigned c = 0; c < layer->children->len; c++)
                        if (layer->children->pdata[c] != above)
                                return refuse_branch(merge, layer, layer->children->pdata[c], error);
        }
        return true;
}

static bool refuse_pin(const Layer *layer, const LayerPin *pin, GError **error) {
        g_autofree char *owner = describe_owner(pin);

        return vs_fail(error, VS_ERR_WOULD_LOSE_DATA,
                "The image '%s' is needed by %s, which would be corrupted", layer->path, owner);
}

/* Only our own snapshots may be touched by a merge, and the head that it is for. */
static bool check_pins(const Merge *merge, const Layer *layer, GError **error) {
        for (unsigned i = 0; i < layer->pins->len; i++) {
                const LayerPin *pin = layer->pins->pdata[i];

                if (pin->kind == PIN_MANAGED_SAVE || !is_own(merge, pin) ||
                        (pin->kind == PIN_HEAD && (!is_own_head(merge, pin) || layer != at(merge, 0))))
                        return refuse_pin(layer, pin, error);
        }
        return true;
}

static bool check_no_internal(const Merge *merge, const Layer *layer, GError **error) {
        if (!has_internal(layer))
                return true;
        return vs_fail(error, VS_ERR_NOT_SUPPORTED,
                "The image '%s' holds internal snapshots, which need the layers below it as they are; "
                "delete those first",
                layer->path);
}

static bool check_commit_descendant(const Merge *merge, const Layer *layer, GError **error) {
        return check_pins(merge, layer, error) && check_no_internal(merge, layer, error);
}

/* Base keeps its size when what is committed into it is smaller, and the guest's disk would grow. */
static bool check_sizes(const Merge *merge, GError **error) {
        const Layer *base = at(merge, merge->base), *top = at(merge, merge->top);

        for (unsigned i = merge->top; i < merge->base; i++)
                if (at(merge, i)->virtual_size < base->virtual_size)
                        return vs_fail(error, VS_ERR_NOT_SUPPORTED,
                                "The image '%s' is smaller than '%s', into which it would be committed: "
                                "pull instead",
                                at(merge, i)->path, base->path);
        if (top->virtual_size <= base->virtual_size)
                return true;
        if (base->block)
                return vs_fail(error, VS_ERR_NOT_SUPPORTED,
                        "'%s' is a block device and cannot grow to the size of '%s'", base->path, top->path);
        if (base->old_format && has_internal(base))
                return vs_fail(error, VS_ERR_NOT_SUPPORTED,
                        "'%s' is an old qcow2 image with internal snapshots and cannot grow to the size of "
                        "'%s'",
                        base->path, top->path);
        return true;
}

/* The plan. */

static LayerOwner *owner_copy(const LayerOwner *owner) {
        LayerOwner *copy = g_new(LayerOwner, 1);

        *copy = (LayerOwner){
                .domain_uuid = g_strdup(owner->domain_uuid),
                .domain = g_strdup(owner->domain),
                .snapshot = g_strdup(owner->snapshot),
        };
        return copy;
}

static void owner_destroy(gpointer data) {
        LayerOwner *owner = data;

        g_free(owner->domain_uuid);
        g_free(owner->domain);
        g_free(owner->snapshot);
        g_free(owner);
}

static bool has_snapshot(GPtrArray *owners, const char *snapshot) {
        for (unsigned i = 0; i < owners->len; i++)
                if (strcmp(((const LayerOwner *) owners->pdata[i])->snapshot, snapshot) == 0)
                        return true;
        return false;
}

/* The external snapshots of this domain on a layer, each once, but for those that are in except. */
static void add_snapshots(const Merge *merge, const Layer *layer, GPtrArray *except, GPtrArray *owners) {
        for (unsigned i = 0; i < layer->pins->len; i++) {
                const LayerPin *pin = layer->pins->pdata[i];

                if (pin->kind == PIN_STATE && is_own(merge, pin) &&
                        !has_snapshot(owners, pin->owner.snapshot) &&
                        (!except || !has_snapshot(except, pin->owner.snapshot)))
                        g_ptr_array_add(owners, owner_copy(&pin->owner));
        }
}

static MergePlan *plan_new(bool pull) {
        MergePlan *plan = g_new0(MergePlan, 1);

        plan->pull = pull;
        plan->lost = g_ptr_array_new_with_free_func(owner_destroy);
        plan->moved = g_ptr_array_new_with_free_func(owner_destroy);
        plan->moves = layer_moves_new();
        plan->unlink = g_ptr_array_new_with_free_func(g_free);
        plan->left = g_ptr_array_new_with_free_func(g_free);
        return plan;
}

static void set_ref(LayerRef *ref, const Layer *layer) {
        *ref = (LayerRef){
                .path = g_strdup(layer->path),
                .format = g_strdup(layer->format),
                .block = layer->block,
        };
}

/* The layers from an index on, as definitions name them. */
static GPtrArray *chain_from(const Merge *merge, unsigned i) {
        GPtrArray *refs = layer_ref_array_new();

        for (; i < merge->chain->len; i++) {
                const Layer *layer = at(merge, i);

                g_ptr_array_add(refs, layer_ref_new(layer->path, layer->format, layer->block));
        }
        return refs;
}

/* Whatever names a layer has to name another one from now on, on the chain from an index on. */
static void add_moves(
        const Merge *merge, const Layer *from, const Layer *to, unsigned below, MergePlan *plan) {
        for (unsigned i = 0; i < from->paths->len; i++) {
                LayerMove *move = layer_move_new(to->path, to->format, to->block);

                move->below = chain_from(merge, below);
                move->open = !is_complete(merge);
                move->user = !to->overlay;
                g_hash_table_insert(plan->moves, g_strdup(from->paths->pdata[i]), move);
        }
}

static bool check_lost(const MergePlan *plan, bool force, GError **error) {
        g_autoptr(GString) names = g_string_new(NULL);

        if (plan->lost->len == 0 || force)
                return true;
        for (unsigned i = 0; i < plan->lost->len; i++)
                g_string_append_printf(names, "%s'%s'", i > 0 ? ", " : "",
                        ((const LayerOwner *) plan->lost->pdata[i])->snapshot);
        return vs_fail(error, VS_ERR_WOULD_LOSE_DATA,
                "The content of these snapshots ends with the merge: %s. With force they are deleted",
                names->str);
}

static MergePlan *make_commit(const Merge *merge) {
        const Layer *base = at(merge, merge->base), *top = at(merge, merge->top);
        MergePlan *plan = plan_new(false);

        plan->active = merge->top == 0;
        set_ref(&plan->base, base);
        set_ref(&plan->top, top);
        for (unsigned i = merge->top + 1; i <= merge->base; i++)
                add_snapshots(merge, at(merge, i), NULL, plan->lost);
        add_snapshots(merge, top, plan->lost, plan->moved);
        for (unsigned i = merge->top; i < merge->base; i++) {
                const Layer *layer = at(merge, i);

                plan->bytes += layer->allocated;
                add_moves(merge, layer, base, merge->base + 1, plan);
                g_ptr_array_add(layer->overlay ? plan->unlink : plan->left, g_strdup(layer->path));
        }
        return plan;
}

bool layer_graph_plan_commit(LayerGraph *graph, const char *domain_uuid, const char *disk, const char *base,
        const char *top, bool force, MergePlan **ret, GError **error) {
        g_auto(Merge) merge = { .graph = graph, .uuid = domain_uuid, .disk = disk };
        g_autoptr(MergePlan) plan = NULL;

        if (!layer_graph_chain(graph, domain_uuid, disk, &merge.chain, error))
                return false;
        if (is_given(top) && !find_in_chain(&merge, "top", top, &merge.top, error))
                return false;
        if (!find_base(&merge, base, merge.chain->len - 1, error))
                return false;
        if (merge.base <= merge.top)
                return vs_fail(error, VS_ERR_INVALID_PATH, "The base '%s' is not below the top '%s'",
                        at(&merge, merge.base)->path, at(&merge, merge.top)->path);
        if (!check_children(&merge, error) || !check_pins(&merge, at(&merge, merge.base), error) ||
                !visit_descendants(&merge, at(&merge, merge.base), check_commit_descendant, error) ||
                !check_sizes(&merge, error))
                return false;
        plan = make_commit(&merge);
        if (!check_lost(plan, force, error))
                return false;
        *ret = g_steal_pointer(&plan);
        return true;
}

/* Whether only the layer above it in the chain backs on a layer. */
static bool is_in_chain_only(const Merge *merge, unsigned i) {
        const Layer *layer = at(merge, i);

        for (unsigned c = 0; c < layer->children->len; c++)
                if (layer->children->pdata[c] != at(merge, i - 1))
                        return false;
        return true;
}

static MergePlan *make_pull(const Merge *merge) {
        const Layer *head = at(merge, 0);
        MergePlan *plan = plan_new(true);
        bool above_is_gone = true; /* the head itself backs on base by then */

        set_ref(&plan->top, head);
        if (merge->base < merge->chain->len)
                set_ref(&plan->base, at(merge, merge->base));
        add_moves(merge, head, head, merge->base, plan);
        for (unsigned i = 1; i < merge->base; i++) {
                const Layer *layer = at(merge, i);
                bool unused = layer->pins->len == 0 && is_in_chain_only(merge, i);

                plan->bytes += layer->allocated;
                if (unused && !layer->overlay)
                        g_ptr_array_add(plan->left, g_strdup(layer->path));
                above_is_gone = above_is_gone && unused && layer->overlay;
                if (above_is_gone) {
                        g_ptr_array_add(plan->unlink, g_strdup(layer->path));
                        add_moves(merge, layer, head, merge->base, plan);
                }
        }
        return plan;
}

static bool check_pull_descendant(const Merge *merge, const Layer *layer, GError **error) {
        for (unsigned i = 0; i < layer->pins->len; i++) {
                const LayerPin *pin = layer->pins->pdata[i];

                if (pin->kind == PIN_MANAGED_SAVE)
                        return refuse_pin(layer, pin, error);
        }
        return check_no_internal(merge, layer, error);
}

static bool check_pull(const Merge *merge, GError **error) {
        if (merge->base < 2)
                return vs_fail(error, VS_ERR_INVALID_PATH,
                        "There is nothing between the head of disk '%s' and its base", merge->disk);
        for (unsigned i = 1; i < merge->base; i++)
                if (!check_no_internal(merge, at(merge, i), error))
                        return false;
        return check_pull_descendant(merge, at(merge, 0), error) &&
                visit_descendants(merge, at(merge, 0), check_pull_descendant, error);
}

bool layer_graph_plan_pull(LayerGraph *graph, const char *domain_uuid, const char *disk, const char *base,
        MergePlan **ret, GError **error) {
        g_auto(Merge) merge = { .graph = graph, .uuid = domain_uuid, .disk = disk };

        if (!layer_graph_chain(graph, domain_uuid, disk, &merge.chain, error) ||
                !find_base(&merge, base, merge.chain->len, error) || !check_pull(&merge, error))
                return false;
        *ret = make_pull(&merge);
        return true;
}
