/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/scratch.h"

/* ---- records ---- */

static struct json_object *make_record(uint64_t id, const char *text) {
        struct json_object *record = json_object_new_object();

        json_object_object_add(record, "id", json_object_new_uint64(id));
        json_object_object_add(record, "text", json_object_new_string(text));
        return record;
}

static void write_record(const Scratch *scratch, uint64_t id, const char *text) {
        struct json_object *record = make_record(id, text);

        g_assert_cmpint(journal_write(scratch->fd, id, record), ==, 0);
        json_object_put(record);
}

static uint64_t record_id(const GPtrArray *records, unsigned i) {
        struct json_object *id;

        g_assert_true(json_object_object_get_ex(records->pdata[i], "id", &id));
        return json_object_get_uint64(id);
}

static const char *record_text(const GPtrArray *records, unsigned i) {
        struct json_object *text;

        g_assert_true(json_object_object_get_ex(records->pdata[i], "text", &text));
        return json_object_get_string(text);
}

static void test_round_trip(Scratch *scratch, gconstpointer data) {
        static const char text[] = "quotes \" and \\ and \n and ü and \x01";
        g_autoptr(GPtrArray) none = journal_read_all(scratch->fd), some = NULL, one = NULL;

        g_assert_cmpuint(none->len, ==, 0);
        /* By number, and not by name. */
        write_record(scratch, 100, "hundred");
        write_record(scratch, 9, text);
        write_record(scratch, 20, "first");
        write_record(scratch, 20, "second");
        some = journal_read_all(scratch->fd);
        g_assert_cmpuint(some->len, ==, 3);
        g_assert_cmpuint(record_id(some, 0), ==, 9);
        g_assert_cmpstr(record_text(some, 0), ==, text);
        g_assert_cmpuint(record_id(some, 1), ==, 20);
        g_assert_cmpstr(record_text(some, 1), ==, "second");
        g_assert_cmpuint(record_id(some, 2), ==, 100);

        g_assert_cmpint(journal_remove(scratch->fd, 20), ==, 0);
        g_assert_cmpint(journal_remove(scratch->fd, 9), ==, 0);
        g_assert_cmpint(journal_remove(scratch->fd, 9), ==, 0);
        one = journal_read_all(scratch->fd);
        g_assert_cmpuint(one->len, ==, 1);
        g_assert_cmpuint(record_id(one, 0), ==, 100);
}

/* Only its own files are looked at. */
static void test_others(Scratch *scratch, gconstpointer data) {
        static const char *const names[] = { "0.json", "01.json", "+1.json", "-1.json", " 1.json",
                "1.json.new", "1.json.bad", "1.jso", "1", ".json", "one.json", "18446744073709551616.json",
                "18446744073709551615.json" };
        g_autoptr(GPtrArray) records = NULL;

        for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
                scratch_write_text(scratch, names[i], "{ \"id\": 1 }");
        records = journal_read_all(scratch->fd);
        g_assert_cmpuint(records->len, ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
                g_assert_true(scratch_exists(scratch, names[i]));
}

/* What cannot be read is set aside as it is, and the rest is read. */
static void test_corrupt(Scratch *scratch, gconstpointer data) {
        static const char *const texts[] = { "", "{", "{}}", "[]", "null", "1", "\"text\"",
                "{ \"id\": 7 } x", "\xff\xfe", "{ \"id\": 7, }",
                "{ \"a\": [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]] }" };

        write_record(scratch, 8, "good");
        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                g_autoptr(GPtrArray) records = NULL;
                g_autofree char *aside = NULL;

                scratch_write_text(scratch, "7.json", texts[i]);
                records = journal_read_all(scratch->fd);
                g_assert_cmpuint(records->len, ==, 1);
                g_assert_cmpuint(record_id(records, 0), ==, 8);
                g_assert_false(scratch_exists(scratch, "7.json"));
                aside = scratch_read(scratch, "7.json.bad");
                g_assert_cmpstr(aside, ==, texts[i]);
        }
}

static void test_truncated(Scratch *scratch, gconstpointer data) {
        g_autofree char *whole = NULL;
        size_t n;

        write_record(scratch, 7, "a text with ü and \"");
        whole = scratch_read(scratch, "7.json");
        n = strlen(whole);
        for (size_t i = 0; i < n; i++) {
                g_autoptr(GPtrArray) records = NULL;

                scratch_write(scratch, "7.json", whole, i);
                records = journal_read_all(scratch->fd);
                g_assert_cmpuint(records->len, ==, 0);
                g_assert_false(scratch_exists(scratch, "7.json"));
                g_assert_true(scratch_exists(scratch, "7.json.bad"));
        }
        scratch_write(scratch, "7.json", whole, n);
        {
                g_autoptr(GPtrArray) records = journal_read_all(scratch->fd);

                g_assert_cmpuint(records->len, ==, 1);
        }
}

/* Not files at all. */
static void test_strange(Scratch *scratch, gconstpointer data) {
        g_autoptr(GPtrArray) records = NULL;

        write_record(scratch, 1, "good");
        scratch_link(scratch, "1.json", "2.json");
        scratch_folder(scratch, "3.json");
        g_assert_no_errno(mkfifoat(scratch->fd, "4.json", 0600));
        records = journal_read_all(scratch->fd);
        g_assert_cmpuint(records->len, ==, 1);
        g_assert_true(scratch_exists(scratch, "2.json.bad"));
        g_assert_true(scratch_exists(scratch, "3.json.bad"));
        g_assert_true(scratch_exists(scratch, "4.json.bad"));
        g_assert_true(scratch_exists(scratch, "1.json"));
}

static void test_write_fails(Scratch *scratch, gconstpointer data) {
        g_autofree char *big = g_strnfill(100000, 'x');
        struct json_object *record = make_record(7, big);
        g_autoptr(GPtrArray) records = NULL;
        int written, removed;

        write_record(scratch, 7, "before");
        scratch_limit_files(50000);
        g_assert_cmpint(journal_write(scratch->fd, 7, record), ==, -EFBIG);
        scratch_limit_files(SIZE_MAX);
        if (scratch_lock(scratch, ".")) {
                written = journal_write(scratch->fd, 7, record);
                removed = journal_remove(scratch->fd, 7);
                scratch_unlock(scratch, ".");
                g_assert_cmpint(written, ==, -EACCES);
                g_assert_cmpint(removed, ==, -EACCES);
        }
        json_object_put(record);
        records = journal_read_all(scratch->fd);
        g_assert_cmpuint(records->len, ==, 1);
        g_assert_cmpstr(record_text(records, 0), ==, "before");
}

static void test_no_folder(void) {
        g_autoptr(GPtrArray) records = journal_read_all(-1);

        g_assert_cmpuint(records->len, ==, 0);
}

/* ---- numbers ---- */

static int open_folder(const Scratch *scratch, const char *name) {
        int fd;

        scratch_folder(scratch, name);
        fd = openat(scratch->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_assert_no_errno(fd);
        return fd;
}

static uint64_t next(JobIds *ids) {
        uint64_t id = 0;

        g_assert_cmpint(job_ids_next(ids, &id), ==, 0);
        return id;
}

static void test_ids(Scratch *scratch, gconstpointer data) {
        int records_fd = open_folder(scratch, "jobs");
        JobIds *ids = job_ids_new(scratch->fd, records_fd);

        /* A new state directory: people like small numbers. */
        for (uint64_t i = 1; i <= 1000; i++)
                g_assert_cmpuint(next(ids), ==, i);
        g_assert_null(job_ids_free(ids));
        close(records_fd);
}

/* However it ended, the next one goes on above. */
static void test_ids_restart(Scratch *scratch, gconstpointer data) {
        int records_fd = open_folder(scratch, "jobs");
        uint64_t last = 0;

        for (unsigned run = 0; run < 50; run++) {
                JobIds *ids = job_ids_new(scratch->fd, records_fd);

                for (unsigned i = 0; i < run * 7; i++) {
                        uint64_t id = next(ids);

                        g_assert_cmpuint(id, >, last);
                        last = id;
                }
                job_ids_free(ids);
        }
        g_assert_cmpuint(last, <, UINT64_C(50) * (64 + 50 * 7));
        close(records_fd);
}

/* One run of numbers with next-id and perhaps a record made of it; then next-id is spoiled. */
static void ids_before(const Scratch *scratch, int records_fd, uint64_t *ret_last) {
        JobIds *ids = job_ids_new(scratch->fd, records_fd);

        for (unsigned i = 0; i < 1000; i++)
                *ret_last = next(ids);
        job_ids_free(ids);
}

static void assert_goes_on(const Scratch *scratch, int records_fd, uint64_t last) {
        JobIds *ids = job_ids_new(scratch->fd, records_fd);
        uint64_t id = next(ids);

        g_assert_cmpuint(id, >, last);
        g_assert_cmpuint(next(ids), ==, id + 1);
        job_ids_free(ids);
        /* And again: what it found is on disk by now. */
        ids = job_ids_new(scratch->fd, records_fd);
        g_assert_cmpuint(next(ids), >, id + 1);
        job_ids_free(ids);
}

static void test_ids_corrupt(Scratch *scratch, gconstpointer data) {
        static const char *const texts[] = { "", "\n", "0\n", "-1\n", "x\n", " 9999\n", "9999", "9999\n\n",
                "9999 \n", "9999x\n", "009999\n", "18446744073709551615\n", "99999999999999999999999\n",
                "9999\n9999999999999999999999999999999999999999999999999999999999999999999999" };
        int records_fd = open_folder(scratch, "jobs");
        uint64_t last;

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                ids_before(scratch, records_fd, &last);
                scratch_write_text(scratch, "next-id", texts[i]);
                assert_goes_on(scratch, records_fd, last);
        }
        close(records_fd);
}

/* A part of a number is another number. */
static void test_ids_truncated(Scratch *scratch, gconstpointer data) {
        int records_fd = open_folder(scratch, "jobs");
        g_autofree char *whole = NULL;
        uint64_t last;

        ids_before(scratch, records_fd, &last);
        whole = scratch_read(scratch, "next-id");
        g_assert_cmpstr(whole, ==, "1025\n");
        for (size_t i = 0; i < strlen(whole); i++) {
                scratch_write(scratch, "next-id", whole, i);
                assert_goes_on(scratch, records_fd, last);
        }
        close(records_fd);
}

/* The file is gone; that there was one shows in what lies in the folder of records. */
static void test_ids_lost(Scratch *scratch, gconstpointer data) {
        static const char *const traces[] = { "500.json", "500.json.bad", "500.json.new" };
        int records_fd = open_folder(scratch, "jobs");

        for (size_t i = 0; i < G_N_ELEMENTS(traces); i++) {
                g_autofree char *name = g_strconcat("jobs/", traces[i], NULL);
                uint64_t last;

                ids_before(scratch, records_fd, &last);
                scratch_write_text(scratch, name, "{}");
                scratch_remove(scratch, "next-id");
                assert_goes_on(scratch, records_fd, last);
                scratch_remove(scratch, name);
        }
        close(records_fd);
}

/* An old copy of next-id came back: no record's number is given again. */
static void test_ids_behind(Scratch *scratch, gconstpointer data) {
        int records_fd = open_folder(scratch, "jobs");

        scratch_write_text(scratch, "next-id", "65\n");
        scratch_write_text(scratch, "jobs/9.json", "{}");
        scratch_write_text(scratch, "jobs/4000.json", "{}");
        scratch_write_text(scratch, "jobs/18446744073709551615.json", "{}");
        assert_goes_on(scratch, records_fd, 4000);
        close(records_fd);
}

static void test_ids_unreadable(Scratch *scratch, gconstpointer data) {
        int records_fd = open_folder(scratch, "jobs");
        uint64_t last;

        ids_before(scratch, records_fd, &last);
        scratch_remove(scratch, "next-id");
        scratch_write_text(scratch, "elsewhere", "1\n");
        scratch_link(scratch, "elsewhere", "next-id");
        assert_goes_on(scratch, records_fd, last);
        close(records_fd);
}

/* No number without its reservation on disk. */
static void test_ids_locked(Scratch *scratch, gconstpointer data) {
        int records_fd = open_folder(scratch, "jobs"), first, second;
        JobIds *ids = job_ids_new(scratch->fd, records_fd);
        uint64_t id = 0;

        if (!scratch_lock(scratch, ".")) {
                g_test_skip("no other user can be had");
                job_ids_free(ids);
                close(records_fd);
                return;
        }
        first = job_ids_next(ids, &id);
        second = job_ids_next(ids, &id);
        scratch_unlock(scratch, ".");
        g_assert_cmpint(first, ==, -EACCES);
        g_assert_cmpint(second, ==, -EACCES);
        g_assert_cmpuint(id, ==, 0);
        g_assert_cmpuint(next(ids), ==, 1);
        job_ids_free(ids);
        close(records_fd);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/journal/no-folder", test_no_folder);
#define TEST(name, function) g_test_add("/journal/" name, Scratch, NULL, scratch_up, function, scratch_down)
        TEST("round-trip", test_round_trip);
        TEST("others", test_others);
        TEST("corrupt", test_corrupt);
        TEST("truncated", test_truncated);
        TEST("strange", test_strange);
        TEST("write-fails", test_write_fails);
        TEST("ids", test_ids);
        TEST("ids-restart", test_ids_restart);
        TEST("ids-corrupt", test_ids_corrupt);
        TEST("ids-truncated", test_ids_truncated);
        TEST("ids-lost", test_ids_lost);
        TEST("ids-behind", test_ids_behind);
        TEST("ids-unreadable", test_ids_unreadable);
        TEST("ids-locked", test_ids_locked);
        return g_test_run();
}
