/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/jobs/queue.h"

/* Take up the jobs that an earlier daemon could not bring to an end: each keeps its number.  Once, when the
 * world is filled.  Loop thread. */
void recover_jobs(Queue *queue);
