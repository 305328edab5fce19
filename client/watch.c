/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "client/event.h"
#include "client/format.h"
#include "client/say.h"
#include "client/verb.h"
#include "dbus/names.h"
#include "dbus/path.h"

typedef struct Watch {
        Client *client;
        const char *only; /* the one domain that is of interest, or NULL */
        GHashTable *jobs; /* path → Json: the properties of jobs that have not ended */
} Watch;

/* Print one event and let go of it. */
static void emit(Watch *watch, Json *event) {
        const char *domain = json_str(event, "domain");

        if (!watch->only || g_str_equal(watch->only, domain)) {
                if (watch->client->json)
                        json_print_line(event);
                else
                        event_print(event);
                fflush(stdout);
        }
        json_object_put(event);
}

static Json *event_new(const char *kind, const char *domain) {
        Json *event = json_object_new_object();

        json_object_object_add(event, "time", json_object_new_uint64(now_usec()));
        json_set_str(event, "event", kind);
        if (domain)
                json_set_str(event, "domain", domain);
        return event;
}

/* The domain's name in the path of one, NULL in any other path.  The caller g_free()s it. */
static char *domain_name(const char *path) {
        g_autofree char *copy = NULL;
        char *name;

        if (vs_domain_path_decode(path, &name) <= 0)
                return NULL;
        copy = g_strdup(name);
        free(name);
        return g_steal_pointer(&copy);
}

static void copy_fields(Json *event, Json *from, const char *const *keys) {
        for (; *keys; keys++)
                if (*json_str(from, *keys))
                        json_object_object_add(event, *keys, json_object_get(json_get(from, *keys)));
}

static void on_snapshot(Watch *watch, sd_bus_message *m) {
        const char *member = sd_bus_message_get_member(m), *path, *name;
        g_autofree char *domain = domain_name(sd_bus_message_get_path(m));
        Json *event;
        int r;

        if (g_str_equal(member, "SnapshotDeleted"))
                r = sd_bus_message_read(m, "s", &name);
        else
                r = sd_bus_message_read(m, "os", &path, &name);
        if (r <= 0 || !domain)
                return;
        event = event_new(g_str_equal(member, "SnapshotDeleted") ? "snapshot-deleted"
                        : g_str_equal(member, "SnapshotCreated") ? "snapshot-created"
                                                                 : "snapshot-reverted",
                domain);
        json_set_str(event, "snapshot", name);
        emit(watch, event);
}

static Json *job_event(Watch *watch, const char *kind, uint64_t id, const char *path, Json *properties) {
        static const char *const fields[] = { "operation", "disk", "snapshot", NULL };
        g_autofree char *domain = domain_name(json_str(properties, "domain"));
        Json *event = event_new(kind, domain);

        json_object_object_add(event, "job", json_object_new_uint64(id));
        copy_fields(event, properties, fields);
        return event;
}

static void on_job_new(Watch *watch, sd_bus_message *m) {
        const char *path;
        uint64_t id;

        if (sd_bus_message_read(m, "to", &id, &path) > 0)
                emit(watch, job_event(watch, "job-new", id, path, g_hash_table_lookup(watch->jobs, path)));
}

static void on_job_removed(Watch *watch, sd_bus_message *m) {
        static const char *const fields[] = { "snapshot", "error_name", "error_message", NULL };
        const char *path, *domain, *result;
        g_autoptr(Json) details = NULL;
        uint64_t id;
        Json *event;

        if (sd_bus_message_read(m, "toos", &id, &path, &domain, &result) <= 0 ||
                json_from_message(m, &details) < 0)
                return;
        event = job_event(watch, "job-removed", id, path, g_hash_table_lookup(watch->jobs, path));
        json_set_str(event, "result", result);
        copy_fields(event, details, fields);
        emit(watch, event);
        g_hash_table_remove(watch->jobs, path);
}

static bool has_ended(Json *job) {
        static const char *const ends[] = { "done", "failed", "cancelled", NULL };

        return g_strv_contains(ends, json_str(job, "state"));
}

/* A job's state or phase changed.  How far it is is not worth a line, and its end has one of its own. */
static void on_job_changed(Watch *watch, const char *path, Json *changed) {
        static const char *const fields[] = { "state", "phase", "progress", NULL };
        Json *job = g_hash_table_lookup(watch->jobs, path), *event;
        uint64_t id;

        if (!job || vs_job_path_decode(path, &id) <= 0)
                return;
        json_object_object_foreach(changed, key, value)
                json_object_object_add(job, key, json_object_get(value));
        if (has_ended(job) || (!json_get(changed, "state") && !json_get(changed, "phase")))
                return;
        event = job_event(watch, "job-changed", id, path, job);
        copy_fields(event, job, fields);
        emit(watch, event);
}

static void on_properties_changed(Watch *watch, sd_bus_message *m) {
        const char *path = sd_bus_message_get_path(m), *interface;
        g_autofree char *domain = domain_name(path);
        g_autoptr(Json) changed = NULL;
        Json *event;

        if (sd_bus_message_read(m, "s", &interface) <= 0 || json_from_message(m, &changed) < 0)
                return;
        if (g_str_equal(interface, VS_JOB_INTERFACE))
                on_job_changed(watch, path, changed);
        else if (g_str_equal(interface, VS_DOMAIN_INTERFACE) && domain && json_get(changed, "state")) {
                event = event_new("domain-state", domain);
                json_set_str(event, "state", json_str(changed, "state"));
                emit(watch, event);
        } else if (g_str_equal(interface, VS_MANAGER_INTERFACE) && json_get(changed, "connected"))
                emit(watch, event_new(json_flag(changed, "connected") ? "connected" : "disconnected", NULL));
}

static void remember_job(Watch *watch, const char *path, Json *interfaces) {
        Json *job = json_get(interfaces, VS_JOB_INTERFACE);

        if (job && !has_ended(job))
                g_hash_table_replace(watch->jobs, g_strdup(path), json_object_get(job));
}

static void on_added(Watch *watch, sd_bus_message *m) {
        g_autofree char *domain = NULL;
        g_autoptr(Json) interfaces = NULL;
        const char *path;
        Json *event;

        if (sd_bus_message_read(m, "o", &path) <= 0 || json_from_message(m, &interfaces) < 0)
                return;
        remember_job(watch, path, interfaces);
        domain = domain_name(path);
        if (!domain || !json_get(interfaces, VS_DOMAIN_INTERFACE))
                return;
        event = event_new("domain-added", domain);
        json_set_str(event, "state", json_str(json_get(interfaces, VS_DOMAIN_INTERFACE), "state"));
        emit(watch, event);
}

static void on_removed(Watch *watch, sd_bus_message *m) {
        g_autofree char *domain = NULL;
        const char *path;

        if (sd_bus_message_read(m, "o", &path) <= 0)
                return;
        domain = domain_name(path);
        if (domain)
                emit(watch, event_new("domain-removed", domain));
}

static void read_jobs(Watch *watch) {
        g_autoptr(Json) objects = NULL;

        if (bus_call(watch->client, NULL, &objects, VS_ROOT_PATH, "org.freedesktop.DBus.ObjectManager",
                    "GetManagedObjects", "") < 0)
                return;
        json_object_object_foreach(objects, path, interfaces) remember_job(watch, path, interfaces);
}

static void on_owner(Watch *watch, sd_bus_message *m) {
        const char *name, *old_owner, *new_owner;

        if (sd_bus_message_read(m, "sss", &name, &old_owner, &new_owner) <= 0)
                return;
        g_hash_table_remove_all(watch->jobs);
        if (*new_owner)
                read_jobs(watch);
        emit(watch, event_new(*new_owner ? "daemon-started" : "daemon-gone", NULL));
}

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const struct {
                const char *interface, *member;
                void (*handle)(Watch *watch, sd_bus_message *m);
        } handlers[] = {
                { VS_DOMAIN_INTERFACE, "SnapshotCreated", on_snapshot },
                { VS_DOMAIN_INTERFACE, "SnapshotDeleted", on_snapshot },
                { VS_DOMAIN_INTERFACE, "SnapshotReverted", on_snapshot },
                { VS_MANAGER_INTERFACE, "JobNew", on_job_new },
                { VS_MANAGER_INTERFACE, "JobRemoved", on_job_removed },
                { "org.freedesktop.DBus.Properties", "PropertiesChanged", on_properties_changed },
                { "org.freedesktop.DBus.ObjectManager", "InterfacesAdded", on_added },
                { "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved", on_removed },
                { "org.freedesktop.DBus", "NameOwnerChanged", on_owner },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(handlers); i++)
                if (sd_bus_message_is_signal(m, handlers[i].interface, handlers[i].member))
                        handlers[i].handle(userdata, m);
        return 0;
}

/* Nobody reads any more. */
static int on_output_closed(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        return sd_event_exit(sd_event_source_get_event(source), STATUS_DONE);
}

static int watch_loop(Watch *watch) {
        sd_bus *bus = watch->client->bus;
        sd_event *event = NULL;
        int r = sd_event_default(&event);

        if (r >= 0)
                r = sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_add_match(bus, NULL, "type='signal',sender='" VS_BUS_NAME "'", on_signal, watch);
        if (r >= 0)
                r = sd_bus_add_match(bus, NULL,
                        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" VS_BUS_NAME "'",
                        on_signal, watch);
        /* A file cannot be watched, and needs not be. */
        if (r >= 0)
                (void) sd_event_add_io(event, NULL, STDOUT_FILENO, EPOLLHUP, on_output_closed, NULL);
        if (r >= 0) {
                read_jobs(watch);
                r = sd_event_loop(event);
        }
        sd_bus_detach_event(bus);
        sd_event_unref(event);
        return r;
}

static void put_json(void *json) {
        json_object_put(json);
}

static int run_watch(Client *client, const Verb *verb, char **args) {
        g_autofree char *path = NULL, *only = NULL;
        g_autoptr(GHashTable) jobs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, put_json);
        Watch watch = { .client = client, .jobs = jobs };
        int r = STATUS_DONE;

        if (args[0])
                r = bus_find_domain(client, args[0], &path);
        if (r != STATUS_DONE)
                return r;
        only = path ? domain_name(path) : NULL;
        watch.only = only;
        r = watch_loop(&watch);
        if (r < 0)
                return fail("cannot watch: %s", g_strerror(-r));
        /* 0: nobody reads any more.  Else the connection to the bus is lost. */
        return r == 0 ? STATUS_DONE : fail("the connection to the bus is lost");
}

const Verb verb_watch = {
        .name = "watch",
        .synopsis = "[DOMAIN]",
        .summary = "Print what happens, as it happens",
        .group = GROUP_LOOK,
        .max_args = 1,
        .run = run_watch,
};
