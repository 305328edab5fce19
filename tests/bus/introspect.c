/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * introspect DIRECTORY: is what the daemon on the bus introspects to exactly what the interface files in the
 * directory say?  Both ways; order does not count.  Needs a daemon with at least one domain, snapshot and
 * job.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gio/gio.h>
#include <libxml/parser.h>

#include "dbus/names.h"

static const char *const interfaces[] = {
        VS_MANAGER_INTERFACE,
        VS_DOMAIN_INTERFACE,
        VS_SNAPSHOT_INTERFACE,
        VS_JOB_INTERFACE,
};

static char *attribute(const xmlNode *node, const char *name) {
        xmlChar *value = xmlGetProp(node, (const xmlChar *) name);
        char *copy = g_strdup(value ? (const char *) value : "-");

        xmlFree(value);
        return copy;
}

/* One line for each thing that is said, with all that is said of it. */
static void describe(const xmlNode *parent, const char *scope, GHashTable *facts) {
        unsigned n_args = 0;

        for (const xmlNode *node = parent->children; node; node = node->next) {
                const char *kind = (const char *) node->name;
                g_autofree char *name = NULL, *inner = NULL, *fact = NULL;

                if (node->type != XML_ELEMENT_NODE)
                        continue;
                name = attribute(node, "name");
                if (strcmp(kind, "arg") == 0) {
                        g_autofree char *type = attribute(node, "type"),
                                        *direction = attribute(node, "direction");

                        /* of a signal it may be left out */
                        fact = g_strdup_printf("%s: argument %u: %s %s %s", scope, n_args++, name, type,
                                strcmp(direction, "-") == 0 ? "out" : direction);
                } else if (strcmp(kind, "annotation") == 0) {
                        g_autofree char *value = attribute(node, "value");

                        fact = g_strdup_printf("%s: annotation %s = %s", scope, name, value);
                } else if (strcmp(kind, "property") == 0) {
                        g_autofree char *type = attribute(node, "type"), *access = attribute(node, "access");

                        fact = g_strdup_printf("%s: property %s: %s %s", scope, name, type, access);
                } else
                        fact = g_strdup_printf("%s: %s %s", scope, kind, name);
                inner = g_strdup_printf("%s.%s", scope, name);
                describe(node, inner, facts);
                if (!g_hash_table_add(facts, g_steal_pointer(&fact)))
                        fprintf(stderr, "said twice: %s: %s %s\n", scope, kind, name);
        }
}

/* The facts about each interface that is not one of the bus's own. */
static GHashTable *facts_of(const char *xml, size_t size, const char *source) {
        GHashTable *facts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        xmlDoc *doc = xmlReadMemory(xml, (int) size, source, NULL, XML_PARSE_NONET);

        if (!doc) {
                fprintf(stderr, "%s: not XML\n", source);
                exit(EXIT_FAILURE);
        }
        for (xmlNode *node = xmlDocGetRootElement(doc)->children; node; node = node->next) {
                g_autofree char *name = NULL;

                if (node->type != XML_ELEMENT_NODE || strcmp((const char *) node->name, "interface") != 0)
                        continue;
                name = attribute(node, "name");
                if (g_str_has_prefix(name, "org.freedesktop.DBus."))
                        continue;
                g_hash_table_add(facts, g_strdup_printf("interface %s", name));
                describe(node, name, facts);
        }
        xmlFreeDoc(doc);
        return facts;
}

static GHashTable *facts_of_file(const char *directory, const char *interface) {
        g_autofree char *path = g_strdup_printf("%s/%s.xml", directory, interface), *xml = NULL;
        g_autoptr(GError) error = NULL;
        gsize size;

        if (!g_file_get_contents(path, &xml, &size, &error)) {
                fprintf(stderr, "%s\n", error->message);
                exit(EXIT_FAILURE);
        }
        return facts_of(xml, size, path);
}

static GVariant *ask(GDBusConnection *bus, const char *path, const char *interface, const char *member) {
        g_autoptr(GError) error = NULL;
        GVariant *reply = g_dbus_connection_call_sync(bus, VS_BUS_NAME, path, interface, member, NULL, NULL,
                G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, &error);

        if (!reply) {
                fprintf(stderr, "%s on %s: %s\n", member, path, error->message);
                exit(EXIT_FAILURE);
        }
        return reply;
}

static GHashTable *facts_of_object(GDBusConnection *bus, const char *path) {
        g_autoptr(GVariant) reply = ask(bus, path, "org.freedesktop.DBus.Introspectable", "Introspect");
        const char *xml;

        g_variant_get(reply, "(&s)", &xml);
        return facts_of(xml, strlen(xml), path);
}

/* An object with this interface, or NULL. */
static char *find_object(GVariant *objects, const char *interface) {
        GVariantIter iter;
        const char *path;
        GVariant *all;

        g_variant_iter_init(&iter, objects);
        while (g_variant_iter_next(&iter, "{&o@a{sa{sv}}}", &path, &all)) {
                g_autoptr(GVariant) owned = all, one = g_variant_lookup_value(all, interface, NULL);

                if (one)
                        return g_strdup(path);
        }
        return NULL;
}

static unsigned print_missing(GHashTable *from, GHashTable *in, const char *text, const char *path) {
        GHashTableIter iter;
        unsigned n = 0;
        void *fact;

        g_hash_table_iter_init(&iter, from);
        while (g_hash_table_iter_next(&iter, &fact, NULL))
                if (!g_hash_table_contains(in, fact)) {
                        printf("%s on %s: %s\n", text, path, (char *) fact);
                        n++;
                }
        return n;
}

int main(int argc, char *argv[]) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GDBusConnection) bus = NULL;
        g_autoptr(GVariant) reply = NULL, objects = NULL;
        unsigned n_wrong = 0, n_facts = 0;

        if (argc != 2) {
                fprintf(stderr, "Usage: %s DIRECTORY\n", argv[0]);
                return 2;
        }
        bus = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, &error);
        if (!bus) {
                fprintf(stderr, "%s\n", error->message);
                return EXIT_FAILURE;
        }
        reply = ask(bus, VS_ROOT_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
        objects = g_variant_get_child_value(reply, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(interfaces); i++) {
                /* an object manager does not list itself */
                g_autofree char *path =
                        i == 0 ? g_strdup(VS_ROOT_PATH) : find_object(objects, interfaces[i]);
                g_autoptr(GHashTable) said = NULL, true_facts = NULL;

                if (!path) {
                        printf("no object with %s\n", interfaces[i]);
                        n_wrong++;
                        continue;
                }
                said = facts_of_file(argv[1], interfaces[i]);
                true_facts = facts_of_object(bus, path);
                n_facts += g_hash_table_size(said);
                n_wrong += print_missing(said, true_facts, "missing", path);
                n_wrong += print_missing(true_facts, said, "not in the files", path);
        }
        printf("%u of %u facts differ\n", n_wrong, n_facts);
        return n_wrong == 0 && n_facts > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
