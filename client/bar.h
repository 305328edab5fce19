/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The line that shows how far a job is.  Pure. */

typedef struct Bar {
        const char *label; /* what is being done to what, escaped */
        const char *phase; /* escaped */
        double progress; /* 0.0 to 1.0 */
        uint64_t bytes_done, bytes_total; /* 0 total: not known */
        uint64_t rate; /* bytes per second, 0: not known */
        uint64_t left_usec; /* 0: not known */
} Bar;

/* At most `columns` wide: the least important parts go first.  The caller g_free()s it. */
char *bar_format(const Bar *bar, unsigned columns, bool utf8);
