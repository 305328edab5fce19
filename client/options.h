/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/*
 * The options of the program and of each verb as static tables that name the variable to be set; argp(3)
 * does the parsing, the help and the errors.
 */

typedef enum OptionType {
        OPTION_FLAG, /* value is a bool *, set to true */
        OPTION_STRING, /* a const char ** */
        OPTION_IMPLIED, /* a const char **; the argument may be left out, and is `implied` then */
        OPTION_LIST, /* a GPtrArray ** of const char *, made when first used */
        OPTION_BYTES, /* a uint64_t *: a size, or a rate a second, with its unit */
        OPTION_SECONDS, /* a uint64_t *, in µs */
} OptionType;

typedef struct Option {
        const char *name; /* NULL ends a table */
        char key; /* the short option, or 0 */
        OptionType type;
        void *value;
        const char *help;
        const char *arg; /* what its argument is called */
        const char *implied;
} Option;

typedef struct Command {
        const char *name; /* as errors and the help name it: "virtsnapctl list" */
        const char *synopsis; /* its arguments: "DOMAIN [NAME]" */
        const char *help; /* what the help says above the options */
        const Option *options; /* may be NULL */
        const Option *global_options;
        unsigned min_args, max_args;
        bool stop_at_first; /* what follows the first argument is not for this command */
} Command;

/* Parse a command line, argv[0] being no part of it.  Sets the variables of the options, and ret_args to a
 * new array of max_args + 1 strings of argv, filled up with NULL; its container is the caller's to g_free().
 * Returns how many elements of argv are used up.  Help, version and wrong usage end the process. */
int options_parse(const Command *command, int argc, char **argv, char ***ret_args);

/* Say what is wrong and where to find help, for an error that only the verb can see.  Returns the status. */
int options_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
