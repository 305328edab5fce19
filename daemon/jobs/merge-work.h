/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/jobs/merge.h"
#include "daemon/model/layers.h"

/*
 * The insides of a merge, in the order of its life: merge-prepare.c plans, merge.c begins, merge-follow.c
 * watches the block job, merge-after.c brings metadata and files after it, merge-record.c keeps where it is.
 * Job threads.
 */

/* A snapshot whose content ends with the merge. */
typedef struct LostSnapshot {
        char *name;
        uint64_t created; /* µs since the epoch */
} LostSnapshot;

typedef struct MergeWork {
        Store *store;
        bool resumed; /* an earlier daemon began it */
        bool merged; /* the images are merged; metadata and files are left to do */
        bool kept; /* … but the head has stayed an overlay ("keep-overlay") */

        char *base, *top; /* as libvirt names them; base of a pull may be NULL: nothing */
        char *head; /* what the disk runs on when the images are merged; likewise */
        bool active;
        uint64_t bytes;
        GPtrArray *lost; /* of LostSnapshot */
        GHashTable *moves; /* name → LayerMove: snapshot_xml_rewrite() */
        GPtrArray *unlink; /* of char *, top first */
        GPtrArray *story; /* of char *: the plan in words */
        GPtrArray *gone; /* of char *: layers that are not in the chain after the merge */
} MergeWork;

MergeWork *merge_work_new(void);
MergeWork *merge_work_free(MergeWork *work);
void merge_work_add_lost(MergeWork *work, const char *name, uint64_t created);

/* Plan with the gathered facts and the images as they are now; fills into. */
bool merge_plan(
        virConnectPtr handle, const char *uuid, const MergeParams *params, MergeWork *into, GError **error);

/* Put where it is on disk: before the first byte is copied, and when the images are merged. */
bool merge_write_record(JobRun *run, const MergeParams *params, GError **error);

typedef enum MergeEnd {
        MERGE_DONE, /* the layers are merged */
        MERGE_KEPT, /* copied down, and the head has stayed an overlay */
        MERGE_CANCELLED, /* as asked */
        MERGE_TIMEOUT,
        MERGE_FAILED,
        MERGE_LEFT, /* the daemon leaves; the block job goes on */
} MergeEnd;

/* From the block job's beginning (or from where it is now) to its end.  False: it cannot be told. */
bool merge_follow(JobRun *run, const MergeParams *params, MergeEnd *ret, GError **error);
/* Whether the live definition shows the chain as it is after the merge.  False and an error: unknown. */
bool merge_is_in_chain(JobRun *run, const MergeParams *params, bool *ret_merged, GError **error);

/* Metadata that follows the merge: the lost snapshots go, what names a merged file is written anew. */
bool merge_follow_metadata(JobRun *run, const MergeParams *params, GError **error);
/* The merged files that nothing needs any more go, after a last look at everything. */
bool merge_unlink(JobRun *run, const MergeParams *params, GError **error);
