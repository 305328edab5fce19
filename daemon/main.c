/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/service.h"
#include "daemon/virt/xml.h"

/* Options, signals, the event loop, nothing more. */

typedef struct Options {
        gboolean user, version;
        char *uri, *state;
        double idle_timeout;
} Options;

static bool parse_options(int argc, char **argv, Options *options) {
        const GOptionEntry entries[] = {
                { "user", 0, 0, G_OPTION_ARG_NONE, &options->user,
                        "Serve on the user's bus, not the system's", NULL },
                { "connect", 0, 0, G_OPTION_ARG_STRING, &options->uri,
                        "The libvirt to serve (qemu:///system, or qemu:///session with --user)", "URI" },
                { "state-directory", 0, 0, G_OPTION_ARG_FILENAME, &options->state, "Where records are kept",
                        "DIR" },
                { "idle-timeout", 0, 0, G_OPTION_ARG_DOUBLE, &options->idle_timeout,
                        "Leave when idle for so long (0, the default: never)", "SECONDS" },
                { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, "Print the version and exit",
                        NULL },
                {},
        };
        g_autoptr(GOptionContext) context = g_option_context_new("- libvirt's snapshots on D-Bus");
        g_autoptr(GError) error = NULL;

        g_option_context_add_main_entries(context, entries, NULL);
        if (!g_option_context_parse(context, &argc, &argv, &error)) {
                fprintf(stderr, "virtsnapd: %s\n", error->message);
                return false;
        }
        if (argc > 1) {
                fprintf(stderr, "virtsnapd: there are no arguments but options: %s\n", argv[1]);
                return false;
        }
        if (!(options->idle_timeout >= 0 && options->idle_timeout < 1e9)) {
                fprintf(stderr, "virtsnapd: --idle-timeout must be a number of seconds\n");
                return false;
        }
        return true;
}

/* Before the first thread, which inherits it: signals come to the loop alone. */
static void block_signals(void) {
        sigset_t signals;

        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        sigaddset(&signals, SIGCHLD);
        sigprocmask(SIG_BLOCK, &signals, NULL);
        signal(SIGPIPE, SIG_IGN);
}

static int run(const Options *options) {
        const ServiceOptions service_options = {
                .user = options->user,
                .uri = options->uri,
                .state = options->state,
                .idle_usec = (uint64_t) (options->idle_timeout * 1e6),
        };
        g_autoptr(Service) service = NULL;
        g_autoptr(GError) error = NULL;
        sd_event *event = NULL;
        int r;

        r = sd_event_default(&event);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r < 0) {
                log_error("no event loop can be had: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        service = service_new(event, &service_options, &error);
        if (!service) {
                log_error("%s", error->message);
                sd_event_unref(event);
                return EXIT_FAILURE;
        }
        r = sd_event_loop(event);
        sd_notify(0, "STOPPING=1");
        if (r < 0)
                log_error("the event loop failed: %s", strerror(-r));
        sd_event_unref(event);
        return r < 0 ? EXIT_FAILURE : r;
}

int main(int argc, char **argv) {
        Options options = {};
        int r;

        if (!parse_options(argc, argv, &options))
                return EXIT_FAILURE;
        if (options.version) {
                puts("virtsnapd " VIRTSNAP_VERSION);
                return EXIT_SUCCESS;
        }
        /* Few threads allocate at the same time: more arenas would only hold more memory. */
        mallopt(M_ARENA_MAX, 2);
        block_signals();
        xml_init();
        r = run(&options);
        g_free(options.uri);
        g_free(options.state);
        return r;
}
