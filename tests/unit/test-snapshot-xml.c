/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "daemon/base/error.h"
#include "daemon/virt/snapshot-xml.h"

static char *read_data(const char *name) {
        g_autofree char *path = g_build_filename(TEST_DATA, name, NULL);
        g_autoptr(GError) error = NULL;
        char *text;

        g_file_get_contents(path, &text, NULL, &error);
        g_assert_no_error(error);
        return text;
}

static SnapshotRecord *parse(const char *xml) {
        g_autoptr(GError) error = NULL;
        SnapshotRecord *record = snapshot_xml_parse(xml, &error);

        g_assert_no_error(error);
        g_assert_nonnull(record);
        return record;
}

/* A <domainsnapshot> with this in it. */
static char *with(const char *inside) {
        return g_strdup_printf("<domainsnapshot>%s</domainsnapshot>", inside);
}

static void assert_disk(const SnapshotRecord *record, unsigned i, const char *target, DiskMode mode,
        const char *file, const char *layer) {
        g_assert_cmpuint(i, <, record->n_disks);
        g_assert_cmpstr(record->disks[i].target, ==, target);
        g_assert_cmpint(record->disks[i].mode, ==, mode);
        g_assert_cmpstr(record->disks[i].file, ==, file);
        g_assert_cmpstr(record->disks[i].layer, ==, layer);
}

static void test_parse_disks(void) {
        g_autofree char *xml = read_data("snapshot-disks.xml");
        g_autoptr(SnapshotRecord) record = parse(xml);

        g_assert_cmpstr(record->name, ==, "s4");
        g_assert_cmpstr(record->description, ==, "");
        g_assert_cmpstr(record->parent, ==, "s3");
        g_assert_cmpuint(record->created, ==, UINT64_C(1795248641000000));
        g_assert_cmpint(record->state, ==, DOMAIN_DISK_SNAPSHOT);
        g_assert_cmpint(record->memory, ==, MEMORY_NONE);
        g_assert_null(record->memory_file);
        g_assert_false(record->deleting);
        g_assert_cmpuint(record->n_disks, ==, 3);
        assert_disk(record, 0, "vda", DISK_MODE_EXTERNAL, "/images/web.s4", "/images/web.s3");
        assert_disk(record, 1, "vdb", DISK_MODE_EXTERNAL, "/images/data.s4", "/images/data.s3");
        assert_disk(record, 2, "sda", DISK_MODE_NO, NULL, NULL);
}

static void test_parse_memory(void) {
        g_autofree char *xml = read_data("snapshot-memory.xml");
        g_autoptr(SnapshotRecord) record = parse(xml);

        g_assert_cmpint(record->state, ==, DOMAIN_PAUSED);
        g_assert_cmpint(record->memory, ==, MEMORY_EXTERNAL);
        g_assert_cmpstr(record->memory_file, ==, "/images/mem.save");
        /* vdb was not in the snapshot before this one */
        assert_disk(record, 1, "vdb", DISK_MODE_EXTERNAL, "/images/data.s3", "/images/data.s1");
}

static void test_parse_small(void) {
        g_autofree char *bare = with("<name>a &lt;b&gt;</name>"), *full = NULL, *order = NULL;
        g_autoptr(SnapshotRecord) one = parse(bare), two = NULL, three = NULL;

        g_assert_cmpstr(one->name, ==, "a <b>");
        g_assert_null(one->parent);
        g_assert_cmpuint(one->created, ==, 0);
        g_assert_cmpint(one->state, ==, DOMAIN_NOSTATE);
        g_assert_cmpuint(one->n_disks, ==, 0);

        full = with("<!-- c --><name>n</name><description>one\ntwo &amp; "
                    "three</description><state>running</state>"
                    "<parent/><creationTime>99999999999999999999</creationTime><memory snapshot='internal'/>"
                    "<disks><disk name='vda' snapshot='internal'><snapshotDeleteInProgress/></disk><disk/>"
                    "<disk name='vdb'/><disk name='vdc' snapshot='what'/></disks>"
                    "<domain><devices><disk><source file='/i/a'/><target dev='vda'/></disk><disk/>"
                    "<disk><source file='/i/x'/><target dev='vdx'/></disk></devices></domain>"
                    "<inactiveDomain><devices><disk><source file='/i/no'/><target "
                    "dev='vdb'/></disk></devices></inactiveDomain>");
        two = parse(full);
        g_assert_cmpstr(two->description, ==, "one\ntwo & three");
        g_assert_null(two->parent);
        g_assert_cmpuint(two->created, ==, 0);
        g_assert_cmpint(two->state, ==, DOMAIN_RUNNING);
        g_assert_cmpint(two->memory, ==, MEMORY_INTERNAL);
        g_assert_true(two->deleting);
        g_assert_cmpuint(two->n_disks, ==, 3);
        assert_disk(two, 0, "vda", DISK_MODE_INTERNAL, NULL, "/i/a");
        assert_disk(two, 1, "vdb", DISK_MODE_DEFAULT, NULL, NULL);
        assert_disk(two, 2, "vdc", DISK_MODE_DEFAULT, NULL, NULL);

        /* an element twice leaks nothing and the last one counts */
        order = with(
                "<name>a</name><name>b</name><memory file='/x'/><memory file='/y' snapshot='external'/>");
        three = parse(order);
        g_assert_cmpstr(three->name, ==, "b");
        g_assert_cmpstr(three->memory_file, ==, "/y");
}

static void test_parse_refused(void) {
        static const char *const texts[] = {
                "",
                "plain",
                "<domainsnapshot/>",
                "<domainsnapshot><name>x</name>",
                "<domain><name>x</name></domain>",
                "<domainsnapshot><name>&e;</name></domainsnapshot>",
                "<!DOCTYPE a [<!ENTITY e 'x'>]><domainsnapshot><name>&e;</name></domainsnapshot>",
                "<domainsnapshot><name>x</name><disks><disk name='vda'></disks></domainsnapshot>",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                g_autoptr(GError) error = NULL;

                g_assert_null(snapshot_xml_parse(texts[i], &error));
                g_assert_error(error, VS_ERROR, VS_ERR_INVALID_XML);
        }
}

static void test_names(void) {
        g_autofree char *longest = g_strnfill(128, 'x'), *longer = g_strnfill(129, 'x');
        const char *const good[] = { "a", "s1", "before update", "%n%s", "<&\"'>", "ü", "名前", "a.b-c",
                longest };
        const char *const bad[] = { "", ".x", "..", "-x", "--all", "a/b", "/", "a\nb", "a\tb", "\x1b[2J",
                "a\x7f", "\xc2\x85", "a\u202eb", "\xe2\x80\x8f", "\xe2\x81\xa6", "\xd8\x9c", "\xe2\x80\xa8",
                "\xff", "\xc3", "\xed\xa0\x80", "\xef\xbf\xbe", longer };

        for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
                g_assert_true(snapshot_name_check(good[i], NULL));
        for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
                g_autoptr(GError) error = NULL;

                g_assert_false(snapshot_name_check(bad[i], &error));
                g_assert_error(error, VS_ERROR, VS_ERR_INVALID_NAME);
                g_assert_true(g_utf8_validate(error->message, -1, NULL));
        }
}

static void assert_built(const SnapshotRequest *request, const char *expected) {
        g_autoptr(GError) error = NULL;
        g_autofree char *xml = snapshot_xml_build(request, &error);

        g_assert_no_error(error);
        g_assert_cmpstr(xml, ==, expected);
}

static void test_build(void) {
        g_autoptr(SnapshotRequest) request = snapshot_request_new();

        assert_built(request, "<domainsnapshot/>");
        g_free(request->name);
        request->name = g_strdup("<&\"'>");
        g_free(request->description);
        request->description = g_strdup("</description><x/>]]>");
        request->memory_given = true;
        assert_built(request,
                "<domainsnapshot><name>&lt;&amp;&quot;'&gt;</name>"
                "<description>&lt;/description&gt;&lt;x/&gt;]]&gt;</description><memory "
                "snapshot=\"no\"/></domainsnapshot>");
        request->name[0] = request->description[0] = '\0';
        request->memory = MEMORY_EXTERNAL;
        request->memory_file = g_strdup("/i/m'\"<");
        assert_built(request,
                "<domainsnapshot><memory snapshot=\"external\" file=\"/i/m'&quot;&lt;\"/></domainsnapshot>");
        request->memory_given = false;
        request->memory = MEMORY_NONE;
        snapshot_request_add_disk(request, "vda", DISK_MODE_EXTERNAL, "/i/o", "qcow2");
        snapshot_request_add_disk(request, "vdb", DISK_MODE_NO, NULL, NULL);
        snapshot_request_add_disk(request, "vdc", DISK_MODE_DEFAULT, "/dev/vg/o", NULL)->type =
                g_strdup("block");
        assert_built(request,
                "<domainsnapshot><memory snapshot=\"external\" file=\"/i/m'&quot;&lt;\"/><disks>"
                "<disk name=\"vda\" snapshot=\"external\"><driver type=\"qcow2\"/><source "
                "file=\"/i/o\"/></disk>"
                "<disk name=\"vdb\" snapshot=\"no\"/><disk name=\"vdc\" type=\"block\"><source "
                "dev=\"/dev/vg/o\"/></disk>"
                "</disks></domainsnapshot>");
}

static void replace(char **field, const char *value) {
        g_free(*field);
        *field = g_strdup(value);
}

static void assert_not_built(const SnapshotRequest *request, VsError code) {
        g_autoptr(GError) error = NULL;

        g_assert_null(snapshot_xml_build(request, &error));
        g_assert_error(error, VS_ERROR, (int) code);
}

static void test_build_text_refused(void) {
        g_autoptr(SnapshotRequest) request = snapshot_request_new();
        g_autofree char *long_text = g_strnfill(SNAPSHOT_DESCRIPTION_MAX + 1, 'x');

        replace(&request->name, ".x");
        assert_not_built(request, VS_ERR_INVALID_NAME);
        replace(&request->name, "");
        replace(&request->description, "a\001b");
        assert_not_built(request, VS_ERR_INVALID_ARGS);
        replace(&request->description, long_text);
        assert_not_built(request, VS_ERR_INVALID_ARGS);
        replace(&request->description, "");
        replace(&request->memory_file, "relative");
        assert_not_built(request, VS_ERR_INVALID_PATH);
        replace(&request->memory_file, "/m");
        request->memory_given = true;
        assert_not_built(request, VS_ERR_INVALID_ARGS);
        replace(&request->memory_file, NULL);
        request->memory = MEMORY_EXTERNAL;
        assert_not_built(request, VS_ERR_INVALID_ARGS);
}

static void test_build_disks_refused(void) {
        static const struct {
                SnapshotRequestDisk disk;
                VsError code;
        } rows[] = {
                { { .target = (char *) "" }, VS_ERR_INVALID_ARGS },
                { { .target = (char *) "v\002" }, VS_ERR_INVALID_ARGS },
                { { .target = (char *) "vdb", .file = (char *) "o" }, VS_ERR_INVALID_PATH },
                { { .target = (char *) "vdb", .file = (char *) "/\xff" }, VS_ERR_INVALID_PATH },
                { { .target = (char *) "vdb", .mode = DISK_MODE_NO, .file = (char *) "/o" },
                        VS_ERR_INVALID_ARGS },
                { { .target = (char *) "vdb", .mode = DISK_MODE_INTERNAL, .driver = (char *) "qcow2" },
                        VS_ERR_INVALID_ARGS },
                { { .target = (char *) "vdb", .driver = (char *) "" }, VS_ERR_INVALID_ARGS },
                { { .target = (char *) "vdb", .type = (char *) "network" }, VS_ERR_INVALID_ARGS },
                { { .target = (char *) "vda" }, VS_ERR_INVALID_ARGS }, /* twice */
        };
        g_autoptr(SnapshotRequest) many = snapshot_request_new();

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                const SnapshotRequestDisk *disk = &rows[i].disk;
                g_autoptr(SnapshotRequest) request = snapshot_request_new();

                snapshot_request_add_disk(request, "vda", DISK_MODE_DEFAULT, NULL, NULL);
                snapshot_request_add_disk(request, disk->target, disk->mode, disk->file, disk->driver)
                        ->type = g_strdup(disk->type);
                assert_not_built(request, rows[i].code);
        }
        for (unsigned i = 0; i <= SNAPSHOT_DISKS_MAX; i++) {
                g_autofree char *target = g_strdup_printf("vd%u", i);

                snapshot_request_add_disk(many, target, DISK_MODE_NO, NULL, NULL);
        }
        assert_not_built(many, VS_ERR_INVALID_ARGS);
}

static void test_check(void) {
        g_autofree char *xml =
                with("<name>n</name><description>d</description><parent><name>p</name></parent><unknown/>"
                     "<memory snapshot='external' file='/m'/><disks><disk name='vda' snapshot='external'>"
                     "<driver type='qcow2'/><source file='/o'/></disk><disk name='/path' type='block'>"
                     "<source dev='/dev/o'/></disk></disks>"
                     "<domain xmlns:q='urn:q'><q:x/><name>a</name><name>b</name></domain>");
        g_autoptr(SnapshotRequest) request = NULL;
        g_autoptr(GError) error = NULL;
        const SnapshotRequestDisk *disk;

        g_assert_true(snapshot_xml_check(xml, 0, false, &request, &error));
        g_assert_no_error(error);
        g_assert_cmpstr(request->name, ==, "n");
        g_assert_cmpstr(request->description, ==, "d");
        g_assert_cmpstr(request->parent, ==, "p");
        g_assert_true(request->has_domain);
        g_assert_true(request->memory_given);
        g_assert_cmpint(request->memory, ==, MEMORY_EXTERNAL);
        g_assert_cmpstr(request->memory_file, ==, "/m");
        g_assert_cmpuint(request->disks->len, ==, 2);
        disk = request->disks->pdata[0];
        g_assert_cmpstr(disk->target, ==, "vda");
        g_assert_cmpint(disk->mode, ==, DISK_MODE_EXTERNAL);
        g_assert_cmpstr(disk->file, ==, "/o");
        g_assert_cmpstr(disk->driver, ==, "qcow2");
        g_assert_null(disk->type);
        disk = request->disks->pdata[1];
        g_assert_cmpstr(disk->file, ==, "/dev/o");
        g_assert_cmpstr(disk->type, ==, "block");
        g_assert_null(disk->driver);
}

static void test_check_real(void) {
        static const char *const names[] = { "snapshot-disks.xml", "snapshot-memory.xml" };

        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
                g_autofree char *xml = read_data(names[i]);
                g_autoptr(SnapshotRequest) request = NULL;
                g_autoptr(GError) error = NULL;

                g_assert_true(snapshot_xml_check(xml, 0, true, &request, &error));
                g_assert_cmpuint(request->disks->len, ==, 3);
        }
}

static void test_check_names(void) {
        g_autofree char *foreign = with("<name>.x</name>"), *none = with("");
        g_autoptr(SnapshotRequest) request = NULL;
        g_autoptr(GError) error = NULL;

        g_assert_false(snapshot_xml_check(foreign, 0, false, NULL, &error));
        g_assert_error(error, VS_ERROR, VS_ERR_INVALID_NAME);
        g_clear_error(&error);
        g_assert_true(snapshot_xml_check(foreign, 0, true, NULL, &error));
        g_assert_true(snapshot_xml_check(none, 0, false, &request, &error));
        g_assert_cmpstr(request->name, ==, "");
        g_assert_false(request->memory_given);
        g_assert_false(snapshot_xml_check(none, 0, true, NULL, &error));
        g_assert_error(error, VS_ERROR, VS_ERR_INVALID_XML);
}

static void assert_bad(const char *xml, size_t max) {
        g_autoptr(SnapshotRequest) request = NULL;
        g_autoptr(GError) error = NULL;

        g_assert_false(snapshot_xml_check(xml, max, false, &request, &error));
        g_assert_error(error, VS_ERROR, VS_ERR_INVALID_XML);
        g_assert_null(request);
        g_assert_cmpuint(strlen(error->message), <, 200); /* quotes nothing of the text */
}

static void test_check_refused(void) {
        static const char bomb[] =
                "<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
                "<!ENTITY c "
                "'&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>]><domainsnapshot><name>&c;</name></domainsnapshot>";
        static const char *const texts[] = {
                "",
                "text",
                "<domain/>",
                "<domainsnapshot>",
                "\xff",
                "<domainsnapshot><name>\x01</name></domainsnapshot>",
                "<?xml version='1.0' encoding='UTF-7'?><domainsnapshot/>",
                "<?xml version='1.0' encoding='ISO-8859-1'?><domainsnapshot/>",
                "<!DOCTYPE domainsnapshot><domainsnapshot/>",
                "<!DOCTYPE domainsnapshot SYSTEM 'file:///etc/passwd'><domainsnapshot/>",
                "<!DOCTYPE d [<!ENTITY e SYSTEM 'file:///x'>]><domainsnapshot>&e;</domainsnapshot>",
                bomb,
                "<domainsnapshot xmlns='urn:x'/>",
        };
        static const char *const insides[] = {
                "<name>a</name><name>b</name>",
                "<disks/><disks/>",
                "<memory snapshot='no'/><memory snapshot='no'/>",
                "<memory snapshot='what'/>",
                "<memory snapshot='none'/>",
                "<memory snapshot=''/>",
                "<name>&undeclared;</name>",
                "<n:name xmlns:n='urn:n'>a</n:name>",
                "<disks><disk/></disks>",
                "<disks><disk name=''/></disks>",
                "<disks><other name='vda'/></disks>",
                "<disks><disk name='vda' snapshot='what'/></disks>",
                "<disks><disk name='vda' snapshot=''/></disks>",
                "<disks><disk name='vda'><source file='/a'/><source file='/b'/></disk></disks>",
                "<disks><disk name='vda'><source xmlns:n='urn:n' n:file='/a' file='/b'/></disk></disks>",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
                assert_bad(texts[i], 0);
        for (size_t i = 0; i < G_N_ELEMENTS(insides); i++) {
                g_autofree char *xml = with(insides[i]);

                assert_bad(xml, 0);
        }
}

/* n times before, something, n times after. */
static char *nest(const char *before, const char *after, unsigned n) {
        g_autoptr(GString) text = g_string_new(NULL);

        for (unsigned i = 0; i < n; i++)
                g_string_append(text, before);
        for (unsigned i = 0; i < n; i++)
                g_string_append(text, after);
        return with(text->str);
}

static void test_check_bounds(void) {
        g_autofree char *deep = nest("<a>", "</a>", 10000), *small = with("<name>a</name>");
        g_autofree char *disks = NULL, *text = g_strnfill(SNAPSHOT_DESCRIPTION_MAX + 1, 'x');
        g_autofree char *element = g_strdup_printf("<description>%s</description>", text),
                        *description = with(element);
        g_autofree char *large = g_strnfill(SNAPSHOT_XML_MAX + 1, ' ');
        g_autoptr(GString) many = g_string_new("<disks>");

        assert_bad(deep, 0);
        assert_bad(description, 0);
        assert_bad(large, 0);
        assert_bad(small, strlen(small) - 1);
        g_assert_true(snapshot_xml_check(small, strlen(small), false, NULL, NULL));
        for (unsigned i = 0; i < 10000; i++)
                g_string_append_printf(many, "<disk name='vd%u'/>", i);
        g_string_append(many, "</disks>");
        disks = with(many->str);
        assert_bad(disks, 0);
}

/* Whatever is built is understood in the same way. */
static void test_build_and_check(void) {
        g_autoptr(SnapshotRequest) request = snapshot_request_new(), again = NULL;
        g_autofree char *xml = NULL;

        replace(&request->name, "näme <1>");
        replace(&request->description, "a\nb\tc &amp; \"'");
        replace(&request->memory_file, "/i/ü\n'\"");
        snapshot_request_add_disk(request, "vda", DISK_MODE_EXTERNAL, "/i/\t<o>", "qcow2");
        xml = snapshot_xml_build(request, NULL);
        g_assert_true(snapshot_xml_check(xml, 0, false, &again, NULL));
        g_assert_cmpstr(again->name, ==, request->name);
        g_assert_cmpstr(again->description, ==, request->description);
        g_assert_cmpstr(again->memory_file, ==, request->memory_file);
        g_assert_cmpstr(((SnapshotRequestDisk *) again->disks->pdata[0])->file, ==, "/i/\t<o>");
}

static void add_below(LayerMove *move, const char *path, const char *format) {
        if (!move->below)
                move->below = layer_ref_array_new();
        g_ptr_array_add(move->below, layer_ref_new(path, format, false));
}

static unsigned count(const char *text, const char *what) {
        unsigned n = 0;

        for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
                n++;
        return n;
}

/* web.s3 was committed into web.s2: the snapshot's state moves, in both definitions and for all that is
 * above. */
static void test_rewrite(void) {
        g_autofree char *xml = read_data("snapshot-disks.xml"), *changed = NULL, *again = NULL;
        g_autoptr(GHashTable) moves = layer_moves_new();
        g_autoptr(SnapshotRecord) record = NULL;
        LayerMove *move = layer_move_new("/images/web.s2", "qcow2", false);
        g_autoptr(GError) error = NULL;

        add_below(move, "/images/web.s1", "qcow2");
        add_below(move, "/images/web.qcow2", "qcow2");
        g_hash_table_insert(moves, g_strdup("/images/web.s3"), move);
        changed = snapshot_xml_rewrite(xml, moves, &error);
        g_assert_no_error(error);
        record = parse(changed);
        assert_disk(record, 0, "vda", DISK_MODE_EXTERNAL, "/images/web.s4", "/images/web.s2");
        assert_disk(record, 1, "vdb", DISK_MODE_EXTERNAL, "/images/data.s4", "/images/data.s3");
        g_assert_cmpuint(count(changed, "web.s3"), ==, 0);
        g_assert_cmpuint(count(changed, "web.s2"), ==, 2); /* a layer of one chain only */
        g_assert_cmpuint(count(changed, "web.s1"), ==, 2);
        g_assert_cmpuint(count(changed, "web.qcow2"), ==, 2);
        again = snapshot_xml_rewrite(changed, moves, &error);
        g_assert_null(again);
        g_assert_no_error(error);
}

static void test_rewrite_overlays(void) {
        g_autofree char *xml = with("<name>n</name><disks><disk name='vda' snapshot='external' type='file'>"
                                    "<driver type='qcow2'/><source file='/i/c'/></disk></disks>"
                                    "<revertDisks><disk name='vda' snapshot='external' type='file'>"
                                    "<driver type='qcow2'/><source file='/i/c'/></disk></revertDisks>");
        g_autofree char *changed = NULL, *kept = NULL;
        g_autoptr(GHashTable) moves = layer_moves_new();
        LayerMove *move = layer_move_new("/i/l", "qed", false);

        g_hash_table_insert(moves, g_strdup("/i/c"), move);
        changed = snapshot_xml_rewrite(xml, moves, NULL);
        g_assert_cmpuint(count(changed, "<source file=\"/i/l\"/>"), ==, 2);
        g_assert_cmpuint(count(changed, "<driver type=\"qed\"/>"), ==, 2);
        g_assert_cmpuint(count(changed, "backingStore"), ==, 0);
        /* a user's image must not come to look like an overlay that a snapshot made */
        move->user = true;
        kept = snapshot_xml_rewrite(xml, moves, NULL);
        g_assert_null(kept);
}

static void test_rewrite_refused(void) {
        g_autoptr(GHashTable) moves = layer_moves_new();
        g_autoptr(GError) error = NULL;

        g_assert_null(snapshot_xml_rewrite("<domain/>", moves, &error));
        g_assert_error(error, VS_ERROR, VS_ERR_INVALID_XML);
}

static void test_edit(void) {
        g_autofree char *xml = read_data("snapshot-disks.xml");
        g_autofree char *named = snapshot_xml_set_name(xml, "new & <name>", NULL);
        g_autofree char *moved = snapshot_xml_set_parent(named, "other\"", NULL);
        g_autofree char *described = snapshot_xml_set_description(moved, "a\nb", NULL);
        g_autofree char *root = snapshot_xml_set_parent(described, NULL, NULL);
        g_autofree char *silent = snapshot_xml_set_description(root, "", NULL);
        g_autoptr(SnapshotRecord) all = parse(described), last = parse(silent);

        g_assert_cmpstr(all->name, ==, "new & <name>");
        g_assert_cmpstr(all->parent, ==, "other\"");
        g_assert_cmpstr(all->description, ==, "a\nb");
        g_assert_cmpuint(all->n_disks, ==, 3);
        g_assert_cmpstr(all->disks[0].layer, ==, "/images/web.s3");
        g_assert_null(last->parent);
        g_assert_cmpstr(last->description, ==, "");
        g_assert_cmpuint(count(silent, "<domain "), ==, 1);
        g_assert_cmpuint(count(silent, "<name>web</name>"), ==, 2); /* the domain's own name */
}

static void test_edit_refused(void) {
        g_autofree char *xml = with("<name>a</name>"),
                        *long_text = g_strnfill(SNAPSHOT_DESCRIPTION_MAX + 1, 'x');
        g_autoptr(GError) error = NULL;

        g_assert_null(snapshot_xml_set_name(xml, "", &error));
        g_assert_error(error, VS_ERROR, VS_ERR_INVALID_NAME);
        g_clear_error(&error);
        g_assert_null(snapshot_xml_set_parent(xml, "a/b", &error));
        g_assert_error(error, VS_ERROR, VS_ERR_INVALID_NAME);
        g_clear_error(&error);
        g_assert_null(snapshot_xml_set_description(xml, "\x1b", &error));
        g_assert_error(error, VS_ERROR, VS_ERR_INVALID_ARGS);
        g_clear_error(&error);
        g_assert_null(snapshot_xml_set_description(xml, long_text, &error));
        g_assert_error(error, VS_ERROR, VS_ERR_INVALID_ARGS);
        g_clear_error(&error);
        g_assert_null(snapshot_xml_set_name("<x/>", "a", &error));
        g_assert_error(error, VS_ERROR, VS_ERR_INVALID_XML);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/snapshot-xml/parse/disks", test_parse_disks);
        g_test_add_func("/snapshot-xml/parse/memory", test_parse_memory);
        g_test_add_func("/snapshot-xml/parse/small", test_parse_small);
        g_test_add_func("/snapshot-xml/parse/refused", test_parse_refused);
        g_test_add_func("/snapshot-xml/names", test_names);
        g_test_add_func("/snapshot-xml/build/all", test_build);
        g_test_add_func("/snapshot-xml/build/text-refused", test_build_text_refused);
        g_test_add_func("/snapshot-xml/build/disks-refused", test_build_disks_refused);
        g_test_add_func("/snapshot-xml/build/and-check", test_build_and_check);
        g_test_add_func("/snapshot-xml/check/all", test_check);
        g_test_add_func("/snapshot-xml/check/real", test_check_real);
        g_test_add_func("/snapshot-xml/check/names", test_check_names);
        g_test_add_func("/snapshot-xml/check/refused", test_check_refused);
        g_test_add_func("/snapshot-xml/check/bounds", test_check_bounds);
        g_test_add_func("/snapshot-xml/rewrite/all", test_rewrite);
        g_test_add_func("/snapshot-xml/rewrite/overlays", test_rewrite_overlays);
        g_test_add_func("/snapshot-xml/rewrite/refused", test_rewrite_refused);
        g_test_add_func("/snapshot-xml/edit/all", test_edit);
        g_test_add_func("/snapshot-xml/edit/refused", test_edit_refused);
        return g_test_run();
}
