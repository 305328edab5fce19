/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <systemd/sd-event.h>

/*
 * libvirt has no event for a snapshot made or deleted, and none for a block job begun; but a local libvirtd
 * writes a file for each.  This watches the folders with inotify(7): snapshot metadata (one folder a domain,
 * one file a snapshot) and the status of running domains (one file a domain).  Loop thread.
 */
typedef struct Watch Watch;

typedef struct WatchListener {
        /* A snapshot's metadata was written or deleted.  snapshot NULL: anything of this domain. */
        void (*snapshot)(const char *domain_name, const char *snapshot, bool deleted, void *userdata);
        /* libvirt has written down a new state of a running domain, such as a block job. */
        void (*status)(const char *domain_name, void *userdata);
        /* Events were lost: anything may have changed. */
        void (*overflow)(void *userdata);
} WatchListener;

/* uri: libvirt's canonical one.  Returns 1 and the watch, 0 when this libvirt's folders are not to be had
 * here (a remote host, a driver without files), or a negative errno. */
int watch_new(sd_event *event, const char *uri, const WatchListener *listener, void *userdata, Watch **ret);
Watch *watch_free(Watch *watch);
