/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>

#include "client/text.h"
#include "dbus/names.h"

static bool quiet;

static const struct {
        const char *name;
        int status;
        const char *hint;
} errors[] = {
        { VS_ERROR_NO_SUCH_DOMAIN, STATUS_NOT_FOUND, "'virtsnapctl domains' lists them." },
        { VS_ERROR_NO_SUCH_SNAPSHOT, STATUS_NOT_FOUND, "'virtsnapctl tree' shows them." },
        { VS_ERROR_NO_SUCH_DISK, STATUS_NOT_FOUND, "'virtsnapctl chain DOMAIN' shows its disks." },
        { VS_ERROR_NO_SUCH_JOB, STATUS_NOT_FOUND,
                "'virtsnapctl jobs --ended' also lists those that ended." },
        { VS_ERROR_NO_SUCH_POLICY, STATUS_NOT_FOUND, NULL },
        { SD_BUS_ERROR_UNKNOWN_OBJECT, STATUS_NOT_FOUND, "It may just have gone away." },
        { SD_BUS_ERROR_ACCESS_DENIED, STATUS_NOT_ALLOWED, "Try it as root, or with sudo." },
        { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, STATUS_NOT_ALLOWED,
                "Try it without --no-ask-password, or as root." },
        { SD_BUS_ERROR_INVALID_ARGS, STATUS_USAGE, NULL },
        { VS_ERROR_DOMAIN_BUSY, STATUS_FAILED, "'virtsnapctl jobs' shows what is going on." },
        { VS_ERROR_PROTECTED, STATUS_FAILED,
                "'virtsnapctl unprotect DOMAIN NAME' first, or --force to delete it all the same." },
        { VS_ERROR_REVERT_RISKY, STATUS_FAILED, "--force does it all the same." },
        { VS_ERROR_WOULD_LOSE_DATA, STATUS_FAILED,
                "--force does it all the same, and deletes them with it." },
        { VS_ERROR_AGENT_UNAVAILABLE, STATUS_FAILED,
                "--quiesce=prefer does it without the guest's agent, as after a power cut." },
        { VS_ERROR_DISCONNECTED, STATUS_FAILED, "Try again when libvirt is back." },
        { SD_BUS_ERROR_SERVICE_UNKNOWN, STATUS_FAILED,
                "virtsnapd does not run on this bus. 'systemctl start virtsnapd' starts the system's, "
                "'virtsnapd --user' one's own (virtsnapctl --user)." },
        { SD_BUS_ERROR_NAME_HAS_NO_OWNER, STATUS_FAILED, "virtsnapd does not run on this bus." },
        { SD_BUS_ERROR_NO_REPLY, STATUS_FAILED,
                "virtsnapd may have done it all the same: 'virtsnapctl jobs --ended' tells." },
};

void say_quietly(void) {
        quiet = true;
}

static G_GNUC_PRINTF(2, 0) void print(const char *prefix, const char *format, va_list ap) {
        g_autofree char *text = g_strdup_vprintf(format, ap);

        /* What stdout holds back comes first, where both are one terminal. */
        fflush(stdout);
        fprintf(stderr, "%s%s\n", prefix, text);
}

void say(const char *format, ...) {
        va_list ap;

        if (quiet)
                return;
        va_start(ap, format);
        print("", format, ap);
        va_end(ap);
}

int fail(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        print("virtsnapctl: ", format, ap);
        va_end(ap);
        return STATUS_FAILED;
}

int fail_named(const char *error_name, const char *message, const char *what) {
        g_autofree char *escaped = text_escape(*message ? message : error_name);
        const char *hint = NULL;
        int status = STATUS_FAILED;

        for (size_t i = 0; i < G_N_ELEMENTS(errors); i++)
                if (g_str_equal(errors[i].name, error_name)) {
                        hint = errors[i].hint;
                        status = errors[i].status;
                }
        fail("cannot %s: %s", what, escaped);
        if (hint)
                fprintf(stderr, "%s\n", hint);
        return status;
}

int fail_bus(const sd_bus_error *error, int r, const char *what) {
        if (sd_bus_error_is_set(error))
                return fail_named(error->name, error->message ? error->message : "", what);
        return fail_named("", g_strerror(-r), what);
}

bool can_ask(void) {
        return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool ask(const char *question) {
        char answer[16];

        fprintf(stderr, "%s [y/N] ", question);
        if (!fgets(answer, sizeof answer, stdin)) {
                fputc('\n', stderr);
                return false;
        }
        g_strstrip(answer);
        return g_ascii_strcasecmp(answer, "y") == 0 || g_ascii_strcasecmp(answer, "yes") == 0;
}
