/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <glib.h>
#include <libvirt/libvirt.h>

#include "daemon/jobs/run.h"

/* Freezing a guest's file systems through its agent, never for longer than it must be.  Blocking, job
 * threads. */

/* AgentUnavailable when there is no agent, or it does not answer within the limit: the guest may be frozen
 * all the same, so thaw in any case. */
bool freeze_guest(virDomainPtr domain, GError **error);

/* Thaw, trying again for as long as there is hope: a libvirtd that went is waited for, however long it
 * takes. *ret_self: nothing was frozen any more, the guest had thawed by itself.  Fails when the guest may
 * still be frozen, or when the daemon leaves. */
bool thaw_guest(JobRun *run, bool *ret_self, GError **error);
