/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * follow: keep a picture of the whole daemon with GLib's GDBusObjectManagerClient, from what it sends on its
 * own. Reads commands, one a line: "check" compares the picture with what GetManagedObjects answers another
 * connection, and prints "same N" or what differs; the end of the input checks once more and leaves, with 1
 * if ever something differed, the order of what is sent broke a promise, or a call beyond the first
 * GetManagedObjects was needed.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib-unix.h>

#include "dbus/names.h"
#include "tests/bus/rules.h"

#define SETTLE_USEC (30 * G_USEC_PER_SEC)

typedef struct Follower {
        GDBusConnection *connection, *other;
        GDBusObjectManager *manager;
        Recorder *recorder;
        Rules *rules;
        GMainLoop *loop;
        GString *line;
        unsigned n_listings; /* GetManagedObjects asked for by the object manager */
        unsigned n_extra_calls, n_breaches_told;
        bool failed;
} Follower;

static void say(Follower *f, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void say(Follower *f, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        vprintf(format, ap);
        va_end(ap);
        f->failed = true;
}

static void count_call(Follower *f, GDBusMessage *message) {
        const char *destination = g_dbus_message_get_destination(message);

        if (g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL ||
                g_strcmp0(destination, "org.freedesktop.DBus") == 0)
                return;
        if (g_strcmp0(g_dbus_message_get_member(message), "GetManagedObjects") == 0) {
                f->n_listings++;
                return;
        }
        f->n_extra_calls++;
        say(f, "a call beyond the first listing: %s on %s\n", g_dbus_message_get_member(message),
                g_dbus_message_get_path(message));
}

/* Look at what has come. */
static void digest(Follower *f) {
        Record *record;
        GPtrArray *breaches = rules_breaches(f->rules);

        while (g_main_context_iteration(NULL, FALSE))
                ;
        while ((record = recorder_pop(f->recorder))) {
                if (record->incoming)
                        rules_feed(f->rules, record);
                else
                        count_call(f, record->message);
                record_free(record);
        }
        for (; f->n_breaches_told < breaches->len; f->n_breaches_told++)
                say(f, "broken promise: %s\n", (char *) breaches->pdata[f->n_breaches_told]);
}

static GVariant *list(Follower *f) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = g_dbus_connection_call_sync(f->other, VS_BUS_NAME, VS_ROOT_PATH,
                "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL, NULL,
                G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, &error);
        g_autoptr(GVariant) flush = NULL;

        if (!reply) {
                fprintf(stderr, "GetManagedObjects: %s\n", error->message);
                return NULL;
        }
        /* The bus is one queue: behind this answer, all that the daemon had sent before it answered is here.
         */
        flush = g_dbus_connection_call_sync(f->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                "org.freedesktop.DBus", "GetId", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
        digest(f);
        return g_variant_get_child_value(reply, 0);
}

static void compare_properties(const char *path, const char *interface, GDBusProxy *proxy,
        GVariant *properties, GPtrArray *faults) {
        g_auto(GStrv) names = g_dbus_proxy_get_cached_property_names(proxy);
        GVariantIter iter;
        const char *name;
        GVariant *value;

        if ((names ? g_strv_length(names) : 0) != g_variant_n_children(properties))
                g_ptr_array_add(
                        faults, g_strdup_printf("%s %s: another number of properties", path, interface));
        g_variant_iter_init(&iter, properties);
        while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
                g_autoptr(GVariant) is = value, seen = g_dbus_proxy_get_cached_property(proxy, name);

                if (!seen || !g_variant_equal(seen, is)) {
                        g_autofree char *a = seen ? g_variant_print(seen, FALSE) : g_strdup("nothing");
                        g_autofree char *b = g_variant_print(is, FALSE);

                        g_ptr_array_add(faults,
                                g_strdup_printf(
                                        "%s %s.%s: seen %.500s, is %.500s", path, interface, name, a, b));
                }
        }
}

static void compare_object(Follower *f, const char *path, GVariant *interfaces, GPtrArray *faults) {
        g_autoptr(GDBusObject) object = g_dbus_object_manager_get_object(f->manager, path);
        GList *seen = object ? g_dbus_object_get_interfaces(object) : NULL;
        GVariantIter iter;
        const char *name;
        GVariant *properties;

        if (!object)
                g_ptr_array_add(faults, g_strdup_printf("%s: not seen", path));
        else if (g_list_length(seen) != g_variant_n_children(interfaces))
                g_ptr_array_add(faults, g_strdup_printf("%s: another number of interfaces", path));
        g_variant_iter_init(&iter, interfaces);
        while (object && g_variant_iter_next(&iter, "{&s@a{sv}}", &name, &properties)) {
                g_autoptr(GVariant) owned = properties;
                g_autoptr(GDBusInterface) proxy = g_dbus_object_get_interface(object, name);

                if (proxy)
                        compare_properties(path, name, G_DBUS_PROXY(proxy), properties, faults);
                else
                        g_ptr_array_add(faults, g_strdup_printf("%s: %s not seen", path, name));
        }
        g_list_free_full(seen, g_object_unref);
}

/* What is seen against what is there: sentences on what differs. */
static GPtrArray *compare(Follower *f, GVariant *objects) {
        GPtrArray *faults = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GHashTable) there = g_hash_table_new(g_str_hash, g_str_equal);
        GList *seen = g_dbus_object_manager_get_objects(f->manager);
        GVariantIter iter;
        const char *path;
        GVariant *interfaces;

        g_variant_iter_init(&iter, objects);
        while (g_variant_iter_next(&iter, "{&o@a{sa{sv}}}", &path, &interfaces)) {
                g_hash_table_add(there, (char *) path);
                compare_object(f, path, interfaces, faults);
                g_variant_unref(interfaces);
        }
        for (GList *i = seen; i; i = i->next) {
                const char *ghost = g_dbus_object_get_object_path(i->data);

                if (!g_hash_table_contains(there, ghost))
                        g_ptr_array_add(faults, g_strdup_printf("%s: seen, but is not there", ghost));
        }
        g_list_free_full(seen, g_object_unref);
        check_tree(objects, faults);
        return faults;
}

/* What the daemon has changed but not yet told of is no fault: it must be told in time. */
static void check(Follower *f) {
        gint64 limit = g_get_monotonic_time() + SETTLE_USEC;

        for (;;) {
                g_autoptr(GVariant) objects = list(f);
                g_autoptr(GPtrArray) faults = objects ? compare(f, objects) : NULL;

                if (faults && faults->len == 0) {
                        printf("same %zu, %u signals, %u listings\n", g_variant_n_children(objects),
                                rules_n_signals(f->rules), f->n_listings);
                        return;
                }
                if (g_get_monotonic_time() > limit) {
                        for (guint i = 0; faults && i < faults->len; i++)
                                say(f, "differs: %s\n", (char *) faults->pdata[i]);
                        say(f, "differs for %d s\n", (int) (SETTLE_USEC / G_USEC_PER_SEC));
                        return;
                }
                g_usleep(10000);
        }
}

static void run_command(Follower *f, const char *command) {
        if (strcmp(command, "check") == 0)
                check(f);
        else
                say(f, "unknown command: %s\n", command);
        fflush(stdout);
}

static gboolean on_input(gint fd, GIOCondition condition, void *userdata) {
        Follower *f = userdata;
        char buffer[256];
        ssize_t n = read(fd, buffer, sizeof buffer);

        if (n <= 0) {
                g_main_loop_quit(f->loop);
                return G_SOURCE_REMOVE;
        }
        for (ssize_t i = 0; i < n; i++)
                if (buffer[i] == '\n') {
                        run_command(f, f->line->str);
                        g_string_truncate(f->line, 0);
                } else
                        g_string_append_c(f->line, buffer[i]);
        return G_SOURCE_CONTINUE;
}

static gboolean on_tick(void *userdata) {
        digest(userdata);
        return G_SOURCE_CONTINUE;
}

static GDBusConnection *connect_bus(bool system) {
        g_autoptr(GError) error = NULL;
        g_autofree char *address = g_dbus_address_get_for_bus_sync(
                system ? G_BUS_TYPE_SYSTEM : G_BUS_TYPE_SESSION, NULL, &error);
        GDBusConnection *connection = address
                ? g_dbus_connection_new_for_address_sync(address,
                          G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                  G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                          NULL, NULL, &error)
                : NULL;

        if (!connection) {
                fprintf(stderr, "%s\n", error->message);
                exit(EXIT_FAILURE);
        }
        return connection;
}

int main(int argc, char *argv[]) {
        g_autoptr(GError) error = NULL;
        bool system = argc == 2 && strcmp(argv[1], "--system") == 0;
        Follower f = {
                .rules = rules_new(), .loop = g_main_loop_new(NULL, FALSE), .line = g_string_new(NULL)
        };

        if (argc > 1 && !system) {
                fprintf(stderr, "Usage: %s [--system]\n", argv[0]);
                return 2;
        }
        f.connection = connect_bus(system);
        f.other = connect_bus(system);
        f.recorder = recorder_new(f.connection);
        f.manager = g_dbus_object_manager_client_new_sync(f.connection,
                G_DBUS_OBJECT_MANAGER_CLIENT_FLAGS_DO_NOT_AUTO_START, VS_BUS_NAME, VS_ROOT_PATH, NULL, NULL,
                NULL, NULL, &error);
        if (!f.manager) {
                fprintf(stderr, "%s\n", error->message);
                return EXIT_FAILURE;
        }
        printf("following\n");
        fflush(stdout);
        g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, on_input, &f);
        g_timeout_add(100, on_tick, &f);
        g_main_loop_run(f.loop);
        check(&f);

        g_object_unref(f.manager);
        recorder_free(f.recorder);
        rules_free(f.rules);
        g_string_free(f.line, TRUE);
        g_main_loop_unref(f.loop);
        g_object_unref(f.other);
        g_object_unref(f.connection);
        return f.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
