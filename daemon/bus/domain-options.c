/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/bus/domain-options.h"

#include <string.h>

#include "daemon/bus/bus.h"
#include "daemon/bus/options.h"

/* ---- ListSnapshots ---- */

#define FLAG(name, field) \
        { name, OPTION_BOOL, offsetof(ListOptions, field) }

static const Option list_options[] = {
        FLAG("roots", roots),
        FLAG("leaves", leaves),
        FLAG("no-leaves", no_leaves),
        FLAG("active", active),
        FLAG("inactive", inactive),
        FLAG("disk-only", disk_only),
        FLAG("internal", internal),
        FLAG("external", external),
        FLAG("metadata", metadata),
        FLAG("no-metadata", no_metadata),
        FLAG("descendants", descendants),
        { "from", OPTION_STRING, offsetof(ListOptions, from) },
        {},
};

#undef FLAG

int list_options_read(sd_bus_message *message, const Domain *domain, ListOptions *ret,
        const Snapshot **ret_from, sd_bus_error *error) {
        ListOptions options = {};
        int r;

        r = options_read(message, list_options, &options, error);
        if (r < 0)
                return r;
        if (options.descendants && !options.from)
                return options_invalid(error, "\"descendants\" needs \"from\".");
        if (options.roots && options.from)
                return options_invalid(error, "\"roots\" and \"from\" exclude each other.");
        if (options.from) {
                *ret_from = domain_find_snapshot(domain, options.from);
                if (!*ret_from)
                        return bus_failf(error, VS_ERR_NO_SUCH_SNAPSHOT,
                                "The domain %s has no snapshot \"%.128s\".", domain->record->name,
                                options.from);
        }
        *ret = options;
        return 0;
}

bool list_options_match(const ListOptions *options, const Snapshot *s) {
        bool external = snapshot_record_is_external(s->record);
        bool off = s->record->state == DOMAIN_SHUTOFF, disk = s->record->state == DOMAIN_DISK_SNAPSHOT;

        if (options->roots && s->parent)
                return false;
        if ((options->leaves || options->no_leaves) &&
                !(s->n_children ? options->no_leaves : options->leaves))
                return false;
        if ((options->active || options->inactive || options->disk_only) &&
                !(disk                ? options->disk_only
                                : off ? options->inactive
                                      : options->active))
                return false;
        if ((options->internal || options->external) && !(external ? options->external : options->internal))
                return false;
        /* What libvirt lists has metadata. */
        return options->metadata || !options->no_metadata;
}

/* ---- CreateSnapshot, CreateSnapshotXML ---- */

typedef struct DiskOptions {
        const char *snapshot, *file, *driver;
} DiskOptions;

static const Option disk_options[] = {
        { "snapshot", OPTION_STRING, offsetof(DiskOptions, snapshot) },
        { "file", OPTION_STRING, offsetof(DiskOptions, file) },
        { "driver", OPTION_STRING, offsetof(DiskOptions, driver) },
        {},
};

static int read_disk(sd_bus_message *message, SnapshotRequest *request, sd_bus_error *error) {
        DiskOptions options = {};
        DiskMode mode = DISK_MODE_DEFAULT;
        const char *target;
        int r;

        r = sd_bus_message_read(message, "s", &target);
        if (r < 0)
                return r;
        r = options_read(message, disk_options, &options, error);
        if (r < 0)
                return r;
        if (!*target)
                return options_invalid(error, "A disk without a target is in \"disks\".");
        if (options.snapshot)
                mode = disk_mode_from_string(options.snapshot);
        if (options.snapshot && (mode == _DISK_MODE_MAX || mode == DISK_MODE_DEFAULT))
                return options_invalid(error,
                        "\"snapshot\" of the disk %.64s must be no, internal, external or manual.", target);
        snapshot_request_add_disk(request, target, mode, options.file, options.driver);
        return 0;
}

static int read_disks(sd_bus_message *message, void *value, sd_bus_error *error) {
        SnapshotRequest *request = *(SnapshotRequest **) value;
        int r = sd_bus_message_enter_container(message, 'a', "(sa{sv})");

        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(message, 'r', "sa{sv}")) > 0) {
                if (request->disks->len >= SNAPSHOT_DISKS_MAX)
                        return options_invalid(
                                error, "\"disks\" has more than %u disks.", SNAPSHOT_DISKS_MAX);
                r = read_disk(message, request, error);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

typedef struct CreateRead {
        SnapshotRequest *request;
        const char *description, *quiesce, *memory, *memory_file;
        bool disk_only, live, atomic, halt, reuse_external, no_metadata, validate, redefine, current,
                protected;
} CreateRead;

#define FLAG(name, field) \
        { name, OPTION_BOOL, offsetof(CreateRead, field) }
#define WORD(name, field) \
        { name, OPTION_STRING, offsetof(CreateRead, field) }
#define COMMON_CREATE                                                                                       \
        FLAG("disk-only", disk_only), FLAG("live", live), FLAG("atomic", atomic), FLAG("halt", halt),       \
                FLAG("reuse-external", reuse_external), FLAG("no-metadata", no_metadata),                   \
                FLAG("validate", validate), FLAG("protected", protected), WORD("quiesce", quiesce),         \
                WORD("description", description), WORD("memory", memory), WORD("memory-file", memory_file), \
        {                                                                                                   \
                "disks", OPTION_CUSTOM, offsetof(CreateRead, request), .signature = "a(sa{sv})",            \
                                                                       .read = read_disks                   \
        }

static const Option create_options[] = {
        COMMON_CREATE,
        {},
};

static const Option create_xml_options[] = {
        COMMON_CREATE,
        FLAG("redefine", redefine),
        FLAG("current", current),
        {},
};

#undef WORD
#undef FLAG

static int take_quiesce(const CreateRead *read, CreateParams *params, sd_bus_error *error) {
        static const char *const words[_QUIESCE_MAX] = {
                [QUIESCE_NO] = "no",
                [QUIESCE_PREFER] = "prefer",
                [QUIESCE_REQUIRE] = "require",
        };

        params->quiesce = QUIESCE_NO;
        if (!read->quiesce)
                return 0;
        for (Quiesce q = 0; q < _QUIESCE_MAX; q++)
                if (strcmp(words[q], read->quiesce) == 0) {
                        params->quiesce = q;
                        return 0;
                }
        return options_invalid(error, "\"quiesce\" must be no, prefer or require.");
}

static int take_memory(const CreateRead *read, SnapshotRequest *request, sd_bus_error *error) {
        if (read->memory) {
                request->memory = memory_mode_from_string(read->memory);
                request->memory_given = true;
                if (request->memory == _MEMORY_MODE_MAX)
                        return options_invalid(error, "\"memory\" must be none, internal or external.");
        }
        if (!read->memory_file)
                return 0;
        if (read->memory && request->memory != MEMORY_EXTERNAL)
                return options_invalid(error, "\"memory-file\" needs \"memory\" external.");
        request->memory = MEMORY_EXTERNAL;
        request->memory_given = true;
        g_free(request->memory_file);
        request->memory_file = g_strdup(read->memory_file);
        return 0;
}

static void take_description(const CreateRead *read, SnapshotRequest *request) {
        if (!read->description)
                return;
        g_free(request->description);
        request->description = g_strdup(read->description);
}

static int take_flags(const CreateRead *read, CreateParams *params, sd_bus_error *error) {
        params->disk_only = read->disk_only;
        params->live = read->live;
        params->atomic = read->atomic;
        params->halt = read->halt;
        params->reuse_external = read->reuse_external;
        params->no_metadata = read->no_metadata;
        params->validate = read->validate;
        params->redefine = read->redefine;
        params->current = read->current;
        params->protected = read->protected;
        return take_quiesce(read, params, error);
}

int create_options_read(sd_bus_message *message, const char *name, CreateParams **ret, sd_bus_error *error) {
        CreateParams *params = create_params_new();
        CreateRead read = { .atomic = true, .request = params->request };
        int r;

        g_free(params->request->name);
        params->request->name = g_strdup(name);
        r = options_read(message, create_options, &read, error);
        if (r >= 0)
                r = take_flags(&read, params, error);
        if (r >= 0)
                r = take_memory(&read, params->request, error);
        if (r < 0) {
                create_params_free(params);
                return r;
        }
        take_description(&read, params->request);
        *ret = params;
        return 0;
}

/* The XML's own word on a disk gives way. */
static void take_disk(SnapshotRequest *request, const SnapshotRequestDisk *disk) {
        for (unsigned i = 0; i < request->disks->len; i++) {
                const SnapshotRequestDisk *known = request->disks->pdata[i];

                if (strcmp(known->target, disk->target) == 0) {
                        g_ptr_array_remove_index(request->disks, i);
                        break;
                }
        }
        snapshot_request_add_disk(request, disk->target, disk->mode, disk->file, disk->driver);
}

/* What the options say of the content wins over the XML, which is then built anew; of a redefine only the
 * description can be said, as all else is what is there. */
static int take_content(const CreateRead *read, CreateParams *params, sd_bus_error *error) {
        const GPtrArray *disks = read->request->disks;
        GError *failure = NULL;
        char *xml = NULL;
        int r;

        if (!read->description && !read->memory && !read->memory_file && !disks->len)
                return 0;
        if (read->redefine && (read->memory || read->memory_file || disks->len))
                return options_invalid(
                        error, "\"redefine\" takes no \"memory\", \"memory-file\" or \"disks\".");
        if (read->redefine) {
                xml = snapshot_xml_set_description(params->xml, read->description, &failure);
                if (!xml)
                        return bus_fail(error, failure);
        }
        if (read->memory)
                g_clear_pointer(&params->request->memory_file, g_free);
        r = take_memory(read, params->request, error);
        if (r < 0) {
                g_free(xml);
                return r;
        }
        take_description(read, params->request);
        for (unsigned i = 0; i < disks->len; i++)
                take_disk(params->request, disks->pdata[i]);
        g_free(params->xml);
        params->xml = xml;
        return 0;
}

int create_xml_options_read(
        sd_bus_message *message, const char *xml, CreateParams **ret, sd_bus_error *error) {
        g_autoptr(SnapshotRequest) request = NULL, given = snapshot_request_new();
        CreateRead read = { .atomic = true, .request = given };
        GError *failure = NULL;
        CreateParams *params;
        int r;

        r = options_read(message, create_xml_options, &read, error);
        if (r < 0)
                return r;
        if (!snapshot_xml_check(xml, 0, read.redefine, &request, &failure))
                return bus_fail(error, failure);
        params = create_params_new();
        snapshot_request_free(params->request);
        params->request = g_steal_pointer(&request);
        params->xml = g_strdup(xml);
        r = take_flags(&read, params, error);
        if (r >= 0)
                r = take_content(&read, params, error);
        if (r < 0) {
                create_params_free(params);
                return r;
        }
        *ret = params;
        return 0;
}

/* ---- BlockCommit, BlockPull ---- */

typedef struct MergeOptions {
        const char *base, *top;
        bool active, shallow, relative, pivot, unlink, keep_overlay, force;
        uint64_t bandwidth, timeout;
} MergeOptions;

#define FLAG(name, field) \
        { name, OPTION_BOOL, offsetof(MergeOptions, field) }
#define COMMON_MERGE                                                                         \
        { "base", OPTION_STRING, offsetof(MergeOptions, base) }, FLAG("relative", relative), \
                { "bandwidth", OPTION_UINT64, offsetof(MergeOptions, bandwidth) }, {         \
                "timeout", OPTION_UINT64, offsetof(MergeOptions, timeout)                    \
        }

static const Option commit_options[] = {
        COMMON_MERGE,
        { "top", OPTION_STRING, offsetof(MergeOptions, top) },
        FLAG("active", active),
        FLAG("shallow", shallow),
        FLAG("pivot", pivot),
        FLAG("delete", unlink),
        FLAG("keep-overlay", keep_overlay),
        FLAG("force", force),
        {},
};

static const Option pull_options[] = {
        COMMON_MERGE,
        {},
};

int merge_options_read(
        sd_bus_message *message, bool pull, const char *disk, MergeParams **ret, sd_bus_error *error) {
        MergeOptions options = { .pivot = true, .unlink = true };
        MergeParams *params;
        int r;

        r = options_read(message, pull ? pull_options : commit_options, &options, error);
        if (r < 0)
                return r;
        if (options.shallow && options.base)
                return options_invalid(error, "\"shallow\" and \"base\" exclude each other.");
        if (options.bandwidth > INT64_MAX)
                return options_invalid(error, "\"bandwidth\" is too large.");
        params = merge_params_new(pull, disk);
        params->base = options.base && *options.base ? g_strdup(options.base) : NULL;
        params->top = options.top && *options.top ? g_strdup(options.top) : NULL;
        params->active = options.active;
        params->shallow = options.shallow;
        params->relative = options.relative;
        params->pivot = options.pivot;
        params->unlink = options.unlink;
        params->keep_overlay = options.keep_overlay;
        params->force = options.force;
        params->bandwidth = options.bandwidth;
        params->timeout = options.timeout;
        *ret = params;
        return 0;
}
