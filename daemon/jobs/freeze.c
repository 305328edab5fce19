/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/freeze.h"

#include <unistd.h>

#include "daemon/base/error.h"
#include "daemon/virt/virt-error.h"

/* How long the agent may take to freeze.  Without a limit libvirt would wait for ever. */
#define FREEZE_SECONDS 10
/* A thaw is tried this often, each with the limit above. */
#define THAW_TRIES 6

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

bool thaw_guest(virDomainPtr domain, bool *ret_self, GError **error) {
        for (unsigned n = 0; n < THAW_TRIES; n++) {
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
                virt_fail(n + 1 == THAW_TRIES ? error : NULL, "the guest's file systems cannot be thawed");
                if (n + 1 < THAW_TRIES)
                        sleep(1);
        }
        return false;
}
