/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/job.h"

/* What is told of a job when this process has done with it.  All return a status. */

typedef struct JobEnd {
        uint64_t id; /* 0: not known, the call was not answered */
        char *path;
        char *result; /* as the daemon calls it; NULL while it goes on */
        char *error_name, *error_message; /* "" where there is none */
} JobEnd;

/* It goes on without us, as was asked for: how it is, and the verb that one comes back to it with. */
int report_left(const Client *client, const JobEnd *job, const char *how, const char *verb);

/* Ctrl-C. */
int report_interrupted(const Client *client, const JobEnd *job);

/* It has ended. */
int report_end(const Client *client, const JobEnd *job, const JobText *text, const char *snapshot);
