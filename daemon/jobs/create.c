/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/create.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/base/error.h"
#include "daemon/base/log.h"
#include "daemon/jobs/freeze.h"
#include "daemon/jobs/overlay.h"
#include "daemon/jobs/record.h"
#include "daemon/virt/edit.h"
#include "daemon/virt/virt-error.h"

/* What the work knows and finds out. */
typedef struct CreateWork {
        DomainRecord *domain; /* as it was when the job's turn came */
        Store *store;
        bool frozen; /* a freeze was asked for: thaw, whatever happened */
        bool crash_consistent; /* the fall-back of "prefer" */
        bool thawed_itself;
        bool only_thaw; /* after a crash: nothing else is left to do */
        char *made; /* the new snapshot's name */
        GPtrArray *overlays; /* of char *: files that libvirt is asked to make, … */
        GPtrArray *below; /* … and what each lies on */
} CreateWork;

CreateParams *create_params_new(void) {
        CreateParams *params = g_new0(CreateParams, 1);

        params->request = snapshot_request_new();
        params->made = g_new0(CreateWork, 1);
        params->made->overlays = g_ptr_array_new_with_free_func(g_free);
        params->made->below = g_ptr_array_new_with_free_func(g_free);
        return params;
}

void create_params_free(void *data) {
        CreateParams *params = data;

        snapshot_request_free(params->request);
        g_free(params->xml);
        domain_record_free(params->made->domain);
        g_free(params->made->made);
        g_ptr_array_unref(params->made->overlays);
        g_ptr_array_unref(params->made->below);
        g_free(params->made);
        g_free(params);
}

/* ---- what can be refused at once ---- */

static bool is_active(const DomainRecord *domain) {
        return domain->state != DOMAIN_SHUTOFF && domain->state != DOMAIN_NOSTATE &&
                domain->state != DOMAIN_CRASHED;
}

static bool check_options(const CreateParams *params, GError **error) {
        if (params->current && !params->redefine)
                return vs_fail(error, VS_ERR_INVALID_ARGS, "\"current\" needs \"redefine\".");
        if (params->redefine &&
                (params->halt || params->live || params->reuse_external || params->no_metadata))
                return vs_fail(error, VS_ERR_INVALID_ARGS,
                        "\"redefine\" takes no \"halt\", \"live\", \"reuse-external\" or \"no-metadata\".");
        if (params->quiesce != QUIESCE_NO && (!params->disk_only || params->redefine))
                return vs_fail(error, VS_ERR_INVALID_ARGS,
                        "\"quiesce\" needs \"disk-only\": memory holds what a frozen guest has not "
                        "written.");
        if (params->live && params->disk_only)
                return vs_fail(
                        error, VS_ERR_INVALID_ARGS, "\"live\" is about memory, \"disk-only\" is without.");
        if (params->disk_only && params->request->memory_given && params->request->memory != MEMORY_NONE)
                return vs_fail(error, VS_ERR_INVALID_ARGS, "\"disk-only\" is without memory.");
        if (params->no_metadata && params->protected)
                return vs_fail(error, VS_ERR_INVALID_ARGS, "What has no metadata cannot be protected.");
        return true;
}

static bool check_disks(const SnapshotRequest *request, const DomainRecord *domain, GError **error) {
        for (unsigned i = 0; i < request->disks->len; i++) {
                const SnapshotRequestDisk *disk = request->disks->pdata[i];

                /* libvirt takes a source path for a target, too. */
                if (*disk->target != '/' && !domain_record_disk(domain, disk->target))
                        return vs_fail(error, VS_ERR_NO_SUCH_DISK, "The domain %s has no disk \"%.64s\".",
                                domain->name, disk->target);
                if (disk->file && *disk->file != '/' && (!disk->type || strcmp(disk->type, "file") == 0))
                        return vs_fail(
                                error, VS_ERR_INVALID_PATH, "%.256s is not an absolute path.", disk->file);
        }
        return !request->memory_file || *request->memory_file == '/' ||
                vs_fail(error, VS_ERR_INVALID_PATH, "%.256s is not an absolute path.", request->memory_file);
}

static bool check_name(const CreateParams *params, const Domain *domain, GError **error) {
        const char *name = params->request->name;

        if (!*name)
                return true;
        if (domain_find_snapshot(domain, name))
                return params->redefine ||
                        vs_fail(error, VS_ERR_SNAPSHOT_EXISTS,
                                "The domain %s has a snapshot \"%.128s\" already.", domain->record->name,
                                name);
        return snapshot_name_check(name, error);
}

static bool check_agent(const CreateParams *params, const DomainRecord *domain, GError **error) {
        if (params->quiesce != QUIESCE_REQUIRE || domain->agent_connected || !is_active(domain))
                return true;
        return vs_fail(error, VS_ERR_AGENT_UNAVAILABLE,
                "No guest agent is connected in %s; without one use \"quiesce\" prefer or no.",
                domain->name);
}

bool create_check(CreateParams *params, const Domain *domain, GError **error) {
        g_autofree char *xml = NULL;

        domain_record_free(params->made->domain);
        params->made->domain = domain_record_copy(domain->record);

        if (!check_options(params, error) || !check_name(params, domain, error) ||
                !check_disks(params->request, domain->record, error) ||
                !check_agent(params, domain->record, error))
                return false;
        if (params->xml)
                return true;
        xml = snapshot_xml_build(params->request, error);
        return xml;
}

static const JobKind redefine_kind;

Job *create_submit(Queue *queue, Domain *domain, CreateParams *params, uint32_t uid, GError **error) {
        const JobKind *kind;

        if (!create_check(params, domain, error)) {
                create_params_free(params);
                return NULL;
        }
        kind = domain_find_snapshot(domain, params->request->name) ? &redefine_kind : &create_kind;
        return queue_submit(queue, kind, domain, NULL, params->request->name, uid, params, error);
}

static bool prepare(Queue *queue, Job *job, Domain *domain, void *data, GError **error) {
        CreateParams *params = data;

        params->made->store = queue_store(queue);
        domain_record_free(params->made->domain);
        params->made->domain = domain_record_copy(domain->record);
        /* Another job may have made one meanwhile. */
        return params->made->only_thaw || check_name(params, domain, error);
}

/* ---- what libvirt is asked ---- */

static bool wants_external(const CreateParams *params) {
        if (params->disk_only || params->request->memory == MEMORY_EXTERNAL)
                return true;
        for (unsigned i = 0; i < params->request->disks->len; i++)
                if (((SnapshotRequestDisk *) params->request->disks->pdata[i])->mode == DISK_MODE_EXTERNAL)
                        return true;
        return false;
}

static SnapshotRequestDisk *find_request(const SnapshotRequest *request, const DomainDisk *disk) {
        for (unsigned i = 0; i < request->disks->len; i++) {
                SnapshotRequestDisk *asked = request->disks->pdata[i];

                if (strcmp(asked->target, disk->target) == 0 || strcmp(asked->target, disk->source) == 0)
                        return asked;
        }
        return NULL;
}

/* What libvirt would do with a disk that the request does not speak of. */
static DiskMode natural_mode(const DomainDisk *disk) {
        if (disk->snapshot != DISK_MODE_DEFAULT)
                return disk->snapshot;
        return disk->readonly || disk->removable || !*disk->source ? DISK_MODE_NO : DISK_MODE_EXTERNAL;
}

/* libvirt's own names for overlays can be the same for two disks, so every overlay gets one of ours. */
static bool name_overlays(CreateParams *params, uint64_t id, bool *ret_changed, GError **error) {
        const CreateWork *work = params->made;

        *ret_changed = false;
        if (params->redefine || params->reuse_external || !wants_external(params))
                return true;
        for (unsigned i = 0; i < work->domain->disks->len; i++) {
                const DomainDisk *disk = work->domain->disks->pdata[i];
                SnapshotRequestDisk *asked = find_request(params->request, disk);
                DiskMode mode = asked && asked->mode != DISK_MODE_DEFAULT ? asked->mode : natural_mode(disk);

                if (mode != DISK_MODE_EXTERNAL || (asked && asked->file))
                        continue;
                if (!asked)
                        asked = snapshot_request_add_disk(params->request, disk->target, mode, NULL, NULL);
                asked->mode = mode;
                asked->file = overlay_name(disk, id, error);
                if (!asked->file)
                        return false;
                *ret_changed = true;
        }
        return true;
}

static const char *below_of(const CreateWork *work, const SnapshotRequestDisk *asked) {
        for (unsigned i = 0; i < work->domain->disks->len; i++) {
                const DomainDisk *disk = work->domain->disks->pdata[i];

                if (strcmp(asked->target, disk->target) == 0 || strcmp(asked->target, disk->source) == 0)
                        return disk->source;
        }
        return "";
}

/* An overlay that the caller wants made, or used, at a path: also what is said to be a device, for libvirt
 * writes over one without a question. */
static bool names_file(const SnapshotRequestDisk *asked) {
        return asked->file && *asked->file == '/';
}

bool create_names_files(const CreateParams *params) {
        if (params->redefine)
                return false;
        for (unsigned i = 0; i < params->request->disks->len; i++)
                if (names_file(params->request->disks->pdata[i]))
                        return true;
        return params->request->memory_file;
}

bool create_check_files(const CreateParams *params, GError **error) {
        g_autoptr(GPtrArray) folders = overlay_folders(params->made->domain);

        if (params->redefine)
                return true;
        for (unsigned i = 0; i < params->request->disks->len; i++) {
                const SnapshotRequestDisk *asked = params->request->disks->pdata[i];

                if (names_file(asked) &&
                        !overlay_check_path(asked->file, folders, params->reuse_external, error))
                        return false;
        }
        return !params->request->memory_file ||
                overlay_check_path(params->request->memory_file, folders, false, error);
}

static bool check_unneeded(LayerGraph *graph, const char *file, GError **error) {
        const Layer *layer = layer_graph_find(graph, file);
        const LayerPin *pin;

        if (!layer)
                return true;
        if (layer->children->len)
                return vs_fail(error, VS_ERR_WOULD_LOSE_DATA,
                        "The guest would write into %s, on which %s rests.", file,
                        ((const Layer *) layer->children->pdata[0])->path);
        if (layer->pins->len == 0)
                return true;
        pin = layer->pins->pdata[0];
        return vs_fail(error, VS_ERR_WOULD_LOSE_DATA, "The guest would write into %s, which %s%s%s needs.",
                file, pin->owner.snapshot ? pin->owner.snapshot : "", pin->owner.snapshot ? " of " : "",
                pin->owner.domain);
}

/* A file to be reused becomes the active layer: it may be nothing to anybody yet. */
static bool check_reused(JobRun *run, const CreateParams *params, GError **error) {
        g_autoptr(LayerGraph) graph = NULL;
        g_autoptr(VirConnect) handle = NULL;
        g_autoptr(Facts) facts = NULL;

        if (!params->reuse_external)
                return true;
        facts = run_ask_facts(run, error);
        handle = facts ? run_handle(run, error) : NULL;
        if (!handle || !facts_read_graph(facts, handle, run_uuid(run), &graph, error))
                return false;
        for (unsigned i = 0; i < params->request->disks->len; i++) {
                const SnapshotRequestDisk *asked = params->request->disks->pdata[i];

                if (names_file(asked) && !check_unneeded(graph, asked->file, error))
                        return false;
        }
        return true;
}

/* What libvirt is going to make, for the record and for the rights of it. */
static void note_overlays(const CreateParams *params) {
        for (unsigned i = 0; i < params->request->disks->len; i++) {
                const SnapshotRequestDisk *asked = params->request->disks->pdata[i];

                if (params->redefine || params->reuse_external || !names_file(asked))
                        continue;
                g_ptr_array_add(params->made->overlays, g_strdup(asked->file));
                g_ptr_array_add(params->made->below, g_strdup(below_of(params->made, asked)));
        }
}

/* The caller's own XML as it came, unless overlays had to be named. */
static char *final_xml(CreateParams *params, uint64_t id, GError **error) {
        bool changed;

        if (!name_overlays(params, id, &changed, error))
                return NULL;
        if (params->xml && !changed)
                return g_strdup(params->xml);
        return snapshot_xml_build(params->request, error);
}

static unsigned create_flags(const CreateParams *params) {
        const struct {
                bool on;
                unsigned flag;
        } flags[] = {
                { params->disk_only, VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY },
                { params->live, VIR_DOMAIN_SNAPSHOT_CREATE_LIVE },
                { params->atomic && !params->redefine, VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC },
                { params->halt, VIR_DOMAIN_SNAPSHOT_CREATE_HALT },
                { params->reuse_external, VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT },
                { params->no_metadata, VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA },
                { params->validate, VIR_DOMAIN_SNAPSHOT_CREATE_VALIDATE },
                { params->redefine, VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE },
                { params->current, VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT },
        };
        unsigned all = 0;

        for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
                if (flags[i].on)
                        all |= flags[i].flag;
        return all;
}

/* ---- the work ---- */

static bool write_record(JobRun *run, const CreateParams *params, GError **error) {
        struct json_object *record = record_new(run, JOB_CREATE);

        record_add_string(record, "snapshot", params->request->name);
        record_add_bool(record, "freeze", params->quiesce != QUIESCE_NO);
        record_add_strings(record, "overlays", params->made->overlays);
        return run_record(run, record, error);
}

static bool freeze(JobRun *run, virDomainPtr domain, CreateParams *params, GError **error) {
        g_autoptr(GError) problem = NULL;

        if (params->quiesce == QUIESCE_NO || !is_active(params->made->domain))
                return true;
        run_phase(run, "freezing the guest");
        if (!params->made->domain->agent_connected)
                vs_fail(&problem, VS_ERR_AGENT_UNAVAILABLE, "no guest agent is connected");
        else {
                params->made->frozen = true;
                if (freeze_guest(domain, &problem)) {
                        run_log(run, "the guest's file systems are frozen");
                        return true;
                }
        }
        if (params->quiesce == QUIESCE_REQUIRE) {
                g_propagate_error(error, g_steal_pointer(&problem));
                return false;
        }
        params->made->crash_consistent = true;
        run_log(run, "not quiesced, so the snapshot is only crash-consistent: %s", problem->message);
        return true;
}

static void thaw(JobRun *run, CreateParams *params) {
        g_autoptr(GError) problem = NULL;
        bool self = false;

        if (!params->made->frozen)
                return;
        if (!thaw_guest(run, &self, &problem)) {
                log_error("%s: %s", run_domain_name(run), problem->message);
                run_log(run, "%s; thaw it with virsh domfsthaw", problem->message);
        } else if (self && !params->made->crash_consistent) {
                params->made->thawed_itself = true;
                run_log(run, "the guest had thawed by itself before the snapshot was complete");
        } else
                run_log(run, "the guest's file systems are thawed");
}

static Consistency consistency_of(const CreateParams *params, Consistency natural) {
        if (params->redefine || !params->disk_only || !is_active(params->made->domain))
                return natural;
        if (params->quiesce == QUIESCE_NO || params->made->crash_consistent || params->made->thawed_itself)
                return CONSISTENCY_CRASH;
        return CONSISTENCY_FILESYSTEM;
}

/* Keep what libvirt has no place for. */
static bool write_notes(
        JobRun *run, virDomainSnapshotPtr snapshot, const CreateParams *params, GError **error) {
        char *xml = virDomainSnapshotGetXMLDesc(snapshot, 0);
        g_autoptr(SnapshotRecord) record = NULL;
        SnapshotNotes notes;
        bool ok;

        if (!xml)
                return virt_fail(error, "cannot read the new snapshot");
        record = snapshot_xml_parse(xml, error);
        free(xml);
        if (!record)
                return false;
        notes = store_get(params->made->store, run_uuid(run), record);
        notes.consistency = consistency_of(params, notes.consistency);
        notes.protected = params->protected;
        ok = store_set(params->made->store, run_uuid(run), record, &notes, error);
        g_free(notes.reason);
        return ok;
}

static bool needs_notes(const CreateParams *params) {
        return !params->no_metadata &&
                (params->protected ||
                        (params->disk_only && !params->redefine && is_active(params->made->domain)));
}

static void tell_manual(JobRun *run, const CreateParams *params) {
        for (unsigned i = 0; i < params->request->disks->len; i++) {
                const SnapshotRequestDisk *disk = params->request->disks->pdata[i];

                if (disk->mode == DISK_MODE_MANUAL)
                        run_log(run,
                                "the guest is paused for the snapshot of %s, which you make; then resume it",
                                disk->target);
        }
}

static bool take(JobRun *run, virDomainPtr domain, const CreateParams *params, const char *xml,
        virDomainSnapshotPtr *ret, GError **error) {
        run_phase(run, params->redefine ? "redefining" : "taking the snapshot");
        *ret = virDomainSnapshotCreateXML(domain, xml, create_flags(params));
        return *ret || virt_fail(error, NULL);
}

/* The snapshot is there; that something about it could not be kept is no reason to call it failed. */
static void keep(JobRun *run, virDomainSnapshotPtr snapshot, CreateParams *params) {
        g_autoptr(GError) problem = NULL, unknown = NULL;

        params->made->made = g_strdup(virDomainSnapshotGetName(snapshot));
        run_snapshot(run, params->made->made);
        tell_manual(run, params);
        for (unsigned i = 0; i < params->made->overlays->len; i++)
                overlay_restrict(params->made->overlays->pdata[i], params->made->below->pdata[i]);
        if (!store_add_overlays(params->made->store, params->made->overlays, &unknown))
                run_log(run, "%s", unknown->message);
        if (needs_notes(params) && !write_notes(run, snapshot, params, &problem))
                run_log(run, "%s", problem->message);
}

static bool work_create(JobRun *run, void *data, GError **error) {
        CreateParams *params = data;
        g_autoptr(VirDomain) domain = run_domain(run, error);
        g_autoptr(VirSnapshot) snapshot = NULL;
        g_autofree char *xml = NULL;
        bool ok;

        if (!domain)
                return false;
        if (params->made->only_thaw) {
                params->made->frozen = params->quiesce != QUIESCE_NO;
                thaw(run, params);
                return vs_fail(error, VS_ERR_LIBVIRT_FAILED,
                        "The daemon was interrupted; whether the snapshot was made is what the list shows.");
        }
        xml = final_xml(params, run_id(run), error);
        if (!xml || !create_check_files(params, error) || !check_reused(run, params, error))
                return false;
        note_overlays(params);
        if (!write_record(run, params, error) || !run_check_cancelled(run, error))
                return false;
        run_cancelable(run, false);
        ok = freeze(run, domain, params, error) && take(run, domain, params, xml, &snapshot, error);
        /* Nothing comes before it: the guest waits. */
        thaw(run, params);
        if (ok)
                keep(run, snapshot, params);
        return ok;
}

const JobKind create_kind = {
        .operation = JOB_CREATE,
        .holds = true,
        .prepare = prepare,
        .work = work_create,
        .free = create_params_free,
};

/* Of a snapshot that is there already: its XML is not what was read of it. */
static const JobKind redefine_kind = {
        .operation = JOB_CREATE,
        .holds = true,
        .rewrites = true,
        .prepare = prepare,
        .work = work_create,
        .free = create_params_free,
};

CreateParams *create_params_from_record(const struct json_object *record) {
        CreateParams *params = create_params_new();

        params->made->only_thaw = true;
        params->quiesce = record_bool(record, "freeze") ? QUIESCE_PREFER : QUIESCE_NO;
        g_free(params->request->name);
        params->request->name = g_strdup(record_string(record, "snapshot"));
        return params;
}
