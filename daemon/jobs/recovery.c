/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/recovery.h"

#include "daemon/base/error.h"
#include "daemon/base/log.h"
#include "daemon/jobs/create.h"
#include "daemon/jobs/journal.h"
#include "daemon/jobs/merge.h"
#include "daemon/jobs/record.h"

/* A revert or a delete that was under way: libvirt has done it or not, and doing it again without being
 * asked could throw away what the guest has written since. */

typedef struct Interrupted {
        JobOperation operation;
        char *snapshot;
        bool there; /* the snapshot is still listed */
} Interrupted;

static void interrupted_free(void *data) {
        Interrupted *interrupted = data;

        g_free(interrupted->snapshot);
        g_free(interrupted);
}

static bool prepare_interrupted(Queue *queue, Job *job, Domain *domain, void *data, GError **error) {
        Interrupted *interrupted = data;

        interrupted->there = domain_find_snapshot(domain, interrupted->snapshot);
        return true;
}

static bool work_interrupted(JobRun *run, void *data, GError **error) {
        const Interrupted *interrupted = data;

        if (interrupted->operation == JOB_DELETE)
                return !interrupted->there ||
                        vs_fail(error, VS_ERR_LIBVIRT_FAILED,
                                "The daemon was interrupted, and the snapshot is still there; delete it "
                                "again.");
        return vs_fail(error, VS_ERR_LIBVIRT_FAILED,
                "The daemon was interrupted while libvirt reverted the domain; it may have happened or "
                "not.");
}

static const JobKind interrupted_revert = {
        .operation = JOB_REVERT,
        .fresh = true,
        .prepare = prepare_interrupted,
        .work = work_interrupted,
        .free = interrupted_free,
};

static const JobKind interrupted_delete = {
        .operation = JOB_DELETE,
        .fresh = true,
        .prepare = prepare_interrupted,
        .work = work_interrupted,
        .free = interrupted_free,
};

/* ---- which record is whose ---- */

static void adopt(Queue *queue, const JobKind *kind, const struct json_object *record, void *params) {
        queue_adopt(queue, kind, record_number(record, "id"), record_number(record, "created"),
                record_string(record, "uuid"), record_string(record, "domain"),
                record_string(record, "disk"), record_string(record, "snapshot"),
                (uint32_t) record_number(record, "uid"), params);
}

static void adopt_interrupted(Queue *queue, const JobKind *kind, const struct json_object *record) {
        Interrupted *interrupted = g_new0(Interrupted, 1);

        interrupted->operation = kind->operation;
        interrupted->snapshot = g_strdup(record_string(record, "snapshot"));
        adopt(queue, kind, record, interrupted);
}

static void take_up(Queue *queue, const struct json_object *record) {
        void *params;

        switch (job_operation_from_string(record_string(record, "operation"))) {
        case JOB_CREATE:
                adopt(queue, &create_kind, record, create_params_from_record(record));
                break;
        case JOB_REVERT:
                adopt_interrupted(queue, &interrupted_revert, record);
                break;
        case JOB_DELETE:
                adopt_interrupted(queue, &interrupted_delete, record);
                break;
        case JOB_BLOCK_COMMIT:
        case JOB_BLOCK_PULL:
                params = merge_params_from_record(record);
                if (params)
                        adopt(queue, merge_kind_of(params), record, params);
                break;
        default:
                log_error("a job record of an unknown operation is left as it is");
        }
}

/* What every record has; without it, nothing can be done with it. */
static bool is_complete(const struct json_object *record) {
        return record_number(record, "id") && record_string(record, "uuid") &&
                record_string(record, "domain") && record_string(record, "operation");
}

void recover_jobs(Queue *queue) {
        g_autoptr(GPtrArray) records = queue_read_records(queue);

        for (unsigned i = 0; i < records->len; i++) {
                const struct json_object *record = records->pdata[i];

                if (is_complete(record))
                        take_up(queue, record);
                else
                        log_error("a job record lacks what every record has, and is left as it is");
        }
        if (records->len)
                log_info("%u unfinished jobs of an earlier daemon are taken up", records->len);
}
