/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/virt/backing.h"

#include <string.h>

#include <glib.h>
#include <json-c/json.h>

#define JSON_PREFIX "json:"
#define JSON_DEPTH 32

/* Formats and filters around it; more than this is nobody's. */
#define NESTED_MAX 16U

/* As QEMU reads a name: a protocol is what stands before a ':' that comes before any '/'. */
static bool has_protocol(const char *name) {
        return name[strcspn(name, ":/")] == ':';
}

static struct json_object *parse(const char *text) {
        struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
        struct json_object *root = json_tokener_parse_ex(tokener, text, (int) strlen(text) + 1);

        json_tokener_free(tokener);
        return root;
}

/* "filename", "file.filename", "file.file.filename" …: QEMU also takes the path to a key written as one. */
static bool names_file(const char *key) {
        while (g_str_has_prefix(key, "file."))
                key += strlen("file.");
        return strcmp(key, "filename") == 0;
}

static const char *find_filename(struct json_object *object) {
        for (unsigned n = 0; n < NESTED_MAX && json_object_is_type(object, json_type_object); n++) {
                struct json_object *below = NULL;

                json_object_object_foreach(object, key, value) {
                        if (names_file(key) && json_object_is_type(value, json_type_string))
                                return json_object_get_string(value);
                        if (strcmp(key, "file") == 0)
                                below = value;
                }
                object = below;
        }
        return NULL;
}

static char *resolve_json(const char *name) {
        struct json_object *root = parse(name + strlen(JSON_PREFIX));
        const char *file = find_filename(root);
        char *path = NULL;

        if (file && g_str_has_prefix(file, "file:"))
                file += strlen("file:");
        /* A relative one would be relative to wherever QEMU runs. */
        if (file && file[0] == '/')
                path = g_strdup(file);
        json_object_put(root);
        return path;
}

char *backing_resolve(const char *image, const char *name, bool *ret_local) {
        g_autofree char *folder = NULL;
        const char *path = name;

        if (g_str_has_prefix(name, JSON_PREFIX)) {
                char *found = resolve_json(name);

                *ret_local = found;
                return found ? found : g_strdup(name);
        }
        /* "file:///x", too: QEMU takes off the "file:", and what is left is a path. */
        if (g_str_has_prefix(name, "file:"))
                path += strlen("file:");
        else if (has_protocol(name)) {
                *ret_local = false;
                return g_strdup(name);
        }
        *ret_local = true;
        if (path[0] == '/')
                return g_strdup(path);
        folder = g_path_get_dirname(image);
        return g_build_filename(folder, path, NULL);
}
