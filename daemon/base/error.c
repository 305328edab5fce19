/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/base/error.h"

#include "dbus/names.h"

static const char *const error_names[_VS_ERR_MAX] = {
        [VS_ERR_NO_SUCH_DOMAIN] = VS_ERROR_NO_SUCH_DOMAIN,
        [VS_ERR_NO_SUCH_SNAPSHOT] = VS_ERROR_NO_SUCH_SNAPSHOT,
        [VS_ERR_NO_SUCH_DISK] = VS_ERROR_NO_SUCH_DISK,
        [VS_ERR_NO_SUCH_JOB] = VS_ERROR_NO_SUCH_JOB,
        [VS_ERR_NO_SUCH_POLICY] = VS_ERROR_NO_SUCH_POLICY,
        [VS_ERR_SNAPSHOT_EXISTS] = VS_ERROR_SNAPSHOT_EXISTS,
        [VS_ERR_INVALID_NAME] = VS_ERROR_INVALID_NAME,
        [VS_ERR_INVALID_XML] = VS_ERROR_INVALID_XML,
        [VS_ERR_INVALID_PATH] = VS_ERROR_INVALID_PATH,
        [VS_ERR_DOMAIN_BUSY] = VS_ERROR_DOMAIN_BUSY,
        [VS_ERR_NOT_SUPPORTED] = VS_ERROR_NOT_SUPPORTED,
        [VS_ERR_WOULD_LOSE_DATA] = VS_ERROR_WOULD_LOSE_DATA,
        [VS_ERR_PROTECTED] = VS_ERROR_PROTECTED,
        [VS_ERR_REVERT_RISKY] = VS_ERROR_REVERT_RISKY,
        [VS_ERR_AGENT_UNAVAILABLE] = VS_ERROR_AGENT_UNAVAILABLE,
        [VS_ERR_NO_SPACE] = VS_ERROR_NO_SPACE,
        [VS_ERR_TOO_MANY] = VS_ERROR_TOO_MANY,
        [VS_ERR_CANCELLED] = VS_ERROR_CANCELLED,
        [VS_ERR_NOT_CANCELABLE] = VS_ERROR_NOT_CANCELABLE,
        [VS_ERR_BROKEN] = VS_ERROR_BROKEN,
        [VS_ERR_DISCONNECTED] = VS_ERROR_DISCONNECTED,
        [VS_ERR_TIMEOUT] = VS_ERROR_TIMEOUT,
        [VS_ERR_LIBVIRT_FAILED] = VS_ERROR_LIBVIRT_FAILED,
        [VS_ERR_INVALID_ARGS] = "org.freedesktop.DBus.Error.InvalidArgs",
        [VS_ERR_ACCESS_DENIED] = "org.freedesktop.DBus.Error.AccessDenied",
};

G_DEFINE_QUARK(virtsnap - error - quark, vs_error)

const char *vs_error_name(const GError *error) {
        if (error->domain != VS_ERROR || error->code < 0 || error->code >= _VS_ERR_MAX)
                return VS_ERROR_LIBVIRT_FAILED;
        return error_names[error->code];
}

VsError vs_error_from_name(const char *name) {
        for (int code = 0; code < _VS_ERR_MAX; code++)
                if (g_strcmp0(error_names[code], name) == 0)
                        return code;
        return VS_ERR_LIBVIRT_FAILED;
}

bool vs_fail(GError **error, VsError code, const char *format, ...) {
        g_autofree char *text = NULL, *valid = NULL;
        va_list args;

        if (!error)
                return false;
        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        /* A name that was cut in the middle of a character would keep the whole reply from being sent. */
        valid = g_utf8_make_valid(text, -1);
        *error = g_error_new_literal(VS_ERROR, code, valid);
        return false;
}
