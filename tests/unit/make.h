/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/records.h"

/* Records as a reader would hand them over, with little in them; the caller's. */

DomainRecord *make_domain(const char *uuid, const char *name);
/* A disk that is a qcow2 file, put to the record. */
DomainDisk *make_disk(DomainRecord *domain, const char *target, const char *source);
/* Of a domain that was off; parent may be NULL. */
SnapshotRecord *make_snapshot(const char *name, const char *parent, uint64_t created);
