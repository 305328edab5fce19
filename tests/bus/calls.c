/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "tests/bus/fixture.h"

#include "dbus/names.h"

typedef struct Answer {
        GVariant *reply;
        GError *error;
        bool done;
} Answer;

static void on_answer(GObject *source, GAsyncResult *result, void *userdata) {
        Answer *answer = userdata;

        answer->reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &answer->error);
        answer->done = true;
}

GVariant *call(
        GDBusConnection *connection, const char *path, const char *member, GVariant *args, GError **error) {
        const char *dot = strrchr(member, '.');
        g_autofree char *scope = g_strndup(member, (size_t) (dot - member));
        g_autofree char *interface =
                strchr(scope, '.') ? g_strdup(scope) : g_strconcat("org.virtsnap1.", scope, NULL);
        Answer answer = {};

        g_dbus_connection_call(connection, VS_BUS_NAME, path, interface, dot + 1, args, NULL,
                G_DBUS_CALL_FLAGS_NONE, (int) (LIMIT_USEC / 1000), NULL, on_answer, &answer);
        while (!answer.done)
                g_main_context_iteration(NULL, TRUE);
        if (answer.error)
                g_propagate_error(error, answer.error);
        return answer.reply;
}

GVariant *must(GDBusConnection *connection, const char *path, const char *member, GVariant *args) {
        g_autoptr(GError) error = NULL;
        GVariant *reply = call(connection, path, member, args, &error);

        if (error)
                g_test_message("%s on %.200s: %s", member, path, error->message);
        g_assert_no_error(error);
        return reply;
}

gsize n_rows(GVariant *reply) {
        g_autoptr(GVariant) rows = g_variant_get_child_value(reply, 0);

        return g_variant_n_children(rows);
}

char *error_name(const char *error) {
        return strchr(error, '.') ? g_strdup(error) : g_strconcat(VS_ERROR_PREFIX, error, NULL);
}

void must_fail(GDBusConnection *connection, const char *path, const char *member, GVariant *args,
        const char *expected) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = call(connection, path, member, args, &error);
        g_autofree char *name = NULL, *wanted = error_name(expected);

        if (reply) {
                g_autofree char *text = g_variant_print(reply, TRUE);

                g_error("%s on %.200s answered %.500s instead of failing with %s", member, path, text,
                        wanted);
        }
        name = g_dbus_error_get_remote_error(error);
        if (g_strcmp0(name, wanted) != 0)
                g_test_message("%s on %.200s: %.500s", member, path, error->message);
        g_assert_cmpstr(name, ==, wanted);
        /* an error is for people, too */
        g_dbus_error_strip_remote_error(error);
        g_assert_cmpstr(error->message, !=, "");
        if (g_str_has_prefix(name, VS_ERROR_PREFIX))
                g_assert_cmpuint(strlen(error->message), <, 2000);
}

GVariant *options(const char *text) {
        g_autoptr(GError) error = NULL;
        GVariant *value = g_variant_parse(G_VARIANT_TYPE_VARDICT, text ? text : "{}", NULL, NULL, &error);

        g_assert_no_error(error);
        return value;
}

/* A tuple that takes the options over, however they came. */
GVariant *args_options(const char *text) {
        g_autoptr(GVariant) value = g_variant_take_ref(options(text));

        return g_variant_new("(@a{sv})", value);
}

GVariant *args_name(const char *name, const char *text) {
        g_autoptr(GVariant) value = g_variant_take_ref(options(text));

        return g_variant_new("(s@a{sv})", name, value);
}

GVariant *get(GDBusConnection *connection, const char *path, const char *property) {
        const char *dot = strrchr(property, '.');
        g_autofree char *interface = g_strdup_printf("org.virtsnap1.%.*s", (int) (dot - property), property);
        g_autoptr(GVariant) reply = must(connection, path, "org.freedesktop.DBus.Properties.Get",
                g_variant_new("(ss)", interface, dot + 1));
        GVariant *value;

        g_variant_get(reply, "(v)", &value);
        return value;
}

char *get_text(GDBusConnection *connection, const char *path, const char *property) {
        g_autoptr(GVariant) value = get(connection, path, property);

        return g_variant_dup_string(value, NULL);
}

guint64 get_number(GDBusConnection *connection, const char *path, const char *property) {
        g_autoptr(GVariant) value = get(connection, path, property);

        if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN))
                return g_variant_get_boolean(value);
        if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32))
                return g_variant_get_uint32(value);
        return g_variant_get_uint64(value);
}

bool has_object(GDBusConnection *connection, const char *path, const char *interface) {
        g_autofree char *whole = g_strconcat("org.virtsnap1.", interface, NULL);
        g_autoptr(GVariant) reply = call(connection, path, "org.freedesktop.DBus.Properties.GetAll",
                g_variant_new("(s)", whole), NULL);
        g_autoptr(GVariant) properties = NULL;

        if (!reply)
                return false;
        properties = g_variant_get_child_value(reply, 0);
        return g_variant_n_children(properties) > 0;
}

static char *job_result(GDBusConnection *connection, GVariant *reply, char **ret_job, char **ret_error) {
        g_autoptr(GVariant) owned = reply, answer = NULL;
        char *result;

        g_variant_get(reply, "(to)", NULL, ret_job);
        answer = must(connection, *ret_job, "Job.Wait", g_variant_new("(t)", (guint64) LIMIT_USEC));
        g_variant_get(answer, "(sss)", &result, ret_error, NULL);
        return result;
}

char *job_done(GDBusConnection *connection, GVariant *reply) {
        g_autofree char *error = NULL, *result = NULL;
        char *job;

        result = job_result(connection, reply, &job, &error);
        g_assert_cmpstr(error, ==, "");
        g_assert_cmpstr(result, ==, "done");
        return job;
}

void job_failed(GDBusConnection *connection, GVariant *reply, const char *expected) {
        g_autofree char *job = NULL, *error = NULL, *wanted = error_name(expected);
        g_autofree char *result = job_result(connection, reply, &job, &error);

        g_assert_cmpstr(result, ==, "failed");
        g_assert_cmpstr(error, ==, wanted);
}

char *domain_path(GDBusConnection *connection, const char *name) {
        g_autoptr(GVariant) reply =
                must(connection, VS_ROOT_PATH, "Manager.GetDomain", g_variant_new("(s)", name));
        char *path;

        g_variant_get(reply, "(o)", &path);
        return path;
}

char *snapshot_path(GDBusConnection *connection, const char *domain, const char *name) {
        g_autoptr(GVariant) reply =
                must(connection, domain, "Domain.GetSnapshot", g_variant_new("(s)", name));
        char *path;

        g_variant_get(reply, "(o)", &path);
        return path;
}

char *create(GDBusConnection *connection, const char *domain, const char *name, const char *text) {
        g_autofree char *job = job_done(
                connection, must(connection, domain, "Domain.CreateSnapshot", args_name(name, text)));

        return snapshot_path(connection, domain, name);
}

char *xml_escape(const char *text) {
        return g_markup_escape_text(text, -1);
}

char *redefine(GDBusConnection *connection, const char *domain, const char *name, const char *parent) {
        g_autofree char *domain_name = get_text(connection, domain, "Domain.Name");
        g_autofree char *uuid = get_text(connection, domain, "Domain.Uuid"), *job = NULL;
        g_autofree char *safe_name = xml_escape(name), *safe_parent = parent ? xml_escape(parent) : NULL;
        g_autofree char *safe_domain = xml_escape(domain_name);
        g_autoptr(GString) xml = g_string_new(NULL);

        g_string_printf(xml, "<domainsnapshot><name>%s</name>", safe_name);
        if (safe_parent)
                g_string_append_printf(xml, "<parent><name>%s</name></parent>", safe_parent);
        g_string_append_printf(xml,
                "<state>shutoff</state><creationTime>1000000000</creationTime><domain "
                "type='test'><name>%s</name>"
                "<uuid>%s</uuid><memory>8192</memory><os><type>hvm</type></os></domain></domainsnapshot>",
                safe_domain, uuid);
        job = job_done(connection,
                must(connection, domain, "Domain.CreateSnapshotXML",
                        args_name(xml->str, "{'redefine': <true>}")));
        return snapshot_path(connection, domain, name);
}

static int compare_lines(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

char *dump_world(GDBusConnection *connection) {
        g_autoptr(GVariant) reply =
                must(connection, VS_ROOT_PATH, "org.freedesktop.DBus.ObjectManager.GetManagedObjects", NULL);
        g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GVariantIter) objects = NULL, interfaces = NULL, properties = NULL;
        const char *path, *interface, *name;
        GVariant *value;

        g_variant_get(reply, "(a{oa{sa{sv}}})", &objects);
        while (g_variant_iter_loop(objects, "{&oa{sa{sv}}}", &path, &interfaces))
                while (g_variant_iter_loop(interfaces, "{&sa{sv}}", &interface, &properties)) {
                        while (g_variant_iter_loop(properties, "{&sv}", &name, &value)) {
                                g_autofree char *text = g_variant_print(value, TRUE);

                                g_ptr_array_add(lines,
                                        g_strdup_printf("%s %s.%s = %s", path, interface, name, text));
                        }
                }
        g_ptr_array_sort(lines, compare_lines);
        g_ptr_array_add(lines, NULL);
        return g_strjoinv("\n", (char **) lines->pdata);
}
