/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

/* What `qemu-img info` says of an image in a format that is not read here.  Blocking, for workers. */
typedef struct QemuImgInfo {
        uint64_t virtual_size; /* bytes */
        char *backing; /* as written, NULL for none */
        char *backing_format; /* NULL: not said */
        unsigned snapshots;
        bool encrypted;
} QemuImgInfo;

void qemu_img_info_clear(QemuImgInfo *info);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(QemuImgInfo, qemu_img_info_clear)

/* path is absolute.  Limited in time (30 s), memory and output, as the image may be a stranger's.  Fails
 * with NotSupported (no qemu-img, a format that is no word), Broken (it could not read the image), Timeout.
 */
bool qemu_img_info(const char *path, const char *format, QemuImgInfo *ret, GError **error);
