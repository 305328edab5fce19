/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <glib.h>
#include <libxml/tree.h>

#include "daemon/model/layers.h"

/*
 * Parsed <disk>s: of a definition, of a snapshot, and the <backingStore>s in them, which name their images
 * in the same way.  For what reads and writes definitions and snapshots; pure functions, any thread.
 */

/* "file" where nothing is said; the caller's, never NULL. */
char *disk_node_type(const xmlNode *disk);

/* What <source> names, see domain-xml.h; "" for nothing; the caller's, never NULL. */
char *disk_node_source(const xmlNode *disk);

/* "" where nothing is said; the caller's, never NULL. */
char *disk_node_format(const xmlNode *disk);

/* The chain as it is told, top first, of LayerRef; *ret_complete (may be NULL): down to its end. */
GPtrArray *disk_node_chain(const xmlNode *disk, bool *ret_complete);

/* The <disk> with that target in a <domain>, or NULL. */
xmlNode *domain_node_disk(const xmlNode *domain, const char *target);

/* Write source, format and backing chain anew where moves says so, see snapshot_xml_rewrite(). Each returns
 * whether anything was changed. */
bool disk_node_rewrite(xmlNode *disk, GHashTable *moves);
bool domain_node_rewrite(xmlNode *domain, GHashTable *moves);

/* The same for a snapshot's <disks>: an overlay's name and format, without a chain. */
bool snapshot_disk_node_rewrite(xmlNode *disk, GHashTable *moves);
