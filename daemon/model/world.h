/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/records.h"

/*
 * Everything that libvirt has, as last read: domains and their trees of snapshots, each with the object path
 * that it has at the moment.  Pure memory, the loop's thread only.  Every change goes through the functions
 * below, and each tells the listener.
 */
typedef struct World World;
typedef struct Domain Domain;
typedef struct Snapshot Snapshot;

/* How much of the guest's state a snapshot can be trusted with. */
typedef enum Consistency {
        CONSISTENCY_UNKNOWN,
        CONSISTENCY_CRASH,
        CONSISTENCY_FILESYSTEM,
        CONSISTENCY_MEMORY,
        CONSISTENCY_OFFLINE,
        _CONSISTENCY_MAX,
} Consistency;

typedef enum Condition {
        CONDITION_OK,
        CONDITION_DELETING, /* its content is being merged away: it can only be deleted again */
        CONDITION_BROKEN, /* its content cannot be had */
        _CONDITION_MAX,
} Condition;

/* What libvirt has no place for; kept in the store. */
typedef struct SnapshotNotes {
        Consistency consistency;
        Condition condition;
        bool protected;
        char *reason; /* of the condition, or NULL */
} SnapshotNotes;

struct Snapshot {
        Domain *domain;
        SnapshotRecord *record;
        SnapshotNotes notes;
        char *path;

        /* The tree.  Children in the order in which they came. */
        Snapshot *parent, *first_child, *last_child, *next, *prev;
        unsigned level; /* 0 for a root */
        unsigned n_children;
};

struct Domain {
        World *world;
        DomainRecord *record; /* its snapshots and current are the raw list; use the tree below */
        char *path;
        GHashTable *snapshots; /* name → Snapshot */
        Snapshot *first_root, *last_root;
        Snapshot *current;
        GPtrArray *jobs; /* paths (char *) of its jobs that have not ended */
};

typedef enum DomainChange {
        DOMAIN_CHANGED_TITLE = 1 << 0,
        DOMAIN_CHANGED_STATE = 1 << 1,
        DOMAIN_CHANGED_PERSISTENT = 1 << 2,
        DOMAIN_CHANGED_AGENT = 1 << 3,
        DOMAIN_CHANGED_MANAGED_SAVE = 1 << 4,
        DOMAIN_CHANGED_WRITABLE = 1 << 5,
        DOMAIN_CHANGED_CURRENT = 1 << 6,
        DOMAIN_CHANGED_ROOTS = 1 << 7,
        DOMAIN_CHANGED_COUNT = 1 << 8,
        DOMAIN_CHANGED_DISKS = 1 << 9,
        DOMAIN_CHANGED_JOBS = 1 << 10,
        DOMAIN_CHANGED_NAME = 1 << 11,
} DomainChange;

typedef enum SnapshotChange {
        SNAPSHOT_CHANGED_RECORD = 1 << 0, /* anything that its XML holds */
        SNAPSHOT_CHANGED_PARENT = 1 << 1,
        SNAPSHOT_CHANGED_CHILDREN = 1 << 2,
        SNAPSHOT_CHANGED_CURRENT = 1 << 3,
        SNAPSHOT_CHANGED_NOTES = 1 << 4,
} SnapshotChange;

/* Told of each change on the spot.  Whoever listens must not change the world from within. */
typedef struct WorldListener {
        void (*domain_added)(Domain *domain, void *userdata);
        /* Before it goes; snapshot_removed has been called for each of its snapshots. */
        void (*domain_removed)(Domain *domain, void *userdata);
        void (*domain_moved)(Domain *domain, const char *old_path, void *userdata);
        void (*domain_changed)(Domain *domain, unsigned changes, void *userdata);

        /* The first look at a new snapshot: fill its notes. */
        void (*snapshot_annotate)(Snapshot *snapshot, void *userdata);
        void (*snapshot_added)(Snapshot *snapshot, void *userdata);
        /* Before it goes.  with_domain: the whole domain goes, and not the snapshot alone. */
        void (*snapshot_removed)(Snapshot *snapshot, bool with_domain, void *userdata);
        void (*snapshot_moved)(Snapshot *snapshot, const char *old_path, void *userdata);
        void (*snapshot_changed)(Snapshot *snapshot, unsigned changes, void *userdata);
} WorldListener;

World *world_new(void);
World *world_free(World *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)
/* Once, before the first change; the listener is static, none of its functions NULL. */
void world_listen(World *world, const WorldListener *listener, void *userdata);

/* Look-ups; NULL when there is none. */
Domain *world_find_domain(const World *world, const char *name_or_uuid);
Domain *world_find_domain_by_path(const World *world, const char *path);
Snapshot *world_find_snapshot_by_path(const World *world, const char *path);
Snapshot *domain_find_snapshot(const Domain *domain, const char *name);
/* Domains in no order: for (g_hash_table_iter_init(&iter, world_domains(world)); …) over uuid → Domain. */
GHashTable *world_domains(const World *world);
unsigned world_n_snapshots(const World *world);

/* Take a record over: a new domain, or the present values of a known one. */
Domain *world_put_domain(World *world, DomainRecord *record);
void world_remove_domain(World *world, Domain *domain);
void world_clear(World *world);

/* Take a record over: a new snapshot, or another content, place or parent of a known one.  A parent that is
 * not there (yet) makes it a root. */
Snapshot *domain_put_snapshot(Domain *domain, SnapshotRecord *record);
/* After several were put: hang those whose parent came later where they belong. */
void domain_settle(Domain *domain);
/* Its children move up to its parent, as libvirt does it. */
void domain_remove_snapshot(Domain *domain, Snapshot *snapshot);
/* name: NULL for none. */
void domain_set_current(Domain *domain, const char *name);
void domain_add_job(Domain *domain, const char *job_path);
void domain_remove_job(Domain *domain, const char *job_path);
/* Takes notes->reason over. */
void snapshot_set_notes(Snapshot *snapshot, SnapshotNotes notes);

/* The next snapshot in depth-first order, parents first, within top's subtree; with top NULL within the
 * domain. */
Snapshot *snapshot_next(const Snapshot *snapshot, const Snapshot *top);

#define DOMAIN_FOREACH_ROOT(root, domain) for (root = (domain)->first_root; root; root = root->next)
#define SNAPSHOT_FOREACH_CHILD(child, snapshot) \
        for (child = (snapshot)->first_child; child; child = child->next)
/* Every snapshot of a domain, parents first. */
#define DOMAIN_FOREACH_SNAPSHOT(s, domain) for (s = (domain)->first_root; s; s = snapshot_next(s, NULL))

const char *consistency_to_string(Consistency consistency);
Consistency consistency_from_string(const char *word);
const char *condition_to_string(Condition condition);
Condition condition_from_string(const char *word);
