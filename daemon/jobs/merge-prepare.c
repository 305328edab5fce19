/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "daemon/base/error.h"
#include "daemon/jobs/merge-work.h"
#include "daemon/virt/domain-xml.h"
#include "daemon/virt/read.h"
#include "daemon/virt/virt-error.h"

/* Room that is left on a file system in any case. */
#define RESERVE_BYTES (64U * 1024U * 1024U)

/* libvirt hands QEMU the chain that a definition lists, whatever the images' headers say: a plan made from
 * the headers is only good where both tell the same. */
static bool check_same_chain(
        LayerGraph *graph, const GPtrArray *layers, const GPtrArray *live, GError **error) {
        bool same = layers->len == live->len;

        for (unsigned i = 0; same && i < layers->len; i++) {
                const LayerRef *ref = live->pdata[i];

                same = layer_graph_find(graph, ref->path) == layers->pdata[i];
        }
        return same ||
                vs_fail(error, VS_ERR_BROKEN,
                        "The chain that libvirt uses differs from what the images say they back on; stop "
                        "the domain and "
                        "correct the <backingStore> of its definition.");
}

static const char *live_name(LayerGraph *graph, const GPtrArray *live, const char *path) {
        const Layer *layer = path ? layer_graph_find(graph, path) : NULL;

        for (unsigned i = 0; layer && i < live->len; i++) {
                const LayerRef *ref = live->pdata[i];

                if (layer_graph_find(graph, ref->path) == layer)
                        return ref->path;
        }
        return path;
}

/* What grows is the lower image, by what is copied and it does not have yet. */
static bool check_space(LayerGraph *graph, const MergePlan *plan, GError **error) {
        const char *path = plan->pull ? plan->top.path : plan->base.path;
        const Layer *layer = layer_graph_find(graph, path);
        uint64_t need = plan->bytes, missing, room;
        struct statvfs fs;

        if (!layer || *path != '/' || layer->block || statvfs(path, &fs) < 0)
                return true;
        missing = layer->virtual_size > layer->allocated ? layer->virtual_size - layer->allocated : 0;
        need = MIN(need, missing);
        room = (uint64_t) fs.f_bavail * fs.f_frsize;
        if (room >= need && (need == 0 || room - need >= MIN(RESERVE_BYTES, need)))
                return true;
        return vs_fail(error, VS_ERR_NO_SPACE,
                "The merge may need %" G_GUINT64_FORMAT " MiB where %s lies, and only %" G_GUINT64_FORMAT
                " MiB are free.",
                need >> 20, path, room >> 20);
}

static bool is_head(const GPtrArray *layers, LayerGraph *graph, const char *name) {
        return !name || layer_graph_find(graph, name) == layers->pdata[0];
}

/* "shallow" is what lies right below the top. */
static bool shallow_base(const MergeParams *params, LayerGraph *graph, const GPtrArray *layers,
        const char **ret, GError **error) {
        const Layer *top = params->top ? layer_graph_find(graph, params->top) : layers->pdata[0];

        if (!top || !top->backing)
                return vs_fail(error, VS_ERR_INVALID_PATH, "There is nothing below %s to commit into.",
                        params->top ? params->top : "the active layer");
        *ret = top->backing->path;
        return true;
}

static MergePlan *make_plan(const char *uuid, const MergeParams *params, LayerGraph *graph,
        const GPtrArray *layers, GError **error) {
        const char *base = params->base;
        MergePlan *plan = NULL;

        if (params->pull)
                return layer_graph_plan_pull(graph, uuid, params->disk, base, &plan, error) ? plan : NULL;
        if (is_head(layers, graph, params->top) && !params->active) {
                vs_fail(error, VS_ERR_INVALID_ARGS,
                        "The top is the active layer of %s: committing it needs \"active\".", params->disk);
                return NULL;
        }
        if (params->shallow && !shallow_base(params, graph, layers, &base, error))
                return NULL;
        return layer_graph_plan_commit(
                       graph, uuid, params->disk, base, params->top, params->force, &plan, error)
                ? plan
                : NULL;
}

/* The creation time identifies a snapshot in the store; libvirt's name alone does not. */
static bool take_lost(const char *uuid, const MergeParams *params, const MergePlan *plan, MergeWork *into,
        GError **error) {
        for (unsigned i = 0; i < plan->lost->len; i++) {
                const LayerOwner *owner = plan->lost->pdata[i];
                const SnapshotRecord *record =
                        facts_snapshot(params->facts, owner->domain_uuid, owner->snapshot);

                if (!record || strcmp(owner->domain_uuid, uuid) != 0)
                        return vs_fail(error, VS_ERR_WOULD_LOSE_DATA,
                                "The merge would destroy the snapshot %s of the domain %s.", owner->snapshot,
                                owner->domain);
                merge_work_add_lost(into, record->name, record->created);
        }
        return true;
}

/* Everything between the two ends leaves the chain: for a commit with the top, for a pull without. */
static void take_gone(LayerGraph *graph, const GPtrArray *layers, const MergePlan *plan, MergeWork *into) {
        const Layer *base = plan->base.path ? layer_graph_find(graph, plan->base.path) : NULL;
        const Layer *top = layer_graph_find(graph, plan->top.path);
        bool inside = false;

        for (unsigned i = 0; i < layers->len && layers->pdata[i] != base; i++) {
                const Layer *layer = layers->pdata[i];

                if (inside || (layer == top && !plan->pull))
                        for (unsigned k = 0; k < layer->paths->len; k++)
                                g_ptr_array_add(into->gone, g_strdup(layer->paths->pdata[k]));
                inside = inside || layer == top;
        }
}

static void tell(const MergePlan *plan, GPtrArray *story) {
        if (plan->pull)
                g_ptr_array_add(story,
                        g_strdup_printf("pull what lies between %s and %s up into it",
                                plan->base.path ? plan->base.path : "nothing", plan->top.path));
        else
                g_ptr_array_add(
                        story, g_strdup_printf("commit %s down into %s", plan->top.path, plan->base.path));
        for (unsigned i = 0; i < plan->lost->len; i++)
                g_ptr_array_add(story,
                        g_strdup_printf("the snapshot %s ends with it",
                                ((const LayerOwner *) plan->lost->pdata[i])->snapshot));
        for (unsigned i = 0; i < plan->left->len; i++)
                g_ptr_array_add(story,
                        g_strdup_printf(
                                "%s is not an overlay that virtsnap or libvirt made, and will be left",
                                (const char *) plan->left->pdata[i]));
}

static void take_plan(LayerGraph *graph, const GPtrArray *layers, const GPtrArray *live, MergePlan *plan,
        MergeWork *into) {
        into->base = g_strdup(live_name(graph, live, plan->base.path));
        into->top = g_strdup(live_name(graph, live, plan->top.path));
        into->head = g_strdup(plan->active ? into->base : ((const LayerRef *) live->pdata[0])->path);
        into->active = plan->active;
        into->bytes = plan->bytes;
        take_gone(graph, layers, plan, into);
        tell(plan, into->story);
        g_hash_table_unref(into->moves);
        into->moves = g_steal_pointer(&plan->moves);
        g_ptr_array_unref(into->unlink);
        into->unlink = g_steal_pointer(&plan->unlink);
}

static bool read_live_chain(
        virConnectPtr handle, const char *uuid, const char *disk, GPtrArray **ret, GError **error) {
        g_autoptr(VirDomain) domain = lookup_domain(handle, uuid, error);
        char *xml = domain ? virDomainGetXMLDesc(domain, 0) : NULL;
        bool ok;

        if (!domain)
                return false;
        if (!xml)
                return virt_fail(error, "cannot read the domain");
        ok = domain_xml_chain(xml, disk, ret, NULL, error);
        free(xml);
        return ok;
}

/* A head that is gone would be called no disk at all. */
static bool check_head(LayerGraph *graph, const GPtrArray *live, GError **error) {
        const LayerRef *head = live->len ? live->pdata[0] : NULL;

        return !head || layer_graph_find(graph, head->path) ||
                vs_fail(error, VS_ERR_BROKEN, "The image %s is not there.", head->path);
}

bool merge_plan(
        virConnectPtr handle, const char *uuid, const MergeParams *params, MergeWork *into, GError **error) {
        g_autoptr(LayerGraph) graph = NULL;
        g_autoptr(GPtrArray) layers = NULL, live = NULL;
        g_autoptr(MergePlan) plan = NULL;

        if (!read_live_chain(handle, uuid, params->disk, &live, error))
                return false;
        g_assert(live);
        if (!facts_read_graph(params->facts, handle, uuid, &graph, error) ||
                !check_head(graph, live, error) ||
                !layer_graph_chain(graph, uuid, params->disk, &layers, error) ||
                !check_same_chain(graph, layers, live, error))
                return false;
        plan = make_plan(uuid, params, graph, layers, error);
        if (!plan || !check_space(graph, plan, error) || !take_lost(uuid, params, plan, into, error))
                return false;
        take_plan(graph, layers, live, plan, into);
        return true;
}

bool merge_check(virConnectPtr handle, const char *uuid, const MergeParams *params, GError **error) {
        MergeWork *unused = merge_work_new();
        bool ok = merge_plan(handle, uuid, params, unused, error);

        merge_work_free(unused);
        return ok;
}
