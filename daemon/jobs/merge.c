/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/merge.h"

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

MergeParams *merge_params_new(bool pull, const char *disk) {
        MergeParams *params = g_new0(MergeParams, 1);

        params->pull = pull;
        params->disk = g_strdup(disk);
        params->work = merge_work_new();
        return params;
}

void merge_params_free(void *data) {
        MergeParams *params = data;

        if (!params)
                return;
        g_free(params->disk);
        g_free(params->base);
        g_free(params->top);
        facts_free(params->facts);
        merge_work_free(params->work);
        g_free(params);
}

const JobKind *merge_kind_of(const MergeParams *params) {
        return params->pull ? &pull_kind : &commit_kind;
}

static bool check_running(const DomainRecord *domain, GError **error) {
        if (domain->state == DOMAIN_RUNNING || domain->state == DOMAIN_PAUSED)
                return true;
        return vs_fail(error, VS_ERR_NOT_SUPPORTED,
                "The domain %s is not running; this version of virtsnapd merges the disks of running "
                "domains only.",
                domain->name);
}

Job *merge_submit(Queue *queue, Domain *domain, MergeParams *params, uint32_t uid, GError **error) {
        if (!check_running(domain->record, error)) {
                merge_params_free(params);
                return NULL;
        }
        return queue_submit(queue, merge_kind_of(params), domain, params->disk, NULL, uid, params, error);
}

static bool prepare(Queue *queue, Job *job, Domain *domain, void *data, GError **error) {
        MergeParams *params = data;

        params->work->store = queue_store(queue);
        if (params->work->resumed)
                return true;
        if (!check_running(domain->record, error))
                return false;
        params->facts = facts_gather(queue_world(queue));
        return true;
}

/* ---- planning ---- */

static char *live_xml(virDomainPtr domain, GError **error) {
        char *xml = virDomainGetXMLDesc(domain, 0);

        if (!xml)
                virt_fail(error, "cannot read the domain");
        return xml;
}

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

static MergePlan *make_plan(
        JobRun *run, const MergeParams *params, LayerGraph *graph, const GPtrArray *layers, GError **error) {
        const char *base = params->base;
        MergePlan *plan = NULL;

        if (params->pull)
                return layer_graph_plan_pull(graph, run_uuid(run), params->disk, base, &plan, error) ? plan
                                                                                                     : NULL;
        if (is_head(layers, graph, params->top) && !params->active) {
                vs_fail(error, VS_ERR_INVALID_ARGS,
                        "The top is the active layer of %s: committing it needs \"active\".", params->disk);
                return NULL;
        }
        if (params->shallow && !shallow_base(params, graph, layers, &base, error))
                return NULL;
        return layer_graph_plan_commit(
                       graph, run_uuid(run), params->disk, base, params->top, params->force, &plan, error)
                ? plan
                : NULL;
}

/* The creation time identifies a snapshot in the store; libvirt's name alone does not. */
static bool note_lost(JobRun *run, const MergeParams *params, const MergePlan *plan, GError **error) {
        for (unsigned i = 0; i < plan->lost->len; i++) {
                const LayerOwner *owner = plan->lost->pdata[i];
                const SnapshotRecord *record =
                        facts_snapshot(params->facts, owner->domain_uuid, owner->snapshot);

                if (!record || strcmp(owner->domain_uuid, run_uuid(run)) != 0)
                        return vs_fail(error, VS_ERR_WOULD_LOSE_DATA,
                                "The merge would destroy the snapshot %s of the domain %s.", owner->snapshot,
                                owner->domain);
                merge_work_add_lost(params->work, record->name, record->created);
        }
        return true;
}

/* Everything between the two ends leaves the chain: for a commit with the top, for a pull without. */
static void note_gone(
        const MergeParams *params, LayerGraph *graph, const GPtrArray *layers, const MergePlan *plan) {
        const Layer *base = plan->base.path ? layer_graph_find(graph, plan->base.path) : NULL;
        bool inside = false;

        for (unsigned i = 0; i < layers->len && layers->pdata[i] != base; i++) {
                const Layer *layer = layers->pdata[i];
                bool is_top = layer == layer_graph_find(graph, plan->top.path);

                if (inside || (is_top && !plan->pull))
                        for (unsigned k = 0; k < layer->paths->len; k++)
                                g_ptr_array_add(params->work->gone, g_strdup(layer->paths->pdata[k]));
                inside = inside || is_top;
        }
}

static void take_plan(const MergeParams *params, LayerGraph *graph, const GPtrArray *layers,
        const GPtrArray *live, MergePlan *plan) {
        MergeWork *work = params->work;

        work->base = g_strdup(live_name(graph, live, plan->base.path));
        work->top = g_strdup(live_name(graph, live, plan->top.path));
        work->active = plan->active;
        work->bytes = plan->bytes;
        note_gone(params, graph, layers, plan);
        g_hash_table_unref(work->moves);
        work->moves = g_steal_pointer(&plan->moves);
        g_ptr_array_unref(work->unlink);
        work->unlink = g_steal_pointer(&plan->unlink);
}

static void tell_plan(JobRun *run, const MergeParams *params, const MergePlan *plan) {
        if (params->pull)
                run_log(run, "pull what lies between %s and %s up into it",
                        plan->base.path ? plan->base.path : "nothing", plan->top.path);
        else
                run_log(run, "commit %s down into %s", plan->top.path, plan->base.path);
        for (unsigned i = 0; i < plan->lost->len; i++)
                run_log(run, "the snapshot %s ends with it",
                        ((const LayerOwner *) plan->lost->pdata[i])->snapshot);
        for (unsigned i = 0; i < plan->left->len; i++)
                run_log(run, "%s is not an overlay that virtsnap or libvirt made, and will be left",
                        (const char *) plan->left->pdata[i]);
}

static bool plan_merge(JobRun *run, const MergeParams *params, GError **error) {
        g_autoptr(VirConnect) handle = run_handle(run, error);
        g_autoptr(VirDomain) domain = handle ? lookup_domain(handle, run_uuid(run), error) : NULL;
        g_autoptr(LayerGraph) graph = NULL;
        g_autoptr(GPtrArray) layers = NULL, live = NULL;
        g_autoptr(MergePlan) plan = NULL;
        char *xml = domain ? live_xml(domain, error) : NULL;
        bool ok;

        if (!xml)
                return false;
        ok = domain_xml_chain(xml, params->disk, &live, NULL, error);
        free(xml);
        if (!ok || !facts_read_graph(params->facts, handle, run_uuid(run), &graph, error) ||
                !layer_graph_chain(graph, run_uuid(run), params->disk, &layers, error) ||
                !check_same_chain(graph, layers, live, error))
                return false;
        plan = make_plan(run, params, graph, layers, error);
        if (!plan || !check_space(graph, plan, error) || !note_lost(run, params, plan, error))
                return false;
        tell_plan(run, params, plan);
        take_plan(params, graph, layers, live, plan);
        return true;
}

/* ---- beginning ---- */

/* Before the first byte: from then on, what the lost snapshots hold is no more what they held. */
static bool mark_lost(JobRun *run, const MergeParams *params, GError **error) {
        for (unsigned i = 0; i < params->work->lost->len; i++) {
                const LostSnapshot *lost = params->work->lost->pdata[i];

                if (!store_set_condition(params->work->store, run_uuid(run), lost->name, lost->created,
                            CONDITION_DELETING,
                            "its image is being merged, or was when a merge was interrupted", error))
                        return false;
        }
        return true;
}

static bool begin_commit(virDomainPtr domain, const MergeParams *params, GError **error) {
        const MergeWork *work = params->work;
        unsigned flags = VIR_DOMAIN_BLOCK_COMMIT_BANDWIDTH_BYTES |
                (work->active ? VIR_DOMAIN_BLOCK_COMMIT_ACTIVE : 0) |
                (params->relative ? VIR_DOMAIN_BLOCK_COMMIT_RELATIVE : 0);

        return virDomainBlockCommit(domain, params->disk, work->base, work->active ? NULL : work->top,
                       params->bandwidth, flags) >= 0 ||
                virt_fail(error, NULL);
}

static bool begin_pull(virDomainPtr domain, const MergeParams *params, GError **error) {
        int r;

        if (params->work->base)
                r = virDomainBlockRebase(domain, params->disk, params->work->base, params->bandwidth,
                        VIR_DOMAIN_BLOCK_REBASE_BANDWIDTH_BYTES |
                                (params->relative ? VIR_DOMAIN_BLOCK_REBASE_RELATIVE : 0));
        else
                r = virDomainBlockPull(
                        domain, params->disk, params->bandwidth, VIR_DOMAIN_BLOCK_PULL_BANDWIDTH_BYTES);
        return r >= 0 || virt_fail(error, NULL);
}

static bool begin(JobRun *run, const MergeParams *params, GError **error) {
        g_autoptr(VirDomain) domain = NULL;

        /* The record first: it is what a successor finds, whatever happens from here on. */
        if (!merge_write_record(run, params, error) || !mark_lost(run, params, error) ||
                !run_check_cancelled(run, error))
                return false;
        domain = run_domain(run, error);
        if (!domain)
                return false;
        run_bandwidth(run, params->bandwidth);
        return params->pull ? begin_pull(domain, params, error) : begin_commit(domain, params, error);
}

/* Nothing was copied: the snapshots are what they were. */
static void unmark_lost(JobRun *run, const MergeParams *params) {
        for (unsigned i = 0; i < params->work->lost->len; i++) {
                const LostSnapshot *lost = params->work->lost->pdata[i];
                g_autoptr(GError) problem = NULL;

                if (!store_set_condition(params->work->store, run_uuid(run), lost->name, lost->created,
                            CONDITION_OK, NULL, &problem))
                        run_log(run, "%s", problem->message);
        }
}

/* ---- the whole ---- */

static bool end_of_block_job(JobRun *run, const MergeParams *params, MergeEnd end, GError **error) {
        switch (end) {
        case MERGE_DONE:
        case MERGE_KEPT:
                params->work->merged = true;
                params->work->kept = end == MERGE_KEPT;
                return merge_write_record(run, params, error);
        case MERGE_CANCELLED:
                return vs_fail(error, VS_ERR_CANCELLED, "The merge was cancelled.%s",
                        params->work->lost->len
                                ? " The snapshots that it was to end can only be merged away again."
                                : "");
        case MERGE_TIMEOUT:
                return vs_fail(error, VS_ERR_TIMEOUT,
                        "The merge was not complete within its time limit and was cancelled; the chain is "
                        "as it was.");
        case MERGE_LEFT:
                return vs_fail(error, VS_ERR_CANCELLED, "The daemon is leaving; its successor goes on.");
        case MERGE_FAILED:
                break;
        }
        return vs_fail(error, VS_ERR_LIBVIRT_FAILED,
                "libvirt says that the block job failed; the chain is intact, and the merge can be done "
                "again. The usual "
                "cause is a full file system.");
}

static bool merge_images(JobRun *run, const MergeParams *params, GError **error) {
        MergeEnd end;

        if (params->work->merged)
                return true;
        if (!params->work->resumed) {
                if (!plan_merge(run, params, error))
                        return false;
                if (!begin(run, params, error)) {
                        unmark_lost(run, params);
                        return false;
                }
        }
        return merge_follow(run, params, &end, error) && end_of_block_job(run, params, end, error);
}

static bool work_merge(JobRun *run, void *data, GError **error) {
        const MergeParams *params = data;

        if (!merge_images(run, params, error))
                return false;
        run_cancelable(run, false);
        run_span(run, 0.98, 1.0);
        run_phase(run, "bringing the metadata after it");
        if (!merge_follow_metadata(run, params, error))
                return false;
        if (!params->unlink || params->work->kept)
                return true;
        run_phase(run, "removing merged files");
        return merge_unlink(run, params, error);
}

static void finish(Queue *queue, Job *job, Domain *domain, void *data, const GError *error) {
        const MergeParams *params = data;

        if (!domain)
                return;
        /* Marks were written behind the world's back. */
        for (unsigned i = 0; i < params->work->lost->len; i++) {
                const LostSnapshot *lost = params->work->lost->pdata[i];
                Snapshot *snapshot = domain_find_snapshot(domain, lost->name);

                if (snapshot)
                        snapshot_set_notes(snapshot,
                                store_get(queue_store(queue), domain->record->uuid, snapshot->record));
        }
        store_prune(queue_store(queue), domain);
}

static bool set_bandwidth(Queue *queue, Job *job, void *data, uint64_t bytes_per_second, GError **error) {
        MergeParams *params = data;
        JobRun *run = queue_run(queue, job);

        if (run)
                job_run_set_bandwidth(run, bytes_per_second);
        else if (job->state == JOB_QUEUED)
                params->bandwidth = bytes_per_second;
        else
                return vs_fail(
                        error, VS_ERR_NOT_SUPPORTED, "The job is at a point where nothing is copied.");
        job_set_bandwidth(job, bytes_per_second);
        return true;
}

const JobKind commit_kind = {
        .operation = JOB_BLOCK_COMMIT,
        .fresh = true,
        .rewrites = true,
        .prepare = prepare,
        .work = work_merge,
        .finish = finish,
        .free = merge_params_free,
        .set_bandwidth = set_bandwidth,
};

const JobKind pull_kind = {
        .operation = JOB_BLOCK_PULL,
        .fresh = true,
        .rewrites = true,
        .prepare = prepare,
        .work = work_merge,
        .finish = finish,
        .free = merge_params_free,
        .set_bandwidth = set_bandwidth,
};
