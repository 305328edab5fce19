/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "daemon/base/error.h"
#include "daemon/virt/domain-xml.h"
#include "daemon/virt/image.h"
#include "daemon/virt/read.h"
#include "daemon/virt/virt-error.h"
#include "daemon/virt/volume.h"

typedef struct FactDomain {
        DomainRecord *record;
        DomainRecord *next; /* what a running domain will start with the next time, or NULL */
        GPtrArray *snapshots; /* of SnapshotRecord */
} FactDomain;

struct Facts {
        GHashTable *domains; /* uuid → FactDomain */
        GPtrArray *outdated; /* of FactDomain, read again since: callers may hold parts of them */
        Store *store;
};

static void fact_domain_free(void *data) {
        FactDomain *fact = data;

        domain_record_free(fact->record);
        domain_record_free(fact->next);
        g_ptr_array_unref(fact->snapshots);
        g_free(fact);
}

static FactDomain *fact_domain_new(const Domain *domain) {
        FactDomain *fact = g_new0(FactDomain, 1);
        Snapshot *s;

        fact->record = domain_record_copy(domain->record);
        fact->snapshots = g_ptr_array_new_full(
                g_hash_table_size(domain->snapshots), (GDestroyNotify) snapshot_record_free);
        DOMAIN_FOREACH_SNAPSHOT(s, domain)
        g_ptr_array_add(fact->snapshots, snapshot_record_copy(s->record));
        return fact;
}

Facts *facts_gather(const World *world, Store *store) {
        Facts *facts = g_new0(Facts, 1);
        GHashTableIter iter;
        void *value;

        facts->store = store;
        facts->domains = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, fact_domain_free);
        facts->outdated = g_ptr_array_new_with_free_func(fact_domain_free);
        g_hash_table_iter_init(&iter, world_domains(world));
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
                FactDomain *fact = fact_domain_new(value);

                g_hash_table_insert(facts->domains, fact->record->uuid, fact);
        }
        return facts;
}

static void put(Facts *facts, FactDomain *fact) {
        void *before = NULL;

        if (g_hash_table_steal_extended(facts->domains, fact->record->uuid, NULL, &before))
                g_ptr_array_add(facts->outdated, before);
        g_hash_table_insert(facts->domains, fact->record->uuid, fact);
}

bool facts_refresh(Facts *facts, virConnectPtr handle, const char *uuid, GError **error) {
        g_autoptr(DomainRecord) record = NULL;
        g_autoptr(GPtrArray) snapshots = NULL;
        FactDomain *fact;

        if (!read_domain(handle, uuid, &record, error))
                return false;
        if (record->list_error)
                return vs_fail(error, VS_ERR_LIBVIRT_FAILED, "%s", record->list_error);
        if (!read_snapshots(handle, uuid, record->snapshots, &snapshots, error))
                return false;
        fact = g_new0(FactDomain, 1);
        fact->record = g_steal_pointer(&record);
        fact->snapshots = g_steal_pointer(&snapshots);
        put(facts, fact);
        return true;
}

Facts *facts_free(Facts *facts) {
        if (!facts)
                return NULL;
        g_hash_table_unref(facts->domains);
        g_ptr_array_unref(facts->outdated);
        g_free(facts);
        return NULL;
}

const DomainRecord *facts_domain(const Facts *facts, const char *uuid) {
        const FactDomain *fact = g_hash_table_lookup(facts->domains, uuid);

        return fact ? fact->record : NULL;
}

const GPtrArray *facts_snapshots(const Facts *facts, const char *uuid) {
        const FactDomain *fact = g_hash_table_lookup(facts->domains, uuid);

        return fact ? fact->snapshots : NULL;
}

const SnapshotRecord *facts_snapshot(const Facts *facts, const char *uuid, const char *name) {
        const GPtrArray *snapshots = facts_snapshots(facts, uuid);

        for (unsigned i = 0; snapshots && i < snapshots->len; i++)
                if (strcmp(((SnapshotRecord *) snapshots->pdata[i])->name, name) == 0)
                        return snapshots->pdata[i];
        return NULL;
}

/* ---- what the world does not know, or not yet ---- */

/* The other definition of a running domain may name other images. */
static bool read_next(FactDomain *fact, virDomainPtr domain, GError **error) {
        g_autoptr(DomainRecord) next = g_new0(DomainRecord, 1);
        char *xml;
        bool ok;

        if (fact->next || !fact->record->persistent || fact->record->state == DOMAIN_SHUTOFF)
                return true;
        xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);
        if (!xml)
                return virt_last_error_is(VIR_ERR_NO_DOMAIN) ||
                        virt_fail(error, "cannot read a domain's persistent definition");
        ok = domain_xml_parse(xml, next, error);
        free(xml);
        if (ok)
                fact->next = g_steal_pointer(&next);
        return ok;
}

/* One that was defined just now, or could not be read when the world was; a snapshot likewise. */
static bool is_behind(const FactDomain *fact, virDomainPtr domain) {
        return !fact || fact->record->list_error ||
                virDomainSnapshotNum(domain, 0) != (int) fact->snapshots->len;
}

static bool complete_domain(Facts *facts, virConnectPtr handle, virDomainPtr domain, GError **error) {
        char uuid[VIR_UUID_STRING_BUFLEN];
        g_autoptr(GError) problem = NULL;
        FactDomain *fact;

        if (virDomainGetUUIDString(domain, uuid) < 0)
                return virt_fail(error, NULL);
        fact = g_hash_table_lookup(facts->domains, uuid);
        if (is_behind(fact, domain)) {
                if (!facts_refresh(facts, handle, uuid, &problem)) {
                        if (g_error_matches(problem, VS_ERROR, VS_ERR_NO_SUCH_DOMAIN))
                                return true;
                        g_propagate_prefixed_error(error, g_steal_pointer(&problem),
                                "Nobody can tell which images the domain %s needs: ",
                                virDomainGetName(domain));
                        return false;
                }
                fact = g_hash_table_lookup(facts->domains, uuid);
        }
        return read_next(fact, domain, error) && volumes_resolve(handle, fact->record, error) &&
                (!fact->next || volumes_resolve(handle, fact->next, error));
}

/* What is missed here would not be there to protect its images. */
static bool complete(Facts *facts, virConnectPtr handle, GError **error) {
        virDomainPtr *domains = NULL;
        int n = virConnectListAllDomains(handle, &domains, 0);
        bool ok = n >= 0 || virt_fail(error, "cannot list the domains");

        for (int i = 0; i < n; i++) {
                ok = ok && complete_domain(facts, handle, domains[i], error);
                virDomainFree(domains[i]);
        }
        free(domains);
        return ok;
}

/* ---- reading images ---- */

static char *key_of_path(const char *path) {
        struct stat st;

        if (stat(path, &st) < 0)
                return NULL;
        /* As image_read() has it: two nodes of one device are one. */
        return S_ISBLK(st.st_mode) ? layer_key_for_file(0, st.st_rdev)
                                   : layer_key_for_file(st.st_dev, st.st_ino);
}

static void add_image(LayerGraph *graph, const ImageInfo *info) {
        g_autofree char *key = layer_key_for_file(info->dev, info->ino);
        g_autofree char *backing_key =
                info->backing && info->backing_local ? key_of_path(info->backing) : NULL;
        const LayerImage image = {
                .key = key,
                .path = info->path,
                .format = info->format,
                .virtual_size = info->virtual_size,
                .allocated = info->allocated,
                .backing_key = backing_key                      ? backing_key
                        : info->backing && !info->backing_local ? info->backing
                                                                : NULL,
                .backing = info->backing,
                .internal_snapshots = info->internal_snapshots,
                .block = info->block,
                .old_format = info->old_format,
        };

        layer_graph_add_image(graph, &image);
        /* The name by which the image above knows it. */
        if (backing_key && info->backing)
                layer_graph_add_name(graph, backing_key, info->backing);
}

/* An image that is there but cannot be read may back on anything, so that nothing can be said of what needs
 * what. One that is gone backs on nothing. */
static bool is_harmless(const char *path, const char *format) {
        struct stat st;

        return g_strcmp0(format, "raw") == 0 || (stat(path, &st) < 0 && errno == ENOENT);
}

/* One image and what it backs on. */
static bool add_chain(LayerGraph *graph, const char *path, const char *format, GError **error) {
        g_autofree char *next = g_strdup(path), *next_format = g_strdup(format);

        for (unsigned n = 0; next && n < IMAGE_CHAIN_MAX; n++) {
                g_autofree char *key = key_of_path(next);
                g_autoptr(ImageInfo) info = NULL;
                g_autoptr(GError) problem = NULL;

                /* What is there already has been followed to its end. */
                if (key && layer_graph_add_name(graph, key, next))
                        return true;
                if (!image_read(next, next_format, &info, &problem)) {
                        if (is_harmless(next, next_format))
                                return true;
                        g_propagate_error(error, g_steal_pointer(&problem));
                        return false;
                }
                add_image(graph, info);
                g_free(next);
                g_free(next_format);
                next = info->backing_local ? g_strdup(info->backing) : NULL;
                next_format = g_strdup(info->backing_format);
        }
        return true;
}

/* What is not a file here is known by its URL. */
static void add_foreign(LayerGraph *graph, const DomainDisk *disk) {
        const LayerImage image = { .key = disk->source, .path = disk->source, .format = disk->format };

        if (*disk->source)
                layer_graph_add_image(graph, &image);
}

static bool add_disks(LayerGraph *graph, const DomainRecord *record, GError **error) {
        for (unsigned i = 0; i < record->disks->len; i++) {
                const DomainDisk *disk = record->disks->pdata[i];

                if (!disk->file || !*disk->source)
                        add_foreign(graph, disk);
                else if (!add_chain(graph, disk->source, disk->format, error))
                        return false;
        }
        return true;
}

static bool add_snapshot_layers(LayerGraph *graph, const GPtrArray *snapshots, GError **error) {
        for (unsigned i = 0; i < snapshots->len; i++) {
                const SnapshotRecord *record = snapshots->pdata[i];

                for (unsigned k = 0; k < record->n_disks; k++) {
                        const SnapshotDisk *disk = record->disks + k;

                        if (disk->file && *disk->file == '/' && !add_chain(graph, disk->file, NULL, error))
                                return false;
                        if (disk->layer && *disk->layer == '/' &&
                                !add_chain(graph, disk->layer, disk->layer_format, error))
                                return false;
                }
        }
        return true;
}

/* Images that no definition names, beside those of the domain: they may back on them all the same. */
static bool add_neighbours(LayerGraph *graph, const char *uuid, const DomainRecord *record, GError **error) {
        g_autoptr(GHashTable) folders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        GHashTableIter iter;
        void *folder;

        for (unsigned i = 0; i < record->disks->len; i++) {
                const DomainDisk *disk = record->disks->pdata[i];
                g_autoptr(GPtrArray) chain = NULL;

                if (!layer_graph_chain(graph, uuid, disk->target, &chain, NULL))
                        continue;
                for (unsigned k = 0; k < chain->len; k++) {
                        const Layer *layer = chain->pdata[k];

                        if (*layer->path == '/' && !layer->block)
                                g_hash_table_add(folders, g_path_get_dirname(layer->path));
                }
        }
        g_hash_table_iter_init(&iter, folders);
        while (g_hash_table_iter_next(&iter, &folder, NULL)) {
                g_autoptr(GPtrArray) images = NULL;
                unsigned n_skipped;

                if (!image_scan_folder(folder, &images, &n_skipped, error))
                        return false;
                if (n_skipped)
                        return vs_fail(error, VS_ERR_INVALID_PATH,
                                "%u files in %s cannot be read, so that nobody knows what they back on; "
                                "move them "
                                "elsewhere, or make them readable.",
                                n_skipped, (const char *) folder);
                for (unsigned i = 0; i < images->len; i++)
                        add_image(graph, images->pdata[i]);
        }
        return true;
}

/* ---- pins ---- */

static bool pin_managed_save(
        LayerGraph *graph, virConnectPtr handle, const DomainRecord *record, GError **error) {
        g_autoptr(DomainRecord) saved = g_new0(DomainRecord, 1);
        g_autoptr(VirDomain) domain = lookup_domain(handle, record->uuid, error);
        char *xml = domain ? virDomainManagedSaveGetXMLDesc(domain, 0) : NULL;
        bool ok;

        if (!domain)
                return false;
        if (!xml)
                return virt_fail(error, "cannot read the managed save");
        ok = domain_xml_parse(xml, saved, error);
        free(xml);
        if (!ok || !volumes_resolve(handle, saved, error) || !add_disks(graph, saved, error))
                return false;
        for (unsigned i = 0; i < saved->disks->len; i++) {
                const DomainDisk *disk = saved->disks->pdata[i];

                if (*disk->source)
                        layer_graph_pin(graph, disk->source, PIN_MANAGED_SAVE, record->name, record->uuid,
                                disk->target, NULL);
        }
        return true;
}

static void pin_domain(LayerGraph *graph, const FactDomain *fact) {
        layer_graph_pin_domain(graph, fact->record);
        if (fact->next)
                layer_graph_pin_domain(graph, fact->next);
        for (unsigned i = 0; i < fact->snapshots->len; i++)
                layer_graph_pin_snapshot(
                        graph, fact->record->name, fact->record->uuid, fact->snapshots->pdata[i]);
}

/* Overlays that no snapshot names any more.  As in mark_named_overlay(), the bottom of a chain is none. */
static void mark_overlays(LayerGraph *graph, Store *store) {
        g_autoptr(GPtrArray) overlays = store_overlays(store);

        for (unsigned i = 0; i < overlays->len; i++) {
                const Layer *layer = layer_graph_find(graph, overlays->pdata[i]);

                if (layer && layer->backing_name)
                        layer_graph_mark_overlay(graph, overlays->pdata[i]);
        }
}

static bool add_definitions(LayerGraph *graph, const FactDomain *fact, GError **error) {
        return add_disks(graph, fact->record, error) && (!fact->next || add_disks(graph, fact->next, error));
}

bool facts_read_graph(
        Facts *facts, virConnectPtr handle, const char *uuid, LayerGraph **ret, GError **error) {
        g_autoptr(LayerGraph) graph = layer_graph_new();
        const DomainRecord *record;
        GHashTableIter iter;
        void *value;

        if (!complete(facts, handle, error))
                return false;
        record = facts_domain(facts, uuid);
        if (!record)
                return vs_fail(error, VS_ERR_NO_SUCH_DOMAIN, "The domain is gone.");

        /* Definitions first: they name formats, and a snapshot's metadata does not. */
        g_hash_table_iter_init(&iter, facts->domains);
        while (g_hash_table_iter_next(&iter, NULL, &value))
                if (!add_definitions(graph, value, error))
                        return false;
        g_hash_table_iter_init(&iter, facts->domains);
        while (g_hash_table_iter_next(&iter, NULL, &value))
                if (!add_snapshot_layers(graph, ((FactDomain *) value)->snapshots, error))
                        return false;
        g_hash_table_iter_init(&iter, facts->domains);
        while (g_hash_table_iter_next(&iter, NULL, &value))
                pin_domain(graph, value);
        if (!add_neighbours(graph, uuid, record, error))
                return false;
        mark_overlays(graph, facts->store);
        g_hash_table_iter_init(&iter, facts->domains);
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
                const DomainRecord *other = ((FactDomain *) value)->record;

                if (other->has_managed_save && !pin_managed_save(graph, handle, other, error))
                        return false;
        }
        *ret = g_steal_pointer(&graph);
        return true;
}
