/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/spec.h"

#include <string.h>

/* Where a value that was read goes. */
typedef struct Field {
        const char *prefix;
        char **value;
} Field;

/* Take a text apart at its single commas, with the double ones made single. */
static GPtrArray *split(const char *text) {
        GPtrArray *parts = g_ptr_array_new_with_free_func(g_free);
        GString *part = g_string_new(NULL);

        for (; *text; text++) {
                if (*text != ',') {
                        g_string_append_c(part, *text);
                        continue;
                }
                if (text[1] == ',') {
                        g_string_append_c(part, *text++);
                        continue;
                }
                g_ptr_array_add(parts, g_string_free(part, FALSE));
                part = g_string_new(NULL);
        }
        g_ptr_array_add(parts, g_string_free(part, FALSE));
        return parts;
}

static gboolean refuse(GError **error, const char *text, const char *why) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "'%s' %s", text, why);
        return FALSE;
}

static gboolean take_field(const char *part, const Field *fields, GError **error) {
        for (; fields->prefix; fields++) {
                if (!g_str_has_prefix(part, fields->prefix))
                        continue;
                if (*fields->value)
                        return refuse(error, fields->prefix, "is given twice");
                *fields->value = g_strdup(part + strlen(fields->prefix));
                return **fields->value ? TRUE : refuse(error, fields->prefix, "needs a value");
        }
        return refuse(error, part, "is not understood");
}

DiskSpec *disk_spec_parse(const char *text, GError **error) {
        g_autoptr(GPtrArray) parts = split(text);
        g_autoptr(DiskSpec) spec = g_new0(DiskSpec, 1);
        const Field fields[] = {
                { "snapshot=", &spec->snapshot },
                { "driver=", &spec->driver },
                { "file=", &spec->file },
                { NULL, NULL },
        };

        spec->disk = g_strdup(g_ptr_array_index(parts, 0));
        if (!*spec->disk || strchr(spec->disk, '=')) {
                refuse(error, text, "does not begin with a disk");
                return NULL;
        }
        for (guint i = 1; i < parts->len; i++)
                if (!take_field(g_ptr_array_index(parts, i), fields, error))
                        return NULL;
        return g_steal_pointer(&spec);
}

DiskSpec *disk_spec_free(DiskSpec *spec) {
        if (spec) {
                g_free(spec->disk);
                g_free(spec->snapshot);
                g_free(spec->driver);
                g_free(spec->file);
                g_free(spec);
        }
        return NULL;
}

MemorySpec *memory_spec_parse(const char *text, GError **error) {
        g_autoptr(GPtrArray) parts = split(text);
        g_autoptr(MemorySpec) spec = g_new0(MemorySpec, 1);
        const Field fields[] = {
                { "file=", &spec->file },
                { "snapshot=", &spec->snapshot },
                { NULL, NULL },
        };

        for (guint i = 0; i < parts->len; i++) {
                const char *part = g_ptr_array_index(parts, i);

                /* The first may be the bare file. */
                if (i == 0 && *part && !g_str_has_prefix(part, "snapshot=") &&
                        !g_str_has_prefix(part, "file="))
                        spec->file = g_strdup(part);
                else if (!take_field(part, fields, error))
                        return NULL;
        }
        return g_steal_pointer(&spec);
}

MemorySpec *memory_spec_free(MemorySpec *spec) {
        if (spec) {
                g_free(spec->file);
                g_free(spec->snapshot);
                g_free(spec);
        }
        return NULL;
}
