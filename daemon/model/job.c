/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/model/job.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/base/error.h"
#include "dbus/path.h"

/* A rate is measured over at least this long, and half of it is what was measured before. */
#define RATE_USEC 1000000U
/* An end further away than this is as good as not known. */
#define EXPECTED_USEC_MAX (100.0 * 365 * 24 * 3600 * 1e6)
/* As far as progress comes before the job is done. */
#define UNDONE_MAX 0.999

static const char *const operation_words[_JOB_OPERATION_MAX] = {
        [JOB_CREATE] = "create",
        [JOB_REVERT] = "revert",
        [JOB_DELETE] = "delete",
        [JOB_BLOCK_COMMIT] = "block-commit",
        [JOB_BLOCK_PULL] = "block-pull",
        [JOB_CONSOLIDATE] = "consolidate",
        [JOB_REPAIR] = "repair",
        [JOB_BACKUP] = "backup",
        [JOB_POLICY] = "policy",
        [JOB_EXTERNAL] = "external",
};

static const char *const state_words[_JOB_STATE_MAX] = {
        [JOB_QUEUED] = "queued",
        [JOB_RUNNING] = "running",
        [JOB_READY] = "ready",
        [JOB_PIVOTING] = "pivoting",
        [JOB_CANCELLING] = "cancelling",
        [JOB_DONE] = "done",
        [JOB_FAILED] = "failed",
        [JOB_CANCELLED] = "cancelled",
};

#define BIT(state) (1U << (state))
#define ENDS (BIT(JOB_DONE) | BIT(JOB_FAILED) | BIT(JOB_CANCELLED))

/* What may follow each state. */
static const unsigned successors[_JOB_STATE_MAX] = {
        [JOB_QUEUED] = BIT(JOB_RUNNING) | BIT(JOB_CANCELLING) | ENDS,
        [JOB_RUNNING] = BIT(JOB_READY) | BIT(JOB_PIVOTING) | BIT(JOB_CANCELLING) | ENDS,
        [JOB_READY] = BIT(JOB_RUNNING) | BIT(JOB_PIVOTING) | BIT(JOB_CANCELLING) | ENDS,
        /* libvirt can say "not yet" to a pivot. */
        [JOB_PIVOTING] = BIT(JOB_RUNNING) | BIT(JOB_READY) | BIT(JOB_CANCELLING) | ENDS,
        /* A pivot that was under way wins over the wish to cancel. */
        [JOB_CANCELLING] = BIT(JOB_RUNNING) | BIT(JOB_PIVOTING) | ENDS,
};

const char *job_operation_to_string(JobOperation operation) {
        return operation_words[operation];
}

JobOperation job_operation_from_string(const char *word) {
        for (JobOperation o = 0; o < _JOB_OPERATION_MAX; o++)
                if (g_strcmp0(operation_words[o], word) == 0)
                        return o;
        return _JOB_OPERATION_MAX;
}

const char *job_state_to_string(JobState state) {
        return state_words[state];
}

static void tell(Job *job, unsigned changes) {
        if (job->listener)
                job->listener->changed(job, changes, job->userdata);
}

Job *job_new(uint64_t id, JobOperation operation, const char *domain_uuid, const char *domain_name,
        const char *domain_path, const char *disk, const char *snapshot, uint32_t uid, uint64_t now) {
        Job *job = g_new0(Job, 1);

        job->id = id;
        job->operation = operation;
        job->path = vs_job_path(id);
        if (!job->path)
                g_error("out of memory");
        job->domain_uuid = g_strdup(domain_uuid);
        job->domain_name = g_strdup(domain_name);
        job->domain_path = g_strdup(domain_path);
        job->disk = g_strdup(disk ? disk : "");
        job->snapshot = g_strdup(snapshot ? snapshot : "");
        job->uid = uid;
        job->created = now;
        job->phase = g_strdup("waiting");
        job->span_to = 1.0;
        job->cancelable = true;
        job->log = g_ptr_array_new_with_free_func(g_free);
        return job;
}

Job *job_free(Job *job) {
        if (!job)
                return NULL;
        free(job->path);
        g_free(job->domain_uuid);
        g_free(job->domain_name);
        g_free(job->domain_path);
        g_free(job->disk);
        g_free(job->snapshot);
        g_free(job->phase);
        g_clear_error(&job->error);
        g_ptr_array_unref(job->log);
        g_free(job);
        return NULL;
}

bool job_ended(const Job *job) {
        return BIT(job->state) & ENDS;
}

bool job_set_state(Job *job, JobState state, uint64_t now) {
        unsigned changes = JOB_CHANGED_STATE;

        if (job->state == state)
                return true;
        if (!(successors[job->state] & BIT(state)))
                return false;
        job->state = state;
        if (state == JOB_RUNNING && job->started == 0) {
                job->started = now;
                changes |= JOB_CHANGED_START;
        }
        tell(job, changes);
        return true;
}

void job_end(Job *job, GError *error, uint64_t now) {
        JobState end = !error                                        ? JOB_DONE
                : g_error_matches(error, VS_ERROR, VS_ERR_CANCELLED) ? JOB_CANCELLED
                                                                     : JOB_FAILED;

        job->error = error;
        job->ended = now;
        job->rate = 0;
        job->expected_end = 0;
        if (!error)
                job->progress = 1.0;
        job_set_state(job, end, now);
        job_set_phase(job, state_words[end]);
        job_set_cancelable(job, false);
        tell(job, JOB_CHANGED_PROGRESS | (error ? JOB_CHANGED_ERROR : 0));
}

void job_set_snapshot(Job *job, const char *name) {
        if (strcmp(job->snapshot, name) == 0)
                return;
        g_free(job->snapshot);
        job->snapshot = g_strdup(name);
        tell(job, JOB_CHANGED_SNAPSHOT);
}

void job_set_phase(Job *job, const char *phase) {
        if (strcmp(job->phase, phase) == 0)
                return;
        g_free(job->phase);
        job->phase = g_strdup(phase);
        tell(job, JOB_CHANGED_PHASE);
}

void job_set_cancelable(Job *job, bool cancelable) {
        if (job->cancelable == cancelable)
                return;
        job->cancelable = cancelable;
        tell(job, JOB_CHANGED_CANCELABLE);
}

void job_set_bandwidth(Job *job, uint64_t bytes_per_second) {
        if (job->bandwidth == bytes_per_second)
                return;
        job->bandwidth = bytes_per_second;
        tell(job, JOB_CHANGED_BANDWIDTH);
}

void job_log(Job *job, const char *line) {
        if (job->log->len >= JOB_LOG_MAX)
                g_ptr_array_remove_index(job->log, 0);
        g_ptr_array_add(job->log, g_strdup(line));
        tell(job, JOB_CHANGED_LOG);
}

void job_set_span(Job *job, double from, double to) {
        from = MIN(from, UNDONE_MAX);
        job->span_from = from;
        job->span_to = to;
        if (job->progress < from) {
                job->progress = from;
                tell(job, JOB_CHANGED_PROGRESS);
        }
}

static void measure_rate(Job *job, uint64_t done, uint64_t now) {
        uint64_t now_rate;

        if (job->rate_at == 0 || done < job->rate_bytes || now < job->rate_at) {
                job->rate_at = now;
                job->rate_bytes = done;
                return;
        }
        if (now - job->rate_at < RATE_USEC)
                return;
        now_rate = (uint64_t) ((double) (done - job->rate_bytes) * 1e6 / (double) (now - job->rate_at));
        job->rate = job->rate ? (job->rate + now_rate) / 2 : now_rate;
        job->rate_at = now;
        job->rate_bytes = done;
}

/* 0: not known. */
static uint64_t expected_end(const Job *job, uint64_t now) {
        double left;

        if (job->rate == 0 || job->bytes_done == job->bytes_total)
                return 0;
        left = (double) (job->bytes_total - job->bytes_done) * 1e6 / (double) job->rate;
        return left <= EXPECTED_USEC_MAX ? now + (uint64_t) left : 0;
}

void job_set_bytes(Job *job, uint64_t done, uint64_t total, uint64_t now) {
        double part, progress;

        if (done > total)
                done = total;
        part = total ? (double) done / (double) total : 0.0;
        progress = MIN(job->span_from + (job->span_to - job->span_from) * part, UNDONE_MAX);
        measure_rate(job, done, now);
        job->bytes_done = done;
        job->bytes_total = total;
        job->progress = MAX(job->progress, progress);
        job->expected_end = expected_end(job, now);
        tell(job, JOB_CHANGED_PROGRESS);
}
