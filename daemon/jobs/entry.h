/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/jobs/journal.h"
#include "daemon/jobs/queue.h"

/* The inside of the queue: its jobs and where each of them is.  For queue.c (what happens to them) and
 * entry.c (what is known of them). Loop thread. */

typedef enum Stage {
        STAGE_WAITING,
        STAGE_FRESHENING, /* its domain is being read */
        STAGE_WORKING,
        STAGE_SETTLING, /* its domain is being read again */
        STAGE_ENDED,
} Stage;

typedef struct Entry {
        Queue *queue;
        Job *job;
        const JobKind *kind;
        void *params;
        Stage stage;
        JobRun *run; /* while working */
        bool cancelled; /* before there was any work to tell */
} Entry;

struct Queue {
        sd_event *event;
        Mailbox *mailbox;
        Pool *readers, *workers;
        World *world;
        Mirror *mirror;
        Connection *connection;
        Store *store;
        JobIds *ids;
        int records_fd;
        const QueueListener *listener;
        void *userdata;
        GHashTable *reserved; /* uuids of domains whose metadata is being edited */
        GQueue entries; /* of Entry, oldest first */
        GHashTable *by_id;
        bool open; /* there is a connection, and the world is filled */
        sd_event_source *pump, *forget;
};

/* NULL for none. */
Entry *queue_entry(const Queue *queue, uint64_t id);
unsigned queue_count(const Queue *queue, bool (*matches)(const Entry *));
bool entry_has_begun(const Entry *entry);
/* It has begun and is no other program's: those take no place. */
bool entry_is_ours_at_work(const Entry *entry);
