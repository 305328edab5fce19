/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "daemon/base/error.h"
#include "daemon/bus/announce.h"
#include "daemon/jobs/queue.h"

/*
 * What callers see.  Handlers read their arguments, check them, ask for the right, look at the world, act,
 * and reply; a getter reads memory and cannot fail.  Loop thread, all of it.
 */
typedef struct Bus Bus;
typedef struct Access Access;

struct Bus {
        sd_bus *bus;
        sd_event *event;
        World *world;
        Mirror *mirror;
        Connection *connection;
        Queue *queue;
        Pool *readers;
        Announcer *announcer;
        Access *access;
        sd_event_source *job_news; /* bus/job.c: the next time that jobs may be told of */
        GHashTable *job_changes; /* bus/job.c: what is to be told of which */
        bool named; /* we have our name: from here on, news are worth telling */
        unsigned n_calls; /* calls that will be answered later */
};

/* Connect to the system's bus, or the user's.  All that is handed over is borrowed. */
Bus *bus_new(sd_event *event, bool user, World *world, Mirror *mirror, Connection *connection, Queue *queue,
        Pool *readers, GError **error);
Bus *bus_free(Bus *bus);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bus, bus_free)

/* Take the name; once the world is filled.  Told objects are those that come from now on. */
bool bus_take_name(Bus *bus, GError **error);

/* Whether a caller waits for an answer. */
bool bus_is_busy(const Bus *bus);
/* When a method was last called, µs of CLOCK_MONOTONIC. */
uint64_t bus_last_call(const Bus *bus);
/* Give the name back; gone is called when no call can come any more, and those that came have been answered.
 */
int bus_leave(Bus *bus, void (*gone)(void *userdata), void *userdata);

/* The connection to libvirt came or went. */
void bus_connection_changed(Bus *bus);
/* Somebody set the domain back to the snapshot that is current now. */
void bus_domain_reverted(Bus *bus, const char *uuid);

/* ---- for the files of this folder ---- */

extern const AnnouncedType manager_type, domain_type, snapshot_type, job_type;
extern const WorldListener bus_world_listener;
extern const QueueListener bus_queue_listener;

/* Each puts its objects on the bus; negative errno. */
int bus_add_manager(Bus *bus);
int bus_add_domains(Bus *bus);
int bus_add_snapshots(Bus *bus);
int bus_add_jobs(Bus *bus);
void bus_jobs_free(Bus *bus);
void bus_counts_changed(void *bus);

/* Handlers have their object as userdata; the bus is the slot's. */
Bus *bus_of(sd_bus_message *message);

/* One of ours as the error of a method; frees it. Returns the negative errno that a handler returns. */
int bus_fail(sd_bus_error *ret, GError *error);
int bus_failf(sd_bus_error *ret, VsError code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* What the caller of a method named, or an error: NoSuch… or Disconnected. */
int bus_find_domain(Bus *bus, const char *name_or_uuid, Domain **ret, sd_bus_error *error);
int bus_find_snapshot(
        const Bus *bus, const Domain *domain, const char *name, Snapshot **ret, sd_bus_error *error);

/* The reply of every method that queues a job: (t id, o job). */
int bus_reply_job(sd_bus_message *message, const Job *job);
/* The answer of methods that a later version fills. */
int bus_not_yet(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* A task for a reader that ends in a reply.  work is called on a worker with a handle and params; reply on
 * the loop's thread, when it went well.  params are freed by free_params. */
typedef struct BusCall {
        bool (*work)(virConnectPtr handle, void *params, GError **error);
        int (*reply)(Bus *bus, sd_bus_message *message, void *params);
        void (*free_params)(void *params);
} BusCall;
int bus_call_reader(
        Bus *bus, sd_bus_message *message, const BusCall *call, void *params, sd_bus_error *error);
