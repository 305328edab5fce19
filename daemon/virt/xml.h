/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>
#include <libxml/tree.h>

/*
 * Reading and changing XML with libxml2: no network, no entities but the five of XML, no document type (a
 * text that has one is refused), depth as libxml2 bounds it (256).  Pure functions, any thread, once
 * xml_init() was called in the main thread before the others start.
 */

void xml_init(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)

/* Parse a text of at most max_bytes (0: no limit), whose root element must be called root.  NULL with
 * InvalidXML and a message without any of the text.  The document is the caller's. */
xmlDoc *xml_parse(const char *text, size_t max_bytes, const char *root, GError **error);

/* The first child element of that name, or the next sibling of that name; NULL for none, and for a NULL
 * node. */
xmlNode *xml_child(const xmlNode *parent, const char *name);
xmlNode *xml_next(const xmlNode *node, const char *name);

#define XML_FOREACH(node, parent, name) \
        for (xmlNode * (node) = xml_child((parent), (name)); (node); (node) = xml_next((node), (name)))

bool xml_is(const xmlNode *node, const char *name);

/* An attribute's value, an element's text: a g_malloc()ed copy, NULL when there is none (also for a NULL
 * node). */
char *xml_attribute(const xmlNode *node, const char *name);
char *xml_text(const xmlNode *node);
char *xml_child_text(const xmlNode *parent, const char *name);

/* Give a field a value that was read; what was there is freed. */
void xml_take(char **field, char *value);

bool xml_attribute_is(const xmlNode *node, const char *name, const char *value);
/* NULL removes it. */
void xml_set_attribute(xmlNode *node, const char *name, const char *value);
/* The text of parent's child of that name, made as the first child where there is none. NULL removes the
 * child. */
void xml_set_child_text(xmlNode *parent, const char *name, const char *text);
/* The child becomes the parent's. */
void xml_add_first(xmlNode *parent, xmlNode *child);
void xml_remove(xmlNode *node);

/* Valid UTF-8 of characters that XML 1.0 can hold: anything else would not survive being written. */
bool xml_can_hold(const char *text);

/* The document as text, without the XML declaration; a node likewise.  The caller's, g_free(). */
char *xml_print(xmlDoc *doc);
char *xml_print_node(xmlNode *node);
