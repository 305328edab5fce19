/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "daemon/model/world.h"

/*
 * What libvirt has no place for: the notes of snapshots, in snapshots/UUID.json of the state directory,
 * keyed by name and creation time, so that one made again under the same name inherits nothing.  Any thread;
 * writing blocks until the disk has it.
 */
typedef struct Store Store;

Store *store_new(int state_fd, GError **error);
Store *store_free(Store *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Store, store_free)

/* What is kept of a snapshot, or what follows from the record itself.  reason is the caller's. */
SnapshotNotes store_get(Store *store, const char *uuid, const SnapshotRecord *record);

/* Notes that say no more than store_get() would find without them take no room. */
bool store_set(Store *store, const char *uuid, const SnapshotRecord *record, const SnapshotNotes *notes,
        GError **error);
/* For callers who know no more than this: the condition alone; name and created as in the snapshot's record.
 */
bool store_set_condition(Store *store, const char *uuid, const char *name, uint64_t created,
        Condition condition, const char *reason, GError **error);
/* Provenance: files that libvirt made as overlays when we asked, or that the metadata of a snapshot named
 * when it was dropped.  What is in here may be unlinked once nothing needs it.  Known by path and inode, in
 * overlays.json: another file that takes the path is not ours.  Files that are gone are forgotten. */
bool store_add_overlays(Store *store, const GPtrArray *paths, GError **error);
/* Those that are there now, of char *; the caller's. */
GPtrArray *store_overlays(Store *store);

/* Forget what is kept of snapshots that are not in the domain any more. */
void store_prune(Store *store, const Domain *domain);
