/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/base/error.h"
#include "daemon/jobs/merge-work.h"
#include "daemon/virt/domain-xml.h"
#include "daemon/virt/virt-error.h"

/* Between two looks at the block job; events come in between. */
#define LOOK_USEC (250U * 1000U)
/* A block job that libvirt does not know any more, and no event: how many looks until the chain must tell.
 */
#define GONE_LOOKS 8U
/* One that died while the block job began may have forgotten that it has a mirror, and never pivots it. */
#define UNKNOWN_LOOKS 40U
/* libvirt answers a pivot with "still active" for a while when the guest writes. */
#define PIVOT_TRIES 240U

/* A block job under way. */
typedef struct Following {
        JobRun *run;
        const MergeParams *params;
        uint64_t deadline; /* µs of CLOCK_MONOTONIC, 0: none */
        bool aborting, timed_out, keeping, pivoting, ready, finish;
        unsigned n_gone, n_pivots, n_unknown;
        bool over;
        MergeEnd end;
} Following;

static uint64_t now_usec(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000000U + (uint64_t) now.tv_nsec / 1000U;
}

static void end(Following *following, MergeEnd how) {
        following->over = true;
        following->end = how;
}

/* ---- what the chain says ---- */

static bool contains(const GPtrArray *paths, const char *path) {
        for (unsigned i = 0; i < paths->len; i++)
                if (strcmp(paths->pdata[i], path) == 0)
                        return true;
        return false;
}

/* The layers that were to go have gone, and the disk runs on the one that was to stay: without that it is
 * another chain, from a revert or a new definition, that does not tell how the merge ended. */
static bool is_merged(const MergeWork *work, const GPtrArray *chain, bool *ret, GError **error) {
        *ret = true;
        for (unsigned i = 0; i < chain->len; i++)
                if (contains(work->gone, ((const LayerRef *) chain->pdata[i])->path))
                        *ret = false;
        return !*ret ||
                (chain->len > 0 && g_strcmp0(((const LayerRef *) chain->pdata[0])->path, work->head) == 0) ||
                vs_fail(error, VS_ERR_BROKEN,
                        "The disk runs on another chain than the one that was merged, so that nobody can "
                        "tell how the merge ended; its files and snapshots are left as they are.");
}

bool merge_is_in_chain(JobRun *run, const MergeParams *params, bool *ret_merged, GError **error) {
        g_autoptr(VirDomain) domain = run_domain(run, error);
        g_autoptr(GPtrArray) chain = NULL;
        char *xml;
        bool ok;

        if (!domain)
                return false;
        xml = virDomainGetXMLDesc(domain, 0);
        if (!xml)
                return virt_fail(error, "cannot read the domain");
        ok = domain_xml_chain(xml, params->disk, &chain, NULL, error);
        free(xml);
        return ok && is_merged(params->work, chain, ret_merged, error);
}

/* ---- steps ---- */

static void abort_job(Following *following, virDomainPtr domain) {
        if (virDomainBlockJobAbort(domain, following->params->disk, VIR_DOMAIN_BLOCK_JOB_ABORT_ASYNC) >= 0 ||
                virt_last_error_is(VIR_ERR_OPERATION_INVALID))
                following->aborting = true;
        else
                run_log(following->run, "libvirt did not cancel the block job, asking again: %s",
                        virGetLastErrorMessage());
}

static void pivot(Following *following, virDomainPtr domain, GError **error) {
        run_state(following->run, JOB_PIVOTING);
        run_phase(following->run, "pivoting");
        run_cancelable(following->run, false);
        if (virDomainBlockJobAbort(domain, following->params->disk,
                    VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT | VIR_DOMAIN_BLOCK_JOB_ABORT_ASYNC) >= 0) {
                following->pivoting = true;
                return;
        }
        /* Not quite yet; or the block job is gone, which the next look tells more about. */
        if (!virt_last_error_is(VIR_ERR_BLOCK_COPY_ACTIVE) &&
                !virt_last_error_is(VIR_ERR_OPERATION_INVALID)) {
                virt_fail(error, "libvirt refused the pivot");
                return;
        }
        if (++following->n_pivots > PIVOT_TRIES) {
                run_log(following->run, "libvirt keeps refusing the pivot; the merge is given up");
                following->timed_out = true;
                abort_job(following, domain);
        }
}

/* The overlay has been copied down, and both are alike. */
static void act_when_ready(Following *following, virDomainPtr domain, GError **error) {
        const MergeParams *params = following->params;

        if (following->aborting || following->pivoting)
                return;
        if (params->keep_overlay) {
                following->keeping = true;
                abort_job(following, domain);
        } else if (params->pivot || following->finish)
                pivot(following, domain, error);
        else {
                run_state(following->run, JOB_READY);
                run_phase(following->run, "ready, waiting for Finish");
        }
}

/* Everything is copied, and no event has said so. */
static void look_at_mirror(Following *following, virDomainPtr domain, GError **error) {
        char *xml = virDomainGetXMLDesc(domain, 0);
        DiskMirror mirror;
        bool read = xml && domain_xml_mirror(xml, following->params->disk, &mirror, NULL, NULL);

        free(xml);
        if (!read)
                return;
        following->ready = mirror == DISK_MIRROR_READY;
        /* It is not aborted either: libvirt 9.0 dies of that. */
        if (mirror == DISK_MIRROR_NONE && ++following->n_unknown > UNKNOWN_LOOKS)
                vs_fail(error, VS_ERR_BROKEN,
                        "libvirt was interrupted while it began the block job and has forgotten how to end "
                        "it. The disk stays on its overlay; stop and start the domain, then merge again.");
}

/* Why it was aborted; without a reason of ours, somebody else did it. */
static MergeEnd end_of_abort(const Following *following) {
        if (following->keeping)
                return MERGE_KEPT;
        if (following->timed_out)
                return MERGE_TIMEOUT;
        return MERGE_CANCELLED;
}

/* Gone from libvirt: an event says how, and where none came the chain does. */
static void act_when_gone(Following *following, GError **error) {
        bool merged = false;

        if (following->n_gone++ < GONE_LOOKS && !following->params->work->resumed)
                return;
        if (!merge_is_in_chain(following->run, following->params, &merged, error))
                return;
        if (merged)
                end(following, MERGE_DONE);
        else
                end(following,
                        following->keeping || following->aborting ? end_of_abort(following) : MERGE_FAILED);
}

static void look(Following *following, virDomainPtr domain, GError **error) {
        const MergeParams *params = following->params;
        virDomainBlockJobInfo info;
        int r = virDomainGetBlockJobInfo(
                domain, params->disk, &info, VIR_DOMAIN_BLOCK_JOB_INFO_BANDWIDTH_BYTES);

        if (r < 0 && virDomainIsActive(domain) == 0)
                vs_fail(error, VS_ERR_LIBVIRT_FAILED,
                        "The domain stopped while its disk was merged. Compare its definition with the "
                        "chain "
                        "before it starts again; then the merge can be done again.");
        else if (r < 0)
                virt_fail(error, "cannot ask for the block job");
        else if (r == 0)
                act_when_gone(following, error);
        else {
                following->n_gone = 0;
                run_bytes(following->run, info.cur, info.end);
                /* The event may have come while nobody listened. */
                if (params->work->active && !following->ready && info.end > 0 && info.cur == info.end)
                        look_at_mirror(following, domain, error);
        }
}

static void take_event(Following *following, int status) {
        switch (status) {
        case VIR_DOMAIN_BLOCK_JOB_READY:
                following->ready = true;
                break;
        case VIR_DOMAIN_BLOCK_JOB_CANCELED:
                end(following, end_of_abort(following));
                break;
        case VIR_DOMAIN_BLOCK_JOB_FAILED:
                end(following, MERGE_FAILED);
                break;
        default:
                /* Completed: the chain must agree, which libvirt may write a moment later. */
                following->n_gone = GONE_LOOKS;
        }
}

static void take_wishes(Following *following, virDomainPtr domain, const RunNews *news) {
        const MergeParams *params = following->params;

        if (news->bandwidth_given &&
                virDomainBlockJobSetSpeed(domain, params->disk, news->bandwidth,
                        VIR_DOMAIN_BLOCK_JOB_SPEED_BANDWIDTH_BYTES) < 0)
                run_log(following->run, "libvirt did not change the bandwidth: %s",
                        virGetLastErrorMessage());
        if (news->finish)
                following->finish = true;
        if (following->pivoting || following->aborting)
                return;
        if (following->deadline && now_usec() >= following->deadline) {
                following->timed_out = true;
                run_log(following->run, "the time limit is reached");
        }
        if (news->cancelled || following->timed_out)
                abort_job(following, domain);
}

/* A libvirtd that is away comes back, and the block job with it; any other error is one. */
static bool is_passing(const GError *error) {
        return g_error_matches(error, VS_ERROR, VS_ERR_DISCONNECTED) ||
                g_error_matches(error, VS_ERROR, VS_ERR_DOMAIN_BUSY);
}

static bool turn(Following *following, GError **error) {
        g_autoptr(GError) problem = NULL;
        g_autoptr(VirDomain) domain = NULL;
        RunNews news;

        run_wait(following->run, LOOK_USEC, &news);
        if (news.stopping) {
                end(following, MERGE_LEFT);
                return true;
        }
        domain = run_domain(following->run, &problem);
        if (domain) {
                if (news.block_event && strcmp(news.block_disk, following->params->disk) == 0)
                        take_event(following, news.block_status);
                if (!following->over)
                        take_wishes(following, domain, &news);
                if (!following->over)
                        look(following, domain, &problem);
                if (!following->over && !problem && following->ready && following->n_gone == 0)
                        act_when_ready(following, domain, &problem);
        }
        if (!problem || is_passing(problem))
                return true;
        /* Its wish to leave was seen above. */
        g_propagate_error(error, g_steal_pointer(&problem));
        return false;
}

bool merge_follow(JobRun *run, const MergeParams *params, MergeEnd *ret, GError **error) {
        Following following = { .run = run, .params = params };
        bool merged = false;

        if (params->timeout && params->timeout < UINT64_MAX / 4)
                following.deadline = now_usec() + params->timeout;
        run_span(run, 0.01, 0.98);
        run_phase(run, params->pull ? "pulling" : "committing");
        while (!following.over)
                if (!turn(&following, error))
                        return false;
        *ret = following.end;

        /* Failed or cancelled in the very end may still mean merged. */
        if ((*ret == MERGE_FAILED || *ret == MERGE_CANCELLED || *ret == MERGE_TIMEOUT) &&
                merge_is_in_chain(run, params, &merged, NULL) && merged)
                *ret = MERGE_DONE;
        return true;
}
