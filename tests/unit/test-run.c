/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/run.h"

#include <pthread.h>
#include <string.h>

#include <libvirt/virterror.h>

#include "daemon/base/error.h"
#include "tests/unit/loop.h"

#define N_REPORTS 20000U
#define N_WISHES 20000U
#define LONG_USEC (UINT64_C(100) * G_USEC_PER_SEC)

/* A job at work on a thread of its own, and the loop that owns it. */
typedef struct Fixture {
        sd_event *event;
        Mailbox *mailbox;
        Job *job;
        JobRun *run;
        World *world; /* empty: what facts are gathered from */

        /* The loop's thread only. */
        GArray *kinds; /* of JobReportKind, as they came */
        uint64_t last_done;
        unsigned n_logged, n_wanted;
        bool give_facts, ended;
} Fixture;

static void on_report(const JobReport *report, void *userdata) {
        Fixture *f = userdata;

        g_assert_cmpuint(report->id, ==, 7);
        g_array_append_val(f->kinds, report->kind);
        switch (report->kind) {
        case JOB_REPORT_BYTES:
                g_assert_cmpuint(report->done, ==, f->last_done + 1);
                g_assert_cmpuint(report->total, ==, N_REPORTS);
                f->last_done = report->done;
                break;
        case JOB_REPORT_LOG: {
                g_autofree char *expected = g_strdup_printf("line %u", f->n_logged++);

                g_assert_cmpstr(report->text, ==, expected);
                break;
        }
        case JOB_REPORT_WANTS_FACTS:
                f->n_wanted++;
                job_run_give_facts(f->run, f->give_facts ? facts_gather(f->world, NULL) : NULL);
                break;
        case JOB_REPORT_HOLD:
                f->ended = true;
                break;
        default:
                break;
        }
}

static void up(Fixture *f, gconstpointer data) {
        g_assert_cmpint(sd_event_new(&f->event), >=, 0);
        g_assert_cmpint(mailbox_new(f->event, SD_EVENT_PRIORITY_NORMAL, &f->mailbox), >=, 0);
        f->world = world_new();
        f->kinds = g_array_new(false, false, sizeof(JobReportKind));
        f->job = job_new(7, JOB_BLOCK_COMMIT, "6695eb01-f6a4-8304-79aa-97f2502e193f", "test",
                "/org/virtsnap1/domain/test", "vda", NULL, 1000, 5);
        f->run = job_run_new(f->job, NULL, -1, f->mailbox, on_report, f);
}

static void down(Fixture *f, gconstpointer data) {
        g_assert_null(job_run_free(f->run));
        mailbox_free(f->mailbox);
        job_free(f->job);
        world_free(f->world);
        g_array_unref(f->kinds);
        sd_event_unref(f->event);
}

static pthread_t start(void *(*what)(void *), void *userdata) {
        pthread_t thread;

        g_assert_cmpint(pthread_create(&thread, NULL, what, userdata), ==, 0);
        return thread;
}

static void join(pthread_t thread) {
        g_assert_cmpint(pthread_join(thread, NULL), ==, 0);
}

static bool has_ended(const void *data) {
        const Fixture *f = data;

        return f->ended;
}

static void test_constants(Fixture *f, gconstpointer data) {
        g_assert_cmpuint(run_id(f->run), ==, 7);
        g_assert_cmpuint(run_created(f->run), ==, 5);
        g_assert_cmpuint(run_uid(f->run), ==, 1000);
        g_assert_cmpstr(run_uuid(f->run), ==, "6695eb01-f6a4-8304-79aa-97f2502e193f");
        g_assert_cmpstr(run_domain_name(f->run), ==, "test");
        g_assert_null(job_run_free(NULL));
}

/* Each is told once; but a wish to cancel and that the daemon leaves stay. */
static void test_news(Fixture *f, gconstpointer data) {
        g_autoptr(GError) cancelled = NULL, stopping = NULL;
        RunNews news;

        run_wait(f->run, 0, &news);
        g_assert_false(
                news.cancelled || news.stopping || news.finish || news.bandwidth_given || news.block_event);
        g_assert_true(run_check_cancelled(f->run, NULL));

        job_run_set_bandwidth(f->run, 5);
        job_run_set_bandwidth(f->run, 6);
        job_run_finish(f->run);
        job_run_block_event(f->run, "a-target-that-is-longer-than-any-target-is", 3);
        run_wait(f->run, LONG_USEC, &news);
        g_assert_true(news.finish && news.bandwidth_given && news.block_event);
        g_assert_false(news.cancelled || news.stopping);
        g_assert_cmpuint(news.bandwidth, ==, 6);
        g_assert_cmpint(news.block_status, ==, 3);
        g_assert_cmpstr(news.block_disk, ==, "a-target-that-is-longer-than-an");

        run_wait(f->run, 0, &news);
        g_assert_false(news.finish || news.bandwidth_given || news.block_event);

        job_run_cancel(f->run);
        for (unsigned i = 0; i < 3; i++) {
                run_wait(f->run, i ? 0 : LONG_USEC, &news);
                g_assert_true(news.cancelled);
                g_assert_false(news.stopping);
        }
        g_assert_false(run_check_cancelled(f->run, &cancelled));
        g_assert_error(cancelled, VS_ERROR, VS_ERR_CANCELLED);
        job_run_stop(f->run);
        run_wait(f->run, LONG_USEC, &news);
        g_assert_true(news.cancelled && news.stopping);
        g_assert_false(run_check_cancelled(f->run, &stopping));
        g_assert_error(stopping, VS_ERROR, VS_ERR_CANCELLED);
}

static void *report_all(void *userdata) {
        Fixture *f = userdata;

        run_phase(f->run, "phase");
        run_log(f->run, "line %u", 0U);
        run_snapshot(f->run, "snapshot");
        run_state(f->run, JOB_READY);
        run_cancelable(f->run, true);
        run_span(f->run, 0.25, 0.5);
        run_bytes(f->run, 1, N_REPORTS);
        run_bandwidth(f->run, 9);
        run_notes_changed(f->run);
        run_hold(f->run);
        return NULL;
}

static void test_reports(Fixture *f, gconstpointer data) {
        static const JobReportKind expected[] = { JOB_REPORT_PHASE, JOB_REPORT_LOG, JOB_REPORT_SNAPSHOT,
                JOB_REPORT_STATE, JOB_REPORT_CANCELABLE, JOB_REPORT_SPAN, JOB_REPORT_BYTES,
                JOB_REPORT_BANDWIDTH, JOB_REPORT_NOTES, JOB_REPORT_HOLD };
        pthread_t work = start(report_all, f);

        loop_until(f->event, has_ended, f);
        join(work);
        g_assert_cmpmem(f->kinds->data, f->kinds->len * sizeof(JobReportKind), expected, sizeof expected);
}

/* Reports that nobody reads any more are freed with the mailbox. */
static void test_unread_reports(Fixture *f, gconstpointer data) {
        pthread_t work = start(report_all, f);

        join(work);
        mailbox_free(g_steal_pointer(&f->mailbox));
        g_assert_cmpuint(f->kinds->len, ==, 0);
}

/* ---- all at once ---- */

typedef struct Seen {
        Fixture *fixture;
        uint64_t last_bandwidth;
        bool finished;
} Seen;

/* A merge as it goes: tells where it is, and listens meanwhile, until it is cancelled. */
static void *work_long(void *userdata) {
        Seen *seen = userdata;
        JobRun *run = seen->fixture->run;
        RunNews news = { 0 };

        for (unsigned i = 1; i <= N_REPORTS; i++) {
                run_bytes(run, i, N_REPORTS);
                if (i % 8 == 0)
                        run_log(run, "line %u", i / 8 - 1);
        }
        while (!news.cancelled) {
                run_wait(run, LONG_USEC, &news);
                seen->finished |= news.finish;
                if (news.bandwidth_given) {
                        g_assert_cmpuint(news.bandwidth, >, seen->last_bandwidth);
                        seen->last_bandwidth = news.bandwidth;
                }
                if (news.block_event) {
                        /* Both are of one event. */
                        g_assert_cmpstr(news.block_disk, ==, news.block_status % 2 ? "vda" : "vdb");
                }
        }
        g_assert_false(run_check_cancelled(run, NULL));
        run_hold(run);
        return NULL;
}

static void *wish_bandwidth(void *userdata) {
        Fixture *f = userdata;

        for (unsigned i = 1; i <= N_WISHES; i++)
                job_run_set_bandwidth(f->run, i);
        return NULL;
}

static void *wish_finish(void *userdata) {
        Fixture *f = userdata;

        for (unsigned i = 0; i < N_WISHES; i++)
                job_run_finish(f->run);
        return NULL;
}

static void *tell_events(void *userdata) {
        Fixture *f = userdata;

        for (int i = 0; i < (int) N_WISHES; i++)
                job_run_block_event(f->run, i % 2 ? "vda" : "vdb", i);
        return NULL;
}

static void *lose_and_find(void *userdata) {
        Fixture *f = userdata;

        for (unsigned i = 0; i < N_WISHES; i++) {
                job_run_set_handle(f->run, NULL);
                job_run_give_facts(f->run, facts_gather(f->world, NULL));
        }
        return NULL;
}

static void test_all_at_once(Fixture *f, gconstpointer data) {
        void *(*const wishes[])(void *) = { wish_bandwidth, wish_finish, tell_events, lose_and_find };
        pthread_t work, wishing[G_N_ELEMENTS(wishes)];
        Seen seen = { .fixture = f };

        work = start(work_long, &seen);
        for (size_t i = 0; i < G_N_ELEMENTS(wishes); i++)
                wishing[i] = start(wishes[i], f);
        for (size_t i = 0; i < G_N_ELEMENTS(wishes); i++)
                join(wishing[i]);
        job_run_cancel(f->run);
        loop_until(f->event, has_ended, f);
        join(work);
        /* The last wish of each kind was not lost. */
        g_assert_true(seen.finished);
        g_assert_cmpuint(seen.last_bandwidth, ==, N_WISHES);
        g_assert_cmpuint(f->last_done, ==, N_REPORTS);
        g_assert_cmpuint(f->n_logged, ==, N_REPORTS / 8);
}

/* ---- the connection ---- */

static void on_virt_error(void *userdata, virErrorPtr error) {
}

static virConnectPtr open_test(void) {
        virConnectPtr handle = virConnectOpen("test:///default");

        g_assert_nonnull(handle);
        return handle;
}

typedef struct Got {
        Fixture *fixture;
        virConnectPtr handle;
        virDomainPtr domain;
        Facts *facts;
        GError *error;
} Got;

static void *get_handle(void *userdata) {
        Got *got = userdata;

        got->handle = run_handle(got->fixture->run, &got->error);
        return NULL;
}

static void *get_domain(void *userdata) {
        Got *got = userdata;

        got->domain = run_domain(got->fixture->run, &got->error);
        return NULL;
}

static void *get_facts(void *userdata) {
        Got *got = userdata;

        got->facts = run_ask_facts(got->fixture->run, &got->error);
        run_hold(got->fixture->run);
        return NULL;
}

static void got_clear(Got *got) {
        if (got->handle)
                virConnectClose(got->handle);
        if (got->domain)
                virDomainFree(got->domain);
        facts_free(got->facts);
        g_clear_error(&got->error);
}

/* A job waits for the connection that is away. */
static void test_handle_comes(Fixture *f, gconstpointer data) {
        Got got = { .fixture = f };
        virConnectPtr handle = open_test();
        pthread_t work = start(get_handle, &got);

        job_run_finish(f->run); /* news of another kind are no reason to go on */
        job_run_set_handle(f->run, handle);
        join(work);
        g_assert_no_error(got.error);
        g_assert_true(got.handle == handle);
        /* The job's own reference holds while the connection is replaced. */
        job_run_set_handle(f->run, NULL);
        g_assert_cmpint(virConnectIsAlive(got.handle), ==, 1);
        got_clear(&got);
}

static void test_handle_cancelled(Fixture *f, gconstpointer data) {
        void (*const ends[])(JobRun *) = { job_run_cancel, job_run_stop };

        for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
                Got got = { .fixture = f };
                pthread_t work = start(get_handle, &got);

                ends[i](f->run);
                join(work);
                g_assert_null(got.handle);
                g_assert_error(got.error, VS_ERROR, VS_ERR_CANCELLED);
                got_clear(&got);
        }
}

static void test_domain(Fixture *f, gconstpointer data) {
        Got got = { .fixture = f };
        pthread_t work;

        job_run_set_handle(f->run, open_test());
        work = start(get_domain, &got);
        join(work);
        g_assert_no_error(got.error);
        g_assert_cmpstr(virDomainGetName(got.domain), ==, "test");
        got_clear(&got);
}

/* The connection comes and goes while the job uses it. */
static void *use_handles(void *userdata) {
        Fixture *f = userdata;

        for (unsigned i = 0; i < 500; i++) {
                g_autoptr(GError) error = NULL;
                virConnectPtr handle = run_handle(f->run, &error);

                g_assert_no_error(error);
                g_assert_cmpint(virConnectIsAlive(handle), ==, 1);
                virConnectClose(handle);
        }
        run_hold(f->run);
        return NULL;
}

static void test_handle_changes(Fixture *f, gconstpointer data) {
        virConnectPtr handles[] = { open_test(), open_test() };
        pthread_t work = start(use_handles, f);

        for (unsigned i = 0; !f->ended; i++) {
                virConnectRef(handles[i % 2]);
                job_run_set_handle(f->run, NULL);
                job_run_set_handle(f->run, handles[i % 2]);
                g_assert_cmpint(sd_event_run(f->event, 0), >=, 0);
        }
        join(work);
        virConnectClose(handles[0]);
        virConnectClose(handles[1]);
}

/* ---- facts ---- */

static void test_facts(Fixture *f, gconstpointer data) {
        Got got = { .fixture = f };
        pthread_t work;

        f->give_facts = true;
        job_run_set_handle(f->run, open_test());
        work = start(get_facts, &got);
        loop_until(f->event, has_ended, f);
        join(work);
        g_assert_no_error(got.error);
        /* Its own domain was read again. */
        g_assert_cmpstr(facts_domain(got.facts, run_uuid(f->run))->name, ==, "test");
        g_assert_cmpuint(f->n_wanted, ==, 1);
        got_clear(&got);
}

static void test_no_facts(Fixture *f, gconstpointer data) {
        Got got = { .fixture = f };
        pthread_t work = start(get_facts, &got);

        loop_until(f->event, has_ended, f);
        join(work);
        g_assert_null(got.facts);
        g_assert_error(got.error, VS_ERROR, VS_ERR_DISCONNECTED);
        got_clear(&got);
}

/* The loop has stopped turning: nobody will answer. */
static void test_facts_stopped(Fixture *f, gconstpointer data) {
        Got got = { .fixture = f };
        pthread_t work = start(get_facts, &got);

        job_run_stop(f->run);
        join(work);
        g_assert_null(got.facts);
        g_assert_nonnull(got.error);
        got_clear(&got);
}

/* Facts without a connection, and then the job is cancelled. */
static void test_facts_cancelled(Fixture *f, gconstpointer data) {
        Got got = { .fixture = f };
        pthread_t work;

        f->give_facts = true;
        job_run_cancel(f->run);
        work = start(get_facts, &got);
        loop_until(f->event, has_ended, f);
        join(work);
        g_assert_null(got.facts);
        g_assert_error(got.error, VS_ERROR, VS_ERR_CANCELLED);
        got_clear(&got);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(virInitialize(), ==, 0);
        virSetErrorFunc(NULL, on_virt_error);
#define TEST(name, function) g_test_add("/run/" name, Fixture, NULL, up, function, down)
        TEST("constants", test_constants);
        TEST("news", test_news);
        TEST("reports", test_reports);
        TEST("unread-reports", test_unread_reports);
        TEST("all-at-once", test_all_at_once);
        TEST("handle-comes", test_handle_comes);
        TEST("handle-cancelled", test_handle_cancelled);
        TEST("domain", test_domain);
        TEST("handle-changes", test_handle_changes);
        TEST("facts", test_facts);
        TEST("no-facts", test_no_facts);
        TEST("facts-stopped", test_facts_stopped);
        TEST("facts-cancelled", test_facts_cancelled);
        return g_test_run();
}
