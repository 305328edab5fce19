/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/bus/bus.h"
#include "daemon/bus/getters.h"
#include "daemon/bus/options.h"
#include "dbus/names.h"
#include "dbus/path.h"

/* org.virtsnap1.Job, at /org/virtsnap1/job/ID. */

/* Between two PropertiesChanged of a job. */
#define NEWS_USEC (250U * 1000U)

/* Callers that wait for one job. */
#define WAITERS_MAX 1024U

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* In the order of the bits of JobChange. */
static const char *const *const job_properties[] = {
        NAMES("Snapshot"),
        NAMES("State"),
        NAMES("Phase"),
        NAMES("Progress", "BytesDone", "BytesTotal", "Rate", "ExpectedEndTime"),
        NAMES("Bandwidth"),
        NAMES("StartTime"),
        NAMES("Cancelable"),
        NAMES("ErrorName", "ErrorMessage"),
        NAMES("Log"),
};

const AnnouncedType job_type = { VS_JOB_INTERFACE, job_properties, G_N_ELEMENTS(job_properties) };

/* A caller of Wait. */
typedef struct Waiter {
        Bus *bus;
        uint64_t id;
        sd_bus_message *message;
        sd_event_source *timer;
} Waiter;

/* What callers know of a job, and who waits for it. */
typedef struct JobNews {
        Bus *bus;
        Job *job;
        unsigned pending; /* changes not told yet */
        uint64_t told; /* when the last were told, µs of CLOCK_MONOTONIC */
        GPtrArray *waiters; /* of Waiter */
        bool over; /* JobRemoved is out */
} JobNews;

static JobNews *news_of(const Bus *bus, uint64_t id) {
        return g_hash_table_lookup(bus->job_changes, &id);
}

static const char *error_name(const Job *job) {
        return job->error ? vs_error_name(job->error) : "";
}

static const char *error_message(const Job *job) {
        return job->error ? job->error->message : "";
}

/* ---- waiting ---- */

static void waiter_free(void *data) {
        Waiter *waiter = data;

        sd_event_source_disable_unref(waiter->timer);
        sd_bus_message_unref(waiter->message);
        g_free(waiter);
}

static int reply_end(sd_bus_message *message, const Job *job) {
        return sd_bus_reply_method_return(
                message, "sss", job_state_to_string(job->state), error_name(job), error_message(job));
}

static int on_wait_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        Waiter *waiter = userdata;
        JobNews *news = news_of(waiter->bus, waiter->id);

        sd_bus_reply_method_errorf(waiter->message, VS_ERROR_TIMEOUT,
                "Job %" G_GUINT64_FORMAT " has not ended yet.", waiter->id);
        g_ptr_array_remove(news->waiters, waiter);
        return 0;
}

static int add_waiter(JobNews *news, sd_bus_message *message, uint64_t timeout, sd_bus_error *error) {
        Waiter *waiter;
        int r = 0;

        if (news->waiters->len >= WAITERS_MAX)
                return bus_failf(
                        error, VS_ERR_TOO_MANY, "%u callers wait for this job already.", WAITERS_MAX);
        waiter = g_new0(Waiter, 1);
        waiter->bus = news->bus;
        waiter->id = news->job->id;
        /* So long that the clock would overflow is for ever. */
        if (timeout > 0 && timeout < UINT64_MAX / 4)
                r = sd_event_add_time_relative(news->bus->event, &waiter->timer, CLOCK_MONOTONIC, timeout, 0,
                        on_wait_timeout, waiter);
        if (r < 0) {
                waiter_free(waiter);
                return r;
        }
        waiter->message = sd_bus_message_ref(message);
        g_ptr_array_add(news->waiters, waiter);
        return 1;
}

/* ---- news ---- */

static void news_free(void *data) {
        JobNews *news = data;

        g_ptr_array_unref(news->waiters);
        g_free(news);
}

static uint64_t now_usec(const Bus *bus) {
        uint64_t now = 0;

        sd_event_now(bus->event, CLOCK_MONOTONIC, &now);
        return now;
}

static void tell_changes(JobNews *news, uint64_t now) {
        announce_changed(news->bus->announcer, &job_type, news->job->path, news->pending);
        news->pending = 0;
        news->told = now;
}

/* Tell what may be told, and come again for the rest. */
static void tell_due(Bus *bus) {
        uint64_t now = now_usec(bus), next = UINT64_MAX;
        GHashTableIter iter;
        void *value;

        g_hash_table_iter_init(&iter, bus->job_changes);
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
                JobNews *news = value;

                if (!news->pending)
                        continue;
                if (news->told + NEWS_USEC <= now)
                        tell_changes(news, now);
                else
                        next = MIN(next, news->told + NEWS_USEC);
        }
        if (next == UINT64_MAX)
                return;
        sd_event_source_set_time(bus->job_news, next);
        sd_event_source_set_enabled(bus->job_news, SD_EVENT_ONESHOT);
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata) {
        tell_due(userdata);
        return 0;
}

static void on_job_new(Job *job, void *userdata) {
        Bus *bus = userdata;
        JobNews *news = g_new0(JobNews, 1);
        int r;

        news->bus = bus;
        news->job = job;
        news->told = now_usec(bus);
        news->waiters = g_ptr_array_new_with_free_func(waiter_free);
        g_hash_table_insert(bus->job_changes, &job->id, news);
        if (!bus->named)
                return;

        /* At once, for the method's reply comes next. */
        r = sd_bus_emit_object_added(bus->bus, job->path);
        if (r >= 0)
                r = sd_bus_emit_signal(bus->bus, VS_ROOT_PATH, VS_MANAGER_INTERFACE, "JobNew", "too",
                        job->id, job->path, job->domain_path);
        if (r < 0)
                log_warning("cannot tell of job %" G_GUINT64_FORMAT ": %s", job->id, strerror(-r));
}

static void on_job_changed(Job *job, unsigned changes, void *userdata) {
        Bus *bus = userdata;
        JobNews *news = news_of(bus, job->id);

        if (!news || !bus->named)
                return;
        news->pending |= changes;
        if (!job_ended(job))
                tell_due(bus);
}

typedef struct Ended {
        Bus *bus;
        uint64_t id;
} Ended;

static int emit_removed(Bus *bus, const Job *job) {
        sd_bus_message *signal = NULL;
        int r;

        r = sd_bus_message_new_signal(bus->bus, &signal, VS_ROOT_PATH, VS_MANAGER_INTERFACE, "JobRemoved");
        if (r >= 0)
                r = sd_bus_message_append(signal, "toos", job->id, job->path, job->domain_path,
                        job_state_to_string(job->state));
        if (r >= 0)
                r = sd_bus_message_open_container(signal, 'a', "{sv}");
        if (r >= 0 && job->error)
                r = sd_bus_message_append(signal, "{sv}{sv}", "error-name", "s", error_name(job),
                        "error-message", "s", error_message(job));
        if (r >= 0 && *job->snapshot)
                r = sd_bus_message_append(signal, "{sv}", "snapshot", "s", job->snapshot);
        if (r >= 0)
                r = sd_bus_message_close_container(signal);
        if (r >= 0)
                r = sd_bus_send(bus->bus, signal, NULL);
        sd_bus_message_unref(signal);
        return r;
}

/* Everything that the job has changed has been told by now. */
static void tell_end(void *userdata) {
        const Ended *ended = userdata;
        JobNews *news = news_of(ended->bus, ended->id);
        int r;

        if (!news)
                return;
        r = ended->bus->named ? emit_removed(ended->bus, news->job) : 0;
        if (r < 0)
                log_warning(
                        "cannot tell of the end of job %" G_GUINT64_FORMAT ": %s", ended->id, strerror(-r));
        news->over = true;
        for (unsigned i = 0; i < news->waiters->len; i++)
                reply_end(((Waiter *) news->waiters->pdata[i])->message, news->job);
        g_ptr_array_set_size(news->waiters, 0);
}

/* Right away, ahead of what the job has changed in the world. */
static void on_job_concluded(Job *job, void *userdata) {
        Bus *bus = userdata;
        JobNews *news = news_of(bus, job->id);

        if (bus->named)
                announce_now(bus->announcer, &job_type, job->path, news->pending);
        news->pending = 0;
}

static void on_job_ended(Job *job, void *userdata) {
        Bus *bus = userdata;
        Ended *ended = g_new(Ended, 1);

        *ended = (Ended){ bus, job->id };
        if (job->operation == JOB_REVERT && job->state == JOB_DONE)
                bus_domain_reverted(bus, job->domain_uuid);
        announce_then(bus->announcer, tell_end, ended);
}

static void on_job_gone(Job *job, void *userdata) {
        Bus *bus = userdata;
        Ended ended = { bus, job->id };

        /* With many jobs it can be forgotten before its turn to be told has come. */
        if (!news_of(bus, job->id)->over)
                tell_end(&ended);
        g_hash_table_remove(bus->job_changes, &job->id);
        if (bus->named)
                announce_removed(bus->announcer, &job_type, job->path);
}

const QueueListener bus_queue_listener = {
        .job_new = on_job_new,
        .job_changed = on_job_changed,
        .job_concluded = on_job_concluded,
        .job_ended = on_job_ended,
        .job_gone = on_job_gone,
        .counts_changed = bus_counts_changed,
};

/* ---- properties ---- */

GETTER(get_id, Job, job) {
        return sd_bus_message_append_basic(reply, 't', &job->id);
}

GETTER(get_operation, Job, job) {
        return sd_bus_message_append_basic(reply, 's', job_operation_to_string(job->operation));
}

GETTER(get_domain, Job, job) {
        return sd_bus_message_append_basic(reply, 'o', job->domain_path);
}

GETTER(get_disk, Job, job) {
        return sd_bus_message_append_basic(reply, 's', job->disk);
}

GETTER(get_started_by_uid, Job, job) {
        return sd_bus_message_append_basic(reply, 'u', &job->uid);
}

GETTER(get_created_time, Job, job) {
        return sd_bus_message_append_basic(reply, 't', &job->created);
}

GETTER(get_snapshot, Job, job) {
        return sd_bus_message_append_basic(reply, 's', job->snapshot);
}

GETTER(get_state, Job, job) {
        return sd_bus_message_append_basic(reply, 's', job_state_to_string(job->state));
}

GETTER(get_phase, Job, job) {
        return sd_bus_message_append_basic(reply, 's', job->phase);
}

GETTER(get_progress, Job, job) {
        return sd_bus_message_append_basic(reply, 'd', &job->progress);
}

GETTER(get_bytes_done, Job, job) {
        return sd_bus_message_append_basic(reply, 't', &job->bytes_done);
}

GETTER(get_bytes_total, Job, job) {
        return sd_bus_message_append_basic(reply, 't', &job->bytes_total);
}

GETTER(get_rate, Job, job) {
        return sd_bus_message_append_basic(reply, 't', &job->rate);
}

GETTER(get_bandwidth, Job, job) {
        return sd_bus_message_append_basic(reply, 't', &job->bandwidth);
}

GETTER(get_start_time, Job, job) {
        return sd_bus_message_append_basic(reply, 't', &job->started);
}

GETTER(get_expected_end_time, Job, job) {
        return sd_bus_message_append_basic(reply, 't', &job->expected_end);
}

GETTER(get_cancelable, Job, job) {
        const int cancelable = job->cancelable;

        return sd_bus_message_append_basic(reply, 'b', &cancelable);
}

GETTER(get_error_name, Job, job) {
        return sd_bus_message_append_basic(reply, 's', error_name(job));
}

GETTER(get_error_message, Job, job) {
        return sd_bus_message_append_basic(reply, 's', error_message(job));
}

GETTER(get_log, Job, job) {
        int r = sd_bus_message_open_container(reply, 'a', "s");

        for (unsigned i = 0; i < job->log->len && r >= 0; i++)
                r = sd_bus_message_append_basic(reply, 's', job->log->pdata[i]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* ---- methods ---- */

static int method_cancel(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Bus *bus = bus_of(message);
        GError *failure = NULL;
        int r;

        r = options_read(message, NULL, NULL, error);
        if (r < 0)
                return r;
        if (!queue_cancel(bus->queue, userdata, &failure))
                return bus_fail(error, failure);
        return sd_bus_reply_method_return(message, NULL);
}

static int method_set_bandwidth(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Bus *bus = bus_of(message);
        GError *failure = NULL;
        uint64_t rate;
        int r;

        r = sd_bus_message_read(message, "t", &rate);
        if (r < 0)
                return r;
        if (rate > INT64_MAX)
                return options_invalid(error, "The bandwidth is too large.");
        if (!queue_set_bandwidth(bus->queue, userdata, rate, &failure))
                return bus_fail(error, failure);
        return sd_bus_reply_method_return(message, NULL);
}

static int method_finish(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Bus *bus = bus_of(message);
        GError *failure = NULL;
        int r;

        r = options_read(message, NULL, NULL, error);
        if (r < 0)
                return r;
        if (!queue_finish_job(bus->queue, userdata, &failure))
                return bus_fail(error, failure);
        return sd_bus_reply_method_return(message, NULL);
}

static int method_wait(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Job *job = userdata;
        JobNews *news = news_of(bus_of(message), job->id);
        uint64_t timeout;
        int r;

        r = sd_bus_message_read(message, "t", &timeout);
        if (r < 0)
                return r;
        if (news->over)
                return reply_end(message, job);
        return add_waiter(news, message, timeout, error);
}

/* clang-format off */
static const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        CONSTANT("Id", "t", get_id),
        CONSTANT("Operation", "s", get_operation),
        CONSTANT("Domain", "o", get_domain),
        CONSTANT("Disk", "s", get_disk),
        CONSTANT("StartedByUID", "u", get_started_by_uid),
        CONSTANT("CreatedTime", "t", get_created_time),
        CHANGING("Snapshot", "s", get_snapshot),
        CHANGING("State", "s", get_state),
        CHANGING("Phase", "s", get_phase),
        CHANGING("Progress", "d", get_progress),
        CHANGING("BytesDone", "t", get_bytes_done),
        CHANGING("BytesTotal", "t", get_bytes_total),
        CHANGING("Rate", "t", get_rate),
        CHANGING("Bandwidth", "t", get_bandwidth),
        CHANGING("StartTime", "t", get_start_time),
        CHANGING("ExpectedEndTime", "t", get_expected_end_time),
        CHANGING("Cancelable", "b", get_cancelable),
        CHANGING("ErrorName", "s", get_error_name),
        CHANGING("ErrorMessage", "s", get_error_message),
        CHANGING("Log", "as", get_log),
        SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, method_cancel,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetBandwidth", SD_BUS_ARGS("t", bytes_per_second), SD_BUS_NO_RESULT,
                method_set_bandwidth, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Finish", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, method_finish,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Wait", SD_BUS_ARGS("t", timeout_usec),
                SD_BUS_RESULT("s", result, "s", error_name, "s", error_message), method_wait,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};
/* clang-format on */

static int find_job(sd_bus *sd, const char *path, const char *interface, void *userdata, void **ret_found,
        sd_bus_error *error) {
        const Bus *bus = userdata;
        uint64_t id;
        int r = vs_job_path_decode(path, &id);

        if (r <= 0)
                return r;
        *ret_found = queue_find(bus->queue, id);
        return *ret_found ? 1 : 0;
}

int bus_add_jobs(Bus *bus) {
        int r;

        bus->job_changes = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, news_free);
        r = sd_event_add_time(bus->event, &bus->job_news, CLOCK_MONOTONIC, 0, 0, on_due, bus);
        if (r >= 0)
                r = sd_event_source_set_enabled(bus->job_news, SD_EVENT_OFF);
        if (r < 0)
                return r;
        return sd_bus_add_fallback_vtable(
                bus->bus, NULL, VS_JOB_PREFIX, VS_JOB_INTERFACE, job_vtable, find_job, bus);
}

void bus_jobs_free(Bus *bus) {
        sd_event_source_disable_unref(bus->job_news);
        g_clear_pointer(&bus->job_changes, g_hash_table_unref);
}
