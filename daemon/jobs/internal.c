/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/internal.h"

#include <string.h>

#include "daemon/base/error.h"

static bool is_internal(const SnapshotRecord *record, const char *verb, GError **error) {
        if (!snapshot_record_is_external(record))
                return true;
        return vs_fail(error, VS_ERR_NOT_SUPPORTED,
                "The snapshot %s is external; this version of virtsnapd has only internal ones %s.",
                record->name, verb);
}

static bool refuse(const char *name, const char *verb, const char *image, const char *why, const char *what,
        GError **error) {
        return vs_fail(error, VS_ERR_NOT_SUPPORTED,
                "The snapshot %s cannot be %s: it lies in %s, %s %s, whose content would be lost.", name,
                verb, image, why, what);
}

/* An external snapshot, of whichever domain, whose state lies in this image. */
static const Snapshot *find_state_in(const World *world, const char *image) {
        GHashTableIter iter;
        void *value;

        g_hash_table_iter_init(&iter, world_domains(world));
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
                Snapshot *s;

                DOMAIN_FOREACH_SNAPSHOT(s, (Domain *) value)
                for (unsigned i = 0; i < s->record->n_disks; i++) {
                        const SnapshotDisk *disk = s->record->disks + i;

                        if (disk->mode == DISK_MODE_EXTERNAL && g_strcmp0(disk->layer, image) == 0)
                                return s;
                }
        }
        return NULL;
}

bool internal_check_world(const Snapshot *snapshot, const char *verb, GError **error) {
        const SnapshotRecord *record = snapshot->record;

        if (!is_internal(record, verb, error))
                return false;
        for (unsigned i = 0; i < record->n_disks; i++) {
                const SnapshotDisk *disk = record->disks + i;
                const Snapshot *other = disk->mode == DISK_MODE_INTERNAL && disk->layer
                        ? find_state_in(snapshot->domain->world, disk->layer)
                        : NULL;

                if (other)
                        return refuse(record->name, verb, disk->layer,
                                "which also holds the external snapshot", other->record->name, error);
        }
        return true;
}

static bool check_layer(LayerGraph *graph, const char *uuid, const SnapshotRecord *record,
        const SnapshotDisk *disk, const char *verb, GError **error) {
        const Layer *layer = layer_graph_find(graph, disk->layer);

        if (!layer)
                return vs_fail(error, VS_ERR_BROKEN, "The image %s of the disk %s cannot be read.",
                        disk->layer, disk->target);
        if (layer->children->len)
                return refuse(record->name, verb, layer->path, "which is the backing file of",
                        ((const Layer *) layer->children->pdata[0])->path, error);
        for (unsigned i = 0; i < layer->pins->len; i++) {
                const LayerPin *pin = layer->pins->pdata[i];

                if (pin->kind == PIN_STATE)
                        return refuse(record->name, verb, layer->path,
                                "which also holds the external snapshot", pin->owner.snapshot, error);
                if (pin->kind != PIN_INTERNAL && strcmp(pin->owner.domain_uuid, uuid) != 0)
                        return refuse(record->name, verb, layer->path, "which is also a disk of the domain",
                                pin->owner.domain, error);
        }
        return true;
}

/* A disk that the snapshot's definition could write to. */
static bool is_written(const DomainRecord *domain, const SnapshotDisk *disk) {
        const DomainDisk *present = domain_record_disk(domain, disk->target);

        return disk->layer && *disk->layer == '/' && !(present && (present->readonly || present->removable));
}

/* Its domains name images that do not exist. */
static bool is_test_driver(virConnectPtr handle) {
        return g_strcmp0(virConnectGetType(handle), "TEST") == 0;
}

bool internal_check_images(Facts *facts, virConnectPtr handle, const char *uuid, const char *name,
        bool whole, const char *verb, GError **error) {
        const SnapshotRecord *record = facts_snapshot(facts, uuid, name);
        const DomainRecord *domain;
        g_autoptr(LayerGraph) graph = NULL;

        if (!record)
                return vs_fail(error, VS_ERR_NO_SUCH_SNAPSHOT, "The snapshot %s is gone.", name);
        if (!is_internal(record, verb, error))
                return false;
        if (is_test_driver(handle))
                return true;
        if (!facts_read_graph(facts, handle, uuid, &graph, error))
                return false;
        domain = facts_domain(facts, uuid);
        for (unsigned i = 0; i < record->n_disks; i++) {
                const SnapshotDisk *disk = record->disks + i;

                if (!whole && disk->mode != DISK_MODE_INTERNAL)
                        continue;
                if (is_written(domain, disk) && !check_layer(graph, uuid, record, disk, verb, error))
                        return false;
        }
        return true;
}
