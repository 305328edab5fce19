/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/bus/access.h"
#include "daemon/bus/bus.h"
#include "daemon/bus/domain-options.h"
#include "daemon/bus/getters.h"
#include "daemon/bus/options.h"
#include "daemon/jobs/chain.h"
#include "dbus/names.h"

/* org.virtsnap1.Domain, at /org/virtsnap1/domain/NAME. */

/* ---- properties ---- */

GETTER(get_name, Domain, domain) {
        return sd_bus_message_append_basic(reply, 's', domain->record->name);
}

GETTER(get_uuid, Domain, domain) {
        return sd_bus_message_append_basic(reply, 's', domain->record->uuid);
}

GETTER(get_title, Domain, domain) {
        return sd_bus_message_append_basic(reply, 's', domain->record->title);
}

GETTER(get_state, Domain, domain) {
        return sd_bus_message_append_basic(reply, 's', domain_state_to_string(domain->record->state));
}

GETTER(get_persistent, Domain, domain) {
        return sd_bus_message_append(reply, "b", domain->record->persistent);
}

GETTER(get_agent_connected, Domain, domain) {
        return sd_bus_message_append(reply, "b", domain->record->agent_connected);
}

GETTER(get_has_managed_save, Domain, domain) {
        return sd_bus_message_append(reply, "b", domain->record->has_managed_save);
}

GETTER(get_writable, Domain, domain) {
        return sd_bus_message_append(reply, "b", domain->record->writable);
}

GETTER(get_current_snapshot, Domain, domain) {
        return sd_bus_message_append_basic(reply, 'o', domain->current ? domain->current->path : "/");
}

GETTER(get_roots, Domain, domain) {
        const Snapshot *root;
        int r = sd_bus_message_open_container(reply, 'a', "o");

        DOMAIN_FOREACH_ROOT(root, domain)
                if (r >= 0)
                        r = sd_bus_message_append_basic(reply, 'o', root->path);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

GETTER(get_snapshot_count, Domain, domain) {
        return sd_bus_message_append(reply, "u", g_hash_table_size(domain->snapshots));
}

GETTER(get_disks, Domain, domain) {
        const GPtrArray *disks = domain->record->disks;
        int r = sd_bus_message_open_container(reply, 'a', "(ssss)");

        for (unsigned i = 0; i < disks->len && r >= 0; i++) {
                const DomainDisk *disk = disks->pdata[i];

                r = sd_bus_message_append(
                        reply, "(ssss)", disk->target, disk->source, disk->format, disk->type);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

GETTER(get_jobs, Domain, domain) {
        int r = sd_bus_message_open_container(reply, 'a', "o");

        for (unsigned i = 0; i < domain->jobs->len && r >= 0; i++)
                r = sd_bus_message_append_basic(reply, 'o', domain->jobs->pdata[i]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* What Consolidate would give back: nothing waits for it until there is one. */
GETTER(get_reclaimable_bytes, Domain, domain) {
        return sd_bus_message_append(reply, "t", UINT64_C(0));
}

/* ---- reading ---- */

static int append_snapshot(sd_bus_message *reply, const Snapshot *s) {
        return sd_bus_message_append(reply, "(sostssbu)", s->record->name, s->path,
                s->parent ? s->parent->record->name : "", s->record->created,
                domain_state_to_string(s->record->state), snapshot_record_location(s->record),
                s->domain->current == s, s->n_children);
}

static int method_list_snapshots(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Domain *domain = userdata;
        ListOptions options = {};
        const Snapshot *from = NULL;
        sd_bus_message *reply = NULL;
        Snapshot *s;
        int r;

        r = list_options_read(message, domain, &options, &from, error);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(sostssbu)");
        for (s = from ? from->first_child : domain->first_root; s && r >= 0;
                s = from && !options.descendants ? s->next : snapshot_next(s, from))
                if (list_options_match(&options, s))
                        r = append_snapshot(reply, s);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static int method_get_snapshot(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Domain *domain = userdata;
        Snapshot *snapshot;
        const char *name;
        int r;

        r = sd_bus_message_read(message, "s", &name);
        if (r < 0)
                return r;
        r = bus_find_snapshot(bus_of(message), domain, name, &snapshot, error);
        if (r < 0)
                return r;
        return sd_bus_reply_method_return(message, "o", snapshot->path);
}

static int append_layer(sd_bus_message *reply, const ChainLayer *layer) {
        int r = sd_bus_message_open_container(reply, 'a', "{sv}");

        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}", "path", "s", layer->path, "format",
                        "s", layer->format, "virtual-size", "t", layer->virtual_size, "allocated", "t",
                        layer->allocated, "in-use", "b", layer->in_use);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", "snapshots");
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_append_strv(reply, layer->snapshots);
        for (int i = 0; i < 3 && r >= 0; i++)
                r = sd_bus_message_close_container(reply);
        return r;
}

static bool work_chain(virConnectPtr handle, void *params, GError **error) {
        return chain_read(handle, params, error);
}

static int reply_chain(Bus *bus, sd_bus_message *message, void *params) {
        const ChainQuestion *chain = params;
        sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (unsigned i = 0; i < chain->layers->len && r >= 0; i++)
                r = append_layer(reply, chain->layers->pdata[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static const BusCall chain_call = { work_chain, reply_chain, chain_question_free };

static int find_disk(const Domain *domain, const char *target, sd_bus_error *error) {
        if (domain_record_disk(domain->record, target))
                return 0;
        return bus_failf(error, VS_ERR_NO_SUCH_DISK, "The domain %s has no disk \"%.64s\".",
                domain->record->name, target);
}

static int method_get_backing_chain(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Domain *domain = userdata;
        const char *disk;
        int r;

        r = sd_bus_message_read(message, "s", &disk);
        if (r < 0)
                return r;
        r = find_disk(domain, disk, error);
        if (r < 0)
                return r;
        return bus_call_reader(
                bus_of(message), message, &chain_call, chain_question_new(domain, disk), error);
}

/* ---- jobs ---- */

/* What is refused shall be an error of the method and not a job that fails: where the answer needs a look at
 * images or folders, a reader looks before the job is queued.  Behind other jobs of the domain that would
 * tell nothing. */
typedef struct Check {
        char *uuid;
        uint32_t uid;
        CreateParams *create; /* one of the two */
        MergeParams *merge;
} Check;

static void check_free(void *params) {
        Check *check = params;

        if (check->create)
                create_params_free(check->create);
        merge_params_free(check->merge);
        g_free(check->uuid);
        g_free(check);
}

static bool work_check(virConnectPtr handle, void *params, GError **error) {
        const Check *check = params;

        return check->create ? create_check_files(check->create, error)
                             : merge_check(handle, check->uuid, check->merge, error);
}

/* The domain may be another one by now, or none. */
static int reply_check(Bus *bus, sd_bus_message *message, void *params) {
        Check *check = params;
        Domain *domain = world_find_domain(bus->world, check->uuid);
        g_autoptr(GError) error = NULL;
        const Job *job = NULL;

        if (!domain)
                vs_fail(&error, VS_ERR_NO_SUCH_DOMAIN, "The domain is gone.");
        else if (check->create)
                job = create_submit(bus->queue, domain, g_steal_pointer(&check->create), check->uid, &error);
        else
                job = merge_submit(bus->queue, domain, g_steal_pointer(&check->merge), check->uid, &error);
        return job ? bus_reply_job(message, job)
                   : sd_bus_reply_method_errorf(message, vs_error_name(error), "%s", error->message);
}

static const BusCall check_call = { work_check, reply_check, check_free };

static int check_first(Bus *bus, sd_bus_message *message, const Domain *domain, CreateParams *create,
        MergeParams *merge, sd_bus_error *error) {
        Check *check = g_new0(Check, 1);

        check->uuid = g_strdup(domain->record->uuid);
        check->uid = access_sender_uid(bus->access, message);
        check->create = create;
        check->merge = merge;
        return bus_call_reader(bus, message, &check_call, check, error);
}

static int create(sd_bus_message *message, Domain *domain, CreateParams *params, sd_bus_error *error) {
        Bus *bus = bus_of(message);
        GError *failure = NULL;
        const Job *job;

        if (!create_check(params, domain, &failure)) {
                create_params_free(params);
                return bus_fail(error, failure);
        }
        if (create_names_files(params))
                return check_first(bus, message, domain, params, NULL, error);
        job = create_submit(bus->queue, domain, params, access_sender_uid(bus->access, message), &failure);
        return job ? bus_reply_job(message, job) : bus_fail(error, failure);
}

static int method_create_snapshot(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        CreateParams *params;
        const char *name;
        int r;

        r = sd_bus_message_read(message, "s", &name);
        if (r < 0)
                return r;
        r = create_options_read(message, name, &params, error);
        return r < 0 ? r : create(message, userdata, params, error);
}

static int method_create_snapshot_xml(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        CreateParams *params;
        const char *xml;
        int r;

        r = sd_bus_message_read(message, "s", &xml);
        if (r < 0)
                return r;
        r = create_xml_options_read(message, xml, &params, error);
        return r < 0 ? r : create(message, userdata, params, error);
}

static int merge(sd_bus_message *message, Domain *domain, bool pull, sd_bus_error *error) {
        Bus *bus = bus_of(message);
        MergeParams *params;
        GError *failure = NULL;
        const Job *job;
        const char *disk;
        int r;

        r = sd_bus_message_read(message, "s", &disk);
        if (r < 0)
                return r;
        r = find_disk(domain, disk, error);
        if (r < 0)
                return r;
        r = merge_options_read(message, pull, disk, &params, error);
        if (r < 0)
                return r;
        if (domain->jobs->len == 0 && merge_possible(domain, NULL)) {
                merge_gather(params, bus->world, queue_store(bus->queue));
                return check_first(bus, message, domain, NULL, params, error);
        }
        job = merge_submit(bus->queue, domain, params, access_sender_uid(bus->access, message), &failure);
        return job ? bus_reply_job(message, job) : bus_fail(error, failure);
}

static int method_block_commit(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return merge(message, userdata, false, error);
}

static int method_block_pull(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return merge(message, userdata, true, error);
}

#define OPTIONS SD_BUS_ARGS("a{sv}", options)
#define JOB SD_BUS_RESULT("t", id, "o", job)
#define STEPS SD_BUS_RESULT("a(sssst)", steps)

/* clang-format off */
static const sd_bus_vtable domain_vtable[] = {
        SD_BUS_VTABLE_START(0),
        CHANGING("Name", "s", get_name),
        CONSTANT("Uuid", "s", get_uuid),
        CHANGING("Title", "s", get_title),
        CHANGING("State", "s", get_state),
        CHANGING("Persistent", "b", get_persistent),
        CHANGING("AgentConnected", "b", get_agent_connected),
        CHANGING("HasManagedSave", "b", get_has_managed_save),
        CHANGING("Writable", "b", get_writable),
        CHANGING("CurrentSnapshot", "o", get_current_snapshot),
        CHANGING("Roots", "ao", get_roots),
        CHANGING("SnapshotCount", "u", get_snapshot_count),
        CHANGING("Disks", "a(ssss)", get_disks),
        CHANGING("Jobs", "ao", get_jobs),
        CHANGING("ReclaimableBytes", "t", get_reclaimable_bytes),
        SD_BUS_METHOD_WITH_ARGS("CreateSnapshot", SD_BUS_ARGS("s", name, "a{sv}", options), JOB,
                method_create_snapshot, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CreateSnapshotXML", SD_BUS_ARGS("s", xml, "a{sv}", options), JOB,
                method_create_snapshot_xml, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListSnapshots", OPTIONS, SD_BUS_RESULT("a(sostssbu)", snapshots),
                method_list_snapshots, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetSnapshot", SD_BUS_ARGS("s", name), SD_BUS_RESULT("o", snapshot),
                method_get_snapshot, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetBackingChain", SD_BUS_ARGS("s", disk), SD_BUS_RESULT("aa{sv}", layers),
                method_get_backing_chain, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("BlockCommit", SD_BUS_ARGS("s", disk, "a{sv}", options), JOB,
                method_block_commit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("BlockPull", SD_BUS_ARGS("s", disk, "a{sv}", options), JOB,
                method_block_pull, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Consolidate", OPTIONS, JOB, bus_not_yet, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("PlanConsolidate", OPTIONS, STEPS, bus_not_yet, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("PlanRepair", OPTIONS, STEPS, bus_not_yet, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Repair", OPTIONS, JOB, bus_not_yet, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Backup", SD_BUS_ARGS("s", directory, "a{sv}", options), JOB, bus_not_yet,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("SnapshotCreated", SD_BUS_ARGS("o", snapshot, "s", name), 0),
        SD_BUS_SIGNAL_WITH_ARGS("SnapshotDeleted", SD_BUS_ARGS("s", name), 0),
        SD_BUS_SIGNAL_WITH_ARGS("SnapshotReverted", SD_BUS_ARGS("o", snapshot, "s", name), 0),
        SD_BUS_VTABLE_END,
};
/* clang-format on */

static int find_domain(sd_bus *sd, const char *path, const char *interface, void *userdata, void **ret_found,
        sd_bus_error *error) {
        const Bus *bus = userdata;

        *ret_found = world_find_domain_by_path(bus->world, path);
        return *ret_found ? 1 : 0;
}

int bus_add_domains(Bus *bus) {
        return sd_bus_add_fallback_vtable(
                bus->bus, NULL, VS_DOMAIN_PREFIX, VS_DOMAIN_INTERFACE, domain_vtable, find_domain, bus);
}
