/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/base/pool.h"
#include "daemon/virt/connection.h"

/*
 * Where libvirt's folders cannot be watched (a remote host): a worker looks every second whether the
 * snapshots of any domain have changed.  Loop thread.
 */
typedef struct Poll Poll;

/* changed is called for each domain that is new or not as it was at the last look. */
Poll *poll_new(sd_event *event, Pool *pool, Connection *connection,
        void (*changed)(const char *uuid, void *userdata), void *userdata);
/* A look that is under way is thrown away. */
Poll *poll_free(Poll *poll);
