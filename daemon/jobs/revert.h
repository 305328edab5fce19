/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/jobs/queue.h"

typedef struct RevertParams {
        char *name;
        uint64_t created; /* of the one that is meant, should another have taken its name meanwhile */
        bool running, paused, force, reset_nvram;
        struct Facts *facts; /* gathered when its turn comes */
} RevertParams;

/* Checks what can be refused at once: NotSupported for external snapshots and for internal ones whose image
 * something rests on.  Takes params over.  Loop thread. */
Job *revert_submit(Queue *queue, Snapshot *snapshot, RevertParams *params, uint32_t uid, GError **error);

void revert_params_free(void *params);
extern const JobKind revert_kind;
