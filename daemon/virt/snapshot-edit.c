/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "daemon/base/error.h"
#include "daemon/virt/disk-xml.h"
#include "daemon/virt/snapshot-xml.h"
#include "daemon/virt/xml.h"

static bool rewrite_disks(const xmlNode *disks, GHashTable *moves) {
        bool changed = false;

        XML_FOREACH(disk, disks, "disk")
        changed |= snapshot_disk_node_rewrite(disk, moves);
        return changed;
}

char *snapshot_xml_rewrite(const char *xml, GHashTable *moves, GError **error) {
        g_autoptr(xmlDoc) doc = xml_parse(xml, 0, "domainsnapshot", error);
        bool changed = false;
        const xmlNode *root;

        if (!doc)
                return NULL;
        root = xmlDocGetRootElement(doc);
        XML_FOREACH(domain, root, "domain")
        changed |= domain_node_rewrite(domain, moves);
        XML_FOREACH(domain, root, "inactiveDomain")
        changed |= domain_node_rewrite(domain, moves);
        changed |= rewrite_disks(xml_child(root, "disks"), moves);
        changed |= rewrite_disks(xml_child(root, "revertDisks"), moves);
        return changed ? xml_print(doc) : NULL;
}

/* Any name that libvirt could hold: foreign ones are edited too. */
static bool check_foreign_name(const char *name, GError **error) {
        if (name[0] == '\0' || strchr(name, '/') || !xml_can_hold(name))
                return vs_fail(error, VS_ERR_INVALID_NAME, "This cannot be the name of a snapshot");
        return true;
}

char *snapshot_xml_set_name(const char *xml, const char *name, GError **error) {
        g_autoptr(xmlDoc) doc = NULL;

        if (!check_foreign_name(name, error))
                return NULL;
        doc = xml_parse(xml, 0, "domainsnapshot", error);
        if (!doc)
                return NULL;
        xml_set_child_text(xmlDocGetRootElement(doc), "name", name);
        return xml_print(doc);
}

char *snapshot_xml_set_parent(const char *xml, const char *parent, GError **error) {
        g_autoptr(xmlDoc) doc = NULL;
        xmlNode *root, *old;

        if (parent && !check_foreign_name(parent, error))
                return NULL;
        doc = xml_parse(xml, 0, "domainsnapshot", error);
        if (!doc)
                return NULL;
        root = xmlDocGetRootElement(doc);
        old = xml_child(root, "parent");
        if (old)
                xml_remove(old);
        if (parent) {
                xmlNode *node = xmlNewDocNode(doc, NULL, BAD_CAST "parent", NULL);

                xml_set_child_text(node, "name", parent);
                xml_add_first(root, node);
        }
        return xml_print(doc);
}

char *snapshot_xml_set_description(const char *xml, const char *description, GError **error) {
        g_autoptr(xmlDoc) doc = NULL;

        if (!xml_can_hold(description) || strlen(description) > SNAPSHOT_DESCRIPTION_MAX) {
                vs_fail(error, VS_ERR_INVALID_ARGS,
                        "The description has to be text, without control characters, of at most %u bytes",
                        SNAPSHOT_DESCRIPTION_MAX);
                return NULL;
        }
        doc = xml_parse(xml, 0, "domainsnapshot", error);
        if (!doc)
                return NULL;
        xml_set_child_text(
                xmlDocGetRootElement(doc), "description", description[0] != '\0' ? description : NULL);
        return xml_print(doc);
}
