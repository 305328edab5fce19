/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/bus/rules.h"

#include <stdbool.h>
#include <string.h>

#include "dbus/names.h"

/* Five PropertiesChanged of a job, the last one not counted, take at least four times 250 ms; what is lost
 * of that on the way here is taken off. */
#define BURST_MAX 5U
#define BURST_USEC (800 * 1000)

typedef struct Object {
        GHashTable *properties; /* name → GVariant */
        bool snapshot, job;
        gint64 changed[BURST_MAX]; /* a job's last PropertiesChanged, a ring */
        unsigned n_changed;
} Object;

struct Rules {
        GHashTable *objects; /* path → Object */
        GHashTable *identities; /* "domain\nname" → path of the snapshot */
        GHashTable *known_jobs; /* paths that JobNew told */
        GHashTable *removed_jobs; /* paths */
        GHashTable *settled; /* "domain\nname" of snapshots whose making is over */
        GPtrArray *breaches;
        bool filled; /* GetManagedObjects has answered */
        unsigned n_signals;
};

static void object_free(void *data) {
        Object *object = data;

        g_hash_table_unref(object->properties);
        g_free(object);
}

static GHashTable *new_set(void) {
        return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

Rules *rules_new(void) {
        Rules *rules = g_new0(Rules, 1);

        rules->objects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, object_free);
        rules->identities = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        rules->known_jobs = new_set();
        rules->removed_jobs = new_set();
        rules->settled = new_set();
        rules->breaches = g_ptr_array_new_with_free_func(g_free);
        return rules;
}

void rules_free(Rules *rules) {
        if (!rules)
                return;
        g_hash_table_unref(rules->objects);
        g_hash_table_unref(rules->identities);
        g_hash_table_unref(rules->known_jobs);
        g_hash_table_unref(rules->removed_jobs);
        g_hash_table_unref(rules->settled);
        g_ptr_array_unref(rules->breaches);
        g_free(rules);
}

GPtrArray *rules_breaches(Rules *rules) {
        return rules->breaches;
}

unsigned rules_n_signals(const Rules *rules) {
        return rules->n_signals;
}

static void G_GNUC_PRINTF(2, 3) breach(Rules *rules, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        g_ptr_array_add(rules->breaches, g_strdup_vprintf(format, ap));
        va_end(ap);
}

static Object *find(const Rules *rules, const char *path) {
        return g_hash_table_lookup(rules->objects, path);
}

static const char *text_of(const Object *object, const char *property) {
        GVariant *value = g_hash_table_lookup(object->properties, property);

        return value ? g_variant_get_string(value, NULL) : "";
}

static char *identity_of(const Object *snapshot) {
        return g_strconcat(text_of(snapshot, "Domain"), "\n", text_of(snapshot, "Name"), NULL);
}

static void take_properties(Object *object, GVariant *properties) {
        GVariantIter iter;
        const char *name;
        GVariant *value;

        g_variant_iter_init(&iter, properties);
        while (g_variant_iter_next(&iter, "{&sv}", &name, &value))
                g_hash_table_replace(object->properties, g_strdup(name), value);
}

static void link_snapshot(Rules *rules, const char *path, const Object *object) {
        char *identity = identity_of(object);
        const char *other = g_hash_table_lookup(rules->identities, identity);

        if (other && strcmp(other, path) != 0)
                breach(rules, "%s comes before %s, the same snapshot, has gone", path, other);
        g_hash_table_replace(rules->identities, identity, g_strdup(path));
}

static void add_interface(Rules *rules, const char *path, const char *interface, GVariant *properties) {
        Object *object = find(rules, path);

        if (!object) {
                object = g_new0(Object, 1);
                object->properties = g_hash_table_new_full(
                        g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_variant_unref);
                g_hash_table_insert(rules->objects, g_strdup(path), object);
        }
        take_properties(object, properties);
        if (strcmp(interface, VS_JOB_INTERFACE) == 0)
                object->job = true;
        if (strcmp(interface, VS_SNAPSHOT_INTERFACE) == 0) {
                object->snapshot = true;
                link_snapshot(rules, path, object);
        }
}

static void add_object(Rules *rules, const char *path, GVariant *interfaces) {
        GVariantIter iter;
        const char *interface;
        GVariant *properties;

        g_variant_iter_init(&iter, interfaces);
        while (g_variant_iter_next(&iter, "{&s@a{sv}}", &interface, &properties)) {
                add_interface(rules, path, interface, properties);
                g_variant_unref(properties);
        }
}

static void start_again(Rules *rules) {
        g_hash_table_remove_all(rules->objects);
        g_hash_table_remove_all(rules->identities);
        g_hash_table_remove_all(rules->known_jobs);
        g_hash_table_remove_all(rules->removed_jobs);
        g_hash_table_remove_all(rules->settled);
        rules->filled = false;
}

static void fill(Rules *rules, GVariant *body) {
        g_autoptr(GVariant) objects = g_variant_get_child_value(body, 0);
        GVariantIter iter;
        const char *path;
        GVariant *interfaces;

        start_again(rules);
        g_variant_iter_init(&iter, objects);
        while (g_variant_iter_next(&iter, "{&o@a{sa{sv}}}", &path, &interfaces)) {
                add_object(rules, path, interfaces);
                if (find(rules, path)->job)
                        g_hash_table_add(rules->known_jobs, g_strdup(path));
                g_variant_unref(interfaces);
        }
        rules->filled = true;
}

static void on_added(Rules *rules, const char *sender_path, GVariant *body) {
        g_autoptr(GVariant) interfaces = NULL;
        const Object *object;
        const char *path;

        g_variant_get(body, "(&o@a{sa{sv}})", &path, &interfaces);
        if (find(rules, path))
                breach(rules, "%s comes, but is there already", path);
        add_object(rules, path, interfaces);
        object = find(rules, path);
        if (object && object->snapshot && strcmp(text_of(object, "Parent"), "/") != 0 &&
                !find(rules, text_of(object, "Parent")))
                breach(rules, "%s comes before its parent", path);
        if (object && (object->snapshot || object->job) && strcmp(text_of(object, "Domain"), "/") != 0 &&
                !find(rules, text_of(object, "Domain")))
                breach(rules, "%s comes before its domain", path);
}

static void on_removed(Rules *rules, const char *sender_path, GVariant *body) {
        const char *path;
        Object *object;

        g_variant_get(body, "(&oas)", &path, NULL);
        object = find(rules, path);
        if (!object) {
                breach(rules, "%s goes, but was not there", path);
                return;
        }
        if (object->job && !g_hash_table_contains(rules->removed_jobs, path))
                breach(rules, "%s goes without JobRemoved", path);
        if (object->snapshot) {
                g_autofree char *identity = identity_of(object);

                if (g_strcmp0(g_hash_table_lookup(rules->identities, identity), path) == 0)
                        g_hash_table_remove(rules->identities, identity);
        }
        g_hash_table_remove(rules->objects, path);
}

static double progress_of(const Object *job) {
        GVariant *value = g_hash_table_lookup(job->properties, "Progress");

        return value ? g_variant_get_double(value) : 0;
}

static void check_job_change(Rules *rules, const char *path, const Object *job, double before) {
        double now = progress_of(job);

        if (now < before)
                breach(rules, "%s: progress falls from %f to %f", path, before, now);
        if (!(now >= 0 && now <= 1))
                breach(rules, "%s: progress is %f", path, now);
        if (now >= 1 && strcmp(text_of(job, "State"), "done") != 0)
                breach(rules, "%s: progress is %f while the job is %s", path, now, text_of(job, "State"));
        if (g_hash_table_contains(rules->removed_jobs, path))
                breach(rules, "%s changes behind its JobRemoved", path);
}

static bool has_ended(const Object *job) {
        const char *state = text_of(job, "State");

        return strcmp(state, "done") == 0 || strcmp(state, "failed") == 0 || strcmp(state, "cancelled") == 0;
}

static void check_job_pace(Rules *rules, const char *path, Object *job, gint64 at) {
        gint64 *slot = &job->changed[job->n_changed % BURST_MAX];

        if (has_ended(job))
                return;
        if (job->n_changed >= BURST_MAX - 1) {
                gint64 first = job->changed[(job->n_changed + 1) % BURST_MAX];

                if (at - first < BURST_USEC)
                        breach(rules, "%s: %u PropertiesChanged in %" G_GINT64_FORMAT " µs", path, BURST_MAX,
                                at - first);
        }
        *slot = at;
        job->n_changed++;
}

static void on_changed(Rules *rules, const char *path, GVariant *body, gint64 at) {
        g_autoptr(GVariant) changed = NULL, invalidated = NULL;
        g_autofree char *before = NULL;
        const char *interface;
        double progress;
        Object *object;

        g_variant_get(body, "(&s@a{sv}@as)", &interface, &changed, &invalidated);
        if (!g_str_has_prefix(interface, "org.virtsnap1.") || strcmp(interface, VS_MANAGER_INTERFACE) == 0)
                return;
        object = find(rules, path);
        if (!object) {
                breach(rules, "%s changes, but is not there", path);
                return;
        }
        if (g_variant_n_children(invalidated) > 0)
                breach(rules, "%s: a change without the new value", path);
        progress = progress_of(object);
        before = object->snapshot ? identity_of(object) : NULL;
        take_properties(object, changed);
        if (object->job) {
                check_job_change(rules, path, object, progress);
                check_job_pace(rules, path, object, at);
        }
        if (object->snapshot) {
                g_hash_table_remove(rules->identities, before);
                link_snapshot(rules, path, object);
        }
}

static void on_job_new(Rules *rules, const char *sender_path, GVariant *body) {
        const char *path, *domain;

        g_variant_get(body, "(t&o&o)", NULL, &path, &domain);
        if (!find(rules, path))
                breach(rules, "JobNew of %s before InterfacesAdded", path);
        if (!g_hash_table_add(rules->known_jobs, g_strdup(path)))
                breach(rules, "JobNew of %s a second time", path);
}

static void on_job_removed(Rules *rules, const char *sender_path, GVariant *body) {
        g_autoptr(GVariant) details = NULL;
        const char *path, *domain, *result, *snapshot, *error;
        const Object *job;
        char *identity;
        bool named;

        g_variant_get(body, "(t&o&o&s@a{sv})", NULL, &path, &domain, &result, &details);
        job = find(rules, path);
        if (!g_hash_table_contains(rules->known_jobs, path))
                breach(rules, "JobRemoved of %s without JobNew", path);
        if (!g_hash_table_add(rules->removed_jobs, g_strdup(path)))
                breach(rules, "JobRemoved of %s a second time", path);
        if (!job) {
                breach(rules, "JobRemoved of %s, which is not there", path);
                return;
        }
        if (strcmp(result, text_of(job, "State")) != 0)
                breach(rules, "JobRemoved of %s says %s, its state %s", path, result, text_of(job, "State"));
        if (strcmp(domain, text_of(job, "Domain")) != 0)
                breach(rules, "JobRemoved of %s says %s, its domain %s", path, domain,
                        text_of(job, "Domain"));
        named = g_variant_lookup(details, "error-name", "&s", &error);
        if (named ? strcmp(result, "done") == 0 : strcmp(result, "failed") == 0)
                breach(rules, "JobRemoved of %s: %s, and error-name does not go with it", path, result);
        if (strcmp(text_of(job, "Operation"), "create") != 0 || strcmp(result, "done") != 0)
                return;
        if (!g_variant_lookup(details, "snapshot", "&s", &snapshot)) {
                breach(rules, "JobRemoved of %s does not say what was created", path);
                return;
        }
        identity = g_strconcat(domain, "\n", snapshot, NULL);
        if (g_hash_table_contains(rules->identities, identity))
                g_free(identity);
        else
                g_hash_table_add(rules->settled, identity);
}

/* A snapshot that its own job did not show when it ended may come later, but then it is no news of that job.
 */
static void on_snapshot_created(Rules *rules, const char *domain, GVariant *body) {
        g_autofree char *identity = NULL;
        const char *path, *name;

        g_variant_get(body, "(&o&s)", &path, &name);
        identity = g_strconcat(domain, "\n", name, NULL);
        if (g_strcmp0(g_hash_table_lookup(rules->identities, identity), path) != 0)
                breach(rules, "SnapshotCreated of %s, which is not there", path);
        if (g_hash_table_contains(rules->settled, identity))
                breach(rules, "SnapshotCreated of %s behind its job's JobRemoved", path);
}

static void on_snapshot_deleted(Rules *rules, const char *domain, GVariant *body) {
        g_autofree char *identity = NULL;
        const char *name;

        g_variant_get(body, "(&s)", &name);
        identity = g_strconcat(domain, "\n", name, NULL);
        if (g_hash_table_contains(rules->identities, identity))
                breach(rules, "SnapshotDeleted of %s in %s, which is still there", name, domain);
}

static void on_snapshot_reverted(Rules *rules, const char *domain, GVariant *body) {
        const char *path;

        g_variant_get(body, "(&o&s)", &path, NULL);
        if (!find(rules, path))
                breach(rules, "SnapshotReverted of %s, which is not there", path);
}

void rules_feed(Rules *rules, const Record *record) {
        static const struct {
                const char *member;
                void (*handle)(Rules *rules, const char *sender_path, GVariant *body);
        } table[] = {
                { "org.freedesktop.DBus.ObjectManager.InterfacesAdded", on_added },
                { "org.freedesktop.DBus.ObjectManager.InterfacesRemoved", on_removed },
                { "Manager.JobNew", on_job_new },
                { "Manager.JobRemoved", on_job_removed },
                { "Domain.SnapshotCreated", on_snapshot_created },
                { "Domain.SnapshotDeleted", on_snapshot_deleted },
                { "Domain.SnapshotReverted", on_snapshot_reverted },
        };
        const char *path = g_dbus_message_get_path(record->message);
        GVariant *body = g_dbus_message_get_body(record->message);

        if (!record->incoming || !body)
                return;
        if (g_dbus_message_get_message_type(record->message) == G_DBUS_MESSAGE_TYPE_METHOD_RETURN) {
                if (g_variant_is_of_type(body, G_VARIANT_TYPE("(a{oa{sa{sv}}})")))
                        fill(rules, body);
                return;
        }
        if (record_is_signal(record, "org.freedesktop.DBus.NameOwnerChanged")) {
                const char *name;

                g_variant_get(body, "(&sss)", &name, NULL, NULL);
                if (strcmp(name, VS_BUS_NAME) == 0)
                        start_again(rules);
                return;
        }
        if (!rules->filled || !path || !g_str_has_prefix(path, VS_ROOT_PATH))
                return;
        rules->n_signals++;
        if (record_is_signal(record, "org.freedesktop.DBus.Properties.PropertiesChanged"))
                on_changed(rules, path, body, record->at);
        for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
                if (record_is_signal(record, table[i].member))
                        table[i].handle(rules, path, body);
}
