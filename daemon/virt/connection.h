/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <libvirt/libvirt.h>
#include <systemd/sd-event.h>

#include "daemon/base/mailbox.h"
#include "daemon/base/pool.h"

/*
 * The connection to libvirt: opened by a worker, kept alive, opened again when it is lost.  libvirt's event
 * loop runs on a thread of its own; what it tells comes to the loop's thread as ConnectionEvent.
 */
typedef struct Connection Connection;

typedef enum ConnectionEventKind {
        CONNECTION_DOMAIN_CHANGED, /* anything about the domain but what follows */
        CONNECTION_DOMAIN_REVERTED, /* it was set back to a snapshot */
        CONNECTION_BLOCK_JOB,
} ConnectionEventKind;

typedef struct ConnectionEvent {
        ConnectionEventKind kind;
        char uuid[VIR_UUID_STRING_BUFLEN];
        /* CONNECTION_BLOCK_JOB only. */
        char disk[32];
        int type; /* virDomainBlockJobType */
        int status; /* virConnectDomainEventBlockJobStatus */
} ConnectionEvent;

/* All on the loop's thread. */
typedef struct ConnectionListener {
        void (*up)(void *userdata);
        void (*down)(void *userdata);
        /* The first attempt has failed: whoever waits for the connection need not. */
        void (*absent)(void *userdata);
        void (*event)(const ConnectionEvent *event, void *userdata);
} ConnectionListener;

typedef struct ConnectionInfo {
        char *uri; /* libvirt's canonical one */
        char *libvirt_version; /* 9.0.0; "" while not connected */
        char *hypervisor_version; /* QEMU 7.2.22; "" likewise */
} ConnectionInfo;

/* Starts libvirt's event loop.  Once in a process, before any other call of libvirt. */
bool connection_start_events(GError **error);
/* Ends it: no callback of libvirt's runs any more.  Before anything that they use goes, and before the
 * process does: a thread inside libvirt while its libraries are taken down would crash. */
void connection_stop_events(void);

/* uri is copied, the rest is borrowed. */
Connection *connection_new(sd_event *event, Mailbox *mailbox, Pool *pool, const char *uri,
        const ConnectionListener *listener, void *userdata);
Connection *connection_free(Connection *connection);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Connection, connection_free)

/* Begin to connect; up or absent follows. */
int connection_open(Connection *connection);
/* A worker found that the connection is gone, which its close callback may not have said (embedded drivers).
 */
void connection_suspect(Connection *connection);

bool connection_is_up(const Connection *connection);
/* A reference for a task, to be given back with virConnectClose() on any thread; NULL while not connected.
 */
virConnectPtr connection_ref(const Connection *connection);
/* Grows with each connection made: what was read over another one is stale. */
unsigned connection_generation(const Connection *connection);
const ConnectionInfo *connection_info(const Connection *connection);
/* What the last attempt failed with, or NULL. */
const char *connection_problem(const Connection *connection);
