/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/overlay.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/error.h"
#include "tests/unit/make.h"
#include "tests/unit/scratch.h"

/* ---- names that callers give ---- */

/* Relative names lie in the scratch folder. */
static bool check(const Scratch *scratch, const char *name, const GPtrArray *folders, bool reuse) {
        g_autofree char *path = g_strconcat(scratch->path, "/", name, NULL);
        g_autoptr(GError) error = NULL;
        bool ok = overlay_check_path(path, folders, reuse, &error);

        if (ok)
                g_assert_no_error(error);
        else
                g_assert_error(error, VS_ERROR, VS_ERR_INVALID_PATH);
        return ok;
}

static void test_path(Scratch *scratch, gconstpointer data) {
        /* name, good for a new file, good for one to be reused */
        static const struct {
                const char *name;
                bool new, reuse;
        } rows[] = {
                { "new", true, false },
                { "new file, ünusual \n name", true, false },
                { "folder/new", true, false },
                { "file", false, true },
                { "folder", false, false },
                { "pipe", false, false },
                { "link", false, false },
                { "dangling", false, false },
                { "loop", false, false },
                { "linked-folder/new", false, false },
                { "linked-folder/file", false, false },
                { "dangling/new", false, false },
                { "no-folder/new", false, false },
                { "file/new", false, false },
                { "new/", false, false },
                { "folder/", false, false },
                { "", false, false },
                { ".", false, false },
                { "..", false, false },
                { "folder/..", false, false },
                { "folder/.", false, false },
                { "./new", false, false },
                { "folder/../new", false, false },
                { "folder/../file", false, false },
                { "folder/./new", false, false },
                { "no-folder/../new", false, false },
                { "linked-folder/../new", false, false },
                { "/new", false, false },
                { "folder//new", false, false },
                { "folder//file", false, false },
        };

        scratch_write_text(scratch, "file", "text");
        scratch_folder(scratch, "folder");
        scratch_write_text(scratch, "folder/file", "text");
        g_assert_no_errno(mkfifoat(scratch->fd, "pipe", 0600));
        scratch_link(scratch, "file", "link");
        scratch_link(scratch, "nowhere", "dangling");
        scratch_link(scratch, "loop", "loop");
        scratch_link(scratch, "folder", "linked-folder");
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_test_message("\"%s\"", rows[i].name);
                g_assert_true(check(scratch, rows[i].name, NULL, false) == rows[i].new);
                g_assert_true(check(scratch, rows[i].name, NULL, true) == rows[i].reuse);
        }
}

static void test_path_not_absolute(void) {
        static const char *const paths[] = { "", "new", "./new", "../new", "~/new", "file:///tmp/new",
                "//tmp/new", "/", "//", "nbd://host/disk" };

        for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
                g_autoptr(GError) error = NULL;

                g_assert_false(overlay_check_path(paths[i], NULL, false, &error));
                g_assert_error(error, VS_ERROR, VS_ERR_INVALID_PATH);
        }
}

static void test_path_long(Scratch *scratch, gconstpointer data) {
        g_autofree char *fits = g_strnfill(255, 'x'), *longer = g_strnfill(256, 'x'),
                        *huge = g_strnfill(1000000, 'x'), *deep = g_strnfill(5000, '/');

        g_assert_true(check(scratch, fits, NULL, false));
        g_assert_false(check(scratch, longer, NULL, false));
        g_assert_false(check(scratch, huge, NULL, false));
        for (size_t i = 1; i < 5000; i += 2)
                deep[i] = 'x';
        g_assert_false(check(scratch, deep, NULL, false));
}

/* Only in the folders that are allowed, whatever leads there. */
static void test_folders(Scratch *scratch, gconstpointer data) {
        g_autofree char *allowed = scratch_in(scratch, "allowed"), *by_link = scratch_in(scratch, "link");
        g_autoptr(GPtrArray) folders = g_ptr_array_new(), links = g_ptr_array_new(),
                             none = g_ptr_array_new();

        scratch_folder(scratch, "allowed");
        scratch_folder(scratch, "allowed/below");
        scratch_folder(scratch, "allowed-not");
        scratch_link(scratch, "allowed", "link");
        g_ptr_array_add(folders, (char *) "/nonexistent");
        g_ptr_array_add(folders, allowed);
        g_assert_true(check(scratch, "allowed/new", folders, false));
        g_assert_false(check(scratch, "new", folders, false));
        g_assert_false(check(scratch, "allowed-not/new", folders, false));
        g_assert_false(check(scratch, "allowed/below/new", folders, false));
        g_assert_false(check(scratch, "allowed/below/../new", folders, false));
        g_assert_false(check(scratch, "link/new", folders, false));
        g_assert_false(check(scratch, "allowed/new", none, false));
        /* An administrator may have put the folder behind a link. */
        g_ptr_array_add(links, by_link);
        g_assert_true(check(scratch, "allowed/new", links, false));
        g_assert_false(check(scratch, "link/new", links, false));
}

static void test_own_folders(void) {
        g_autoptr(DomainRecord) domain = make_domain("uuid", "d");
        g_autoptr(GPtrArray) folders = NULL;
        DomainDisk *disk;

        make_disk(domain, "vda", "/srv/images/a.qcow2");
        make_disk(domain, "sda", "");
        disk = make_disk(domain, "vdb", "/dev/vg/lv");
        g_free(disk->type);
        disk->type = g_strdup("block");
        folders = overlay_folders(domain);
        if (geteuid() != 0) {
                g_assert_null(folders);
                return;
        }
        g_assert_cmpuint(folders->len, ==, 3);
        g_assert_cmpstr(folders->pdata[0], ==, "/var/lib/libvirt/images");
        g_assert_cmpstr(folders->pdata[1], ==, "/var/lib/libvirt/qemu/save");
        g_assert_cmpstr(folders->pdata[2], ==, "/srv/images");
}

/* ---- names of our own ---- */

/* The name beside an image of that name; without the folder.  The caller's. */
static char *name_for(const Scratch *scratch, const char *image, const char *target, uint64_t id) {
        g_autoptr(DomainRecord) domain = make_domain("uuid", "d");
        g_autofree char *source = scratch_in(scratch, image), *path = NULL;
        g_autoptr(GError) error = NULL;

        path = overlay_name(make_disk(domain, target, source), id, &error);
        g_assert_no_error(error);
        g_assert_nonnull(path);
        g_assert_true(g_str_has_prefix(path, scratch->path));
        /* What it is for. */
        g_assert_true(overlay_check_path(path, NULL, false, NULL));
        return g_strdup(path + strlen(scratch->path) + 1);
}

static void test_names(Scratch *scratch, gconstpointer data) {
        static const struct {
                const char *image, *target, *name;
        } rows[] = {
                { "web.qcow2", "vda", "web-vda-7.qcow2" },
                { "web.raw", "vda", "web-vda-7.qcow2" },
                { "web.img", "sdb", "web-sdb-7.qcow2" },
                { "web", "vda", "web-vda-7.qcow2" },
                { "web.1.qcow2", "vda", "web.1-vda-7.qcow2" },
                { "web.snap", "vda", "web.snap-vda-7.qcow2" },
                { ".qcow2", "vda", ".qcow2-vda-7.qcow2" },
                { "web.qcow2.img", "vda", "web.qcow2-vda-7.qcow2" },
                /* One of ours before. */
                { "web-vda-6.qcow2", "vda", "web-vda-7.qcow2" },
                { "web-vda-18446744073709551615.qcow2", "vda", "web-vda-7.qcow2" },
                { "web-vda-6-vda-6.qcow2", "vda", "web-vda-6-vda-7.qcow2" },
                /* Not ours. */
                { "web-vda-6.qcow2", "vdb", "web-vda-6-vdb-7.qcow2" },
                { "web-vda-.qcow2", "vda", "web-vda--vda-7.qcow2" },
                { "web-vda-x6.qcow2", "vda", "web-vda-x6-vda-7.qcow2" },
                { "-vda-6.qcow2", "vda", "-vda-6-vda-7.qcow2" },
                /* A target is no pattern. */
                { "web-vda-6.qcow2", "v.a", "web-vda-6-v.a-7.qcow2" },
                { "web-v(a-6.qcow2", "v(a", "web-v(a-7.qcow2" },
                { "wéb \"1\".qcow2", "vda", "wéb \"1\"-vda-7.qcow2" },
                { "a\\1b-vda-6.qcow2", "vda", "a\\1b-vda-7.qcow2" },
                { "n\xff\xfe-vda-6.qcow2", "vda", "n\xff\xfe-vda-7.qcow2" },
                { "\xff\xfe\x80", "vda", "\xff\xfe\x80-vda-7.qcow2" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autofree char *name = name_for(scratch, rows[i].image, rows[i].target, 7);

                g_assert_cmpstr(name, ==, rows[i].name);
        }
}

/* Snapshot after snapshot: the name does not grow. */
static void test_generations(Scratch *scratch, gconstpointer data) {
        g_autofree char *image = g_strdup("web.qcow2");

        for (uint64_t id = 1; id <= 300; id++) {
                g_autofree char *name = name_for(scratch, image, "vda", id),
                                *expected = g_strdup_printf("web-vda-%" G_GUINT64_FORMAT ".qcow2", id);

                g_assert_cmpstr(name, ==, expected);
                g_free(image);
                image = g_steal_pointer(&name);
        }
}

static void test_taken(Scratch *scratch, gconstpointer data) {
        g_autoptr(DomainRecord) domain = make_domain("uuid", "d");
        g_autofree char *source = scratch_in(scratch, "web.qcow2");
        g_autoptr(GError) error = NULL;
        DomainDisk *disk = make_disk(domain, "vda", source);

        /* Whatever it is: not even what a dangling link names. */
        scratch_link(scratch, "nowhere", "web-vda-7.qcow2");
        for (unsigned n = 1; n < 100; n++) {
                g_autofree char *name = name_for(scratch, "web.qcow2", "vda", 7),
                                *expected = g_strdup_printf("web-vda-7.%u.qcow2", n);

                g_assert_cmpstr(name, ==, expected);
                scratch_write_text(scratch, name, "");
        }
        g_assert_null(overlay_name(disk, 7, &error));
        g_assert_error(error, VS_ERROR, VS_ERR_INVALID_PATH);
}

/* It fits whatever the image is called, and stays text if that was. */
static void test_long_stems(Scratch *scratch, gconstpointer data) {
        static const char *const characters[] = { "x", "ü", "€", "𝄞", "\xff", "\x80" };

        for (size_t i = 0; i < G_N_ELEMENTS(characters); i++)
                for (unsigned n = 50; n < 256 / strlen(characters[i]); n++) {
                        g_autoptr(GString) image = g_string_new(n % 2 ? "a" : "");
                        g_autofree char *name = NULL;

                        for (unsigned k = 0; k < n; k++)
                                g_string_append(image, characters[i]);
                        name = name_for(scratch, image->str, "vda", UINT64_MAX);
                        g_assert_cmpuint(strlen(name), <=, 255);
                        g_assert_true(g_str_has_suffix(name, "-vda-18446744073709551615.qcow2"));
                        g_assert_cmpint(strncmp(name, image->str, MIN(image->len, 100)), ==, 0);
                        g_assert_true(
                                g_utf8_validate(name, -1, NULL) == g_utf8_validate(image->str, -1, NULL));
                }
}

static void test_no_file(void) {
        static const struct {
                const char *source, *type;
        } rows[] = { { "/dev/vg/lv", "block" }, { "", "file" }, { "nbd://host/disk", "network" },
                { "pool/volume", "volume" }, { "relative", "file" } };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autoptr(DomainRecord) domain = make_domain("uuid", "d");
                DomainDisk *disk = make_disk(domain, "vda", rows[i].source);
                g_autoptr(GError) error = NULL;

                g_free(disk->type);
                disk->type = g_strdup(rows[i].type);
                g_assert_null(overlay_name(disk, 7, &error));
                g_assert_error(error, VS_ERROR, VS_ERR_NOT_SUPPORTED);
        }
}

/* ---- rights ---- */

static unsigned mode_of(const Scratch *scratch, const char *name) {
        struct stat st;

        g_assert_no_errno(fstatat(scratch->fd, name, &st, 0));
        return st.st_mode & 07777;
}

static void test_restrict(Scratch *scratch, gconstpointer data) {
        static const unsigned rows[][3] = { { 0644, 0600, 0600 }, { 0644, 0644, 0644 }, { 0600, 0644, 0600 },
                { 0660, 0640, 0640 }, { 0666, 0660, 0660 }, { 0604, 0640, 0600 } };
        g_autofree char *upper = scratch_in(scratch, "upper"), *lower = scratch_in(scratch, "lower"),
                        *link = scratch_in(scratch, "link"), *none = scratch_in(scratch, "none");

        scratch_write_text(scratch, "upper", "");
        scratch_write_text(scratch, "lower", "");
        scratch_link(scratch, "upper", "link");
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_assert_no_errno(chmod(upper, rows[i][0]));
                g_assert_no_errno(chmod(lower, rows[i][1]));
                overlay_restrict(upper, lower);
                g_assert_cmpuint(mode_of(scratch, "upper"), ==, rows[i][2]);
                g_assert_cmpuint(mode_of(scratch, "lower"), ==, rows[i][1]);
        }
        /* Nothing through links, nothing without both. */
        g_assert_no_errno(chmod(upper, 0644));
        g_assert_no_errno(chmod(lower, 0600));
        overlay_restrict(link, lower);
        overlay_restrict(upper, none);
        overlay_restrict(none, lower);
        overlay_restrict(upper, scratch->path);
        g_assert_cmpuint(mode_of(scratch, "upper"), ==, 0644);
        g_assert_false(scratch_exists(scratch, "none"));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/overlay/path-not-absolute", test_path_not_absolute);
        g_test_add_func("/overlay/own-folders", test_own_folders);
        g_test_add_func("/overlay/no-file", test_no_file);
#define TEST(name, function) g_test_add("/overlay/" name, Scratch, NULL, scratch_up, function, scratch_down)
        TEST("path", test_path);
        TEST("path-long", test_path_long);
        TEST("folders", test_folders);
        TEST("names", test_names);
        TEST("generations", test_generations);
        TEST("taken", test_taken);
        TEST("long-stems", test_long_stems);
        TEST("restrict", test_restrict);
        return g_test_run();
}
