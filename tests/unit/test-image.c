/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/error.h"
#include "daemon/virt/image.h"

#define MIB UINT64_C(1048576)

/* A folder of its own for every test. */
typedef struct Folder {
        char *path;
} Folder;

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) {
        return remove(path);
}

static void folder_up(Folder *folder, gconstpointer data) {
        g_autoptr(GError) error = NULL;

        folder->path = g_dir_make_tmp("virtsnap-image-XXXXXX", &error);
        g_assert_no_error(error);
}

static void folder_down(Folder *folder, gconstpointer data) {
        g_assert_cmpint(nftw(folder->path, remove_one, 16, FTW_DEPTH | FTW_PHYS), ==, 0);
        g_free(folder->path);
}

static char *in(const Folder *folder, const char *name) {
        return g_build_filename(folder->path, name, NULL);
}

/* A program in the folder; its words are split at spaces. */
static void run(const Folder *folder, const char *command) {
        g_auto(GStrv) arguments = g_strsplit(command, " ", -1);
        g_autoptr(GError) error = NULL;
        int status;

        g_spawn_sync(folder->path, arguments, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL,
                NULL, NULL, NULL, &status, &error);
        g_assert_no_error(error);
        if (!g_spawn_check_wait_status(status, NULL))
                g_error("'%s' failed", command);
}

static ImageInfo *read_image(const Folder *folder, const char *name, const char *format) {
        g_autofree char *path = in(folder, name);
        g_autoptr(GError) error = NULL;
        ImageInfo *info = NULL;

        image_read(path, format, &info, &error);
        g_assert_no_error(error);
        g_assert_nonnull(info);
        return info;
}

static void refuse_image(const Folder *folder, const char *name, const char *format, VsError code) {
        g_autofree char *path = in(folder, name);
        g_autoptr(ImageInfo) info = NULL;
        g_autoptr(GError) error = NULL;

        g_assert_false(image_read(path, format, &info, &error));
        g_assert_error(error, VS_ERROR, (int) code);
        g_assert_null(info);
}

static void patch(const char *path, long offset, const void *bytes, size_t n) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(pwrite(fd, bytes, n, offset), ==, (ssize_t) n);
        close(fd);
}

static void test_qcow2(Folder *folder, gconstpointer data) {
        g_autoptr(ImageInfo) plain = NULL, old = NULL, secret = NULL;
        g_autofree char *path = in(folder, "a.qcow2"), *secret_path = in(folder, "secret.qcow2");
        struct stat status;

        run(folder, "qemu-img create -q -f qcow2 a.qcow2 3M");
        run(folder, "qemu-img snapshot -c one a.qcow2");
        run(folder, "qemu-img snapshot -c two a.qcow2");
        run(folder, "qemu-img create -q -f qcow2 -o compat=0.10 old.qcow2 1M");
        run(folder, "qemu-img create -q -f qcow2 secret.qcow2 1M");
        patch(secret_path, 32, "\0\0\0\2", 4); /* LUKS */
        g_assert_cmpint(stat(path, &status), ==, 0);

        plain = read_image(folder, "a.qcow2", NULL);
        g_assert_cmpstr(plain->format, ==, "qcow2");
        g_assert_cmpstr(plain->path, ==, path);
        g_assert_cmpuint(plain->virtual_size, ==, 3 * MIB);
        g_assert_cmpuint(plain->allocated, ==, (uint64_t) status.st_blocks * 512);
        g_assert_cmpuint(plain->internal_snapshots, ==, 2);
        g_assert_true(plain->dev == status.st_dev && plain->ino == status.st_ino);
        g_assert_true(
                plain->mode == status.st_mode && plain->uid == status.st_uid && plain->gid == status.st_gid);
        g_assert_null(plain->backing);
        g_assert_false(plain->encrypted || plain->block || plain->old_format || plain->external_data);

        old = read_image(folder, "old.qcow2", "qcow2");
        g_assert_true(old->old_format);
        secret = read_image(folder, "secret.qcow2", "qcow2");
        g_assert_true(secret->encrypted);
}

static void test_external_data(Folder *folder, gconstpointer data) {
        g_autoptr(ImageInfo) info = NULL;

        run(folder, "qemu-img create -q -f qcow2 -o data_file=data.raw,data_file_raw=on a.qcow2 1M");
        info = read_image(folder, "a.qcow2", NULL);
        g_assert_true(info->external_data);
        g_assert_null(info->backing);
}

/* A guest can write any header into its raw disk. */
static void test_raw(Folder *folder, gconstpointer data) {
        g_autoptr(ImageInfo) trusted = NULL, probed = NULL, odd = NULL;
        g_autofree char *path = in(folder, "odd");

        run(folder, "qemu-img create -q -f qcow2 -u -b /etc/passwd -F raw evil 1M");
        trusted = read_image(folder, "evil", "raw");
        g_assert_cmpstr(trusted->format, ==, "raw");
        g_assert_null(trusted->backing);
        probed = read_image(folder, "evil", "");
        g_assert_cmpstr(probed->format, ==, "qcow2");

        g_assert_true(g_file_set_contents(path, "x", 1, NULL));
        odd = read_image(folder, "odd", NULL);
        g_assert_cmpstr(odd->format, ==, "raw");
        g_assert_cmpuint(odd->virtual_size, ==, 512); /* as QEMU rounds it */
        refuse_image(folder, "odd", "qcow2", VS_ERR_BROKEN);
}

static void test_backing_names(Folder *folder, gconstpointer data) {
        static const struct {
                const char *written,
                        *resolved; /* NULL: as written, below the folder when it begins with '>' */
                bool local;
        } rows[] = {
                { "/abs/base", "/abs/base", true },
                { "base", ">base", true },
                { "sub/base", ">sub/base", true },
                { "./a:b", ">./a:b", true },
                { "file:/abs/x", "/abs/x", true },
                { "file:x", ">x", true },
                { "file:///abs/x", "///abs/x", true },
                { "nbd://host/export", NULL, false },
                { "rbd:pool/image", NULL, false },
                { "json:{\"driver\":\"qcow2\"}", NULL, false },
                { "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"/abs/x\"}}",
                        "/abs/x", true },
                { "json:{\"file.filename\":\"/abs/x\"}", "/abs/x", true },
                { "json:{\"file\":{\"filename\":\"x\"}}", NULL, false },
                { "json:{\"file\":{\"filename\":5}}", NULL, false },
                { "json:{\"file\":[]}", NULL, false },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autofree char *command = g_strdup_printf(
                        "qemu-img create -q -f qcow2 -u -F qcow2 -b %s a.qcow2 1M", rows[i].written);
                const char *resolved = rows[i].resolved ?: rows[i].written;
                g_autofree char *expected = *resolved == '>' ? in(folder, resolved + 1) : g_strdup(resolved);
                g_autoptr(ImageInfo) info = NULL;

                run(folder, command);
                info = read_image(folder, "a.qcow2", "qcow2");
                g_assert_cmpstr(info->backing_as_written, ==, rows[i].written);
                g_assert_cmpstr(info->backing, ==, expected);
                g_assert_true(info->backing_local == rows[i].local);
                g_assert_cmpstr(info->backing_format, ==, "qcow2");
        }
}

static void test_other_format(Folder *folder, gconstpointer data) {
        g_autoptr(ImageInfo) info = NULL, qed = NULL;

        run(folder, "qemu-img create -q -f vmdk a.vmdk 2M");
        run(folder, "qemu-img create -q -f qed -b a.vmdk -F vmdk a.qed");
        info = read_image(folder, "a.vmdk", "vmdk");
        g_assert_cmpstr(info->format, ==, "vmdk");
        g_assert_cmpuint(info->virtual_size, ==, 2 * MIB);
        qed = read_image(folder, "a.qed", "qed");
        g_assert_cmpstr(qed->backing, ==, info->path);
        g_assert_null(qed->backing_format); /* QED has no place for it */
        refuse_image(folder, "a.vmdk", "qed", VS_ERR_BROKEN);
        refuse_image(folder, "a.vmdk", "-x", VS_ERR_NOT_SUPPORTED);
        refuse_image(folder, "a.vmdk", "a b", VS_ERR_NOT_SUPPORTED);
}

static void test_not_images(Folder *folder, gconstpointer data) {
        g_autofree char *fifo = in(folder, "fifo"), *link = in(folder, "link"),
                        *dangling = in(folder, "dangling");
        g_autoptr(ImageInfo) info = NULL, linked = NULL;
        g_autoptr(GError) error = NULL;

        g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
        refuse_image(folder, "fifo", NULL, VS_ERR_INVALID_PATH);
        refuse_image(folder, ".", NULL, VS_ERR_INVALID_PATH);
        refuse_image(folder, "gone", NULL, VS_ERR_BROKEN);
        g_assert_cmpint(symlink("gone", dangling), ==, 0);
        refuse_image(folder, "dangling", NULL, VS_ERR_BROKEN);
        g_assert_false(image_read("relative", NULL, &info, &error));
        g_assert_error(error, VS_ERROR, VS_ERR_INVALID_PATH);
        g_clear_error(&error);
        g_assert_false(image_read("/dev/null", NULL, &info, &error));
        g_assert_error(error, VS_ERROR, VS_ERR_INVALID_PATH);

        /* a link is followed, and known by what it leads to */
        run(folder, "qemu-img create -q -f qcow2 a.qcow2 1M");
        g_assert_cmpint(symlink("a.qcow2", link), ==, 0);
        info = read_image(folder, "a.qcow2", NULL);
        linked = read_image(folder, "link", NULL);
        g_assert_true(info->dev == linked->dev && info->ino == linked->ino);
        g_assert_cmpstr(linked->path, ==, link);
}

/* Each field that has limits, with a value outside of them. */
static void test_hostile_headers(Folder *folder, gconstpointer data) {
        static const struct {
                long offset;
                const char *bytes;
                size_t n;
        } rows[] = {
                { 4, "\0\0\0\1", 4 }, /* version */
                { 4, "\0\0\0\4", 4 },
                { 4, "\xff\xff\xff\xff", 4 },
                { 8, "\xff\xff\xff\xff\xff\xff\xff\xff", 8 }, /* offset of the backing name */
                { 8, "\0\0\0\0\0\1\0\0", 8 },
                { 16, "\xff\xff\xff\xff", 4 }, /* its length */
                { 16, "\0\0\4\0", 4 },
                { 20, "\0\0\0\0", 4 }, /* cluster bits */
                { 20, "\0\0\0\x40", 4 },
                { 24, "\xff\xff\xff\xff\xff\xff\xff\xff", 8 }, /* size */
                { 60, "\xff\xff\xff\xff", 4 }, /* internal snapshots */
                { 100, "\0\0\0\0", 4 }, /* length of the header */
                { 100, "\xff\xff\xff\xff", 4 },
                { 116, "\xff\xff\xff\xff", 4 }, /* length of the first extension */
                { 116, "\0\0\1\0", 4 },
        };
        g_autofree char *path = in(folder, "a.qcow2");

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                run(folder, "qemu-img create -q -f qcow2 -u -b base -F qcow2 a.qcow2 1M");
                patch(path, rows[i].offset, rows[i].bytes, rows[i].n);
                refuse_image(folder, "a.qcow2", "qcow2", VS_ERR_BROKEN);
        }
        /* short at every byte that is read: never more than an error */
        run(folder, "qemu-img create -q -f qcow2 -u -b base -F qcow2 a.qcow2 1M");
        for (long n = 1024; n >= 0; n--) {
                g_autoptr(ImageInfo) info = NULL;

                g_assert_cmpint(truncate(path, n), ==, 0);
                if (image_read(path, "qcow2", &info, NULL))
                        g_assert_cmpstr(info->backing_as_written, ==, "base");
                else
                        g_assert_cmpint(n, <, 1024);
        }
}

static void test_random_headers(Folder *folder, gconstpointer data) {
        g_autofree char *path = in(folder, "a.qcow2");
        g_autofree char *content = NULL;
        unsigned readable = 0;
        char good[256];

        run(folder, "qemu-img create -q -f qcow2 -u -b base -F qcow2 a.qcow2 1M");
        g_assert_true(g_file_get_contents(path, &content, NULL, NULL));
        memcpy(good, content, sizeof(good));
        for (unsigned i = 0; i < 5000; i++) {
                g_autoptr(ImageInfo) info = NULL;
                unsigned char byte = (unsigned char) g_test_rand_int_range(0, 256);

                if (i % 10 == 0)
                        patch(path, 0, good, sizeof(good)); /* begin again from a valid one */
                patch(path, g_test_rand_int_range(4, 200), &byte, 1);
                readable += image_read(path, "qcow2", &info, NULL);
        }
        g_test_message("%u of 5000 could be read", readable);
        g_assert_cmpuint(readable, >, 500);
        g_assert_cmpuint(readable, <, 5000);
}

static void test_chain(Folder *folder, gconstpointer data) {
        g_autofree char *path = in(folder, "s2"), *link = in(folder, "base-link");
        g_autoptr(GPtrArray) chain = NULL;
        g_autoptr(GError) error = NULL;

        run(folder, "qemu-img create -q -f raw base 1M");
        g_assert_cmpint(symlink("base", link), ==, 0);
        run(folder, "qemu-img create -q -f qcow2 -b base-link -F raw s1");
        run(folder, "qemu-img create -q -f qcow2 -b s1 -F qcow2 s2");
        g_assert_true(image_chain_read(path, "qcow2", &chain, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(chain->len, ==, 3);
        g_assert_cmpstr(((ImageInfo *) chain->pdata[2])->path, ==, link);
        g_assert_cmpstr(((ImageInfo *) chain->pdata[2])->format, ==, "raw");
        g_clear_pointer(&chain, g_ptr_array_unref);

        /* the middle is missing: said by name */
        run(folder, "rm s1");
        g_assert_false(image_chain_read(path, "qcow2", &chain, &error));
        g_assert_error(error, VS_ERROR, VS_ERR_BROKEN);
        g_assert_nonnull(strstr(error->message, "/s1'"));
        g_assert_nonnull(strstr(error->message, "/s2'"));
        g_clear_error(&error);

        /* a loop, over another name */
        run(folder, "qemu-img create -q -f qcow2 -u -b ./s2 -F qcow2 s1 1M");
        g_assert_false(image_chain_read(path, "qcow2", &chain, &error));
        g_assert_error(error, VS_ERROR, VS_ERR_BROKEN);
        g_assert_nonnull(strstr(error->message, "loop"));
        g_clear_error(&error);

        /* what is not local ends it */
        run(folder, "qemu-img create -q -f qcow2 -u -b nbd://nowhere/x -F raw s1 1M");
        g_assert_true(image_chain_read(path, "qcow2", &chain, &error));
        g_assert_cmpuint(chain->len, ==, 2);
}

static void test_long_chain(Folder *folder, gconstpointer data) {
        g_autofree char *path = NULL;
        g_autoptr(GPtrArray) chain = NULL;
        g_autoptr(GError) error = NULL;

        run(folder, "qemu-img create -q -f qcow2 layer-0000 1M");
        run(folder, "qemu-img create -q -f qcow2 -u -b layer-0000 -F qcow2 model 1M");
        for (unsigned i = 1; i <= IMAGE_CHAIN_MAX; i++) {
                g_autofree char *from = in(folder, "model"), *name = g_strdup_printf("layer-%04u", i);
                g_autofree char *to = in(folder, name), *below = g_strdup_printf("layer-%04u", i - 1);
                g_autofree char *content = NULL;
                char *found;
                gsize n;

                /* a copy with another backing name of the same length: quicker than two hundred times
                 * qemu-img */
                g_assert_true(g_file_get_contents(from, &content, &n, NULL));
                found = memmem(content, n, "layer-0000", 10);
                g_assert_nonnull(found);
                memcpy(found, below, 10);
                g_assert_true(g_file_set_contents(to, content, (gssize) n, NULL));
                if (i == IMAGE_CHAIN_MAX - 1) {
                        g_assert_true(image_chain_read(to, NULL, &chain, &error));
                        g_assert_cmpuint(chain->len, ==, IMAGE_CHAIN_MAX);
                        g_clear_pointer(&chain, g_ptr_array_unref);
                }
                path = i == IMAGE_CHAIN_MAX ? g_steal_pointer(&to) : NULL;
        }
        g_assert_false(image_chain_read(path, NULL, &chain, &error));
        g_assert_error(error, VS_ERROR, VS_ERR_BROKEN);
}

static void test_scan(Folder *folder, gconstpointer data) {
        g_autofree char *fifo = in(folder, "fifo"), *link = in(folder, "link"), *gone = in(folder, "gone");
        g_autofree char *damaged = in(folder, "damaged");
        g_autoptr(GPtrArray) found = NULL;
        g_autoptr(GError) error = NULL;
        unsigned skipped;

        run(folder, "qemu-img create -q -f qcow2 a.qcow2 1M");
        run(folder, "qemu-img create -q -f qcow2 -b a.qcow2 -F qcow2 b");
        run(folder, "qemu-img create -q -f raw c.raw 1M");
        run(folder, "mkdir sub");
        run(folder, "qemu-img create -q -f qcow2 sub/d.qcow2 1M");
        g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
        g_assert_cmpint(symlink("a.qcow2", link), ==, 0);
        g_assert_true(g_file_set_contents(damaged, "QFI\xfb\xff\xff", 6, NULL));

        g_assert_true(image_scan_folder(folder->path, &found, &skipped, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(found->len, ==, 2);
        g_assert_cmpuint(skipped, ==, 1);
        for (unsigned i = 0; i < found->len; i++) {
                const ImageInfo *info = found->pdata[i];

                g_assert_true(
                        g_str_has_suffix(info->path, "/a.qcow2") || g_str_has_suffix(info->path, "/b"));
                g_assert_true(g_str_has_suffix(info->path, "/b") == (info->backing != NULL));
                g_assert_cmpuint(info->virtual_size, ==, MIB);
        }
        g_clear_pointer(&found, g_ptr_array_unref);
        g_assert_false(image_scan_folder(gone, &found, NULL, &error));
        g_assert_error(error, VS_ERROR, VS_ERR_INVALID_PATH);
}

static void add(const char *name, void (*test)(Folder *, gconstpointer)) {
        g_test_add(name, Folder, NULL, folder_up, test, folder_down);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        add("/image/qcow2", test_qcow2);
        add("/image/external-data", test_external_data);
        add("/image/raw", test_raw);
        add("/image/backing-names", test_backing_names);
        add("/image/other-format", test_other_format);
        add("/image/not-images", test_not_images);
        add("/image/hostile-headers", test_hostile_headers);
        add("/image/random-headers", test_random_headers);
        add("/image/chain", test_chain);
        add("/image/long-chain", test_long_chain);
        add("/image/scan", test_scan);
        return g_test_run();
}
