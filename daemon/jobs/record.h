/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/jobs/run.h"

/* Building and reading records (journal.h).  Any thread. */

/* One with what every record has.  The caller's, json_object_put() or run_record(). */
struct json_object *record_new(const JobRun *run, JobOperation operation);

/* NULL is left out. */
void record_add_string(struct json_object *record, const char *key, const char *value);
void record_add_bool(struct json_object *record, const char *key, bool value);
void record_add_number(struct json_object *record, const char *key, uint64_t value);
/* Of char *. */
void record_add_strings(struct json_object *record, const char *key, const GPtrArray *values);

/* What is not there, or of another type: NULL, false, 0, an empty array. */
const char *record_string(const struct json_object *record, const char *key);
bool record_bool(const struct json_object *record, const char *key);
uint64_t record_number(const struct json_object *record, const char *key);
/* Of char *; the caller's. */
GPtrArray *record_strings(const struct json_object *record, const char *key);
