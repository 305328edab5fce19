/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/job.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "client/bar.h"
#include "client/format.h"
#include "client/report.h"
#include "client/say.h"
#include "client/text.h"
#include "dbus/names.h"
#include "dbus/path.h"

/* How long a daemon that has gone is waited for. */
#define RESTART_TIMEOUT_USEC (30 * USEC_PER_SEC)

typedef enum Outcome {
        OUTCOME_NONE, /* not yet */
        OUTCOME_REFUSED, /* the call that should have made the job failed */
        OUTCOME_ENDED, /* end says how */
        OUTCOME_HELD,
        OUTCOME_INTERRUPTED,
        OUTCOME_LOST, /* the error in end says why */
} Outcome;

struct Job {
        Client *client;
        const JobText *text;
        sd_event *event;
        sd_event_source *interrupt, *restart;
        sd_bus_slot *removed, *changed, *owner; /* signals */
        sd_bus_slot *call; /* the one call under way */
        sigset_t signals; /* as they were */

        Json *properties;
        bool bar_drawn;

        Outcome outcome;
        sd_bus_error refusal;
        int refusal_errno;
        JobEnd end; /* its id and path as soon as they are known */
};

static void job_read_again(Job *job);

static void bar_clear(Job *job) {
        if (job->bar_drawn)
                fputs("\r\033[K", stderr);
        job->bar_drawn = false;
}

static unsigned terminal_columns(void) {
        struct winsize size;

        return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void bar_draw(Job *job) {
        uint64_t end = json_uint(job->properties, "expected_end_time"), now = now_usec();
        const char *state = json_str(job->properties, "state"), *phase = json_str(job->properties, "phase");
        g_autofree char *escaped = text_escape(*phase ? phase : state);
        const Bar bar = {
                .label = job->text->label,
                .phase = escaped,
                .progress = json_num(job->properties, "progress"),
                .bytes_done = json_uint(job->properties, "bytes_done"),
                .bytes_total = json_uint(job->properties, "bytes_total"),
                .rate = json_uint(job->properties, "rate"),
                .left_usec = end > now ? end - now : 0,
        };

        if (!job->client->bar || job->client->no_wait)
                return;
        /* The last column stays free: some terminals go to the next line once it is written. */
        g_autofree char *line = bar_format(&bar, terminal_columns() - 1, job->client->utf8);
        fprintf(stderr, "\r%s\033[K", line);
        job->bar_drawn = true;
}

static void job_end(Job *job, const char *result, const char *error_name, const char *error_message) {
        g_free(job->end.result);
        g_free(job->end.error_name);
        g_free(job->end.error_message);
        job->end.result = g_strdup(result);
        job->end.error_name = g_strdup(error_name ? error_name : "");
        job->end.error_message = g_strdup(error_message ? error_message : "");
        job->outcome = OUTCOME_ENDED;
}

static void job_lose(Job *job, const char *error_name, const char *error_message) {
        job_end(job, "lost", error_name, error_message);
        job->outcome = OUTCOME_LOST;
}

/* Take what changed, and draw it. */
static void job_merge(Job *job, Json *changed) {
        json_object_object_foreach(changed, key, value)
                json_object_object_add(job->properties, key, json_object_get(value));
        if (job->text->hold && g_str_equal(json_str(job->properties, "state"), "ready"))
                job->outcome = OUTCOME_HELD;
        bar_draw(job);
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Job *job = userdata;
        const char *interface;
        g_autoptr(Json) changed = NULL;

        if (!job->end.path || g_strcmp0(sd_bus_message_get_path(m), job->end.path) != 0)
                return 0;
        if (sd_bus_message_read(m, "s", &interface) > 0 && g_str_equal(interface, VS_JOB_INTERFACE) &&
                json_from_message(m, &changed) >= 0)
                job_merge(job, changed);
        return 0;
}

static int on_removed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Job *job = userdata;
        const char *path, *domain, *result;
        g_autoptr(Json) details = NULL;
        uint64_t id;

        if (sd_bus_message_read(m, "toos", &id, &path, &domain, &result) <= 0 || id != job->end.id ||
                json_from_message(m, &details) < 0)
                return 0;
        if (*json_str(details, "snapshot"))
                json_set_str(job->properties, "snapshot", json_str(details, "snapshot"));
        job_end(job, result, json_str(details, "error_name"), json_str(details, "error_message"));
        return 0;
}

/* The answer of Wait. */
static int on_waited(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Job *job = userdata;
        const char *result, *error_name, *error_message;

        if (sd_bus_message_is_method_error(m, NULL))
                job_lose(job, sd_bus_message_get_error(m)->name, sd_bus_message_get_error(m)->message);
        else if (sd_bus_message_read(m, "sss", &result, &error_name, &error_message) > 0)
                job_end(job, result, error_name, error_message);
        return 0;
}

static bool has_ended(Json *properties) {
        static const char *const ends[] = { "done", "failed", "cancelled" };

        for (size_t i = 0; i < G_N_ELEMENTS(ends); i++)
                if (g_str_equal(json_str(properties, "state"), ends[i]))
                        return true;
        return false;
}

/* Where its end was missed, JobRemoved does not come any more: Wait knows what it said, and when. */
static void job_ask_for_end(Job *job) {
        g_autoptr(sd_bus_message) m = NULL;

        if (bus_method(job->client, job->end.path, VS_JOB_INTERFACE, "Wait", &m) < 0 ||
                sd_bus_message_append(m, "t", UINT64_C(0)) < 0)
                return;
        sd_bus_slot_unref(job->call);
        job->call = NULL;
        (void) sd_bus_call_async(job->client->bus, &job->call, m, on_waited, job, UINT64_MAX);
}

static int on_properties(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Job *job = userdata;
        g_autoptr(Json) properties = NULL;

        if (sd_bus_message_is_method_error(m, NULL)) {
                const sd_bus_error *e = sd_bus_message_get_error(m);

                /* A daemon that leaves again is still being waited for. */
                if (!sd_bus_error_has_name(e, SD_BUS_ERROR_NO_REPLY) &&
                        !sd_bus_error_has_name(e, SD_BUS_ERROR_SERVICE_UNKNOWN))
                        job_lose(job, e->name, e->message);
                return 0;
        }
        if (json_from_message(m, &properties) < 0)
                return 0;
        job_merge(job, properties);
        if (has_ended(job->properties))
                job_ask_for_end(job);
        return 0;
}

static void job_read_again(Job *job) {
        sd_bus_slot_unref(job->call);
        job->call = NULL;
        (void) sd_bus_call_method_async(job->client->bus, &job->call, VS_BUS_NAME, job->end.path,
                "org.freedesktop.DBus.Properties", "GetAll", on_properties, job, "s", VS_JOB_INTERFACE);
}

static int on_not_restarted(sd_event_source *source, uint64_t usec, void *userdata) {
        job_lose(userdata, "",
                "virtsnapd has gone and does not come back; what was begun may go on without it");
        return 0;
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Job *job = userdata;
        const char *name, *old_owner, *new_owner;

        if (!job->end.path || sd_bus_message_read(m, "sss", &name, &old_owner, &new_owner) <= 0)
                return 0;
        job->restart = sd_event_source_disable_unref(job->restart);
        if (*new_owner) {
                job_read_again(job);
                return 0;
        }
        bar_clear(job);
        say("virtsnapd has gone; waiting for it to come back.");
        (void) sd_event_add_time_relative(
                job->event, &job->restart, CLOCK_MONOTONIC, RESTART_TIMEOUT_USEC, 0, on_not_restarted, job);
        return 0;
}

static int on_interrupt(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Job *job = userdata;

        job->outcome = OUTCOME_INTERRUPTED;
        return 0;
}

static int job_subscribe(Job *job) {
        sd_bus *bus = job->client->bus;
        int r;

        /* Before the call that makes the job: nothing of it can be missed. */
        r = sd_bus_match_signal(bus, &job->removed, VS_BUS_NAME, VS_ROOT_PATH, VS_MANAGER_INTERFACE,
                "JobRemoved", on_removed, job);
        if (r >= 0)
                r = sd_bus_add_match(bus, &job->changed,
                        "type='signal',sender='" VS_BUS_NAME "',path_namespace='" VS_JOB_PREFIX
                        "',interface='org.freedesktop.DBus.Properties',member='PropertiesChanged'",
                        on_changed, job);
        if (r >= 0)
                r = sd_bus_add_match(bus, &job->owner,
                        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" VS_BUS_NAME "'",
                        on_owner, job);
        return r;
}

int job_new(Client *client, const JobText *text, Job **ret) {
        g_autoptr(Job) job = g_new0(Job, 1);
        sigset_t interrupt;
        int r;

        job->client = client;
        job->text = text;
        job->properties = json_object_new_object();
        sigemptyset(&interrupt);
        sigaddset(&interrupt, SIGINT);
        sigprocmask(SIG_BLOCK, &interrupt, &job->signals);

        r = sd_event_default(&job->event);
        if (r >= 0)
                r = sd_event_add_signal(job->event, &job->interrupt, SIGINT, on_interrupt, job);
        if (r >= 0)
                r = sd_bus_attach_event(client->bus, job->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = job_subscribe(job);
        if (r < 0)
                return r;
        *ret = g_steal_pointer(&job);
        return 0;
}

Job *job_free(Job *job) {
        if (!job)
                return NULL;
        bar_clear(job);
        sd_bus_slot_unref(job->call);
        sd_bus_slot_unref(job->removed);
        sd_bus_slot_unref(job->changed);
        sd_bus_slot_unref(job->owner);
        sd_bus_detach_event(job->client->bus);
        sd_event_source_disable_unref(job->interrupt);
        sd_event_source_disable_unref(job->restart);
        sd_event_unref(job->event);
        sigprocmask(SIG_SETMASK, &job->signals, NULL);
        sd_bus_error_free(&job->refusal);
        json_object_put(job->properties);
        g_free(job->end.path);
        g_free(job->end.result);
        g_free(job->end.error_name);
        g_free(job->end.error_message);
        g_free(job);
        return NULL;
}

static int on_started(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Job *job = userdata;
        const char *path;
        int r;

        if (sd_bus_message_is_method_error(m, NULL)) {
                job->refusal_errno = -sd_bus_message_get_errno(m);
                sd_bus_error_copy(&job->refusal, sd_bus_message_get_error(m));
                job->outcome = OUTCOME_REFUSED;
                return 0;
        }
        r = sd_bus_message_read(m, "to", &job->end.id, &path);
        if (r < 0) {
                job->refusal_errno = r;
                job->outcome = OUTCOME_REFUSED;
        } else
                job->end.path = g_strdup(path);
        return 0;
}

/* Let things happen until there is an outcome, or (if a place for it is given) a path. */
static void job_loop(Job *job, char *const *path) {
        while (job->outcome == OUTCOME_NONE && !(path && *path)) {
                int r = sd_event_run(job->event, UINT64_MAX);

                if (r < 0 && job->outcome == OUTCOME_NONE)
                        job_lose(job, SD_BUS_ERROR_DISCONNECTED,
                                "the connection to the bus is lost; the job may go on");
        }
}

int job_start(Job *job, sd_bus_message *m, sd_bus_error *error) {
        int r = sd_bus_call_async(job->client->bus, &job->call, m, on_started, job, 0);

        if (r < 0)
                return r;
        job_loop(job, &job->end.path);
        if (job->outcome != OUTCOME_REFUSED)
                return 0;
        job->outcome = OUTCOME_NONE;
        sd_bus_error_move(error, &job->refusal);
        return job->refusal_errno;
}

void job_attach(Job *job, uint64_t id, const char *path) {
        job->end.id = id;
        job->end.path = g_strdup(path);
}

int job_follow(Job *job) {
        const JobEnd *end = &job->end;

        if (job->outcome == OUTCOME_NONE && job->client->no_wait)
                return report_left(job->client, end, "is under way. To follow it", "wait");
        if (job->outcome == OUTCOME_NONE)
                job_read_again(job);
        job_loop(job, NULL);
        bar_clear(job);
        switch (job->outcome) {
        case OUTCOME_INTERRUPTED:
                return report_interrupted(job->client, end);
        case OUTCOME_HELD:
                return report_left(job->client, end, "is ready and waits. To end it", "finish");
        case OUTCOME_ENDED:
                if (job->text->left_to_caller && g_str_equal(end->error_name, job->text->left_to_caller))
                        return STATUS_LEFT_TO_CALLER;
                return report_end(job->client, end, job->text, job_snapshot(job));
        default:
                return fail_named(end->error_name, end->error_message, job->text->what);
        }
}

int job_run(Client *client, sd_bus_message *m, const JobText *text) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autoptr(Job) job = NULL;
        int r = job_new(client, text, &job);

        if (r >= 0)
                r = job_start(job, m, &error);
        return r < 0 ? fail_bus(&error, r, text->what) : job_follow(job);
}

const char *job_snapshot(const Job *job) {
        return json_str(job->properties, "snapshot");
}

const char *job_error_message(const Job *job) {
        return job->end.error_message ? job->end.error_message : "";
}
