/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "daemon/base/mailbox.h"

/*
 * Threads for calls that block.  A task goes to a thread of the pool, works there, and comes back as a
 * letter to the loop's thread.  Tasks start in the order in which they were submitted.
 *
 * Why not GThreadPool: its locks are invisible to ThreadSanitizer, and the hand-over is what must be proven.
 */
typedef struct Pool Pool;
typedef struct Task Task;

/* Put it first in a structure of one's own. */
struct Task {
        Letter letter;
        /* On a thread of the pool.  Touches the task and nothing that another thread writes. */
        void (*work)(Task *task);
        /* On the loop's thread, after work; the task is the callee's. */
        void (*done)(Task *task);
        /* On any thread, when the pool or the mailbox went away before: only frees. */
        void (*drop)(Task *task);
};

/* Threads are started when first needed, n_max at most.  The mailbox must outlive the pool. */
Pool *pool_new(Mailbox *mailbox, const char *name, unsigned n_max);
/* Waits for the tasks under way, drops those that wait.  Takes NULL, returns NULL. */
Pool *pool_free(Pool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pool, pool_free)

/* Loop thread; takes the task over. */
void pool_submit(Pool *pool, Task *task);
