/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/freeze.h"

#include <unistd.h>

#include "daemon/base/error.h"
#include "daemon/virt/read.h"
#include "daemon/virt/virt-error.h"

/* How long the agent may take to freeze.  Without a limit libvirt would wait for ever. */
#define FREEZE_SECONDS 10
/* A thaw is tried this often, each with the limit above. */
#define THAW_TRIES 6

/* Between two looks whether a libvirtd that went is back. */
#define RECONNECT_LOOK_USEC (250U * 1000U)

static bool is_disconnected(const GError *error) {
        return g_error_matches(error, VS_ERROR, VS_ERR_DISCONNECTED);
}

bool freeze_guest(virDomainPtr domain, GError **error) {
        virDomainAgentSetResponseTimeout(domain, FREEZE_SECONDS, 0);
        if (virDomainFSFreeze(domain, NULL, 0, 0) >= 0)
                return true;
        virt_fail(error, "the guest's file systems cannot be frozen");
        /* Whatever libvirt calls it: it is the agent that did not do it. */
        if (error && *error && !g_error_matches(*error, VS_ERROR, VS_ERR_DISCONNECTED) &&
                !g_error_matches(*error, VS_ERROR, VS_ERR_DOMAIN_BUSY))
                (*error)->code = VS_ERR_AGENT_UNAVAILABLE;
        return false;
}

static bool thaw_now(virDomainPtr domain, bool *ret_self, GError **error) {
        for (unsigned n = 0; n < THAW_TRIES; n++) {
                g_autoptr(GError) problem = NULL;
                int thawed;

                virDomainAgentSetResponseTimeout(domain, FREEZE_SECONDS, 0);
                thawed = virDomainFSThaw(domain, NULL, 0, 0);
                if (thawed >= 0) {
                        *ret_self = thawed == 0;
                        return true;
                }
                /* A guest that is off is not frozen. */
                if (virDomainIsActive(domain) == 0) {
                        *ret_self = true;
                        return true;
                }
                virt_fail(&problem, "the guest's file systems cannot be thawed");
                if (n + 1 == THAW_TRIES || is_disconnected(problem)) {
                        g_propagate_error(error, g_steal_pointer(&problem));
                        return false;
                }
                sleep(1);
        }
        return false;
}

bool thaw_guest(JobRun *run, bool *ret_self, GError **error) {
        for (;;) {
                g_autoptr(GError) problem = NULL;
                g_autoptr(VirDomain) domain = run_domain(run, &problem);
                RunNews news;

                if (domain && thaw_now(domain, ret_self, &problem))
                        return true;
                if (g_error_matches(problem, VS_ERROR, VS_ERR_NO_SUCH_DOMAIN)) {
                        *ret_self = true;
                        return true;
                }
                run_wait(run, RECONNECT_LOOK_USEC, &news);
                /* A wish to cancel comes too late; and when the daemon leaves, its record stays. */
                if (news.stopping ||
                        (!is_disconnected(problem) &&
                                !g_error_matches(problem, VS_ERROR, VS_ERR_CANCELLED))) {
                        g_propagate_error(error, g_steal_pointer(&problem));
                        return false;
                }
        }
}
