/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/virt/volume.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/base/error.h"
#include "daemon/virt/virt-error.h"
#include "daemon/virt/xml.h"

typedef virStoragePool VirPool;
typedef virStorageVol VirVolume;

static void pool_free_handle(VirPool *pool) {
        if (pool)
                virStoragePoolFree(pool);
}

static void volume_free_handle(VirVolume *volume) {
        if (volume)
                virStorageVolFree(volume);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(VirPool, pool_free_handle)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VirVolume, volume_free_handle)

/* A pool that is stopped lists no volumes, but its folder is where it was. */
static char *path_in_pool(virStoragePoolPtr pool, const char *volume) {
        char *xml = virStoragePoolGetXMLDesc(pool, 0);
        g_autoptr(xmlDoc) doc = xml ? xml_parse(xml, 0, "pool", NULL) : NULL;
        g_autofree char *folder =
                doc ? xml_child_text(xml_child(xmlDocGetRootElement(doc), "target"), "path") : NULL;

        free(xml);
        return folder && folder[0] == '/' ? g_build_filename(folder, volume, NULL) : NULL;
}

static bool find_path(
        virConnectPtr handle, const char *pool_name, const char *name, char **ret, GError **error) {
        g_autoptr(VirPool) pool = virStoragePoolLookupByName(handle, pool_name);
        g_autoptr(VirVolume) volume = NULL;
        char *path;

        *ret = NULL;
        if (!pool)
                return virt_last_error_is(VIR_ERR_NO_STORAGE_POOL) ||
                        virt_fail(error, "cannot look up a storage pool");
        volume = virStorageVolLookupByName(pool, name);
        path = volume ? virStorageVolGetPath(volume) : NULL;
        *ret = path ? g_strdup(path) : path_in_pool(pool, name);
        free(path);
        return true;
}

bool volumes_resolve(virConnectPtr handle, DomainRecord *record, GError **error) {
        for (unsigned i = 0; i < record->disks->len; i++) {
                DomainDisk *disk = record->disks->pdata[i];
                g_auto(GStrv) parts = NULL;
                char *path;

                if (disk->file || strcmp(disk->type, "volume") != 0)
                        continue;
                parts = g_strsplit(disk->source, "/", 2);
                if (g_strv_length(parts) != 2)
                        continue;
                if (!find_path(handle, parts[0], parts[1], &path, error))
                        return false;
                /* What a pool of another kind calls a path may be anything. */
                if (path && path[0] == '/') {
                        xml_take(&disk->source, path);
                        disk->file = true;
                } else
                        g_free(path);
        }
        return true;
}
