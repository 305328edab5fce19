/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "daemon/bus/bus.h"
#include "daemon/bus/getters.h"
#include "daemon/bus/options.h"
#include "dbus/names.h"

/* org.virtsnap1.Manager, at /org/virtsnap1. */

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

typedef enum ManagerChange {
        MANAGER_CHANGED_CONNECTION = 1 << 0,
        MANAGER_CHANGED_COUNTS = 1 << 1,
} ManagerChange;

static const char *const *const manager_properties[] = {
        NAMES("ConnectionUri", "Connected", "LibvirtVersion", "HypervisorVersion"),
        NAMES("JobsQueued", "JobsRunning"),
};

const AnnouncedType manager_type = { VS_MANAGER_INTERFACE, manager_properties,
        G_N_ELEMENTS(manager_properties) };

void bus_connection_changed(Bus *bus) {
        if (bus->named)
                announce_changed(bus->announcer, &manager_type, VS_ROOT_PATH, MANAGER_CHANGED_CONNECTION);
}

void bus_counts_changed(void *userdata) {
        const Bus *bus = userdata;

        if (bus->named)
                announce_changed(bus->announcer, &manager_type, VS_ROOT_PATH, MANAGER_CHANGED_COUNTS);
}

/* ---- properties ---- */

GETTER(get_version, Bus, bus) {
        return sd_bus_message_append(reply, "s", VIRTSNAP_VERSION);
}

GETTER(get_uri, Bus, bus) {
        return sd_bus_message_append(reply, "s", connection_info(bus->connection)->uri);
}

GETTER(get_connected, Bus, bus) {
        return sd_bus_message_append(reply, "b", connection_is_up(bus->connection));
}

GETTER(get_libvirt_version, Bus, bus) {
        return sd_bus_message_append(reply, "s", connection_info(bus->connection)->libvirt_version);
}

GETTER(get_hypervisor_version, Bus, bus) {
        return sd_bus_message_append(reply, "s", connection_info(bus->connection)->hypervisor_version);
}

GETTER(get_jobs_queued, Bus, bus) {
        return sd_bus_message_append(reply, "u", queue_n_waiting(bus->queue));
}

GETTER(get_jobs_running, Bus, bus) {
        return sd_bus_message_append(reply, "u", queue_n_running(bus->queue));
}

/* ---- look-ups ---- */

static int method_get_domain(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        const char *name;
        Domain *domain;
        int r;

        r = sd_bus_message_read(message, "s", &name);
        if (r < 0)
                return r;
        r = bus_find_domain(bus, name, &domain, error);
        if (r < 0)
                return r;
        return sd_bus_reply_method_return(message, "o", domain->path);
}

static int method_get_snapshot(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        const char *domain_name, *name;
        Snapshot *snapshot;
        Domain *domain;
        int r;

        r = sd_bus_message_read(message, "ss", &domain_name, &name);
        if (r < 0)
                return r;
        r = bus_find_domain(bus, domain_name, &domain, error);
        if (r < 0)
                return r;
        r = bus_find_snapshot(bus, domain, name, &snapshot, error);
        if (r < 0)
                return r;
        return sd_bus_reply_method_return(message, "o", snapshot->path);
}

static int method_get_job(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Bus *bus = userdata;
        const Job *job;
        uint64_t id;
        int r;

        r = sd_bus_message_read(message, "t", &id);
        if (r < 0)
                return r;
        job = queue_find(bus->queue, id);
        if (!job)
                return bus_failf(error, VS_ERR_NO_SUCH_JOB, "There is no job %" G_GUINT64_FORMAT ".", id);
        return sd_bus_reply_method_return(message, "o", job->path);
}

static int method_get_policy(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *name;
        int r;

        r = sd_bus_message_read(message, "s", &name);
        if (r < 0)
                return r;
        return bus_failf(error, VS_ERR_NO_SUCH_POLICY, "There is no policy \"%.128s\".", name);
}

/* ---- lists ---- */

static int append_domain(sd_bus_message *reply, const Domain *domain) {
        const DomainRecord *record = domain->record;

        return sd_bus_message_append(reply, "(ssssou)", record->name, record->uuid,
                domain_state_to_string(record->state), domain->current ? domain->current->record->name : "",
                domain->path, g_hash_table_size(domain->snapshots));
}

static int compare_domains(const void *a, const void *b) {
        const Domain *x = a, *y = b;

        return g_strcmp0(x->record->name, y->record->name);
}

static int method_list_domains(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Bus *bus = userdata;
        g_autoptr(GList) domains = g_hash_table_get_values(world_domains(bus->world));
        sd_bus_message *reply = NULL;
        int r;

        r = options_read(message, NULL, NULL, error);
        if (r < 0)
                return r;
        domains = g_list_sort(domains, compare_domains);
        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(ssssou)");
        for (GList *at = domains; at && r >= 0; at = at->next)
                r = append_domain(reply, at->data);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

typedef struct ListJobsOptions {
        bool ended;
} ListJobsOptions;

static const Option list_jobs_options[] = {
        { "ended", OPTION_BOOL, offsetof(ListJobsOptions, ended) },
        {},
};

static int append_job(sd_bus_message *reply, const Job *job) {
        return sd_bus_message_append(reply, "(tsssdsoo)", job->id, job_operation_to_string(job->operation),
                job->domain_name, job_state_to_string(job->state), job->progress, job->phase, job->path,
                job->domain_path);
}

static int method_list_jobs(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Bus *bus = userdata;
        g_autoptr(GPtrArray) jobs = queue_jobs(bus->queue);
        ListJobsOptions options = {};
        sd_bus_message *reply = NULL;
        int r;

        r = options_read(message, list_jobs_options, &options, error);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(tsssdsoo)");
        for (unsigned i = 0; i < jobs->len && r >= 0; i++) {
                const Job *job = jobs->pdata[i];

                if (job_ended(job) == options.ended)
                        r = append_job(reply, job);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static void on_refreshed(void *userdata) {
        sd_bus_message *message = userdata;

        sd_bus_reply_method_return(message, NULL);
        sd_bus_message_unref(message);
}

static int method_refresh(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Bus *bus = userdata;
        int r;

        r = options_read(message, NULL, NULL, error);
        if (r < 0)
                return r;
        if (!connection_is_up(bus->connection))
                return bus_failf(error, VS_ERR_DISCONNECTED, "There is no connection to libvirt.");
        mirror_refresh(bus->mirror, on_refreshed, sd_bus_message_ref(message));
        return 1;
}

static int method_list_policies(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        int r = options_read(message, NULL, NULL, error);

        return r < 0 ? r : sd_bus_reply_method_return(message, "a(ssbsto)", 0);
}

/* clang-format off */
static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        CONSTANT("Version", "s", get_version),
        CHANGING("ConnectionUri", "s", get_uri),
        CHANGING("Connected", "b", get_connected),
        CHANGING("LibvirtVersion", "s", get_libvirt_version),
        CHANGING("HypervisorVersion", "s", get_hypervisor_version),
        CHANGING("JobsQueued", "u", get_jobs_queued),
        CHANGING("JobsRunning", "u", get_jobs_running),
        SD_BUS_METHOD_WITH_ARGS("GetDomain", SD_BUS_ARGS("s", name_or_uuid), SD_BUS_RESULT("o", domain),
                method_get_domain, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetSnapshot", SD_BUS_ARGS("s", domain, "s", snapshot),
                SD_BUS_RESULT("o", path), method_get_snapshot, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetJob", SD_BUS_ARGS("t", id), SD_BUS_RESULT("o", job), method_get_job,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetPolicy", SD_BUS_ARGS("s", name), SD_BUS_RESULT("o", policy),
                method_get_policy, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListDomains", SD_BUS_ARGS("a{sv}", options),
                SD_BUS_RESULT("a(ssssou)", domains), method_list_domains, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListJobs", SD_BUS_ARGS("a{sv}", options),
                SD_BUS_RESULT("a(tsssdsoo)", jobs), method_list_jobs, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Refresh", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, method_refresh,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListPolicies", SD_BUS_ARGS("a{sv}", options),
                SD_BUS_RESULT("a(ssbsto)", policies), method_list_policies, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetPolicy", SD_BUS_ARGS("s", name, "s", text, "a{sv}", options),
                SD_BUS_RESULT("o", policy), bus_not_yet, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RemovePolicy", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_NO_RESULT,
                bus_not_yet, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("JobNew", SD_BUS_ARGS("t", id, "o", job, "o", domain), 0),
        SD_BUS_SIGNAL_WITH_ARGS("JobRemoved",
                SD_BUS_ARGS("t", id, "o", job, "o", domain, "s", result, "a{sv}", details), 0),
        SD_BUS_VTABLE_END,
};
/* clang-format on */

int bus_add_manager(Bus *bus) {
        return sd_bus_add_object_vtable(
                bus->bus, NULL, VS_ROOT_PATH, VS_MANAGER_INTERFACE, manager_vtable, bus);
}
