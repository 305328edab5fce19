/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <glib.h>

/*
 * Errors that a caller of the bus can act on.  They travel as GError in the domain VS_ERROR, from wherever
 * they are found to the reply or the job that shows them, and cross threads by being handed over whole.
 */
typedef enum VsError {
        VS_ERR_NO_SUCH_DOMAIN,
        VS_ERR_NO_SUCH_SNAPSHOT,
        VS_ERR_NO_SUCH_DISK,
        VS_ERR_NO_SUCH_JOB,
        VS_ERR_NO_SUCH_POLICY,
        VS_ERR_SNAPSHOT_EXISTS,
        VS_ERR_INVALID_NAME,
        VS_ERR_INVALID_XML,
        VS_ERR_INVALID_PATH,
        VS_ERR_DOMAIN_BUSY,
        VS_ERR_NOT_SUPPORTED,
        VS_ERR_WOULD_LOSE_DATA,
        VS_ERR_PROTECTED,
        VS_ERR_REVERT_RISKY,
        VS_ERR_AGENT_UNAVAILABLE,
        VS_ERR_NO_SPACE,
        VS_ERR_TOO_MANY,
        VS_ERR_CANCELLED,
        VS_ERR_NOT_CANCELABLE,
        VS_ERR_BROKEN,
        VS_ERR_DISCONNECTED,
        VS_ERR_TIMEOUT,
        VS_ERR_LIBVIRT_FAILED,
        VS_ERR_INVALID_ARGS, /* org.freedesktop.DBus.Error.InvalidArgs */
        VS_ERR_ACCESS_DENIED, /* org.freedesktop.DBus.Error.AccessDenied */
        _VS_ERR_MAX,
} VsError;

#define VS_ERROR vs_error_quark()
GQuark vs_error_quark(void);

/* The D-Bus name of an error; LibvirtFailed for one of another domain.  Static. */
const char *vs_error_name(const GError *error);

/* The code behind a D-Bus name (a job's record keeps names), VS_ERR_LIBVIRT_FAILED for an unknown one. */
VsError vs_error_from_name(const char *name);

/* Set an error and return false, so that a refusal is one statement.  The text is made valid UTF-8. */
bool vs_fail(GError **error, VsError code, const char *format, ...) G_GNUC_PRINTF(3, 4);
