/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/options.h"

#include <argp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "client/format.h"
#include "client/say.h"
#include "client/text.h"

/* Keys of long options: above every character, below argp's own keys. */
#define KEY_BASE 0x200
#define KEY_GLOBAL_BASE 0x400
#define KEY_LIMIT 0x600
#define KEY_HELP 'h'
#define KEY_VERSION 'V'
#define KEY_USAGE (KEY_LIMIT + 1)

typedef struct Parse {
        const Command *command;
        char **args;
        unsigned n_args;
        int used;
} Parse;

static const Option *find_short(const Option *options, int key) {
        for (; options && options->name; options++)
                if (options->key == key)
                        return options;
        return NULL;
}

static const Option *find_option(const Command *command, int key) {
        const Option *option;

        if (key >= KEY_LIMIT || key <= 0)
                return NULL;
        if (key >= KEY_GLOBAL_BASE)
                return &command->global_options[key - KEY_GLOBAL_BASE];
        if (key >= KEY_BASE)
                return &command->options[key - KEY_BASE];
        option = find_short(command->options, key);
        return option ? option : find_short(command->global_options, key);
}

static void set_number(const Option *option, const char *arg, struct argp_state *state) {
        int r = option->type == OPTION_BYTES ? parse_bytes(arg, option->value)
                                             : parse_seconds(arg, option->value);

        if (r == -ERANGE)
                argp_error(state, "--%s: that is too much", option->name);
        else if (r < 0)
                argp_error(state, "--%s: this is not a number%s", option->name,
                        option->type == OPTION_BYTES ? " of bytes, like 512K, 10M or 1.5GiB"
                                                     : " of seconds");
}

static void set_option(const Option *option, char *arg, struct argp_state *state) {
        GPtrArray **list;

        if (arg && !g_utf8_validate(arg, -1, NULL))
                argp_error(state, "--%s: the value is not valid UTF-8", option->name);
        switch (option->type) {
        case OPTION_FLAG:
                *(bool *) option->value = true;
                break;
        case OPTION_STRING:
                *(const char **) option->value = arg;
                break;
        case OPTION_IMPLIED:
                *(const char **) option->value = arg ? arg : option->implied;
                break;
        case OPTION_LIST:
                list = option->value;
                if (!*list)
                        *list = g_ptr_array_new();
                g_ptr_array_add(*list, arg);
                break;
        case OPTION_BYTES:
        case OPTION_SECONDS:
                set_number(option, arg, state);
                break;
        }
}

static void add_argument(Parse *parse, char *arg, struct argp_state *state) {
        const Command *command = parse->command;

        if (!g_utf8_validate(arg, -1, NULL))
                argp_error(state, "an argument is not valid UTF-8");
        if (parse->n_args >= command->max_args) {
                g_autofree char *escaped = text_escape(arg);
                argp_error(state, "'%s' is one argument too many", escaped);
        }
        parse->args[parse->n_args++] = arg;
        if (command->stop_at_first) {
                parse->used = state->next;
                state->next = state->argc;
        }
}

static error_t parse_one(int key, char *arg, struct argp_state *state) {
        Parse *parse = state->input;
        const Option *option = find_option(parse->command, key);

        if (option) {
                set_option(option, arg, state);
                return 0;
        }
        switch (key) {
        case KEY_HELP:
                argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
                return 0;
        case KEY_USAGE:
                argp_state_help(state, stdout, ARGP_HELP_USAGE | ARGP_HELP_EXIT_OK);
                return 0;
        case KEY_VERSION:
                puts("virtsnapctl " VIRTSNAP_VERSION);
                exit(EXIT_SUCCESS);
        case ARGP_KEY_ARG:
                add_argument(parse, arg, state);
                return 0;
        case ARGP_KEY_END:
                if (parse->n_args < parse->command->min_args)
                        argp_error(state, "needs %s", parse->command->synopsis);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static void add_options(GArray *out, const Option *options, int base, int group) {
        for (int i = 0; options && options[i].name; i++) {
                struct argp_option o = {
                        .name = options[i].name,
                        .key = options[i].key ? options[i].key : base + i,
                        .arg = options[i].arg,
                        .flags = options[i].type == OPTION_IMPLIED ? OPTION_ARG_OPTIONAL : 0,
                        .doc = options[i].help,
                        .group = group,
                };

                g_array_append_val(out, o);
        }
}

static char *filter_help(int key, const char *text, void *input) {
        /* Nobody needs to be told twice that -H takes what --host takes. */
        return key == ARGP_KEY_HELP_DUP_ARGS_NOTE ? NULL : (char *) text;
}

int options_parse(const Command *command, int argc, char **argv, char ***ret_args) {
        static const struct argp_option globals = { .doc = "With every command:", .group = 2 };
        static const struct argp_option help[] = {
                { .name = "help", .key = KEY_HELP, .doc = "Show this", .group = -1 },
                { .name = "usage", .key = KEY_USAGE, .doc = "Show all options in a few lines", .group = -1 },
                { .name = "version", .key = KEY_VERSION, .doc = "Show the version", .group = -1 },
        };
        g_autoptr(GArray) table = g_array_new(TRUE, TRUE, sizeof(struct argp_option));
        g_autofree char **all = g_new0(char *, (size_t) argc + 2);
        Parse parse = { .command = command };
        struct argp argp = {
                .parser = parse_one,
                .args_doc = command->synopsis,
                .doc = command->help,
                .help_filter = filter_help,
        };

        add_options(table, command->options, KEY_BASE, 1);
        if (!command->stop_at_first)
                g_array_append_val(table, globals);
        add_options(table, command->global_options, KEY_GLOBAL_BASE, 2);
        /* argp's own would take -? rather than -h. */
        g_array_append_vals(table, help, G_N_ELEMENTS(help));
        argp.options = (const struct argp_option *) (const void *) table->data;

        all[0] = (char *) command->name;
        memcpy(all + 1, argv, sizeof(char *) * (size_t) argc);
        parse.args = g_new0(char *, command->max_args + 1);
        parse.used = argc + 1;
        argp_err_exit_status = STATUS_USAGE;
        argp_parse(&argp, argc + 1, all, ARGP_NO_HELP | (command->stop_at_first ? ARGP_IN_ORDER : 0), NULL,
                &parse);
        *ret_args = parse.args;
        return parse.used - 1;
}

int options_usage(const char *command, const char *format, ...) {
        g_autofree char *text = NULL, *escaped = NULL;
        va_list ap;

        va_start(ap, format);
        text = g_strdup_vprintf(format, ap);
        va_end(ap);
        escaped = text_escape(text);
        fprintf(stderr, "%s: %s\nTry `%s --help' for more information.\n", command, escaped, command);
        return STATUS_USAGE;
}
