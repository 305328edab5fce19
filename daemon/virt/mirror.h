/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "daemon/base/pool.h"
#include "daemon/model/world.h"
#include "daemon/virt/connection.h"

/*
 * Keeps the world as libvirt has it.  Whatever tells that a domain may have changed touches it; a worker
 * reads it, and what it read is taken into the world in small pieces, so that callers of the bus never wait
 * for it.  At most one read is under way for a domain.  Loop thread.
 */
typedef struct Mirror Mirror;

typedef enum MirrorTouch {
        MIRROR_TOUCH_DOMAIN = 0, /* the domain and the list of its snapshots */
        MIRROR_TOUCH_SNAPSHOT = 1 << 0, /* and this snapshot's XML */
        MIRROR_TOUCH_DELETED = 1 << 1, /* this snapshot was deleted; one that is there now is another one */
        MIRROR_TOUCH_ALL_XML = 1 << 2, /* and every snapshot's XML */
} MirrorTouch;

typedef struct MirrorListener {
        /* A status file of libvirt's tells of something new in a running domain. */
        void (*status)(Domain *domain, void *userdata);
} MirrorListener;

/* Called once, when what was asked for has been taken into the world, or cannot be any more. */
typedef void (*MirrorDone)(void *userdata);

Mirror *mirror_new(sd_event *event, Pool *pool, World *world, Connection *connection,
        const MirrorListener *listener, void *userdata);
Mirror *mirror_free(Mirror *mirror);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Mirror, mirror_free)

/* The connection is up: read everything.  done as in mirror_refresh(). */
void mirror_start(Mirror *mirror, MirrorDone done, void *userdata);
/* The connection is gone: so is everything that was read over it. */
void mirror_stop(Mirror *mirror);

/* Read a domain, known or new, again.  snapshot is needed for the two touches that speak of one. */
void mirror_touch(Mirror *mirror, const char *uuid, const char *snapshot, MirrorTouch touch);
/* The same, and done when a read that began after this call is in the world. */
void mirror_read(Mirror *mirror, const char *uuid, MirrorTouch touch, MirrorDone done, void *userdata);
/* Read everything again. */
void mirror_refresh(Mirror *mirror, MirrorDone done, void *userdata);
/* While a job changes a domain's snapshots: leave the tree as it is until the job is through, so that what
 * it did is seen as one.  The domain's own properties are still read.  Calls do not nest. */
void mirror_hold(Mirror *mirror, const char *uuid);
void mirror_release(Mirror *mirror, const char *uuid);
/* Whether libvirt's folders are watched, so that nothing needs to be polled for. */
bool mirror_is_watching(const Mirror *mirror);
