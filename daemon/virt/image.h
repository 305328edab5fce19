/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <glib.h>

/*
 * Local disk images: what their headers say.  Blocking calls, for workers; any thread.  Headers are a
 * guest's or a stranger's: every number in them is checked, nothing larger than a few KiB is read, nothing
 * is ever opened for writing, and the format is what the caller says: probing is limited to qcow2's magic.
 */

#define IMAGE_CHAIN_MAX 200U /* libvirt's own limit */
#define IMAGE_SCAN_MAX 10000U

typedef struct ImageInfo {
        dev_t dev; /* of a block device: 0, and ino is its device number: two nodes of one device are the
                      same */
        ino_t ino;
        char *path; /* as it was asked for, absolute; links were followed for everything else */
        char *format; /* raw, qcow2, … */
        uint64_t virtual_size, allocated; /* bytes */
        char *backing; /* absolute, or as written when it is not local; NULL: backs on nothing */
        char *backing_as_written; /* NULL likewise */
        char *backing_format; /* NULL: the header names none */
        bool backing_local; /* backing is a path here */
        unsigned internal_snapshots;
        bool encrypted;
        bool block; /* a block device */
        bool old_format; /* qcow2 compat=0.10 */
        bool external_data; /* qcow2 with its data in a file of its own */
        mode_t mode; /* permissions and type, as in stat(2) */
        uid_t uid;
        gid_t gid;
} ImageInfo;

ImageInfo *image_info_free(ImageInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImageInfo, image_info_free)

/* Read one image.  format NULL or "": qcow2 when it has the magic, raw else.  raw is raw, whatever is in it.
 * qcow2 is read here, other formats by qemu-img.  Fails with InvalidPath (not absolute, neither a file nor a
 * block device), Broken (not there, not readable, a header that is not what format says or makes no sense),
 * NotSupported (a format that qemu-img cannot read, or no qemu-img). */
bool image_read(const char *path, const char *format, ImageInfo **ret, GError **error);

/* The whole chain, top first, of ImageInfo; backing formats are those that the headers name, found as by
 * image_read() where they name none.  It ends at what backs on nothing or on something not local.  Fails as
 * above, Broken also for a backing file that is missing (naming it), a loop and more than IMAGE_CHAIN_MAX
 * layers. */
bool image_chain_read(const char *path, const char *format, GPtrArray **ret_chain, GError **error);

/* Every regular file in a folder that is a qcow2 image, of ImageInfo, in no order; not in its subfolders.
 * Fails when the folder cannot be read (InvalidPath) and with TooMany above IMAGE_SCAN_MAX entries.
 * *ret_skipped (may be NULL): how many could not be read. */
bool image_scan_folder(const char *dir, GPtrArray **ret, unsigned *ret_skipped, GError **error);
