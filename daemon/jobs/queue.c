/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/queue.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/error.h"
#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/base/pool.h"
#include "daemon/jobs/entry.h"

typedef struct WorkTask {
        Task task;
        Entry *entry;
        GError *error;
} WorkTask;

static uint64_t now_usec(void) {
        return (uint64_t) g_get_real_time();
}

static void wake(Queue *queue) {
        sd_event_source_set_enabled(queue->pump, SD_EVENT_ONESHOT);
}

static Domain *domain_of(const Entry *entry) {
        return world_find_domain(entry->queue->world, entry->job->domain_uuid);
}

/* ---- the end of a job ---- */

static void forget_entry(Queue *queue, Entry *entry) {
        queue->listener->job_gone(entry->job, queue->userdata);
        g_queue_remove(&queue->entries, entry);
        g_hash_table_remove(queue->by_id, &entry->job->id);
        if (entry->kind->free)
                entry->kind->free(entry->params);
        job_free(entry->job);
        g_free(entry);
}

static void forget_old(Queue *queue) {
        uint64_t now = now_usec(), next = UINT64_MAX;
        unsigned n_ended = 0;

        for (GList *at = queue->entries.tail, *before; at; at = before) {
                Entry *entry = at->data;
                uint64_t until = entry->job->ended + QUEUE_KEEP_USEC;

                before = at->prev;
                if (entry->stage != STAGE_ENDED)
                        continue;
                if (++n_ended > QUEUE_ENDED_MAX || until <= now)
                        forget_entry(queue, entry);
                else
                        next = MIN(next, until - now);
        }
        if (next != UINT64_MAX) {
                sd_event_source_set_time_relative(queue->forget, next + 1000U);
                sd_event_source_set_enabled(queue->forget, SD_EVENT_ONESHOT);
        }
}

/* When the oldest may go, or soon when there are too many. */
static void forget_later(Queue *queue) {
        bool crowded = queue->entries.length > QUEUE_ENDED_MAX;

        if (!crowded && sd_event_source_get_enabled(queue->forget, NULL) != 0)
                return;
        sd_event_source_set_time_relative(queue->forget, crowded ? 0 : QUEUE_KEEP_USEC + 1000U);
        sd_event_source_set_enabled(queue->forget, SD_EVENT_ONESHOT);
}

static int on_forget(sd_event_source *source, uint64_t usec, void *userdata) {
        forget_old(userdata);
        return 0;
}

/* The job's state is final: it is told before what the job has changed is. */
static void conclude(Entry *entry, GError *error) {
        if (error && !g_error_matches(error, VS_ERROR, VS_ERR_CANCELLED))
                log_warning("job %" G_GUINT64_FORMAT " (%s of %s) failed: %s", entry->job->id,
                        job_operation_to_string(entry->job->operation), entry->job->domain_name,
                        error->message);
        job_end(entry->job, error, now_usec());
        entry->queue->listener->job_concluded(entry->job, entry->queue->userdata);
}

/* The world is as the job left it. */
static void close_entry(Entry *entry) {
        Queue *queue = entry->queue;
        Domain *domain = domain_of(entry);
        int r = 0;

        if (entry->stage > STAGE_WAITING) {
                if (entry->kind->finish)
                        entry->kind->finish(queue, entry->job, domain, entry->params, entry->job->error);
                /* The record goes only now: what it speaks of is over. */
                if (entry->kind->work)
                        r = journal_remove(queue->records_fd, entry->job->id);
        }
        if (r < 0)
                log_error("cannot remove the record of job %" G_GUINT64_FORMAT ": %s", entry->job->id,
                        strerror(-r));

        entry->stage = STAGE_ENDED;
        if (domain)
                domain_remove_job(domain, entry->job->path);
        queue->listener->job_ended(entry->job, queue->userdata);
        queue->listener->counts_changed(queue->userdata);
        forget_later(queue);
        wake(queue);
}

static void end_entry(Entry *entry, GError *error) {
        conclude(entry, error);
        close_entry(entry);
}

static void on_settled(void *userdata) {
        close_entry(userdata);
}

/* ---- the work ---- */

static void work_job(Task *task) {
        WorkTask *work = (WorkTask *) task;
        Entry *entry = work->entry;

        if (!entry->kind->work(entry->run, entry->params, &work->error) && !work->error)
                vs_fail(&work->error, VS_ERR_LIBVIRT_FAILED, "The job failed without a reason.");
}

static void done_work(Task *task) {
        WorkTask *work = (WorkTask *) task;
        Entry *entry = work->entry;
        Mirror *mirror = entry->queue->mirror;

        entry->run = job_run_free(entry->run);
        entry->stage = STAGE_SETTLING;
        conclude(entry, g_steal_pointer(&work->error));
        g_free(work);
        mirror_release(mirror, entry->job->domain_uuid);
        mirror_read(mirror, entry->job->domain_uuid,
                entry->kind->rewrites ? MIRROR_TOUCH_ALL_XML : MIRROR_TOUCH_DOMAIN, on_settled, entry);
}

static void drop_work(Task *task) {
        WorkTask *work = (WorkTask *) task;

        g_clear_error(&work->error);
        g_free(work);
}

/* Read the notes of a domain's snapshots again. */
static void take_notes(Queue *queue, const Job *job) {
        Domain *domain = world_find_domain(queue->world, job->domain_uuid);
        Snapshot *s;

        if (!domain)
                return;
        DOMAIN_FOREACH_SNAPSHOT(s, domain)
        snapshot_set_notes(s, store_get(queue->store, job->domain_uuid, s->record));
}

static void on_report(const JobReport *report, void *userdata) {
        Queue *queue = userdata;
        Entry *entry = queue_entry(queue, report->id);
        Job *job = entry ? entry->job : NULL;

        if (!job || job_ended(job))
                return;
        switch (report->kind) {
        case JOB_REPORT_PHASE:
                job_set_phase(job, report->text);
                break;
        case JOB_REPORT_LOG:
                job_log(job, report->text);
                break;
        case JOB_REPORT_SNAPSHOT:
                job_set_snapshot(job, report->text);
                break;
        case JOB_REPORT_STATE:
                job_set_state(job, report->state, now_usec());
                break;
        case JOB_REPORT_CANCELABLE:
                job_set_cancelable(job, report->flag);
                break;
        case JOB_REPORT_SPAN:
                job_set_span(job, report->from, report->to);
                break;
        case JOB_REPORT_BYTES:
                job_set_bytes(job, report->done, report->total, now_usec());
                break;
        case JOB_REPORT_BANDWIDTH:
                job_set_bandwidth(job, report->done);
                break;
        case JOB_REPORT_NOTES:
                take_notes(queue, job);
                break;
        case JOB_REPORT_HOLD:
                mirror_hold(queue->mirror, job->domain_uuid);
                break;
        case JOB_REPORT_WANTS_FACTS:
                job_run_give_facts(
                        entry->run, queue->open ? facts_gather(queue->world, queue->store) : NULL);
                break;
        }
}

static void start_work(void *userdata) {
        Entry *entry = userdata;
        Queue *queue = entry->queue;
        Domain *domain = domain_of(entry);
        GError *error = NULL;
        WorkTask *work;

        /* The connection went while the domain was read: its turn comes again. */
        if (!queue->open) {
                entry->stage = STAGE_WAITING;
                return;
        }
        if (entry->cancelled)
                vs_fail(&error, VS_ERR_CANCELLED, "The job was cancelled before it began.");
        else if (!domain)
                vs_fail(&error, VS_ERR_NO_SUCH_DOMAIN, "The domain %s is gone.", entry->job->domain_name);
        else if (entry->kind->prepare)
                entry->kind->prepare(queue, entry->job, domain, entry->params, &error);
        if (error) {
                end_entry(entry, error);
                return;
        }
        entry->stage = STAGE_WORKING;
        entry->run = job_run_new(entry->job, connection_ref(queue->connection), queue->records_fd,
                queue->mailbox, on_report, queue);
        if (entry->kind->holds)
                mirror_hold(queue->mirror, entry->job->domain_uuid);
        work = g_new0(WorkTask, 1);
        work->task = (Task){ .work = work_job, .done = done_work, .drop = drop_work };
        work->entry = entry;
        pool_submit(queue->workers, &work->task);
}

static void start_entry(Entry *entry) {
        Queue *queue = entry->queue;

        entry->stage = STAGE_FRESHENING;
        job_set_state(entry->job, JOB_RUNNING, now_usec());
        job_set_phase(entry->job, "checking");
        queue->listener->counts_changed(queue->userdata);
        if (entry->kind->fresh)
                mirror_read(queue->mirror, entry->job->domain_uuid, MIRROR_TOUCH_DOMAIN, start_work, entry);
        else
                start_work(entry);
}

/* ---- whose turn it is ---- */

static int on_pump(sd_event_source *source, void *userdata) {
        Queue *queue = userdata;
        g_autoptr(GHashTable) busy = g_hash_table_new(g_str_hash, g_str_equal);
        unsigned n = queue_count(queue, entry_is_ours_at_work);
        g_autoptr(GPtrArray) ready = g_ptr_array_new();

        if (!queue->open)
                return 0;
        for (GList *at = queue->entries.head; at; at = at->next) {
                Entry *entry = at->data;

                if (entry_is_ours_at_work(entry))
                        g_hash_table_add(busy, entry->job->domain_uuid);
        }
        for (GList *at = queue->entries.head; at && n < QUEUE_RUNNING_MAX; at = at->next) {
                Entry *entry = at->data;

                if (entry->stage != STAGE_WAITING ||
                        g_hash_table_contains(queue->reserved, entry->job->domain_uuid) ||
                        !g_hash_table_add(busy, entry->job->domain_uuid))
                        continue;
                g_ptr_array_add(ready, entry);
                n++;
        }
        for (unsigned i = 0; i < ready->len; i++)
                start_entry(ready->pdata[i]);
        return 0;
}

bool queue_reserve(Queue *queue, const char *uuid) {
        for (GList *at = queue->entries.head; at; at = at->next) {
                const Entry *entry = at->data;

                if (entry_is_ours_at_work(entry) && strcmp(entry->job->domain_uuid, uuid) == 0)
                        return false;
        }
        return g_hash_table_add(queue->reserved, g_strdup(uuid));
}

void queue_release(Queue *queue, const char *uuid) {
        g_hash_table_remove(queue->reserved, uuid);
        wake(queue);
}

/* ---- coming in ---- */

static void on_job_changed(Job *job, unsigned changes, void *userdata) {
        Queue *queue = userdata;

        queue->listener->job_changed(job, changes, queue->userdata);
}

static const JobListener job_listener = { on_job_changed };

static Entry *add_entry(Queue *queue, const JobKind *kind, Job *job, void *params) {
        Entry *entry = g_new0(Entry, 1);
        Domain *domain = world_find_domain(queue->world, job->domain_uuid);

        entry->queue = queue;
        entry->kind = kind;
        entry->job = job;
        entry->params = params;
        job->listener = &job_listener;
        job->userdata = queue;
        g_queue_push_tail(&queue->entries, entry);
        g_hash_table_insert(queue->by_id, &job->id, entry);
        queue->listener->job_new(job, queue->userdata);
        if (domain)
                domain_add_job(domain, job->path);
        queue->listener->counts_changed(queue->userdata);
        wake(queue);
        return entry;
}

static bool check_room(const Queue *queue, uint32_t uid, GError **error) {
        unsigned all = 0, of_user = 0;

        for (GList *at = queue->entries.head; at; at = at->next) {
                const Entry *entry = at->data;

                if (entry->stage == STAGE_ENDED || !entry->kind->work)
                        continue;
                all++;
                of_user += entry->job->uid == uid;
        }
        if (all >= QUEUE_WAITING_MAX)
                return vs_fail(error, VS_ERR_TOO_MANY,
                        "There are %u jobs already; wait until some have ended.", all);
        if (of_user >= QUEUE_USER_MAX)
                return vs_fail(error, VS_ERR_TOO_MANY,
                        "You have %u jobs already; wait until some have ended.", of_user);
        return true;
}

static bool next_id(Queue *queue, uint64_t *ret, GError **error) {
        int r = job_ids_next(queue->ids, ret);

        return r >= 0 ||
                vs_fail(error, r == -ENOSPC ? VS_ERR_NO_SPACE : VS_ERR_LIBVIRT_FAILED,
                        "No job can begin, for the state directory cannot be written: %s", strerror(-r));
}

Job *queue_submit(Queue *queue, const JobKind *kind, const Domain *domain, const char *disk,
        const char *snapshot, uint32_t uid, void *params, GError **error) {
        uint64_t id;
        Job *job;

        if (!check_room(queue, uid, error) || !next_id(queue, &id, error)) {
                if (kind->free)
                        kind->free(params);
                return NULL;
        }
        job = job_new(id, kind->operation, domain->record->uuid, domain->record->name, domain->path, disk,
                snapshot, uid, now_usec());
        add_entry(queue, kind, job, params);
        return job;
}

Job *queue_adopt(Queue *queue, const JobKind *kind, uint64_t id, uint64_t created, const char *uuid,
        const char *domain_name, const char *disk, const char *snapshot, uint32_t uid, void *params) {
        const Domain *domain = world_find_domain(queue->world, uuid);
        Job *job = job_new(id, kind->operation, uuid, domain_name, domain ? domain->path : "/", disk,
                snapshot, uid, created);

        job_log(job, "taken up again after a restart");
        add_entry(queue, kind, job, params);
        return job;
}

Job *queue_add_external(
        Queue *queue, const JobKind *kind, const Domain *domain, const char *disk, void *params) {
        g_autoptr(GError) error = NULL;
        uint64_t id;
        Entry *entry;
        Job *job;

        if (!next_id(queue, &id, &error)) {
                log_error("%s", error->message);
                kind->free(params);
                return NULL;
        }
        job = job_new(id, kind->operation, domain->record->uuid, domain->record->name, domain->path, disk,
                NULL, UINT32_MAX, now_usec());
        job->state = JOB_RUNNING;
        job->started = job->created;
        entry = add_entry(queue, kind, job, params);
        entry->stage = STAGE_WORKING;
        return job;
}

void queue_end_external(Queue *queue, Job *job, GError *error) {
        end_entry(queue_entry(queue, job->id), error);
}

/* ---- asked from outside ---- */

bool queue_cancel(Queue *queue, Job *job, GError **error) {
        Entry *entry = queue_entry(queue, job->id);

        if (!job->cancelable || entry->stage == STAGE_ENDED)
                return vs_fail(error, VS_ERR_NOT_CANCELABLE,
                        job_ended(job) ? "The job has ended."
                                       : "The job cannot be cancelled any more; it will end by itself.");
        if (entry->kind->cancel)
                return entry->kind->cancel(queue, job, entry->params, error);
        if (entry->stage == STAGE_WAITING) {
                GError *cancelled = NULL;

                vs_fail(&cancelled, VS_ERR_CANCELLED, "The job was cancelled before it began.");
                end_entry(entry, cancelled);
                return true;
        }
        if (entry->stage == STAGE_SETTLING)
                return vs_fail(error, VS_ERR_NOT_CANCELABLE, "The job has ended.");
        job_set_state(job, JOB_CANCELLING, now_usec());
        if (entry->run)
                job_run_cancel(entry->run);
        else
                entry->cancelled = true;
        return true;
}

bool queue_finish_job(Queue *queue, Job *job, GError **error) {
        Entry *entry = queue_entry(queue, job->id);

        if (job->state != JOB_READY || !entry->run)
                return vs_fail(error, VS_ERR_NOT_SUPPORTED,
                        "Only a commit of the active layer that is ready (and was begun with \"pivot\" "
                        "false) can be "
                        "finished.");
        job_run_finish(entry->run);
        return true;
}

bool queue_set_bandwidth(Queue *queue, Job *job, uint64_t bytes_per_second, GError **error) {
        Entry *entry = queue_entry(queue, job->id);

        if (job_ended(job))
                return vs_fail(error, VS_ERR_NOT_SUPPORTED, "The job has ended.");
        if (entry->kind->set_bandwidth)
                return entry->kind->set_bandwidth(queue, job, entry->params, bytes_per_second, error);
        return vs_fail(error, VS_ERR_NOT_SUPPORTED, "A job of this kind has no bandwidth.");
}

/* ---- what libvirt tells ---- */

void queue_connection_up(Queue *queue) {
        queue->open = true;
        for (GList *at = queue->entries.head; at; at = at->next) {
                Entry *entry = at->data;
                Domain *domain = domain_of(entry);

                if (entry->run)
                        job_run_set_handle(entry->run, connection_ref(queue->connection));
                if (domain && entry->stage != STAGE_ENDED)
                        domain_add_job(domain, entry->job->path);
        }
        wake(queue);
}

void queue_connection_down(Queue *queue) {
        queue->open = false;
        for (GList *at = queue->entries.head, *next; at; at = next) {
                Entry *entry = at->data;

                next = at->next;
                if (entry->run)
                        job_run_set_handle(entry->run, NULL);
                else if (entry_has_begun(entry) && !entry->kind->work) {
                        GError *error = NULL;

                        vs_fail(&error, VS_ERR_DISCONNECTED, "The connection to libvirt was lost.");
                        end_entry(entry, error);
                }
        }
}

bool queue_block_event(Queue *queue, const char *uuid, const char *disk, int status) {
        bool ours = false;

        for (GList *at = queue->entries.head; at; at = at->next) {
                Entry *entry = at->data;

                if (entry->run && strcmp(entry->job->domain_uuid, uuid) == 0 &&
                        strcmp(entry->job->disk, disk) == 0) {
                        job_run_block_event(entry->run, disk, status);
                        ours = true;
                }
        }
        return ours;
}

/* ---- the queue ---- */

Queue *queue_new(sd_event *event, Mailbox *mailbox, Pool *readers, World *world, Mirror *mirror,
        Connection *connection, Store *store, int state_fd, GError **error) {
        g_autoptr(Queue) queue = NULL;
        int records_fd = file_open_folder(state_fd, "jobs");

        if (records_fd < 0) {
                vs_fail(error, VS_ERR_LIBVIRT_FAILED,
                        "cannot open the folder \"jobs\" of the state directory: %s", strerror(-records_fd));
                return NULL;
        }
        queue = g_new0(Queue, 1);
        queue->event = sd_event_ref(event);
        queue->mailbox = mailbox;
        queue->readers = readers;
        queue->workers = pool_new(mailbox, "job", QUEUE_RUNNING_MAX);
        queue->world = world;
        queue->mirror = mirror;
        queue->connection = connection;
        queue->store = store;
        queue->records_fd = records_fd;
        queue->ids = job_ids_new(state_fd, records_fd);
        queue->reserved = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        queue->by_id = g_hash_table_new(g_int64_hash, g_int64_equal);
        g_queue_init(&queue->entries);
        if (sd_event_add_defer(event, &queue->pump, on_pump, queue) < 0 ||
                sd_event_source_set_enabled(queue->pump, SD_EVENT_OFF) < 0 ||
                sd_event_add_time(event, &queue->forget, CLOCK_MONOTONIC, 0, 0, on_forget, queue) < 0 ||
                sd_event_source_set_enabled(queue->forget, SD_EVENT_OFF) < 0) {
                vs_fail(error, VS_ERR_LIBVIRT_FAILED, "no timer can be had");
                return NULL;
        }
        return g_steal_pointer(&queue);
}

void queue_stop(Queue *queue) {
        for (GList *at = queue->entries.head; at; at = at->next)
                if (((Entry *) at->data)->run)
                        job_run_stop(((Entry *) at->data)->run);
        queue->workers = pool_free(queue->workers);
}

Queue *queue_free(Queue *queue) {
        if (!queue)
                return NULL;
        queue_stop(queue);
        while (!g_queue_is_empty(&queue->entries)) {
                Entry *entry = g_queue_pop_head(&queue->entries);

                job_run_free(entry->run);
                if (entry->kind->free)
                        entry->kind->free(entry->params);
                job_free(entry->job);
                g_free(entry);
        }
        g_hash_table_unref(queue->by_id);
        g_hash_table_unref(queue->reserved);
        job_ids_free(queue->ids);
        sd_event_source_disable_unref(queue->pump);
        sd_event_source_disable_unref(queue->forget);
        sd_event_unref(queue->event);
        close(queue->records_fd);
        g_free(queue);
        return NULL;
}

void queue_listen(Queue *queue, const QueueListener *listener, void *userdata) {
        queue->listener = listener;
        queue->userdata = userdata;
}
