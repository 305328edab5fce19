/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/base/error.h"
#include "daemon/jobs/journal.h"
#include "daemon/jobs/merge-work.h"
#include "tests/unit/scratch.h"

static LayerMove *add_move(
        MergeWork *work, const char *from, const char *to, const char *format, bool block) {
        LayerMove *move = layer_move_new(to, format, block);

        g_hash_table_insert(work->moves, g_strdup(from), move);
        return move;
}

/* Everything that a commit can know, in it. */
static MergeParams *make_full(void) {
        MergeParams *params = merge_params_new(false, "vda");
        MergeWork *work = params->work;
        LayerMove *move;

        params->pivot = params->keep_overlay = params->unlink = true;
        work->base = g_strdup("/images/base \"1\".qcow2");
        work->top = g_strdup("/images/tóp.qcow2");
        work->head = g_strdup("/images/base \"1\".qcow2");
        work->active = work->merged = work->kept = true;
        work->bytes = UINT64_MAX - 1;
        merge_work_add_lost(work, "daily-1", 1700000000000000);
        merge_work_add_lost(work, "daily-2", UINT64_MAX);
        g_ptr_array_add(work->gone, g_strdup("/images/top.qcow2"));
        g_ptr_array_add(work->gone, g_strdup("/images/middle.qcow2"));
        g_ptr_array_add(work->unlink, g_strdup("/images/top.qcow2"));
        /* The chain below is known, known to be none, not known. */
        move = add_move(work, "/images/top.qcow2", "/images/base.raw", "raw", false);
        move->user = true;
        move->below = layer_ref_array_new();
        g_ptr_array_add(move->below, layer_ref_new("/dev/vg/one", "raw", true));
        g_ptr_array_add(move->below, layer_ref_new("/images/two", NULL, false));
        move = add_move(work, "/images/middle.qcow2", "/dev/vg/base", "qcow2", true);
        move->open = true;
        move->below = layer_ref_array_new();
        add_move(work, "/images/other.qcow2", "nbd://host/disk", NULL, false);
        return params;
}

static void assert_ref(const LayerRef *ref, const LayerRef *expected) {
        g_assert_cmpstr(ref->path, ==, expected->path);
        g_assert_cmpstr(ref->format, ==, expected->format);
        g_assert_true(ref->block == expected->block);
}

static void assert_move(const LayerMove *move, const LayerMove *expected) {
        g_assert_nonnull(move);
        assert_ref(&move->to, &expected->to);
        g_assert_true(move->open == expected->open);
        g_assert_true(move->user == expected->user);
        g_assert_true(!move->below == !expected->below);
        if (!expected->below)
                return;
        g_assert_cmpuint(move->below->len, ==, expected->below->len);
        for (unsigned i = 0; i < expected->below->len; i++)
                assert_ref(move->below->pdata[i], expected->below->pdata[i]);
}

static void assert_strings(const GPtrArray *strings, const GPtrArray *expected) {
        g_assert_cmpuint(strings->len, ==, expected->len);
        for (unsigned i = 0; i < expected->len; i++)
                g_assert_cmpstr(strings->pdata[i], ==, expected->pdata[i]);
}

static void assert_work(const MergeWork *work, const MergeWork *expected) {
        GHashTableIter iter;
        void *from, *move;

        g_assert_true(work->resumed);
        g_assert_cmpstr(work->base, ==, expected->base);
        g_assert_cmpstr(work->top, ==, expected->top);
        g_assert_cmpstr(work->head, ==, expected->head);
        g_assert_true(work->active == expected->active);
        g_assert_true(work->merged == expected->merged);
        g_assert_true(work->kept == expected->kept);
        g_assert_cmpuint(work->bytes, ==, expected->bytes);
        assert_strings(work->gone, expected->gone);
        assert_strings(work->unlink, expected->unlink);
        g_assert_cmpuint(work->lost->len, ==, expected->lost->len);
        for (unsigned i = 0; i < expected->lost->len; i++) {
                const LostSnapshot *lost = work->lost->pdata[i], *other = expected->lost->pdata[i];

                g_assert_cmpstr(lost->name, ==, other->name);
                g_assert_cmpuint(lost->created, ==, other->created);
        }
        g_assert_cmpuint(g_hash_table_size(work->moves), ==, g_hash_table_size(expected->moves));
        g_hash_table_iter_init(&iter, expected->moves);
        while (g_hash_table_iter_next(&iter, &from, &move))
                assert_move(g_hash_table_lookup(work->moves, from), move);
}

static void assert_params(const MergeParams *params, const MergeParams *expected) {
        g_assert_true(params->pull == expected->pull);
        g_assert_true(merge_kind_of(params) == merge_kind_of(expected));
        g_assert_cmpstr(params->disk, ==, expected->disk);
        g_assert_true(params->pivot == expected->pivot);
        g_assert_true(params->keep_overlay == expected->keep_overlay);
        g_assert_true(params->unlink == expected->unlink);
        assert_work(params->work, expected->work);
}

/* Write it as job 7, and read what a successor would find. */
static struct json_object *write_and_read(const Scratch *scratch, const MergeParams *params) {
        g_autoptr(Job) job =
                job_new(7, JOB_BLOCK_COMMIT, "uuid", "web1", "/d", "vda", NULL, 1000, 1700000000000000);
        JobRun *run = job_run_new(job, NULL, scratch->fd, NULL, NULL, NULL);
        g_autoptr(GPtrArray) records = NULL;
        g_autoptr(GError) error = NULL;
        bool ok = merge_write_record(run, params, &error);

        g_assert_no_error(error);
        g_assert_true(ok);
        job_run_free(run);
        records = journal_read_all(scratch->fd);
        g_assert_cmpuint(records->len, ==, 1);
        return json_object_get(records->pdata[0]);
}

static void round_trip(const Scratch *scratch, const MergeParams *params) {
        struct json_object *record = write_and_read(scratch, params);
        MergeParams *read = merge_params_from_record(record);

        g_assert_nonnull(read);
        assert_params(read, params);
        merge_params_free(read);
        json_object_put(record);
}

static void test_full(Scratch *scratch, gconstpointer data) {
        MergeParams *params = make_full();

        round_trip(scratch, params);
        merge_params_free(params);
}

static void test_bare(Scratch *scratch, gconstpointer data) {
        MergeParams *params = merge_params_new(false, "");

        params->work->base = g_strdup("");
        params->work->top = g_strdup("t");
        params->work->head = g_strdup("h");
        round_trip(scratch, params);
        merge_params_free(params);
}

/* A pull down to nothing has no base. */
static void test_pull(Scratch *scratch, gconstpointer data) {
        MergeParams *params = merge_params_new(true, "sdb");

        params->work->top = g_strdup("/images/top.qcow2");
        params->work->head = g_strdup("/images/top.qcow2");
        round_trip(scratch, params);
        params->work->base = g_strdup("/images/base.qcow2");
        round_trip(scratch, params);
        merge_params_free(params);
}

/* Each switch by itself. */
static void test_switches(Scratch *scratch, gconstpointer data) {
        for (unsigned bit = 0; bit < 6; bit++) {
                MergeParams *params = merge_params_new(false, "vda");

                params->work->base = g_strdup("b");
                params->work->top = g_strdup("t");
                params->work->head = g_strdup("h");
                params->pivot = bit == 0;
                params->keep_overlay = bit == 1;
                params->unlink = bit == 2;
                params->work->active = bit == 3;
                params->work->merged = bit == 4;
                params->work->kept = bit == 5;
                round_trip(scratch, params);
                merge_params_free(params);
        }
}

/* Whatever was damaged: it is refused, or it is the same but for that value. */
static void test_damaged(Scratch *scratch, gconstpointer data) {
        static const char *const needed[] = { "disk", "base", "top", "head", "lost", "moves" };
        static const char *const values[] = { "null", "5", "[ 5 ]", "[ {} ]", "[ null ]", "\"\"",
                "[ { \"from\": \"a\" } ]", "[ { \"from\": \"a\", \"to\": 5 } ]",
                "[ { \"from\": \"a\", \"to\": {} } ]", "[ { \"to\": { \"path\": \"b\" } } ]",
                "[ { \"from\": \"a\", \"to\": { \"path\": \"b\" }, \"below\": [ { } ] } ]",
                "[ { \"from\": \"a\", \"to\": { \"path\": \"b\" }, \"below\": [ null ] } ]", "{}" };
        MergeParams *params = make_full();

        for (size_t i = 0; i < G_N_ELEMENTS(needed); i++) {
                struct json_object *record = write_and_read(scratch, params);

                json_object_object_del(record, needed[i]);
                g_assert_null(merge_params_from_record(record));
                for (size_t j = 0; j < G_N_ELEMENTS(values); j++) {
                        bool text = i < 4 && g_str_equal(values[j], "\"\"");
                        MergeParams *read;

                        json_object_object_add(record, needed[i], json_tokener_parse(values[j]));
                        read = merge_params_from_record(record);
                        g_assert_true(!!read == text);
                        merge_params_free(read);
                }
                json_object_put(record);
        }
        merge_params_free(params);
}

static void test_write_fails(Scratch *scratch, gconstpointer data) {
        g_autoptr(Job) job = job_new(7, JOB_BLOCK_COMMIT, "uuid", "web1", "/d", "vda", NULL, 1000, 1);
        JobRun *run = job_run_new(job, NULL, scratch->fd, NULL, NULL, NULL);
        MergeParams *params = make_full();
        g_autoptr(GError) error = NULL;

        scratch_folder(scratch, "7.json.new");
        g_assert_false(merge_write_record(run, params, &error));
        g_assert_error(error, VS_ERROR, VS_ERR_LIBVIRT_FAILED);
        g_assert_false(scratch_exists(scratch, "7.json"));
        merge_params_free(params);
        job_run_free(run);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
#define TEST(name, function) \
        g_test_add("/merge-record/" name, Scratch, NULL, scratch_up, function, scratch_down)
        TEST("full", test_full);
        TEST("bare", test_bare);
        TEST("pull", test_pull);
        TEST("switches", test_switches);
        TEST("damaged", test_damaged);
        TEST("write-fails", test_write_fails);
        return g_test_run();
}
