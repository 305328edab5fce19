/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/model/records.h"

#include <string.h>

static const char *const state_words[_DOMAIN_STATE_MAX] = {
        [DOMAIN_NOSTATE] = "nostate",
        [DOMAIN_RUNNING] = "running",
        [DOMAIN_PAUSED] = "paused",
        [DOMAIN_SHUTDOWN] = "shutdown",
        [DOMAIN_SHUTOFF] = "shutoff",
        [DOMAIN_CRASHED] = "crashed",
        [DOMAIN_PMSUSPENDED] = "pmsuspended",
        [DOMAIN_DISK_SNAPSHOT] = "disk-snapshot",
};

static const char *const disk_words[_DISK_MODE_MAX] = {
        [DISK_MODE_DEFAULT] = "",
        [DISK_MODE_NO] = "no",
        [DISK_MODE_INTERNAL] = "internal",
        [DISK_MODE_EXTERNAL] = "external",
        [DISK_MODE_MANUAL] = "manual",
};

static const char *const memory_words[_MEMORY_MODE_MAX] = {
        [MEMORY_NONE] = "none",
        [MEMORY_INTERNAL] = "internal",
        [MEMORY_EXTERNAL] = "external",
};

static unsigned word_index(const char *const *words, unsigned n, const char *word) {
        for (unsigned i = 0; i < n; i++)
                if (word && strcmp(words[i], word) == 0)
                        return i;
        return n;
}

const char *domain_state_to_string(DomainState state) {
        return state_words[state];
}

DomainState domain_state_from_string(const char *word) {
        return word_index(state_words, _DOMAIN_STATE_MAX, word);
}

const char *disk_mode_to_string(DiskMode mode) {
        return disk_words[mode];
}

DiskMode disk_mode_from_string(const char *word) {
        return word_index(disk_words, _DISK_MODE_MAX, word);
}

const char *memory_mode_to_string(MemoryMode mode) {
        return memory_words[mode];
}

MemoryMode memory_mode_from_string(const char *word) {
        return word_index(memory_words, _MEMORY_MODE_MAX, word);
}

const DomainDisk *domain_record_disk(const DomainRecord *record, const char *target) {
        for (unsigned i = 0; i < record->disks->len; i++) {
                const DomainDisk *disk = record->disks->pdata[i];

                if (strcmp(disk->target, target) == 0)
                        return disk;
        }
        return NULL;
}

static void *copy_disk(const void *data, void *unused) {
        DomainDisk *disk = g_memdup2(data, sizeof(DomainDisk));

        disk->target = g_strdup(disk->target);
        disk->source = g_strdup(disk->source);
        disk->format = g_strdup(disk->format);
        disk->type = g_strdup(disk->type);
        return disk;
}

DomainRecord *domain_record_copy(const DomainRecord *record) {
        DomainRecord *copy = g_memdup2(record, sizeof *record);

        copy->uuid = g_strdup(record->uuid);
        copy->name = g_strdup(record->name);
        copy->title = g_strdup(record->title);
        copy->disks = g_ptr_array_copy(record->disks, copy_disk, NULL);
        g_ptr_array_set_free_func(copy->disks, (GDestroyNotify) domain_disk_free);
        copy->list_error = g_strdup(record->list_error);
        copy->snapshots = NULL;
        copy->current = g_strdup(record->current);
        return copy;
}

SnapshotRecord *snapshot_record_copy(const SnapshotRecord *record) {
        SnapshotRecord *copy = g_memdup2(record, sizeof *record);

        copy->name = g_strdup(record->name);
        copy->description = g_strdup(record->description);
        copy->parent = g_strdup(record->parent);
        copy->memory_file = g_strdup(record->memory_file);
        copy->disks = g_memdup2(record->disks, record->n_disks * sizeof(SnapshotDisk));
        for (unsigned i = 0; i < copy->n_disks; i++) {
                copy->disks[i].file = g_strdup(record->disks[i].file);
                copy->disks[i].layer = g_strdup(record->disks[i].layer);
        }
        return copy;
}

DomainDisk *domain_disk_free(DomainDisk *disk) {
        if (!disk)
                return NULL;
        g_free(disk->target);
        g_free(disk->source);
        g_free(disk->format);
        g_free(disk->type);
        g_free(disk);
        return NULL;
}

DomainRecord *domain_record_free(DomainRecord *record) {
        if (!record)
                return NULL;
        g_free(record->uuid);
        g_free(record->name);
        g_free(record->title);
        g_clear_pointer(&record->disks, g_ptr_array_unref);
        g_free(record->list_error);
        g_clear_pointer(&record->snapshots, g_ptr_array_unref);
        g_free(record->current);
        g_free(record);
        return NULL;
}

SnapshotRecord *snapshot_record_free(SnapshotRecord *record) {
        if (!record)
                return NULL;
        for (unsigned i = 0; i < record->n_disks; i++) {
                g_free(record->disks[i].file);
                g_free(record->disks[i].layer);
        }
        g_free(record->disks);
        g_free(record->name);
        g_free(record->description);
        g_free(record->parent);
        g_free(record->memory_file);
        g_free(record);
        return NULL;
}

bool snapshot_record_is_external(const SnapshotRecord *record) {
        for (unsigned i = 0; i < record->n_disks; i++)
                if (record->disks[i].mode == DISK_MODE_EXTERNAL)
                        return true;
        return record->memory == MEMORY_EXTERNAL;
}

static bool has_internal(const SnapshotRecord *record) {
        for (unsigned i = 0; i < record->n_disks; i++)
                if (record->disks[i].mode == DISK_MODE_INTERNAL)
                        return true;
        return record->memory == MEMORY_INTERNAL;
}

const char *snapshot_record_location(const SnapshotRecord *record) {
        bool external = snapshot_record_is_external(record), internal = has_internal(record);

        if (external && internal)
                return "mixed";
        return external ? "external" : internal ? "internal" : "none";
}

bool snapshot_record_equal(const SnapshotRecord *a, const SnapshotRecord *b) {
        if (strcmp(a->name, b->name) != 0 || strcmp(a->description, b->description) != 0 ||
                g_strcmp0(a->parent, b->parent) != 0 || a->created != b->created || a->state != b->state ||
                a->memory != b->memory || g_strcmp0(a->memory_file, b->memory_file) != 0 ||
                a->deleting != b->deleting || a->n_disks != b->n_disks)
                return false;
        for (unsigned i = 0; i < a->n_disks; i++) {
                const SnapshotDisk *x = a->disks + i, *y = b->disks + i;

                if (x->target != y->target || x->mode != y->mode || x->layer_format != y->layer_format ||
                        g_strcmp0(x->file, y->file) != 0 || g_strcmp0(x->layer, y->layer) != 0)
                        return false;
        }
        return true;
}
