/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/virt/xml.h"

#include <limits.h>
#include <string.h>

#include <libxml/parser.h>

#include "daemon/base/error.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlParserCtxt, xmlFreeParserCtxt)

void xml_init(void) {
        xmlInitParser();
}

/* Stops before the first declaration of a document type is read, so that there is never an entity to expand.
 */
static void refuse_document_type(
        void *context, const xmlChar *name, const xmlChar *external_id, const xmlChar *system_id) {
        xmlParserCtxt *parser = context;

        *(bool *) parser->_private = true;
        xmlStopParser(parser);
}

/* What libvirt reads must be what was checked here: it follows a declared encoding, so there may be none
 * other. */
static bool is_utf8(const xmlDoc *doc) {
        return !doc->encoding || g_ascii_strcasecmp((const char *) doc->encoding, "UTF-8") == 0;
}

xmlDoc *xml_parse(const char *text, size_t max_bytes, const char *root, GError **error) {
        g_autoptr(xmlParserCtxt) parser = NULL;
        g_autoptr(xmlDoc) doc = NULL;
        bool document_type = false;
        size_t length = strlen(text);

        if (length > INT_MAX || (max_bytes > 0 && length > max_bytes)) {
                vs_fail(error, VS_ERR_INVALID_XML, "The XML is too large: %zu bytes", length);
                return NULL;
        }
        parser = xmlNewParserCtxt();
        if (!parser)
                g_error("Out of memory");
        parser->_private = &document_type;
        parser->sax->internalSubset = refuse_document_type;
        doc = xmlCtxtReadMemory(parser, text, (int) length, NULL, NULL,
                XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_COMPACT);
        if (document_type) {
                vs_fail(error, VS_ERR_INVALID_XML, "The XML has a document type, which is not taken");
                return NULL;
        }
        if (!doc) {
                vs_fail(error, VS_ERR_INVALID_XML,
                        "The XML is not well-formed, or nested too deeply, in line %d",
                        parser->lastError.line);
                return NULL;
        }
        if (!is_utf8(doc)) {
                vs_fail(error, VS_ERR_INVALID_XML, "The XML declares an encoding other than UTF-8");
                return NULL;
        }
        if (!xml_is(xmlDocGetRootElement(doc), root)) {
                vs_fail(error, VS_ERR_INVALID_XML, "The XML's root element is not <%s>", root);
                return NULL;
        }
        return g_steal_pointer(&doc);
}

bool xml_is(const xmlNode *node, const char *name) {
        return node && node->type == XML_ELEMENT_NODE && !node->ns &&
                strcmp((const char *) node->name, name) == 0;
}

static xmlNode *find_from(xmlNode *node, const char *name) {
        while (node && !xml_is(node, name))
                node = node->next;
        return node;
}

xmlNode *xml_child(const xmlNode *parent, const char *name) {
        return parent ? find_from(parent->children, name) : NULL;
}

xmlNode *xml_next(const xmlNode *node, const char *name) {
        return node ? find_from(node->next, name) : NULL;
}

/* libxml2's strings come from its own allocator. */
static char *take(xmlChar *text) {
        char *copy = g_strdup((const char *) text);

        xmlFree(text);
        return copy;
}

char *xml_attribute(const xmlNode *node, const char *name) {
        return node ? take(xmlGetNoNsProp(node, BAD_CAST name)) : NULL;
}

char *xml_text(const xmlNode *node) {
        return node ? take(xmlNodeGetContent(node)) : NULL;
}

char *xml_child_text(const xmlNode *parent, const char *name) {
        return xml_text(xml_child(parent, name));
}

void xml_take(char **field, char *value) {
        g_free(*field);
        *field = value;
}

bool xml_attribute_is(const xmlNode *node, const char *name, const char *value) {
        g_autofree char *found = xml_attribute(node, name);

        return g_strcmp0(found, value) == 0;
}

void xml_set_attribute(xmlNode *node, const char *name, const char *value) {
        if (value)
                xmlSetProp(node, BAD_CAST name, BAD_CAST value);
        else
                xmlUnsetProp(node, BAD_CAST name);
}

void xml_add_first(xmlNode *parent, xmlNode *child) {
        if (parent->children)
                xmlAddPrevSibling(parent->children, child);
        else
                xmlAddChild(parent, child);
}

void xml_set_child_text(xmlNode *parent, const char *name, const char *text) {
        xmlNode *child = xml_child(parent, name);

        if (child)
                xml_remove(child);
        if (!text)
                return;
        child = xmlNewDocNode(parent->doc, NULL, BAD_CAST name, NULL);
        xmlNodeAddContent(child, BAD_CAST text);
        xml_add_first(parent, child);
}

void xml_remove(xmlNode *node) {
        xmlUnlinkNode(node);
        xmlFreeNode(node);
}

static bool is_xml_char(gunichar c) {
        if (c < 0x20)
                return c == '\t' || c == '\n' || c == '\r';
        return c != 0xfffe && c != 0xffff;
}

bool xml_can_hold(const char *text) {
        if (!g_utf8_validate(text, -1, NULL))
                return false;
        for (const char *p = text; *p; p = g_utf8_next_char(p))
                if (!is_xml_char(g_utf8_get_char(p)))
                        return false;
        return true;
}

char *xml_print_node(xmlNode *node) {
        xmlBuffer *buffer = xmlBufferCreate();
        char *text;

        xmlNodeDump(buffer, node->doc, node, 0, 0);
        text = g_strdup((const char *) xmlBufferContent(buffer));
        xmlBufferFree(buffer);
        return text;
}

char *xml_print(xmlDoc *doc) {
        return xml_print_node(xmlDocGetRootElement(doc));
}
