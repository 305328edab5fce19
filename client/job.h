/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

#include "client/bus.h"

/*
 * A job as this process follows it: from the call that makes it to the end, with a bar on a terminal.
 * Ctrl-C leaves the job running and says how to come back to it; a daemon that restarts meanwhile is waited
 * for.  SIGINT is blocked while a Job exists.
 */
typedef struct Job Job;

typedef struct JobText {
        const char *label; /* before the bar: "web1 vda" */
        const char *what; /* after "cannot": "merge 'vda' of 'web1'" */
        const char *done; /* what to say when it is done, or NULL */
        const char
                *cancelled; /* the same when it was cancelled; then that is what was wanted, done is not */
        bool print_snapshot; /* the name of the snapshot is what the user asked for */
        bool hold; /* stop at READY: the job waits there for `finish` */
        const char *left_to_caller; /* a job that fails with this error is not told of, or NULL */
} JobText; /* all strings escaped */

/* 0 or a negative errno. */
int job_new(Client *client, const JobText *text, Job **ret);
Job *job_free(Job *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Job, job_free)

/* Send a call that answers (to) and learn the job's id.  0 (also when Ctrl-C came first), or a negative
 * errno with error set: the call was refused and there is no job. */
int job_start(Job *job, sd_bus_message *m, sd_bus_error *error);

/* Follow a job that exists. */
void job_attach(Job *job, uint64_t id, const char *path);

/* Follow it to its end, unless --no-wait, and tell.  A status, or STATUS_LEFT_TO_CALLER. */
int job_follow(Job *job);

/* What it failed with, or "". */
const char *job_error_message(const Job *job);

/* All of it for a verb that has nothing else to do.  A status. */
int job_run(Client *client, sd_bus_message *m, const JobText *text);

/* The name of the snapshot that the job made or changed, or "". */
const char *job_snapshot(const Job *job);
