/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/virt/disk-xml.h"

#include <string.h>

#include "daemon/virt/xml.h"

/* Where a source says what it is, by the disk's type; the others are put together. */
static const struct {
        const char *type, *attribute;
} source_attributes[] = {
        { "file", "file" },
        { "block", "dev" },
        { "dir", "dir" },
        { "vhostuser", "path" },
        { "vhostvdpa", "dev" },
};

static const char *source_attribute(const char *type) {
        for (size_t i = 0; i < G_N_ELEMENTS(source_attributes); i++)
                if (strcmp(source_attributes[i].type, type) == 0)
                        return source_attributes[i].attribute;
        return NULL;
}

static char *network_source(const xmlNode *source) {
        g_autofree char *protocol = xml_attribute(source, "protocol"), *name = xml_attribute(source, "name");
        const xmlNode *host = xml_child(source, "host");
        g_autofree char *host_name = xml_attribute(host, "name"), *port = xml_attribute(host, "port");

        return g_strdup_printf(
                "%s://%s%s%s/%s", protocol ?: "", host_name ?: "", port ? ":" : "", port ?: "", name ?: "");
}

static char *volume_source(const xmlNode *source) {
        g_autofree char *pool = xml_attribute(source, "pool"), *volume = xml_attribute(source, "volume");

        return pool && volume ? g_strdup_printf("%s/%s", pool, volume) : NULL;
}

char *disk_node_type(const xmlNode *disk) {
        return xml_attribute(disk, "type") ?: g_strdup("file");
}

char *disk_node_source(const xmlNode *disk) {
        const xmlNode *source = xml_child(disk, "source");
        g_autofree char *type = disk_node_type(disk);
        const char *attribute = source_attribute(type);
        char *found;

        if (!source)
                found = NULL;
        else if (attribute)
                found = xml_attribute(source, attribute);
        else if (strcmp(type, "network") == 0)
                found = network_source(source);
        else if (strcmp(type, "volume") == 0)
                found = volume_source(source);
        else
                found = g_strdup(type); /* nvme: no name, but not empty either */
        return found ?: g_strdup("");
}

/* A disk and a snapshot's disk name it in <driver>, a backing store in <format>. */
char *disk_node_format(const xmlNode *disk) {
        const xmlNode *holder = xml_child(disk, xml_is(disk, "backingStore") ? "format" : "driver");

        return xml_attribute(holder, "type") ?: g_strdup("");
}

xmlNode *domain_node_disk(const xmlNode *domain, const char *target) {
        XML_FOREACH(disk, xml_child(domain, "devices"), "disk")
        if (xml_attribute_is(xml_child(disk, "target"), "dev", target))
                return disk;
        return NULL;
}

GPtrArray *disk_node_chain(const xmlNode *disk, bool *ret_complete) {
        GPtrArray *chain = layer_ref_array_new();
        const xmlNode *node = disk;

        while (node && xml_child(node, "source")) {
                g_autofree char *path = disk_node_source(node), *format = disk_node_format(node);

                g_ptr_array_add(chain, layer_ref_new(path, format, xml_attribute_is(node, "type", "block")));
                node = xml_child(node, "backingStore");
        }
        if (ret_complete)
                *ret_complete = chain->len > 0 && node;
        return chain;
}
