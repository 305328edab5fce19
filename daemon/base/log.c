/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <glib.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

/* JOURNAL_STREAM is set when stderr goes to the journal: systemd.exec(5). */
static bool to_journal(void) {
        return getenv("JOURNAL_STREAM") != NULL;
}

static bool wants_debug(void) {
        return g_strcmp0(getenv("VIRTSNAP_DEBUG"), "1") == 0;
}

void log_write(int priority, const char *format, ...) {
        g_autofree char *text = NULL;
        va_list args;

        if (priority > LOG_INFO && !wants_debug())
                return;
        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        for (char *c = text; *c; c++)
                if ((unsigned char) *c < ' ' || *c == 0x7f)
                        *c = '?';

        if (to_journal())
                sd_journal_print(priority, "%s", text);
        else
                fprintf(stderr, "virtsnapd: %s\n", text);
}
