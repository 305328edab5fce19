/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/external.h"

#include <string.h>

#include "daemon/base/error.h"
#include "daemon/base/log.h"
#include "daemon/virt/read.h"
#include "daemon/virt/virt-error.h"

/* While there are jobs of others: how often to ask for their progress. */
#define FOLLOW_USEC (500U * 1000U)
/* Where their beginning cannot be watched: how often to look for new ones. */
#define SEARCH_USEC (3U * 1000U * 1000U)
/* A job that is gone: how often to look again before its end counts as not told. */
#define GONE_LOOKS 6U

struct External {
        sd_event *event;
        Queue *queue;
        Mirror *mirror;
        bool possible;
        GHashTable *jobs; /* "uuid disk" → Watched */
        GHashTable *looking; /* uuids with a look under way */
        sd_event_source *follow, *search;
};

typedef struct Watched {
        External *external;
        Job *job;
        char *key, *uuid, *disk;
        unsigned n_gone;
} Watched;

typedef struct Seen {
        char *disk;
        bool ours; /* a job of ours was at it when the look began */
        bool active;
        virDomainBlockJobInfo info;
} Seen;

typedef struct LookTask {
        Task task;
        External *external;
        virConnectPtr handle;
        char *uuid;
        GArray *disks; /* of Seen */
} LookTask;

static char *key_of(const char *uuid, const char *disk) {
        return g_strdup_printf("%s %s", uuid, disk);
}

/* ---- what a caller asks of such a job ---- */

typedef struct AskTask {
        Task task;
        virConnectPtr handle;
        char *uuid, *disk;
        bool abort;
        uint64_t bandwidth;
} AskTask;

static void work_ask(Task *task) {
        AskTask *ask = (AskTask *) task;
        g_autoptr(VirDomain) domain = lookup_domain(ask->handle, ask->uuid, NULL);
        int r = -1;

        if (domain)
                r = ask->abort ? virDomainBlockJobAbort(domain, ask->disk, VIR_DOMAIN_BLOCK_JOB_ABORT_ASYNC)
                               : virDomainBlockJobSetSpeed(domain, ask->disk, ask->bandwidth,
                                         VIR_DOMAIN_BLOCK_JOB_SPEED_BANDWIDTH_BYTES);
        if (r < 0)
                log_warning("the block job on %s: %s", ask->disk, virGetLastErrorMessage());
}

static void free_ask(Task *task) {
        AskTask *ask = (AskTask *) task;

        virConnectClose(ask->handle);
        g_free(ask->uuid);
        g_free(ask->disk);
        g_free(ask);
}

static bool ask_libvirt(
        Queue *queue, const Watched *watched, bool abort, uint64_t bandwidth, GError **error) {
        virConnectPtr handle = connection_ref(queue_connection(queue));
        AskTask *ask;

        if (!handle)
                return vs_fail(error, VS_ERR_DISCONNECTED, "There is no connection to libvirt.");
        ask = g_new0(AskTask, 1);
        ask->task = (Task){ .work = work_ask, .done = free_ask, .drop = free_ask };
        ask->handle = handle;
        ask->uuid = g_strdup(watched->uuid);
        ask->disk = g_strdup(watched->disk);
        ask->abort = abort;
        ask->bandwidth = bandwidth;
        pool_submit(queue_reader_pool(queue), &ask->task);
        return true;
}

static bool cancel(Queue *queue, Job *job, void *params, GError **error) {
        if (!ask_libvirt(queue, params, true, 0, error))
                return false;
        job_set_state(job, JOB_CANCELLING, (uint64_t) g_get_real_time());
        return true;
}

static bool set_bandwidth(Queue *queue, Job *job, void *params, uint64_t bytes_per_second, GError **error) {
        if (!ask_libvirt(queue, params, false, bytes_per_second, error))
                return false;
        job_set_bandwidth(job, bytes_per_second);
        return true;
}

static void watched_free(void *data) {
        Watched *watched = data;

        g_free(watched->key);
        g_free(watched->uuid);
        g_free(watched->disk);
        g_free(watched);
}

/* It is out of the table already, or must go with the connection. */
static void finish(Queue *queue, Job *job, Domain *domain, void *params, const GError *error) {
        Watched *watched = params;

        g_hash_table_remove(watched->external->jobs, watched->key);
}

static const JobKind external_kind = {
        .operation = JOB_EXTERNAL,
        .finish = finish,
        .free = watched_free,
        .cancel = cancel,
        .set_bandwidth = set_bandwidth,
};

/* ---- looking ---- */

static const char *words_for(int type) {
        switch (type) {
        case VIR_DOMAIN_BLOCK_JOB_TYPE_PULL:
                return "blockpull by another program";
        case VIR_DOMAIN_BLOCK_JOB_TYPE_COPY:
                return "blockcopy by another program";
        case VIR_DOMAIN_BLOCK_JOB_TYPE_COMMIT:
        case VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT:
                return "blockcommit by another program";
        default:
                return "block job of another program";
        }
}

static void follow(External *external) {
        sd_event_source_set_time_relative(external->follow, FOLLOW_USEC);
        sd_event_source_set_enabled(external->follow, SD_EVENT_ONESHOT);
}

static void add(External *external, const Domain *domain, const Seen *seen) {
        Watched *watched = g_new0(Watched, 1);
        Job *job;

        watched->external = external;
        watched->uuid = g_strdup(domain->record->uuid);
        watched->disk = g_strdup(seen->disk);
        watched->key = key_of(watched->uuid, watched->disk);
        job = queue_add_external(external->queue, &external_kind, domain, seen->disk, watched);
        /* Then it is freed. */
        if (!job)
                return;
        watched->job = job;
        g_hash_table_insert(external->jobs, watched->key, watched);
        job_set_phase(job, words_for(seen->info.type));
}

static void end(Watched *watched, VsError code, const char *reason) {
        GError *error = NULL;

        if (reason)
                vs_fail(&error, code, "%s", reason);
        queue_end_external(watched->external->queue, watched->job, error);
}

static void take(External *external, const Domain *domain, const Seen *seen) {
        g_autofree char *key = key_of(domain->record->uuid, seen->disk);
        Watched *watched = g_hash_table_lookup(external->jobs, key);

        if (seen->active && !watched && !seen->ours &&
                !queue_works_on(external->queue, domain->record->uuid, seen->disk)) {
                add(external, domain, seen);
                watched = g_hash_table_lookup(external->jobs, key);
        }
        if (!watched)
                return;
        if (seen->active) {
                watched->n_gone = 0;
                job_set_bytes(watched->job, seen->info.cur, seen->info.end, (uint64_t) g_get_real_time());
                job_set_bandwidth(watched->job, seen->info.bandwidth);
        } else if (++watched->n_gone > GONE_LOOKS)
                end(watched, VS_ERR_LIBVIRT_FAILED,
                        "The block job is gone, and libvirt did not say how it ended.");
}

static void work_look(Task *task) {
        LookTask *look = (LookTask *) task;
        g_autoptr(VirDomain) domain = lookup_domain(look->handle, look->uuid, NULL);

        for (unsigned i = 0; domain && i < look->disks->len; i++) {
                Seen *seen = &g_array_index(look->disks, Seen, i);

                seen->active = virDomainGetBlockJobInfo(domain, seen->disk, &seen->info,
                                       VIR_DOMAIN_BLOCK_JOB_INFO_BANDWIDTH_BYTES) > 0;
        }
}

static void free_look(Task *task) {
        LookTask *look = (LookTask *) task;

        for (unsigned i = 0; i < look->disks->len; i++)
                g_free(g_array_index(look->disks, Seen, i).disk);
        g_array_unref(look->disks);
        virConnectClose(look->handle);
        g_free(look->uuid);
        g_free(look);
}

static void done_look(Task *task) {
        LookTask *look = (LookTask *) task;
        External *external = look->external;
        const Domain *domain = world_find_domain(queue_world(external->queue), look->uuid);

        g_hash_table_remove(external->looking, look->uuid);
        for (unsigned i = 0; domain && i < look->disks->len; i++)
                take(external, domain, &g_array_index(look->disks, Seen, i));
        free_look(task);
        if (g_hash_table_size(external->jobs))
                follow(external);
}

static bool is_active(const Domain *domain) {
        return domain->record->state == DOMAIN_RUNNING || domain->record->state == DOMAIN_PAUSED;
}

void external_look(External *external, const Domain *domain) {
        const char *uuid = domain->record->uuid;
        virConnectPtr handle;
        LookTask *look;

        if (!external->possible || !is_active(domain) || g_hash_table_contains(external->looking, uuid))
                return;
        handle = connection_ref(queue_connection(external->queue));
        if (!handle)
                return;
        look = g_new0(LookTask, 1);
        look->task = (Task){ .work = work_look, .done = done_look, .drop = free_look };
        look->external = external;
        look->handle = handle;
        look->uuid = g_strdup(uuid);
        look->disks = g_array_new(false, true, sizeof(Seen));
        for (unsigned i = 0; i < domain->record->disks->len; i++) {
                const DomainDisk *disk = domain->record->disks->pdata[i];
                const Seen seen = { .disk = g_strdup(disk->target),
                        .ours = queue_works_on(external->queue, uuid, disk->target) };

                g_array_append_val(look->disks, seen);
        }
        g_hash_table_add(external->looking, g_strdup(uuid));
        pool_submit(queue_reader_pool(external->queue), &look->task);
}

void external_look_everywhere(External *external) {
        GHashTableIter iter;
        void *domain;

        g_hash_table_iter_init(&iter, world_domains(queue_world(external->queue)));
        while (g_hash_table_iter_next(&iter, NULL, &domain))
                external_look(external, domain);
        if (external->possible && !mirror_is_watching(external->mirror)) {
                sd_event_source_set_time_relative(external->search, SEARCH_USEC);
                sd_event_source_set_enabled(external->search, SD_EVENT_ONESHOT);
        }
}

void external_block_event(External *external, const char *uuid, const char *disk, int status) {
        g_autofree char *key = key_of(uuid, disk);
        Watched *watched = g_hash_table_lookup(external->jobs, key);

        if (!watched)
                return;
        switch (status) {
        case VIR_DOMAIN_BLOCK_JOB_READY:
                job_set_state(watched->job, JOB_READY, (uint64_t) g_get_real_time());
                break;
        case VIR_DOMAIN_BLOCK_JOB_COMPLETED:
                end(watched, 0, NULL);
                break;
        case VIR_DOMAIN_BLOCK_JOB_CANCELED:
                end(watched, VS_ERR_CANCELLED, "The block job was cancelled.");
                break;
        default:
                end(watched, VS_ERR_LIBVIRT_FAILED, "The block job failed.");
        }
}

/* ---- timers ---- */

static int on_follow(sd_event_source *source, uint64_t usec, void *userdata) {
        External *external = userdata;
        World *world = queue_world(external->queue);
        g_autoptr(GList) watched = g_hash_table_get_values(external->jobs);

        for (GList *at = watched; at; at = at->next) {
                Watched *one = at->data;
                const Domain *domain = world_find_domain(world, one->uuid);

                if (domain && is_active(domain))
                        external_look(external, domain);
                else
                        end(one, VS_ERR_LIBVIRT_FAILED, "The domain does not run any more.");
        }
        return 0;
}

static int on_search(sd_event_source *source, uint64_t usec, void *userdata) {
        external_look_everywhere(userdata);
        return 0;
}

External *external_new(sd_event *event, Queue *queue, bool possible, Mirror *mirror) {
        External *external = g_new0(External, 1);
        int r;

        external->event = sd_event_ref(event);
        external->queue = queue;
        external->mirror = mirror;
        external->possible = possible;
        external->jobs = g_hash_table_new(g_str_hash, g_str_equal);
        external->looking = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        if ((r = sd_event_add_time(event, &external->follow, CLOCK_MONOTONIC, 0, 0, on_follow, external)) <
                        0 ||
                (r = sd_event_source_set_enabled(external->follow, SD_EVENT_OFF)) < 0 ||
                (r = sd_event_add_time(
                         event, &external->search, CLOCK_MONOTONIC, 0, 0, on_search, external)) < 0 ||
                (r = sd_event_source_set_enabled(external->search, SD_EVENT_OFF)) < 0) {
                log_error("jobs of others cannot be followed: %s", strerror(-r));
                external->possible = false;
        }
        return external;
}

External *external_free(External *external) {
        if (!external)
                return NULL;
        sd_event_source_disable_unref(external->follow);
        sd_event_source_disable_unref(external->search);
        g_hash_table_unref(external->jobs);
        g_hash_table_unref(external->looking);
        sd_event_unref(external->event);
        g_free(external);
        return NULL;
}
