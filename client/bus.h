/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <systemd/sd-bus.h>

#include "client/json.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_message, sd_bus_message_unref)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(sd_bus_error, sd_bus_error_free)

/* This run of the program: how it was called, what its output goes to, and its connection. */
typedef struct Client {
        bool user; /* the session bus */
        bool json;
        bool no_wait;
        bool quiet;
        bool no_ask_password;
        const char *host; /* [USER@]HOST whose system bus is meant, or NULL */

        bool color; /* stdout is a terminal that wants colours */
        bool utf8;
        bool bar; /* stderr is a terminal, and a bar is welcome */

        sd_bus *bus;
} Client;

/* Connect to the bus.  A status; errors have been shown. */
int client_connect(Client *client);
void client_done(Client *client);

/* A method call to be filled in.  Interactive authorization is allowed unless --no-ask-password.  0 or a
 * negative errno. */
int bus_method(
        Client *client, const char *path, const char *interface, const char *member, sd_bus_message **ret);

/* Append one entry of an a{sv} that is open.  A NULL string, false and 0 are left out. */
int bus_option_str(sd_bus_message *m, const char *key, const char *value);
int bus_option_bool(sd_bus_message *m, const char *key, bool value);
int bus_option_uint(sd_bus_message *m, const char *key, uint64_t value);

/* Call a method (types and arguments as with sd_bus_message_append()) and decode the first value of its
 * answer; ret may be NULL.  0 or a negative errno, error is set for what the other side said. */
int bus_call(Client *client, sd_bus_error *error, Json **ret, const char *path, const char *interface,
        const char *member, const char *types, ...);

/* All properties of an object. */
int bus_get_all(Client *client, sd_bus_error *error, Json **ret, const char *path, const char *interface);

/* The paths of the moment.  The name is what the user typed: for domains a UUID will do.  Errors have been
 * shown; a status. */
int bus_find_domain(Client *client, const char *domain, char **ret_path);
int bus_find_snapshot(Client *client, const char *domain, const char *snapshot, char **ret_path);
int bus_find_job(Client *client, const char *id, uint64_t *ret_id, char **ret_path);

/* Like bus_find_snapshot(), for verbs that take either a NAME or --current: exactly one of both must be
 * there.  ret_name is the caller's to g_free(). */
int bus_find_snapshot_or_current(Client *client, const char *command, const char *domain,
        const char *snapshot, bool current, char **ret_path, char **ret_name);
