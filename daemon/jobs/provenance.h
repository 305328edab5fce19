/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libvirt/libvirt.h>

#include "daemon/jobs/store.h"

/* Before a snapshot's metadata is dropped: remember the overlays that it names, for nothing else does
 * (store.h).  Blocks, for job threads. */
bool provenance_keep(Store *store, virDomainSnapshotPtr snapshot, GError **error);
