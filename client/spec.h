/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * virsh's little language for what is to be done with a disk or with the memory:
 *
 *     DISK[,snapshot=MODE][,driver=FORMAT][,file=FILE]
 *     [file=]FILE[,snapshot=MODE]
 *
 * where ",," stands for a comma.  Pure.  The error's message says what is wrong; its domain does not matter.
 */

typedef struct DiskSpec {
        char *disk;
        char *snapshot, *driver, *file; /* NULL where not given */
} DiskSpec;

typedef struct MemorySpec {
        char *file, *snapshot; /* NULL where not given */
} MemorySpec;

DiskSpec *disk_spec_parse(const char *text, GError **error);
DiskSpec *disk_spec_free(DiskSpec *spec);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DiskSpec, disk_spec_free)

MemorySpec *memory_spec_parse(const char *text, GError **error);
MemorySpec *memory_spec_free(MemorySpec *spec);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MemorySpec, memory_spec_free)
