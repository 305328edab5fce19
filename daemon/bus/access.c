/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/bus/access.h"

#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>

#include "dbus/names.h"

/* Senders remembered; unique names are never given again, so a forgotten one is only asked for again. */
#define SENDERS_MAX 4096U

struct Access {
        sd_bus *bus;
        sd_bus_slot *filter;
        GHashTable *uids; /* unique name → uid + 1 */
        uint64_t last_call;
};

static uint32_t ask_uid(sd_bus_message *message) {
        sd_bus_creds *creds = NULL;
        uid_t uid = VS_UID_UNKNOWN;

        if (sd_bus_query_sender_creds(message, SD_BUS_CREDS_EUID, &creds) >= 0)
                sd_bus_creds_get_euid(creds, &uid);
        sd_bus_creds_unref(creds);
        return uid;
}

uint64_t access_last_call(const Access *access) {
        return access->last_call;
}

uint32_t access_sender_uid(Access *access, sd_bus_message *message) {
        const char *sender = sd_bus_message_get_sender(message);
        uintptr_t known;
        uint32_t uid;

        if (!sender)
                return VS_UID_UNKNOWN;
        known = (uintptr_t) g_hash_table_lookup(access->uids, sender);
        if (known)
                return (uint32_t) (known - 1);
        uid = ask_uid(message);
        if (uid == VS_UID_UNKNOWN)
                return uid;
        if (g_hash_table_size(access->uids) >= SENDERS_MAX)
                g_hash_table_remove_all(access->uids);
        g_hash_table_insert(access->uids, g_strdup(sender), (void *) ((uintptr_t) uid + 1));
        return uid;
}

/* root, or whoever the daemon runs as: on the system's bus that is root, too. */
static bool is_allowed(uint32_t uid) {
        return uid == 0 || uid == geteuid();
}

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Access *access = userdata;

        if (sd_bus_message_is_method_call(message, NULL, NULL) <= 0)
                return 0;
        sd_event_now(sd_bus_get_event(access->bus), CLOCK_MONOTONIC, &access->last_call);
        if (is_allowed(access_sender_uid(access, message)))
                return 0;
        return sd_bus_reply_method_errorf(message, SD_BUS_ERROR_ACCESS_DENIED,
                "Only the user whom virtsnapd runs as may call it; on the system's bus that is root.");
}

int access_new(sd_bus *bus, Access **ret) {
        Access *access = g_new0(Access, 1);
        int r;

        access->bus = sd_bus_ref(bus);
        access->uids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        r = sd_bus_add_filter(bus, &access->filter, on_message, access);
        if (r < 0) {
                access_free(access);
                return r;
        }
        *ret = access;
        return 0;
}

Access *access_free(Access *access) {
        if (!access)
                return NULL;
        sd_bus_slot_unref(access->filter);
        g_hash_table_unref(access->uids);
        sd_bus_unref(access->bus);
        g_free(access);
        return NULL;
}
