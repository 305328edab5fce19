/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/service.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "daemon/base/error.h"
#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/bus/bus.h"
#include "daemon/jobs/external.h"
#include "daemon/jobs/recovery.h"

/* Threads that read from libvirt. */
#define READERS 4U

/* The lock on the state directory: how long to wait for it, and how often to look. */
#define LOCK_WAIT_USEC (5U * 1000U * 1000U)
#define LOCK_LOOK_USEC (50U * 1000U)

/* While leaving: how often to look whether what came last is done. */
#define LEAVING_USEC (20U * 1000U)

/* What happens comes after what callers ask. */
#define PRIORITY_LETTERS (SD_EVENT_PRIORITY_NORMAL + 10)

struct Service {
        sd_event *event;
        int state_fd;
        Mailbox *mailbox;
        Pool *readers;
        World *world;
        Connection *connection;
        Mirror *mirror;
        Store *store;
        Queue *queue;
        External *external;
        Bus *bus;
        bool recovered, leaving;
        uint64_t idle_usec;
        sd_event_source *idle;
};

/* ---- leaving when idle ---- */

static bool is_busy(const Service *service) {
        return bus_is_busy(service->bus) || queue_n_waiting(service->queue) > 0 ||
                queue_n_running(service->queue) > 0;
}

static void look_later(Service *service, uint64_t usec) {
        if (sd_event_source_set_time_relative(service->idle, usec) < 0 ||
                sd_event_source_set_enabled(service->idle, SD_EVENT_ONESHOT) < 0)
                log_error("cannot wait until idle");
}

/* The name is given back.  What came in before was served; a job that it began is seen to its end. */
static void on_gone(void *userdata) {
        Service *service = userdata;

        service->leaving = true;
        look_later(service, 0);
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata) {
        Service *service = userdata;
        uint64_t now = 0, idle_from;
        int r;

        if (service->leaving) {
                if (!is_busy(service))
                        return sd_event_exit(service->event, 0);
                look_later(service, LEAVING_USEC);
                return 0;
        }
        sd_event_now(service->event, CLOCK_MONOTONIC, &now);
        idle_from = bus_last_call(service->bus) + service->idle_usec;
        if (is_busy(service) || idle_from > now) {
                look_later(service, idle_from > now ? idle_from - now : service->idle_usec);
                return 0;
        }
        log_info("idle, leaving");
        sd_notify(0, "STOPPING=1");
        r = bus_leave(service->bus, on_gone, service);
        return r < 0 ? r : 0;
}

static void leave_when_idle(Service *service) {
        int r;

        if (service->idle_usec == 0 || service->idle)
                return;
        r = sd_event_add_time_relative(
                service->event, &service->idle, CLOCK_MONOTONIC, service->idle_usec, 0, on_idle, service);
        if (r < 0)
                log_error("cannot wait until idle: %s", strerror(-r));
}

/* ---- the connection comes and goes ---- */

/* The world is filled, or there is nothing to fill it with: callers may come. */
static void open_doors(Service *service) {
        g_autoptr(GError) error = NULL;

        if (service->bus->named)
                return;
        if (!bus_take_name(service->bus, &error)) {
                log_error("%s", error->message);
                sd_event_exit(service->event, 1);
                return;
        }
        sd_notify(0, "READY=1");
        leave_when_idle(service);
}

static void on_filled(void *userdata) {
        Service *service = userdata;

        if (!connection_is_up(service->connection))
                return;
        queue_connection_up(service->queue);
        if (!service->recovered)
                recover_jobs(service->queue);
        service->recovered = true;
        external_look_everywhere(service->external);
        open_doors(service);
}

static void on_up(void *userdata) {
        Service *service = userdata;

        bus_connection_changed(service->bus);
        mirror_start(service->mirror, on_filled, service);
}

static void on_down(void *userdata) {
        Service *service = userdata;

        queue_connection_down(service->queue);
        mirror_stop(service->mirror);
        bus_connection_changed(service->bus);
        open_doors(service);
}

static void on_absent(void *userdata) {
        open_doors(userdata);
}

/* ---- what libvirt tells ---- */

typedef struct Reverted {
        Service *service;
        char *uuid;
} Reverted;

static void on_reverted_read(void *userdata) {
        Reverted *reverted = userdata;

        bus_domain_reverted(reverted->service->bus, reverted->uuid);
        g_free(reverted->uuid);
        g_free(reverted);
}

static void on_event(const ConnectionEvent *event, void *userdata) {
        Service *service = userdata;
        Reverted *reverted;

        switch (event->kind) {
        case CONNECTION_DOMAIN_CHANGED:
                mirror_touch(service->mirror, event->uuid, NULL, MIRROR_TOUCH_DOMAIN);
                break;
        case CONNECTION_DOMAIN_REVERTED:
                /* Our own jobs tell of it themselves. */
                if (queue_reverts(service->queue, event->uuid)) {
                        mirror_touch(service->mirror, event->uuid, NULL, MIRROR_TOUCH_DOMAIN);
                        break;
                }
                reverted = g_new(Reverted, 1);
                *reverted = (Reverted){ service, g_strdup(event->uuid) };
                mirror_read(service->mirror, event->uuid, MIRROR_TOUCH_DOMAIN, on_reverted_read, reverted);
                break;
        case CONNECTION_BLOCK_JOB:
                if (!queue_block_event(service->queue, event->uuid, event->disk, event->status))
                        external_block_event(service->external, event->uuid, event->disk, event->status);
                mirror_touch(service->mirror, event->uuid, NULL, MIRROR_TOUCH_DOMAIN);
                break;
        }
}

static void on_status(Domain *domain, void *userdata) {
        Service *service = userdata;

        external_look(service->external, domain);
}

static const ConnectionListener connection_listener = { on_up, on_down, on_absent, on_event };
static const MirrorListener mirror_listener = { on_status };

/* ---- the state directory ---- */

static char *state_path(const ServiceOptions *options) {
        const char *from_systemd = g_getenv("STATE_DIRECTORY");

        if (options->state)
                return g_strdup(options->state);
        if (from_systemd && *from_systemd)
                return g_strdup(from_systemd);
        return options->user ? g_build_filename(g_get_user_state_dir(), "virtsnap", NULL)
                             : g_strdup("/var/lib/virtsnap");
}

/* Open and lock it: two daemons with one set of records would each take up the other's jobs. */
static bool open_state(Service *service, const ServiceOptions *options, GError **error) {
        g_autofree char *path = state_path(options);

        if (g_mkdir_with_parents(path, 0700) < 0)
                return vs_fail(error, VS_ERR_LIBVIRT_FAILED, "cannot make the state directory %s: %s", path,
                        strerror(errno));
        service->state_fd = file_open_folder(AT_FDCWD, path);
        if (service->state_fd < 0)
                return vs_fail(error, VS_ERR_LIBVIRT_FAILED, "cannot open the state directory %s: %s", path,
                        strerror(-service->state_fd));
        /* A predecessor that is leaving holds it for a moment more. */
        for (unsigned n = 0; flock(service->state_fd, LOCK_EX | LOCK_NB) < 0; n++) {
                if (n * LOCK_LOOK_USEC >= LOCK_WAIT_USEC)
                        return vs_fail(error, VS_ERR_LIBVIRT_FAILED,
                                "another virtsnapd uses the state directory %s", path);
                usleep(LOCK_LOOK_USEC);
        }
        return true;
}

/* ---- the whole ---- */

static bool build(Service *service, const ServiceOptions *options, GError **error) {
        const char *uri = options->uri ? options->uri : options->user ? "qemu:///session" : "qemu:///system";

        if (!open_state(service, options, error))
                return false;
        if (mailbox_new(service->event, PRIORITY_LETTERS, &service->mailbox) < 0)
                return vs_fail(error, VS_ERR_LIBVIRT_FAILED, "no eventfd can be had");
        service->readers = pool_new(service->mailbox, "reader", READERS);
        service->world = world_new();
        service->connection = connection_new(
                service->event, service->mailbox, service->readers, uri, &connection_listener, service);
        service->mirror = mirror_new(service->event, service->readers, service->world, service->connection,
                &mirror_listener, service);
        service->store = store_new(service->state_fd, error);
        if (!service->store)
                return false;
        service->queue = queue_new(service->event, service->mailbox, service->readers, service->world,
                service->mirror, service->connection, service->store, service->state_fd, error);
        if (!service->queue)
                return false;
        service->external = external_new(
                service->event, service->queue, !g_str_has_prefix(uri, "test:"), service->mirror);
        service->bus = bus_new(service->event, options->user, service->world, service->mirror,
                service->connection, service->queue, service->readers, error);
        return service->bus && connection_open(service->connection) >= 0;
}

Service *service_new(sd_event *event, const ServiceOptions *options, GError **error) {
        g_autoptr(Service) service = g_new0(Service, 1);

        service->event = sd_event_ref(event);
        service->state_fd = -1;
        service->idle_usec = options->idle_usec;
        if (!connection_start_events(error)) {
                sd_event_unref(service->event);
                g_free(g_steal_pointer(&service));
                return NULL;
        }
        return build(service, options, error) ? g_steal_pointer(&service) : NULL;
}

Service *service_free(Service *service) {
        if (!service)
                return NULL;
        sd_event_source_disable_unref(service->idle);
        if (service->queue)
                queue_stop(service->queue);
        connection_stop_events();
        external_free(service->external);
        connection_free(service->connection);
        mirror_free(service->mirror);
        pool_free(service->readers);
        world_free(service->world);
        bus_free(service->bus);
        store_free(service->store);
        mailbox_free(service->mailbox);
        queue_free(service->queue);
        if (service->state_fd >= 0)
                close(service->state_fd);
        sd_event_unref(service->event);
        g_free(service);
        return NULL;
}
