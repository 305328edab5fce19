/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/base/pool.h"

#include <pthread.h>
#include <stdbool.h>

#include "tests/unit/loop.h"

#define N_TASKS 100000U

/* A door that tasks can be made to wait at. */
typedef struct Gate {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool open;
        unsigned n_inside, n_most; /* at once */
} Gate;

typedef struct Fixture {
        sd_event *event;
        Mailbox *mailbox;
        Pool *pool;
        Gate gate;
        pthread_t loop;
        /* The loop's thread only. */
        unsigned n_done, expected;
        bool in_order;
        pthread_mutex_t dropped_lock;
        unsigned n_dropped;
} Fixture;

typedef struct Work {
        Task task;
        Fixture *fixture;
        uint64_t number, result;
        pthread_t worker;
} Work;

static void enter_gate(Gate *gate) {
        pthread_mutex_lock(&gate->lock);
        gate->n_inside++;
        gate->n_most = MAX(gate->n_most, gate->n_inside);
        pthread_cond_broadcast(&gate->changed);
        while (!gate->open)
                pthread_cond_wait(&gate->changed, &gate->lock);
        gate->n_inside--;
        pthread_mutex_unlock(&gate->lock);
}

static void open_gate(Gate *gate) {
        pthread_mutex_lock(&gate->lock);
        gate->open = true;
        pthread_cond_broadcast(&gate->changed);
        pthread_mutex_unlock(&gate->lock);
}

static void wait_inside(Gate *gate, unsigned n) {
        pthread_mutex_lock(&gate->lock);
        while (gate->n_inside < n)
                pthread_cond_wait(&gate->changed, &gate->lock);
        pthread_mutex_unlock(&gate->lock);
}

static void work_plain(Task *task) {
        Work *work = (Work *) task;

        work->worker = pthread_self();
        work->result = work->number * 7;
}

static void work_at_gate(Task *task) {
        Work *work = (Work *) task;

        work_plain(task);
        enter_gate(&work->fixture->gate);
}

static void done_work(Task *task) {
        Work *work = (Work *) task;
        Fixture *f = work->fixture;

        g_assert_true(pthread_equal(pthread_self(), f->loop));
        g_assert_false(pthread_equal(work->worker, f->loop));
        g_assert_cmpuint(work->result, ==, work->number * 7);
        if (f->in_order)
                g_assert_cmpuint(work->number, ==, f->n_done);
        f->n_done++;
        g_free(work);
}

static void drop_work(Task *task) {
        Work *work = (Work *) task;

        pthread_mutex_lock(&work->fixture->dropped_lock);
        work->fixture->n_dropped++;
        pthread_mutex_unlock(&work->fixture->dropped_lock);
        g_free(work);
}

static void submit(Fixture *f, uint64_t number, void (*what)(Task *task)) {
        Work *work = g_new0(Work, 1);

        work->task.work = what;
        work->task.done = done_work;
        work->task.drop = drop_work;
        work->fixture = f;
        work->number = number;
        pool_submit(f->pool, &work->task);
}

static bool all_done(const void *data) {
        const Fixture *f = data;

        return f->n_done >= f->expected;
}

static void up(Fixture *f, gconstpointer data) {
        f->loop = pthread_self();
        pthread_mutex_init(&f->dropped_lock, NULL);
        pthread_mutex_init(&f->gate.lock, NULL);
        pthread_cond_init(&f->gate.changed, NULL);
        g_assert_cmpint(sd_event_new(&f->event), >=, 0);
        g_assert_cmpint(mailbox_new(f->event, SD_EVENT_PRIORITY_NORMAL, &f->mailbox), >=, 0);
        f->pool = pool_new(f->mailbox, "a-name-that-is-too-long-for-a-thread", GPOINTER_TO_UINT(data));
}

static void down(Fixture *f, gconstpointer data) {
        g_assert_null(pool_free(f->pool));
        mailbox_free(f->mailbox);
        sd_event_unref(f->event);
        pthread_cond_destroy(&f->gate.changed);
        pthread_mutex_destroy(&f->gate.lock);
        pthread_mutex_destroy(&f->dropped_lock);
}

static void test_many(Fixture *f, gconstpointer data) {
        f->expected = N_TASKS;
        f->in_order = GPOINTER_TO_UINT(data) == 1;
        for (unsigned i = 0; i < N_TASKS; i++)
                submit(f, i, work_plain);
        loop_until(f->event, all_done, f);
        g_assert_cmpuint(f->n_done, ==, N_TASKS);
        g_assert_cmpuint(f->n_dropped, ==, 0);
}

/* One after the other: a thread that waits is woken. */
static void test_ping_pong(Fixture *f, gconstpointer data) {
        for (unsigned i = 0; i < 2000; i++) {
                f->expected = i + 1;
                submit(f, i, work_plain);
                loop_until(f->event, all_done, f);
        }
        g_assert_cmpuint(f->n_done, ==, 2000);
}

/* As many at once as there may be threads, and not one more. */
static void test_at_once(Fixture *f, gconstpointer data) {
        const unsigned n_max = GPOINTER_TO_UINT(data);

        for (unsigned i = 0; i < n_max * 10; i++)
                submit(f, i, work_at_gate);
        wait_inside(&f->gate, n_max);
        open_gate(&f->gate);
        f->expected = n_max * 10;
        loop_until(f->event, all_done, f);
        g_assert_cmpuint(f->gate.n_most, ==, n_max);
}

static void *open_later(void *userdata) {
        open_gate(userdata);
        return NULL;
}

/* Those under way come to their end, those that wait are dropped: each is freed once. */
static void test_freed(Fixture *f, gconstpointer data) {
        pthread_t opener;

        for (unsigned i = 0; i < 1000; i++)
                submit(f, i, work_at_gate);
        wait_inside(&f->gate, 4);
        g_assert_cmpint(pthread_create(&opener, NULL, open_later, &f->gate), ==, 0);
        pool_free(g_steal_pointer(&f->pool));
        g_assert_cmpint(pthread_join(opener, NULL), ==, 0);
        /* What was worked on has become letters: opened, or gone with the mailbox. */
        g_assert_cmpuint(f->n_done, ==, 0);
        f->expected = 1;
        loop_until(f->event, all_done, f);
        mailbox_free(g_steal_pointer(&f->mailbox));
        g_assert_cmpuint(f->n_done + f->n_dropped, ==, 1000);
}

/* At any moment of a busy pool. */
static void test_freed_busy(Fixture *f, gconstpointer data) {
        unsigned n = 0;

        for (unsigned round = 0; round < 200; round++) {
                unsigned more = (unsigned) g_test_rand_int_range(0, 200);

                for (unsigned i = 0; i < more; i++)
                        submit(f, n++, work_plain);
                if (g_test_rand_bit())
                        g_assert_cmpint(sd_event_run(f->event, 0), >=, 0);
                pool_free(f->pool);
                f->pool = pool_new(f->mailbox, "again", GPOINTER_TO_UINT(data));
        }
        mailbox_free(g_steal_pointer(&f->mailbox));
        g_assert_cmpuint(f->n_done + f->n_dropped, ==, n);
}

static void test_unused(Fixture *f, gconstpointer data) {
        g_assert_null(pool_free(g_steal_pointer(&f->pool)));
        g_assert_null(pool_free(NULL));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
#define TEST(name, function, n_max) \
        g_test_add("/pool/" name, Fixture, GUINT_TO_POINTER(n_max), up, function, down)
        TEST("many", test_many, 8);
        TEST("many-in-order", test_many, 1);
        TEST("ping-pong", test_ping_pong, 4);
        TEST("at-once", test_at_once, 6);
        TEST("freed", test_freed, 4);
        TEST("freed-busy", test_freed_busy, 4);
        TEST("unused", test_unused, 4);
        return g_test_run();
}
