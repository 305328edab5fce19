/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/bus.h"
#include "client/options.h"
#include "client/say.h"
#include "client/text.h"
#include "client/verb.h"

static bool wants_color(void) {
        const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

        return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

static bool wants_bar(const Client *client) {
        const char *term = getenv("TERM");

        return !client->quiet && isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

static int run_verb(Client *client, const Verb *verb, char **args) {
        int status;

        if (client->user && client->host)
                return options_usage("virtsnapctl", "--user and --host exclude each other");
        if (client->quiet)
                say_quietly();
        client->color = wants_color();
        client->bar = wants_bar(client);
        client->utf8 = text_locale_is_utf8();

        status = client_connect(client);
        return status == STATUS_DONE ? verb->run(client, verb, args) : status;
}

/* Global options may stand before the verb and after it; the verb's own after it. */
static int run(Client *client, int argc, char **argv) {
        const Option global_options[] = {
                { "user", 0, OPTION_FLAG, &client->user,
                        "Talk to the user's own daemon, on the session bus" },
                { "host", 'H', OPTION_STRING, &client->host, "Talk to another machine's daemon, over ssh",
                        "[USER@]HOST" },
                { "json", 0, OPTION_FLAG, &client->json, "Print JSON" },
                { "no-wait", 0, OPTION_FLAG, &client->no_wait, "Do not wait for the end of the job" },
                { "quiet", 'q', OPTION_FLAG, &client->quiet, "No messages but errors, and no bar" },
                { "no-ask-password", 0, OPTION_FLAG, &client->no_ask_password,
                        "Do not ask for a password where the right is missing" },
                { NULL },
        };
        g_autofree char *help = verb_help(), *command_name = NULL;
        g_autofree char **program_args = NULL, **verb_args = NULL;
        const Command program = {
                .name = "virtsnapctl",
                .synopsis = "VERB [ARGUMENT...]",
                .help = help,
                .global_options = global_options,
                .min_args = 1,
                .max_args = 1,
                .stop_at_first = true,
        };
        int used = options_parse(&program, argc - 1, argv + 1, &program_args);
        const Verb *verb = verb_find(program_args[0]);

        if (!verb)
                return options_usage("virtsnapctl", "there is no verb '%s'", program_args[0]);
        command_name = verb_command(verb);
        const Command command = {
                .name = command_name,
                .synopsis = verb->synopsis,
                .help = verb->summary,
                .options = verb->options,
                .global_options = global_options,
                .min_args = verb->min_args,
                .max_args = verb->max_args,
        };
        options_parse(&command, argc - 1 - used, argv + 1 + used, &verb_args);
        return run_verb(client, verb, verb_args);
}

/* What could not be written is an error, but for a reader that has seen enough. */
static int close_stdout(int status) {
        bool failed = ferror(stdout);

        errno = 0;
        if (fclose(stdout) == 0 && !failed)
                return status;
        if (errno != EPIPE)
                fail("cannot write the output: %s", errno ? strerror(errno) : "error");
        return status == STATUS_DONE ? STATUS_FAILED : status;
}

int main(int argc, char *argv[]) {
        Client client = { 0 };
        int status;

        setlocale(LC_ALL, "");
        status = run(&client, argc, argv);
        client_done(&client);
        return close_stdout(status);
}
