/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/bus.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "client/format.h"
#include "client/options.h"
#include "client/say.h"
#include "client/text.h"
#include "dbus/names.h"
#include "dbus/path.h"

/* How long a call may take in which somebody may be typing a password. */
#define INTERACTIVE_TIMEOUT_USEC (300 * USEC_PER_SEC)

static int open_bus(Client *client) {
        if (client->host)
                return sd_bus_open_system_remote(&client->bus, client->host);
        return client->user ? sd_bus_open_user(&client->bus) : sd_bus_open_system(&client->bus);
}

int client_connect(Client *client) {
        int r = open_bus(client);

        if (r < 0 && client->host) {
                g_autofree char *host = text_escape(client->host);
                return fail("cannot reach the system bus of %s: %s", host, g_strerror(-r));
        }
        if (r < 0)
                return fail("cannot reach the %s bus: %s\n%s", client->user ? "session" : "system",
                        g_strerror(-r),
                        client->user ? "Is there a session? $DBUS_SESSION_BUS_ADDRESS names its bus."
                                     : "Does dbus-daemon or dbus-broker run? --user takes the session bus.");
        /* A lost connection ends the event loop that follows a job, rather than being waited on. */
        sd_bus_set_exit_on_disconnect(client->bus, true);
        if (!client->no_ask_password && can_ask())
                (void) sd_bus_set_method_call_timeout(client->bus, INTERACTIVE_TIMEOUT_USEC);
        return STATUS_DONE;
}

void client_done(Client *client) {
        client->bus = sd_bus_flush_close_unref(client->bus);
}

int bus_method(
        Client *client, const char *path, const char *interface, const char *member, sd_bus_message **ret) {
        int r = sd_bus_message_new_method_call(client->bus, ret, VS_BUS_NAME, path, interface, member);

        if (r < 0)
                return r;
        return sd_bus_message_set_allow_interactive_authorization(*ret, !client->no_ask_password);
}

int bus_option_str(sd_bus_message *m, const char *key, const char *value) {
        return value ? sd_bus_message_append(m, "{sv}", key, "s", value) : 0;
}

int bus_option_bool(sd_bus_message *m, const char *key, bool value) {
        return value ? sd_bus_message_append(m, "{sv}", key, "b", true) : 0;
}

int bus_option_uint(sd_bus_message *m, const char *key, uint64_t value) {
        return value ? sd_bus_message_append(m, "{sv}", key, "t", value) : 0;
}

int bus_call(Client *client, sd_bus_error *error, Json **ret, const char *path, const char *interface,
        const char *member, const char *types, ...) {
        g_autoptr(sd_bus_message) m = NULL, reply = NULL;
        va_list ap;
        int r = bus_method(client, path, interface, member, &m);

        if (r >= 0 && *types) {
                va_start(ap, types);
                r = sd_bus_message_appendv(m, types, ap);
                va_end(ap);
        }
        if (r >= 0)
                r = sd_bus_call(client->bus, m, 0, error, &reply);
        if (r >= 0 && ret)
                r = json_from_message(reply, ret);
        return r < 0 ? r : 0;
}

int bus_get_all(Client *client, sd_bus_error *error, Json **ret, const char *path, const char *interface) {
        return bus_call(
                client, error, ret, path, "org.freedesktop.DBus.Properties", "GetAll", "s", interface);
}

/* Ask one of Manager's look-ups for a path. */
static int look_up(Client *client, const char *member, const char *first, const char *second,
        const char *what, char **ret_path) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autoptr(Json) answer = NULL;
        int r = bus_call(client, &error, &answer, VS_ROOT_PATH, VS_MANAGER_INTERFACE, member,
                second ? "ss" : "s", first, second);

        if (r < 0)
                return fail_bus(&error, r, what);
        *ret_path = g_strdup(json_object_get_string(answer));
        return STATUS_DONE;
}

int bus_find_domain(Client *client, const char *domain, char **ret_path) {
        g_autofree char *name = text_escape(domain);
        g_autofree char *what = g_strdup_printf("find domain '%s'", name);

        return look_up(client, "GetDomain", domain, NULL, what, ret_path);
}

int bus_find_snapshot(Client *client, const char *domain, const char *snapshot, char **ret_path) {
        g_autofree char *d = text_escape(domain), *s = text_escape(snapshot);
        g_autofree char *what = g_strdup_printf("find snapshot '%s' of '%s'", s, d);

        return look_up(client, "GetSnapshot", domain, snapshot, what, ret_path);
}

int bus_find_job(Client *client, const char *id, uint64_t *ret_id, char **ret_path) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autoptr(Json) answer = NULL;
        g_autofree char *escaped = text_escape(id);
        g_autofree char *what = g_strdup_printf("find job %s", escaped);
        int r;

        if (parse_id(id, ret_id) < 0) {
                fail("'%s' is not a job's number.\n'virtsnapctl jobs' lists them.", escaped);
                return STATUS_USAGE;
        }
        r = bus_call(client, &error, &answer, VS_ROOT_PATH, VS_MANAGER_INTERFACE, "GetJob", "t", *ret_id);
        if (r < 0)
                return fail_bus(&error, r, what);
        *ret_path = g_strdup(json_object_get_string(answer));
        return STATUS_DONE;
}

static int find_current(Client *client, const char *domain, char **ret_path, char **ret_name) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autofree char *domain_path = NULL, *escaped = text_escape(domain);
        g_autofree char *what = g_strdup_printf("look up the current snapshot of '%s'", escaped);
        g_autoptr(Json) properties = NULL;
        char *of, *name;
        int r = bus_find_domain(client, domain, &domain_path);

        if (r != STATUS_DONE)
                return r;
        r = bus_get_all(client, &error, &properties, domain_path, VS_DOMAIN_INTERFACE);
        if (r < 0)
                return fail_bus(&error, r, what);
        if (vs_snapshot_path_decode(json_str(properties, "current_snapshot"), &of, &name) <= 0) {
                fail("'%s' has no current snapshot", escaped);
                return STATUS_NOT_FOUND;
        }
        *ret_path = g_strdup(json_str(properties, "current_snapshot"));
        *ret_name = g_strdup(name);
        free(of);
        free(name);
        return STATUS_DONE;
}

int bus_find_snapshot_or_current(Client *client, const char *command, const char *domain,
        const char *snapshot, bool current, char **ret_path, char **ret_name) {
        if (current && snapshot)
                return options_usage(command, "--current and a name exclude each other");
        if (current)
                return find_current(client, domain, ret_path, ret_name);
        if (!snapshot)
                return options_usage(command, "needs the NAME of a snapshot, or --current");
        *ret_name = g_strdup(snapshot);
        return bus_find_snapshot(client, domain, snapshot, ret_path);
}
