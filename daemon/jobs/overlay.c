/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/error.h"
#include "daemon/base/log.h"

#define STEM_MAX 120U

GPtrArray *overlay_folders(const DomainRecord *domain) {
        GPtrArray *folders;

        if (geteuid() != 0)
                return NULL;
        folders = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(folders, g_strdup("/var/lib/libvirt/images"));
        g_ptr_array_add(folders, g_strdup("/var/lib/libvirt/qemu/save"));
        for (unsigned i = 0; i < domain->disks->len; i++) {
                const DomainDisk *disk = domain->disks->pdata[i];

                if (strcmp(disk->type, "file") == 0 && *disk->source == '/')
                        g_ptr_array_add(folders, g_path_get_dirname(disk->source));
        }
        return folders;
}

static bool folder_allowed(const char *folder, const GPtrArray *folders) {
        char resolved[PATH_MAX];

        for (unsigned i = 0; folders && i < folders->len; i++)
                if (realpath(folders->pdata[i], resolved) && strcmp(resolved, folder) == 0)
                        return true;
        return !folders;
}

static bool check_folder(const char *path, const GPtrArray *folders, GError **error) {
        g_autofree char *folder = g_path_get_dirname(path);
        char resolved[PATH_MAX];

        if (!realpath(folder, resolved))
                return vs_fail(error, VS_ERR_INVALID_PATH, "The folder of %s cannot be used: %s", path,
                        strerror(errno));
        if (strcmp(resolved, folder) != 0)
                return vs_fail(error, VS_ERR_INVALID_PATH,
                        "The path %s goes through a link or is not in its shortest form; name the file by "
                        "its real path.",
                        path);
        if (!folder_allowed(folder, folders))
                return vs_fail(error, VS_ERR_INVALID_PATH,
                        "Files may only be made beside the domain's own images or in libvirt's folders, not "
                        "in %s.",
                        folder);
        return true;
}

bool overlay_check_path(const char *path, const GPtrArray *folders, bool reuse, GError **error) {
        struct stat st;

        if (*path != '/' || g_str_has_suffix(path, "/") || strstr(path, "//") || strlen(path) >= PATH_MAX)
                return vs_fail(error, VS_ERR_INVALID_PATH,
                        "%.256s is not the absolute path of a file in its shortest form.", path);
        if (!check_folder(path, folders, error))
                return false;
        if (lstat(path, &st) < 0) {
                if (errno != ENOENT)
                        return vs_fail(
                                error, VS_ERR_INVALID_PATH, "%s cannot be used: %s", path, strerror(errno));
                return !reuse ||
                        vs_fail(error, VS_ERR_INVALID_PATH, "The file %s to be reused is not there.", path);
        }
        if (S_ISLNK(st.st_mode))
                return vs_fail(error, VS_ERR_INVALID_PATH, "%s is a link; name the file itself.", path);
        if (!reuse)
                return vs_fail(error, VS_ERR_INVALID_PATH, "The file %s is there already.", path);
        return S_ISREG(st.st_mode) || vs_fail(error, VS_ERR_INVALID_PATH, "%s is not a regular file.", path);
}

/* The name of an image without its ending, and without what an earlier overlay_name() has put to it. */
static char *stem_of(const DomainDisk *disk) {
        static const char *const endings[] = { ".qcow2", ".raw", ".img", ".qcow", ".qed", ".vmdk" };
        g_autofree char *name = g_path_get_basename(disk->source);
        g_autofree char *pattern = NULL;
        g_autoptr(GRegex) ours = NULL;
        g_autofree char *target = g_regex_escape_string(disk->target, -1);

        for (unsigned i = 0; i < G_N_ELEMENTS(endings); i++)
                if (g_str_has_suffix(name, endings[i]) && strlen(name) > strlen(endings[i])) {
                        name[strlen(name) - strlen(endings[i])] = '\0';
                        break;
                }
        pattern = g_strdup_printf("(.)-%s-[0-9]+$", target);
        /* Names of files are bytes. */
        ours = g_regex_new(pattern, G_REGEX_RAW, 0, NULL);
        return ours ? g_regex_replace(ours, name, -1, 0, "\\1", 0, NULL) : g_strdup(name);
}

/* Room for the rest within NAME_MAX, without half a character at the end. */
static void shorten(char *stem) {
        size_t n = STEM_MAX;

        if (strlen(stem) <= n)
                return;
        while (n > STEM_MAX - 4 && ((unsigned char) stem[n] & 0xc0) == 0x80)
                n--;
        stem[n] = '\0';
}

char *overlay_name(const DomainDisk *disk, uint64_t id, GError **error) {
        g_autofree char *folder = NULL, *stem = NULL;
        struct stat st;

        if (strcmp(disk->type, "file") != 0 || *disk->source != '/') {
                vs_fail(error, VS_ERR_NOT_SUPPORTED,
                        "The disk %s is no file, so that there is no place beside it for an overlay; name "
                        "one in \"disks\".",
                        disk->target);
                return NULL;
        }
        folder = g_path_get_dirname(disk->source);
        stem = stem_of(disk);
        shorten(stem);
        /* Ids are never used twice by one daemon; another's file may be in the way. */
        for (unsigned n = 0; n < 100; n++) {
                g_autofree char *suffix = n ? g_strdup_printf(".%u", n) : g_strdup("");
                g_autofree char *path = g_strdup_printf(
                        "%s/%s-%s-%" PRIu64 "%s.qcow2", folder, stem, disk->target, id, suffix);

                if (lstat(path, &st) < 0 && errno == ENOENT)
                        return g_steal_pointer(&path);
        }
        vs_fail(error, VS_ERR_INVALID_PATH, "No name for an overlay of %s is free.", disk->source);
        return NULL;
}

void overlay_restrict(const char *path, const char *below) {
        struct stat lower, upper;
        int fd;

        if (stat(below, &lower) < 0)
                return;
        fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return;
        if (fstat(fd, &upper) == 0 && S_ISREG(upper.st_mode) && S_ISREG(lower.st_mode) &&
                (upper.st_mode & ~lower.st_mode & 0077) &&
                fchmod(fd, upper.st_mode & lower.st_mode & 0777) < 0)
                log_warning("cannot restrict the rights of %s: %s", path, strerror(errno));
        close(fd);
}
