/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/jobs/queue.h"

/*
 * Block jobs that others started (virsh blockcommit, a backup tool), shown as jobs of operation "external".
 * libvirt has no event for a beginning: it is seen in its status files, or by looking now and then where
 * these cannot be watched. Loop thread.
 */
typedef struct External External;

/* possible: whether this libvirt has block jobs at all. */
External *external_new(sd_event *event, Queue *queue, bool possible, Mirror *mirror);
External *external_free(External *external);

/* Look at one domain, or at all that run. */
void external_look(External *external, const Domain *domain);
void external_look_everywhere(External *external);
/* An event about a block job that is none of ours. */
void external_block_event(External *external, const char *uuid, const char *disk, int status);
