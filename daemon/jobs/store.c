/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/store-files.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/error.h"
#include "daemon/base/file.h"
#include "daemon/base/log.h"

#define FILE_MAX (32U * 1024U * 1024U)

struct Store {
        int fd;
        pthread_mutex_t lock;
        GHashTable *domains; /* uuid → struct json_object: name → entry; those looked at so far */
};

Store *store_new(int state_fd, GError **error) {
        Store *store;
        int fd = file_open_folder(state_fd, "snapshots");

        if (fd < 0) {
                vs_fail(error, VS_ERR_LIBVIRT_FAILED,
                        "cannot open the folder \"snapshots\" of the state directory: %s", strerror(-fd));
                return NULL;
        }
        store = g_new0(Store, 1);
        store->fd = fd;
        pthread_mutex_init(&store->lock, NULL);
        store->domains =
                g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) json_object_put);
        return store;
}

Store *store_free(Store *store) {
        if (!store)
                return NULL;
        g_hash_table_unref(store->domains);
        pthread_mutex_destroy(&store->lock);
        close(store->fd);
        g_free(store);
        return NULL;
}

int store_fd(const Store *store) {
        return store->fd;
}

void store_lock(Store *store) {
        pthread_mutex_lock(&store->lock);
}

void store_unlock(Store *store) {
        pthread_mutex_unlock(&store->lock);
}

static char *file_name(const char *uuid) {
        return g_strconcat(uuid, ".json", NULL);
}

/* A file that makes no sense is set aside: nothing in it is worth not starting for. */
static struct json_object *load(Store *store, const char *uuid) {
        g_autofree char *name = file_name(uuid), *aside = g_strconcat(name, ".bad", NULL), *text = NULL;
        struct json_object *notes = NULL;
        int r = file_read(store->fd, name, FILE_MAX, &text);

        if (r == -ENOENT)
                return json_object_new_object();
        if (r >= 0)
                notes = json_tokener_parse(text);
        if (notes && json_object_is_type(notes, json_type_object))
                return notes;
        json_object_put(notes);
        log_error("the notes %s cannot be read (%s) and are set aside as %s", name,
                r < 0 ? strerror(-r) : "no valid JSON", aside);
        if (renameat(store->fd, name, store->fd, aside) < 0)
                log_error("cannot rename the notes %s: %s", name, strerror(errno));
        return json_object_new_object();
}

static struct json_object *notes_of_domain(Store *store, const char *uuid) {
        struct json_object *notes = g_hash_table_lookup(store->domains, uuid);

        if (!notes) {
                notes = load(store, uuid);
                g_hash_table_insert(store->domains, g_strdup(uuid), notes);
        }
        return notes;
}

static int save(Store *store, const char *uuid) {
        struct json_object *notes = notes_of_domain(store, uuid);
        g_autofree char *name = file_name(uuid);

        if (json_object_object_length(notes) == 0)
                return file_remove(store->fd, name);
        return file_replace(store->fd, name,
                json_object_to_json_string_ext(
                        notes, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static struct json_object *find_entry(struct json_object *notes, const char *name, uint64_t created) {
        struct json_object *entry, *at;

        if (!json_object_object_get_ex(notes, name, &entry) ||
                !json_object_object_get_ex(entry, "created", &at) || json_object_get_uint64(at) != created)
                return NULL;
        return entry;
}

static const char *entry_string(struct json_object *entry, const char *key) {
        struct json_object *value;

        return json_object_object_get_ex(entry, key, &value) ? json_object_get_string(value) : NULL;
}

static Consistency natural_consistency(const SnapshotRecord *record) {
        if (record->memory != MEMORY_NONE)
                return CONSISTENCY_MEMORY;
        return record->state == DOMAIN_SHUTOFF ? CONSISTENCY_OFFLINE : CONSISTENCY_UNKNOWN;
}

static SnapshotNotes natural_notes(const SnapshotRecord *record) {
        SnapshotNotes notes = { .consistency = natural_consistency(record) };

        if (record->deleting) {
                notes.condition = CONDITION_DELETING;
                notes.reason =
                        g_strdup("libvirt was interrupted while it deleted this snapshot or a child of it");
        }
        return notes;
}

SnapshotNotes store_get(Store *store, const char *uuid, const SnapshotRecord *record) {
        SnapshotNotes notes = natural_notes(record);
        struct json_object *entry, *value;
        const char *word;

        store_lock(store);
        entry = find_entry(notes_of_domain(store, uuid), record->name, record->created);
        if (entry) {
                word = entry_string(entry, "consistency");
                if (word)
                        notes.consistency = consistency_from_string(word);
                word = entry_string(entry, "condition");
                if (word) {
                        notes.condition = condition_from_string(word);
                        g_free(notes.reason);
                        notes.reason = g_strdup(entry_string(entry, "reason"));
                }
                notes.protected = json_object_object_get_ex(entry, "protected", &value) &&
                        json_object_get_boolean(value);
        }
        store_unlock(store);
        return notes;
}

static void put_string(struct json_object *entry, const char *key, const char *value) {
        if (value)
                json_object_object_add(entry, key, json_object_new_string(value));
        else
                json_object_object_del(entry, key);
}

/* The entry to write in; one of a predecessor of the same name is replaced. */
static struct json_object *make_entry(struct json_object *notes, const char *name, uint64_t created) {
        struct json_object *entry = find_entry(notes, name, created);

        if (entry)
                return entry;
        entry = json_object_new_object();
        json_object_object_add(entry, "created", json_object_new_uint64(created));
        json_object_object_add(notes, name, entry);
        return entry;
}

static bool save_or_fail(Store *store, const char *uuid, GError **error) {
        int r = save(store, uuid);

        if (r >= 0)
                return true;
        /* What is in memory must not be more than what a restart would find. */
        g_hash_table_remove(store->domains, uuid);
        return vs_fail(error, r == -ENOSPC ? VS_ERR_NO_SPACE : VS_ERR_LIBVIRT_FAILED,
                "The snapshot's notes cannot be written to the state directory: %s", strerror(-r));
}

bool store_set(Store *store, const char *uuid, const SnapshotRecord *record, const SnapshotNotes *notes,
        GError **error) {
        SnapshotNotes natural = natural_notes(record);
        struct json_object *all, *entry;
        bool ok;

        store_lock(store);
        all = notes_of_domain(store, uuid);
        entry = make_entry(all, record->name, record->created);
        put_string(entry, "consistency",
                notes->consistency != natural.consistency ? consistency_to_string(notes->consistency)
                                                          : NULL);
        put_string(entry, "condition",
                notes->condition != natural.condition ? condition_to_string(notes->condition) : NULL);
        put_string(entry, "reason", notes->condition != natural.condition ? notes->reason : NULL);
        if (notes->protected)
                json_object_object_add(entry, "protected", json_object_new_boolean(true));
        else
                json_object_object_del(entry, "protected");
        /* Nothing but the time of creation is left. */
        if (json_object_object_length(entry) == 1)
                json_object_object_del(all, record->name);
        ok = save_or_fail(store, uuid, error);
        store_unlock(store);
        g_free(natural.reason);
        return ok;
}

bool store_set_condition(Store *store, const char *uuid, const char *name, uint64_t created,
        Condition condition, const char *reason, GError **error) {
        struct json_object *entry;
        bool ok;

        store_lock(store);
        entry = make_entry(notes_of_domain(store, uuid), name, created);
        put_string(entry, "condition", condition_to_string(condition));
        put_string(entry, "reason", reason);
        ok = save_or_fail(store, uuid, error);
        store_unlock(store);
        return ok;
}

void store_prune(Store *store, const Domain *domain) {
        g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);
        struct json_object *notes;

        store_lock(store);
        notes = notes_of_domain(store, domain->record->uuid);
        json_object_object_foreach(notes, name, entry) {
                const Snapshot *snapshot = domain_find_snapshot(domain, name);

                if (!snapshot || find_entry(notes, name, snapshot->record->created) != entry)
                        g_ptr_array_add(gone, g_strdup(name));
        }
        for (unsigned i = 0; i < gone->len; i++)
                json_object_object_del(notes, gone->pdata[i]);
        if (gone->len && save(store, domain->record->uuid) < 0)
                log_warning("the notes of %s cannot be written", domain->record->name);
        store_unlock(store);
}
