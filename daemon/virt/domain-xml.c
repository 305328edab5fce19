/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/virt/domain-xml.h"

#include <string.h>

#include "daemon/base/error.h"
#include "daemon/virt/disk-xml.h"
#include "daemon/virt/xml.h"

static bool type_is_file(const char *type) {
        return strcmp(type, "file") == 0 || strcmp(type, "block") == 0;
}

static DiskMode disk_snapshot_mode(const xmlNode *disk) {
        g_autofree char *word = xml_attribute(disk, "snapshot");
        DiskMode mode = word ? disk_mode_from_string(word) : DISK_MODE_DEFAULT;

        return mode == _DISK_MODE_MAX ? DISK_MODE_DEFAULT : mode;
}

static DomainDisk *parse_disk(const xmlNode *node) {
        g_autofree char *target = xml_attribute(xml_child(node, "target"), "dev");
        DomainDisk *disk;

        if (!target)
                return NULL;
        disk = g_new0(DomainDisk, 1);
        disk->target = g_steal_pointer(&target);
        disk->type = disk_node_type(node);
        disk->source = disk_node_source(node);
        disk->format = disk_node_format(node);
        disk->file = type_is_file(disk->type) && disk->source[0];
        disk->readonly = xml_child(node, "readonly");
        disk->shareable = xml_child(node, "shareable");
        disk->removable =
                xml_attribute_is(node, "device", "cdrom") || xml_attribute_is(node, "device", "floppy");
        disk->snapshot = disk_snapshot_mode(node);
        return disk;
}

static void disk_destroy(gpointer disk) {
        domain_disk_free(disk);
}

/* libvirt says connected of the agent's channel while something listens at its other end. */
static bool parse_agent(const xmlNode *devices) {
        XML_FOREACH(channel, devices, "channel") {
                const xmlNode *target = xml_child(channel, "target");

                if (xml_attribute_is(target, "name", "org.qemu.guest_agent.0"))
                        return xml_attribute_is(target, "state", "connected");
        }
        return false;
}

bool domain_xml_parse(const char *xml, DomainRecord *into, GError **error) {
        g_autoptr(xmlDoc) doc = xml_parse(xml, 0, "domain", error);
        g_autoptr(GPtrArray) disks = g_ptr_array_new_with_free_func(disk_destroy);
        g_autofree char *name = NULL, *uuid = NULL;
        const xmlNode *domain;

        if (!doc)
                return false;
        domain = xmlDocGetRootElement(doc);
        XML_FOREACH(node, xml_child(domain, "devices"), "disk") {
                DomainDisk *disk = parse_disk(node);

                if (disk)
                        g_ptr_array_add(disks, disk);
        }
        name = xml_child_text(domain, "name");
        uuid = xml_child_text(domain, "uuid");
        if (name)
                xml_take(&into->name, g_steal_pointer(&name));
        if (uuid)
                xml_take(&into->uuid, g_steal_pointer(&uuid));
        into->agent_connected = parse_agent(xml_child(domain, "devices"));
        xml_take(&into->title, xml_child_text(domain, "title") ?: g_strdup(""));
        g_clear_pointer(&into->disks, g_ptr_array_unref);
        into->disks = g_steal_pointer(&disks);
        return true;
}

/* The document stays the caller's, the node belongs to it. */
static xmlNode *find_disk(const char *xml, const char *target, xmlDoc **ret_doc, GError **error) {
        g_autoptr(xmlDoc) doc = xml_parse(xml, 0, "domain", error);
        xmlNode *disk;

        if (!doc)
                return NULL;
        disk = domain_node_disk(xmlDocGetRootElement(doc), target);
        if (!disk) {
                vs_fail(error, VS_ERR_NO_SUCH_DISK, "The domain has no disk '%s'", target);
                return NULL;
        }
        *ret_doc = g_steal_pointer(&doc);
        return disk;
}

bool domain_xml_chain(
        const char *xml, const char *target, GPtrArray **ret_chain, bool *ret_complete, GError **error) {
        g_autoptr(xmlDoc) doc = NULL;
        const xmlNode *disk = find_disk(xml, target, &doc, error);

        if (!disk)
                return false;
        *ret_chain = disk_node_chain(disk, ret_complete);
        return true;
}

/* What libvirt writes into ready=''. */
static const struct {
        const char *word;
        DiskMirror state;
} mirror_words[] = {
        { "yes", DISK_MIRROR_READY },
        { "abort", DISK_MIRROR_ABORTING },
        { "pivot", DISK_MIRROR_PIVOTING },
};

bool domain_xml_mirror(
        const char *xml, const char *target, DiskMirror *ret, char **ret_job, GError **error) {
        g_autoptr(xmlDoc) doc = NULL;
        const xmlNode *disk = find_disk(xml, target, &doc, error), *mirror;
        g_autofree char *ready = NULL;

        if (!disk)
                return false;
        mirror = xml_child(disk, "mirror");
        ready = xml_attribute(mirror, "ready");
        *ret = mirror ? DISK_MIRROR_RUNNING : DISK_MIRROR_NONE;
        for (size_t i = 0; i < G_N_ELEMENTS(mirror_words); i++)
                if (g_strcmp0(ready, mirror_words[i].word) == 0)
                        *ret = mirror_words[i].state;
        if (ret_job)
                *ret_job = xml_attribute(mirror, "job");
        return true;
}

char *domain_xml_rewrite(const char *xml, GHashTable *moves, GError **error) {
        g_autoptr(xmlDoc) doc = xml_parse(xml, 0, "domain", error);

        if (!doc || !domain_node_rewrite(xmlDocGetRootElement(doc), moves))
                return NULL;
        return xml_print(doc);
}
