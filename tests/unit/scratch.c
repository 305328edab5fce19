/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534U

void scratch_up(Scratch *scratch, gconstpointer data) {
        g_autofree char *made = g_dir_make_tmp("virtsnap-unit-XXXXXX", NULL);

        g_assert_nonnull(made);
        scratch->path = realpath(made, NULL);
        g_assert_nonnull(scratch->path);
        scratch->fd = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(scratch->fd, >=, 0);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) {
        return remove(path);
}

void scratch_down(Scratch *scratch, gconstpointer data) {
        close(scratch->fd);
        g_assert_no_errno(nftw(scratch->path, remove_one, 16, FTW_DEPTH | FTW_PHYS));
        free(scratch->path);
}

char *scratch_in(const Scratch *scratch, const char *name) {
        return g_build_filename(scratch->path, name, NULL);
}

void scratch_write(const Scratch *scratch, const char *name, const void *data, size_t n) {
        int fd = openat(scratch->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        g_assert_no_errno(fd);
        g_assert_cmpint(write(fd, data, n), ==, n);
        g_assert_no_errno(close(fd));
}

void scratch_write_text(const Scratch *scratch, const char *name, const char *text) {
        scratch_write(scratch, name, text, strlen(text));
}

char *scratch_read(const Scratch *scratch, const char *name) {
        g_autofree char *path = scratch_in(scratch, name);
        char *text = NULL;

        return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

bool scratch_exists(const Scratch *scratch, const char *name) {
        struct stat st;

        return fstatat(scratch->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

void scratch_folder(const Scratch *scratch, const char *name) {
        g_assert_no_errno(mkdirat(scratch->fd, name, 0700));
}

void scratch_link(const Scratch *scratch, const char *target, const char *name) {
        g_assert_no_errno(symlinkat(target, scratch->fd, name));
}

void scratch_remove(const Scratch *scratch, const char *name) {
        g_assert_no_errno(unlinkat(scratch->fd, name, 0));
}

bool scratch_lock(const Scratch *scratch, const char *name) {
        g_assert_no_errno(fchmodat(scratch->fd, name, 0555, 0));
        return geteuid() != 0 || seteuid(NOBODY) == 0;
}

void scratch_unlock(const Scratch *scratch, const char *name) {
        if (getuid() == 0)
                g_assert_no_errno(seteuid(0));
        g_assert_no_errno(fchmodat(scratch->fd, name, 0700, 0));
}

void scratch_limit_files(size_t bytes) {
        struct rlimit limit;

        g_assert_no_errno(getrlimit(RLIMIT_FSIZE, &limit));
        limit.rlim_cur = bytes == SIZE_MAX ? limit.rlim_max : bytes;
        signal(SIGXFSZ, SIG_IGN);
        g_assert_no_errno(setrlimit(RLIMIT_FSIZE, &limit));
}
