/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include <libxml/xmlwriter.h>

#include "daemon/base/error.h"
#include "daemon/virt/snapshot-xml.h"
#include "daemon/virt/xml.h"

/* What turns the direction of a text, and so can make a name look like another. */
static const struct {
        gunichar first, last;
} direction_characters[] = {
        { 0x061c, 0x061c },
        { 0x200e, 0x200f },
        { 0x202a, 0x202e },
        { 0x2066, 0x2069 },
};

static bool is_direction(gunichar c) {
        for (size_t i = 0; i < G_N_ELEMENTS(direction_characters); i++)
                if (c >= direction_characters[i].first && c <= direction_characters[i].last)
                        return true;
        return false;
}

static bool is_control(gunichar c) {
        GUnicodeType type = g_unichar_type(c);

        return type == G_UNICODE_CONTROL || type == G_UNICODE_LINE_SEPARATOR ||
                type == G_UNICODE_PARAGRAPH_SEPARATOR;
}

bool snapshot_name_check(const char *name, GError **error) {
        size_t length = strlen(name);

        if (length == 0)
                return vs_fail(error, VS_ERR_INVALID_NAME, "The name of a snapshot cannot be empty");
        if (length > SNAPSHOT_NAME_MAX)
                return vs_fail(error, VS_ERR_INVALID_NAME,
                        "The name of a snapshot can have %u bytes, this one has %zu", SNAPSHOT_NAME_MAX,
                        length);
        if (!xml_can_hold(name))
                return vs_fail(error, VS_ERR_INVALID_NAME, "The name of a snapshot has to be text in UTF-8");
        if (name[0] == '.' || name[0] == '-')
                return vs_fail(error, VS_ERR_INVALID_NAME, "The name of a snapshot cannot begin with '%c'",
                        name[0]);
        for (const char *p = name; *p; p = g_utf8_next_char(p)) {
                gunichar c = g_utf8_get_char(p);

                if (c == '/')
                        return vs_fail(
                                error, VS_ERR_INVALID_NAME, "The name of a snapshot cannot contain '/'");
                if (is_control(c) || is_direction(c))
                        return vs_fail(error, VS_ERR_INVALID_NAME,
                                "The name of a snapshot cannot contain the character U+%04X", c);
        }
        return true;
}

static void request_disk_destroy(gpointer data) {
        SnapshotRequestDisk *disk = data;

        g_free(disk->target);
        g_free(disk->file);
        g_free(disk->driver);
        g_free(disk->type);
        g_free(disk);
}

SnapshotRequest *snapshot_request_new(void) {
        SnapshotRequest *request = g_new0(SnapshotRequest, 1);

        request->name = g_strdup("");
        request->description = g_strdup("");
        request->disks = g_ptr_array_new_with_free_func(request_disk_destroy);
        return request;
}

SnapshotRequest *snapshot_request_free(SnapshotRequest *request) {
        if (!request)
                return NULL;
        g_free(request->name);
        g_free(request->description);
        g_free(request->memory_file);
        g_ptr_array_unref(request->disks);
        g_free(request->parent);
        g_free(request);
        return NULL;
}

SnapshotRequestDisk *snapshot_request_add_disk(
        SnapshotRequest *request, const char *target, DiskMode mode, const char *file, const char *driver) {
        SnapshotRequestDisk *disk = g_new0(SnapshotRequestDisk, 1);

        disk->target = g_strdup(target);
        disk->mode = mode;
        disk->file = g_strdup(file);
        disk->driver = g_strdup(driver);
        g_ptr_array_add(request->disks, disk);
        return disk;
}

static bool check_file(const char *file, GError **error) {
        if (file[0] != '/')
                return vs_fail(error, VS_ERR_INVALID_PATH, "The path of a file has to begin with '/'");
        if (!xml_can_hold(file))
                return vs_fail(error, VS_ERR_INVALID_PATH, "The path of a file has to be text in UTF-8");
        return true;
}

static bool check_memory(const SnapshotRequest *request, GError **error) {
        if (!request->memory_file) {
                if (request->memory_given && request->memory == MEMORY_EXTERNAL)
                        return vs_fail(
                                error, VS_ERR_INVALID_ARGS, "External memory needs a file: memory-file");
                return true;
        }
        if (request->memory_given && request->memory != MEMORY_EXTERNAL)
                return vs_fail(
                        error, VS_ERR_INVALID_ARGS, "A memory-file can only be given with external memory");
        return check_file(request->memory_file, error);
}

static bool is_file_type(const char *type) {
        return !type || strcmp(type, "file") == 0 || strcmp(type, "block") == 0;
}

static bool check_disk(const SnapshotRequestDisk *disk, GError **error) {
        if (disk->target[0] == '\0' || !xml_can_hold(disk->target))
                return vs_fail(error, VS_ERR_INVALID_ARGS, "A disk needs a name, such as vda");
        if (!is_file_type(disk->type))
                return vs_fail(
                        error, VS_ERR_INVALID_ARGS, "The overlay of a disk is a file or a block device");
        if (disk->driver && (disk->driver[0] == '\0' || !xml_can_hold(disk->driver)))
                return vs_fail(
                        error, VS_ERR_INVALID_ARGS, "The driver of a disk is a format, such as qcow2");
        if ((disk->file || disk->driver) && disk->mode != DISK_MODE_EXTERNAL &&
                disk->mode != DISK_MODE_DEFAULT)
                return vs_fail(error, VS_ERR_INVALID_ARGS,
                        "A file or driver of a disk can only be given when it is taken externally");
        return !disk->file || check_file(disk->file, error);
}

static bool check_disks(const SnapshotRequest *request, GError **error) {
        g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

        if (request->disks->len > SNAPSHOT_DISKS_MAX)
                return vs_fail(
                        error, VS_ERR_INVALID_ARGS, "More than %u disks were given", SNAPSHOT_DISKS_MAX);
        for (unsigned i = 0; i < request->disks->len; i++) {
                const SnapshotRequestDisk *disk = request->disks->pdata[i];

                if (!check_disk(disk, error))
                        return false;
                if (!g_hash_table_add(seen, disk->target))
                        return vs_fail(
                                error, VS_ERR_INVALID_ARGS, "The disk '%s' was given twice", disk->target);
        }
        return true;
}

static bool check_request(const SnapshotRequest *request, GError **error) {
        if (request->name[0] && !snapshot_name_check(request->name, error))
                return false;
        if (strlen(request->description) > SNAPSHOT_DESCRIPTION_MAX)
                return vs_fail(error, VS_ERR_INVALID_ARGS, "The description is longer than %u bytes",
                        SNAPSHOT_DESCRIPTION_MAX);
        if (!xml_can_hold(request->description))
                return vs_fail(error, VS_ERR_INVALID_ARGS,
                        "The description has to be text, without control characters");
        return check_memory(request, error) && check_disks(request, error);
}

static void write_attribute(xmlTextWriter *writer, const char *name, const char *value) {
        xmlTextWriterWriteAttribute(writer, BAD_CAST name, BAD_CAST value);
}

static void write_memory(xmlTextWriter *writer, const SnapshotRequest *request) {
        MemoryMode mode = request->memory_file ? MEMORY_EXTERNAL : request->memory;

        if (!request->memory_given && !request->memory_file)
                return;
        xmlTextWriterStartElement(writer, BAD_CAST "memory");
        write_attribute(writer, "snapshot", mode == MEMORY_NONE ? "no" : memory_mode_to_string(mode));
        if (request->memory_file)
                write_attribute(writer, "file", request->memory_file);
        xmlTextWriterEndElement(writer);
}

static void write_disk(xmlTextWriter *writer, const SnapshotRequestDisk *disk) {
        bool block = g_strcmp0(disk->type, "block") == 0;

        xmlTextWriterStartElement(writer, BAD_CAST "disk");
        write_attribute(writer, "name", disk->target);
        if (disk->mode != DISK_MODE_DEFAULT)
                write_attribute(writer, "snapshot", disk_mode_to_string(disk->mode));
        if (disk->type)
                write_attribute(writer, "type", disk->type);
        if (disk->driver) {
                xmlTextWriterStartElement(writer, BAD_CAST "driver");
                write_attribute(writer, "type", disk->driver);
                xmlTextWriterEndElement(writer);
        }
        if (disk->file) {
                xmlTextWriterStartElement(writer, BAD_CAST "source");
                write_attribute(writer, block ? "dev" : "file", disk->file);
                xmlTextWriterEndElement(writer);
        }
        xmlTextWriterEndElement(writer);
}

static void write_request(xmlTextWriter *writer, const SnapshotRequest *request) {
        xmlTextWriterStartElement(writer, BAD_CAST "domainsnapshot");
        if (request->name[0])
                xmlTextWriterWriteElement(writer, BAD_CAST "name", BAD_CAST request->name);
        if (request->description[0])
                xmlTextWriterWriteElement(writer, BAD_CAST "description", BAD_CAST request->description);
        write_memory(writer, request);
        if (request->disks->len > 0) {
                xmlTextWriterStartElement(writer, BAD_CAST "disks");
                for (unsigned i = 0; i < request->disks->len; i++)
                        write_disk(writer, request->disks->pdata[i]);
                xmlTextWriterEndElement(writer);
        }
        xmlTextWriterEndElement(writer);
}

char *snapshot_xml_build(const SnapshotRequest *request, GError **error) {
        xmlTextWriter *writer;
        xmlBuffer *buffer;
        char *xml;

        if (!check_request(request, error))
                return NULL;
        buffer = xmlBufferCreate();
        writer = xmlNewTextWriterMemory(buffer, 0);
        if (!writer)
                g_error("Out of memory");
        write_request(writer, request);
        xmlFreeTextWriter(writer); /* flushes */
        xml = g_strdup((const char *) xmlBufferContent(buffer));
        xmlBufferFree(buffer);
        return xml;
}
