/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>

#include "daemon/bus/access.h"
#include "daemon/bus/bus.h"
#include "daemon/bus/getters.h"
#include "daemon/bus/options.h"
#include "daemon/jobs/delete.h"
#include "daemon/jobs/revert.h"
#include "daemon/virt/edit.h"
#include "daemon/virt/snapshot-xml.h"
#include "dbus/names.h"

/* org.virtsnap1.Snapshot, at the path of its parent plus /NAME. */

/* ---- properties ---- */

GETTER(get_name, Snapshot, snapshot) {
        return sd_bus_message_append_basic(reply, 's', snapshot->record->name);
}

GETTER(get_description, Snapshot, snapshot) {
        return sd_bus_message_append_basic(reply, 's', snapshot->record->description);
}

GETTER(get_domain, Snapshot, snapshot) {
        return sd_bus_message_append_basic(reply, 'o', snapshot->domain->path);
}

GETTER(get_parent, Snapshot, snapshot) {
        return sd_bus_message_append_basic(reply, 'o', snapshot->parent ? snapshot->parent->path : "/");
}

GETTER(get_children, Snapshot, snapshot) {
        const Snapshot *child;
        int r = sd_bus_message_open_container(reply, 'a', "o");

        SNAPSHOT_FOREACH_CHILD(child, snapshot)
                if (r >= 0)
                        r = sd_bus_message_append_basic(reply, 'o', child->path);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

GETTER(get_creation_time, Snapshot, snapshot) {
        return sd_bus_message_append_basic(reply, 't', &snapshot->record->created);
}

GETTER(get_state, Snapshot, snapshot) {
        return sd_bus_message_append_basic(reply, 's', domain_state_to_string(snapshot->record->state));
}

GETTER(get_condition, Snapshot, snapshot) {
        return sd_bus_message_append_basic(reply, 's', condition_to_string(snapshot->notes.condition));
}

GETTER(get_condition_reason, Snapshot, snapshot) {
        return sd_bus_message_append_basic(reply, 's', snapshot->notes.reason ? snapshot->notes.reason : "");
}

GETTER(get_location, Snapshot, snapshot) {
        return sd_bus_message_append_basic(reply, 's', snapshot_record_location(snapshot->record));
}

GETTER(get_memory, Snapshot, snapshot) {
        return sd_bus_message_append_basic(reply, 's', memory_mode_to_string(snapshot->record->memory));
}

GETTER(get_current, Snapshot, snapshot) {
        const int current = snapshot->domain->current == snapshot;

        return sd_bus_message_append_basic(reply, 'b', &current);
}

GETTER(get_disks, Snapshot, snapshot) {
        const SnapshotRecord *record = snapshot->record;
        int r = sd_bus_message_open_container(reply, 'a', "(sss)");

        for (unsigned i = 0; i < record->n_disks && r >= 0; i++) {
                const SnapshotDisk *disk = record->disks + i;

                r = sd_bus_message_append(reply, "(sss)", disk->target, disk_mode_to_string(disk->mode),
                        disk->file ? disk->file : "");
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

GETTER(get_consistency, Snapshot, snapshot) {
        return sd_bus_message_append_basic(reply, 's', consistency_to_string(snapshot->notes.consistency));
}

/* Policies come in a later version; until then none has made any. */
GETTER(get_policy, Snapshot, snapshot) {
        return sd_bus_message_append_basic(reply, 's', "");
}

GETTER(get_protected, Snapshot, snapshot) {
        const int protected = snapshot->notes.protected;

        return sd_bus_message_append_basic(reply, 'b', &protected);
}

/* ---- GetXML ---- */

typedef struct XmlQuestion {
        char *uuid, *name, *xml;
        bool secure;
} XmlQuestion;

static const Option xml_options[] = {
        { "secure", OPTION_BOOL, offsetof(XmlQuestion, secure) },
        {},
};

static void free_xml(void *params) {
        XmlQuestion *question = params;

        g_free(question->uuid);
        g_free(question->name);
        free(question->xml);
        g_free(question);
}

static bool work_xml(virConnectPtr handle, void *params, GError **error) {
        XmlQuestion *question = params;

        question->xml = edit_read_xml(handle, question->uuid, question->name, question->secure, error);
        return question->xml;
}

static int reply_xml(Bus *bus, sd_bus_message *message, void *params) {
        const XmlQuestion *question = params;

        return sd_bus_reply_method_return(message, "s", question->xml);
}

static const BusCall xml_call = { work_xml, reply_xml, free_xml };

static int method_get_xml(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Snapshot *snapshot = userdata;
        XmlQuestion options = {}, *question;
        int r;

        r = options_read(message, xml_options, &options, error);
        if (r < 0)
                return r;
        question = g_new0(XmlQuestion, 1);
        question->uuid = g_strdup(snapshot->domain->record->uuid);
        question->name = g_strdup(snapshot->record->name);
        question->secure = options.secure;
        return bus_call_reader(bus_of(message), message, &xml_call, question, error);
}

/* ---- changes to the metadata alone: no job, but nothing beside a job either ---- */

typedef struct EditQuestion {
        Queue *queue; /* where the domain is reserved */
        Edit edit;
        char *uuid;
} EditQuestion;

static void free_edit(void *params) {
        EditQuestion *question = params;

        queue_release(question->queue, question->uuid);
        g_free(question->uuid);
        edit_clear(&question->edit);
        g_free(question);
}

static bool work_edit(virConnectPtr handle, void *params, GError **error) {
        EditQuestion *question = params;

        return edit_snapshot(handle, question->uuid, &question->edit, error);
}

static void on_edited(void *userdata) {
        sd_bus_message *message = userdata;

        sd_bus_reply_method_return(message, NULL);
        sd_bus_message_unref(message);
}

/* Who gets the answer finds the world changed. */
static int reply_edit(Bus *bus, sd_bus_message *message, void *params) {
        const EditQuestion *question = params;

        mirror_read(
                bus->mirror, question->uuid, MIRROR_TOUCH_ALL_XML, on_edited, sd_bus_message_ref(message));
        return 0;
}

static const BusCall edit_call = { work_edit, reply_edit, free_edit };

static int edit(sd_bus_message *message, const Snapshot *snapshot, EditKind kind, const char *text,
        sd_bus_error *error) {
        Bus *bus = bus_of(message);
        EditQuestion *question;

        if (!queue_reserve(bus->queue, snapshot->domain->record->uuid))
                return bus_failf(error, VS_ERR_DOMAIN_BUSY,
                        "The snapshots of %s are being changed; try again in a moment.",
                        snapshot->domain->record->name);
        question = g_new0(EditQuestion, 1);
        question->queue = bus->queue;
        question->uuid = g_strdup(snapshot->domain->record->uuid);
        question->edit =
                (Edit){ .kind = kind, .name = g_strdup(snapshot->record->name), .text = g_strdup(text) };
        return bus_call_reader(bus, message, &edit_call, question, error);
}

static int method_set_description(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *text;
        int r = sd_bus_message_read(message, "s", &text);

        return r < 0 ? r : edit(message, userdata, EDIT_DESCRIPTION, text, error);
}

static int method_make_current(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        int r = options_read(message, NULL, NULL, error);

        return r < 0 ? r : edit(message, userdata, EDIT_CURRENT, NULL, error);
}

static int method_rename(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Snapshot *snapshot = userdata;
        GError *failure = NULL;
        const char *name;
        int r;

        r = sd_bus_message_read(message, "s", &name);
        if (r < 0)
                return r;
        r = options_read(message, NULL, NULL, error);
        if (r < 0)
                return r;
        if (!snapshot_name_check(name, &failure))
                return bus_fail(error, failure);
        if (g_strcmp0(snapshot_record_location(snapshot->record), "external") != 0)
                return bus_failf(error, VS_ERR_NOT_SUPPORTED,
                        "Only an external snapshot can be renamed: the content of an internal one is found "
                        "by its name.");
        if (domain_find_snapshot(snapshot->domain, name))
                return bus_failf(error, VS_ERR_SNAPSHOT_EXISTS,
                        "The domain %s has a snapshot \"%s\" already.", snapshot->domain->record->name,
                        name);
        return edit(message, userdata, EDIT_NAME, name, error);
}

static int method_set_protected(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Bus *bus = bus_of(message);
        Snapshot *snapshot = userdata;
        SnapshotNotes notes = snapshot->notes;
        GError *failure = NULL;
        int r, protected;

        r = sd_bus_message_read(message, "b", &protected);
        if (r < 0)
                return r;
        if (notes.protected != (bool) protected) {
                notes.protected = protected;
                if (!store_set(queue_store(bus->queue), snapshot->domain->record->uuid, snapshot->record,
                            &notes, &failure))
                        return bus_fail(error, failure);
                notes.reason = g_strdup(notes.reason);
                snapshot_set_notes(snapshot, notes);
        }
        return sd_bus_reply_method_return(message, NULL);
}

/* ---- jobs ---- */

typedef struct RevertOptions {
        bool running, paused, force, reset_nvram;
        const char *keep;
} RevertOptions;

static const Option revert_options[] = {
        { "running", OPTION_BOOL, offsetof(RevertOptions, running) },
        { "paused", OPTION_BOOL, offsetof(RevertOptions, paused) },
        { "force", OPTION_BOOL, offsetof(RevertOptions, force) },
        { "reset-nvram", OPTION_BOOL, offsetof(RevertOptions, reset_nvram) },
        { "keep", OPTION_STRING, offsetof(RevertOptions, keep) },
        {},
};

static int method_revert(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Bus *bus = bus_of(message);
        Snapshot *snapshot = userdata;
        RevertOptions options = {};
        RevertParams *params;
        GError *failure = NULL;
        const Job *job;
        int r;

        r = options_read(message, revert_options, &options, error);
        if (r < 0)
                return r;
        if (options.running && options.paused)
                return options_invalid(error, "\"running\" and \"paused\" exclude each other.");
        if (options.keep)
                return bus_failf(error, VS_ERR_NOT_SUPPORTED,
                        "\"keep\" is not supported yet; create a snapshot first, then revert.");
        params = g_new0(RevertParams, 1);
        params->name = g_strdup(snapshot->record->name);
        params->created = snapshot->record->created;
        params->running = options.running;
        params->paused = options.paused;
        params->force = options.force;
        params->reset_nvram = options.reset_nvram;
        job = revert_submit(bus->queue, snapshot, params, access_sender_uid(bus->access, message), &failure);
        return job ? bus_reply_job(message, job) : bus_fail(error, failure);
}

static const Option delete_options[] = {
        { "children", OPTION_BOOL, offsetof(DeleteParams, children) },
        { "children-only", OPTION_BOOL, offsetof(DeleteParams, children_only) },
        { "metadata-only", OPTION_BOOL, offsetof(DeleteParams, metadata_only) },
        { "force", OPTION_BOOL, offsetof(DeleteParams, force) },
        {},
};

static int method_delete(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Bus *bus = bus_of(message);
        Snapshot *snapshot = userdata;
        DeleteParams options = {}, *params;
        GError *failure = NULL;
        const Job *job;
        int r;

        r = options_read(message, delete_options, &options, error);
        if (r < 0)
                return r;
        if (options.children && options.children_only)
                return options_invalid(error, "\"children\" and \"children-only\" exclude each other.");
        params = g_memdup2(&options, sizeof options);
        params->name = g_strdup(snapshot->record->name);
        params->created = snapshot->record->created;
        job = delete_submit(bus->queue, snapshot, params, access_sender_uid(bus->access, message), &failure);
        return job ? bus_reply_job(message, job) : bus_fail(error, failure);
}

#define OPTIONS SD_BUS_ARGS("a{sv}", options)
#define JOB SD_BUS_RESULT("t", id, "o", job)
#define STEPS SD_BUS_RESULT("a(sssst)", steps)

/* clang-format off */
static const sd_bus_vtable snapshot_vtable[] = {
        SD_BUS_VTABLE_START(0),
        CHANGING("Name", "s", get_name),
        CHANGING("Description", "s", get_description),
        CHANGING("Domain", "o", get_domain),
        CHANGING("Parent", "o", get_parent),
        CHANGING("Children", "ao", get_children),
        CHANGING("CreationTime", "t", get_creation_time),
        CHANGING("State", "s", get_state),
        CHANGING("Condition", "s", get_condition),
        CHANGING("ConditionReason", "s", get_condition_reason),
        CHANGING("Location", "s", get_location),
        CHANGING("Memory", "s", get_memory),
        CHANGING("Current", "b", get_current),
        CHANGING("Disks", "a(sss)", get_disks),
        CHANGING("Consistency", "s", get_consistency),
        CHANGING("Policy", "s", get_policy),
        CHANGING("Protected", "b", get_protected),
        SD_BUS_METHOD_WITH_ARGS("GetXML", OPTIONS, SD_BUS_RESULT("s", xml), method_get_xml,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Revert", OPTIONS, JOB, method_revert, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Delete", OPTIONS, JOB, method_delete, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("PlanDelete", OPTIONS, STEPS, bus_not_yet, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("PlanRevert", OPTIONS, STEPS, bus_not_yet, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetDescription", SD_BUS_ARGS("s", description), SD_BUS_NO_RESULT,
                method_set_description, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetProtected", SD_BUS_ARGS("b", protect), SD_BUS_NO_RESULT,
                method_set_protected, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("MakeCurrent", OPTIONS, SD_BUS_NO_RESULT, method_make_current,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Rename", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_NO_RESULT,
                method_rename, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};
/* clang-format on */

static int find_snapshot(sd_bus *sd, const char *path, const char *interface, void *userdata,
        void **ret_found, sd_bus_error *error) {
        const Bus *bus = userdata;

        *ret_found = world_find_snapshot_by_path(bus->world, path);
        return *ret_found ? 1 : 0;
}

int bus_add_snapshots(Bus *bus) {
        return sd_bus_add_fallback_vtable(bus->bus, NULL, VS_DOMAIN_PREFIX, VS_SNAPSHOT_INTERFACE,
                snapshot_vtable, find_snapshot, bus);
}
