/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/model/job.h"

#include "daemon/base/error.h"

#define SECOND UINT64_C(1000000)
#define NOW (1700000000 * SECOND)

/* What the listener was told since it was last asked. */
static unsigned told;

static void on_changed(Job *job, unsigned changes, void *userdata) {
        g_assert_true(userdata == &told);
        g_assert_cmpuint(changes, !=, 0);
        told |= changes;
}

static const JobListener listener = { .changed = on_changed };

static Job *make(void) {
        Job *job = job_new(
                7, JOB_BLOCK_COMMIT, "uuid", "web1", "/org/virtsnap1/domain/web1", "vda", NULL, 1000, NOW);

        job->listener = &listener;
        job->userdata = &told;
        told = 0;
        return job;
}

static unsigned take_told(void) {
        unsigned now = told;

        told = 0;
        return now;
}

static void test_new(void) {
        g_autoptr(Job) job = make();
        g_autoptr(Job) bare = job_new(UINT64_MAX, JOB_POLICY, "uuid", "d", "/d", NULL, "s", UINT32_MAX, NOW);

        g_assert_cmpstr(job->path, ==, "/org/virtsnap1/job/7");
        g_assert_cmpstr(bare->path, ==, "/org/virtsnap1/job/18446744073709551615");
        g_assert_cmpstr(job->disk, ==, "vda");
        g_assert_cmpstr(job->snapshot, ==, "");
        g_assert_cmpstr(bare->disk, ==, "");
        g_assert_cmpstr(bare->snapshot, ==, "s");
        g_assert_cmpint(job->state, ==, JOB_QUEUED);
        g_assert_cmpuint(job->created, ==, NOW);
        g_assert_cmpuint(job->started, ==, 0);
        g_assert_true(job->cancelable);
        g_assert_false(job_ended(job));
        g_assert_cmpfloat(job->progress, ==, 0);
        g_assert_null(job_free(NULL));
}

static void test_words(void) {
        for (JobOperation o = 0; o < _JOB_OPERATION_MAX; o++)
                g_assert_cmpint(job_operation_from_string(job_operation_to_string(o)), ==, o);
        g_assert_cmpint(job_operation_from_string("nothing"), ==, _JOB_OPERATION_MAX);
        g_assert_cmpint(job_operation_from_string(NULL), ==, _JOB_OPERATION_MAX);
        for (JobState a = 0; a < _JOB_STATE_MAX; a++)
                for (JobState b = 0; b < a; b++)
                        g_assert_cmpstr(job_state_to_string(a), !=, job_state_to_string(b));
}

/* How to come to each state from a new job. */
static Job *make_in(JobState state) {
        Job *job = make();

        if (state == JOB_READY || state == JOB_PIVOTING)
                g_assert_true(job_set_state(job, JOB_RUNNING, NOW));
        g_assert_true(job_set_state(job, state, NOW));
        take_told();
        return job;
}

static void test_transitions(void) {
        /* Row: from, column: to; in the order of JobState: queued running ready pivoting cancelling done
         * failed cancelled. */
        static const char *const allowed[_JOB_STATE_MAX] = {
                "yy..yyyy",
                ".yyyyyyy",
                ".yyyyyyy",
                ".yyyyyyy",
                ".y.yyyyy",
                ".....y..",
                "......y.",
                ".......y",
        };

        for (JobState from = 0; from < _JOB_STATE_MAX; from++)
                for (JobState to = 0; to < _JOB_STATE_MAX; to++) {
                        g_autoptr(Job) job = make_in(from);
                        bool expected = allowed[from][to] == 'y';

                        g_assert_true(job_set_state(job, to, NOW + 1) == expected);
                        g_assert_cmpint(job->state, ==, expected ? to : from);
                        g_assert_true(!!(take_told() & JOB_CHANGED_STATE) == (expected && from != to));
                        g_assert_true(job_ended(job) == (job->state >= JOB_DONE));
                }
}

static void test_start(void) {
        g_autoptr(Job) job = make();

        g_assert_true(job_set_state(job, JOB_RUNNING, NOW + 1));
        g_assert_cmpuint(take_told(), ==, JOB_CHANGED_STATE | JOB_CHANGED_START);
        g_assert_true(job_set_state(job, JOB_READY, NOW + 2));
        g_assert_true(job_set_state(job, JOB_RUNNING, NOW + 3));
        g_assert_cmpuint(take_told(), ==, JOB_CHANGED_STATE);
        g_assert_cmpuint(job->started, ==, NOW + 1);
}

static void test_ends(void) {
        static const struct {
                int code; /* -1: none */
                JobState state;
                const char *phase;
        } rows[] = {
                { -1, JOB_DONE, "done" },
                { VS_ERR_CANCELLED, JOB_CANCELLED, "cancelled" },
                { VS_ERR_NO_SPACE, JOB_FAILED, "failed" },
        };

        for (JobState from = 0; from < JOB_DONE; from++)
                for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                        g_autoptr(Job) job = make_in(from);
                        GError *error = rows[i].code < 0 ? NULL : g_error_new(VS_ERROR, rows[i].code, "why");

                        job_set_bytes(job, 1, 4, NOW);
                        take_told();
                        job_end(job, error, NOW + 5);
                        g_assert_cmpint(job->state, ==, rows[i].state);
                        g_assert_cmpstr(job->phase, ==, rows[i].phase);
                        g_assert_true(job->error == error);
                        g_assert_true(job_ended(job));
                        g_assert_false(job->cancelable);
                        g_assert_cmpuint(job->ended, ==, NOW + 5);
                        g_assert_cmpuint(job->rate, ==, 0);
                        g_assert_cmpuint(job->expected_end, ==, 0);
                        g_assert_cmpfloat(job->progress, ==, error ? 0.25 : 1.0);
                        g_assert_cmpuint(take_told(), ==,
                                JOB_CHANGED_STATE | JOB_CHANGED_PHASE | JOB_CHANGED_CANCELABLE |
                                        JOB_CHANGED_PROGRESS | (error ? JOB_CHANGED_ERROR : 0));
                }
}

/* Setting what is there already is no news. */
static void test_setters(void) {
        g_autoptr(Job) job = make();

        job_set_snapshot(job, "s");
        g_assert_cmpuint(take_told(), ==, JOB_CHANGED_SNAPSHOT);
        g_assert_cmpstr(job->snapshot, ==, "s");
        job_set_phase(job, "copying");
        g_assert_cmpuint(take_told(), ==, JOB_CHANGED_PHASE);
        g_assert_cmpstr(job->phase, ==, "copying");
        job_set_bandwidth(job, 5);
        g_assert_cmpuint(take_told(), ==, JOB_CHANGED_BANDWIDTH);
        g_assert_cmpuint(job->bandwidth, ==, 5);
        job_set_cancelable(job, false);
        g_assert_cmpuint(take_told(), ==, JOB_CHANGED_CANCELABLE);
        g_assert_false(job->cancelable);

        job_set_snapshot(job, "s");
        job_set_phase(job, "copying");
        job_set_bandwidth(job, 5);
        job_set_cancelable(job, false);
        g_assert_true(job_set_state(job, JOB_QUEUED, NOW));
        g_assert_cmpuint(take_told(), ==, 0);
}

static void test_log(void) {
        g_autoptr(Job) job = make();

        for (unsigned i = 0; i < 3 * JOB_LOG_MAX; i++) {
                g_autofree char *line = g_strdup_printf("line %u", i);

                job_log(job, line);
                g_assert_cmpuint(take_told(), ==, JOB_CHANGED_LOG);
                g_assert_cmpuint(job->log->len, ==, MIN(i + 1, JOB_LOG_MAX));
                g_assert_cmpstr(job->log->pdata[job->log->len - 1], ==, line);
        }
        g_assert_cmpstr(job->log->pdata[0], ==, "line 200");
}

static void test_progress(void) {
        g_autoptr(Job) job = make();

        job_set_bytes(job, 0, 0, NOW);
        g_assert_cmpfloat(job->progress, ==, 0);
        job_set_bytes(job, 50, 100, NOW);
        g_assert_cmpuint(take_told(), ==, JOB_CHANGED_PROGRESS);
        g_assert_cmpfloat(job->progress, ==, 0.5);
        /* The guest writes: there is more to do than before.  The bar waits. */
        job_set_bytes(job, 50, 200, NOW);
        g_assert_cmpfloat(job->progress, ==, 0.5);
        g_assert_cmpuint(job->bytes_total, ==, 200);
        job_set_bytes(job, 200, 200, NOW);
        g_assert_cmpfloat(job->progress, <, 1.0);
        g_assert_cmpfloat(job->progress, >, 0.99);
        /* More done than there is. */
        job_set_bytes(job, 300, 200, NOW);
        g_assert_cmpuint(job->bytes_done, ==, 200);
        g_assert_cmpfloat(job->progress, <, 1.0);
        job_end(job, NULL, NOW);
        g_assert_cmpfloat(job->progress, ==, 1.0);
}

static void test_span(void) {
        g_autoptr(Job) job = make();

        job_set_span(job, 0.0, 0.5);
        g_assert_cmpuint(take_told(), ==, 0);
        job_set_bytes(job, 1, 2, NOW);
        g_assert_cmpfloat(job->progress, ==, 0.25);
        job_set_span(job, 0.5, 1.0);
        g_assert_cmpuint(take_told() & JOB_CHANGED_PROGRESS, !=, 0);
        g_assert_cmpfloat(job->progress, ==, 0.5);
        job_set_bytes(job, 1, 2, NOW);
        g_assert_cmpfloat(job->progress, ==, 0.75);
        /* Back to an earlier part. */
        job_set_span(job, 0.1, 0.2);
        job_set_bytes(job, 1, 2, NOW);
        g_assert_cmpfloat(job->progress, ==, 0.75);
        /* Nothing is left to do, and it is not done. */
        job_set_span(job, 1.0, 1.0);
        g_assert_cmpfloat(job->progress, <, 1.0);
        job_set_bytes(job, 2, 2, NOW);
        g_assert_cmpfloat(job->progress, <, 1.0);
}

static void test_rate(void) {
        g_autoptr(Job) job = make();

        job_set_bytes(job, 0, 1000, NOW);
        g_assert_cmpuint(job->rate, ==, 0);
        g_assert_cmpuint(job->expected_end, ==, 0);
        /* Too soon to tell. */
        job_set_bytes(job, 50, 1000, NOW + SECOND / 2);
        g_assert_cmpuint(job->rate, ==, 0);
        job_set_bytes(job, 200, 1000, NOW + 2 * SECOND);
        g_assert_cmpuint(job->rate, ==, 100);
        g_assert_cmpuint(job->expected_end, ==, NOW + 10 * SECOND);
        /* Half of it is what was measured before. */
        job_set_bytes(job, 500, 1000, NOW + 3 * SECOND);
        g_assert_cmpuint(job->rate, ==, 200);
        job_set_bytes(job, 600, 1000, NOW + 3 * SECOND + SECOND / 2);
        g_assert_cmpuint(job->rate, ==, 200);
        g_assert_cmpuint(job->expected_end, ==, NOW + 5 * SECOND + SECOND / 2);
        /* Nothing is left. */
        job_set_bytes(job, 1000, 1000, NOW + 4 * SECOND);
        g_assert_cmpuint(job->expected_end, ==, 0);
}

/* The clock goes back, or another copy begins: the rate is measured from there. */
static void test_rate_restarts(void) {
        g_autoptr(Job) job = make();

        job_set_bytes(job, 0, 1000, NOW);
        job_set_bytes(job, 200, 1000, NOW + 2 * SECOND);
        job_set_bytes(job, 300, 1000, NOW - 100 * SECOND);
        g_assert_cmpuint(job->rate, ==, 100);
        job_set_bytes(job, 400, 1000, NOW - 99 * SECOND);
        g_assert_cmpuint(job->rate, ==, 100);
        job_set_bytes(job, 0, 1000, NOW - 98 * SECOND);
        job_set_bytes(job, 300, 1000, NOW - 97 * SECOND);
        g_assert_cmpuint(job->rate, ==, 200);
}

/* A copy that has as good as stopped: its end is not known. */
static void test_rate_huge(void) {
        g_autoptr(Job) job = make();

        job_set_bytes(job, 0, UINT64_MAX, NOW);
        job_set_bytes(job, 1, UINT64_MAX, NOW + SECOND);
        g_assert_cmpuint(job->rate, ==, 1);
        g_assert_cmpuint(job->expected_end, ==, 0);
        job_set_bytes(job, UINT64_MAX / 2, UINT64_MAX, NOW + 2 * SECOND);
        g_assert_cmpfloat(job->progress, <, 1.0);
        g_assert_cmpuint(job->rate, >, UINT64_MAX / 8);
        g_assert_cmpuint(job->expected_end, >=, NOW + 2 * SECOND);
}

static void test_random(void) {
        for (unsigned round = 0; round < 200; round++) {
                g_autoptr(Job) job = make();
                uint64_t now = NOW;
                double before = 0;

                for (unsigned step = 0; step < 200; step++) {
                        uint64_t total = (uint64_t) g_test_rand_int_range(0, 1000);

                        now += (uint64_t) g_test_rand_int_range(0, 3000000);
                        if (g_test_rand_int_range(0, 10) == 0) {
                                double from = g_test_rand_double_range(0, 1);

                                job_set_span(job, from, g_test_rand_double_range(from, 1));
                        } else {
                                job_set_bytes(job, (uint64_t) g_test_rand_int_range(0, 1100), total, now);
                                g_assert_true(job->expected_end == 0 || job->expected_end >= now);
                        }
                        g_assert_cmpfloat(job->progress, >=, before);
                        g_assert_cmpfloat(job->progress, <, 1.0);
                        g_assert_cmpuint(job->bytes_done, <=, job->bytes_total);
                        before = job->progress;
                }
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/job/new", test_new);
        g_test_add_func("/job/words", test_words);
        g_test_add_func("/job/transitions", test_transitions);
        g_test_add_func("/job/start", test_start);
        g_test_add_func("/job/ends", test_ends);
        g_test_add_func("/job/setters", test_setters);
        g_test_add_func("/job/log", test_log);
        g_test_add_func("/job/progress", test_progress);
        g_test_add_func("/job/span", test_span);
        g_test_add_func("/job/rate", test_rate);
        g_test_add_func("/job/rate-restarts", test_rate_restarts);
        g_test_add_func("/job/rate-huge", test_rate_huge);
        g_test_add_func("/job/random", test_random);
        return g_test_run();
}
