/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/jobs/run.h"
#include "daemon/jobs/store.h"
#include "daemon/virt/mirror.h"

/*
 * The jobs: one that changes something at a time for a domain, a set number over all domains.  Loop thread.
 *
 * A job waits; then its kind gathers what the work needs of the world (prepare), a thread does the work, the
 * domain is read again, the kind has a last word (finish), and the job has ended.  An ended job stays
 * readable for a minute.
 */
typedef struct Queue Queue;

/* What a job of this kind does.  Any function may be NULL but work. */
typedef struct JobKind {
        JobOperation operation;
        /* Read the domain again before prepare: what it decides must be true now. */
        bool fresh;
        /* Read the XML of all its snapshots again after the work: they may have been rewritten. */
        bool rewrites;
        /* The work changes the tree from its beginning: show that as one change at the end (mirror_hold()).
         * Work that comes to it later says so itself (run_hold()). */
        bool holds;
        /* Loop thread.  The domain may have gone: then this is not called, and the job fails. */
        bool (*prepare)(Queue *queue, Job *job, Domain *domain, void *params, GError **error);
        /* A thread of its own; see run.h. */
        bool (*work)(JobRun *run, void *params, GError **error);
        /* Loop thread, the job's state is final and the world as the job left it.  domain may be NULL, error
         * is NULL when the work went well. */
        void (*finish)(Queue *queue, Job *job, Domain *domain, void *params, const GError *error);
        void (*free)(void *params);
        /* Loop thread, of jobs that others do: there is no work of ours to tell of the wish. */
        bool (*cancel)(Queue *queue, Job *job, void *params, GError **error);
        bool (*set_bandwidth)(
                Queue *queue, Job *job, void *params, uint64_t bytes_per_second, GError **error);
} JobKind;

typedef struct QueueListener {
        /* At once, before queue_submit() returns. */
        void (*job_new)(Job *job, void *userdata);
        void (*job_changed)(Job *job, unsigned changes, void *userdata);
        /* Its state is final: the last change of a job. */
        void (*job_concluded)(Job *job, void *userdata);
        /* The world is as the job, whose state is final, left it. */
        void (*job_ended)(Job *job, void *userdata);
        /* It is forgotten now. */
        void (*job_gone)(Job *job, void *userdata);
        /* How many wait or work has changed. */
        void (*counts_changed)(void *userdata);
} QueueListener;

#define QUEUE_RUNNING_MAX 4U /* jobs at once, unless configured */
#define QUEUE_WAITING_MAX 1000U /* jobs that have not ended, of all users */
#define QUEUE_USER_MAX 200U /* likewise of one */
#define QUEUE_KEEP_USEC (60U * 1000U * 1000U) /* how long an ended job stays readable */
#define QUEUE_ENDED_MAX 1000U /* and how many of them */

/* Borrows all but listener's userdata; state_fd is the open state directory. */
Queue *queue_new(sd_event *event, Mailbox *mailbox, Pool *readers, World *world, Mirror *mirror,
        Connection *connection, Store *store, int state_fd, GError **error);
/* Asks the work under way to stop where it is, and waits for it: from then on no thread is ours. */
void queue_stop(Queue *queue);
/* After the mailbox and the readers, who may hold what is to be released here.  Takes NULL, returns NULL. */
Queue *queue_free(Queue *queue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Queue, queue_free)
void queue_listen(Queue *queue, const QueueListener *listener, void *userdata);

/* A new job behind those of its domain.  params are taken over, also on failure (NULL and an error: TooMany,
 * or a state directory that cannot be written).  disk and snapshot may be NULL. */
Job *queue_submit(Queue *queue, const JobKind *kind, const Domain *domain, const char *disk,
        const char *snapshot, uint32_t uid, void *params, GError **error);
/* A job that an earlier daemon began: keeps its number.  It runs as soon as its domain is there. */
Job *queue_adopt(Queue *queue, const JobKind *kind, uint64_t id, uint64_t created, const char *uuid,
        const char *domain_name, const char *disk, const char *snapshot, uint32_t uid, void *params);
/* A job that others do, and we only watch: it is running at once, and ends by queue_end_external(). */
Job *queue_add_external(
        Queue *queue, const JobKind *kind, const Domain *domain, const char *disk, void *params);
void queue_end_external(Queue *queue, Job *job, GError *error);

Job *queue_find(const Queue *queue, uint64_t id);
/* What was submitted with it, and its work while it is under way (else NULL). */
JobRun *queue_run(const Queue *queue, const Job *job);
void *queue_params(const Queue *queue, const Job *job);
/* Every job, ended ones too, oldest first; the array is the caller's, to be unref'd. */
GPtrArray *queue_jobs(const Queue *queue);
unsigned queue_n_waiting(const Queue *queue);
unsigned queue_n_running(const Queue *queue);

/* What callers ask of a job.  NotCancelable and the like. */
bool queue_cancel(Queue *queue, Job *job, GError **error);
bool queue_finish_job(Queue *queue, Job *job, GError **error);
bool queue_set_bandwidth(Queue *queue, Job *job, uint64_t bytes_per_second, GError **error);

/* What libvirt tells. */
void queue_connection_up(Queue *queue);
void queue_connection_down(Queue *queue);
/* Whether a job of ours works on this disk; it gets the event. */
bool queue_block_event(Queue *queue, const char *uuid, const char *disk, int status);
/* Keep jobs of a domain from beginning while its metadata is edited.  False, and nothing to release: a job
 * that has begun, or another edit, changes it. */
bool queue_reserve(Queue *queue, const char *uuid);
void queue_release(Queue *queue, const char *uuid);
/* Whether a job of ours sets this domain back to a snapshot, or did so a moment ago. */
bool queue_reverts(const Queue *queue, const char *uuid);
/* Whether a job of ours that has begun is about this disk. */
bool queue_works_on(const Queue *queue, const char *uuid, const char *disk);

/* What an earlier daemon left (journal.h); the caller's. */
GPtrArray *queue_read_records(const Queue *queue);

World *queue_world(const Queue *queue);
Store *queue_store(const Queue *queue);
Pool *queue_reader_pool(const Queue *queue);
Connection *queue_connection(const Queue *queue);
