/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/make.h"

DomainRecord *make_domain(const char *uuid, const char *name) {
        DomainRecord *record = g_new0(DomainRecord, 1);

        record->uuid = g_strdup(uuid);
        record->name = g_strdup(name);
        record->title = g_strdup("");
        record->state = DOMAIN_SHUTOFF;
        record->persistent = true;
        record->disks = g_ptr_array_new_with_free_func((GDestroyNotify) domain_disk_free);
        return record;
}

DomainDisk *make_disk(DomainRecord *domain, const char *target, const char *source) {
        DomainDisk *disk = g_new0(DomainDisk, 1);

        disk->target = g_strdup(target);
        disk->source = g_strdup(source);
        disk->format = g_strdup("qcow2");
        disk->type = g_strdup("file");
        disk->file = true;
        g_ptr_array_add(domain->disks, disk);
        return disk;
}

SnapshotRecord *make_snapshot(const char *name, const char *parent, uint64_t created) {
        SnapshotRecord *record = g_new0(SnapshotRecord, 1);

        record->name = g_strdup(name);
        record->description = g_strdup("");
        record->parent = g_strdup(parent);
        record->created = created;
        record->state = DOMAIN_SHUTOFF;
        return record;
}
