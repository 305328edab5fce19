/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "daemon/model/world.h"
#include "tests/unit/make.h"

/*
 * Random histories.  One side is a hypervisor of a few lines, whose domains and snapshots come, go, move and
 * are renamed.  The world is told of that as by readers, in any order.  On the other side is a client, which
 * knows objects and their properties only from what the listener was told.  In the end all three must agree.
 */

#define N_DOMAINS 4U
#define N_ROUNDS 12U
#define N_TURNS 40U

/* ---- the hypervisor ---- */

typedef struct Node {
        char *name;
        struct Node *parent;
        uint64_t created;
        unsigned edition; /* of its description */
} Node;

typedef struct Guest {
        char *uuid, *name;
        bool defined;
        GPtrArray *nodes; /* of Node */
        Node *current;
} Guest;

static uint64_t next_created;

static void node_free(void *data) {
        Node *node = data;

        g_free(node->name);
        g_free(node);
}

static Node *find_node(const Guest *guest, const char *name) {
        for (unsigned i = 0; i < guest->nodes->len; i++) {
                Node *node = guest->nodes->pdata[i];

                if (strcmp(node->name, name) == 0)
                        return node;
        }
        return NULL;
}

static Node *random_node(const Guest *guest) {
        return guest->nodes->len ? guest->nodes->pdata[g_test_rand_int_range(0, (int) guest->nodes->len)]
                                 : NULL;
}

static bool is_below(const Node *node, const Node *top) {
        for (; node; node = node->parent)
                if (node == top)
                        return true;
        return false;
}

static void guest_create(Guest *guest) {
        g_autofree char *name = g_strdup_printf("s-%d", g_test_rand_int_range(0, 300));
        Node *node;

        if (find_node(guest, name))
                return;
        node = g_new0(Node, 1);
        node->name = g_steal_pointer(&name);
        /* Most below the current one, so that chains grow deep. */
        node->parent = g_test_rand_int_range(0, 10) ? guest->current : random_node(guest);
        node->created = ++next_created;
        g_ptr_array_add(guest->nodes, node);
        guest->current = node;
}

static void guest_delete(Guest *guest) {
        Node *node = random_node(guest);

        if (!node)
                return;
        for (unsigned i = 0; i < guest->nodes->len; i++) {
                Node *child = guest->nodes->pdata[i];

                if (child->parent == node)
                        child->parent = node->parent;
        }
        if (guest->current == node)
                guest->current = g_test_rand_bit() ? node->parent : NULL;
        g_ptr_array_remove(guest->nodes, node);
}

static void guest_move(Guest *guest) {
        Node *node = random_node(guest), *parent = g_test_rand_bit() ? random_node(guest) : NULL;

        if (node && !is_below(parent, node))
                node->parent = parent;
}

/* Deleted and made again. */
static void guest_replace(Guest *guest) {
        Node *node = random_node(guest);

        if (node)
                node->created = ++next_created;
}

static void guest_edit(Guest *guest) {
        Node *node = random_node(guest);

        if (node)
                node->edition++;
}

static void guest_revert(Guest *guest) {
        guest->current = random_node(guest);
}

/* A name that another one may have at this moment, or had. */
static void guest_rename(Guest *guest, Guest *guests) {
        Guest *other = guests + g_test_rand_int_range(0, N_DOMAINS);
        char *name = guest->name;

        guest->name = other->name;
        other->name = name;
}

static void guest_undefine(Guest *guest) {
        guest->defined = false;
        guest->current = NULL;
        g_ptr_array_set_size(guest->nodes, 0);
}

static void guest_act(Guest *guest, Guest *guests) {
        static void (*const acts[])(Guest * guest) = { guest_create, guest_create, guest_create,
                guest_create, guest_create, guest_delete, guest_move, guest_replace, guest_edit,
                guest_revert };
        int what = g_test_rand_int_range(0, 200);

        if (!guest->defined)
                guest->defined = true;
        else if (what == 0)
                guest_undefine(guest);
        else if (what < 4)
                guest_rename(guest, guests);
        else
                acts[(unsigned) what % G_N_ELEMENTS(acts)](guest);
}

/* ---- the client ---- */

typedef struct Object {
        bool is_domain;
        char *name, *parent, *children, *current, *content; /* its properties as last read */
} Object;

typedef struct Client {
        World *world;
        GHashTable *objects; /* path → Object */
        GHashTable *stale; /* paths to be read again when the turn ends, "PATH property" */
} Client;

static void object_free(void *data) {
        Object *object = data;

        g_free(object->name);
        g_free(object->parent);
        g_free(object->children);
        g_free(object->current);
        g_free(object->content);
        g_free(object);
}

static void client_added(Client *client, const char *path, bool is_domain) {
        Object *object = g_new0(Object, 1);

        object->is_domain = is_domain;
        g_assert_false(g_hash_table_contains(client->objects, path));
        g_hash_table_insert(client->objects, g_strdup(path), object);
        g_hash_table_add(client->stale, g_strdup_printf("%s all", path));
}

static void client_removed(Client *client, const char *path, bool is_domain) {
        const Object *object = g_hash_table_lookup(client->objects, path);

        g_assert_nonnull(object);
        g_assert_true(object->is_domain == is_domain);
        g_hash_table_remove(client->objects, path);
}

static void client_changed(Client *client, const char *path, const char *property) {
        g_assert_true(g_hash_table_contains(client->objects, path));
        g_hash_table_add(client->stale, g_strdup_printf("%s %s", path, property));
}

static void on_domain_added(Domain *domain, void *client) {
        client_added(client, domain->path, true);
}

static void on_domain_removed(Domain *domain, void *client) {
        client_removed(client, domain->path, true);
}

static void on_domain_moved(Domain *domain, const char *old_path, void *client) {
        client_removed(client, old_path, true);
        client_added(client, domain->path, true);
}

static void on_domain_changed(Domain *domain, unsigned changes, void *client) {
        if (changes & DOMAIN_CHANGED_CURRENT)
                client_changed(client, domain->path, "current");
        if (changes & DOMAIN_CHANGED_ROOTS)
                client_changed(client, domain->path, "children");
        if (changes & DOMAIN_CHANGED_COUNT)
                client_changed(client, domain->path, "content");
        if (changes & DOMAIN_CHANGED_NAME)
                client_changed(client, domain->path, "name");
}

static void on_annotate(Snapshot *snapshot, void *client) {
}

static void on_snapshot_added(Snapshot *snapshot, void *client) {
        client_added(client, snapshot->path, false);
}

static void on_snapshot_removed(Snapshot *snapshot, bool with_domain, void *client) {
        client_removed(client, snapshot->path, false);
}

/* All leave before one comes, so that a path can be taken over: the mover's own is what counts here. */
static void on_snapshot_moved(Snapshot *snapshot, const char *old_path, void *client) {
        client_removed(client, old_path, false);
        client_added(client, snapshot->path, false);
}

static void on_snapshot_changed(Snapshot *snapshot, unsigned changes, void *client) {
        if (changes & SNAPSHOT_CHANGED_RECORD)
                client_changed(client, snapshot->path, "content");
        if (changes & SNAPSHOT_CHANGED_PARENT)
                client_changed(client, snapshot->path, "parent");
        if (changes & SNAPSHOT_CHANGED_CHILDREN)
                client_changed(client, snapshot->path, "children");
        if (changes & SNAPSHOT_CHANGED_CURRENT)
                client_changed(client, snapshot->path, "current");
}

static const WorldListener listener = {
        .domain_added = on_domain_added,
        .domain_removed = on_domain_removed,
        .domain_moved = on_domain_moved,
        .domain_changed = on_domain_changed,
        .snapshot_annotate = on_annotate,
        .snapshot_added = on_snapshot_added,
        .snapshot_removed = on_snapshot_removed,
        .snapshot_moved = on_snapshot_moved,
        .snapshot_changed = on_snapshot_changed,
};

static char *paths_of(const Snapshot *first) {
        GString *paths = g_string_new(NULL);

        for (const Snapshot *s = first; s; s = s->next)
                g_string_append_printf(paths, "%s\n", s->path);
        return g_string_free(paths, false);
}

static Object *read_domain(const Domain *domain) {
        Object *object = g_new0(Object, 1);

        object->is_domain = true;
        object->name = g_strdup(domain->record->name);
        object->children = paths_of(domain->first_root);
        object->current = g_strdup(domain->current ? domain->current->path : "/");
        object->content = g_strdup_printf("%u", g_hash_table_size(domain->snapshots));
        return object;
}

static Object *read_snapshot(const Snapshot *snapshot) {
        Object *object = g_new0(Object, 1);

        object->name = g_strdup(snapshot->record->name);
        object->parent = g_strdup(snapshot->parent ? snapshot->parent->path : "/");
        object->children = paths_of(snapshot->first_child);
        object->current = g_strdup(snapshot == snapshot->domain->current ? "yes" : "no");
        object->content = g_strdup(snapshot->record->description);
        return object;
}

static Object *read_object(const Client *client, const char *path) {
        const Domain *domain = world_find_domain_by_path(client->world, path);
        const Snapshot *snapshot = world_find_snapshot_by_path(client->world, path);

        return domain ? read_domain(domain) : snapshot ? read_snapshot(snapshot) : NULL;
}

static void take(char **into, char **from) {
        g_free(*into);
        *into = g_steal_pointer(from);
}

/* The turn ends: what was said to have changed is read, and nothing else. */
static void client_read(Client *client) {
        GHashTableIter iter;
        void *key;

        g_hash_table_iter_init(&iter, client->stale);
        while (g_hash_table_iter_next(&iter, &key, NULL)) {
                g_auto(GStrv) words = g_strsplit(key, " ", 2);
                Object *object = g_hash_table_lookup(client->objects, words[0]), *now;
                bool all = strcmp(words[1], "all") == 0;

                if (!object)
                        continue;
                now = read_object(client, words[0]);
                g_assert_nonnull(now);
                if (all || strcmp(words[1], "name") == 0)
                        take(&object->name, &now->name);
                if (all || strcmp(words[1], "parent") == 0)
                        take(&object->parent, &now->parent);
                if (all || strcmp(words[1], "children") == 0)
                        take(&object->children, &now->children);
                if (all || strcmp(words[1], "current") == 0)
                        take(&object->current, &now->current);
                if (all || strcmp(words[1], "content") == 0)
                        take(&object->content, &now->content);
                object_free(now);
        }
        g_hash_table_remove_all(client->stale);
}

static void assert_client_is_right(const Client *client) {
        unsigned n = g_hash_table_size(world_domains(client->world)) + world_n_snapshots(client->world);
        GHashTableIter iter;
        void *path, *value;

        g_assert_cmpuint(g_hash_table_size(client->objects), ==, n);
        g_hash_table_iter_init(&iter, client->objects);
        while (g_hash_table_iter_next(&iter, &path, &value)) {
                const Object *object = value;
                Object *now = read_object(client, path);

                g_assert_nonnull(now);
                g_assert_true(object->is_domain == now->is_domain);
                g_assert_cmpstr(object->name, ==, now->name);
                g_assert_cmpstr(object->parent, ==, now->parent);
                g_assert_cmpstr(object->children, ==, now->children);
                g_assert_cmpstr(object->current, ==, now->current);
                g_assert_cmpstr(object->content, ==, now->content);
                object_free(now);
        }
}

/* ---- between them ---- */

static SnapshotRecord *record_of(const Node *node) {
        SnapshotRecord *record =
                make_snapshot(node->name, node->parent ? node->parent->name : NULL, node->created);

        g_free(record->description);
        record->description = g_strdup_printf("edition %u", node->edition);
        return record;
}

static void shuffle(GPtrArray *array) {
        for (unsigned i = array->len; i > 1; i--) {
                unsigned j = (unsigned) g_test_rand_int_range(0, (int) i);
                void *swap = array->pdata[i - 1];

                array->pdata[i - 1] = array->pdata[j];
                array->pdata[j] = swap;
        }
}

/* As a reader's answer is taken in: what is gone goes, what is there is put, in any order. */
static void mirror_guest(World *world, const Guest *guest) {
        Domain *domain = world_put_domain(world, make_domain(guest->uuid, guest->name));
        g_autoptr(GPtrArray) gone = g_ptr_array_new();
        const Snapshot *s;

        DOMAIN_FOREACH_SNAPSHOT(s, domain)
        if (!find_node(guest, s->record->name))
                g_ptr_array_add(gone, s->record->name);
        shuffle(gone);
        for (unsigned i = 0; i < gone->len; i++)
                domain_remove_snapshot(domain, domain_find_snapshot(domain, gone->pdata[i]));
        shuffle(guest->nodes);
        for (unsigned i = 0; i < guest->nodes->len; i++)
                domain_put_snapshot(domain, record_of(guest->nodes->pdata[i]));
        domain_settle(domain);
        domain_set_current(domain, guest->current ? guest->current->name : NULL);
}

static void mirror_all(World *world, const Guest *guests) {
        for (unsigned i = 0; i < N_DOMAINS; i++) {
                Domain *domain = world_find_domain(world, guests[i].uuid);

                if (domain && !guests[i].defined)
                        world_remove_domain(world, domain);
        }
        for (unsigned i = 0; i < N_DOMAINS; i++)
                if (guests[i].defined)
                        mirror_guest(world, guests + i);
}

static void assert_world_is_right(World *world, const Guest *guests) {
        for (unsigned i = 0; i < N_DOMAINS; i++) {
                const Guest *guest = guests + i;
                const Domain *domain = world_find_domain(world, guest->uuid);
                const Snapshot *s;
                unsigned n = 0;

                g_assert_true(!!domain == guest->defined);
                if (!domain)
                        continue;
                g_assert_cmpstr(domain->record->name, ==, guest->name);
                DOMAIN_FOREACH_SNAPSHOT(s, domain) {
                        const Node *node = find_node(guest, s->record->name);

                        g_assert_nonnull(node);
                        g_assert_cmpstr(s->parent ? s->parent->record->name : NULL, ==,
                                node->parent ? node->parent->name : NULL);
                        g_assert_cmpuint(s->level, ==, s->parent ? s->parent->level + 1 : 0);
                        g_assert_cmpuint(s->record->created, ==, node->created);
                        n++;
                }
                g_assert_cmpuint(n, ==, guest->nodes->len);
                g_assert_cmpstr(domain->current ? domain->current->record->name : NULL, ==,
                        guest->current ? guest->current->name : NULL);
        }
}

/* Names go round in circles between two reads: a domain whose name another took is away until it is read
 * again itself.  The mirror reads all, so do we. */
static void run_turn(World *world, Client *client, Guest *guests) {
        int n = g_test_rand_int_range(1, 120);

        for (int i = 0; i < n; i++)
                guest_act(guests + g_test_rand_int_range(0, N_DOMAINS), guests);
        mirror_all(world, guests);
        client_read(client);
        assert_world_is_right(world, guests);
        assert_client_is_right(client);
}

static void test_random(void) {
        for (unsigned round = 0; round < N_ROUNDS; round++) {
                g_autoptr(World) world = world_new();
                Client client = {
                        .world = world,
                        .objects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, object_free),
                        .stale = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                };
                Guest guests[N_DOMAINS] = { 0 };

                world_listen(world, &listener, &client);
                for (unsigned i = 0; i < N_DOMAINS; i++)
                        guests[i] = (Guest){
                                .uuid = g_strdup_printf("uuid-%u", i),
                                .name = g_strdup_printf("guest %u", i),
                                .nodes = g_ptr_array_new_with_free_func(node_free),
                        };
                for (unsigned turn = 0; turn < N_TURNS; turn++)
                        run_turn(world, &client, guests);
                world_clear(world);
                g_assert_cmpuint(g_hash_table_size(client.objects), ==, 0);
                for (unsigned i = 0; i < N_DOMAINS; i++) {
                        g_free(guests[i].uuid);
                        g_free(guests[i].name);
                        g_ptr_array_unref(guests[i].nodes);
                }
                g_hash_table_unref(client.objects);
                g_hash_table_unref(client.stale);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/world-random/histories", test_random);
        return g_test_run();
}
