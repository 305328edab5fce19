/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/model/world.h"

#include <stdlib.h>
#include <string.h>

#include "dbus/path.h"

struct World {
        const WorldListener *listener;
        void *userdata;
        GHashTable *by_uuid; /* owns the domains */
        GHashTable *by_name;
        GHashTable *domain_by_path;
        GHashTable *snapshot_by_path;
};

#define TELL(world, what, ...)                                                   \
        do {                                                                     \
                if ((world)->listener)                                           \
                        (world)->listener->what(__VA_ARGS__, (world)->userdata); \
        } while (false)

static const char *const consistency_words[_CONSISTENCY_MAX] = {
        [CONSISTENCY_UNKNOWN] = "unknown",
        [CONSISTENCY_CRASH] = "crash",
        [CONSISTENCY_FILESYSTEM] = "filesystem",
        [CONSISTENCY_MEMORY] = "memory",
        [CONSISTENCY_OFFLINE] = "offline",
};

static const char *const condition_words[_CONDITION_MAX] = {
        [CONDITION_OK] = "ok",
        [CONDITION_DELETING] = "deleting",
        [CONDITION_BROKEN] = "broken",
};

const char *consistency_to_string(Consistency consistency) {
        return consistency_words[consistency];
}

Consistency consistency_from_string(const char *word) {
        for (Consistency c = 0; c < _CONSISTENCY_MAX; c++)
                if (g_strcmp0(consistency_words[c], word) == 0)
                        return c;
        return CONSISTENCY_UNKNOWN;
}

const char *condition_to_string(Condition condition) {
        return condition_words[condition];
}

Condition condition_from_string(const char *word) {
        for (Condition c = 0; c < _CONDITION_MAX; c++)
                if (g_strcmp0(condition_words[c], word) == 0)
                        return c;
        return CONDITION_OK;
}

/* A path is NULL only when memory is out, where GLib's own allocations end the program, too. */
static char *must(char *path) {
        if (!path)
                g_error("out of memory");
        return path;
}

/* ---- the tree ---- */

static void tree_link(Snapshot *snapshot, Snapshot *parent) {
        Domain *domain = snapshot->domain;
        Snapshot **first = parent ? &parent->first_child : &domain->first_root;
        Snapshot **last = parent ? &parent->last_child : &domain->last_root;

        snapshot->parent = parent;
        snapshot->next = NULL;
        snapshot->prev = *last;
        if (*last)
                (*last)->next = snapshot;
        else
                *first = snapshot;
        *last = snapshot;
        if (parent)
                parent->n_children++;
}

static void tree_unlink(Snapshot *snapshot) {
        Domain *domain = snapshot->domain;
        Snapshot *parent = snapshot->parent;

        if (snapshot->prev)
                snapshot->prev->next = snapshot->next;
        else if (parent)
                parent->first_child = snapshot->next;
        else
                domain->first_root = snapshot->next;
        if (snapshot->next)
                snapshot->next->prev = snapshot->prev;
        else if (parent)
                parent->last_child = snapshot->prev;
        else
                domain->last_root = snapshot->prev;
        if (parent)
                parent->n_children--;
        snapshot->parent = snapshot->next = snapshot->prev = NULL;
}

Snapshot *snapshot_next(const Snapshot *snapshot, const Snapshot *top) {
        if (snapshot->first_child)
                return snapshot->first_child;
        for (; snapshot && snapshot != top; snapshot = snapshot->parent)
                if (snapshot->next)
                        return snapshot->next;
        return NULL;
}

static bool tree_is_below(const Snapshot *snapshot, const Snapshot *top) {
        for (; snapshot; snapshot = snapshot->parent)
                if (snapshot == top)
                        return true;
        return false;
}

/* Give a snapshot the level and the path of its place. */
static void place(Snapshot *snapshot) {
        Snapshot *parent = snapshot->parent;

        snapshot->level = parent ? parent->level + 1 : 0;
        snapshot->path = must(vs_snapshot_path(snapshot->domain->path, parent ? parent->path : NULL,
                snapshot->level, snapshot->record->name));
        g_hash_table_insert(snapshot->domain->world->snapshot_by_path, snapshot->path, snapshot);
}

static void displace(Snapshot *snapshot) {
        g_hash_table_remove(snapshot->domain->world->snapshot_by_path, snapshot->path);
}

/* Everything in a subtree moved with its top (NULL: with the domain).  All leave their old paths before the
 * first takes a new one: one may take what another leaves. */
static void tree_moved(Domain *domain, Snapshot *top) {
        Snapshot *first = top ? top : domain->first_root;
        World *world = domain->world;

        for (Snapshot *s = first; s; s = snapshot_next(s, top))
                displace(s);
        for (Snapshot *s = first; s; s = snapshot_next(s, top)) {
                char *old = s->path;

                place(s);
                if (strcmp(old, s->path) != 0) {
                        TELL(world, snapshot_moved, s, old);
                        if (s == domain->current)
                                TELL(world, domain_changed, domain, DOMAIN_CHANGED_CURRENT);
                }
                free(old);
        }
}

static void tell_family_changed(Domain *domain, Snapshot *parent) {
        if (parent)
                TELL(domain->world, snapshot_changed, parent, SNAPSHOT_CHANGED_CHILDREN);
        else
                TELL(domain->world, domain_changed, domain, DOMAIN_CHANGED_ROOTS);
}

static void reparent(Snapshot *snapshot, Snapshot *parent) {
        Domain *domain = snapshot->domain;
        Snapshot *before = snapshot->parent;

        if (before == parent)
                return;
        tree_unlink(snapshot);
        tree_link(snapshot, parent);
        tree_moved(domain, snapshot);
        /* Children name their parents, so these paths have changed with the family. */
        for (Snapshot *s = snapshot; s; s = snapshot_next(s, snapshot))
                TELL(domain->world, snapshot_changed, s,
                        SNAPSHOT_CHANGED_PARENT | SNAPSHOT_CHANGED_CHILDREN);
        tell_family_changed(domain, before);
        tell_family_changed(domain, parent);
}

/* ---- snapshots ---- */

static void snapshot_free(Snapshot *snapshot) {
        snapshot_record_free(snapshot->record);
        g_free(snapshot->notes.reason);
        free(snapshot->path);
        g_free(snapshot);
}

Snapshot *domain_find_snapshot(const Domain *domain, const char *name) {
        return g_hash_table_lookup(domain->snapshots, name);
}

static Snapshot *add_snapshot(Domain *domain, SnapshotRecord *record, Snapshot *parent) {
        Snapshot *snapshot = g_new0(Snapshot, 1);

        snapshot->domain = domain;
        snapshot->record = record;
        g_hash_table_insert(domain->snapshots, record->name, snapshot);
        tree_link(snapshot, parent);
        place(snapshot);
        TELL(domain->world, snapshot_annotate, snapshot);
        TELL(domain->world, snapshot_added, snapshot);
        tell_family_changed(domain, parent);
        TELL(domain->world, domain_changed, domain, DOMAIN_CHANGED_COUNT);
        return snapshot;
}

/* Another one of the same name, made after the first was deleted. */
static bool is_successor(const SnapshotRecord *old, const SnapshotRecord *new) {
        return old->created != new->created;
}

/* Hang it below the parent that its record names, if that is there.  When not, it stays: the parent was
 * removed, and the record that says so is yet to be read.  Whether it moved. */
static bool settle(Snapshot *snapshot) {
        const char *name = snapshot->record->parent;
        Snapshot *parent = name ? domain_find_snapshot(snapshot->domain, name) : NULL;

        if ((name && !parent) || parent == snapshot->parent)
                return false;
        /* A loop: the parent has yet to move away from below, or metadata contradict each other. */
        if (tree_is_below(parent, snapshot))
                return false;
        reparent(snapshot, parent);
        return true;
}

Snapshot *domain_put_snapshot(Domain *domain, SnapshotRecord *record) {
        Snapshot *snapshot = domain_find_snapshot(domain, record->name), *parent;

        if (snapshot && is_successor(snapshot->record, record)) {
                domain_remove_snapshot(domain, snapshot);
                snapshot = NULL;
        }
        if (!snapshot) {
                parent = record->parent ? domain_find_snapshot(domain, record->parent) : NULL;
                return add_snapshot(domain, record, parent);
        }
        if (snapshot_record_equal(snapshot->record, record))
                snapshot_record_free(record);
        else {
                SnapshotRecord *old = snapshot->record;

                g_hash_table_replace(domain->snapshots, record->name, snapshot);
                snapshot->record = record;
                snapshot_record_free(old);
                TELL(domain->world, snapshot_changed, snapshot, SNAPSHOT_CHANGED_RECORD);
        }
        settle(snapshot);
        return snapshot;
}

void domain_settle(Domain *domain) {
        GHashTableIter iter;
        void *snapshot;
        bool moved;

        /* One may have to wait until another has moved; each moves once at most. */
        do {
                moved = false;
                g_hash_table_iter_init(&iter, domain->snapshots);
                while (g_hash_table_iter_next(&iter, NULL, &snapshot))
                        moved |= settle(snapshot);
        } while (moved);
}

void domain_remove_snapshot(Domain *domain, Snapshot *snapshot) {
        Snapshot *parent = snapshot->parent;

        if (domain->current == snapshot)
                domain_set_current(domain, NULL);
        while (snapshot->first_child)
                reparent(snapshot->first_child, parent);
        TELL(domain->world, snapshot_removed, snapshot, false);
        displace(snapshot);
        tree_unlink(snapshot);
        g_hash_table_remove(domain->snapshots, snapshot->record->name);
        snapshot_free(snapshot);
        tell_family_changed(domain, parent);
        TELL(domain->world, domain_changed, domain, DOMAIN_CHANGED_COUNT);
}

void domain_set_current(Domain *domain, const char *name) {
        Snapshot *before = domain->current, *now = name ? domain_find_snapshot(domain, name) : NULL;

        if (before == now)
                return;
        domain->current = now;
        if (before)
                TELL(domain->world, snapshot_changed, before, SNAPSHOT_CHANGED_CURRENT);
        if (now)
                TELL(domain->world, snapshot_changed, now, SNAPSHOT_CHANGED_CURRENT);
        TELL(domain->world, domain_changed, domain, DOMAIN_CHANGED_CURRENT);
}

void snapshot_set_notes(Snapshot *snapshot, SnapshotNotes notes) {
        const SnapshotNotes before = snapshot->notes;
        bool same = before.consistency == notes.consistency && before.condition == notes.condition &&
                before.protected == notes.protected && g_strcmp0(before.reason, notes.reason) == 0;

        snapshot->notes = notes;
        g_free(before.reason);
        if (same)
                return;
        TELL(snapshot->domain->world, snapshot_changed, snapshot, SNAPSHOT_CHANGED_NOTES);
}

/* ---- domains ---- */

static void domain_free(void *data) {
        Domain *domain = data;

        g_hash_table_unref(domain->snapshots);
        g_ptr_array_unref(domain->jobs);
        domain_record_free(domain->record);
        free(domain->path);
        g_free(domain);
}

static void index_domain(Domain *domain) {
        domain->path = must(vs_domain_path(domain->record->name));
        g_hash_table_insert(domain->world->by_name, domain->record->name, domain);
        g_hash_table_insert(domain->world->domain_by_path, domain->path, domain);
}

/* Only its own entries: when two domains exchange their names, the other one's may stand there by now. */
static void unindex_domain(Domain *domain) {
        World *world = domain->world;

        if (g_hash_table_lookup(world->by_name, domain->record->name) == domain)
                g_hash_table_remove(world->by_name, domain->record->name);
        if (g_hash_table_lookup(world->domain_by_path, domain->path) == domain)
                g_hash_table_remove(world->domain_by_path, domain->path);
}

/* A name can be somebody else's only for as long as that one's removal or renaming has not been read. */
static void make_way(World *world, const DomainRecord *record) {
        Domain *other = g_hash_table_lookup(world->by_name, record->name);

        if (other && strcmp(other->record->uuid, record->uuid) != 0)
                world_remove_domain(world, other);
}

static Domain *add_domain(World *world, DomainRecord *record) {
        Domain *domain = g_new0(Domain, 1);

        domain->world = world;
        domain->record = record;
        domain->snapshots = g_hash_table_new(g_str_hash, g_str_equal);
        domain->jobs = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(world->by_uuid, record->uuid, domain);
        index_domain(domain);
        TELL(world, domain_added, domain);
        return domain;
}

static bool disks_equal(const GPtrArray *a, const GPtrArray *b) {
        if (a->len != b->len)
                return false;
        for (unsigned i = 0; i < a->len; i++) {
                const DomainDisk *x = a->pdata[i], *y = b->pdata[i];

                if (strcmp(x->target, y->target) != 0 || strcmp(x->source, y->source) != 0 ||
                        strcmp(x->format, y->format) != 0 || strcmp(x->type, y->type) != 0)
                        return false;
        }
        return true;
}

static unsigned record_changes(const DomainRecord *old, const DomainRecord *new) {
        unsigned changes = 0;

        if (strcmp(old->name, new->name) != 0)
                changes |= DOMAIN_CHANGED_NAME;
        if (strcmp(old->title, new->title) != 0)
                changes |= DOMAIN_CHANGED_TITLE;
        if (old->state != new->state)
                changes |= DOMAIN_CHANGED_STATE;
        if (old->persistent != new->persistent)
                changes |= DOMAIN_CHANGED_PERSISTENT;
        if (old->agent_connected != new->agent_connected)
                changes |= DOMAIN_CHANGED_AGENT;
        if (old->has_managed_save != new->has_managed_save)
                changes |= DOMAIN_CHANGED_MANAGED_SAVE;
        if (old->writable != new->writable)
                changes |= DOMAIN_CHANGED_WRITABLE;
        if (!disks_equal(old->disks, new->disks))
                changes |= DOMAIN_CHANGED_DISKS;
        return changes;
}

static void take_record(Domain *domain, DomainRecord *record, unsigned changes) {
        World *world = domain->world;
        DomainRecord *old = domain->record;

        if (changes & DOMAIN_CHANGED_NAME) {
                char *old_path = domain->path;

                unindex_domain(domain);
                domain->record = record;
                index_domain(domain);
                TELL(world, domain_moved, domain, old_path);
                tree_moved(domain, NULL);
                free(old_path);
        }
        domain->record = record;
        g_hash_table_replace(world->by_uuid, record->uuid, domain);
        g_hash_table_replace(world->by_name, record->name, domain);
        domain_record_free(old);
}

Domain *world_put_domain(World *world, DomainRecord *record) {
        Domain *domain = g_hash_table_lookup(world->by_uuid, record->uuid);
        unsigned changes;

        make_way(world, record);
        if (!domain)
                return add_domain(world, record);
        changes = record_changes(domain->record, record);
        take_record(domain, record, changes);
        if (changes)
                TELL(world, domain_changed, domain, changes);
        return domain;
}

void world_remove_domain(World *world, Domain *domain) {
        Snapshot *s;

        DOMAIN_FOREACH_SNAPSHOT(s, domain)
        TELL(world, snapshot_removed, s, true);
        TELL(world, domain_removed, domain);

        for (Snapshot *next, *at = domain->first_root; at; at = next) {
                /* Leaves first, so that no one is reached through what is gone. */
                while (at->first_child)
                        at = at->first_child;
                next = at->next ? at->next : at->parent;
                displace(at);
                tree_unlink(at);
                snapshot_free(at);
        }
        unindex_domain(domain);
        g_hash_table_steal(world->by_uuid, domain->record->uuid);
        domain_free(domain);
}

void world_clear(World *world) {
        GHashTableIter iter;
        void *domain;

        for (;;) {
                g_hash_table_iter_init(&iter, world->by_uuid);
                if (!g_hash_table_iter_next(&iter, NULL, &domain))
                        return;
                world_remove_domain(world, domain);
        }
}

void domain_add_job(Domain *domain, const char *job_path) {
        g_ptr_array_add(domain->jobs, g_strdup(job_path));
        TELL(domain->world, domain_changed, domain, DOMAIN_CHANGED_JOBS);
}

void domain_remove_job(Domain *domain, const char *job_path) {
        for (unsigned i = 0; i < domain->jobs->len; i++)
                if (strcmp(domain->jobs->pdata[i], job_path) == 0) {
                        g_ptr_array_remove_index(domain->jobs, i);
                        TELL(domain->world, domain_changed, domain, DOMAIN_CHANGED_JOBS);
                        return;
                }
}

/* ---- the world ---- */

World *world_new(void) {
        World *world = g_new0(World, 1);

        world->by_uuid = g_hash_table_new(g_str_hash, g_str_equal);
        world->by_name = g_hash_table_new(g_str_hash, g_str_equal);
        world->domain_by_path = g_hash_table_new(g_str_hash, g_str_equal);
        world->snapshot_by_path = g_hash_table_new(g_str_hash, g_str_equal);
        return world;
}

World *world_free(World *world) {
        if (!world)
                return NULL;
        world->listener = NULL;
        world_clear(world);
        g_hash_table_unref(world->by_uuid);
        g_hash_table_unref(world->by_name);
        g_hash_table_unref(world->domain_by_path);
        g_hash_table_unref(world->snapshot_by_path);
        g_free(world);
        return NULL;
}

void world_listen(World *world, const WorldListener *listener, void *userdata) {
        world->listener = listener;
        world->userdata = userdata;
}

Domain *world_find_domain(const World *world, const char *name_or_uuid) {
        /* As virsh: the name of a domain may be the UUID of another. */
        Domain *domain = g_hash_table_lookup(world->by_uuid, name_or_uuid);

        return domain ? domain : g_hash_table_lookup(world->by_name, name_or_uuid);
}

Domain *world_find_domain_by_path(const World *world, const char *path) {
        return g_hash_table_lookup(world->domain_by_path, path);
}

Snapshot *world_find_snapshot_by_path(const World *world, const char *path) {
        return g_hash_table_lookup(world->snapshot_by_path, path);
}

GHashTable *world_domains(const World *world) {
        return world->by_uuid;
}

unsigned world_n_snapshots(const World *world) {
        return g_hash_table_size(world->snapshot_by_path);
}
