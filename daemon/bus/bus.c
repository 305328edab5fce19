/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/bus/bus.h"

#include <errno.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/bus/access.h"
#include "dbus/names.h"

/* Of event sources: callers first, what happened next, then the news of it. */
#define PRIORITY_NEWS (SD_EVENT_PRIORITY_NORMAL + 20)

Bus *bus_of(sd_bus_message *message) {
        return sd_bus_slot_get_userdata(sd_bus_get_current_slot(sd_bus_message_get_bus(message)));
}

int bus_fail(sd_bus_error *ret, GError *error) {
        int r = sd_bus_error_set(ret, vs_error_name(error), error->message);

        g_error_free(error);
        return r;
}

int bus_failf(sd_bus_error *ret, VsError code, const char *format, ...) {
        g_autofree char *text = NULL;
        GError *error = NULL;
        va_list args;

        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        vs_fail(&error, code, "%s", text);
        return bus_fail(ret, error);
}

int bus_find_domain(Bus *bus, const char *name_or_uuid, Domain **ret, sd_bus_error *error) {
        Domain *domain = world_find_domain(bus->world, name_or_uuid);

        if (!domain && !connection_is_up(bus->connection))
                return bus_failf(error, VS_ERR_DISCONNECTED, "There is no connection to libvirt: %s",
                        connection_problem(bus->connection) ? connection_problem(bus->connection)
                                                            : "not yet");
        if (!domain)
                return bus_failf(
                        error, VS_ERR_NO_SUCH_DOMAIN, "There is no domain \"%.128s\".", name_or_uuid);
        *ret = domain;
        return 0;
}

int bus_find_snapshot(
        const Bus *bus, const Domain *domain, const char *name, Snapshot **ret, sd_bus_error *error) {
        Snapshot *snapshot = domain_find_snapshot(domain, name);

        if (!snapshot)
                return bus_failf(error, VS_ERR_NO_SUCH_SNAPSHOT, "The domain %s has no snapshot \"%.128s\".",
                        domain->record->name, name);
        *ret = snapshot;
        return 0;
}

int bus_reply_job(sd_bus_message *message, const Job *job) {
        return sd_bus_reply_method_return(message, "to", job->id, job->path);
}

int bus_not_yet(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return bus_failf(error, VS_ERR_NOT_SUPPORTED, "This version of virtsnapd does not do %s.",
                sd_bus_message_get_member(message));
}

/* ---- calls that a reader answers ---- */

typedef struct ReaderTask {
        Task task;
        Bus *bus;
        sd_bus_message *message; /* the loop's thread only */
        const BusCall *call;
        void *params;
        virConnectPtr handle;
        GError *error;
} ReaderTask;

static void free_reader(ReaderTask *reader) {
        virConnectClose(reader->handle);
        reader->call->free_params(reader->params);
        g_clear_error(&reader->error);
        g_free(reader);
}

static void work_reader(Task *task) {
        ReaderTask *reader = (ReaderTask *) task;

        if (!reader->call->work(reader->handle, reader->params, &reader->error) && !reader->error)
                vs_fail(&reader->error, VS_ERR_LIBVIRT_FAILED, "no reason is known");
}

static void done_reader(Task *task) {
        ReaderTask *reader = (ReaderTask *) task;
        int r;

        if (reader->error)
                r = sd_bus_reply_method_errorf(
                        reader->message, vs_error_name(reader->error), "%s", reader->error->message);
        else
                r = reader->call->reply(reader->bus, reader->message, reader->params);
        if (r < 0)
                r = sd_bus_reply_method_errno(reader->message, r, NULL);
        if (r < 0)
                log_debug("cannot reply: %s", strerror(-r));
        sd_bus_message_unref(reader->message);
        reader->bus->n_calls--;
        free_reader(reader);
}

/* The message stays with the bus, which is going. */
static void drop_reader(Task *task) {
        free_reader((ReaderTask *) task);
}

int bus_call_reader(
        Bus *bus, sd_bus_message *message, const BusCall *call, void *params, sd_bus_error *error) {
        virConnectPtr handle = connection_ref(bus->connection);
        ReaderTask *reader;

        if (!handle) {
                call->free_params(params);
                return bus_failf(error, VS_ERR_DISCONNECTED, "There is no connection to libvirt.");
        }
        reader = g_new0(ReaderTask, 1);
        reader->task = (Task){ .work = work_reader, .done = done_reader, .drop = drop_reader };
        reader->bus = bus;
        reader->message = sd_bus_message_ref(message);
        reader->call = call;
        reader->params = params;
        reader->handle = handle;
        bus->n_calls++;
        pool_submit(bus->readers, &reader->task);
        return 1;
}

/* ---- paths below ours ---- */

typedef struct Nodes {
        char **paths;
        size_t n, room;
} Nodes;

/* sd-bus frees the list with free(), so it is not GLib's. */
static int nodes_add(Nodes *nodes, const char *path) {
        if (nodes->n + 2 > nodes->room) {
                size_t room = nodes->room ? nodes->room * 2 : 64;
                char **paths = reallocarray(nodes->paths, room, sizeof *paths);

                if (!paths)
                        return -ENOMEM;
                nodes->paths = paths;
                nodes->room = room;
        }
        nodes->paths[nodes->n] = strdup(path);
        if (!nodes->paths[nodes->n])
                return -ENOMEM;
        nodes->paths[++nodes->n] = NULL;
        return 0;
}

static void nodes_clear(Nodes *nodes) {
        for (size_t i = 0; i < nodes->n; i++)
                free(nodes->paths[i]);
        free(nodes->paths);
}

/* A path starts again under its domain now and then, so what lies below a path is not just the children. */
static bool lies_below(const char *path, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(path, prefix, n) == 0 && path[n] == '/' && !strchr(path + n + 1, '/');
}

static int add_domains(const Bus *bus, Nodes *nodes) {
        GHashTableIter iter;
        void *domain;
        int r = 0;

        g_hash_table_iter_init(&iter, world_domains(bus->world));
        while (r >= 0 && g_hash_table_iter_next(&iter, NULL, &domain))
                r = nodes_add(nodes, ((Domain *) domain)->path);
        return r;
}

static int add_snapshots(const Domain *domain, const char *below, Nodes *nodes) {
        Snapshot *s;
        int r = 0;

        DOMAIN_FOREACH_SNAPSHOT(s, domain) {
                if (below && !lies_below(s->path, below))
                        continue;
                r = nodes_add(nodes, s->path);
                if (r < 0)
                        break;
        }
        return r;
}

static int add_children(const Snapshot *snapshot, Nodes *nodes) {
        Snapshot *child;
        int r = 0;

        SNAPSHOT_FOREACH_CHILD(child, snapshot) {
                if (!lies_below(child->path, snapshot->path))
                        continue;
                r = nodes_add(nodes, child->path);
                if (r < 0)
                        break;
        }
        return r;
}

static int add_everything(const Bus *bus, Nodes *nodes) {
        GHashTableIter iter;
        void *domain;
        int r = add_domains(bus, nodes);

        g_hash_table_iter_init(&iter, world_domains(bus->world));
        while (r >= 0 && g_hash_table_iter_next(&iter, NULL, &domain))
                r = add_snapshots(domain, NULL, nodes);
        return r;
}

/* Introspection asks with the path of one object and wants what lies right below it; the object manager asks
 * with the root and wants everything. */
static int enumerate_domains(
        sd_bus *sd, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *error) {
        const Bus *bus = userdata;
        const Domain *domain;
        const Snapshot *snapshot;
        Nodes nodes = {};
        int r = 0;

        if (strcmp(prefix, VS_ROOT_PATH) == 0)
                r = add_everything(bus, &nodes);
        else if (strcmp(prefix, VS_DOMAIN_PREFIX) == 0)
                r = add_domains(bus, &nodes);
        else if ((domain = world_find_domain_by_path(bus->world, prefix)))
                r = add_snapshots(domain, prefix, &nodes);
        else if ((snapshot = world_find_snapshot_by_path(bus->world, prefix)))
                r = add_children(snapshot, &nodes);
        if (r < 0) {
                nodes_clear(&nodes);
                return r;
        }
        *ret_nodes = nodes.paths;
        return 0;
}

static int enumerate_jobs(
        sd_bus *sd, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *error) {
        const Bus *bus = userdata;
        g_autoptr(GPtrArray) jobs = queue_jobs(bus->queue);
        Nodes nodes = {};
        int r = 0;

        for (unsigned i = 0; i < jobs->len && r >= 0; i++)
                r = nodes_add(&nodes, ((Job *) jobs->pdata[i])->path);
        if (r < 0) {
                nodes_clear(&nodes);
                return r;
        }
        *ret_nodes = nodes.paths;
        return 0;
}

/* ---- the bus ---- */

static int add_objects(Bus *bus) {
        int r;

        if ((r = sd_bus_add_object_manager(bus->bus, NULL, VS_ROOT_PATH)) < 0 ||
                (r = bus_add_manager(bus)) < 0 || (r = bus_add_domains(bus)) < 0 ||
                (r = bus_add_snapshots(bus)) < 0 || (r = bus_add_jobs(bus)) < 0 ||
                (r = sd_bus_add_node_enumerator(bus->bus, NULL, VS_DOMAIN_PREFIX, enumerate_domains, bus)) <
                        0 ||
                (r = sd_bus_add_node_enumerator(bus->bus, NULL, VS_JOB_PREFIX, enumerate_jobs, bus)) < 0)
                return r;
        return 0;
}

static int open_bus(Bus *bus, bool user) {
        int r = user ? sd_bus_open_user_with_description(&bus->bus, "virtsnapd")
                     : sd_bus_open_system_with_description(&bus->bus, "virtsnapd");

        if (r < 0)
                return r;
        /* A bus that goes away takes every caller with it. */
        r = sd_bus_set_exit_on_disconnect(bus->bus, true);
        if (r < 0)
                return r;
        return sd_bus_attach_event(bus->bus, bus->event, SD_EVENT_PRIORITY_NORMAL);
}

Bus *bus_new(sd_event *event, bool user, World *world, Mirror *mirror, Connection *connection, Queue *queue,
        Pool *readers, GError **error) {
        g_autoptr(Bus) bus = g_new0(Bus, 1);
        int r;

        bus->event = sd_event_ref(event);
        bus->world = world;
        bus->mirror = mirror;
        bus->connection = connection;
        bus->queue = queue;
        bus->readers = readers;
        r = open_bus(bus, user);
        if (r >= 0)
                r = access_new(bus->bus, &bus->access);
        if (r >= 0) {
                bus->announcer = announcer_new(bus->bus, event, PRIORITY_NEWS);
                r = bus->announcer ? add_objects(bus) : -ENOMEM;
        }
        if (r < 0) {
                vs_fail(error, VS_ERR_LIBVIRT_FAILED, "cannot use the %s bus: %s",
                        user ? "user's" : "system's", strerror(-r));
                return NULL;
        }
        world_listen(world, &bus_world_listener, bus);
        queue_listen(queue, &bus_queue_listener, bus);
        return g_steal_pointer(&bus);
}

Bus *bus_free(Bus *bus) {
        if (!bus)
                return NULL;
        bus_jobs_free(bus);
        announcer_free(bus->announcer);
        access_free(bus->access);
        sd_bus_flush_close_unref(bus->bus);
        sd_event_unref(bus->event);
        g_free(bus);
        return NULL;
}

bool bus_take_name(Bus *bus, GError **error) {
        int r;

        if (bus->named)
                return true;
        r = sd_bus_request_name(bus->bus, VS_BUS_NAME, 0);
        if (r < 0)
                return vs_fail(error, VS_ERR_LIBVIRT_FAILED, "cannot take the name " VS_BUS_NAME ": %s",
                        r == -EEXIST ? "another virtsnapd has it" : strerror(-r));
        bus->named = true;
        return true;
}

bool bus_is_busy(const Bus *bus) {
        return bus->n_calls > 0;
}

uint64_t bus_last_call(const Bus *bus) {
        return access_last_call(bus->access);
}

typedef struct Leaving {
        void (*gone)(void *userdata);
        void *userdata;
} Leaving;

/* The bus answers in order: what was sent to our name before is here, and has been handled. */
static int on_released(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        g_autofree Leaving *leaving = userdata;

        leaving->gone(leaving->userdata);
        return 0;
}

int bus_leave(Bus *bus, void (*gone)(void *userdata), void *userdata) {
        Leaving *leaving = g_new(Leaving, 1);
        int r;

        *leaving = (Leaving){ gone, userdata };
        r = sd_bus_release_name_async(bus->bus, NULL, VS_BUS_NAME, on_released, leaving);
        if (r < 0)
                g_free(leaving);
        return r;
}
