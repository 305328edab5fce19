/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libvirt/libvirt.h>

#include "daemon/model/records.h"

/*
 * Reading from libvirt into records.  Blocking calls, for workers; any thread.
 */

/* UUIDs (char *) of all domains. */
bool read_domain_list(virConnectPtr handle, GPtrArray **ret_uuids, GError **error);

/* One domain with the names of its snapshots, but none of their XML.  NoSuchDomain when it is gone. */
bool read_domain(virConnectPtr handle, const char *uuid, DomainRecord **ret, GError **error);

/* The XML of some of a domain's snapshots, as SnapshotRecord.  Those that are gone meanwhile are left out.
 */
bool read_snapshots(
        virConnectPtr handle, const char *uuid, const GPtrArray *names, GPtrArray **ret, GError **error);

/* A number that changes when a domain's list of snapshots or its current one does. */
uint64_t read_snapshots_fingerprint(virConnectPtr handle, const char *uuid);

/* Look-ups that tell what is missing by its own name.  The caller's to free; NULL and an error. */
virDomainPtr lookup_domain(virConnectPtr handle, const char *uuid, GError **error);
virDomainSnapshotPtr lookup_snapshot(virDomainPtr domain, const char *name, GError **error);
