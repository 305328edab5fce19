/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "daemon/base/error.h"
#include "daemon/virt/domain-xml.h"

static char *read_data(const char *name) {
        g_autofree char *path = g_build_filename(TEST_DATA, name, NULL);
        g_autoptr(GError) error = NULL;
        char *text;

        g_file_get_contents(path, &text, NULL, &error);
        g_assert_no_error(error);
        return text;
}

/* A definition with these devices. */
static char *with_devices(const char *devices) {
        return g_strdup_printf(
                "<domain type='qemu'><name>web</name><devices>%s</devices></domain>", devices);
}

static void parse(const char *xml, DomainRecord *into) {
        g_autoptr(GError) error = NULL;

        g_assert_true(domain_xml_parse(xml, into, &error));
        g_assert_no_error(error);
}

static const DomainDisk *disk_at(const DomainRecord *record, unsigned i) {
        g_assert_cmpuint(i, <, record->disks->len);
        return record->disks->pdata[i];
}

static void test_parse(void) {
        g_autofree char *xml = read_data("domain-running.xml");
        g_autoptr(DomainRecord) record = g_new0(DomainRecord, 1);
        const DomainDisk *disk;

        record->title = g_strdup("old");
        record->current = g_strdup("kept");
        parse(xml, record);
        g_assert_cmpstr(record->name, ==, "web");
        g_assert_cmpuint(strlen(record->uuid), ==, 36);
        g_assert_cmpstr(record->title, ==, "a & b");
        g_assert_cmpstr(record->current, ==, "kept");
        g_assert_cmpuint(record->disks->len, ==, 3);
        disk = disk_at(record, 0);
        g_assert_cmpstr(disk->target, ==, "vda");
        g_assert_cmpstr(disk->source, ==, "/images/web.s4"); /* not one of its <backingStore>s */
        g_assert_cmpstr(disk->format, ==, "qcow2");
        g_assert_cmpstr(disk->type, ==, "file");
        g_assert_true(disk->file);
        g_assert_false(disk->readonly);
        disk = disk_at(record, 2);
        g_assert_cmpstr(disk->source, ==, "");
        g_assert_false(disk->file);
        g_assert_true(disk->readonly);
        g_assert_true(disk->removable);
}

static void test_sources(void) {
        static const struct {
                const char *disk, *source, *type;
                bool file;
        } rows[] = {
                { "<disk type='block'><source dev='/dev/vg/a'/>", "/dev/vg/a", "block", true },
                { "<disk><source file='/i/a&amp;b &lt;c&gt;'/>", "/i/a&b <c>", "file", true },
                { "<disk type='network'><source protocol='rbd' name='pool/web'><host name='mon' "
                  "port='6789'/></source>",
                        "rbd://mon:6789/pool/web", "network", false },
                { "<disk type='network'><source protocol='nbd' name='x'/>", "nbd:///x", "network", false },
                { "<disk type='volume'><source pool='default' volume='web.img'/>", "default/web.img",
                        "volume", false },
                { "<disk type='volume'><source pool='default'/>", "", "volume", false },
                { "<disk type='nvme'><source type='pci' namespace='1'/>", "nvme", "nvme", false },
                { "<disk type='vhostuser'><source type='unix' path='/run/blk.sock'/>", "/run/blk.sock",
                        "vhostuser", false },
                { "<disk type='file'>", "", "file", false },
                { "<disk type='file'><source/>", "", "file", false },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autofree char *devices = g_strdup_printf("%s<target dev='vda'/></disk>", rows[i].disk);
                g_autofree char *xml = with_devices(devices);
                g_autoptr(DomainRecord) record = g_new0(DomainRecord, 1);

                parse(xml, record);
                g_assert_cmpstr(disk_at(record, 0)->source, ==, rows[i].source);
                g_assert_cmpstr(disk_at(record, 0)->type, ==, rows[i].type);
                g_assert_true(disk_at(record, 0)->file == rows[i].file);
                g_assert_cmpstr(disk_at(record, 0)->format, ==, "");
        }
}

static void test_flags(void) {
        g_autofree char *xml = with_devices(
                "<disk snapshot='external' device='floppy'><target dev='fda'/><shareable/></disk>"
                "<disk snapshot='what'><target dev='vdb'/></disk>"
                "<disk snapshot='manual'><target dev='vdc'/></disk>"
                "<disk><source file='/no/target'/></disk>");
        g_autoptr(DomainRecord) record = g_new0(DomainRecord, 1);

        parse(xml, record);
        g_assert_cmpuint(record->disks->len, ==, 3);
        g_assert_cmpint(disk_at(record, 0)->snapshot, ==, DISK_MODE_EXTERNAL);
        g_assert_true(disk_at(record, 0)->removable);
        g_assert_true(disk_at(record, 0)->shareable);
        g_assert_cmpint(disk_at(record, 1)->snapshot, ==, DISK_MODE_DEFAULT);
        g_assert_cmpint(disk_at(record, 2)->snapshot, ==, DISK_MODE_MANUAL);
        g_assert_cmpstr(record->title, ==, "");
}

static void test_refused(void) {
        static const char *const texts[] = {
                "",
                "<domain>",
                "<other/>",
                "<domain xmlns='urn:x'/>",
                "<!DOCTYPE domain><domain/>",
                "<!DOCTYPE domain [<!ENTITY a 'b'>]><domain><name>&a;</name></domain>",
                "<domain><name>&a;</name></domain>",
                "<?xml version='1.0' encoding='UTF-7'?><domain/>",
        };
        g_autoptr(DomainRecord) record = g_new0(DomainRecord, 1);

        record->name = g_strdup("kept");
        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                g_autoptr(GError) error = NULL;

                g_assert_false(domain_xml_parse(texts[i], record, &error));
                g_assert_error(error, VS_ERROR, VS_ERR_INVALID_XML);
        }
        g_assert_cmpstr(record->name, ==, "kept");
        g_assert_null(record->disks);
}

static char *say_chain(const char *xml, const char *target) {
        g_autoptr(GPtrArray) chain = NULL;
        g_autoptr(GError) error = NULL;
        GString *text = g_string_new(NULL);
        bool complete;

        g_assert_true(domain_xml_chain(xml, target, &chain, &complete, &error));
        for (unsigned i = 0; i < chain->len; i++) {
                const LayerRef *ref = chain->pdata[i];

                g_string_append_printf(
                        text, "%s(%s%s) ", ref->path, ref->format, ref->block ? " block" : "");
        }
        g_string_append(text, complete ? "." : "?");
        return g_string_free(text, FALSE);
}

static void test_chain(void) {
        g_autofree char *running = read_data("domain-running.xml"),
                        *inactive = read_data("domain-inactive.xml");
        g_autofree char *a = say_chain(running, "vdb"), *b = say_chain(inactive, "vdb"),
                        *c = say_chain(running, "sda");
        g_autoptr(GPtrArray) chain = NULL;
        g_autoptr(GError) error = NULL;

        g_assert_cmpstr(a, ==,
                "/images/data.s4(qcow2) /images/data.s3(qcow2) /images/data.s1(qcow2) /images/data.raw(raw) "
                ".");
        g_assert_cmpstr(b, ==,
                "/images/data.s4(qcow2) /images/data.s3(qcow2) /images/data.s1(qcow2) /images/data.raw(raw) "
                "?");
        g_assert_cmpstr(c, ==, "?");
        g_assert_false(domain_xml_chain(running, "vdz", &chain, NULL, &error));
        g_assert_error(error, VS_ERROR, VS_ERR_NO_SUCH_DISK);
}

static void test_mirror(void) {
        static const struct {
                const char *element;
                DiskMirror state;
                const char *job;
        } rows[] = {
                { "", DISK_MIRROR_NONE, NULL },
                { "<mirror type='file' job='active-commit'><source file='/a'/></mirror>",
                        DISK_MIRROR_RUNNING, "active-commit" },
                { "<mirror type='file' job='active-commit' ready='yes'/>", DISK_MIRROR_READY,
                        "active-commit" },
                { "<mirror type='file' job='copy' ready='abort'/>", DISK_MIRROR_ABORTING, "copy" },
                { "<mirror type='file' job='copy' ready='pivot'/>", DISK_MIRROR_PIVOTING, "copy" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autofree char *devices =
                        g_strdup_printf("<disk>%s<target dev='vda'/></disk>", rows[i].element);
                g_autofree char *xml = with_devices(devices), *job = NULL;
                DiskMirror state;

                g_assert_true(domain_xml_mirror(xml, "vda", &state, &job, NULL));
                g_assert_cmpint(state, ==, rows[i].state);
                g_assert_cmpstr(job, ==, rows[i].job);
        }
}

static void add_move(GHashTable *moves, const char *from, LayerMove *move) {
        g_hash_table_insert(moves, g_strdup(from), move);
}

static void add_below(LayerMove *move, const char *path, const char *format) {
        if (!move->below)
                move->below = layer_ref_array_new();
        if (path)
                g_ptr_array_add(move->below, layer_ref_new(path, format, false));
}

static char *chain_after(const char *xml, const char *target, GHashTable *moves) {
        g_autoptr(GError) error = NULL;
        g_autofree char *changed = domain_xml_rewrite(xml, moves, &error);

        g_assert_no_error(error);
        return changed ? say_chain(changed, target) : g_strdup("unchanged");
}

/* data.s1 was committed into data.raw: all that names it names a raw image now. */
static void test_rewrite_commit(void) {
        g_autofree char *running = read_data("domain-running.xml"),
                        *inactive = read_data("domain-inactive.xml");
        g_autoptr(GHashTable) moves = layer_moves_new();
        LayerMove *move = layer_move_new("/images/data.raw", "raw", false);
        g_autofree char *a = NULL, *b = NULL;

        add_below(move, NULL, NULL);
        add_move(moves, "/images/data.s1", move);
        a = chain_after(running, "vdb", moves);
        b = chain_after(inactive, "vdb", moves);
        g_assert_cmpstr(a, ==, "/images/data.s4(qcow2) /images/data.s3(qcow2) /images/data.raw(raw) .");
        g_assert_cmpstr(b, ==, a);
}

/* The head itself, in a definition that tells no chain: source and format change, the chain is told. */
static void test_rewrite_head(void) {
        g_autofree char *xml = with_devices(
                "<disk type='file'><source file='/i/c'><seclabel model='dac' relabel='no'/></source>"
                "<target dev='vda'/></disk>");
        g_autoptr(GHashTable) moves = layer_moves_new();
        LayerMove *move = layer_move_new("/dev/vg/l", "raw", true);
        g_autofree char *after = NULL, *changed = NULL;

        add_below(move, "/i/b", "qcow2");
        add_below(move, "/i/a", "raw");
        add_move(moves, "/i/c", move);
        after = chain_after(xml, "vda", moves);
        g_assert_cmpstr(after, ==, "/dev/vg/l(raw block) /i/b(qcow2) /i/a(raw) .");
        changed = domain_xml_rewrite(xml, moves, NULL);
        g_assert_nonnull(strstr(changed, "<source dev=\"/dev/vg/l\"/>"));
}

/* After a pull the head stays, on another chain; what lies below may not be known to its end. */
static void test_rewrite_pull(void) {
        g_autofree char *running = read_data("domain-running.xml");
        g_autoptr(GHashTable) moves = layer_moves_new();
        LayerMove *move = layer_move_new("/images/web.s4", "qcow2", false);
        g_autofree char *closed = NULL, *open = NULL, *whole = NULL;

        add_below(move, "/images/web.s1", "qcow2");
        add_move(moves, "/images/web.s4", move);
        move->open = true;
        open = chain_after(running, "vda", moves);
        g_assert_cmpstr(open, ==, "/images/web.s4(qcow2) /images/web.s1(qcow2) /images/web.qcow2(qcow2) .");
        move->open = false;
        closed = chain_after(running, "vda", moves);
        g_assert_cmpstr(closed, ==, "/images/web.s4(qcow2) /images/web.s1(qcow2) .");
        g_ptr_array_set_size(move->below, 0);
        whole = chain_after(running, "vda", moves);
        g_assert_cmpstr(whole, ==, "/images/web.s4(qcow2) .");
}

static void test_rewrite_unknown_chain(void) {
        g_autofree char *running = read_data("domain-running.xml");
        g_autoptr(GHashTable) moves = layer_moves_new();
        g_autofree char *kept = NULL, *dropped = NULL;

        /* the old text tells what lies below web.s1, and nothing of elsewhere */
        add_move(moves, "/images/web.s3", layer_move_new("/images/web.s1", "qcow2", false));
        kept = chain_after(running, "vda", moves);
        g_assert_cmpstr(kept, ==, "/images/web.s4(qcow2) /images/web.s1(qcow2) /images/web.qcow2(qcow2) .");
        add_move(moves, "/images/web.s3", layer_move_new("/images/elsewhere", "qcow2", false));
        dropped = chain_after(running, "vda", moves);
        g_assert_cmpstr(dropped, ==, "/images/web.s4(qcow2) /images/elsewhere(qcow2) ?");
}

/* A network image is named by what named it before, with its host and all. */
static void test_rewrite_network(void) {
        g_autofree char *xml = with_devices(
                "<disk type='file'><driver type='qcow2'/><source file='/i/c'/><backingStore "
                "type='file'><format type='qcow2'/>"
                "<source file='/i/b'/><backingStore type='network'><format type='raw'/><source "
                "protocol='rbd' name='p/a'>"
                "<host name='mon'/></source><backingStore/></backingStore></backingStore><target "
                "dev='vda'/></disk>");
        g_autoptr(GHashTable) moves = layer_moves_new();
        LayerMove *move = layer_move_new("/i/c", "qcow2", false);
        g_autofree char *after = NULL, *changed = NULL, *nowhere = NULL;

        add_below(move, "rbd://mon/p/a", "");
        add_move(moves, "/i/c", move);
        after = chain_after(xml, "vda", moves);
        g_assert_cmpstr(after, ==, "/i/c(qcow2) rbd://mon/p/a(raw) .");
        changed = domain_xml_rewrite(xml, moves, NULL);
        g_assert_nonnull(strstr(changed, "<host name=\"mon\"/>"));
        /* what nothing tells how to reach cannot be written */
        add_move(moves, "/i/c", layer_move_new("nbd:///z", "raw", false));
        nowhere = chain_after(xml, "vda", moves);
        g_assert_cmpstr(nowhere, ==, "unchanged");
}

static void test_rewrite_nothing(void) {
        g_autofree char *running = read_data("domain-running.xml");
        g_autoptr(GHashTable) moves = layer_moves_new();
        LayerMove *move = layer_move_new("/images/web.s1", "qcow2", false);
        g_autofree char *none = chain_after(running, "vda", moves), *same = NULL;
        g_autoptr(GError) error = NULL;

        g_assert_cmpstr(none, ==, "unchanged");
        add_below(move, "/images/web.qcow2", "qcow2");
        add_move(moves, "/images/web.s1", move);
        same = chain_after(running, "vda", moves);
        g_assert_cmpstr(same, ==, "unchanged");
        g_assert_null(domain_xml_rewrite("<domain>", moves, &error));
        g_assert_error(error, VS_ERROR, VS_ERR_INVALID_XML);
}

static void test_agent(void) {
        static const struct {
                const char *devices;
                bool connected;
        } cases[] = {
                { "", false },
                { "<channel><target type='virtio' name='org.qemu.guest_agent.0'/></channel>", false },
                { "<channel><target name='org.qemu.guest_agent.0' state='disconnected'/></channel>", false },
                { "<channel><target name='com.redhat.spice.0' state='connected'/></channel>", false },
                { "<channel><target name='com.redhat.spice.0' state='connected'/></channel>"
                  "<channel><target name='org.qemu.guest_agent.0' state='connected'/></channel>",
                        true },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *xml =
                        g_strdup_printf("<domain type='qemu'><name>web</name><devices>%s</devices></domain>",
                                cases[i].devices);
                g_autoptr(DomainRecord) record = g_new0(DomainRecord, 1);

                parse(xml, record);
                g_assert_cmpint(record->agent_connected, ==, cases[i].connected);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/domain-xml/parse", test_parse);
        g_test_add_func("/domain-xml/agent", test_agent);
        g_test_add_func("/domain-xml/sources", test_sources);
        g_test_add_func("/domain-xml/flags", test_flags);
        g_test_add_func("/domain-xml/refused", test_refused);
        g_test_add_func("/domain-xml/chain", test_chain);
        g_test_add_func("/domain-xml/mirror", test_mirror);
        g_test_add_func("/domain-xml/rewrite/commit", test_rewrite_commit);
        g_test_add_func("/domain-xml/rewrite/head", test_rewrite_head);
        g_test_add_func("/domain-xml/rewrite/pull", test_rewrite_pull);
        g_test_add_func("/domain-xml/rewrite/unknown-chain", test_rewrite_unknown_chain);
        g_test_add_func("/domain-xml/rewrite/network", test_rewrite_network);
        g_test_add_func("/domain-xml/rewrite/nothing", test_rewrite_nothing);
        return g_test_run();
}
