/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/bus/options.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include <glib.h>

#include "daemon/bus/bus.h"

static const struct {
        char type;
        const char *signature;
} types[] = {
        [OPTION_BOOL] = { 'b', "b" },
        [OPTION_STRING] = { 's', "s" },
        [OPTION_UINT64] = { 't', "t" },
};

int options_invalid(sd_bus_error *error, const char *format, ...) {
        g_autofree char *text = NULL;
        va_list args;

        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        return bus_failf(error, VS_ERR_INVALID_ARGS, "%s", text);
}

static const Option *find_option(const Option *options, const char *name, unsigned *ret_index) {
        for (unsigned i = 0; options && options[i].name; i++)
                if (strcmp(options[i].name, name) == 0) {
                        *ret_index = i;
                        return options + i;
                }
        return NULL;
}

static int read_plain(sd_bus_message *message, const Option *option, void *value) {
        int r, flag;

        if (option->type != OPTION_BOOL)
                return sd_bus_message_read_basic(message, types[option->type].type, value);
        r = sd_bus_message_read_basic(message, 'b', &flag);
        if (r >= 0)
                *(bool *) value = flag;
        return r;
}

static int read_value(sd_bus_message *message, const Option *option, void *into, sd_bus_error *error) {
        const char *signature =
                option->type == OPTION_CUSTOM ? option->signature : types[option->type].signature;
        void *value = (char *) into + option->offset;
        const char *contents;
        char type;
        int r;

        r = sd_bus_message_peek_type(message, &type, &contents);
        if (r < 0)
                return r;
        if (type != 'v' || strcmp(contents, signature) != 0)
                return options_invalid(error, "The option \"%s\" must be of type %s, not %s.", option->name,
                        signature, contents);
        r = sd_bus_message_enter_container(message, 'v', signature);
        if (r < 0)
                return r;
        r = option->type == OPTION_CUSTOM ? option->read(message, value, error)
                                          : read_plain(message, option, value);
        if (r < 0)
                return r;
        if (option->given_offset)
                *(bool *) ((char *) into + option->given_offset) = true;
        return sd_bus_message_exit_container(message);
}

int options_read(sd_bus_message *message, const Option *options, void *into, sd_bus_error *error) {
        uint32_t seen = 0;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                const Option *option;
                const char *name;
                unsigned index;

                r = sd_bus_message_read_basic(message, 's', &name);
                if (r < 0)
                        return r;
                option = find_option(options, name, &index);
                if (!option)
                        return options_invalid(error, "There is no option \"%.64s\" here.", name);
                if (seen & 1U << index)
                        return options_invalid(error, "The option \"%s\" is given twice.", name);
                seen |= 1U << index;
                r = read_value(message, option, into, error);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}
