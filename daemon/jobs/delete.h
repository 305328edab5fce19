/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/jobs/queue.h"

typedef struct DeleteParams {
        char *name;
        uint64_t created; /* of the one that is meant, should another have taken its name meanwhile */
        bool children, children_only, metadata_only, force;
        Store *store;
        struct Facts *facts; /* gathered when its turn comes */
} DeleteParams;

/* Checks what can be refused at once: Protected, and NotSupported for external ones (but for their metadata
 * alone) and for internal ones whose image something rests on.  Takes params over.  Loop thread. */
Job *delete_submit(Queue *queue, Snapshot *snapshot, DeleteParams *params, uint32_t uid, GError **error);

void delete_params_free(void *params);
extern const JobKind delete_kind;
