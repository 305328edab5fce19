/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "daemon/base/error.h"
#include "daemon/virt/disk-xml.h"
#include "daemon/virt/snapshot-xml.h"
#include "daemon/virt/xml.h"

/*
 * What is checked here is read again by libvirt, with other calls: where those could understand a text in
 * another way (namespaces, an element twice), it is refused.
 */

#define bad(error, ...) vs_fail((error), VS_ERR_INVALID_XML, __VA_ARGS__)

/* What belongs to a definition is libvirt's to check. */
static bool is_definition(const xmlNode *node) {
        return xml_is(node, "domain") || xml_is(node, "inactiveDomain") || xml_is(node, "cookie");
}

static bool has_namespace(const xmlNode *node) {
        if (node->ns || node->nsDef)
                return true;
        for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next)
                if (attribute->ns)
                        return true;
        return false;
}

static bool check_namespaces(const xmlNode *node, GError **error) {
        if (has_namespace(node))
                return bad(error, "Namespaces are not taken outside of a definition");
        for (const xmlNode *child = node->children; child; child = child->next)
                if (child->type == XML_ELEMENT_NODE && !is_definition(child) &&
                        !check_namespaces(child, error))
                        return false;
        return true;
}

static bool check_once(const xmlNode *parent, GError **error) {
        g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

        for (const xmlNode *child = parent->children; child; child = child->next)
                if (child->type == XML_ELEMENT_NODE && !g_hash_table_add(seen, (gpointer) child->name))
                        return bad(error, "<%s> holds an element more than once", parent->name);
        return true;
}

static bool parse_name(const xmlNode *root, bool redefine, SnapshotRequest *request, GError **error) {
        char *name = xml_child_text(root, "name");

        if (name) {
                g_free(request->name);
                request->name = name;
        }
        if (redefine)
                return request->name[0] || bad(error, "A snapshot to define again needs its <name>");
        return request->name[0] == '\0' || snapshot_name_check(request->name, error);
}

static bool parse_description(const xmlNode *root, SnapshotRequest *request, GError **error) {
        char *description = xml_child_text(root, "description");

        if (!description)
                return true;
        g_free(request->description);
        request->description = description;
        if (strlen(description) > SNAPSHOT_DESCRIPTION_MAX)
                return bad(error, "The description is longer than %u bytes", SNAPSHOT_DESCRIPTION_MAX);
        return true;
}

static bool parse_memory(const xmlNode *root, SnapshotRequest *request, GError **error) {
        const xmlNode *memory = xml_child(root, "memory");
        g_autofree char *word = xml_attribute(memory, "snapshot");

        if (!memory)
                return true;
        request->memory_file = xml_attribute(memory, "file");
        request->memory_given = word || request->memory_file;
        if (!word)
                request->memory = request->memory_file ? MEMORY_EXTERNAL : MEMORY_NONE;
        else if (strcmp(word, "no") == 0)
                request->memory = MEMORY_NONE;
        else {
                request->memory = memory_mode_from_string(word);
                if (request->memory == _MEMORY_MODE_MAX || request->memory == MEMORY_NONE)
                        return bad(error, "<memory> has an unknown way to take it");
        }
        return true;
}

static bool parse_disk(const xmlNode *node, SnapshotRequest *request, GError **error) {
        g_autofree char *target = xml_attribute(node, "name"), *word = xml_attribute(node, "snapshot");
        g_autofree char *file = disk_node_source(node), *driver = disk_node_format(node);
        DiskMode mode = word ? disk_mode_from_string(word) : DISK_MODE_DEFAULT;
        SnapshotRequestDisk *disk;

        if (!target || target[0] == '\0')
                return bad(error, "A <disk> has no name");
        if (mode == _DISK_MODE_MAX || (word && word[0] == '\0'))
                return bad(error, "A <disk> has an unknown way to take it");
        if (!check_once(node, error))
                return false;
        disk = snapshot_request_add_disk(
                request, target, mode, file[0] ? file : NULL, driver[0] ? driver : NULL);
        disk->type = xml_attribute(node, "type");
        return true;
}

static bool parse_disks(const xmlNode *root, SnapshotRequest *request, GError **error) {
        const xmlNode *disks = xml_child(root, "disks");

        for (const xmlNode *node = disks ? disks->children : NULL; node; node = node->next) {
                if (node->type != XML_ELEMENT_NODE)
                        continue;
                if (!xml_is(node, "disk"))
                        return bad(error, "Something other than <disk> is among the <disks>");
                if (request->disks->len >= SNAPSHOT_DISKS_MAX)
                        return bad(error, "There are more than %u disks", SNAPSHOT_DISKS_MAX);
                if (!parse_disk(node, request, error))
                        return false;
        }
        return true;
}

bool snapshot_xml_check(
        const char *xml, size_t max_bytes, bool redefine, SnapshotRequest **ret_parsed, GError **error) {
        g_autoptr(SnapshotRequest) request = snapshot_request_new();
        g_autoptr(xmlDoc) doc = NULL;
        const xmlNode *root;

        if (!g_utf8_validate(xml, -1, NULL))
                return bad(error, "The XML is not text in UTF-8");
        doc = xml_parse(xml, max_bytes ?: SNAPSHOT_XML_MAX, "domainsnapshot", error);
        if (!doc)
                return false;
        root = xmlDocGetRootElement(doc);
        if (!check_namespaces(root, error) || !check_once(root, error) ||
                !parse_name(root, redefine, request, error) || !parse_description(root, request, error) ||
                !parse_memory(root, request, error) || !parse_disks(root, request, error))
                return false;
        request->parent = xml_child_text(xml_child(root, "parent"), "name");
        request->has_domain = xml_child(root, "domain");
        if (ret_parsed)
                *ret_parsed = g_steal_pointer(&request);
        return true;
}
