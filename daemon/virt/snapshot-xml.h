/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "daemon/model/layers.h"
#include "daemon/model/records.h"

/*
 * A snapshot's XML: read, built, checked, and written anew.  Pure functions, any thread.
 */

#define SNAPSHOT_NAME_MAX 128U /* bytes, of a new name */
#define SNAPSHOT_DISKS_MAX 1000U
#define SNAPSHOT_XML_MAX 4194304U /* bytes (4 MiB), of a text that a caller sends */
#define SNAPSHOT_DESCRIPTION_MAX 65536U /* bytes (64 KiB), of one that a caller sends */

/* Parse what virDomainSnapshotGetXMLDesc() returned; the record is the caller's.  NULL with InvalidXML. */
SnapshotRecord *snapshot_xml_parse(const char *xml, GError **error);

/* Our rule for a new name: 1 to 128 bytes of valid UTF-8, no control or direction characters, no '/', no
 * leading
 * '.' or '-'.  Fails with InvalidName. */
bool snapshot_name_check(const char *name, GError **error);

typedef struct SnapshotRequestDisk {
        char *target; /* or, in a caller's XML, a source path: libvirt takes both */
        DiskMode mode;
        char *file; /* the overlay to make; NULL: not said */
        char *driver; /* its format; NULL: not said */
        char *type; /* of what file names (file, block, network, …); NULL: not said, a file */
} SnapshotRequestDisk;

/* What a caller wants of a new snapshot. */
typedef struct SnapshotRequest {
        char *name; /* "": libvirt chooses */
        char *description; /* "": none */
        bool memory_given; /* false: libvirt's default, and memory is MEMORY_NONE */
        MemoryMode memory;
        char *memory_file; /* NULL: not said */
        GPtrArray *disks; /* of SnapshotRequestDisk; those not named get libvirt's default */

        /* Only from a caller's XML: */
        char *parent; /* or NULL */
        bool has_domain; /* it brings a definition of its own */
} SnapshotRequest;

SnapshotRequest *snapshot_request_new(void);
SnapshotRequest *snapshot_request_free(SnapshotRequest *request);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SnapshotRequest, snapshot_request_free)

/* A new disk at the end; strings are copied, file, driver may be NULL. */
SnapshotRequestDisk *snapshot_request_add_disk(
        SnapshotRequest *request, const char *target, DiskMode mode, const char *file, const char *driver);

/* The <domainsnapshot> for it, the caller's.  Fails with InvalidName (see above; "" is allowed), InvalidArgs
 * (a text that XML cannot hold, a file or memory file where there can be none, a disk twice, too many
 * disks), InvalidPath (a file that is not an absolute path). */
char *snapshot_xml_build(const SnapshotRequest *request, GError **error);

/*
 * Check a caller's <domainsnapshot> and tell what it asks for.  max_bytes 0: SNAPSHOT_XML_MAX.  Refused with
 * InvalidXML: too large, not well-formed, a document type, too deep, too many disks, an element twice that
 * may be there once, unknown words.  With InvalidName: a name against the rule.  With redefine a name must
 * be there, and may be any: check one that does not exist yet with snapshot_name_check().  Files are told,
 * not checked. ret_parsed may be NULL.
 */
bool snapshot_xml_check(
        const char *xml, size_t max_bytes, bool redefine, SnapshotRequest **ret_parsed, GError **error);

/*
 * The snapshot's XML (the full one, read with VIR_DOMAIN_SNAPSHOT_XML_SECURE) after files were merged: moves
 * maps a name (char *) to the LayerMove that tells where its content lies now.  Rewritten are source, format
 * and backing chain of the disks in <domain> and <inactiveDomain>, also where only the chain below a disk
 * names such a file, and the <source>s in <disks> and <revertDisks> (unless the new file is the user's).  A
 * file that stays where it is, but on another chain, is mapped to itself.  Formats and chains are written in
 * full; a chain that is not known (below NULL) is kept from where the text already tells it, or dropped.
 *
 * NULL without an error: nothing had to be changed.  NULL with InvalidXML otherwise.
 */
char *snapshot_xml_rewrite(const char *xml, GHashTable *moves, GError **error);

/* The full XML with one thing changed, for a redefine; the caller's.  parent NULL: a root.  Fail with
 * InvalidXML, InvalidName (name and parent: any that XML can hold, as foreign ones are edited too),
 * InvalidArgs (a description that XML cannot hold). */
char *snapshot_xml_set_name(const char *xml, const char *name, GError **error);
char *snapshot_xml_set_parent(const char *xml, const char *parent, GError **error);
char *snapshot_xml_set_description(const char *xml, const char *description, GError **error);
