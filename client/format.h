/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Numbers as people read and write them.  Times are µs (since the epoch where they are points in time),
 * sizes bytes.  Returned strings are the caller's, to be freed with g_free().  Pure but for the time zone.
 */

#define USEC_PER_SEC UINT64_C(1000000)

uint64_t now_usec(void);

char *format_bytes(uint64_t bytes); /* "1.5 GiB" */
char *format_span(uint64_t usec); /* "0:07", "1:02:03" */
char *format_time(uint64_t usec); /* as virsh: "2026-11-21 08:02:33 +0000" */
char *format_age(uint64_t then, uint64_t now); /* "just now", "3 h ago", "in 2 d" */

/* Read a size: a number, perhaps with a fraction, then nothing or B, K/KiB, M/MiB, G/GiB, T/TiB (of 1024) or
 * KB, MB, GB, TB (of 1000), then perhaps "/s".  0, -EINVAL, or -ERANGE for what no 63 bits hold. */
int parse_bytes(const char *s, uint64_t *ret);

/* Read a number of seconds, perhaps with a fraction, into µs.  Errors as above. */
int parse_seconds(const char *s, uint64_t *ret_usec);

/* Read a number of decimal digits alone, above 0: an id.  Errors as above. */
int parse_id(const char *s, uint64_t *ret);
