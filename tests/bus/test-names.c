/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "dbus/names.h"
#include "tests/bus/fixture.h"

#define PATH_SIZE_MAX (64U * 1024U)

static void test_new_refused(void) {
        static const char *const names[] = {
                "..", ".", ".x", "-x", "--all", "a/b", "/", "/etc/passwd",
                "../../x", /* taken for something else */
                "a\nb", "a\tb", "\x1b[31m", "a\rb", "\x01", "\x7f", "a\xc2\x85z", /* control characters */
                "a\xe2\x80\xaez", "a\xe2\x80\x8fz", "a\xe2\x81\xa6z", "a\xd8\x9cz", /* direction */
                "a\xe2\x80\xa8z", /* a line of its own */
        };
        static const size_t lengths[] = { 129, 247, 248, 255, 4096, 65536 };
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *before = dump_world(bus), *after = NULL,
                        *wide = NULL;

        for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
                must_fail(bus, domain, "Domain.CreateSnapshot", args_name(names[i], NULL), "InvalidName");
        for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
                g_autofree char *name = g_strnfill(lengths[i], 'n');

                must_fail(bus, domain, "Domain.CreateSnapshot", args_name(name, NULL), "InvalidName");
        }
        /* 65 letters, 130 bytes */
        wide = g_strdup("");
        for (unsigned i = 0; i < 65; i++) {
                char *wider = g_strconcat(wide, "ü", NULL);

                g_free(wide);
                wide = wider;
        }
        must_fail(bus, domain, "Domain.CreateSnapshot", args_name(wide, NULL), "InvalidName");
        after = dump_world(bus);
        g_assert_cmpstr(before, ==, after);
}

static void test_new_taken(void) {
        static const char *const names[] = {
                "a",
                "Z",
                "0",
                "_",
                "a b",
                " ",
                "%n%s%x",
                "<&\"'>",
                "<name>",
                "&amp;",
                "]]>",
                "$(reboot)",
                "a;b|c",
                "ü",
                "日本",
                "🙂",
                "a.b",
                "a_2eb",
                "a-b",
                "a_2db",
                "A",
                "\\",
                "con",
                "e\xcc\x81",
                "\xc3\xa9",
        };
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *longest = g_strnfill(128, '.'), *path = NULL;
        g_autoptr(GHashTable) paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        GSubprocess *follower = follow(fixture);

        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
                char *own = create(bus, domain, names[i], NULL);
                g_autofree char *name = get_text(bus, own, "Snapshot.Name");

                g_assert_cmpstr(name, ==, names[i]);
                /* names that differ get objects that differ */
                g_assert_true(g_hash_table_add(paths, own));
        }
        longest[0] = 'x';
        path = create(bus, domain, longest, NULL);
        g_assert_cmpuint(get_number(bus, domain, "Domain.SnapshotCount"), ==, G_N_ELEMENTS(names) + 1);
        follow_end(follower);
}

static void test_chosen(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *name = NULL, *path = NULL, *job = NULL;

        job = job_done(bus, must(bus, domain, "Domain.CreateSnapshot", args_name("", NULL)));
        name = get_text(bus, job, "Job.Snapshot");
        g_assert_cmpstr(name, !=, "");
        path = snapshot_path(bus, domain, name);
        g_assert_true(has_object(bus, path, "Snapshot"));
}

/* What others have made is listed, whatever it is called. */
static void test_foreign(void) {
        g_autofree char *longest = g_strnfill(4096, '.');
        const char *const names[] = {
                "--all",
                "-x",
                "a\nb",
                "a\tb",
                "a\xe2\x80\xaez",
                "%n%s",
                "<&\"'>",
                "a.b",
                "a_2eb",
                " ",
                "a\xc2\x85z",
                "..",
                "a/b",
                "/",
                ".x",
                longest,
                "end",
                NULL,
        };
        g_autoptr(Fixture) fixture = fixture_new_named(names);
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "d0"), *text = NULL;
        g_autoptr(GVariant) list = must(bus, domain, "Domain.ListSnapshots", args_options(NULL));
        GSubprocess *follower = follow(fixture);

        g_assert_cmpuint(n_rows(list), ==, G_N_ELEMENTS(names) - 1);
        for (size_t i = 0; names[i]; i++) {
                g_autofree char *own = snapshot_path(bus, domain, names[i]);
                g_autofree char *name = get_text(bus, own, "Snapshot.Name");

                g_assert_cmpstr(name, ==, names[i]);
                g_assert_cmpuint(strlen(own), <, PATH_SIZE_MAX);
        }
        follow_check(follower);

        /* and can be done away with */
        for (size_t i = 0; names[i]; i++) {
                g_autofree char *own = snapshot_path(bus, domain, names[i]);

                g_free(job_done(bus, must(bus, own, "Snapshot.Delete", args_options(NULL))));
        }
        g_assert_cmpuint(get_number(bus, domain, "Domain.SnapshotCount"), ==, 0);
        follow_end(follower);
}

/* Names so long that below a few levels no path could be sent any more: all is there, at paths that can be.
 */
static void test_long_paths(void) {
        g_auto(GStrv) names = g_new0(char *, 21);
        g_autoptr(Fixture) fixture = NULL;
        g_autoptr(GVariant) list = NULL;
        GSubprocess *follower;

        for (unsigned i = 0; i < 20; i++) {
                names[i] = g_strnfill(4096, '.');
                names[i][0] = (char) ('a' + i);
        }
        fixture = fixture_new_named((const char *const *) names);
        follower = follow(fixture);
        list = must(fixture->connection, VS_DOMAIN_PREFIX "/d0", "Domain.ListSnapshots", args_options(NULL));
        g_assert_cmpuint(n_rows(list), ==, 20);
        follow_end(follower);
}

static void test_object_paths(void) {
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *base = create(bus, domain, "base", NULL);
        g_autofree char *child = create(bus, domain, "child", NULL), *longest = NULL;
        g_autoptr(GString) deep = g_string_new(domain);
        static const char *const paths[] = {
                "/org/virtsnap1/domain/test/_5", /* unfinished escapes */
                "/org/virtsnap1/domain/test/base_",
                "/org/virtsnap1/domain/test/_",
                "/org/virtsnap1/domain/tes_",
                "/org/virtsnap1/domain/_74est", /* another spelling */
                "/org/virtsnap1/domain/test/_62ase",
                "/org/virtsnap1/domain/test/child", /* it hangs below base */
                "/org/virtsnap1/domain/test/base/base",
                "/org/virtsnap1/domain/test/base/child/child", /* one level too deep */
                "/org/virtsnap1/domain/test/base/child/none",
                "/org/virtsnap1/domain/test/none/child",
                "/org/virtsnap1/domain/none/base",
                "/org/virtsnap1/domain/test/gone",
                "/org/virtsnap1/job/0",
                "/org/virtsnap1/job/99",
                "/org/virtsnap1/job/18446744073709551616",
                "/org/virtsnap1/job/_31",
                "/org/virtsnap1/policy/p",
                "/org/virtsnap1/x",
        };

        g_assert_cmpstr(child, ==, "/org/virtsnap1/domain/test/base/child");
        for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
                static const char *const interfaces[] = { "Domain", "Snapshot", "Job", "Manager" };

                for (size_t k = 0; k < G_N_ELEMENTS(interfaces); k++)
                        g_assert_false(has_object(bus, paths[i], interfaces[k]));
                must_fail(bus, paths[i], "Snapshot.Delete", args_options(NULL),
                        "org.freedesktop.DBus.Error.UnknownObject");
                must_fail(bus, paths[i], "Job.Cancel", args_options(NULL),
                        "org.freedesktop.DBus.Error.UnknownObject");
        }

        longest = g_strnfill(PATH_SIZE_MAX - 1, 'a');
        memcpy(longest, domain, strlen(domain));
        longest[strlen(domain)] = '/';
        must_fail(bus, longest, "Snapshot.Delete", args_options(NULL),
                "org.freedesktop.DBus.Error.UnknownObject");
        while (deep->len + 3 < PATH_SIZE_MAX)
                g_string_append(deep, "/_5");
        must_fail(bus, deep->str, "Snapshot.Delete", args_options(NULL),
                "org.freedesktop.DBus.Error.UnknownObject");

        /* a snapshot that is gone */
        g_free(job_done(bus, must(bus, child, "Snapshot.Delete", args_options(NULL))));
        must_fail(bus, child, "Snapshot.Delete", args_options(NULL),
                "org.freedesktop.DBus.Error.UnknownObject");
        must_fail(bus, child, "Snapshot.GetXML", args_options(NULL),
                "org.freedesktop.DBus.Error.UnknownObject");
        g_assert_cmpuint(get_number(bus, domain, "Domain.SnapshotCount"), ==, 1);
}

static char *lol_bomb(void) {
        g_autoptr(GString) xml = g_string_new("<!DOCTYPE domainsnapshot [<!ENTITY a0 'ha'>");

        for (unsigned i = 1; i < 30; i++)
                g_string_append_printf(
                        xml, "<!ENTITY a%u '&a%u;&a%u;&a%u;&a%u;'>", i, i - 1, i - 1, i - 1, i - 1);
        g_string_append(
                xml, "]><domainsnapshot><name>n</name><description>&a29;</description></domainsnapshot>");
        return g_string_free(g_steal_pointer(&xml), FALSE);
}

static char *many_disks(void) {
        g_autoptr(GString) xml = g_string_new("<domainsnapshot><name>n</name><disks>");

        for (unsigned i = 0; i < 10000; i++)
                g_string_append_printf(xml, "<disk name='vd%u' snapshot='internal'/>", i);
        g_string_append(xml, "</disks></domainsnapshot>");
        return g_string_free(g_steal_pointer(&xml), FALSE);
}

static char *deep_nesting(void) {
        g_autoptr(GString) xml = g_string_new("<domainsnapshot><name>n</name>");

        for (unsigned i = 0; i < 50000; i++)
                g_string_append(xml, "<x>");
        return g_string_free(g_steal_pointer(&xml), FALSE);
}

static char *long_description(size_t size) {
        g_autofree char *text = g_strnfill(size, 'd');

        return g_strdup_printf(
                "<domainsnapshot><name>n</name><description>%s</description></domainsnapshot>", text);
}

static void test_xml_refused(void) {
        static const char *const texts[] = {
                "",
                " ",
                "x",
                "<",
                "<domainsnapshot>",
                "<domain/>",
                "<domainsnapshot/><domainsnapshot/>",
                "<domainsnapshot><name>n</domainsnapshot>",
                "<domainsnapshot><name>a</name><name>b</name></domainsnapshot>",
                "<!DOCTYPE domainsnapshot [<!ENTITY f SYSTEM 'file:///etc/passwd'>]>"
                "<domainsnapshot><name>n</name><description>&f;</description></domainsnapshot>",
                "<!DOCTYPE domainsnapshot SYSTEM "
                "'file:///etc/passwd'><domainsnapshot><name>&x;</name></domainsnapshot>",
                "<!DOCTYPE d [<!ENTITY % p SYSTEM 'file:///dev/zero'>%p;]><domainsnapshot/>",
                "<domainsnapshot xmlns:xi='http://www.w3.org/2001/XInclude'><name>n</name><description>"
                "<xi:include href='file:///etc/passwd' parse='text'/></description></domainsnapshot>",
                "<?xml version='1.0' encoding='UTF-16'?><domainsnapshot/>",
        };
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *before = dump_world(bus), *after = NULL;
        char *made[] = { lol_bomb(), many_disks(), deep_nesting(), long_description(1 << 20),
                long_description(32 << 20) };

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
                must_fail(bus, domain, "Domain.CreateSnapshotXML", args_name(texts[i], NULL), "InvalidXML");
        for (size_t i = 0; i < G_N_ELEMENTS(made); i++) {
                must_fail(bus, domain, "Domain.CreateSnapshotXML", args_name(made[i], NULL), "InvalidXML");
                must_fail(bus, domain, "Domain.CreateSnapshotXML",
                        args_name(made[i], "{'redefine': <true>}"), "InvalidXML");
                g_free(made[i]);
        }
        must_fail(bus, domain, "Domain.CreateSnapshotXML",
                args_name("<domainsnapshot><name>../x</name></domainsnapshot>", NULL), "InvalidName");
        after = dump_world(bus);
        g_assert_cmpstr(before, ==, after);
}

/* What a caller writes into a description stays a description. */
static void test_description(void) {
        static const char *const texts[] = {
                "plain",
                "</description><name>evil</name><description>",
                "<![CDATA[x]]>",
                "&lt;&amp;&#10;",
                "line\nline\ttab",
                "\"'<>&",
                "%s%n",
                "ü🙂",
        };
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test");

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                g_autofree char *name = g_strdup_printf("s%zu", i), *seen = NULL, *path = NULL;
                g_autoptr(GVariantDict) dict = g_variant_dict_new(NULL);

                g_variant_dict_insert(dict, "description", "s", texts[i]);
                g_free(job_done(bus,
                        must(bus, domain, "Domain.CreateSnapshot",
                                g_variant_new("(s@a{sv})", name, g_variant_dict_end(dict)))));
                path = snapshot_path(bus, domain, name);
                seen = get_text(bus, path, "Snapshot.Description");
                g_assert_cmpstr(seen, ==, texts[i]);
        }
        g_assert_cmpuint(get_number(bus, domain, "Domain.SnapshotCount"), ==, G_N_ELEMENTS(texts));
        must_fail(bus, VS_ROOT_PATH, "Manager.GetSnapshot", g_variant_new("(ss)", "test", "evil"),
                "NoSuchSnapshot");
}

/* Paths that a caller names: nothing but absolute ones into folders that are allowed. */
static void test_file_paths(void) {
        static const char *const files[] = { "relative", "", "../x", "./x", "~/x", "file:///x" };
        g_autoptr(Fixture) fixture = fixture_new("test:///default");
        GDBusConnection *bus = fixture->connection;
        g_autofree char *domain = domain_path(bus, "test"), *before = dump_world(bus), *after = NULL;

        for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
                g_autofree char *disks = g_strdup_printf(
                        "{'disk-only': <true>, 'disks': <[('vda', {'file': <'%s'>})]>}", files[i]);
                g_autofree char *memory =
                        g_strdup_printf("{'memory': <'external'>, 'memory-file': <'%s'>}", files[i]);

                must_fail(bus, domain, "Domain.CreateSnapshot", args_name("n", disks), "InvalidPath");
                must_fail(bus, domain, "Domain.CreateSnapshot", args_name("n", memory), "InvalidPath");
        }
        after = dump_world(bus);
        g_assert_cmpstr(before, ==, after);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/names/new/refused", test_new_refused);
        g_test_add_func("/names/new/taken", test_new_taken);
        g_test_add_func("/names/new/chosen", test_chosen);
        g_test_add_func("/names/foreign", test_foreign);
        g_test_add_func("/names/long-paths", test_long_paths);
        g_test_add_func("/names/object-paths", test_object_paths);
        g_test_add_func("/names/xml-refused", test_xml_refused);
        g_test_add_func("/names/description", test_description);
        g_test_add_func("/names/file-paths", test_file_paths);
        return g_test_run();
}
