/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

/*
 * A job as callers see it.  Pure memory, the loop's thread only.  Every change goes through the functions
 * below, and each tells the listener which properties are new.
 */
typedef struct Job Job;

typedef enum JobOperation {
        JOB_CREATE,
        JOB_REVERT,
        JOB_DELETE,
        JOB_BLOCK_COMMIT,
        JOB_BLOCK_PULL,
        JOB_CONSOLIDATE,
        JOB_REPAIR,
        JOB_BACKUP,
        JOB_POLICY,
        JOB_EXTERNAL,
        _JOB_OPERATION_MAX,
} JobOperation;

typedef enum JobState {
        JOB_QUEUED,
        JOB_RUNNING,
        JOB_READY,
        JOB_PIVOTING,
        JOB_CANCELLING,
        JOB_DONE,
        JOB_FAILED,
        JOB_CANCELLED,
        _JOB_STATE_MAX,
} JobState;

typedef enum JobChange {
        JOB_CHANGED_SNAPSHOT = 1 << 0,
        JOB_CHANGED_STATE = 1 << 1,
        JOB_CHANGED_PHASE = 1 << 2,
        JOB_CHANGED_PROGRESS = 1 << 3, /* with bytes, rate and expected end */
        JOB_CHANGED_BANDWIDTH = 1 << 4,
        JOB_CHANGED_START = 1 << 5,
        JOB_CHANGED_CANCELABLE = 1 << 6,
        JOB_CHANGED_ERROR = 1 << 7,
        JOB_CHANGED_LOG = 1 << 8,
} JobChange;

typedef struct JobListener {
        void (*changed)(Job *job, unsigned changes, void *userdata);
} JobListener;

struct Job {
        const JobListener *listener;
        void *userdata;

        uint64_t id;
        JobOperation operation;
        char *path;
        char *domain_uuid, *domain_name, *domain_path;
        char *disk; /* "" when it is not about one */
        char *snapshot; /* "" likewise */
        uint32_t uid;
        uint64_t created; /* µs since the epoch, as all times here */

        JobState state;
        char *phase;
        double progress, span_from, span_to;
        uint64_t bytes_done, bytes_total, rate, bandwidth;
        uint64_t started, expected_end, ended;
        bool cancelable;
        GError *error;
        GPtrArray *log; /* of char * */

        uint64_t rate_at, rate_bytes; /* where the rate was last measured */
};

/* At most this many lines are kept of a job's log; the oldest go. */
#define JOB_LOG_MAX 100U

/* Strings are copied; disk and snapshot may be NULL.  now: µs since the epoch. */
Job *job_new(uint64_t id, JobOperation operation, const char *domain_uuid, const char *domain_name,
        const char *domain_path, const char *disk, const char *snapshot, uint32_t uid, uint64_t now);
Job *job_free(Job *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Job, job_free)

bool job_ended(const Job *job);

/* False, and nothing changed, when the state cannot follow the present one. */
bool job_set_state(Job *job, JobState state, uint64_t now);
/* The end of a job that has not ended: without an error it is done; with VS_ERR_CANCELLED cancelled; else
 * failed. Takes the error over. */
void job_end(Job *job, GError *error, uint64_t now);

void job_set_snapshot(Job *job, const char *name);
void job_set_phase(Job *job, const char *phase);
void job_set_cancelable(Job *job, bool cancelable);
void job_set_bandwidth(Job *job, uint64_t bytes_per_second);
void job_log(Job *job, const char *line);

/* Which part of the whole the bytes that follow are: progress runs from one to the other. */
void job_set_span(Job *job, double from, double to);
/* Progress never falls and stays below 1 until the job is done. */
void job_set_bytes(Job *job, uint64_t done, uint64_t total, uint64_t now);

const char *job_operation_to_string(JobOperation operation);
/* _JOB_OPERATION_MAX for an unknown word. */
JobOperation job_operation_from_string(const char *word);
const char *job_state_to_string(JobState state);
