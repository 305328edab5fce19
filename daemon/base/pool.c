/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/base/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* Below the loop's thread, which is to answer at once whatever the others have to do. */
#define POOL_NICE 5

struct Pool {
        Mailbox *mailbox;
        char *name;
        unsigned n_max;

        pthread_mutex_t lock;
        pthread_cond_t wake;
        /* Under the lock. */
        Letter *first, **last;
        unsigned n_idle, n_waiting;
        bool stop;

        /* The loop's thread only. */
        pthread_t *threads;
        unsigned n_threads;
};

/* A letter's open and discard carry no pool, so a task finds its callbacks by itself. */
static void open_task(Letter *letter) {
        Task *task = (Task *) letter;

        task->done(task);
}

static void discard_task(Letter *letter) {
        Task *task = (Task *) letter;

        task->drop(task);
}

static Task *next_task(Pool *pool) {
        Letter *letter;

        pthread_mutex_lock(&pool->lock);
        pool->n_idle++;
        while (!pool->first && !pool->stop)
                pthread_cond_wait(&pool->wake, &pool->lock);
        pool->n_idle--;
        letter = pool->stop ? NULL : pool->first;
        if (letter) {
                pool->first = letter->next;
                if (!pool->first)
                        pool->last = &pool->first;
                pool->n_waiting--;
        }
        pthread_mutex_unlock(&pool->lock);
        return (Task *) letter;
}

static void *thread_main(void *userdata) {
        Pool *pool = userdata;
        Task *task;

        /* A thread's own niceness, as Linux has it: callers wait for the loop, not for these. */
        setpriority(PRIO_PROCESS, (id_t) gettid(), POOL_NICE);
        while ((task = next_task(pool))) {
                task->work(task);
                mailbox_post(pool->mailbox, &task->letter);
        }
        return NULL;
}

Pool *pool_new(Mailbox *mailbox, const char *name, unsigned n_max) {
        Pool *pool = g_new0(Pool, 1);

        pool->mailbox = mailbox;
        pool->name = g_strdup(name);
        pool->n_max = n_max;
        pool->threads = g_new0(pthread_t, n_max);
        pool->last = &pool->first;
        pthread_mutex_init(&pool->lock, NULL);
        pthread_cond_init(&pool->wake, NULL);
        return pool;
}

Pool *pool_free(Pool *pool) {
        if (!pool)
                return NULL;

        pthread_mutex_lock(&pool->lock);
        pool->stop = true;
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
        for (unsigned i = 0; i < pool->n_threads; i++)
                pthread_join(pool->threads[i], NULL);

        while (pool->first) {
                Letter *letter = pool->first;

                pool->first = letter->next;
                letter->discard(letter);
        }
        pthread_cond_destroy(&pool->wake);
        pthread_mutex_destroy(&pool->lock);
        g_free(pool->threads);
        g_free(pool->name);
        g_free(pool);
        return NULL;
}

static void start_thread(Pool *pool) {
        char name[16];

        if (pthread_create(&pool->threads[pool->n_threads], NULL, thread_main, pool) != 0) {
                /* Those that run will do it; without any, nothing can. */
                if (pool->n_threads == 0)
                        g_error("no thread can be started for %s", pool->name);
                return;
        }
        snprintf(name, sizeof name, "%s-%u", pool->name, pool->n_threads);
        pthread_setname_np(pool->threads[pool->n_threads], name);
        pool->n_threads++;
}

void pool_submit(Pool *pool, Task *task) {
        bool short_of_threads;

        task->letter = (Letter){ .open = open_task, .discard = discard_task };

        pthread_mutex_lock(&pool->lock);
        *pool->last = &task->letter;
        pool->last = &task->letter.next;
        pool->n_waiting++;
        short_of_threads = pool->n_waiting > pool->n_idle;
        pthread_cond_signal(&pool->wake);
        pthread_mutex_unlock(&pool->lock);

        if (short_of_threads && pool->n_threads < pool->n_max)
                start_thread(pool);
}
