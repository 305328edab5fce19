/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/scratch.h"

static void assert_content(const Scratch *scratch, const char *name, const char *expected) {
        g_autofree char *text = NULL;

        g_assert_cmpint(file_read(scratch->fd, name, strlen(expected), &text), ==, 0);
        g_assert_cmpstr(text, ==, expected);
}

static void test_replace(Scratch *scratch, gconstpointer data) {
        struct stat st;

        g_assert_cmpint(file_replace(scratch->fd, "a", "one"), ==, 0);
        assert_content(scratch, "a", "one");
        g_assert_no_errno(fstatat(scratch->fd, "a", &st, 0));
        g_assert_cmpint(st.st_mode & 07777, ==, 0600);

        g_assert_cmpint(file_replace(scratch->fd, "a", "another, longer one"), ==, 0);
        assert_content(scratch, "a", "another, longer one");
        g_assert_cmpint(file_replace(scratch->fd, "a", ""), ==, 0);
        assert_content(scratch, "a", "");
        g_assert_false(scratch_exists(scratch, "a.new"));
}

/* Who has the old file open goes on reading the old text: it is replaced, not written over. */
static void test_replace_is_whole(Scratch *scratch, gconstpointer data) {
        char text[16] = "";
        int fd;

        g_assert_cmpint(file_replace(scratch->fd, "a", "old"), ==, 0);
        fd = openat(scratch->fd, "a", O_RDONLY | O_CLOEXEC);
        g_assert_no_errno(fd);
        g_assert_cmpint(file_replace(scratch->fd, "a", "new"), ==, 0);
        g_assert_cmpint(read(fd, text, sizeof text - 1), ==, 3);
        g_assert_cmpstr(text, ==, "old");
        close(fd);
        assert_content(scratch, "a", "new");
}

/* What a crash left half written is in nobody's way. */
static void test_replace_leftover(Scratch *scratch, gconstpointer data) {
        scratch_write_text(scratch, "a.new", "half of a text that is longer than the next");
        g_assert_cmpint(file_replace(scratch->fd, "a", "whole"), ==, 0);
        assert_content(scratch, "a", "whole");
}

static void test_replace_link(Scratch *scratch, gconstpointer data) {
        g_autofree char *victim = NULL;

        scratch_write_text(scratch, "victim", "mine");
        /* The file itself may be a link: it is the link that goes. */
        scratch_link(scratch, "victim", "a");
        g_assert_cmpint(file_replace(scratch->fd, "a", "text"), ==, 0);
        assert_content(scratch, "a", "text");
        /* Nothing is written through one. */
        scratch_link(scratch, "victim", "a.new");
        g_assert_cmpint(file_replace(scratch->fd, "a", "other"), ==, -ELOOP);
        assert_content(scratch, "a", "text");
        victim = scratch_read(scratch, "victim");
        g_assert_cmpstr(victim, ==, "mine");
        /* It has been cleared away. */
        g_assert_cmpint(file_replace(scratch->fd, "a", "other"), ==, 0);
        assert_content(scratch, "a", "other");
}

static void test_replace_fails(Scratch *scratch, gconstpointer data) {
        g_autofree char *big = g_strnfill(100000, 'x');

        g_assert_cmpint(file_replace(scratch->fd, "a", "old"), ==, 0);

        scratch_limit_files(50000);
        g_assert_cmpint(file_replace(scratch->fd, "a", big), ==, -EFBIG);
        scratch_limit_files(SIZE_MAX);
        assert_content(scratch, "a", "old");
        g_assert_false(scratch_exists(scratch, "a.new"));

        scratch_folder(scratch, "a.new");
        g_assert_cmpint(file_replace(scratch->fd, "a", "new"), ==, -EISDIR);
        assert_content(scratch, "a", "old");
        g_assert_cmpint(file_replace(scratch->fd, "no/such/folder", "new"), ==, -ENOENT);
        g_assert_cmpint(file_replace(-1, "a", "new"), ==, -EBADF);
}

static void test_replace_locked(Scratch *scratch, gconstpointer data) {
        int made, replaced, removed;

        g_assert_cmpint(file_replace(scratch->fd, "a", "old"), ==, 0);
        if (!scratch_lock(scratch, ".")) {
                g_test_skip("no other user can be had");
                return;
        }
        made = file_replace(scratch->fd, "b", "new");
        replaced = file_replace(scratch->fd, "a", "new");
        removed = file_remove(scratch->fd, "a");
        scratch_unlock(scratch, ".");
        g_assert_cmpint(made, ==, -EACCES);
        g_assert_cmpint(replaced, ==, -EACCES);
        g_assert_cmpint(removed, ==, -EACCES);
        assert_content(scratch, "a", "old");
}

static void test_remove(Scratch *scratch, gconstpointer data) {
        scratch_write_text(scratch, "a", "text");
        scratch_link(scratch, "a", "link");
        g_assert_cmpint(file_remove(scratch->fd, "link"), ==, 0);
        assert_content(scratch, "a", "text");
        g_assert_cmpint(file_remove(scratch->fd, "a"), ==, 0);
        g_assert_false(scratch_exists(scratch, "a"));
        g_assert_cmpint(file_remove(scratch->fd, "a"), ==, 0);
        scratch_folder(scratch, "folder");
        g_assert_cmpint(file_remove(scratch->fd, "folder"), ==, -EISDIR);
}

static void test_read_limit(Scratch *scratch, gconstpointer data) {
        char *text = NULL;

        scratch_write_text(scratch, "a", "12345");
        g_assert_cmpint(file_read(scratch->fd, "a", 4, &text), ==, -EFBIG);
        g_assert_null(text);
        assert_content(scratch, "a", "12345");
}

static void test_read_big(Scratch *scratch, gconstpointer data) {
        const size_t size = UINT64_C(16) * 1024 * 1024;
        g_autofree char *big = g_malloc(size + 1), *text = NULL;

        for (size_t i = 0; i < size; i++)
                big[i] = (char) ('a' + i * 7 % 23);
        big[size] = '\0';
        g_assert_cmpint(file_replace(scratch->fd, "big", big), ==, 0);
        g_assert_cmpint(file_read(scratch->fd, "big", size, &text), ==, 0);
        g_assert_cmpstr(text, ==, big);
        g_clear_pointer(&text, g_free);
        g_assert_cmpint(file_read(scratch->fd, "big", size - 1, &text), ==, -EFBIG);
        g_assert_null(text);
}

/* Bytes that are no text come as they are, with a NUL behind them. */
static void test_read_bytes(Scratch *scratch, gconstpointer data) {
        static const char bytes[] = { 'a', '\0', '\xff', 'b' };
        g_autofree char *text = NULL;

        scratch_write(scratch, "a", bytes, sizeof bytes);
        g_assert_cmpint(file_read(scratch->fd, "a", 4, &text), ==, 0);
        g_assert_cmpmem(text, 5,
                "a\0\xff"
                "b",
                5);
}

/* Nothing but plain files is read, and nothing is waited for. */
static void test_read_others(Scratch *scratch, gconstpointer data) {
        char *text = NULL;

        scratch_write_text(scratch, "a", "text");
        scratch_link(scratch, "a", "link");
        scratch_link(scratch, "nowhere", "dangling");
        scratch_folder(scratch, "folder");
        g_assert_no_errno(mkfifoat(scratch->fd, "pipe", 0600));
        g_assert_cmpint(file_read(scratch->fd, "none", 9, &text), ==, -ENOENT);
        g_assert_cmpint(file_read(scratch->fd, "link", 9, &text), ==, -ELOOP);
        g_assert_cmpint(file_read(scratch->fd, "dangling", 9, &text), ==, -ELOOP);
        g_assert_cmpint(file_read(scratch->fd, "folder", 9, &text), ==, -EINVAL);
        g_assert_cmpint(file_read(scratch->fd, "pipe", 9, &text), ==, -EINVAL);
        g_assert_null(text);
}

static void test_folder(Scratch *scratch, gconstpointer data) {
        g_autofree char *absolute = scratch_in(scratch, "new");
        struct stat st;
        int fd;

        fd = file_open_folder(scratch->fd, "new");
        g_assert_cmpint(fd, >=, 0);
        g_assert_no_errno(fstat(fd, &st));
        g_assert_true(S_ISDIR(st.st_mode));
        g_assert_cmpint(st.st_mode & 07777, ==, 0700);
        g_assert_cmpint(file_replace(fd, "a", "text"), ==, 0);
        close(fd);
        assert_content(scratch, "new/a", "text");

        /* Again, and by its whole name. */
        fd = file_open_folder(AT_FDCWD, absolute);
        g_assert_cmpint(fd, >=, 0);
        close(fd);

        g_assert_cmpint(file_open_folder(scratch->fd, "no/such"), ==, -ENOENT);
        scratch_write_text(scratch, "file", "text");
        g_assert_cmpint(file_open_folder(scratch->fd, "file"), ==, -ENOTDIR);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
#define TEST(name, function) g_test_add("/file/" name, Scratch, NULL, scratch_up, function, scratch_down)
        TEST("replace", test_replace);
        TEST("replace-is-whole", test_replace_is_whole);
        TEST("replace-leftover", test_replace_leftover);
        TEST("replace-link", test_replace_link);
        TEST("replace-fails", test_replace_fails);
        TEST("replace-locked", test_replace_locked);
        TEST("remove", test_remove);
        TEST("read-limit", test_read_limit);
        TEST("read-big", test_read_big);
        TEST("read-bytes", test_read_bytes);
        TEST("read-others", test_read_others);
        TEST("folder", test_folder);
        return g_test_run();
}
