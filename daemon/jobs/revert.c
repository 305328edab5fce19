/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/revert.h"

#include "daemon/base/error.h"
#include "daemon/jobs/facts.h"
#include "daemon/jobs/internal.h"
#include "daemon/jobs/record.h"
#include "daemon/virt/read.h"
#include "daemon/virt/virt-error.h"

void revert_params_free(void *data) {
        RevertParams *params = data;

        g_free(params->name);
        facts_free(params->facts);
        g_free(params);
}

static bool check(const Snapshot *snapshot, GError **error) {
        if (snapshot->notes.condition != CONDITION_OK)
                return vs_fail(error, VS_ERR_BROKEN, "The snapshot %s cannot be reverted to: %s.",
                        snapshot->record->name,
                        snapshot->notes.reason ? snapshot->notes.reason
                                               : condition_to_string(snapshot->notes.condition));
        return internal_check_world(snapshot, "reverted to", error);
}

Job *revert_submit(Queue *queue, Snapshot *snapshot, RevertParams *params, uint32_t uid, GError **error) {
        if (!check(snapshot, error)) {
                revert_params_free(params);
                return NULL;
        }
        return queue_submit(queue, &revert_kind, snapshot->domain, NULL, params->name, uid, params, error);
}

static bool prepare(Queue *queue, Job *job, Domain *domain, void *data, GError **error) {
        RevertParams *params = data;
        const Snapshot *snapshot = domain_find_snapshot(domain, params->name);

        if (!snapshot || snapshot->record->created != params->created)
                return vs_fail(error, VS_ERR_NO_SUCH_SNAPSHOT, "The snapshot %s is gone.", params->name);
        if (!check(snapshot, error))
                return false;
        params->facts = facts_gather(queue_world(queue), queue_store(queue));
        return true;
}

static unsigned revert_flags(const RevertParams *params) {
        return (params->running ? VIR_DOMAIN_SNAPSHOT_REVERT_RUNNING : 0) |
                (params->paused ? VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED : 0) |
                (params->force ? VIR_DOMAIN_SNAPSHOT_REVERT_FORCE : 0) |
                (params->reset_nvram ? VIR_DOMAIN_SNAPSHOT_REVERT_RESET_NVRAM : 0);
}

static bool write_record(JobRun *run, const RevertParams *params, GError **error) {
        struct json_object *record = record_new(run, JOB_REVERT);

        record_add_string(record, "snapshot", params->name);
        return run_record(run, record, error);
}

static bool work_revert(JobRun *run, void *data, GError **error) {
        const RevertParams *params = data;
        g_autoptr(VirConnect) handle = run_handle(run, error);
        g_autoptr(VirDomain) domain = handle ? lookup_domain(handle, run_uuid(run), error) : NULL;
        g_autoptr(VirSnapshot) snapshot = domain ? lookup_snapshot(domain, params->name, error) : NULL;

        if (!snapshot ||
                !internal_check_images(
                        params->facts, handle, run_uuid(run), params->name, true, "reverted to", error) ||
                !write_record(run, params, error) || !run_check_cancelled(run, error))
                return false;
        run_cancelable(run, false);
        run_phase(run, "reverting");
        return virDomainRevertToSnapshot(snapshot, revert_flags(params)) >= 0 || virt_fail(error, NULL);
}

const JobKind revert_kind = {
        .operation = JOB_REVERT,
        .fresh = true,
        .holds = true,
        .prepare = prepare,
        .work = work_revert,
        .free = revert_params_free,
};
