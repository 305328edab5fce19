/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/record.h"

struct json_object *record_new(const JobRun *run, JobOperation operation) {
        struct json_object *record = json_object_new_object();

        record_add_number(record, "id", run_id(run));
        record_add_string(record, "operation", job_operation_to_string(operation));
        record_add_string(record, "uuid", run_uuid(run));
        record_add_string(record, "domain", run_domain_name(run));
        record_add_number(record, "created", run_created(run));
        record_add_number(record, "uid", run_uid(run));
        return record;
}

void record_add_string(struct json_object *record, const char *key, const char *value) {
        if (value)
                json_object_object_add(record, key, json_object_new_string(value));
}

void record_add_bool(struct json_object *record, const char *key, bool value) {
        json_object_object_add(record, key, json_object_new_boolean(value));
}

void record_add_number(struct json_object *record, const char *key, uint64_t value) {
        json_object_object_add(record, key, json_object_new_uint64(value));
}

void record_add_strings(struct json_object *record, const char *key, const GPtrArray *values) {
        struct json_object *array = json_object_new_array();

        for (unsigned i = 0; i < values->len; i++)
                json_object_array_add(array, json_object_new_string(values->pdata[i]));
        json_object_object_add(record, key, array);
}

static struct json_object *get(const struct json_object *record, const char *key, json_type type) {
        struct json_object *value;

        if (!json_object_object_get_ex(record, key, &value) || !json_object_is_type(value, type))
                return NULL;
        return value;
}

const char *record_string(const struct json_object *record, const char *key) {
        struct json_object *value = get(record, key, json_type_string);

        return value ? json_object_get_string(value) : NULL;
}

bool record_bool(const struct json_object *record, const char *key) {
        struct json_object *value = get(record, key, json_type_boolean);

        return value && json_object_get_boolean(value);
}

uint64_t record_number(const struct json_object *record, const char *key) {
        struct json_object *value = get(record, key, json_type_int);

        return value ? json_object_get_uint64(value) : 0;
}

GPtrArray *record_strings(const struct json_object *record, const char *key) {
        GPtrArray *strings = g_ptr_array_new_with_free_func(g_free);
        struct json_object *array = get(record, key, json_type_array);

        for (size_t i = 0; array && i < json_object_array_length(array); i++) {
                struct json_object *value = json_object_array_get_idx(array, i);

                if (json_object_is_type(value, json_type_string))
                        g_ptr_array_add(strings, g_strdup(json_object_get_string(value)));
        }
        return strings;
}
