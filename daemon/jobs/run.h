/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <json-c/json.h>
#include <libvirt/libvirt.h>

#include "daemon/base/mailbox.h"
#include "daemon/jobs/facts.h"
#include "daemon/model/job.h"

/*
 * A job at work.  The work itself is a function that runs on a thread of its own from beginning to end; this
 * is what it has in common with the loop's thread, which owns the Job that callers see.  What the work tells
 * goes as letters, what it must know (a wish to cancel, an event) comes through the lock in here.
 */
typedef struct JobRun JobRun;

/* What the work tells; opened on the loop's thread. */
typedef enum JobReportKind {
        JOB_REPORT_PHASE,
        JOB_REPORT_LOG,
        JOB_REPORT_SNAPSHOT,
        JOB_REPORT_STATE, /* state */
        JOB_REPORT_CANCELABLE, /* flag */
        JOB_REPORT_SPAN, /* from, to */
        JOB_REPORT_BYTES, /* done, total */
        JOB_REPORT_BANDWIDTH, /* done: bytes per second */
        JOB_REPORT_HOLD,
        JOB_REPORT_NOTES,
        JOB_REPORT_WANTS_FACTS,
} JobReportKind;

typedef struct JobReport {
        JobReportKind kind;
        uint64_t id;
        char *text;
        JobState state;
        bool flag;
        double from, to;
        uint64_t done, total;
} JobReport;

typedef void (*JobReportHandler)(const JobReport *report, void *userdata);

/* ---- the loop's thread ---- */

/* Borrows the mailbox and the folder of records; takes the handle over (may be NULL). */
JobRun *job_run_new(const Job *job, virConnectPtr handle, int records_fd, Mailbox *mailbox,
        JobReportHandler report, void *userdata);
JobRun *job_run_free(JobRun *run);

void job_run_cancel(JobRun *run);
void job_run_finish(JobRun *run);
void job_run_set_bandwidth(JobRun *run, uint64_t bytes_per_second);
/* What run_ask_facts() waits for; taken over, NULL when they cannot be had. */
void job_run_give_facts(JobRun *run, Facts *facts);
/* A connection was made (taken over) or lost (NULL). */
void job_run_set_handle(JobRun *run, virConnectPtr handle);
void job_run_block_event(JobRun *run, const char *disk, int status);
/* The daemon leaves: the work ends where it is, and its record tells the next daemon where that was. */
void job_run_stop(JobRun *run);

/* ---- the job's thread ---- */

/* Constants of the job. */
uint64_t run_id(const JobRun *run);
uint64_t run_created(const JobRun *run); /* µs since the epoch */
uint32_t run_uid(const JobRun *run);
const char *run_uuid(const JobRun *run);
const char *run_domain_name(const JobRun *run);

/* The present connection, to be given back with virConnectClose().  While there is none, waits; NULL and an
 * error after two minutes without, or when the job is cancelled or the daemon leaves. */
virConnectPtr run_handle(JobRun *run, GError **error);
/* The domain over the present connection; the caller's. */
virDomainPtr run_domain(JobRun *run, GError **error);

void run_phase(JobRun *run, const char *phase);
void run_log(JobRun *run, const char *format, ...) G_GNUC_PRINTF(2, 3);
void run_snapshot(JobRun *run, const char *name);
void run_state(JobRun *run, JobState state);
void run_cancelable(JobRun *run, bool cancelable);
void run_span(JobRun *run, double from, double to);
void run_bytes(JobRun *run, uint64_t done, uint64_t total);
void run_bandwidth(JobRun *run, uint64_t bytes_per_second);

/* The notes of the domain's snapshots have changed in the store. */
void run_notes_changed(JobRun *run);
/* From here on the work changes the domain's snapshots: mirror_hold(). */
void run_hold(JobRun *run);

/* What has happened since the last look; each is told once but cancelled and stopping, which stay. */
typedef struct RunNews {
        bool cancelled, stopping, finish;
        bool bandwidth_given;
        uint64_t bandwidth; /* bytes per second */
        bool block_event;
        int block_status; /* virConnectDomainEventBlockJobStatus */
        char block_disk[32];
} RunNews;

/* Wait for news, at most this long; what is there already returns at once. */
void run_wait(JobRun *run, uint64_t usec, RunNews *ret);
/* Cancelled, when somebody asked for it or the daemon leaves: between two steps. */
bool run_check_cancelled(JobRun *run, GError **error);

/* What the whole connection names now, its own domain read again: for the last look before a file goes. The
 * caller's. */
Facts *run_ask_facts(JobRun *run, GError **error);

/* Put the record of what is about to be done on disk, in place of the one before.  Takes the object over.
 * Nothing may be touched when this fails. */
bool run_record(JobRun *run, struct json_object *record, GError **error);
