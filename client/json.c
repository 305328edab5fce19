/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "client/text.h"

static char *snake_case(const char *name) {
        GString *out = g_string_new(NULL);

        for (const char *p = name; *p; p++) {
                bool after_lower = p > name && g_ascii_islower(p[-1]);
                bool starts_word = p > name && g_ascii_isupper(p[-1]) && g_ascii_islower(p[1]);

                if (g_ascii_isupper(*p) && (after_lower || starts_word))
                        g_string_append_c(out, '_');
                g_string_append_c(out, *p == '-' ? '_' : g_ascii_tolower(*p));
        }
        return g_string_free(out, FALSE);
}

/* JSON has no infinity, and nobody wants to read 0.45000000000000001. */
static Json *new_double(double d) {
        Json *json = isfinite(d) ? json_object_new_double(d) : NULL;

        if (json)
                json_object_set_serializer(json, json_object_double_to_json_string, (void *) "%.6g", NULL);
        return json;
}

static int decode_basic(sd_bus_message *m, char type, Json **ret) {
        union {
                const char *s;
                uint8_t y;
                int b;
                int16_t n;
                uint16_t q;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
                double d;
        } v;
        int r = sd_bus_message_read_basic(m, type, &v);

        if (r < 0)
                return r;
        switch (type) {
        case 's':
        case 'o':
        case 'g':
                *ret = json_object_new_string(v.s);
                break;
        case 'b':
                *ret = json_object_new_boolean(v.b);
                break;
        case 'y':
                *ret = json_object_new_int64(v.y);
                break;
        case 'n':
                *ret = json_object_new_int64(v.n);
                break;
        case 'q':
                *ret = json_object_new_int64(v.q);
                break;
        case 'i':
                *ret = json_object_new_int64(v.i);
                break;
        case 'u':
                *ret = json_object_new_int64(v.u);
                break;
        case 'x':
                *ret = json_object_new_int64(v.x);
                break;
        case 't':
                *ret = json_object_new_uint64(v.t);
                break;
        case 'd':
                *ret = new_double(v.d);
                break;
        default:
                return -EOPNOTSUPP;
        }
        return 0;
}

/* The inside of an array or a struct that has been entered. */
static int decode_elements(sd_bus_message *m, Json *array) {
        int r;

        while ((r = sd_bus_message_at_end(m, false)) == 0) {
                Json *element;

                r = json_from_message(m, &element);
                if (r < 0)
                        break;
                json_object_array_add(array, element);
        }
        return r < 0 ? r : 0;
}

/* The inside of a dictionary that has been entered.  Only the keys of a{sv} are names of ours. */
static int decode_entries(sd_bus_message *m, const char *contents, Json *object) {
        bool ours = g_str_equal(contents, "sv");
        int r;

        while ((r = sd_bus_message_enter_container(m, 'e', contents)) > 0) {
                g_autofree char *name = NULL;
                const char *key;
                Json *value;

                r = sd_bus_message_read_basic(m, contents[0], &key);
                if (r < 0)
                        return r;
                name = ours ? snake_case(key) : g_strdup(key);
                r = json_from_message(m, &value);
                if (r < 0)
                        return r;
                json_object_object_add(object, name, value);
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r;
}

static int decode_container(sd_bus_message *m, char type, const char *contents, Json **ret) {
        bool dictionary = type == 'a' && contents[0] == '{' && strchr("sog", contents[1]);
        g_autoptr(Json) json = NULL;
        int r = sd_bus_message_enter_container(m, type, contents);

        if (r < 0)
                return r;
        if (type == 'v')
                r = json_from_message(m, &json);
        else if (dictionary) {
                g_autofree char *entry = g_strndup(contents + 1, strlen(contents) - 2);

                json = json_object_new_object();
                r = decode_entries(m, entry, json);
        } else {
                json = json_object_new_array();
                r = decode_elements(m, json);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = g_steal_pointer(&json);
        return 0;
}

int json_from_message(sd_bus_message *m, Json **ret) {
        const char *contents;
        char type;
        int r = sd_bus_message_peek_type(m, &type, &contents);

        if (r <= 0)
                return r < 0 ? r : -ENXIO;
        return contents ? decode_container(m, type, contents, ret) : decode_basic(m, type, ret);
}

Json *json_name_fields(Json *rows, const char *const *names) {
        Json *objects = json_object_new_array();

        for (size_t i = 0; i < json_len(rows); i++) {
                Json *row = json_at(rows, i), *object = json_object_new_object();

                for (size_t j = 0; names[j]; j++)
                        json_object_object_add(object, names[j], json_object_get(json_at(row, j)));
                json_object_array_add(objects, object);
        }
        return objects;
}

Json *json_get(Json *object, const char *key) {
        Json *value = NULL;

        return json_object_object_get_ex(object, key, &value) ? value : NULL;
}

const char *json_str(Json *object, const char *key) {
        const char *s = json_object_get_string(json_get(object, key));

        return s ? s : "";
}

uint64_t json_uint(Json *object, const char *key) {
        return json_object_get_uint64(json_get(object, key));
}

double json_num(Json *object, const char *key) {
        return json_object_get_double(json_get(object, key));
}

bool json_flag(Json *object, const char *key) {
        return json_object_get_boolean(json_get(object, key));
}

size_t json_len(Json *array) {
        return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

Json *json_at(Json *array, size_t i) {
        return i < json_len(array) ? json_object_array_get_idx(array, i) : NULL;
}

void json_set_str(Json *object, const char *key, const char *value) {
        json_object_object_add(object, key, value ? json_object_new_string(value) : NULL);
}

static void print_with(Json *json, int flags) {
        g_autofree char *text = text_escape_json(
                json_object_to_json_string_ext(json, flags | JSON_C_TO_STRING_NOSLASHESCAPE));

        puts(text);
}

void json_print(Json *json) {
        print_with(json,
                isatty(STDOUT_FILENO) ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED
                                      : JSON_C_TO_STRING_PLAIN);
}

void json_print_line(Json *json) {
        print_with(json, JSON_C_TO_STRING_PLAIN);
}
