/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "daemon/model/layers.h"
#include "daemon/model/records.h"

/*
 * A domain's definition, as libvirt prints it.  Pure functions, any thread.
 *
 * The source of a disk is its path (file, block, dir), "pool/volume" for a volume, and
 * protocol://host:port/name for a network disk (first host, what is missing left out); "" for an empty
 * drive.
 */

/* Fill title, agent_connected and disks of *into, and name and uuid where the definition has them; what was
 * there is freed, the rest stays.  Fails with InvalidXML, *into is then as it was. */
bool domain_xml_parse(const char *xml, DomainRecord *into, GError **error);

/* The chain of a disk as a running definition tells it (<source> and the <backingStore>s in it), top first,
 * of LayerRef.  *ret_complete (may be NULL): it ended with an empty <backingStore/>; else libvirt does not
 * say what lies below.  Fails with NoSuchDisk, InvalidXML. */
bool domain_xml_chain(
        const char *xml, const char *target, GPtrArray **ret_chain, bool *ret_complete, GError **error);

/* What <mirror> of a disk in a running definition says about the block job on it. */
typedef enum DiskMirror {
        DISK_MIRROR_NONE,
        DISK_MIRROR_RUNNING,
        DISK_MIRROR_READY,
        DISK_MIRROR_ABORTING,
        DISK_MIRROR_PIVOTING,
} DiskMirror;

/* *ret_job (may be NULL): "active-commit", "copy", … or NULL; the caller's. Fails with NoSuchDisk,
 * InvalidXML. */
bool domain_xml_mirror(const char *xml, const char *target, DiskMirror *ret, char **ret_job, GError **error);

/* The definition with every mention of a moved file written anew (see snapshot_xml_rewrite()): for a managed
 * save, a memory file or an inactive definition.  NULL without an error: nothing had to be changed. */
char *domain_xml_rewrite(const char *xml, GHashTable *moves, GError **error);
