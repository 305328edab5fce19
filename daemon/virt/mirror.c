/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/virt/mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/error.h"
#include "daemon/base/log.h"
#include "daemon/virt/poll.h"
#include "daemon/virt/read.h"
#include "daemon/virt/watch.h"

/* How many snapshots are read in one go: what a turn of the loop takes into the world at once. */
#define BATCH 16U

/* How many domains are read at once when all are. */
#define GATHER_AT_ONCE 2U

typedef struct Waiter {
        MirrorDone done;
        void *userdata;
} Waiter;

/* A domain that is being read, or about to be. */
typedef struct Reading {
        Mirror *mirror;
        char *uuid;

        /* What the read under way is about. */
        GPtrArray *todo; /* names whose XML is to be read; char * */
        unsigned next; /* the first one not yet asked for */
        char *current;
        GArray *waiters; /* of Waiter */

        /* What came meanwhile, for the read after it. */
        bool again, all_xml;
        GHashTable *marked; /* name → MirrorTouch */
        GArray *later; /* of Waiter */
} Reading;

struct Mirror {
        sd_event *event;
        Pool *pool;
        World *world;
        Connection *connection;
        const MirrorListener *listener;
        void *userdata;
        GHashTable *readings; /* uuid → Reading */
        GHashTable *held; /* uuid → what was marked meanwhile: name → MirrorTouch */
        Watch *watch;
        Poll *poll;
};

/* Every task of ours: what was read over a connection that is gone is thrown away. */
typedef struct ReadTask {
        Task task;
        Mirror *mirror;
        virConnectPtr handle;
        unsigned generation;
        char *uuid;

        GPtrArray *names; /* in: whose XML */
        MirrorDone then;
        void *userdata;

        DomainRecord *domain;
        GPtrArray *records, *uuids;
        GError *error;
} ReadTask;

static void read_task_free(Task *task) {
        ReadTask *read = (ReadTask *) task;

        virConnectClose(read->handle);
        g_free(read->uuid);
        g_clear_pointer(&read->names, g_ptr_array_unref);
        g_clear_pointer(&read->records, g_ptr_array_unref);
        g_clear_pointer(&read->uuids, g_ptr_array_unref);
        domain_record_free(read->domain);
        g_clear_error(&read->error);
        g_free(read);
}

/* NULL while there is no connection. */
static ReadTask *read_task_new(
        Mirror *mirror, const char *uuid, void (*work)(Task *task), void (*done)(Task *task)) {
        virConnectPtr handle = connection_ref(mirror->connection);
        ReadTask *read;

        if (!handle)
                return NULL;
        read = g_new0(ReadTask, 1);
        read->task = (Task){ .work = work, .done = done, .drop = read_task_free };
        read->mirror = mirror;
        read->handle = handle;
        read->generation = connection_generation(mirror->connection);
        read->uuid = g_strdup(uuid);
        return read;
}

static bool is_stale(const ReadTask *read) {
        return !connection_is_up(read->mirror->connection) ||
                read->generation != connection_generation(read->mirror->connection);
}

static void call_waiters(GArray *waiters) {
        for (unsigned i = 0; i < waiters->len; i++) {
                Waiter *waiter = &g_array_index(waiters, Waiter, i);

                waiter->done(waiter->userdata);
        }
        g_array_set_size(waiters, 0);
}

/* ---- one domain ---- */

static void mark(GHashTable *marked, const char *snapshot, MirrorTouch touch) {
        unsigned before = GPOINTER_TO_UINT(g_hash_table_lookup(marked, snapshot));

        g_hash_table_insert(marked, g_strdup(snapshot), GUINT_TO_POINTER(before | touch));
}

static GHashTable *marks_new(void) {
        return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static void reading_free(void *data) {
        Reading *reading = data;

        g_clear_pointer(&reading->todo, g_ptr_array_unref);
        g_array_unref(reading->waiters);
        g_array_unref(reading->later);
        g_hash_table_unref(reading->marked);
        g_free(reading->current);
        g_free(reading->uuid);
        g_free(reading);
}

static Reading *reading_new(Mirror *mirror, const char *uuid) {
        Reading *reading = g_new0(Reading, 1);

        reading->mirror = mirror;
        reading->uuid = g_strdup(uuid);
        reading->waiters = g_array_new(false, false, sizeof(Waiter));
        reading->later = g_array_new(false, false, sizeof(Waiter));
        reading->marked = marks_new();
        g_hash_table_insert(mirror->readings, reading->uuid, reading);
        return reading;
}

static void reading_begin(Reading *reading);

static void reading_end(Reading *reading) {
        Mirror *mirror = reading->mirror;
        g_autoptr(GArray) waiters = g_steal_pointer(&reading->waiters);

        reading->waiters = g_array_new(false, false, sizeof(Waiter));
        g_clear_pointer(&reading->todo, g_ptr_array_unref);
        if (reading->again)
                reading_begin(reading);
        else
                g_hash_table_remove(mirror->readings, reading->uuid);
        /* Last: they may touch the domain again. */
        call_waiters(waiters);
}

static void work_snapshots(Task *task) {
        ReadTask *read = (ReadTask *) task;

        read_snapshots(read->handle, read->uuid, read->names, &read->records, &read->error);
}

static void reading_next_batch(Reading *reading);

static void done_snapshots(Task *task) {
        ReadTask *read = (ReadTask *) task;
        Mirror *mirror = read->mirror;
        Reading *reading = is_stale(read) ? NULL : g_hash_table_lookup(mirror->readings, read->uuid);
        Domain *domain = reading ? world_find_domain(mirror->world, read->uuid) : NULL;

        if (!reading) {
                read_task_free(task);
                return;
        }
        if (read->error)
                log_warning("cannot read snapshots of %s: %s", domain ? domain->record->name : read->uuid,
                        read->error->message);
        if (domain && read->records) {
                /* One that vanished between the list and its XML shows in the next list. */
                if (read->records->len < read->names->len)
                        reading->again = true;
                g_ptr_array_set_free_func(read->records, NULL);
                for (unsigned i = 0; i < read->records->len; i++)
                        domain_put_snapshot(domain, read->records->pdata[i]);
                reading_next_batch(reading);
        } else
                reading_end(reading);
        read_task_free(task);
}

static void reading_next_batch(Reading *reading) {
        Mirror *mirror = reading->mirror;
        Domain *domain = world_find_domain(mirror->world, reading->uuid);
        unsigned n = MIN(reading->todo->len - reading->next, BATCH);
        ReadTask *read;

        if (n == 0) {
                domain_settle(domain);
                domain_set_current(domain, reading->current);
                reading_end(reading);
                return;
        }
        read = read_task_new(mirror, reading->uuid, work_snapshots, done_snapshots);
        if (!read)
                return; /* mirror_stop() ends it */
        read->names = g_ptr_array_new_full(n, g_free);
        for (unsigned i = 0; i < n; i++)
                g_ptr_array_add(read->names, g_strdup(reading->todo->pdata[reading->next++]));
        pool_submit(mirror->pool, &read->task);
}

/* Remove what libvirt does not list any more, and note whose XML tells of another parent now. */
static void drop_unlisted(Reading *reading, Domain *domain, GHashTable *listed, GHashTable *marked) {
        g_autoptr(GPtrArray) gone = g_ptr_array_new();
        GHashTableIter iter;
        void *name, *value;

        g_hash_table_iter_init(&iter, domain->snapshots);
        while (g_hash_table_iter_next(&iter, &name, &value)) {
                bool replaced = GPOINTER_TO_UINT(g_hash_table_lookup(marked, name)) & MIRROR_TOUCH_DELETED;

                if (replaced || !g_hash_table_contains(listed, name))
                        g_ptr_array_add(gone, value);
        }
        for (unsigned i = 0; i < gone->len; i++) {
                Snapshot *snapshot = gone->pdata[i], *child;

                SNAPSHOT_FOREACH_CHILD(child, snapshot)
                        g_hash_table_insert(marked, g_strdup(child->record->name),
                                GUINT_TO_POINTER(MIRROR_TOUCH_SNAPSHOT));
                domain_remove_snapshot(domain, snapshot);
        }
}

static void take_list(Reading *reading, Domain *domain, GHashTable *marked, bool all_xml) {
        const DomainRecord *record = domain->record;
        g_autoptr(GHashTable) listed = g_hash_table_new(g_str_hash, g_str_equal);

        for (unsigned i = 0; record->snapshots && i < record->snapshots->len; i++)
                g_hash_table_add(listed, record->snapshots->pdata[i]);
        drop_unlisted(reading, domain, listed, marked);

        reading->todo = g_ptr_array_new_with_free_func(g_free);
        reading->next = 0;
        g_free(reading->current);
        reading->current = g_strdup(record->current);
        for (unsigned i = 0; record->snapshots && i < record->snapshots->len; i++) {
                char *name = record->snapshots->pdata[i];

                if (all_xml || g_hash_table_contains(marked, name) || !domain_find_snapshot(domain, name))
                        g_ptr_array_add(reading->todo, g_strdup(name));
        }
        /* Thousands of names that nobody needs any more. */
        g_clear_pointer(&domain->record->snapshots, g_ptr_array_unref);
}

static void work_domain(Task *task) {
        ReadTask *read = (ReadTask *) task;

        read_domain(read->handle, read->uuid, &read->domain, &read->error);
}

static void domain_unreadable(Mirror *mirror, Reading *reading, const GError *error) {
        Domain *domain = world_find_domain(mirror->world, reading->uuid);

        if (g_error_matches(error, VS_ERROR, VS_ERR_NO_SUCH_DOMAIN)) {
                if (domain)
                        world_remove_domain(mirror->world, domain);
        } else
                log_warning("cannot read the domain %s: %s", domain ? domain->record->name : reading->uuid,
                        error->message);
        reading_end(reading);
        if (g_error_matches(error, VS_ERROR, VS_ERR_DISCONNECTED))
                connection_suspect(mirror->connection);
}

static void done_domain(Task *task) {
        ReadTask *read = (ReadTask *) task;
        Mirror *mirror = read->mirror;
        Reading *reading = is_stale(read) ? NULL : g_hash_table_lookup(mirror->readings, read->uuid);
        g_autoptr(GHashTable) marked = NULL;
        Domain *domain;
        bool all_xml, known;

        if (!reading) {
                read_task_free(task);
                return;
        }
        if (read->error) {
                domain_unreadable(mirror, reading, read->error);
                read_task_free(task);
                return;
        }
        if (read->domain->list_error)
                log_warning("%s: %s", read->domain->name, read->domain->list_error);
        known = world_find_domain(mirror->world, reading->uuid);
        domain = world_put_domain(mirror->world, g_steal_pointer(&read->domain));
        read_task_free(task);
        /* Held, or no list to be had: the tree stays as it is known.  One that has just come with the
         * connection has nothing to show instead. */
        if (domain->record->list_error || (known && g_hash_table_contains(mirror->held, reading->uuid))) {
                g_clear_pointer(&domain->record->snapshots, g_ptr_array_unref);
                reading_end(reading);
                return;
        }

        /* From here on, what is marked belongs to the next read; what was marked before the list was made
         * could not be told apart, and is read now. */
        marked = g_steal_pointer(&reading->marked);
        all_xml = reading->all_xml;
        reading->marked = marks_new();
        reading->all_xml = false;
        take_list(reading, domain, marked, all_xml);
        reading_next_batch(reading);
}

static void reading_begin(Reading *reading) {
        ReadTask *read = read_task_new(reading->mirror, reading->uuid, work_domain, done_domain);

        if (!read)
                return;
        reading->again = false;
        g_array_append_vals(reading->waiters, reading->later->data, reading->later->len);
        g_array_set_size(reading->later, 0);
        pool_submit(reading->mirror->pool, &read->task);
}

void mirror_touch(Mirror *mirror, const char *uuid, const char *snapshot, MirrorTouch touch) {
        Reading *reading = g_hash_table_lookup(mirror->readings, uuid);
        GHashTable *held = g_hash_table_lookup(mirror->held, uuid);
        bool idle = !reading;

        if (!connection_is_up(mirror->connection))
                return;
        if (idle)
                reading = reading_new(mirror, uuid);
        if (touch & MIRROR_TOUCH_ALL_XML)
                reading->all_xml = true;
        if (touch & (MIRROR_TOUCH_SNAPSHOT | MIRROR_TOUCH_DELETED))
                mark(held ? held : reading->marked, snapshot, touch);
        if (idle)
                reading_begin(reading);
        else
                reading->again = true;
}

void mirror_read(Mirror *mirror, const char *uuid, MirrorTouch touch, MirrorDone done, void *userdata) {
        const Waiter waiter = { done, userdata };
        Reading *reading;
        bool idle;

        if (!connection_is_up(mirror->connection)) {
                done(userdata);
                return;
        }
        idle = !g_hash_table_contains(mirror->readings, uuid);
        mirror_touch(mirror, uuid, NULL, touch & MIRROR_TOUCH_ALL_XML);
        reading = g_hash_table_lookup(mirror->readings, uuid);
        g_array_append_val(idle ? reading->waiters : reading->later, waiter);
}

void mirror_hold(Mirror *mirror, const char *uuid) {
        if (!g_hash_table_contains(mirror->held, uuid))
                g_hash_table_insert(mirror->held, g_strdup(uuid), marks_new());
}

void mirror_release(Mirror *mirror, const char *uuid) {
        g_autoptr(GHashTable) marked = NULL;
        g_autofree char *key = NULL;
        GHashTableIter iter;
        void *name, *touch;

        if (!g_hash_table_steal_extended(mirror->held, uuid, (void **) &key, (void **) &marked))
                return;
        g_hash_table_iter_init(&iter, marked);
        while (g_hash_table_iter_next(&iter, &name, &touch))
                mirror_touch(mirror, uuid, name, GPOINTER_TO_UINT(touch));
}

/* ---- everything ---- */

/* Reads many domains, a few at a time: other reads must not wait behind all of them. */
typedef struct Gathering {
        Mirror *mirror;
        GPtrArray *uuids;
        unsigned next, under_way;
        MirrorDone done;
        void *userdata;
} Gathering;

static void gathering_done_one(void *userdata);

static void gathering_go_on(Gathering *gathering) {
        /* Counts itself while it hands out, for a read can end at once. */
        gathering->under_way++;
        while (gathering->next < gathering->uuids->len && gathering->under_way <= GATHER_AT_ONCE) {
                gathering->under_way++;
                mirror_read(gathering->mirror, gathering->uuids->pdata[gathering->next++],
                        MIRROR_TOUCH_ALL_XML, gathering_done_one, gathering);
        }
        if (--gathering->under_way > 0)
                return;
        if (gathering->done)
                gathering->done(gathering->userdata);
        g_ptr_array_unref(gathering->uuids);
        g_free(gathering);
}

static void gathering_done_one(void *userdata) {
        Gathering *gathering = userdata;

        gathering->under_way--;
        gathering_go_on(gathering);
}

static void work_list(Task *task) {
        ReadTask *read = (ReadTask *) task;

        read_domain_list(read->handle, &read->uuids, &read->error);
}

/* Domains that we know and libvirt does not list. */
static void touch_unlisted(Mirror *mirror, const GPtrArray *uuids) {
        g_autoptr(GHashTable) listed = g_hash_table_new(g_str_hash, g_str_equal);
        GHashTableIter iter;
        void *uuid;

        for (unsigned i = 0; i < uuids->len; i++)
                g_hash_table_add(listed, uuids->pdata[i]);
        g_hash_table_iter_init(&iter, world_domains(mirror->world));
        while (g_hash_table_iter_next(&iter, &uuid, NULL))
                if (!g_hash_table_contains(listed, uuid))
                        mirror_touch(mirror, uuid, NULL, MIRROR_TOUCH_DOMAIN);
}

static void done_list(Task *task) {
        ReadTask *read = (ReadTask *) task;
        Gathering *gathering = g_new0(Gathering, 1);

        if (read->error)
                log_warning("%s", read->error->message);
        gathering->mirror = read->mirror;
        gathering->done = read->then;
        gathering->userdata = read->userdata;
        if (!is_stale(read) && read->uuids) {
                touch_unlisted(read->mirror, read->uuids);
                gathering->uuids = g_steal_pointer(&read->uuids);
        } else
                gathering->uuids = g_ptr_array_new();
        read_task_free(task);
        gathering_go_on(gathering);
}

void mirror_refresh(Mirror *mirror, MirrorDone done, void *userdata) {
        ReadTask *read = read_task_new(mirror, NULL, work_list, done_list);

        if (!read) {
                if (done)
                        done(userdata);
                return;
        }
        read->then = done;
        read->userdata = userdata;
        pool_submit(mirror->pool, &read->task);
}

/* ---- watching ---- */

static void on_snapshot_changed(const char *name, const char *snapshot, bool deleted, void *userdata) {
        Mirror *mirror = userdata;
        Domain *domain = world_find_domain(mirror->world, name);

        if (!domain)
                return; /* a lifecycle event tells of a new one */
        mirror_touch(mirror, domain->record->uuid, snapshot,
                !snapshot         ? MIRROR_TOUCH_DOMAIN
                        : deleted ? MIRROR_TOUCH_DELETED
                                  : MIRROR_TOUCH_SNAPSHOT);
}

static void on_status_changed(const char *name, void *userdata) {
        Mirror *mirror = userdata;
        Domain *domain = world_find_domain(mirror->world, name);

        if (domain)
                mirror->listener->status(domain, mirror->userdata);
}

static void on_overflow(void *userdata) {
        mirror_refresh(userdata, NULL, NULL);
}

static void on_polled(const char *uuid, void *userdata) {
        mirror_touch(userdata, uuid, NULL, MIRROR_TOUCH_DOMAIN);
}

static const WatchListener watch_listener = { on_snapshot_changed, on_status_changed, on_overflow };

/* The test driver lives in this process: nobody else can change what it holds. */
static bool can_change_behind_us(const char *uri) {
        return !g_str_has_prefix(uri, "test:");
}

void mirror_start(Mirror *mirror, MirrorDone done, void *userdata) {
        const char *uri = connection_info(mirror->connection)->uri;
        int r = 0;

        /* Before the first look: what changes after it is told. */
        r = watch_new(mirror->event, uri, &watch_listener, mirror, &mirror->watch);
        if (r < 0)
                log_warning("cannot watch libvirt's folders: %s", strerror(-r));
        if (r <= 0 && can_change_behind_us(uri))
                mirror->poll = poll_new(mirror->event, mirror->pool, mirror->connection, on_polled, mirror);
        mirror_refresh(mirror, done, userdata);
}

void mirror_stop(Mirror *mirror) {
        g_autoptr(GHashTable) readings = g_steal_pointer(&mirror->readings);
        GHashTableIter iter;
        void *value;

        mirror->readings = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, reading_free);
        mirror->watch = watch_free(mirror->watch);
        mirror->poll = poll_free(mirror->poll);
        world_clear(mirror->world);

        g_hash_table_iter_init(&iter, readings);
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
                Reading *reading = value;

                call_waiters(reading->waiters);
                call_waiters(reading->later);
        }
}

bool mirror_is_watching(const Mirror *mirror) {
        return mirror->watch;
}

Mirror *mirror_new(sd_event *event, Pool *pool, World *world, Connection *connection,
        const MirrorListener *listener, void *userdata) {
        Mirror *mirror = g_new0(Mirror, 1);

        mirror->event = sd_event_ref(event);
        mirror->pool = pool;
        mirror->world = world;
        mirror->connection = connection;
        mirror->listener = listener;
        mirror->userdata = userdata;
        mirror->readings = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, reading_free);
        mirror->held =
                g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_hash_table_unref);
        return mirror;
}

Mirror *mirror_free(Mirror *mirror) {
        if (!mirror)
                return NULL;
        watch_free(mirror->watch);
        poll_free(mirror->poll);
        g_hash_table_unref(mirror->readings);
        g_hash_table_unref(mirror->held);
        sd_event_unref(mirror->event);
        g_free(mirror);
        return NULL;
}
