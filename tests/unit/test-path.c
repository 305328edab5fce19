/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <systemd/sd-bus.h>

#include "dbus/names.h"
#include "dbus/path.h"

/* The longest path that sd-bus takes. */
#define PATH_SIZE_MAX (64U * 1024U)

/* Nothing may be found in a path, and nothing be set. */
static void check_no_domain(const char *path) {
        char *name = (char *) "untouched";

        g_assert_cmpint(vs_domain_path_decode(path, &name), ==, 0);
        g_assert_cmpstr(name, ==, "untouched");
}

static void check_no_snapshot(const char *path) {
        char *domain = (char *) "untouched", *snapshot = (char *) "untouched";

        g_assert_cmpint(vs_snapshot_path_decode(path, &domain, &snapshot), ==, 0);
        g_assert_cmpstr(domain, ==, "untouched");
        g_assert_cmpstr(snapshot, ==, "untouched");
}

static void check_no_job(const char *path) {
        uint64_t id = 4711;

        g_assert_cmpint(vs_job_path_decode(path, &id), ==, 0);
        g_assert_cmpuint(id, ==, 4711);
}

static void check_nothing(const char *path) {
        check_no_domain(path);
        check_no_snapshot(path);
        check_no_job(path);
}

static void check_domain(const char *path, const char *expected) {
        g_autofree char *name = NULL, *again = NULL;

        g_assert_cmpint(vs_domain_path_decode(path, &name), ==, 1);
        g_assert_cmpstr(name, ==, expected);
        again = vs_domain_path(name);
        g_assert_cmpstr(again, ==, path);
        check_no_snapshot(path);
        check_no_job(path);
}

static void check_snapshot(const char *path, const char *expected_domain, const char *expected_snapshot) {
        g_autofree char *domain = NULL, *snapshot = NULL;

        g_assert_cmpint(vs_snapshot_path_decode(path, &domain, &snapshot), ==, 1);
        g_assert_cmpstr(domain, ==, expected_domain);
        g_assert_cmpstr(snapshot, ==, expected_snapshot);
        check_no_domain(path);
        check_no_job(path);
}

static void test_domain_encode(void) {
        static const struct {
                const char *name, *path;
        } table[] = {
                { "web1", "/org/virtsnap1/domain/web1" },
                { "Web1", "/org/virtsnap1/domain/Web1" },
                { "1web", "/org/virtsnap1/domain/_31web" },
                { "w1", "/org/virtsnap1/domain/w1" },
                { "", "/org/virtsnap1/domain/_" },
                { "_", "/org/virtsnap1/domain/_5f" },
                { "a_b", "/org/virtsnap1/domain/a_5fb" },
                { "a-b.c", "/org/virtsnap1/domain/a_2db_2ec" },
                { "a/b", "/org/virtsnap1/domain/a_2fb" },
                { "..", "/org/virtsnap1/domain/_2e_2e" },
                { "\n\x1b", "/org/virtsnap1/domain/_0a_1b" },
                { "ü", "/org/virtsnap1/domain/_c3_bc" },
                { "\xff", "/org/virtsnap1/domain/_ff" },
                { "%n%s", "/org/virtsnap1/domain/_25n_25s" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autofree char *path = vs_domain_path(table[i].name);

                g_assert_cmpstr(path, ==, table[i].path);
                g_assert_true(sd_bus_object_path_is_valid(path));
                check_domain(path, table[i].name);
        }
}

static void test_snapshot_encode(void) {
        g_autofree char *domain = vs_domain_path("web.1"), *base = NULL, *patched = NULL;

        base = vs_snapshot_path(domain, NULL, 0, "base");
        g_assert_cmpstr(base, ==, "/org/virtsnap1/domain/web_2e1/base");
        patched = vs_snapshot_path(domain, base, 1, "2nd");
        g_assert_cmpstr(patched, ==, "/org/virtsnap1/domain/web_2e1/base/_32nd");
        check_snapshot(base, "web.1", "base");
        check_snapshot(patched, "web.1", "2nd");
}

/* A domain, a snapshot and a job may bear each other's names. */
static void test_kinds_apart(void) {
        check_domain("/org/virtsnap1/domain/job", "job");
        check_domain("/org/virtsnap1/domain/domain", "domain");
        check_snapshot("/org/virtsnap1/domain/domain/domain", "domain", "domain");
        check_snapshot("/org/virtsnap1/domain/_31/_31", "1", "1");
        check_no_domain("/org/virtsnap1/job/1");
        check_no_snapshot("/org/virtsnap1/job/1");
}

static void test_job(void) {
        static const uint64_t ids[] = { 1, 9, 10, 4711, UINT32_MAX, (uint64_t) UINT32_MAX + 1, UINT64_MAX };

        for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
                g_autofree char *path = vs_job_path(ids[i]);
                uint64_t id = 0;

                g_assert_true(sd_bus_object_path_is_valid(path));
                g_assert_cmpint(vs_job_path_decode(path, &id), ==, 1);
                g_assert_cmpuint(id, ==, ids[i]);
                check_no_domain(path);
                check_no_snapshot(path);
        }
}

static void test_job_hostile(void) {
        static const char *const paths[] = {
                "/org/virtsnap1/job/0",
                "/org/virtsnap1/job/01",
                "/org/virtsnap1/job/-1",
                "/org/virtsnap1/job/+1",
                "/org/virtsnap1/job/ 1",
                "/org/virtsnap1/job/1 ",
                "/org/virtsnap1/job/1a",
                "/org/virtsnap1/job/0x1",
                "/org/virtsnap1/job/1/2",
                "/org/virtsnap1/job/1/",
                "/org/virtsnap1/job/_31",
                "/org/virtsnap1/job/18446744073709551616",
                "/org/virtsnap1/job/99999999999999999999999999999999999999999",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(paths); i++)
                check_nothing(paths[i]);
}

static void test_foreign(void) {
        static const char *const paths[] = {
                "",
                "/",
                "//",
                "web1",
                "/org",
                "/org/virtsnap1",
                "/org/virtsnap1/",
                "/org/virtsnap1/domain",
                "/org/virtsnap1/domain/",
                "/org/virtsnap1/domain//",
                "/org/virtsnap1/domain/web1/",
                "/org/virtsnap1/domain//base",
                "/org/virtsnap1/domains/web1",
                "/org/virtsnap1/domainweb1",
                "/org/virtsnap1/Domain/web1",
                "/org/virtsnap1/job",
                "/org/virtsnap1/job/",
                "/org/virtsnap1/jobs/1",
                "/org/virtsnap1/policy/nightly",
                "/org/virtsnap10/domain/web1",
                "/org/virtsnap2/domain/web1",
                "x/org/virtsnap1/domain/web1",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(paths); i++)
                check_nothing(paths[i]);
}

/* Unfinished or odd escapes, and escapes that the encoder would not have made: an object has one path. */
static void test_labels_refused(void) {
        static const char *const labels[] = {
                "_5", /* unfinished */
                "a_",
                "a_5",
                "__",
                "_zz", /* not hexadecimal */
                "_5g",
                "_ 5",
                "_-1",
                "_5A", /* upper case: the encoder writes _5a, and that is a letter anyway */
                "_2D",
                "_FF",
                "_5a", /* Z needs no escape */
                "_61bc",
                "a_62c",
                "a_31", /* a digit needs one only in front */
                "1web", /* and there it must have one */
                "a_00", /* nothing behind a NUL may hide */
                "_00",
                "a-b", /* bare bytes that must be escaped */
                "a.b",
                "a b",
                "\xc3\xbc",
                "\n",
                "%2f",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(labels); i++) {
                g_autofree char *domain = g_strdup_printf("/org/virtsnap1/domain/%s", labels[i]);
                g_autofree char *root = g_strdup_printf("/org/virtsnap1/domain/web1/%s", labels[i]);
                g_autofree char *deep = g_strdup_printf("/org/virtsnap1/domain/web1/base/%s", labels[i]);
                g_autofree char *below = g_strdup_printf("/org/virtsnap1/domain/%s/base", labels[i]);

                check_nothing(domain);
                check_nothing(root);
                check_nothing(deep);
                check_nothing(below);
        }
}

static void test_empty_name(void) {
        check_domain("/org/virtsnap1/domain/_", "");
        check_snapshot("/org/virtsnap1/domain/_/_", "", "");
}

/* Names that are alike only after escaping get paths of their own. */
static void test_distinct(void) {
        g_autofree char *a = vs_domain_path("a.b"), *b = vs_domain_path("a_2eb");

        g_assert_cmpstr(a, ==, "/org/virtsnap1/domain/a_2eb");
        g_assert_cmpstr(b, ==, "/org/virtsnap1/domain/a_5f2eb");
        check_domain(a, "a.b");
        check_domain(b, "a_2eb");
}

static void test_long(void) {
        g_autofree char *name = g_strnfill(PATH_SIZE_MAX, '.'), *path = vs_domain_path(name);
        g_autofree char *cut = NULL, *plain = NULL;

        /* longer than sd-bus sends, but not longer than the codec can take */
        g_assert_cmpuint(strlen(path), ==, strlen(VS_DOMAIN_PREFIX "/") + 3U * PATH_SIZE_MAX);
        g_assert_false(sd_bus_object_path_is_valid(path));
        check_nothing("/org/virtsnap1/domain/web1//");

        /* one byte short: the last escape is unfinished */
        cut = g_strndup(path, PATH_SIZE_MAX - 1);
        while ((strlen(cut) - strlen(VS_DOMAIN_PREFIX "/")) % 3 == 0)
                cut[strlen(cut) - 1] = 0;
        check_nothing(cut);

        /* the longest that a caller can send */
        plain = g_strnfill(PATH_SIZE_MAX - 1, 'a');
        memcpy(plain, VS_DOMAIN_PREFIX "/", strlen(VS_DOMAIN_PREFIX "/"));
        g_assert_true(sd_bus_object_path_is_valid(plain));
        check_domain(plain, plain + strlen(VS_DOMAIN_PREFIX "/"));
}

/* As many levels as fit: only the first and the last label count, and both must be right. */
static void test_many_levels(void) {
        g_autoptr(GString) path = g_string_new(VS_DOMAIN_PREFIX "/web1");

        while (path->len + 2 < PATH_SIZE_MAX)
                g_string_append(path, "/a");
        check_snapshot(path->str, "web1", "a");
        g_string_append(path, "/_5");
        check_nothing(path->str);
}

/* Every VS_PATH_LEVELS levels a path starts again under the domain. */
static void test_levels(void) {
        g_autofree char *domain = vs_domain_path("web1"), *path = NULL;

        for (unsigned level = 0; level < 4 * VS_PATH_LEVELS; level++) {
                g_autofree char *name = g_strdup_printf("s%u", level);
                char *next = vs_snapshot_path(domain, path, level, name);
                unsigned slashes = 0;

                for (const char *p = next + strlen(domain); *p; p++)
                        slashes += *p == '/';
                g_assert_cmpuint(slashes, ==, level % VS_PATH_LEVELS + 1);
                g_assert_true(g_str_has_prefix(next, level % VS_PATH_LEVELS == 0 ? domain : path));
                check_snapshot(next, "web1", name);
                g_free(path);
                path = next;
        }
}

/* The longest names that libvirt's QEMU driver can keep, at the deepest level: still a path that can be
 * sent. */
static void test_deepest(void) {
        g_autofree char *name = g_strnfill(251, '\n'), *domain = vs_domain_path(name), *path = NULL;

        for (unsigned level = 0; level < VS_PATH_LEVELS; level++) {
                char *next = vs_snapshot_path(domain, path, level, name);

                g_free(path);
                path = next;
        }
        g_assert_true(sd_bus_object_path_is_valid(path));
        check_snapshot(path, name, name);
}

/* Longer names than that: the path starts again early rather than grow beyond what can be sent. */
static void test_too_long(void) {
        g_autofree char *name = g_strnfill(4096, '\n'), *domain = vs_domain_path("web1"), *path = NULL;
        unsigned n_restarts = 0;

        for (unsigned level = 0; level < VS_PATH_LEVELS; level++) {
                char *next = vs_snapshot_path(domain, path, level, name);

                g_assert_true(sd_bus_object_path_is_valid(next));
                check_snapshot(next, "web1", name);
                n_restarts += path && strlen(next) < strlen(path);
                g_free(path);
                path = next;
        }
        g_assert_cmpuint(n_restarts, ==, VS_PATH_LEVELS / 5);
}

static char *random_name(void) {
        int n = g_test_rand_int_range(0, 64);
        char *name = g_malloc((size_t) n + 1);

        for (int i = 0; i < n; i++)
                name[i] = (char) g_test_rand_int_range(1, 256);
        name[n] = 0;
        return name;
}

static void test_round_trip(void) {
        for (unsigned i = 0; i < 20000; i++) {
                g_autofree char *a = random_name(), *b = random_name(), *c = random_name();
                g_autofree char *domain = vs_domain_path(a), *root = vs_snapshot_path(domain, NULL, 0, b);
                g_autofree char *child = vs_snapshot_path(domain, root, 1, c);

                g_assert_true(sd_bus_object_path_is_valid(child));
                check_domain(domain, a);
                check_snapshot(root, a, b);
                check_snapshot(child, a, c);
        }
}

/* Whatever the bytes, what is found in a path makes that path again. */
static void test_random_paths(void) {
        static const char alphabet[] = "_/0123456789abcdefAFgZ.-";

        for (unsigned i = 0; i < 50000; i++) {
                int n = g_test_rand_int_range(0, 16);
                g_autoptr(GString) path = g_string_new(VS_DOMAIN_PREFIX "/");
                g_autofree char *domain = NULL, *snapshot = NULL;
                int r;

                for (int k = 0; k < n; k++)
                        g_string_append_c(path, alphabet[g_test_rand_int_range(0, sizeof alphabet - 1)]);
                r = vs_domain_path_decode(path->str, &domain);
                g_assert_cmpint(r, >=, 0);
                g_assert_true((domain != NULL) == (r == 1));
                if (r == 1)
                        check_domain(path->str, domain);
                g_clear_pointer(&domain, g_free);

                r = vs_snapshot_path_decode(path->str, &domain, &snapshot);
                g_assert_cmpint(r, >=, 0);
                if (r == 1) {
                        g_autofree char *first = vs_domain_path(domain);
                        g_autofree char *last = vs_snapshot_path(VS_ROOT_PATH, NULL, 0, snapshot);

                        g_assert_true(g_str_has_prefix(path->str, first));
                        g_assert_true(g_str_has_suffix(path->str, last + strlen(VS_ROOT_PATH)));
                }
        }
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/path/domain/encode", test_domain_encode);
        g_test_add_func("/path/snapshot/encode", test_snapshot_encode);
        g_test_add_func("/path/kinds-apart", test_kinds_apart);
        g_test_add_func("/path/job/round-trip", test_job);
        g_test_add_func("/path/job/hostile", test_job_hostile);
        g_test_add_func("/path/foreign", test_foreign);
        g_test_add_func("/path/labels-refused", test_labels_refused);
        g_test_add_func("/path/empty-name", test_empty_name);
        g_test_add_func("/path/distinct", test_distinct);
        g_test_add_func("/path/long", test_long);
        g_test_add_func("/path/many-levels", test_many_levels);
        g_test_add_func("/path/levels", test_levels);
        g_test_add_func("/path/deepest", test_deepest);
        g_test_add_func("/path/too-long", test_too_long);
        g_test_add_func("/path/round-trip", test_round_trip);
        g_test_add_func("/path/random-paths", test_random_paths);
        return g_test_run();
}
