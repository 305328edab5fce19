/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib.h>

static int write_all(int fd, const char *text, size_t n) {
        while (n > 0) {
                ssize_t k = write(fd, text, n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                text += k;
                n -= (size_t) k;
        }
        return 0;
}

static int write_and_sync(int dir_fd, const char *name, const char *text) {
        int r, fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
                return -errno;
        r = write_all(fd, text, strlen(text));
        if (r >= 0 && fdatasync(fd) < 0)
                r = -errno;
        if (close(fd) < 0 && r >= 0)
                r = -errno;
        return r;
}

int file_replace(int dir_fd, const char *name, const char *text) {
        g_autofree char *temporary = g_strconcat(name, ".new", NULL);
        int r = write_and_sync(dir_fd, temporary, text);

        if (r >= 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
                r = -errno;
        if (r < 0) {
                unlinkat(dir_fd, temporary, 0);
                return r;
        }
        return fsync(dir_fd) < 0 ? -errno : 0;
}

int file_remove(int dir_fd, const char *name) {
        if (unlinkat(dir_fd, name, 0) < 0)
                return errno == ENOENT ? 0 : -errno;
        return fsync(dir_fd) < 0 ? -errno : 0;
}

int file_read(int dir_fd, const char *name, size_t max, char **ret_text) {
        g_autofree char *text = NULL;
        struct stat st;
        size_t n = 0;
        int r = 0, fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                r = -errno;
        else if (!S_ISREG(st.st_mode))
                r = -EINVAL;
        else if ((uintmax_t) st.st_size > max)
                r = -EFBIG;
        if (r >= 0) {
                text = g_malloc((size_t) st.st_size + 1);
                while (n < (size_t) st.st_size) {
                        ssize_t k = read(fd, text + n, (size_t) st.st_size - n);

                        if (k < 0)
                                r = -errno;
                        if (k <= 0)
                                break;
                        n += (size_t) k;
                }
                text[n] = '\0';
        }
        close(fd);
        if (r < 0)
                return r;
        *ret_text = g_steal_pointer(&text);
        return 0;
}

int file_open_folder(int dir_fd, const char *path) {
        int fd;

        if (mkdirat(dir_fd, path, 0700) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}
