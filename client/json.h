/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>
#include <json-c/json.h>
#include <systemd/sd-bus.h>

/*
 * What the daemon answers, as JSON: the one form in which answers are kept here, printed with --json as it
 * is and looked into by what draws tables.  Names of properties and options become snake_case
 * (CreationTime, virtual-size: creation_time, virtual_size); values keep the bus's units.
 */

typedef json_object Json;
static inline void json_unref(Json *json) {
        json_object_put(json);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Json, json_unref)

/* Decode the next complete value of a message.  0 or a negative errno. */
int json_from_message(sd_bus_message *m, Json **ret);

/* Turn an array of arrays (structs on the bus) into an array of objects with these NULL-terminated names. */
Json *json_name_fields(Json *rows, const char *const *names);

/* Look into an object: what is missing or null is "", 0, false, and an array without elements.  What is
 * returned belongs to the object. */
const char *json_str(Json *object, const char *key);
uint64_t json_uint(Json *object, const char *key);
double json_num(Json *object, const char *key);
bool json_flag(Json *object, const char *key);
Json *json_get(Json *object, const char *key);
size_t json_len(Json *array);
Json *json_at(Json *array, size_t i);

void json_set_str(Json *object, const char *key, const char *value);

/* Print to stdout, indented on a terminal, else one line; always one line. */
void json_print(Json *json);
void json_print_line(Json *json);
