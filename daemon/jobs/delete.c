/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/delete.h"

#include "daemon/base/error.h"
#include "daemon/jobs/facts.h"
#include "daemon/jobs/internal.h"
#include "daemon/jobs/provenance.h"
#include "daemon/jobs/record.h"
#include "daemon/virt/read.h"
#include "daemon/virt/virt-error.h"

void delete_params_free(void *data) {
        DeleteParams *params = data;

        g_free(params->name);
        facts_free(params->facts);
        g_free(params);
}

static bool check_one(const Snapshot *snapshot, const DeleteParams *params, GError **error) {
        if (snapshot->notes.protected && !params->force)
                return vs_fail(error, VS_ERR_PROTECTED,
                        "The snapshot %s is protected; lift that first, or delete with \"force\".",
                        snapshot->record->name);
        return params->metadata_only || internal_check_world(snapshot, "deleted", error);
}

/* The snapshots that go, each: the one alone, with all below it, or those alone. */
static Snapshot *first_of(Snapshot *snapshot, const DeleteParams *params) {
        return params->children_only ? snapshot->first_child : snapshot;
}

static Snapshot *next_of(const Snapshot *at, const Snapshot *snapshot, const DeleteParams *params) {
        return params->children || params->children_only ? snapshot_next(at, snapshot) : NULL;
}

static bool check(Snapshot *snapshot, const DeleteParams *params, GError **error) {
        for (Snapshot *s = first_of(snapshot, params); s; s = next_of(s, snapshot, params))
                if (!check_one(s, params, error))
                        return false;
        return true;
}

Job *delete_submit(Queue *queue, Snapshot *snapshot, DeleteParams *params, uint32_t uid, GError **error) {
        if (!check(snapshot, params, error)) {
                delete_params_free(params);
                return NULL;
        }
        return queue_submit(queue, &delete_kind, snapshot->domain, NULL, params->name, uid, params, error);
}

static bool prepare(Queue *queue, Job *job, Domain *domain, void *data, GError **error) {
        DeleteParams *params = data;
        Snapshot *snapshot = domain_find_snapshot(domain, params->name);

        if (!snapshot || snapshot->record->created != params->created)
                return vs_fail(error, VS_ERR_NO_SUCH_SNAPSHOT, "The snapshot %s is gone.", params->name);
        if (!check(snapshot, params, error))
                return false;
        params->store = queue_store(queue);
        params->facts = facts_gather(queue_world(queue), params->store);
        return true;
}

static unsigned delete_flags(const DeleteParams *params) {
        return (params->children ? VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN : 0) |
                (params->children_only ? VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN_ONLY : 0) |
                (params->metadata_only ? VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY : 0);
}

static bool write_record(JobRun *run, const DeleteParams *params, GError **error) {
        struct json_object *record = record_new(run, JOB_DELETE);

        record_add_string(record, "snapshot", params->name);
        return run_record(run, record, error);
}

/* The whole subtree as it was read when the job's turn came, by parents. */
static bool is_below(const Facts *facts, const char *uuid, const SnapshotRecord *record, const char *top) {
        while (record && record->parent) {
                if (g_strcmp0(record->parent, top) == 0)
                        return true;
                record = facts_snapshot(facts, uuid, record->parent);
        }
        return false;
}

/* Whether this snapshot is one of those that go. */
static bool goes(const DeleteParams *params, const char *uuid, const SnapshotRecord *record) {
        if (g_strcmp0(record->name, params->name) == 0)
                return !params->children_only;
        return (params->children || params->children_only) &&
                is_below(params->facts, uuid, record, params->name);
}

/* Call a function for each of those that go, until one fails. */
static bool for_each(JobRun *run, virConnectPtr handle, virDomainPtr domain, const DeleteParams *params,
        bool (*call)(JobRun *run, virConnectPtr handle, virDomainPtr domain, const DeleteParams *params,
                const char *name, GError **error),
        GError **error) {
        const GPtrArray *all = facts_snapshots(params->facts, run_uuid(run));

        for (unsigned i = 0; all && i < all->len; i++) {
                const SnapshotRecord *record = all->pdata[i];

                if (goes(params, run_uuid(run), record) &&
                        !call(run, handle, domain, params, record->name, error))
                        return false;
        }
        return true;
}

static bool check_image(JobRun *run, virConnectPtr handle, virDomainPtr domain, const DeleteParams *params,
        const char *name, GError **error) {
        return params->metadata_only ||
                internal_check_images(params->facts, handle, run_uuid(run), name, false, "deleted", error);
}

static bool keep_provenance(JobRun *run, virConnectPtr handle, virDomainPtr domain,
        const DeleteParams *params, const char *name, GError **error) {
        g_autoptr(VirSnapshot) snapshot =
                params->metadata_only ? lookup_snapshot(domain, name, error) : NULL;

        return !params->metadata_only || (snapshot && provenance_keep(params->store, snapshot, error));
}

static bool work_delete(JobRun *run, void *data, GError **error) {
        const DeleteParams *params = data;
        g_autoptr(VirConnect) handle = run_handle(run, error);
        g_autoptr(VirDomain) domain = handle ? lookup_domain(handle, run_uuid(run), error) : NULL;
        g_autoptr(VirSnapshot) snapshot = domain ? lookup_snapshot(domain, params->name, error) : NULL;

        if (!snapshot || !for_each(run, handle, domain, params, check_image, error) ||
                !write_record(run, params, error) || !run_check_cancelled(run, error) ||
                !for_each(run, handle, domain, params, keep_provenance, error))
                return false;
        run_cancelable(run, false);
        run_phase(run, "deleting");
        return virDomainSnapshotDelete(snapshot, delete_flags(params)) >= 0 || virt_fail(error, NULL);
}

static void finish(Queue *queue, Job *job, Domain *domain, void *data, const GError *error) {
        if (domain)
                store_prune(queue_store(queue), domain);
}

const JobKind delete_kind = {
        .operation = JOB_DELETE,
        .fresh = true,
        .holds = true,
        .prepare = prepare,
        .work = work_delete,
        .finish = finish,
        .free = delete_params_free,
};
