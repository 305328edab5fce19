/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdbool.h>
#include <string.h>

#include "tests/bus/rules.h"

#include "dbus/names.h"
#include "dbus/path.h"

/* All objects by kind: path → properties; look-ups in the reply itself are linear. */
typedef struct Tree {
        GHashTable *domains, *snapshots, *jobs;
        GPtrArray *faults;
} Tree;

static void G_GNUC_PRINTF(2, 3) fault(Tree *tree, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        g_ptr_array_add(tree->faults, g_strdup_vprintf(format, ap));
        va_end(ap);
}

static const char *text(GVariant *properties, const char *name) {
        const char *value = "";

        g_variant_lookup(properties, name, "&s", &value);
        if (!*value)
                g_variant_lookup(properties, name, "&o", &value);
        return value;
}

/* Whether the list of objects (ao) has this one. */
static bool lists(GVariant *properties, const char *name, const char *path) {
        g_autoptr(GVariantIter) iter = NULL;
        const char *one;

        if (!g_variant_lookup(properties, name, "ao", &iter))
                return false;
        while (g_variant_iter_next(iter, "&o", &one))
                if (strcmp(one, path) == 0)
                        return true;
        return false;
}

/* Each in the list must be there, and name the object in the property. */
static void check_list(Tree *tree, const char *path, GVariant *properties, const char *list,
        GHashTable *among, const char *property, const char *expected) {
        g_autoptr(GVariantIter) iter = NULL;
        const char *one;

        if (!g_variant_lookup(properties, list, "ao", &iter)) {
                fault(tree, "%s has no %s", path, list);
                return;
        }
        while (g_variant_iter_next(iter, "&o", &one)) {
                GVariant *other = g_hash_table_lookup(among, one);

                if (!other)
                        fault(tree, "%s: %s names %s, which is not there", path, list, one);
                else if (strcmp(text(other, property), expected) != 0)
                        fault(tree, "%s: %s names %s, whose %s is %s", path, list, one, property,
                                text(other, property));
        }
}

static void check_snapshot(Tree *tree, const char *path, GVariant *snapshot) {
        const char *parent = text(snapshot, "Parent"), *domain = text(snapshot, "Domain");
        GVariant *domain_properties = g_hash_table_lookup(tree->domains, domain);
        GVariant *parent_properties = g_hash_table_lookup(tree->snapshots, parent);
        gboolean current = FALSE;

        if (!domain_properties) {
                fault(tree, "%s: its domain %s is not there", path, domain);
                return;
        }
        if (strcmp(parent, "/") == 0) {
                if (!lists(domain_properties, "Roots", path))
                        fault(tree, "%s is no child and no root", path);
        } else if (!parent_properties)
                fault(tree, "%s: its parent %s is not there", path, parent);
        else if (!lists(parent_properties, "Children", path))
                fault(tree, "%s: its parent does not know it", path);
        check_list(tree, path, snapshot, "Children", tree->snapshots, "Parent", path);
        g_variant_lookup(snapshot, "Current", "b", &current);
        if (current != (strcmp(text(domain_properties, "CurrentSnapshot"), path) == 0))
                fault(tree, "%s: Current and the domain's CurrentSnapshot differ", path);
}

/* The path that follows from the tree. */
static void check_path(Tree *tree, const char *path, GVariant *snapshot) {
        const char *parent = text(snapshot, "Parent"), *domain = text(snapshot, "Domain");
        g_autofree char *expected = NULL;
        unsigned level = 0;

        for (const char *p = parent; strcmp(p, "/") != 0 && level <= 100000; level++) {
                GVariant *above = g_hash_table_lookup(tree->snapshots, p);

                if (!above)
                        return;
                p = text(above, "Parent");
        }
        expected = vs_snapshot_path(domain, parent, level, text(snapshot, "Name"));
        if (strcmp(expected, path) != 0)
                fault(tree, "%s should be at %s", path, expected);
}

static void check_counts(Tree *tree) {
        g_autoptr(GHashTable) counts = g_hash_table_new(g_str_hash, g_str_equal);
        GHashTableIter iter;
        void *path, *properties;

        g_hash_table_iter_init(&iter, tree->snapshots);
        while (g_hash_table_iter_next(&iter, NULL, &properties)) {
                void *domain = (void *) text(properties, "Domain");
                guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, domain));

                g_hash_table_insert(counts, domain, GUINT_TO_POINTER(n + 1));
        }
        g_hash_table_iter_init(&iter, tree->domains);
        while (g_hash_table_iter_next(&iter, &path, &properties)) {
                guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, path)), said = 0;

                g_variant_lookup(properties, "SnapshotCount", "u", &said);
                if (n != said)
                        fault(tree, "%s: SnapshotCount is %u, and there are %u", (char *) path, said, n);
                check_list(tree, path, properties, "Roots", tree->snapshots, "Parent", "/");
                check_list(tree, path, properties, "Jobs", tree->jobs, "Domain", path);
        }
}

static GHashTable *new_table(void) {
        return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_variant_unref);
}

static void sort_in(Tree *tree, GVariant *objects) {
        GVariantIter iter;
        const char *path;
        GVariant *interfaces;

        g_variant_iter_init(&iter, objects);
        while (g_variant_iter_next(&iter, "{&o@a{sa{sv}}}", &path, &interfaces)) {
                const struct {
                        const char *interface;
                        GHashTable *table;
                } kinds[] = {
                        { VS_DOMAIN_INTERFACE, tree->domains },
                        { VS_SNAPSHOT_INTERFACE, tree->snapshots },
                        { VS_JOB_INTERFACE, tree->jobs },
                };

                for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
                        GVariant *properties = g_variant_lookup_value(interfaces, kinds[i].interface, NULL);

                        if (properties)
                                g_hash_table_insert(kinds[i].table, g_strdup(path), properties);
                }
                g_variant_unref(interfaces);
        }
}

void check_tree(GVariant *objects, GPtrArray *faults) {
        Tree tree = {
                .domains = new_table(), .snapshots = new_table(), .jobs = new_table(), .faults = faults
        };
        GHashTableIter iter;
        void *path, *properties;

        sort_in(&tree, objects);
        g_hash_table_iter_init(&iter, tree.snapshots);
        while (g_hash_table_iter_next(&iter, &path, &properties)) {
                check_snapshot(&tree, path, properties);
                check_path(&tree, path, properties);
        }
        check_counts(&tree);
        g_hash_table_unref(tree.domains);
        g_hash_table_unref(tree.snapshots);
        g_hash_table_unref(tree.jobs);
}
