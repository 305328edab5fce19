/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

/* The header of a qcow2 image, as far as chains are concerned.  Any thread. */
typedef struct Qcow2Header {
        uint32_t version;
        uint64_t virtual_size; /* bytes */
        uint32_t snapshots;
        bool encrypted;
        bool external_data;
        char *backing; /* as written, NULL for none */
        char *backing_format; /* NULL: not said */
} Qcow2Header;

void qcow2_header_clear(Qcow2Header *header);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Qcow2Header, qcow2_header_clear)

/* Whether the file begins with qcow2's magic.  Negative errno when it could not be read. */
int qcow2_is(int fd);

/* 0, -EBADMSG for a header that makes no sense, or another negative errno; *ret is set on success only, the
 * caller clears it.  Reads a few KiB at most. */
int qcow2_read(int fd, Qcow2Header *ret);
