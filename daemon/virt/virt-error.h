/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

/*
 * libvirt's last error of this thread as one of ours.  Call it right after the call that failed: every
 * vir*Free() clears the error.  what: what was attempted ("cannot read the domain"), put before libvirt's
 * own message; may be NULL.  Returns false.
 */
bool virt_fail(GError **error, const char *what);

/* Whether libvirt's last error of this thread is this one (VIR_ERR_…). */
bool virt_last_error_is(int code);

/* Keep libvirt from writing its errors to stderr.  Once, before the first thread. */
void virt_error_init(void);

/* g_autoptr for libvirt's objects. */
typedef virConnect VirConnect;
typedef virDomain VirDomain;
typedef virDomainSnapshot VirSnapshot;
static inline void virt_connect_close(VirConnect *connection) {
        if (connection)
                virConnectClose(connection);
}
static inline void virt_domain_free(VirDomain *domain) {
        if (domain)
                virDomainFree(domain);
}
static inline void virt_snapshot_free(VirSnapshot *snapshot) {
        if (snapshot)
                virDomainSnapshotFree(snapshot);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VirConnect, virt_connect_close)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VirDomain, virt_domain_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VirSnapshot, virt_snapshot_free)
