/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libvirt/libvirt.h>

#include "daemon/jobs/store.h"
#include "daemon/model/layers.h"
#include "daemon/model/world.h"

/*
 * What a job must know of the whole connection before it touches an image: who names which file.  Copied
 * from the world on the loop's thread when the job's turn comes; the images themselves are read by the job,
 * just before it acts.
 */
typedef struct Facts Facts;

/* Loop thread.  The caller's to free, on any thread. */
Facts *facts_gather(const World *world, Store *store);
Facts *facts_free(Facts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Facts, facts_free)

/* Read one domain with all its snapshots from libvirt itself.  Job threads. */
bool facts_refresh(Facts *facts, virConnectPtr handle, const char *uuid, GError **error);

/* The domain as it was then; NULL when it was not there. */
const DomainRecord *facts_domain(const Facts *facts, const char *uuid);
/* Its snapshots, of SnapshotRecord. */
const GPtrArray *facts_snapshots(const Facts *facts, const char *uuid);
const SnapshotRecord *facts_snapshot(const Facts *facts, const char *uuid, const char *name);

/*
 * The graph of all layers that are named anywhere, and of all images in the folders of the domain's own.
 * Facts are completed first: by domains and snapshots that libvirt has by now, by the definitions that
 * running domains will start with, and by the paths of volumes.
 * Reads headers and managed saves: blocks, for job threads.  An image that is gone is left out; one
 * that is there and cannot be read is an error, for it may back on anything.
 */
bool facts_read_graph(
        Facts *facts, virConnectPtr handle, const char *uuid, LayerGraph **ret, GError **error);
