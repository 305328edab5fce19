/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/virt/virt-error.h"

#include <string.h>

#include "daemon/base/error.h"

/* What a caller can act on; anything else is LibvirtFailed with libvirt's own message. */
static const struct {
        int libvirt;
        VsError ours;
} codes[] = {
        { VIR_ERR_NO_DOMAIN, VS_ERR_NO_SUCH_DOMAIN },
        { VIR_ERR_NO_DOMAIN_SNAPSHOT, VS_ERR_NO_SUCH_SNAPSHOT },
        { VIR_ERR_XML_ERROR, VS_ERR_INVALID_XML },
        { VIR_ERR_XML_DETAIL, VS_ERR_INVALID_XML },
        { VIR_ERR_XML_INVALID_SCHEMA, VS_ERR_INVALID_XML },
        { VIR_ERR_NO_SUPPORT, VS_ERR_NOT_SUPPORTED },
        { VIR_ERR_CONFIG_UNSUPPORTED, VS_ERR_NOT_SUPPORTED },
        { VIR_ERR_OPERATION_UNSUPPORTED, VS_ERR_NOT_SUPPORTED },
        { VIR_ERR_ARGUMENT_UNSUPPORTED, VS_ERR_NOT_SUPPORTED },
        { VIR_ERR_BLOCK_COPY_ACTIVE, VS_ERR_DOMAIN_BUSY },
        { VIR_ERR_OPERATION_TIMEOUT, VS_ERR_DOMAIN_BUSY },
        { VIR_ERR_RESOURCE_BUSY, VS_ERR_DOMAIN_BUSY },
        { VIR_ERR_SNAPSHOT_REVERT_RISKY, VS_ERR_REVERT_RISKY },
        { VIR_ERR_AGENT_UNRESPONSIVE, VS_ERR_AGENT_UNAVAILABLE },
        { VIR_ERR_AGENT_UNSYNCED, VS_ERR_AGENT_UNAVAILABLE },
        { VIR_ERR_OPERATION_ABORTED, VS_ERR_CANCELLED },
        { VIR_ERR_AUTH_FAILED, VS_ERR_ACCESS_DENIED },
        { VIR_ERR_ACCESS_DENIED, VS_ERR_ACCESS_DENIED },
};

/* libvirt has no code of its own for these. */
static const struct {
        const char *text;
        VsError ours;
} texts[] = {
        { "No space left on device", VS_ERR_NO_SPACE },
        { "cannot acquire state change lock", VS_ERR_DOMAIN_BUSY },
        { "guest agent is not connected", VS_ERR_AGENT_UNAVAILABLE },
        { "QEMU guest agent is not configured", VS_ERR_AGENT_UNAVAILABLE },
        { "Guest agent is not responding", VS_ERR_AGENT_UNAVAILABLE },
};

static bool is_connection_loss(const virError *error) {
        return error->domain == VIR_FROM_RPC &&
                (error->code == VIR_ERR_SYSTEM_ERROR || error->code == VIR_ERR_INTERNAL_ERROR ||
                        error->code == VIR_ERR_NO_CONNECT || error->code == VIR_ERR_RPC);
}

static VsError classify(const virError *error) {
        if (!error)
                return VS_ERR_LIBVIRT_FAILED;
        if (is_connection_loss(error) || error->code == VIR_ERR_INVALID_CONN)
                return VS_ERR_DISCONNECTED;
        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
                if (error->message && strcasestr(error->message, texts[i].text))
                        return texts[i].ours;
        for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
                if (codes[i].libvirt == error->code)
                        return codes[i].ours;
        return VS_ERR_LIBVIRT_FAILED;
}

bool virt_fail(GError **error, const char *what) {
        const virError *last = virGetLastError();
        const char *message = last && last->message ? last->message : "libvirt gives no reason";

        if (what)
                return vs_fail(error, classify(last), "%s: %s", what, message);
        return vs_fail(error, classify(last), "%s", message);
}

bool virt_last_error_is(int code) {
        return virGetLastErrorCode() == code;
}

static void be_quiet(void *userdata, virErrorPtr error) {
}

void virt_error_init(void) {
        virSetErrorFunc(NULL, be_quiet);
}
