/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include <glib.h>
#include <json-c/json.h>

/*
 * The records of jobs under way: one file each, jobs/ID.json in the state directory, written before anything
 * is touched.  What a record holds is its job's business; "id", "operation", "uuid", "domain" and "created"
 * are in each. Any thread, but one at a time for a record.
 */

/* Negative errno.  Does not take the object over. */
int journal_write(int records_fd, uint64_t id, struct json_object *record);
int journal_remove(int records_fd, uint64_t id);

/* All records, as struct json_object *, by id.  One that cannot be read is renamed to ID.json.bad and said.
 */
GPtrArray *journal_read_all(int records_fd);

/* Numbers that are never given twice, also not after a crash: reserved on disk before they are used. next-id
 * in the state directory; records_fd is looked at in case that file is lost.  Loop thread. */
typedef struct JobIds JobIds;
JobIds *job_ids_new(int state_fd, int records_fd);
JobIds *job_ids_free(JobIds *ids);
/* 0, or a negative errno: then no job can begin. */
int job_ids_next(JobIds *ids, uint64_t *ret);
