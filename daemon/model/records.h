/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

/*
 * What was read from libvirt, as plain values: a worker fills one, hands it over whole, and the mirror takes
 * it into the model.  Each record owns its strings; free functions take NULL.
 */

/* A domain's state in libvirt's words, and a snapshot's, which may also be disk-snapshot. */
typedef enum DomainState {
        DOMAIN_NOSTATE,
        DOMAIN_RUNNING,
        DOMAIN_PAUSED,
        DOMAIN_SHUTDOWN,
        DOMAIN_SHUTOFF,
        DOMAIN_CRASHED,
        DOMAIN_PMSUSPENDED,
        DOMAIN_DISK_SNAPSHOT, /* snapshots only */
        _DOMAIN_STATE_MAX,
} DomainState;

/* How a snapshot took a disk (the snapshot='' attribute). */
typedef enum DiskMode {
        DISK_MODE_DEFAULT, /* nothing said */
        DISK_MODE_NO,
        DISK_MODE_INTERNAL,
        DISK_MODE_EXTERNAL,
        DISK_MODE_MANUAL,
        _DISK_MODE_MAX,
} DiskMode;

typedef enum MemoryMode {
        MEMORY_NONE,
        MEMORY_INTERNAL,
        MEMORY_EXTERNAL,
        _MEMORY_MODE_MAX,
} MemoryMode;

/* A disk of a domain's definition. */
typedef struct DomainDisk {
        char *target; /* vda */
        char *source; /* path or URL, "" for an empty drive */
        char *format; /* the driver's type: qcow2, raw, … ; "" when the definition names none */
        char *type; /* file, block, network, volume, … */
        bool file; /* source is a path on the libvirt host: type is file or block */
        bool readonly;
        bool shareable;
        bool removable; /* a cdrom or floppy */
        DiskMode snapshot; /* the definition's own snapshot='' */
} DomainDisk;

typedef struct DomainRecord {
        char *uuid;
        char *name;
        char *title; /* "" when there is none */
        DomainState state;
        bool persistent;
        bool agent_connected;
        bool has_managed_save;
        bool writable; /* we may write in the folders of all its disks */
        GPtrArray *disks; /* of DomainDisk, in the definition's order */
        char *list_error; /* why the list of snapshots could not be read, or NULL */
        GPtrArray *snapshots; /* names (char *), parents before children; NULL when list_error is set */
        char *current; /* the current snapshot's name, or NULL */
} DomainRecord;

/* One disk in a snapshot. */
typedef struct SnapshotDisk {
        const char *target; /* interned (g_intern_string) */
        DiskMode mode;
        char *file; /* the overlay that the snapshot made (<disks>), or NULL */
        char *layer; /* the image that holds the disk's state of that moment (<domain>), or NULL */
        const char *layer_format; /* of layer, interned; NULL: the definition names none */
} SnapshotDisk;

typedef struct SnapshotRecord {
        char *name;
        char *description; /* "" when there is none */
        char *parent; /* NULL for a root */
        uint64_t created; /* µs since the epoch; libvirt keeps seconds */
        DomainState state;
        MemoryMode memory;
        char *memory_file; /* of an external memory image, or NULL */
        bool deleting; /* libvirt left <snapshotDeleteInProgress/> */
        unsigned n_disks;
        SnapshotDisk *disks;
} SnapshotRecord;

const char *domain_state_to_string(DomainState state);
/* _DOMAIN_STATE_MAX for an unknown word; likewise the others. */
DomainState domain_state_from_string(const char *word);
const char *disk_mode_to_string(DiskMode mode);
DiskMode disk_mode_from_string(const char *word);
const char *memory_mode_to_string(MemoryMode mode);
MemoryMode memory_mode_from_string(const char *word);

/* The disk with this target; NULL for none.  The record's. */
const DomainDisk *domain_record_disk(const DomainRecord *record, const char *target);

/* Deep copies, the domain's without its list of snapshots. */
DomainRecord *domain_record_copy(const DomainRecord *record);
SnapshotRecord *snapshot_record_copy(const SnapshotRecord *record);

DomainDisk *domain_disk_free(DomainDisk *disk);
DomainRecord *domain_record_free(DomainRecord *record);
SnapshotRecord *snapshot_record_free(SnapshotRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainDisk, domain_disk_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainRecord, domain_record_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SnapshotRecord, snapshot_record_free)

/* "internal", "external", "mixed" or "none", from the disks and the memory.  Static. */
const char *snapshot_record_location(const SnapshotRecord *record);
/* libvirt's rule for its filters: external when any disk or the memory is. */
bool snapshot_record_is_external(const SnapshotRecord *record);
bool snapshot_record_equal(const SnapshotRecord *a, const SnapshotRecord *b);
