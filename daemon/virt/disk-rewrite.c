/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "daemon/virt/disk-xml.h"
#include "daemon/virt/xml.h"

/*
 * A stale <backingStore> is obeyed by libvirt instead of what the images say, so after a merge every chain
 * that names a merged file is written anew, with formats, down to its end.
 */

/* One image of a chain as it is told: a <disk> or a <backingStore>. */
typedef struct Link {
        xmlNode *node;
        char *path;
} Link;

static void link_clear(gpointer data) {
        Link *link = data;

        g_free(link->path);
}

static GArray *links_of(xmlNode *disk) {
        GArray *links = g_array_new(FALSE, FALSE, sizeof(Link));

        g_array_set_clear_func(links, link_clear);
        for (xmlNode *node = disk; node && xml_child(node, "source");
                node = xml_child(node, "backingStore")) {
                Link link = { .node = node, .path = disk_node_source(node) };

                g_array_append_val(links, link);
        }
        return links;
}

static xmlNode *find_link(GArray *links, const char *path) {
        for (unsigned i = 0; i < links->len; i++)
                if (strcmp(g_array_index(links, Link, i).path, path) == 0)
                        return g_array_index(links, Link, i).node;
        return NULL;
}

static xmlNode *new_child(xmlNode *parent, const char *name) {
        return xmlAddChild(parent, xmlNewDocNode(parent->doc, NULL, BAD_CAST name, NULL));
}

static bool is_local(const LayerRef *ref) {
        return ref->path[0] == '/';
}

static void set_format(xmlNode *node, const char *format) {
        const char *holder = xml_is(node, "backingStore") ? "format" : "driver";
        xmlNode *child = xml_child(node, holder);

        if (format[0] == '\0')
                return;
        xml_set_attribute(child ?: new_child(node, holder), "type", format);
}

/* A file or block device that no element of the old chain describes. */
static void set_local_source(xmlNode *node, const LayerRef *ref) {
        xmlNode *source = xml_child(node, "source");
        const char *type = ref->block ? "block" : "file";

        if (!source || !xml_attribute_is(node, "type", type)) {
                if (source)
                        xml_remove(source);
                source = new_child(node, "source");
        }
        xml_set_attribute(node, "type", type);
        xml_set_attribute(source, ref->block ? "dev" : "file", ref->path);
}

/* Whatever else belongs to an image (its host, its encryption) comes with the element that named it. */
static void copy_source(xmlNode *node, const xmlNode *from) {
        g_autofree char *type = disk_node_type(from);
        xmlNode *source = xmlDocCopyNode(xml_child(from, "source"), node->doc, 1);
        xmlNode *old = xml_child(node, "source");

        xml_set_attribute(node, "type", type);
        if (!old) {
                xmlAddChild(node, source);
                return;
        }
        xmlReplaceNode(old, source);
        xmlFreeNode(old);
}

/* Make the node name ref; known is what described that image in the old chain, or NULL. */
static void set_ref(xmlNode *node, const LayerRef *ref, const xmlNode *known) {
        if (known && known != node)
                copy_source(node, known);
        else if (!known)
                set_local_source(node, ref);
        if (known && ref->format[0] == '\0') {
                g_autofree char *format = disk_node_format(known);

                set_format(node, format);
        } else
                set_format(node, ref->format);
}

/* The chain that the old text tells below an image, as a copy. */
static xmlNode *copy_backing(xmlDoc *doc, GArray *links, const char *path) {
        const xmlNode *backing = xml_child(find_link(links, path), "backingStore");

        return backing ? xmlDocCopyNode((xmlNode *) backing, doc, 1) : NULL;
}

/*
 * The nested <backingStore>s below the image of that path.  Where the chain goes on and it is not known how,
 * what the old text told is kept, and else it stays unfinished: libvirt reads the headers then.  That is
 * also the end for an image that is neither local nor told of by the old text.
 */
static xmlNode *build_chain(
        xmlDoc *doc, const char *path, const LayerMove *move, unsigned i, GArray *links) {
        const LayerRef *ref;
        const xmlNode *known;
        xmlNode *node, *next;

        if (i >= move->below->len)
                return move->open ? copy_backing(doc, links, path)
                                  : xmlNewDocNode(doc, NULL, BAD_CAST "backingStore", NULL);
        ref = move->below->pdata[i];
        known = find_link(links, ref->path);
        if (!known && !is_local(ref))
                return NULL;
        node = xmlNewDocNode(doc, NULL, BAD_CAST "backingStore", NULL);
        set_ref(node, ref, known);
        next = build_chain(doc, ref->path, move, i + 1, links);
        if (next)
                xmlAddChild(node, next);
        return node;
}

static xmlNode *new_backing(xmlDoc *doc, const LayerMove *move, GArray *links) {
        return move->below ? build_chain(doc, move->to.path, move, 0, links)
                           : copy_backing(doc, links, move->to.path);
}

static bool same_ref(const Link *link, const LayerRef *ref) {
        g_autofree char *format = disk_node_format(link->node);

        return strcmp(link->path, ref->path) == 0 &&
                (ref->format[0] == '\0' || strcmp(format, ref->format) == 0);
}

/* Whether the chain from here on is told as it is.  One that stops early is not wrong. */
static bool tells(GArray *links, unsigned from, const LayerMove *move) {
        if (!same_ref(&g_array_index(links, Link, from), &move->to))
                return false;
        if (!move->below)
                return true;
        if (links->len - from - 1 > move->below->len && !move->open)
                return false;
        for (unsigned i = from + 1; i < links->len && i - from - 1 < move->below->len; i++)
                if (!same_ref(&g_array_index(links, Link, i), move->below->pdata[i - from - 1]))
                        return false;
        return true;
}

static const LayerMove *find_move(GArray *links, GHashTable *moves, unsigned *ret_index) {
        for (unsigned i = 0; i < links->len; i++) {
                const LayerMove *move = g_hash_table_lookup(moves, g_array_index(links, Link, i).path);

                if (move) {
                        *ret_index = i;
                        return move;
                }
        }
        return NULL;
}

bool disk_node_rewrite(xmlNode *disk, GHashTable *moves) {
        g_autoptr(GArray) links = links_of(disk);
        xmlNode *node, *known, *backing, *old;
        const LayerMove *move;
        unsigned i;

        move = find_move(links, moves, &i);
        if (!move || tells(links, i, move))
                return false;
        known = find_link(links, move->to.path);
        if (!known && !is_local(&move->to))
                return false;
        node = g_array_index(links, Link, i).node;
        backing = new_backing(disk->doc, move, links);
        set_ref(node, &move->to, known);
        old = xml_child(node, "backingStore");
        if (old)
                xml_remove(old);
        if (backing)
                xmlAddNextSibling(xml_child(node, "source"), backing);
        return true;
}

bool domain_node_rewrite(xmlNode *domain, GHashTable *moves) {
        bool changed = false;

        XML_FOREACH(disk, xml_child(domain, "devices"), "disk")
        changed |= disk_node_rewrite(disk, moves);
        return changed;
}

bool snapshot_disk_node_rewrite(xmlNode *disk, GHashTable *moves) {
        g_autofree char *path = disk_node_source(disk), *format = disk_node_format(disk);
        const LayerMove *move = g_hash_table_lookup(moves, path);

        if (!move || move->user || !is_local(&move->to))
                return false;
        if (strcmp(path, move->to.path) == 0 &&
                (move->to.format[0] == '\0' || strcmp(format, move->to.format) == 0))
                return false;
        set_local_source(disk, &move->to);
        set_format(disk, move->to.format);
        return true;
}
