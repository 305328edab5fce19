/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/xml.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/say.h"
#include "client/text.h"
#include "client/verb.h"
#include "dbus/names.h"

static bool arg_security_info, arg_current;

static const Option xml_options[] = {
        { "security-info", 0, OPTION_FLAG, &arg_security_info, "With passwords" },
        { "current", 0, OPTION_FLAG, &arg_current, "Of the current snapshot" },
        { NULL },
};

static void print_text(const char *xml) {
        g_autofree char *escaped = isatty(STDOUT_FILENO) ? text_escape_xml(xml) : NULL;
        const char *text = escaped ? escaped : xml;

        fputs(text, stdout);
        if (!g_str_has_suffix(text, "\n"))
                putchar('\n');
}

int xml_print(Client *client, const char *path, const char *name, bool secure) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autoptr(sd_bus_message) m = NULL, reply = NULL;
        g_autofree char *escaped = text_escape(name);
        g_autofree char *what = g_strdup_printf("read the XML of '%s'", escaped);
        g_autoptr(Json) json = NULL;
        const char *xml;
        int r = bus_method(client, path, VS_SNAPSHOT_INTERFACE, "GetXML", &m);

        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = bus_option_bool(m, "secure", secure);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_call(client->bus, m, 0, &error, &reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "s", &xml);
        if (r < 0)
                return fail_bus(&error, r, what);
        if (!client->json) {
                print_text(xml);
                return STATUS_DONE;
        }
        json = json_object_new_object();
        json_set_str(json, "name", name);
        json_set_str(json, "xml", xml);
        json_print(json);
        return STATUS_DONE;
}

static int run_xml(Client *client, const Verb *verb, char **args) {
        g_autofree char *path = NULL, *name = NULL, *command = verb_command(verb);
        int r = bus_find_snapshot_or_current(client, command, args[0], args[1], arg_current, &path, &name);

        return r == STATUS_DONE ? xml_print(client, path, name, arg_security_info) : r;
}

const Verb verb_xml = {
        .name = "xml",
        .synopsis = "DOMAIN NAME",
        .summary = "Print a snapshot's XML",
        .group = GROUP_LOOK,
        .min_args = 1,
        .max_args = 2,
        .options = xml_options,
        .run = run_xml,
};
