/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/file.h"
#include "daemon/base/log.h"

#define RECORD_MAX (UINT64_C(8) * 1024 * 1024)
#define RECORD_DEPTH 16

/* How many numbers are reserved at once: a write for each of them would cost a sync a job. */
#define ID_BLOCK 64U
#define ID_FILE "next-id"
/* No number of ours comes near: what is above is nobody's. */
#define ID_MAX (UINT64_MAX / 2)

static void record_name(char *name, size_t size, uint64_t id) {
        snprintf(name, size, "%" PRIu64 ".json", id);
}

int journal_write(int records_fd, uint64_t id, struct json_object *record) {
        char name[32];

        record_name(name, sizeof name, id);
        return file_replace(records_fd, name,
                json_object_to_json_string_ext(
                        record, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
}

int journal_remove(int records_fd, uint64_t id) {
        char name[32];

        record_name(name, sizeof name, id);
        return file_remove(records_fd, name);
}

/* The number of a file "NUMBER.json", or 0. */
static uint64_t id_of_name(const char *name) {
        char again[32], *end;
        uint64_t id;

        errno = 0;
        id = strtoull(name, &end, 10);
        record_name(again, sizeof again, id);
        return errno == 0 && id <= ID_MAX && strcmp(again, name) == 0 ? id : 0;
}

static struct json_object *parse_record(const char *text) {
        struct json_tokener *tokener = json_tokener_new_ex(RECORD_DEPTH);
        struct json_object *record;

        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
        record = json_tokener_parse_ex(tokener, text, (int) strlen(text) + 1);
        json_tokener_free(tokener);
        if (record && !json_object_is_type(record, json_type_object)) {
                json_object_put(record);
                record = NULL;
        }
        return record;
}

/* NULL when it was set aside. */
static struct json_object *read_record(int records_fd, const char *name) {
        g_autofree char *text = NULL, *aside = g_strconcat(name, ".bad", NULL);
        struct json_object *record = NULL;
        int r = file_read(records_fd, name, RECORD_MAX, &text);

        if (r >= 0)
                record = parse_record(text);
        if (record)
                return record;
        log_error("the job record %s cannot be read (%s) and is set aside as %s", name,
                r < 0 ? strerror(-r) : "no valid JSON", aside);
        if (renameat(records_fd, name, records_fd, aside) < 0)
                log_error("cannot rename the record %s: %s", name, strerror(errno));
        return NULL;
}

static DIR *open_records(int records_fd) {
        int fd = openat(records_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? NULL : fdopendir(fd);
}

static int compare_names(const void *a, const void *b) {
        uint64_t x = id_of_name(*(char *const *) a), y = id_of_name(*(char *const *) b);

        return x < y ? -1 : x > y;
}

static GPtrArray *record_names(int records_fd) {
        GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
        DIR *dir = open_records(records_fd);
        struct dirent *entry;

        while (dir && (entry = readdir(dir)))
                if (id_of_name(entry->d_name))
                        g_ptr_array_add(names, g_strdup(entry->d_name));
        if (dir)
                closedir(dir);
        g_ptr_array_sort(names, compare_names);
        return names;
}

static void record_put(void *record) {
        json_object_put(record);
}

GPtrArray *journal_read_all(int records_fd) {
        g_autoptr(GPtrArray) names = record_names(records_fd);
        GPtrArray *records = g_ptr_array_new_with_free_func(record_put);

        for (unsigned i = 0; i < names->len; i++) {
                struct json_object *record = read_record(records_fd, names->pdata[i]);

                if (record)
                        g_ptr_array_add(records, record);
        }
        return records;
}

/* ---- numbers ---- */

struct JobIds {
        int state_fd;
        uint64_t next, reserved; /* numbers below reserved are on disk as used */
};

static void id_text(char *text, size_t size, uint64_t id) {
        snprintf(text, size, "%" PRIu64 "\n", id);
}

/* What next-id says, if it is what job_ids_next() writes and not a part of that. */
static int read_next(int state_fd, uint64_t *ret) {
        g_autofree char *text = NULL;
        char again[32];
        uint64_t next;
        int r = file_read(state_fd, ID_FILE, sizeof again, &text);

        if (r < 0)
                return r;
        next = strtoull(text, NULL, 10);
        id_text(again, sizeof again, next);
        if (next == 0 || next > ID_MAX || strcmp(again, text) != 0)
                return -EBADMSG;
        *ret = next;
        return 0;
}

static bool folder_is_empty(int folder_fd) {
        DIR *dir = open_records(folder_fd);
        struct dirent *entry;
        bool empty = true;

        while (dir && empty && (entry = readdir(dir)))
                empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (dir)
                closedir(dir);
        return empty;
}

/* Above everything that was ever given: what the file says, what records there are, and, should the file
 * have been lost, the time. */
static uint64_t first_id(int state_fd, int records_fd) {
        g_autoptr(GPtrArray) names = record_names(records_fd);
        uint64_t first;
        int r = read_next(state_fd, &first);

        if (r == -ENOENT && folder_is_empty(records_fd))
                return 1;
        if (r < 0) {
                log_warning("cannot read " ID_FILE " (%s): jobs are numbered by the time from here on",
                        strerror(-r));
                first = (uint64_t) g_get_real_time();
        }
        if (names->len)
                first = MAX(first, id_of_name(names->pdata[names->len - 1]) + 1);
        return first;
}

JobIds *job_ids_new(int state_fd, int records_fd) {
        JobIds *ids = g_new0(JobIds, 1);

        ids->state_fd = state_fd;
        ids->next = ids->reserved = first_id(state_fd, records_fd);
        return ids;
}

JobIds *job_ids_free(JobIds *ids) {
        g_free(ids);
        return NULL;
}

int job_ids_next(JobIds *ids, uint64_t *ret) {
        if (ids->next == ids->reserved) {
                char text[32];
                int r;

                id_text(text, sizeof text, ids->reserved + ID_BLOCK);
                r = file_replace(ids->state_fd, ID_FILE, text);
                if (r < 0)
                        return r;
                ids->reserved += ID_BLOCK;
        }
        *ret = ids->next++;
        return 0;
}
