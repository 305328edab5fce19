/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/virt/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/error.h"
#include "daemon/virt/backing.h"
#include "daemon/virt/qcow2.h"
#include "daemon/virt/qemu-img.h"

#define SECTOR UINT64_C(512)

typedef DIR Folder;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Folder, closedir)

static void close_fd(int *fd) {
        if (*fd >= 0)
                close(*fd);
}

static int take_fd(int *fd) {
        int taken = *fd;

        *fd = -1;
        return taken;
}

#define _cleanup_close_ __attribute__((cleanup(close_fd)))

ImageInfo *image_info_free(ImageInfo *info) {
        if (!info)
                return NULL;
        g_free(info->path);
        g_free(info->format);
        g_free(info->backing);
        g_free(info->backing_as_written);
        g_free(info->backing_format);
        g_free(info);
        return NULL;
}

static void info_destroy(gpointer info) {
        image_info_free(info);
}

static bool is_image_type(mode_t mode) {
        return S_ISREG(mode) || S_ISBLK(mode);
}

static bool unreadable(const char *path, int error_number, GError **error) {
        return vs_fail(
                error, VS_ERR_BROKEN, "The image '%s' cannot be read: %s", path, g_strerror(error_number));
}

static bool not_an_image(const char *path, GError **error) {
        return vs_fail(error, VS_ERR_INVALID_PATH, "'%s' is neither a file nor a block device", path);
}

/* Looked at before it is opened: opening a tape or a terminal can do something.  The file may be another one
 * by then, so what counts is the second look, and O_NONBLOCK lets even a fifo be opened. */
static bool open_image(const char *path, int *ret_fd, struct stat *ret_status, GError **error) {
        _cleanup_close_ int fd = -1;

        if (path[0] != '/')
                return vs_fail(error, VS_ERR_INVALID_PATH, "The path of an image has to begin with '/'");
        if (stat(path, ret_status) < 0)
                return unreadable(path, errno, error);
        if (!is_image_type(ret_status->st_mode))
                return not_an_image(path, error);
        fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, ret_status) < 0)
                return unreadable(path, errno, error);
        if (!is_image_type(ret_status->st_mode))
                return not_an_image(path, error);
        *ret_fd = take_fd(&fd);
        return true;
}

static ImageInfo *info_new(const char *path, const struct stat *status, uint64_t device_size) {
        ImageInfo *info = g_new0(ImageInfo, 1);

        info->path = g_strdup(path);
        info->block = S_ISBLK(status->st_mode);
        info->dev = info->block ? 0 : status->st_dev;
        info->ino = info->block ? (ino_t) status->st_rdev : status->st_ino;
        info->allocated = info->block ? device_size : (uint64_t) status->st_blocks * SECTOR;
        info->mode = status->st_mode;
        info->uid = status->st_uid;
        info->gid = status->st_gid;
        return info;
}

static void set_backing(ImageInfo *info, char *as_written, char *format) {
        info->backing_as_written = as_written;
        info->backing_format = format;
        if (as_written)
                info->backing = backing_resolve(info->path, as_written, &info->backing_local);
}

static bool read_qcow2(int fd, ImageInfo *info, GError **error) {
        g_auto(Qcow2Header) header = {};
        int r = qcow2_read(fd, &header);

        if (r == -EBADMSG)
                return vs_fail(error, VS_ERR_BROKEN, "The image '%s' has no valid qcow2 header", info->path);
        if (r < 0)
                return unreadable(info->path, -r, error);
        info->virtual_size = header.virtual_size;
        info->internal_snapshots = header.snapshots;
        info->encrypted = header.encrypted;
        info->old_format = header.version == 2;
        info->external_data = header.external_data;
        set_backing(info, g_steal_pointer(&header.backing), g_steal_pointer(&header.backing_format));
        return true;
}

static bool read_other(ImageInfo *info, GError **error) {
        g_auto(QemuImgInfo) found = {};

        if (!qemu_img_info(info->path, info->format, &found, error)) {
                g_prefix_error(error, "The image '%s': ", info->path);
                return false;
        }
        info->virtual_size = found.virtual_size;
        info->internal_snapshots = found.snapshots;
        info->encrypted = found.encrypted;
        set_backing(info, g_steal_pointer(&found.backing), g_steal_pointer(&found.backing_format));
        return true;
}

/* The end of a file or of a device. */
static uint64_t size_of(int fd) {
        off_t end = lseek(fd, 0, SEEK_END);

        return end > 0 ? (uint64_t) end : 0;
}

static bool read_format(int fd, const char *format, uint64_t size, ImageInfo *info, GError **error) {
        if (!format || format[0] == '\0') {
                int r = qcow2_is(fd);

                if (r < 0)
                        return unreadable(info->path, -r, error);
                format = r > 0 ? "qcow2" : "raw";
        }
        info->format = g_strdup(format);
        if (strcmp(format, "qcow2") == 0)
                return read_qcow2(fd, info, error);
        if (strcmp(format, "raw") != 0)
                return read_other(info, error);
        info->virtual_size = (size + SECTOR - 1) / SECTOR * SECTOR;
        return true;
}

bool image_read(const char *path, const char *format, ImageInfo **ret, GError **error) {
        g_autoptr(ImageInfo) info = NULL;
        _cleanup_close_ int fd = -1;
        struct stat status = {};
        uint64_t size;

        if (!open_image(path, &fd, &status, error))
                return false;
        size = size_of(fd);
        info = info_new(path, &status, size);
        if (!read_format(fd, format, size, info, error))
                return false;
        *ret = g_steal_pointer(&info);
        return true;
}

static bool same_image(const ImageInfo *a, const ImageInfo *b) {
        return a->dev == b->dev && a->ino == b->ino;
}

static bool check_chain(GPtrArray *chain, const ImageInfo *next, GError **error) {
        if (chain->len >= IMAGE_CHAIN_MAX)
                return vs_fail(error, VS_ERR_BROKEN, "The chain has more than %u layers", IMAGE_CHAIN_MAX);
        for (unsigned i = 0; i < chain->len; i++)
                if (same_image(chain->pdata[i], next))
                        return vs_fail(error, VS_ERR_BROKEN,
                                "The backing files form a loop: '%s' comes again below itself", next->path);
        return true;
}

bool image_chain_read(const char *path, const char *format, GPtrArray **ret_chain, GError **error) {
        g_autoptr(GPtrArray) chain = g_ptr_array_new_with_free_func(info_destroy);

        while (path) {
                g_autoptr(ImageInfo) info = NULL;

                if (!image_read(path, format, &info, error)) {
                        const ImageInfo *above = chain->len > 0 ? chain->pdata[chain->len - 1] : NULL;

                        if (above)
                                g_prefix_error(error, "Below '%s': ", above->path);
                        return false;
                }
                if (!check_chain(chain, info, error))
                        return false;
                path = info->backing_local ? info->backing : NULL;
                format = info->backing_format;
                g_ptr_array_add(chain, g_steal_pointer(&info));
        }
        *ret_chain = g_steal_pointer(&chain);
        return true;
}

/* 1 and *ret for a qcow2 image, 0 for something else or what is gone by now, -1 for what could not be read.
 */
static int scan_entry(int folder, const char *path, const char *name, ImageInfo **ret) {
        _cleanup_close_ int fd = -1;
        struct stat status;
        int r;

        if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -1;
        if (!S_ISREG(status.st_mode))
                return 0;
        fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return 0;
        if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
                return -1;
        r = qcow2_is(fd);
        if (r > 0) {
                g_autofree char *full = g_build_filename(path, name, NULL);
                g_autoptr(ImageInfo) info = info_new(full, &status, 0);

                if (!read_format(fd, "qcow2", 0, info, NULL))
                        return -1;
                *ret = g_steal_pointer(&info);
        }
        return r < 0 ? -1 : r;
}

bool image_scan_folder(const char *dir, GPtrArray **ret, unsigned *ret_skipped, GError **error) {
        g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(info_destroy);
        g_autoptr(Folder) folder = opendir(dir);
        unsigned entries = 0, skipped = 0;

        if (!folder)
                return vs_fail(error, VS_ERR_INVALID_PATH, "The folder '%s' cannot be read: %s", dir,
                        g_strerror(errno));
        for (;;) {
                const struct dirent *entry;
                ImageInfo *info;
                int r;

                errno = 0;
                entry = readdir(folder);
                if (!entry)
                        break;
                if (++entries > IMAGE_SCAN_MAX)
                        return vs_fail(error, VS_ERR_TOO_MANY, "The folder '%s' has more than %u files", dir,
                                IMAGE_SCAN_MAX);
                r = scan_entry(dirfd(folder), dir, entry->d_name, &info);
                if (r > 0)
                        g_ptr_array_add(found, info);
                else if (r < 0)
                        skipped++;
        }
        if (errno != 0)
                return vs_fail(error, VS_ERR_INVALID_PATH, "The folder '%s' cannot be read: %s", dir,
                        g_strerror(errno));
        if (ret_skipped)
                *ret_skipped = skipped;
        *ret = g_steal_pointer(&found);
        return true;
}
