/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/model/layers.h"

#include <inttypes.h>
#include <string.h>

#include "daemon/base/error.h"

struct LayerGraph {
        GHashTable *layers; /* key → Layer, owned */
        GHashTable *names; /* path → Layer */
        GHashTable *heads; /* head_name() → Layer */
        bool linked; /* backing and children are set */
};

static void pin_destroy(gpointer data) {
        LayerPin *pin = data;

        g_free(pin->owner.domain_uuid);
        g_free(pin->owner.domain);
        g_free(pin->owner.snapshot);
        g_free(pin->disk);
        g_free(pin);
}

static void layer_destroy(gpointer data) {
        Layer *layer = data;

        g_free(layer->key);
        g_free(layer->path);
        g_free(layer->format);
        g_free(layer->backing_name);
        g_free(layer->backing_key);
        g_ptr_array_unref(layer->children);
        g_ptr_array_unref(layer->pins);
        g_ptr_array_unref(layer->paths);
        g_free(layer);
}

LayerGraph *layer_graph_new(void) {
        LayerGraph *graph = g_new0(LayerGraph, 1);

        graph->layers = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, layer_destroy);
        graph->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        graph->heads = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        return graph;
}

LayerGraph *layer_graph_free(LayerGraph *graph) {
        if (!graph)
                return NULL;
        g_hash_table_unref(graph->heads);
        g_hash_table_unref(graph->names);
        g_hash_table_unref(graph->layers);
        g_free(graph);
        return NULL;
}

char *layer_key_for_file(dev_t device, ino_t inode) {
        return g_strdup_printf("%" PRIu64 ":%" PRIu64, (uint64_t) device, (uint64_t) inode);
}

/* The first layer of a name keeps it: two images cannot have one name at one moment. */
static void add_name(LayerGraph *graph, Layer *layer, const char *path) {
        if (g_hash_table_contains(graph->names, path))
                return;
        g_hash_table_insert(graph->names, g_strdup(path), layer);
        g_ptr_array_add(layer->paths, g_strdup(path));
}

static Layer *layer_new(const LayerImage *image) {
        Layer *layer = g_new(Layer, 1);

        *layer = (Layer){
                .key = g_strdup(image->key),
                .path = g_strdup(image->path),
                .format = g_strdup(image->format ?: ""),
                .virtual_size = image->virtual_size,
                .allocated = image->allocated,
                .backing_name = g_strdup(image->backing),
                .backing_key = g_strdup(image->backing_key),
                .internal_snapshots = image->internal_snapshots,
                .block = image->block,
                .old_format = image->old_format,
                .children = g_ptr_array_new(),
                .pins = g_ptr_array_new_with_free_func(pin_destroy),
                .paths = g_ptr_array_new_with_free_func(g_free),
        };
        return layer;
}

bool layer_graph_add_image(LayerGraph *graph, const LayerImage *image) {
        Layer *layer = g_hash_table_lookup(graph->layers, image->key);
        bool is_new = !layer;

        if (is_new) {
                layer = layer_new(image);
                g_hash_table_insert(graph->layers, layer->key, layer);
                graph->linked = false;
        }
        add_name(graph, layer, image->path);
        return is_new;
}

bool layer_graph_add_name(LayerGraph *graph, const char *key, const char *path) {
        Layer *layer = g_hash_table_lookup(graph->layers, key);

        if (!layer)
                return false;
        add_name(graph, layer, path);
        return true;
}

/* Images come in any order, so what backs on what is only known when all are there. */
static void link_layers(LayerGraph *graph) {
        GHashTableIter iter;
        gpointer value;

        if (graph->linked)
                return;
        graph->linked = true;
        g_hash_table_iter_init(&iter, graph->layers);
        while (g_hash_table_iter_next(&iter, NULL, &value))
                g_ptr_array_set_size(((Layer *) value)->children, 0);
        g_hash_table_iter_init(&iter, graph->layers);
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
                Layer *layer = value;

                layer->backing =
                        layer->backing_key ? g_hash_table_lookup(graph->layers, layer->backing_key) : NULL;
                if (layer->backing)
                        g_ptr_array_add(layer->backing->children, layer);
        }
}

static Layer *find(LayerGraph *graph, const char *key_or_path) {
        Layer *layer = g_hash_table_lookup(graph->names, key_or_path);

        link_layers(graph);
        return layer ?: g_hash_table_lookup(graph->layers, key_or_path);
}

const Layer *layer_graph_find(LayerGraph *graph, const char *key_or_path) {
        return find(graph, key_or_path);
}

static char *head_name(const char *domain_uuid, const char *disk) {
        return g_strdup_printf("%s/%s", domain_uuid, disk);
}

bool layer_graph_pin(LayerGraph *graph, const char *key_or_path, PinKind kind, const char *domain,
        const char *domain_uuid, const char *disk, const char *snapshot) {
        Layer *layer = find(graph, key_or_path);
        LayerPin *pin;

        g_assert(snapshot || (kind != PIN_STATE && kind != PIN_INTERNAL));
        if (!layer)
                return false;
        pin = g_new(LayerPin, 1);
        *pin = (LayerPin) {
                .kind = kind,
                .owner = {
                        .domain_uuid = g_strdup(domain_uuid),
                        .domain = g_strdup(domain),
                        .snapshot = g_strdup(snapshot),
                },
                .disk = g_strdup(disk),
        };
        g_ptr_array_add(layer->pins, pin);
        if (kind == PIN_HEAD && disk) {
                g_autofree char *head = head_name(domain_uuid, disk);

                if (!g_hash_table_contains(graph->heads, head))
                        g_hash_table_insert(graph->heads, g_steal_pointer(&head), layer);
        }
        return true;
}

bool layer_graph_mark_overlay(LayerGraph *graph, const char *key_or_path) {
        Layer *layer = find(graph, key_or_path);

        if (!layer)
                return false;
        layer->overlay = true;
        return true;
}

unsigned layer_graph_pin_domain(LayerGraph *graph, const DomainRecord *domain) {
        unsigned missing = 0;

        for (unsigned i = 0; i < domain->disks->len; i++) {
                const DomainDisk *disk = domain->disks->pdata[i];

                if (disk->source[0] &&
                        !layer_graph_pin(graph, disk->source, PIN_HEAD, domain->name, domain->uuid,
                                disk->target, NULL))
                        missing++;
        }
        return missing;
}

/* What metadata calls an overlay is not believed of an image that backs on nothing: that would be a chain's
 * bottom, and the user's. */
static void mark_named_overlay(LayerGraph *graph, const char *file) {
        Layer *layer = file ? find(graph, file) : NULL;

        if (layer && layer->backing_name)
                layer->overlay = true;
}

unsigned layer_graph_pin_snapshot(
        LayerGraph *graph, const char *domain, const char *domain_uuid, const SnapshotRecord *snapshot) {
        unsigned missing = 0;

        for (unsigned i = 0; i < snapshot->n_disks; i++) {
                const SnapshotDisk *disk = snapshot->disks + i;
                PinKind kind = disk->mode == DISK_MODE_INTERNAL ? PIN_INTERNAL : PIN_STATE;

                if (disk->mode != DISK_MODE_INTERNAL && disk->mode != DISK_MODE_EXTERNAL)
                        continue;
                if (disk->layer &&
                        !layer_graph_pin(
                                graph, disk->layer, kind, domain, domain_uuid, disk->target, snapshot->name))
                        missing++;
                mark_named_overlay(graph, disk->file);
        }
        return missing;
}

bool layer_graph_chain(LayerGraph *graph, const char *domain_uuid, const char *disk, GPtrArray **ret_chain,
        GError **error) {
        g_autofree char *head = head_name(domain_uuid, disk);
        g_autoptr(GPtrArray) chain = g_ptr_array_new();
        Layer *layer;

        link_layers(graph);
        layer = g_hash_table_lookup(graph->heads, head);
        if (!layer)
                return vs_fail(
                        error, VS_ERR_NO_SUCH_DISK, "The disk '%s' is not there, or its image is not", disk);
        for (; layer; layer = layer->backing) {
                if (chain->len >= g_hash_table_size(graph->layers))
                        return vs_fail(
                                error, VS_ERR_BROKEN, "The backing files of disk '%s' form a loop", disk);
                g_ptr_array_add(chain, layer);
        }
        *ret_chain = g_steal_pointer(&chain);
        return true;
}

char **layer_snapshots(const Layer *layer, const char *domain_uuid) {
        g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
        g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

        for (unsigned i = 0; i < layer->pins->len; i++) {
                const LayerPin *pin = layer->pins->pdata[i];

                if (pin->owner.snapshot && strcmp(pin->owner.domain_uuid, domain_uuid) == 0 &&
                        g_hash_table_add(seen, pin->owner.snapshot))
                        g_strv_builder_add(builder, pin->owner.snapshot);
        }
        return g_strv_builder_end(builder);
}
