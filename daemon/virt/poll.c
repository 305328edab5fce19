/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/virt/poll.h"

#include <string.h>

#include "daemon/base/log.h"
#include "daemon/virt/read.h"

#define POLL_USEC (800U * 1000U)

struct Poll {
        sd_event_source *timer;
        Pool *pool;
        Connection *connection;
        void (*changed)(const char *uuid, void *userdata);
        void *userdata;
        struct LookTask *look; /* under way */
        GHashTable *prints; /* uuid → fingerprint (uint64_t *); the worker's while a look is under way */
};

typedef struct LookTask {
        Task task;
        Poll *poll; /* NULL: nobody waits any more */
        virConnectPtr handle;
        GHashTable *prints;
        GPtrArray *changed; /* uuids */
} LookTask;

static void free_look(Task *task) {
        LookTask *look = (LookTask *) task;

        virConnectClose(look->handle);
        g_clear_pointer(&look->prints, g_hash_table_unref);
        g_ptr_array_unref(look->changed);
        g_free(look);
}

static void work_look(Task *task) {
        LookTask *look = (LookTask *) task;
        g_autoptr(GPtrArray) uuids = NULL;

        if (!read_domain_list(look->handle, &uuids, NULL))
                return;
        for (unsigned i = 0; i < uuids->len; i++) {
                const char *uuid = uuids->pdata[i];
                const uint64_t *before = g_hash_table_lookup(look->prints, uuid);
                uint64_t now = read_snapshots_fingerprint(look->handle, uuid);

                if (before && *before == now)
                        continue;
                g_hash_table_insert(look->prints, g_strdup(uuid), g_memdup2(&now, sizeof now));
                g_ptr_array_add(look->changed, g_strdup(uuid));
        }
}

static void look_later(Poll *poll) {
        if (sd_event_source_set_time_relative(poll->timer, POLL_USEC) < 0 ||
                sd_event_source_set_enabled(poll->timer, SD_EVENT_ONESHOT) < 0)
                log_error("cannot poll for changes");
}

static void done_look(Task *task) {
        LookTask *look = (LookTask *) task;
        Poll *poll = look->poll;

        if (poll) {
                poll->look = NULL;
                poll->prints = g_steal_pointer(&look->prints);
                look_later(poll);
                for (unsigned i = 0; i < look->changed->len; i++)
                        poll->changed(look->changed->pdata[i], poll->userdata);
        }
        free_look(task);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Poll *poll = userdata;
        virConnectPtr handle = connection_ref(poll->connection);
        LookTask *look;

        if (!handle)
                return 0;
        look = g_new0(LookTask, 1);
        look->task = (Task){ .work = work_look, .done = done_look, .drop = free_look };
        look->poll = poll;
        look->handle = handle;
        look->prints = g_steal_pointer(&poll->prints);
        look->changed = g_ptr_array_new_with_free_func(g_free);
        poll->look = look;
        pool_submit(poll->pool, &look->task);
        return 0;
}

Poll *poll_new(sd_event *event, Pool *pool, Connection *connection,
        void (*changed)(const char *uuid, void *userdata), void *userdata) {
        Poll *poll = g_new0(Poll, 1);
        int r;

        poll->pool = pool;
        poll->connection = connection;
        poll->changed = changed;
        poll->userdata = userdata;
        poll->prints = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        r = sd_event_add_time_relative(event, &poll->timer, CLOCK_MONOTONIC, POLL_USEC, 0, on_timer, poll);
        if (r < 0)
                log_error("cannot poll for changes: %s", strerror(-r));
        return poll;
}

Poll *poll_free(Poll *poll) {
        if (!poll)
                return NULL;
        if (poll->look)
                poll->look->poll = NULL;
        sd_event_source_disable_unref(poll->timer);
        g_clear_pointer(&poll->prints, g_hash_table_unref);
        g_free(poll);
        return NULL;
}
