/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/*
 * All messages of a connection in the order in which they came over the wire, which what GDBus hands to
 * callbacks need not have.
 */
typedef struct Recorder Recorder;

typedef struct Record {
        GDBusMessage *message;
        gint64 at; /* µs, monotonic */
        gboolean incoming;
} Record;

/* From now on; also asks the bus for every signal of the daemon. */
Recorder *recorder_new(GDBusConnection *connection);
void recorder_free(Recorder *recorder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Recorder, recorder_free)

/* The next one, or NULL; the caller's. */
Record *recorder_pop(Recorder *recorder);
void record_free(Record *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Record, record_free)

/* Whether it is this signal: "Manager.JobNew", or a whole interface and member. */
gboolean record_is_signal(const Record *record, const char *member);
