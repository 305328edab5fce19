/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/jobs/queue.h"
#include "daemon/virt/snapshot-xml.h"

typedef enum Quiesce {
        QUIESCE_NO,
        QUIESCE_PREFER, /* without an agent: made all the same, and said to be crash-consistent */
        QUIESCE_REQUIRE,
        _QUIESCE_MAX,
} Quiesce;

/* What a new snapshot shall be, each with virsh's meaning. */
typedef struct CreateParams {
        SnapshotRequest *request; /* never NULL; of a caller's XML what it asks for */
        char *xml; /* the caller's, or NULL */
        Quiesce quiesce;
        bool disk_only, live, atomic, halt, reuse_external, no_metadata, validate, redefine, current,
                protected;

        struct CreateWork *made; /* what the work found out; jobs/create.c's own */
} CreateParams;

CreateParams *create_params_new(void);
void create_params_free(void *params);

/* What can be refused at once: options, names, disks, the agent.  Loop thread. */
bool create_check(CreateParams *params, const Domain *domain, GError **error);
/* Whether the caller names files, and whether these can be made.  The latter on any worker, after
 * create_check(). */
bool create_names_files(const CreateParams *params);
bool create_check_files(const CreateParams *params, GError **error);

/* Check again, and queue the job.  Takes params over.  Loop thread. */
Job *create_submit(Queue *queue, Domain *domain, CreateParams *params, uint32_t uid, GError **error);

extern const JobKind create_kind;

/* For the job that a record of an interrupted daemon speaks of: it thaws the guest and ends as failed. */
CreateParams *create_params_from_record(const struct json_object *record);
