/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/jobs/queue.h"

/* A blockcommit or a blockpull inside the chain of a running domain. */
typedef struct MergeParams {
        bool pull;
        char *disk; /* target */
        char *base, *top; /* NULL: not said */
        bool active, shallow, relative, pivot, unlink, keep_overlay, force;
        uint64_t bandwidth; /* bytes per second, 0: no limit */
        uint64_t timeout; /* µs, 0: none */

        struct Facts *facts; /* gathered when its turn comes */
        struct MergeWork *work; /* jobs/merge.c's own */
} MergeParams;

MergeParams *merge_params_new(bool pull, const char *disk);
void merge_params_free(void *params);

/* Whether it is a domain whose disks can be merged.  Loop thread. */
bool merge_possible(const Domain *domain, GError **error);
/* Copy what a plan needs of the world.  Loop thread. */
void merge_gather(MergeParams *params, const World *world, Store *store);
/* Whether the merge could be done now, with what was gathered: what is refused is refused before there is a
 * job.  Any worker. */
bool merge_check(virConnectPtr handle, const char *uuid, const MergeParams *params, GError **error);

/* Takes params over.  Loop thread. */
Job *merge_submit(Queue *queue, Domain *domain, MergeParams *params, uint32_t uid, GError **error);

extern const JobKind commit_kind, pull_kind;

/* For the job that a record of an interrupted daemon speaks of: it goes on where the images say that it was.
 * NULL, and said, when the record makes no sense. */
MergeParams *merge_params_from_record(const struct json_object *record);
const JobKind *merge_kind_of(const MergeParams *params);
