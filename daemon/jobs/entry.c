/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/entry.h"

#include <string.h>

/* How long after a revert its events may still come. */
#define REVERT_ECHO_USEC (3U * 1000U * 1000U)

bool entry_has_begun(const Entry *entry) {
        return entry->stage > STAGE_WAITING && entry->stage < STAGE_ENDED;
}

Entry *queue_entry(const Queue *queue, uint64_t id) {
        return g_hash_table_lookup(queue->by_id, &id);
}

unsigned queue_count(const Queue *queue, bool (*matches)(const Entry *)) {
        unsigned n = 0;

        for (GList *at = queue->entries.head; at; at = at->next)
                n += matches(at->data);
        return n;
}

static bool is_waiting(const Entry *entry) {
        return entry->stage == STAGE_WAITING;
}

bool entry_is_ours_at_work(const Entry *entry) {
        return entry_has_begun(entry) && entry->kind->work;
}

Job *queue_find(const Queue *queue, uint64_t id) {
        Entry *entry = queue_entry(queue, id);

        return entry ? entry->job : NULL;
}

void *queue_params(const Queue *queue, const Job *job) {
        return queue_entry(queue, job->id)->params;
}

JobRun *queue_run(const Queue *queue, const Job *job) {
        return queue_entry(queue, job->id)->run;
}

GPtrArray *queue_jobs(const Queue *queue) {
        GPtrArray *jobs = g_ptr_array_new();

        for (GList *at = queue->entries.head; at; at = at->next)
                g_ptr_array_add(jobs, ((Entry *) at->data)->job);
        return jobs;
}

unsigned queue_n_waiting(const Queue *queue) {
        return queue_count(queue, is_waiting);
}

unsigned queue_n_running(const Queue *queue) {
        return queue_count(queue, entry_has_begun);
}

bool queue_works_on(const Queue *queue, const char *uuid, const char *disk) {
        for (GList *at = queue->entries.head; at; at = at->next) {
                const Entry *entry = at->data;

                if (entry_is_ours_at_work(entry) && strcmp(entry->job->domain_uuid, uuid) == 0 &&
                        strcmp(entry->job->disk, disk) == 0)
                        return true;
        }
        return false;
}

bool queue_reverts(const Queue *queue, const char *uuid) {
        uint64_t now = (uint64_t) g_get_real_time();

        for (GList *at = queue->entries.head; at; at = at->next) {
                const Entry *entry = at->data;

                if (entry->job->operation == JOB_REVERT && strcmp(entry->job->domain_uuid, uuid) == 0 &&
                        (entry_has_begun(entry) ||
                                (entry->stage == STAGE_ENDED && entry->job->ended + REVERT_ECHO_USEC > now)))
                        return true;
        }
        return false;
}

GPtrArray *queue_read_records(const Queue *queue) {
        return journal_read_all(queue->records_fd);
}

World *queue_world(const Queue *queue) {
        return queue->world;
}

Store *queue_store(const Queue *queue) {
        return queue->store;
}

Pool *queue_reader_pool(const Queue *queue) {
        return queue->readers;
}

Connection *queue_connection(const Queue *queue) {
        return queue->connection;
}
