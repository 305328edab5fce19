/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/virt/snapshot-xml.h"

#include <limits.h>
#include <string.h>

#include <libxml/xmlreader.h>

#include "daemon/base/error.h"
#include "daemon/virt/disk-xml.h"
#include "daemon/virt/xml.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlTextReader, xmlFreeTextReader)

/*
 * Ten thousand of these are read when the daemon starts, and nine tenths of each are definitions of the
 * domain. So a reader walks over the text, only the few elements that are needed become trees, and it stops
 * before the second definition: libvirt writes nothing of interest behind it.
 */
typedef struct Children {
        xmlTextReader *reader;
        int depth; /* of the parent */
        bool entered;
} Children;

/* Go to the next child element.  1, 0 after the last one, negative for bad XML. */
static int children_next(Children *children) {
        xmlTextReader *reader = children->reader;
        int r;

        if (!children->entered) {
                children->entered = true;
                if (xmlTextReaderIsEmptyElement(reader))
                        return 0;
                r = xmlTextReaderRead(reader);
        } else
                r = xmlTextReaderNext(reader);

        for (; r == 1; r = xmlTextReaderNext(reader)) {
                int type = xmlTextReaderNodeType(reader), depth = xmlTextReaderDepth(reader);

                if (type == XML_READER_TYPE_END_ELEMENT && depth == children->depth)
                        return 0;
                if (type == XML_READER_TYPE_ELEMENT && depth == children->depth + 1)
                        return 1;
        }
        return -1;
}

static bool reader_is(xmlTextReader *reader, const char *name) {
        return strcmp((const char *) xmlTextReaderConstName(reader), name) == 0;
}

typedef struct Parse {
        SnapshotRecord *record;
        GArray *disks; /* of SnapshotDisk */
} Parse;

static void disk_clear(gpointer data) {
        SnapshotDisk *disk = data;

        g_free(disk->file);
        g_free(disk->layer);
}

static void parse_name(Parse *parse, const xmlNode *node) {
        xml_take(&parse->record->name, xml_text(node));
}

static void parse_description(Parse *parse, const xmlNode *node) {
        xml_take(&parse->record->description, xml_text(node));
}

static void parse_parent(Parse *parse, const xmlNode *node) {
        xml_take(&parse->record->parent, xml_child_text(node, "name"));
}

static void parse_creation_time(Parse *parse, const xmlNode *node) {
        g_autofree char *text = xml_text(node);
        uint64_t seconds;

        if (g_ascii_string_to_unsigned(text, 10, 0, UINT64_MAX / G_USEC_PER_SEC, &seconds, NULL))
                parse->record->created = seconds * G_USEC_PER_SEC;
}

static void parse_state(Parse *parse, const xmlNode *node) {
        g_autofree char *word = xml_text(node);
        DomainState state = domain_state_from_string(word);

        if (state != _DOMAIN_STATE_MAX)
                parse->record->state = state;
}

static void parse_memory(Parse *parse, const xmlNode *node) {
        g_autofree char *word = xml_attribute(node, "snapshot");
        MemoryMode memory = memory_mode_from_string(word);

        /* libvirt says "no" where we say "none". */
        parse->record->memory = memory == _MEMORY_MODE_MAX ? MEMORY_NONE : memory;
        xml_take(&parse->record->memory_file, xml_attribute(node, "file"));
}

static void parse_disks(Parse *parse, const xmlNode *node) {
        XML_FOREACH(disk, node, "disk") {
                g_autofree char *target = xml_attribute(disk, "name");
                g_autofree char *word = xml_attribute(disk, "snapshot"), *file = disk_node_source(disk);
                DiskMode mode = word ? disk_mode_from_string(word) : DISK_MODE_DEFAULT;
                SnapshotDisk parsed = {
                        .mode = mode == _DISK_MODE_MAX ? DISK_MODE_DEFAULT : mode,
                };

                if (!target)
                        continue;
                parsed.target = g_intern_string(target);
                parsed.file = file[0] ? g_steal_pointer(&file) : NULL;
                g_array_append_val(parse->disks, parsed);
                parse->record->deleting |= xml_child(disk, "snapshotDeleteInProgress") != NULL;
        }
}

/* A disk of the definition tells where the state of that moment lies. */
static void parse_domain_disk(Parse *parse, const xmlNode *node) {
        g_autofree char *target = xml_attribute(xml_child(node, "target"), "dev");

        for (unsigned i = 0; target && i < parse->disks->len; i++) {
                SnapshotDisk *disk = &g_array_index(parse->disks, SnapshotDisk, i);

                if (strcmp(disk->target, target) == 0 && !disk->layer) {
                        g_autofree char *source = disk_node_source(node);

                        g_autofree char *format = xml_attribute(xml_child(node, "driver"), "type");

                        disk->layer = source[0] ? g_steal_pointer(&source) : NULL;
                        disk->layer_format = format ? g_intern_string(format) : NULL;
                        return;
                }
        }
}

static const struct {
        const char *element;
        void (*parse)(Parse *parse, const xmlNode *node);
} elements[] = {
        { "name", parse_name },
        { "description", parse_description },
        { "parent", parse_parent },
        { "creationTime", parse_creation_time },
        { "state", parse_state },
        { "memory", parse_memory },
        { "disks", parse_disks },
};

/* The children of the element under the reader: those called name are given to the function. */
static int walk(
        xmlTextReader *reader, const char *name, int (*found)(Parse *, xmlTextReader *), Parse *parse) {
        Children children = { .reader = reader, .depth = xmlTextReaderDepth(reader) };
        int r;

        while ((r = children_next(&children)) > 0)
                if (reader_is(reader, name)) {
                        r = found(parse, reader);
                        if (r < 0)
                                return r;
                }
        return r;
}

static int read_domain_disk(Parse *parse, xmlTextReader *reader) {
        const xmlNode *node = xmlTextReaderExpand(reader);

        if (!node)
                return -1;
        parse_domain_disk(parse, node);
        return 0;
}

static int read_devices(Parse *parse, xmlTextReader *reader) {
        return walk(reader, "disk", read_domain_disk, parse);
}

static int read_element(Parse *parse, xmlTextReader *reader) {
        if (reader_is(reader, "domain"))
                return walk(reader, "devices", read_devices, parse);
        for (size_t i = 0; i < G_N_ELEMENTS(elements); i++)
                if (reader_is(reader, elements[i].element)) {
                        const xmlNode *node = xmlTextReaderExpand(reader);

                        if (!node)
                                return -1;
                        elements[i].parse(parse, node);
                        break;
                }
        return 0;
}

static int read_snapshot(Parse *parse, xmlTextReader *reader) {
        Children children = { .reader = reader };
        int r;

        do
                r = xmlTextReaderRead(reader);
        while (r == 1 && xmlTextReaderNodeType(reader) == XML_READER_TYPE_COMMENT);
        if (r != 1 || xmlTextReaderNodeType(reader) != XML_READER_TYPE_ELEMENT ||
                !reader_is(reader, "domainsnapshot"))
                return -1;
        while ((r = children_next(&children)) > 0) {
                if (reader_is(reader, "inactiveDomain"))
                        return 0;
                r = read_element(parse, reader);
                if (r < 0)
                        return r;
        }
        return r;
}

SnapshotRecord *snapshot_xml_parse(const char *xml, GError **error) {
        g_autoptr(SnapshotRecord) record = g_new0(SnapshotRecord, 1);
        g_autoptr(GArray) disks = g_array_new(FALSE, FALSE, sizeof(SnapshotDisk));
        g_autoptr(xmlTextReader) reader = NULL;
        Parse parse = { .record = record, .disks = disks };
        size_t length = strlen(xml), n_disks;

        g_array_set_clear_func(disks, disk_clear);
        if (length <= INT_MAX)
                reader = xmlReaderForMemory(xml, (int) length, NULL, NULL,
                        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_COMPACT);
        if (!reader || read_snapshot(&parse, reader) < 0 || !record->name) {
                vs_fail(error, VS_ERR_INVALID_XML, "This is not the XML of a snapshot");
                return NULL;
        }
        if (!record->description)
                record->description = g_strdup("");
        record->disks = g_array_steal(disks, &n_disks);
        record->n_disks = (unsigned) n_disks;
        return g_steal_pointer(&record);
}
