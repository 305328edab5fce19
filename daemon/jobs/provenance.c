/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/base/error.h"
#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/jobs/provenance.h"
#include "daemon/jobs/store-files.h"
#include "daemon/virt/snapshot-xml.h"
#include "daemon/virt/virt-error.h"

/* The part of the store that knows which files are overlays of ours. */

#define OVERLAYS_FILE "overlays.json"
#define OVERLAYS_MAX (16U * 1024U * 1024U)

/* 0 when it is not a plain file. */
static uint64_t inode_of(const char *path) {
        struct stat st;

        return lstat(path, &st) == 0 && S_ISREG(st.st_mode) ? st.st_ino : 0;
}

static struct json_object *load(int fd) {
        g_autofree char *text = NULL;
        struct json_object *overlays = NULL;
        int r = file_read(fd, OVERLAYS_FILE, OVERLAYS_MAX, &text);

        if (r >= 0)
                overlays = json_tokener_parse(text);
        if (overlays && json_object_is_type(overlays, json_type_object))
                return overlays;
        json_object_put(overlays);
        /* Without it nothing is unlinked that need not be: the worst is a file that stays. */
        if (r != -ENOENT)
                log_error(OVERLAYS_FILE " cannot be read (%s); overlays may be left after a merge",
                        r < 0 ? strerror(-r) : "no valid JSON");
        return json_object_new_object();
}

static bool is_there(const char *path, struct json_object *inode) {
        uint64_t now = inode_of(path);

        return now != 0 && now == json_object_get_uint64(inode);
}

static void forget_gone(struct json_object *overlays) {
        g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);

        json_object_object_foreach(overlays, path, inode) {
                if (!is_there(path, inode))
                        g_ptr_array_add(gone, g_strdup(path));
        }
        for (unsigned i = 0; i < gone->len; i++)
                json_object_object_del(overlays, gone->pdata[i]);
}

bool store_add_overlays(Store *store, const GPtrArray *paths, GError **error) {
        struct json_object *overlays;
        int r = 0;

        if (paths->len == 0)
                return true;
        store_lock(store);
        overlays = load(store_fd(store));
        for (unsigned i = 0; i < paths->len; i++) {
                uint64_t inode = inode_of(paths->pdata[i]);

                if (inode)
                        json_object_object_add(overlays, paths->pdata[i], json_object_new_uint64(inode));
        }
        forget_gone(overlays);
        r = file_replace(store_fd(store), OVERLAYS_FILE,
                json_object_to_json_string_ext(
                        overlays, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
        json_object_put(overlays);
        store_unlock(store);
        return r >= 0 ||
                vs_fail(error, r == -ENOSPC ? VS_ERR_NO_SPACE : VS_ERR_LIBVIRT_FAILED,
                        "What is known of overlays cannot be written to the state directory: %s",
                        strerror(-r));
}

GPtrArray *store_overlays(Store *store) {
        GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
        struct json_object *overlays;

        store_lock(store);
        overlays = load(store_fd(store));
        json_object_object_foreach(overlays, path, inode) {
                if (is_there(path, inode))
                        g_ptr_array_add(paths, g_strdup(path));
        }
        json_object_put(overlays);
        store_unlock(store);
        return paths;
}

bool provenance_keep(Store *store, virDomainSnapshotPtr snapshot, GError **error) {
        g_autoptr(GPtrArray) paths = g_ptr_array_new();
        g_autoptr(SnapshotRecord) record = NULL;
        char *xml = virDomainSnapshotGetXMLDesc(snapshot, 0);

        if (!xml)
                return virt_fail(error, "cannot read the snapshot");
        record = snapshot_xml_parse(xml, error);
        free(xml);
        if (!record)
                return false;
        for (unsigned i = 0; i < record->n_disks; i++)
                if (record->disks[i].mode == DISK_MODE_EXTERNAL && record->disks[i].file &&
                        *record->disks[i].file == '/')
                        g_ptr_array_add(paths, record->disks[i].file);
        return store_add_overlays(store, paths, error);
}
