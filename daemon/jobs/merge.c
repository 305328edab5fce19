/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/merge.h"

#include "daemon/base/error.h"
#include "daemon/jobs/merge-work.h"
#include "daemon/virt/virt-error.h"

/* Between two looks whether a libvirtd that went is back. */
#define RECONNECT_LOOK_USEC (250U * 1000U)

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

bool merge_possible(const Domain *domain, GError **error) {
        const DomainState state = domain->record->state;

        if (state == DOMAIN_RUNNING || state == DOMAIN_PAUSED)
                return true;
        return vs_fail(error, VS_ERR_NOT_SUPPORTED,
                "The domain %s is not running; this version of virtsnapd merges the disks of running "
                "domains only.",
                domain->record->name);
}

Job *merge_submit(Queue *queue, Domain *domain, MergeParams *params, uint32_t uid, GError **error) {
        if (!merge_possible(domain, error)) {
                merge_params_free(params);
                return NULL;
        }
        return queue_submit(queue, merge_kind_of(params), domain, params->disk, NULL, uid, params, error);
}

void merge_gather(MergeParams *params, const World *world, Store *store) {
        facts_free(params->facts);
        params->facts = facts_gather(world, store);
}

static bool prepare(Queue *queue, Job *job, Domain *domain, void *data, GError **error) {
        MergeParams *params = data;

        params->work->store = queue_store(queue);
        if (params->work->resumed)
                return true;
        if (!merge_possible(domain, error))
                return false;
        merge_gather(params, queue_world(queue), queue_store(queue));
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
        run_notes_changed(run);
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

/* *ret_asked: libvirt was asked, so that a connection that went meanwhile leaves open what it did. */
static bool begin(JobRun *run, const MergeParams *params, bool *ret_asked, GError **error) {
        g_autoptr(VirDomain) domain = NULL;

        /* The record first: it is what a successor finds, whatever happens from here on. */
        if (!merge_write_record(run, params, error) || !mark_lost(run, params, error) ||
                !run_check_cancelled(run, error))
                return false;
        domain = run_domain(run, error);
        if (!domain)
                return false;
        *ret_asked = true;
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
        run_notes_changed(run);
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

static bool plan_now(JobRun *run, const MergeParams *params, GError **error) {
        g_autoptr(VirConnect) handle = run_handle(run, error);
        const GPtrArray *story = params->work->story;

        if (!handle || !merge_plan(handle, run_uuid(run), params, params->work, error))
                return false;
        for (unsigned i = 0; i < story->len; i++)
                run_log(run, "%s", (const char *) story->pdata[i]);
        return true;
}

static bool plan_and_begin(JobRun *run, const MergeParams *params, GError **error) {
        g_autoptr(GError) problem = NULL;
        bool asked = false;

        if (!plan_now(run, params, error))
                return false;
        if (begin(run, params, &asked, &problem))
                return true;
        if (asked && g_error_matches(problem, VS_ERROR, VS_ERR_DISCONNECTED)) {
                run_log(run,
                        "the connection was lost while the block job began; what became of it will show");
                return true;
        }
        unmark_lost(run, params);
        g_propagate_error(error, g_steal_pointer(&problem));
        return false;
}

static bool merge_images(JobRun *run, const MergeParams *params, GError **error) {
        MergeEnd end;

        if (params->work->merged)
                return true;
        if (!params->work->resumed && !plan_and_begin(run, params, error))
                return false;
        return merge_follow(run, params, &end, error) && end_of_block_job(run, params, end, error);
}

static bool tidy_up(JobRun *run, const MergeParams *params, GError **error) {
        run_phase(run, "bringing the metadata after it");
        if (!merge_follow_metadata(run, params, error))
                return false;
        if (!params->unlink || params->work->kept)
                return true;
        run_phase(run, "removing merged files");
        return merge_unlink(run, params, error);
}

/* Each step can be done twice, so that a libvirtd that goes in the middle of it is waited for. */
static bool tidy_up_certainly(JobRun *run, const MergeParams *params, GError **error) {
        for (;;) {
                g_autoptr(GError) problem = NULL;
                RunNews news;

                if (tidy_up(run, params, &problem))
                        return true;
                run_wait(run, RECONNECT_LOOK_USEC, &news);
                if (news.stopping || !g_error_matches(problem, VS_ERROR, VS_ERR_DISCONNECTED)) {
                        g_propagate_error(error, g_steal_pointer(&problem));
                        return false;
                }
        }
}

static bool work_merge(JobRun *run, void *data, GError **error) {
        const MergeParams *params = data;

        if (!merge_images(run, params, error))
                return false;
        run_cancelable(run, false);
        run_span(run, 0.98, 1.0);
        return tidy_up_certainly(run, params, error);
}

static void finish(Queue *queue, Job *job, Domain *domain, void *data, const GError *error) {
        if (domain)
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
