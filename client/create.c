/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "client/job.h"
#include "client/say.h"
#include "client/spec.h"
#include "client/text.h"
#include "client/verb.h"
#include "dbus/names.h"

/* The greatest XML that the daemon takes. */
#define XML_BYTES_MAX (UINT64_C(1) << 20)

static bool arg_disk_only, arg_live, arg_atomic, arg_halt, arg_reuse_external, arg_no_metadata, arg_validate,
        arg_protected, arg_redefine, arg_current;
static const char *arg_quiesce, *arg_description, *arg_memspec;
static GPtrArray *arg_diskspecs;

static const Option create_options[] = {
        { "description", 0, OPTION_STRING, &arg_description, "What it is for", "TEXT" },
        { "disk-only", 0, OPTION_FLAG, &arg_disk_only, "The disks alone, as external overlays" },
        { "diskspec", 0, OPTION_LIST, &arg_diskspecs,
                "What to do with a disk: DISK[,snapshot=no|internal|external|manual][,driver=FORMAT]"
                "[,file=FILE]; \",,\" stands for a comma; once for each disk",
                "SPEC" },
        { "memspec", 0, OPTION_STRING, &arg_memspec,
                "What to do with the memory: [file=]FILE[,snapshot=no|internal|external]", "SPEC" },
        { "live", 0, OPTION_FLAG, &arg_live, "Let the guest run while its memory is saved" },
        { "quiesce", 0, OPTION_IMPLIED, &arg_quiesce,
                "Freeze the guest's file systems by its agent: require (the default), no, or prefer (do "
                "without where there is no agent)",
                "HOW", "require" },
        { "atomic", 0, OPTION_FLAG, &arg_atomic, "All disks or none (so it is anyway)" },
        { "halt", 0, OPTION_FLAG, &arg_halt, "Stop the domain afterwards" },
        { "reuse-external", 0, OPTION_FLAG, &arg_reuse_external,
                "Write to overlay files that exist already" },
        { "no-metadata", 0, OPTION_FLAG, &arg_no_metadata, "Do not let libvirt remember it" },
        { "validate", 0, OPTION_FLAG, &arg_validate, "Check the XML against libvirt's schema" },
        { "protected", 0, OPTION_FLAG, &arg_protected, "Refuse to delete it without --force" },
        { NULL },
};

static const Option create_xml_options[] = {
        { "redefine", 0, OPTION_FLAG, &arg_redefine, "Put metadata back, touch no image" },
        { "current", 0, OPTION_FLAG, &arg_current, "With --redefine: make it the current one" },
        { "disk-only", 0, OPTION_FLAG, &arg_disk_only, "The disks alone, as external overlays" },
        { "live", 0, OPTION_FLAG, &arg_live, "Let the guest run while its memory is saved" },
        { "quiesce", 0, OPTION_IMPLIED, &arg_quiesce,
                "Freeze the guest's file systems by its agent: require (the default), no, or prefer", "HOW",
                "require" },
        { "atomic", 0, OPTION_FLAG, &arg_atomic, "All disks or none (so it is anyway)" },
        { "halt", 0, OPTION_FLAG, &arg_halt, "Stop the domain afterwards" },
        { "reuse-external", 0, OPTION_FLAG, &arg_reuse_external,
                "Write to overlay files that exist already" },
        { "no-metadata", 0, OPTION_FLAG, &arg_no_metadata, "Do not let libvirt remember it" },
        { "validate", 0, OPTION_FLAG, &arg_validate, "Check the XML against libvirt's schema" },
        { "protected", 0, OPTION_FLAG, &arg_protected, "Refuse to delete it without --force" },
        { NULL },
};

static int append_flags(sd_bus_message *m) {
        const struct {
                const char *key;
                bool value;
        } flags[] = {
                { "disk-only", arg_disk_only },
                { "live", arg_live },
                { "atomic", arg_atomic },
                { "halt", arg_halt },
                { "reuse-external", arg_reuse_external },
                { "no-metadata", arg_no_metadata },
                { "validate", arg_validate },
                { "protected", arg_protected },
                { "redefine", arg_redefine },
                { "current", arg_current },
        };
        int r = bus_option_str(m, "quiesce", arg_quiesce);

        for (size_t i = 0; i < G_N_ELEMENTS(flags) && r >= 0; i++)
                r = bus_option_bool(m, flags[i].key, flags[i].value);
        return r;
}

static int append_memory(sd_bus_message *m, const MemorySpec *spec) {
        const char *mode = spec->snapshot ? spec->snapshot : spec->file ? "external" : NULL;
        int r = bus_option_str(m, "memory", g_strcmp0(mode, "no") == 0 ? "none" : mode);

        return r < 0 ? r : bus_option_str(m, "memory-file", spec->file);
}

static int append_disk(sd_bus_message *m, const DiskSpec *spec) {
        int r = sd_bus_message_open_container(m, 'r', "sa{sv}");

        if (r >= 0)
                r = sd_bus_message_append(m, "s", spec->disk);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = bus_option_str(m, "snapshot", spec->snapshot);
        if (r >= 0)
                r = bus_option_str(m, "file", spec->file);
        if (r >= 0)
                r = bus_option_str(m, "driver", spec->driver);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_disks(sd_bus_message *m, GPtrArray *specs) {
        int r = sd_bus_message_open_container(m, 'e', "sv");

        if (r >= 0)
                r = sd_bus_message_append(m, "s", "disks");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "a(sa{sv})");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sa{sv})");
        for (guint i = 0; i < specs->len && r >= 0; i++)
                r = append_disk(m, g_ptr_array_index(specs, i));
        for (unsigned i = 0; i < 3 && r >= 0; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

static void disk_spec_destroy(void *spec) {
        disk_spec_free(spec);
}

/* Read what --memspec and --diskspec say; a mistake there is one of usage.  A status. */
static int parse_specs(const Verb *verb, MemorySpec **ret_memory, GPtrArray **ret_disks) {
        g_autofree char *command = verb_command(verb);
        g_autoptr(GPtrArray) disks = g_ptr_array_new_with_free_func(disk_spec_destroy);
        g_autoptr(GError) error = NULL;

        if (arg_memspec) {
                *ret_memory = memory_spec_parse(arg_memspec, &error);
                if (error)
                        return options_usage(command, "--memspec: %s", error->message);
        }
        for (guint i = 0; arg_diskspecs && i < arg_diskspecs->len; i++) {
                DiskSpec *spec = disk_spec_parse(g_ptr_array_index(arg_diskspecs, i), &error);

                if (!spec)
                        return options_usage(command, "--diskspec: %s", error->message);
                g_ptr_array_add(disks, spec);
        }
        *ret_disks = g_steal_pointer(&disks);
        return STATUS_DONE;
}

/* --quiesce=prefer may have had to do without: people must hear of it. */
static void say_if_not_quiesced(Client *client, const char *domain_path, const char *name) {
        g_autoptr(Json) path = NULL, properties = NULL;

        if (bus_call(client, NULL, &path, domain_path, VS_DOMAIN_INTERFACE, "GetSnapshot", "s", name) < 0 ||
                bus_get_all(client, NULL, &properties, json_object_get_string(path), VS_SNAPSHOT_INTERFACE) <
                        0)
                return;
        if (g_str_equal(json_str(properties, "consistency"), "crash"))
                say("The guest's file systems were not frozen: it holds what a power cut would have left.");
}

static int run_job(Client *client, sd_bus_message *m, const JobText *text, const char *domain_path) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autoptr(Job) job = NULL;
        int status, r = job_new(client, text, &job);

        if (r >= 0)
                r = job_start(job, m, &error);
        if (r < 0)
                return fail_bus(&error, r, text->what);
        status = job_follow(job);
        if (status == STATUS_DONE && g_strcmp0(arg_quiesce, "prefer") == 0 && *job_snapshot(job))
                say_if_not_quiesced(client, domain_path, job_snapshot(job));
        return status;
}

static int run_create(Client *client, const Verb *verb, char **args) {
        const char *name = args[1] ? args[1] : "";
        const char *description = args[2] ? args[2] : arg_description;
        g_autofree char *path = NULL, *domain = text_escape(args[0]), *escaped = text_escape(name);
        g_autofree char *what = g_strdup_printf("take a snapshot of '%s'", domain);
        g_autofree char *done = g_strdup_printf("Snapshot '%s' of '%s' taken", escaped, domain);
        const JobText text = { .label = domain, .what = what, .done = done, .print_snapshot = !*name };
        g_autoptr(sd_bus_message) m = NULL;
        g_autoptr(MemorySpec) memory = NULL;
        g_autoptr(GPtrArray) disks = NULL;
        int r;

        r = parse_specs(verb, &memory, &disks);
        if (r == STATUS_DONE)
                r = bus_find_domain(client, args[0], &path);
        if (r != STATUS_DONE)
                return r;
        r = bus_method(client, path, VS_DOMAIN_INTERFACE, "CreateSnapshot", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", name);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = append_flags(m);
        if (r >= 0)
                r = bus_option_str(m, "description", description);
        if (r >= 0 && memory)
                r = append_memory(m, memory);
        if (r >= 0 && disks && disks->len > 0)
                r = append_disks(m, disks);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? fail_bus(NULL, r, what) : run_job(client, m, &text, path);
}

/* The whole of a file, of stdin for "-", or without one the XML that asks for nothing in particular. */
static char *read_xml(const char *file) {
        g_autoptr(GString) xml = g_string_new(NULL);
        g_autofree char *escaped = text_escape(file ? file : "");
        bool is_stdin = file && g_str_equal(file, "-");
        FILE *stream;
        int c;

        if (!file)
                return g_strdup("<domainsnapshot/>");
        stream = is_stdin ? stdin : fopen(file, "re");
        if (!stream) {
                fail("cannot read '%s': %m", escaped);
                return NULL;
        }
        while ((c = getc(stream)) != EOF && xml->len <= XML_BYTES_MAX)
                g_string_append_c(xml, (char) c);
        if (ferror(stream))
                fail("cannot read '%s': %m", escaped);
        else if (xml->len > XML_BYTES_MAX)
                fail("'%s' is larger than 1 MiB", escaped);
        else if (strlen(xml->str) != xml->len || !g_utf8_validate(xml->str, (gssize) xml->len, NULL))
                fail("'%s' is not valid UTF-8", escaped);
        else {
                if (!is_stdin)
                        fclose(stream);
                return g_string_free(g_steal_pointer(&xml), FALSE);
        }
        if (!is_stdin)
                fclose(stream);
        return NULL;
}

static int run_create_xml(Client *client, const Verb *verb, char **args) {
        g_autofree char *path = NULL, *xml = NULL, *domain = text_escape(args[0]);
        g_autofree char *what = g_strdup_printf(
                arg_redefine ? "redefine a snapshot of '%s'" : "take a snapshot of '%s'", domain);
        const JobText text = { .label = domain, .what = what, .print_snapshot = true };
        g_autofree char *command = verb_command(verb);
        g_autoptr(sd_bus_message) m = NULL;
        int r;

        if (arg_current && !arg_redefine)
                return options_usage(command, "--current needs --redefine");
        xml = read_xml(args[1]);
        if (!xml)
                return STATUS_FAILED;
        r = bus_find_domain(client, args[0], &path);
        if (r != STATUS_DONE)
                return r;
        r = bus_method(client, path, VS_DOMAIN_INTERFACE, "CreateSnapshotXML", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", xml);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = append_flags(m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? fail_bus(NULL, r, what) : run_job(client, m, &text, path);
}

const Verb verb_create = {
        .name = "create",
        .synopsis = "DOMAIN [NAME] [DESCRIPTION]",
        .summary = "Take a snapshot",
        .group = GROUP_SNAPSHOT,
        .min_args = 1,
        .max_args = 3,
        .options = create_options,
        .run = run_create,
};

const Verb verb_create_xml = {
        .name = "create-xml",
        .synopsis = "DOMAIN [FILE]",
        .summary = "Take or redefine one from XML",
        .group = GROUP_SNAPSHOT,
        .min_args = 1,
        .max_args = 2,
        .options = create_xml_options,
        .run = run_create_xml,
};
