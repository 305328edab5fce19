/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

/*
 * The a{sv} at the end of a method: read by a table, strictly.  A key that the table does not have, one that
 * comes twice, or a value of another type is org.freedesktop.DBus.Error.InvalidArgs.  Loop thread.
 */
typedef enum OptionType {
        OPTION_BOOL, /* b → bool */
        OPTION_STRING, /* s → const char *, which lives as long as the message */
        OPTION_UINT64, /* t → uint64_t */
        OPTION_CUSTOM, /* read by a function of the table */
} OptionType;

typedef struct Option {
        const char *name;
        OptionType type;
        size_t offset; /* of the value in what is filled */
        size_t given_offset; /* of a bool that tells whether it was given; 0: nobody asks */
        const char *signature; /* OPTION_CUSTOM: of the value */
        int (*read)(sd_bus_message *message, void *value, sd_bus_error *error);
} Option;

/* options: ends with an entry without a name; NULL takes none.  into keeps what it has where nothing is
 * given. Returns 0, or a negative errno with *error set. */
int options_read(sd_bus_message *message, const Option *options, void *into, sd_bus_error *error);

/* The error of a wrong value: returns the negative errno that a handler returns. */
int options_invalid(sd_bus_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
