/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <glib.h>
#include <systemd/sd-event.h>

/* The parts of the daemon and how they hang together. */
typedef struct Service Service;

typedef struct ServiceOptions {
        bool user; /* the user's bus and libvirt, not the system's */
        const char *uri; /* of libvirt; NULL: qemu:///system or qemu:///session */
        const char *state; /* the state directory; NULL: STATE_DIRECTORY, or the usual one */
        uint64_t idle_usec; /* leave after so long without a call or a job; 0: never */
} ServiceOptions;

Service *service_new(sd_event *event, const ServiceOptions *options, GError **error);
Service *service_free(Service *service);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Service, service_free)
