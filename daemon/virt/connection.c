/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/virt/connection.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/error.h"
#include "daemon/base/log.h"
#include "daemon/virt/virt-error.h"

/* Between attempts: at first short, as for a libvirtd that is being restarted, then no burden. */
#define RETRY_MIN_USEC (200U * 1000U)
#define RETRY_MAX_USEC (5U * 1000U * 1000U)

#define KEEPALIVE_SECONDS 5

#define N_EVENTS 7

struct Connection {
        sd_event *event;
        Mailbox *mailbox;
        Pool *pool;
        char *uri;
        const ConnectionListener *listener;
        void *userdata;

        virConnectPtr handle;
        int callbacks[N_EVENTS];
        struct Registration *closed;
        unsigned generation;
        ConnectionInfo info;
        char *problem;
        bool opening, told_absent;
        uint64_t retry_usec;
        sd_event_source *retry;
};

/* ---- libvirt's thread ---- */

static pthread_t event_thread;
static atomic_bool event_thread_stops;

static void *run_events(void *unused) {
        while (!atomic_load(&event_thread_stops))
                if (virEventRunDefaultImpl() < 0)
                        log_warning("libvirt's event loop: %s", virGetLastErrorMessage());
        return NULL;
}

bool connection_start_events(GError **error) {
        virt_error_init();
        if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
                return virt_fail(error, "cannot start libvirt's event loop");
        if (pthread_create(&event_thread, NULL, run_events, NULL) != 0)
                return vs_fail(error, VS_ERR_LIBVIRT_FAILED, "cannot start a thread for libvirt's events");
        pthread_setname_np(event_thread, "libvirt-events");
        return true;
}

static void wake_up(int timer, void *unused) {
}

void connection_stop_events(void) {
        atomic_store(&event_thread_stops, true);
        virEventAddTimeout(0, wake_up, NULL, NULL);
        pthread_join(event_thread, NULL);
}

typedef struct EventLetter {
        Letter letter;
        Connection *connection;
        unsigned generation;
        bool closed;
        ConnectionEvent event;
} EventLetter;

/* What a callback of libvirt gets: constant for as long as it is registered, then freed by libvirt, but for
 * that of the close callback. */
typedef struct Registration {
        Connection *connection;
        Mailbox *mailbox;
        unsigned generation;
} Registration;

static void lost(Connection *connection);

static void discard_event(Letter *letter) {
        g_free(letter);
}

static void open_event(Letter *letter) {
        g_autofree EventLetter *event = (EventLetter *) letter;
        Connection *connection = event->connection;

        if (!connection->handle || event->generation != connection->generation)
                return;
        if (event->closed)
                lost(connection);
        else
                connection->listener->event(&event->event, connection->userdata);
}

static EventLetter *event_letter_new(const Registration *registration) {
        EventLetter *letter = g_new0(EventLetter, 1);

        letter->letter = (Letter){ .open = open_event, .discard = discard_event };
        letter->connection = registration->connection;
        letter->generation = registration->generation;
        return letter;
}

static void post_event(const Registration *registration, virDomainPtr domain, ConnectionEventKind kind) {
        EventLetter *letter = event_letter_new(registration);

        letter->event.kind = kind;
        virDomainGetUUIDString(domain, letter->event.uuid);
        mailbox_post(registration->mailbox, &letter->letter);
}

static bool is_from_snapshot(int event, int detail) {
        return (event == VIR_DOMAIN_EVENT_STARTED && detail == VIR_DOMAIN_EVENT_STARTED_FROM_SNAPSHOT) ||
                (event == VIR_DOMAIN_EVENT_SUSPENDED &&
                        detail == VIR_DOMAIN_EVENT_SUSPENDED_FROM_SNAPSHOT) ||
                (event == VIR_DOMAIN_EVENT_RESUMED && detail == VIR_DOMAIN_EVENT_RESUMED_FROM_SNAPSHOT) ||
                (event == VIR_DOMAIN_EVENT_STOPPED && detail == VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT) ||
                (event == VIR_DOMAIN_EVENT_DEFINED && detail == VIR_DOMAIN_EVENT_DEFINED_FROM_SNAPSHOT);
}

static int on_lifecycle(virConnectPtr handle, virDomainPtr domain, int event, int detail, void *userdata) {
        post_event(userdata, domain,
                is_from_snapshot(event, detail) ? CONNECTION_DOMAIN_REVERTED : CONNECTION_DOMAIN_CHANGED);
        return 0;
}

static void on_block_job(
        virConnectPtr handle, virDomainPtr domain, const char *disk, int type, int status, void *userdata) {
        const Registration *registration = userdata;
        EventLetter *letter = event_letter_new(registration);

        letter->event.kind = CONNECTION_BLOCK_JOB;
        virDomainGetUUIDString(domain, letter->event.uuid);
        g_strlcpy(letter->event.disk, disk, sizeof letter->event.disk);
        letter->event.type = type;
        letter->event.status = status;
        mailbox_post(registration->mailbox, &letter->letter);
}

static void on_agent(virConnectPtr handle, virDomainPtr domain, int state, int reason, void *userdata) {
        post_event(userdata, domain, CONNECTION_DOMAIN_CHANGED);
}

static void on_metadata(
        virConnectPtr handle, virDomainPtr domain, int type, const char *ns_uri, void *userdata) {
        post_event(userdata, domain, CONNECTION_DOMAIN_CHANGED);
}

static void on_device(virConnectPtr handle, virDomainPtr domain, const char *alias, void *userdata) {
        post_event(userdata, domain, CONNECTION_DOMAIN_CHANGED);
}

static void on_disk_change(virConnectPtr handle, virDomainPtr domain, const char *old_source,
        const char *new_source, const char *alias, int reason, void *userdata) {
        post_event(userdata, domain, CONNECTION_DOMAIN_CHANGED);
}

static void on_close(virConnectPtr handle, int reason, void *userdata) {
        const Registration *registration = userdata;
        EventLetter *letter = event_letter_new(registration);

        letter->closed = true;
        mailbox_post(registration->mailbox, &letter->letter);
}

/* ---- opening, on a worker ---- */

typedef struct OpenTask {
        Task task;
        Connection *connection;
        char *uri;
        unsigned generation;

        virConnectPtr handle;
        int callbacks[N_EVENTS];
        Registration *closed;
        ConnectionInfo info;
        GError *error;
} OpenTask;

static void info_clear(ConnectionInfo *info) {
        g_clear_pointer(&info->uri, g_free);
        g_clear_pointer(&info->libvirt_version, g_free);
        g_clear_pointer(&info->hypervisor_version, g_free);
}

static char *version_string(unsigned long version) {
        return g_strdup_printf("%lu.%lu.%lu", version / 1000000, version / 1000 % 1000, version % 1000);
}

static Registration *registration_new(const OpenTask *open) {
        Registration *registration = g_new(Registration, 1);

        *registration = (Registration){ open->connection, open->connection->mailbox, open->generation };
        return registration;
}

/* Drivers differ in what they can tell; what one lacks, reading again makes up for. */
static void register_callbacks(OpenTask *open) {
        static const struct {
                int id;
                virConnectDomainEventGenericCallback callback;
        } events[N_EVENTS] = {
                { VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle) },
                { VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2, VIR_DOMAIN_EVENT_CALLBACK(on_block_job) },
                { VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_agent) },
                { VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_metadata) },
                { VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(on_device) },
                { VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(on_device) },
                { VIR_DOMAIN_EVENT_ID_DISK_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_disk_change) },
        };

        for (size_t i = 0; i < N_EVENTS; i++) {
                Registration *registration;

                registration = registration_new(open);
                open->callbacks[i] = virConnectDomainEventRegisterAny(
                        open->handle, NULL, events[i].id, events[i].callback, registration, g_free);
                if (open->callbacks[i] < 0)
                        g_free(registration);
        }
}

static bool is_remote(const char *uri) {
        g_autoptr(GUri) parsed = g_uri_parse(uri, G_URI_FLAGS_NON_DNS, NULL);

        return parsed && g_uri_get_host(parsed) && *g_uri_get_host(parsed);
}

static void work_open(Task *task) {
        OpenTask *open = (OpenTask *) task;
        unsigned long version = 0;
        g_autofree char *hypervisor = NULL;
        char *uri;

        open->handle = virConnectOpen(open->uri);
        if (!open->handle) {
                virt_fail(&open->error, NULL);
                return;
        }
        /* Only remote drivers have one; a local libvirtd is remote in this sense.  The others take the call
         * and forget it, and would never free what they were given: it stays ours. */
        open->closed = registration_new(open);
        virConnectRegisterCloseCallback(open->handle, on_close, open->closed, NULL);
        /* A local libvirtd that dies closes its socket; asking it again and again would only wake us both.
         */
        if (is_remote(open->uri))
                virConnectSetKeepAlive(open->handle, KEEPALIVE_SECONDS, 5);
        register_callbacks(open);

        uri = virConnectGetURI(open->handle);
        open->info.uri = g_strdup(uri ? uri : open->uri);
        free(uri);
        virConnectGetLibVersion(open->handle, &version);
        open->info.libvirt_version = version_string(version);
        version = 0;
        virConnectGetVersion(open->handle, &version);
        hypervisor = version_string(version);
        open->info.hypervisor_version =
                g_strdup_printf("%s %s", virConnectGetType(open->handle), hypervisor);
}

static void drop_open(Task *task) {
        OpenTask *open = (OpenTask *) task;

        if (open->handle) {
                virConnectUnregisterCloseCallback(open->handle, on_close);
                virConnectClose(open->handle);
        }
        g_free(open->closed);
        info_clear(&open->info);
        g_clear_error(&open->error);
        g_free(open->uri);
        g_free(open);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        return connection_open(userdata);
}

static void retry_later(Connection *connection) {
        int r;

        if (connection->retry) {
                r = sd_event_source_set_time_relative(connection->retry, connection->retry_usec);
                if (r >= 0)
                        r = sd_event_source_set_enabled(connection->retry, SD_EVENT_ONESHOT);
        } else
                r = sd_event_add_time_relative(connection->event, &connection->retry, CLOCK_MONOTONIC,
                        connection->retry_usec, 0, on_retry, connection);
        if (r < 0)
                log_error("cannot wait for libvirt: %s", strerror(-r));
        connection->retry_usec = MIN(connection->retry_usec * 2, RETRY_MAX_USEC);
}

static void open_failed(Connection *connection, const char *message) {
        if (g_strcmp0(connection->problem, message) != 0)
                log_warning("no connection to %s: %s", connection->uri, message);
        g_free(connection->problem);
        connection->problem = g_strdup(message);
        retry_later(connection);
        if (!connection->told_absent)
                connection->listener->absent(connection->userdata);
        connection->told_absent = true;
}

static void done_open(Task *task) {
        OpenTask *open = (OpenTask *) task;
        Connection *connection = open->connection;

        connection->opening = false;
        if (!open->handle) {
                open_failed(connection, open->error->message);
                drop_open(task);
                return;
        }
        connection->handle = g_steal_pointer(&open->handle);
        memcpy(connection->callbacks, open->callbacks, sizeof open->callbacks);
        connection->closed = g_steal_pointer(&open->closed);
        info_clear(&connection->info);
        connection->info = open->info;
        open->info = (ConnectionInfo){};
        g_clear_pointer(&connection->problem, g_free);
        connection->retry_usec = RETRY_MIN_USEC;
        log_info("connected to %s, libvirt %s, %s", connection->info.uri, connection->info.libvirt_version,
                connection->info.hypervisor_version);
        drop_open(task);
        connection->listener->up(connection->userdata);
}

int connection_open(Connection *connection) {
        OpenTask *open;

        if (connection->opening || connection->handle)
                return 0;
        connection->opening = true;
        connection->generation++;

        open = g_new0(OpenTask, 1);
        open->task = (Task){ .work = work_open, .done = done_open, .drop = drop_open };
        open->connection = connection;
        open->uri = g_strdup(connection->uri);
        open->generation = connection->generation;
        pool_submit(connection->pool, &open->task);
        return 0;
}

/* ---- closing ---- */

typedef struct CloseTask {
        Task task;
        virConnectPtr handle;
        int callbacks[N_EVENTS];
        Registration *closed;
} CloseTask;

/* No longer called when this returns. */
static void forget_close(CloseTask *closing) {
        virConnectUnregisterCloseCallback(closing->handle, on_close);
        g_clear_pointer(&closing->closed, g_free);
}

static void work_close(Task *task) {
        CloseTask *closing = (CloseTask *) task;

        /* Each callback holds a reference. */
        for (size_t i = 0; i < N_EVENTS; i++)
                if (closing->callbacks[i] >= 0)
                        virConnectDomainEventDeregisterAny(closing->handle, closing->callbacks[i]);
        forget_close(closing);
        virConnectClose(closing->handle);
        closing->handle = NULL;
}

static void done_close(Task *task) {
        g_free(task);
}

/* The daemon leaves, and does not wait for libvirt to say goodbye; unless the work was done, and only its
 * letter is left. */
static void drop_close(Task *task) {
        CloseTask *closing = (CloseTask *) task;

        if (closing->handle)
                forget_close(closing);
        g_free(closing);
}

static void release(Connection *connection) {
        CloseTask *closing = g_new0(CloseTask, 1);

        closing->task = (Task){ .work = work_close, .done = done_close, .drop = drop_close };
        closing->handle = g_steal_pointer(&connection->handle);
        closing->closed = g_steal_pointer(&connection->closed);
        memcpy(closing->callbacks, connection->callbacks, sizeof closing->callbacks);
        pool_submit(connection->pool, &closing->task);
}

static void lost(Connection *connection) {
        log_warning("the connection to %s is lost", connection->uri);
        release(connection);
        g_clear_pointer(&connection->info.libvirt_version, g_free);
        g_clear_pointer(&connection->info.hypervisor_version, g_free);
        connection->info.libvirt_version = g_strdup("");
        connection->info.hypervisor_version = g_strdup("");
        connection->listener->down(connection->userdata);
        retry_later(connection);
}

void connection_suspect(Connection *connection) {
        if (connection->handle && virConnectIsAlive(connection->handle) <= 0)
                lost(connection);
}

Connection *connection_new(sd_event *event, Mailbox *mailbox, Pool *pool, const char *uri,
        const ConnectionListener *listener, void *userdata) {
        Connection *connection = g_new0(Connection, 1);

        connection->event = sd_event_ref(event);
        connection->mailbox = mailbox;
        connection->pool = pool;
        connection->uri = g_strdup(uri);
        connection->listener = listener;
        connection->userdata = userdata;
        connection->retry_usec = RETRY_MIN_USEC;
        connection->info = (ConnectionInfo){ g_strdup(uri), g_strdup(""), g_strdup("") };
        return connection;
}

Connection *connection_free(Connection *connection) {
        if (!connection)
                return NULL;
        if (connection->handle)
                release(connection);
        sd_event_source_disable_unref(connection->retry);
        sd_event_unref(connection->event);
        info_clear(&connection->info);
        g_free(connection->problem);
        g_free(connection->uri);
        g_free(connection);
        return NULL;
}

bool connection_is_up(const Connection *connection) {
        return connection->handle;
}

virConnectPtr connection_ref(const Connection *connection) {
        if (connection->handle)
                virConnectRef(connection->handle);
        return connection->handle;
}

unsigned connection_generation(const Connection *connection) {
        return connection->generation;
}

const ConnectionInfo *connection_info(const Connection *connection) {
        return &connection->info;
}

const char *connection_problem(const Connection *connection) {
        return connection->problem;
}
