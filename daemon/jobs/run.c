/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/run.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "daemon/base/error.h"
#include "daemon/jobs/journal.h"
#include "daemon/virt/read.h"
#include "daemon/virt/virt-error.h"

/* How long a job waits for a libvirtd that is away. */
#define RECONNECT_USEC (120U * 1000U * 1000U)

struct JobRun {
        uint64_t id, created;
        uint32_t uid;
        char *uuid, *domain_name;
        int records_fd;
        Mailbox *mailbox;
        JobReportHandler report;
        void *userdata;

        pthread_mutex_t lock;
        pthread_cond_t wake;
        /* Under the lock. */
        virConnectPtr handle;
        bool rung;
        RunNews news;
        bool facts_given;
        Facts *facts;
};

static void lock(JobRun *run) {
        pthread_mutex_lock(&run->lock);
}

static void unlock(JobRun *run) {
        pthread_mutex_unlock(&run->lock);
}

static void unlock_and_ring(JobRun *run) {
        run->rung = true;
        pthread_cond_signal(&run->wake);
        pthread_mutex_unlock(&run->lock);
}

/* ---- the loop's thread ---- */

JobRun *job_run_new(const Job *job, virConnectPtr handle, int records_fd, Mailbox *mailbox,
        JobReportHandler report, void *userdata) {
        JobRun *run = g_new0(JobRun, 1);
        pthread_condattr_t attributes;

        run->id = job->id;
        run->created = job->created;
        run->uid = job->uid;
        run->uuid = g_strdup(job->domain_uuid);
        run->domain_name = g_strdup(job->domain_name);
        run->handle = handle;
        run->records_fd = records_fd;
        run->mailbox = mailbox;
        run->report = report;
        run->userdata = userdata;
        pthread_mutex_init(&run->lock, NULL);
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&run->wake, &attributes);
        pthread_condattr_destroy(&attributes);
        return run;
}

JobRun *job_run_free(JobRun *run) {
        if (!run)
                return NULL;
        if (run->handle)
                virConnectClose(run->handle);
        facts_free(run->facts);
        pthread_cond_destroy(&run->wake);
        pthread_mutex_destroy(&run->lock);
        g_free(run->uuid);
        g_free(run->domain_name);
        g_free(run);
        return NULL;
}

void job_run_cancel(JobRun *run) {
        lock(run);
        run->news.cancelled = true;
        unlock_and_ring(run);
}

void job_run_stop(JobRun *run) {
        lock(run);
        run->news.stopping = true;
        unlock_and_ring(run);
}

void job_run_finish(JobRun *run) {
        lock(run);
        run->news.finish = true;
        unlock_and_ring(run);
}

void job_run_set_bandwidth(JobRun *run, uint64_t bytes_per_second) {
        lock(run);
        run->news.bandwidth_given = true;
        run->news.bandwidth = bytes_per_second;
        unlock_and_ring(run);
}

void job_run_set_handle(JobRun *run, virConnectPtr handle) {
        virConnectPtr before;

        lock(run);
        before = run->handle;
        run->handle = handle;
        unlock_and_ring(run);
        if (before)
                virConnectClose(before);
}

void job_run_block_event(JobRun *run, const char *disk, int status) {
        lock(run);
        run->news.block_event = true;
        run->news.block_status = status;
        g_strlcpy(run->news.block_disk, disk, sizeof run->news.block_disk);
        unlock_and_ring(run);
}

void job_run_give_facts(JobRun *run, Facts *facts) {
        lock(run);
        facts_free(run->facts);
        run->facts = facts;
        run->facts_given = true;
        unlock_and_ring(run);
}

/* ---- the job's thread ---- */

uint64_t run_id(const JobRun *run) {
        return run->id;
}

uint64_t run_created(const JobRun *run) {
        return run->created;
}

uint32_t run_uid(const JobRun *run) {
        return run->uid;
}

const char *run_uuid(const JobRun *run) {
        return run->uuid;
}

const char *run_domain_name(const JobRun *run) {
        return run->domain_name;
}

static struct timespec deadline_in(uint64_t usec) {
        struct timespec at;

        clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += (time_t) (usec / 1000000U);
        at.tv_nsec += (long) (usec % 1000000U) * 1000L;
        if (at.tv_nsec >= 1000000000L) {
                at.tv_sec++;
                at.tv_nsec -= 1000000000L;
        }
        return at;
}

void run_wait(JobRun *run, uint64_t usec, RunNews *ret) {
        struct timespec deadline = deadline_in(usec);

        lock(run);
        while (!run->rung && pthread_cond_timedwait(&run->wake, &run->lock, &deadline) != ETIMEDOUT)
                ;
        run->rung = false;
        *ret = run->news;
        run->news = (RunNews){ .cancelled = ret->cancelled, .stopping = ret->stopping };
        unlock(run);
}

static bool check_cancelled_locked(const JobRun *run, GError **error) {
        if (run->news.stopping)
                return vs_fail(error, VS_ERR_CANCELLED, "The daemon is leaving.");
        if (run->news.cancelled)
                return vs_fail(error, VS_ERR_CANCELLED, "The job was cancelled.");
        return true;
}

bool run_check_cancelled(JobRun *run, GError **error) {
        bool ok;

        lock(run);
        ok = check_cancelled_locked(run, error);
        unlock(run);
        return ok;
}

virConnectPtr run_handle(JobRun *run, GError **error) {
        struct timespec deadline = deadline_in(RECONNECT_USEC);
        virConnectPtr handle;

        lock(run);
        while (!run->handle && check_cancelled_locked(run, error)) {
                if (pthread_cond_timedwait(&run->wake, &run->lock, &deadline) == ETIMEDOUT) {
                        vs_fail(error, VS_ERR_DISCONNECTED, "There is no connection to libvirt.");
                        break;
                }
        }
        handle = run->handle;
        if (handle)
                virConnectRef(handle);
        unlock(run);
        return handle;
}

virDomainPtr run_domain(JobRun *run, GError **error) {
        g_autoptr(VirConnect) handle = run_handle(run, error);

        return handle ? lookup_domain(handle, run->uuid, error) : NULL;
}

typedef struct ReportLetter {
        Letter letter;
        JobReportHandler handler;
        void *userdata;
        JobReport report;
} ReportLetter;

static void discard_report(Letter *letter) {
        ReportLetter *report = (ReportLetter *) letter;

        g_free(report->report.text);
        g_free(report);
}

static void open_report(Letter *letter) {
        ReportLetter *report = (ReportLetter *) letter;

        report->handler(&report->report, report->userdata);
        discard_report(letter);
}

static void post(JobRun *run, JobReport what) {
        ReportLetter *report = g_new0(ReportLetter, 1);

        report->letter = (Letter){ .open = open_report, .discard = discard_report };
        report->handler = run->report;
        report->userdata = run->userdata;
        report->report = what;
        report->report.id = run->id;
        mailbox_post(run->mailbox, &report->letter);
}

void run_phase(JobRun *run, const char *phase) {
        post(run, (JobReport){ .kind = JOB_REPORT_PHASE, .text = g_strdup(phase) });
}

void run_log(JobRun *run, const char *format, ...) {
        va_list args;

        va_start(args, format);
        post(run, (JobReport){ .kind = JOB_REPORT_LOG, .text = g_strdup_vprintf(format, args) });
        va_end(args);
}

void run_snapshot(JobRun *run, const char *name) {
        post(run, (JobReport){ .kind = JOB_REPORT_SNAPSHOT, .text = g_strdup(name) });
}

void run_state(JobRun *run, JobState state) {
        post(run, (JobReport){ .kind = JOB_REPORT_STATE, .state = state });
}

void run_cancelable(JobRun *run, bool cancelable) {
        post(run, (JobReport){ .kind = JOB_REPORT_CANCELABLE, .flag = cancelable });
}

void run_span(JobRun *run, double from, double to) {
        post(run, (JobReport){ .kind = JOB_REPORT_SPAN, .from = from, .to = to });
}

void run_bytes(JobRun *run, uint64_t done, uint64_t total) {
        post(run, (JobReport){ .kind = JOB_REPORT_BYTES, .done = done, .total = total });
}

void run_bandwidth(JobRun *run, uint64_t bytes_per_second) {
        post(run, (JobReport){ .kind = JOB_REPORT_BANDWIDTH, .done = bytes_per_second });
}

void run_notes_changed(JobRun *run) {
        post(run, (JobReport){ .kind = JOB_REPORT_NOTES });
}

void run_hold(JobRun *run) {
        post(run, (JobReport){ .kind = JOB_REPORT_HOLD });
}

Facts *run_ask_facts(JobRun *run, GError **error) {
        g_autoptr(VirConnect) handle = NULL;
        Facts *facts;

        post(run, (JobReport){ .kind = JOB_REPORT_WANTS_FACTS });
        lock(run);
        /* The loop's thread answers in any case, but for when it leaves. */
        while (!run->facts_given && !run->news.stopping)
                pthread_cond_wait(&run->wake, &run->lock);
        facts = g_steal_pointer(&run->facts);
        run->facts_given = false;
        unlock(run);
        if (!facts) {
                vs_fail(error, VS_ERR_DISCONNECTED, "There is no connection to libvirt.");
                return NULL;
        }
        handle = run_handle(run, error);
        if (!handle || !facts_refresh(facts, handle, run->uuid, error))
                return facts_free(facts);
        return facts;
}

bool run_record(JobRun *run, struct json_object *record, GError **error) {
        int r = journal_write(run->records_fd, run->id, record);

        json_object_put(record);
        if (r == -ENOSPC)
                return vs_fail(error, VS_ERR_NO_SPACE,
                        "The job's record cannot be written to the state directory: %s", strerror(-r));
        if (r < 0)
                return vs_fail(error, VS_ERR_LIBVIRT_FAILED,
                        "The job's record cannot be written to the state directory: %s", strerror(-r));
        return true;
}
