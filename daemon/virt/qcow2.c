/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/virt/qcow2.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAGIC 0x514649fbU /* "QFI\xfb" */

/* Limits of QEMU's own. */
#define CLUSTER_BITS_MIN 9U
#define CLUSTER_BITS_MAX 21U
#define BACKING_NAME_MAX 1023U
#define SNAPSHOTS_MAX 65536U
#define FORMAT_NAME_MAX 15U
#define EXTENSIONS_MAX 64U

#define EXTENSION_END 0U
#define EXTENSION_BACKING_FORMAT 0xe2792acaU

#define INCOMPATIBLE_EXTERNAL_DATA (UINT64_C(1) << 2)

/* On disk, big endian; what follows version 2's part is there from version 3 on. */
typedef struct __attribute__((packed)) RawHeader {
        uint32_t magic;
        uint32_t version;
        uint64_t backing_offset;
        uint32_t backing_size;
        uint32_t cluster_bits;
        uint64_t size;
        uint32_t crypt_method;
        uint32_t l1_size;
        uint64_t l1_offset;
        uint64_t refcount_offset;
        uint32_t refcount_clusters;
        uint32_t snapshots;
        uint64_t snapshots_offset;
        uint64_t incompatible_features;
        uint64_t compatible_features;
        uint64_t autoclear_features;
        uint32_t refcount_order;
        uint32_t header_length;
} RawHeader;

#define V2_LENGTH 72U
G_STATIC_ASSERT(sizeof(RawHeader) == 104);
G_STATIC_ASSERT(G_STRUCT_OFFSET(RawHeader, incompatible_features) == V2_LENGTH);

typedef struct __attribute__((packed)) RawExtension {
        uint32_t type;
        uint32_t length;
} RawExtension;

/* All of it, or -EBADMSG where the file ends before. */
static int read_at(int fd, void *buffer, size_t size, uint64_t offset) {
        size_t done = 0;

        if (offset > INT64_MAX - size)
                return -EBADMSG;
        while (done < size) {
                ssize_t n = pread(fd, (char *) buffer + done, size - done, (off_t) (offset + done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -EBADMSG;
                done += (size_t) n;
        }
        return 0;
}

void qcow2_header_clear(Qcow2Header *header) {
        g_clear_pointer(&header->backing, g_free);
        g_clear_pointer(&header->backing_format, g_free);
}

int qcow2_is(int fd) {
        uint32_t magic;
        int r = read_at(fd, &magic, sizeof(magic), 0);

        if (r == -EBADMSG)
                return 0;
        if (r < 0)
                return r;
        return GUINT32_FROM_BE(magic) == MAGIC;
}

/* A text of the file's, as QEMU takes it: up to a NUL.  NULL with -EBADMSG for an empty one. */
static int read_text(int fd, uint64_t offset, size_t length, char **ret) {
        g_autofree char *text = g_malloc0(length + 1);
        int r = read_at(fd, text, length, offset);

        if (r < 0)
                return r;
        if (text[0] == '\0')
                return -EBADMSG;
        *ret = g_steal_pointer(&text);
        return 0;
}

static int read_backing(int fd, const RawHeader *raw, Qcow2Header *header) {
        uint64_t offset = GUINT64_FROM_BE(raw->backing_offset);
        uint64_t cluster = UINT64_C(1) << GUINT32_FROM_BE(raw->cluster_bits);
        uint32_t size = GUINT32_FROM_BE(raw->backing_size);

        if (offset == 0 || size == 0)
                return 0;
        if (offset > cluster || size > BACKING_NAME_MAX || size > cluster - offset)
                return -EBADMSG;
        return read_text(fd, offset, size, &header->backing);
}

static int read_extensions(int fd, const RawHeader *raw, Qcow2Header *header) {
        uint64_t end =
                GUINT64_FROM_BE(raw->backing_offset) ?: UINT64_C(1) << GUINT32_FROM_BE(raw->cluster_bits);
        uint64_t offset = header->version == 2 ? V2_LENGTH : GUINT32_FROM_BE(raw->header_length);

        for (unsigned i = 0; i < EXTENSIONS_MAX && offset + sizeof(RawExtension) <= end; i++) {
                RawExtension extension;
                uint32_t type, length;
                int r = read_at(fd, &extension, sizeof(extension), offset);

                if (r < 0)
                        return r;
                type = GUINT32_FROM_BE(extension.type);
                length = GUINT32_FROM_BE(extension.length);
                offset += sizeof(extension);
                if (type == EXTENSION_END)
                        return 0;
                if (offset > end || length > end - offset)
                        return -EBADMSG;
                if (type == EXTENSION_BACKING_FORMAT) {
                        if (length > FORMAT_NAME_MAX)
                                return -EBADMSG;
                        g_clear_pointer(&header->backing_format, g_free);
                        r = read_text(fd, offset, length, &header->backing_format);
                        if (r < 0)
                                return r;
                }
                offset += ((uint64_t) length + 7) & ~UINT64_C(7);
        }
        return 0;
}

static bool makes_sense(const RawHeader *raw, uint32_t version) {
        uint32_t bits = GUINT32_FROM_BE(raw->cluster_bits);

        if (GUINT32_FROM_BE(raw->magic) != MAGIC || version < 2 || version > 3 || bits < CLUSTER_BITS_MIN ||
                bits > CLUSTER_BITS_MAX || GUINT32_FROM_BE(raw->snapshots) > SNAPSHOTS_MAX ||
                GUINT64_FROM_BE(raw->size) > INT64_MAX)
                return false;
        if (version == 2)
                return true;
        return GUINT32_FROM_BE(raw->header_length) >= sizeof(RawHeader) &&
                GUINT32_FROM_BE(raw->header_length) <= UINT32_C(1) << bits;
}

int qcow2_read(int fd, Qcow2Header *ret) {
        g_auto(Qcow2Header) header = {};
        RawHeader raw = {};
        int r;

        r = read_at(fd, &raw, V2_LENGTH, 0);
        if (r < 0)
                return r;
        header.version = GUINT32_FROM_BE(raw.version);
        if (header.version >= 3) {
                r = read_at(fd, (char *) &raw + V2_LENGTH, sizeof(raw) - V2_LENGTH, V2_LENGTH);
                if (r < 0)
                        return r;
        }
        if (!makes_sense(&raw, header.version))
                return -EBADMSG;
        r = read_backing(fd, &raw, &header);
        if (r < 0)
                return r;
        r = read_extensions(fd, &raw, &header);
        if (r < 0)
                return r;
        header.virtual_size = GUINT64_FROM_BE(raw.size);
        header.snapshots = GUINT32_FROM_BE(raw.snapshots);
        header.encrypted = raw.crypt_method != 0;
        header.external_data = GUINT64_FROM_BE(raw.incompatible_features) & INCOMPATIBLE_EXTERNAL_DATA;
        *ret = header;
        header = (Qcow2Header){};
        return 0;
}
