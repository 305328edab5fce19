/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/bus/recorder.h"

#include <string.h>

#include "dbus/names.h"

struct Recorder {
        GDBusConnection *connection;
        GAsyncQueue *records;
        guint filter, subscription;
};

/* GDBus's own thread. */
static GDBusMessage *on_message(
        GDBusConnection *connection, GDBusMessage *message, gboolean incoming, void *userdata) {
        GAsyncQueue *records = userdata;
        Record *record = g_new(Record, 1);

        *record = (Record){
                .message = g_object_ref(message),
                .at = g_get_monotonic_time(),
                .incoming = incoming,
        };
        g_async_queue_push(records, record);
        return message;
}

static void on_signal(GDBusConnection *connection, const char *sender, const char *path,
        const char *interface, const char *member, GVariant *parameters, void *userdata) {
        /* the subscription is there for the match rule; the filter has seen it */
}

static void free_queue(void *records) {
        g_async_queue_unref(records);
}

static void free_record(void *record) {
        record_free(record);
}

Recorder *recorder_new(GDBusConnection *connection) {
        Recorder *recorder = g_new0(Recorder, 1);

        recorder->connection = g_object_ref(connection);
        recorder->records = g_async_queue_new_full(free_record);
        recorder->filter = g_dbus_connection_add_filter(
                connection, on_message, g_async_queue_ref(recorder->records), free_queue);
        recorder->subscription = g_dbus_connection_signal_subscribe(connection, VS_BUS_NAME, NULL, NULL,
                NULL, NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_signal, NULL, NULL);
        return recorder;
}

void recorder_free(Recorder *recorder) {
        if (!recorder)
                return;
        g_dbus_connection_signal_unsubscribe(recorder->connection, recorder->subscription);
        g_dbus_connection_remove_filter(recorder->connection, recorder->filter);
        g_async_queue_unref(recorder->records);
        g_object_unref(recorder->connection);
        g_free(recorder);
}

Record *recorder_pop(Recorder *recorder) {
        return g_async_queue_try_pop(recorder->records);
}

void record_free(Record *record) {
        if (!record)
                return;
        g_object_unref(record->message);
        g_free(record);
}

gboolean record_is_signal(const Record *record, const char *member) {
        const char *dot = strrchr(member, '.'), *interface = g_dbus_message_get_interface(record->message);
        g_autofree char *scope = g_strndup(member, (size_t) (dot - member));
        g_autofree char *whole =
                strchr(scope, '.') ? g_strdup(scope) : g_strconcat("org.virtsnap1.", scope, NULL);

        return g_dbus_message_get_message_type(record->message) == G_DBUS_MESSAGE_TYPE_SIGNAL &&
                g_strcmp0(interface, whole) == 0 &&
                g_strcmp0(g_dbus_message_get_member(record->message), dot + 1) == 0;
}
