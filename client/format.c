/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/format.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <glib.h>

#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MINUTE)
#define USEC_PER_DAY (24 * USEC_PER_HOUR)
#define USEC_PER_YEAR (365 * USEC_PER_DAY)

static const struct {
        const char *name;
        double factor;
} units[] = {
        { "", 1 },
        { "B", 1 },
        { "K", 0x1p10 },
        { "KiB", 0x1p10 },
        { "KB", 1e3 },
        { "M", 0x1p20 },
        { "MiB", 0x1p20 },
        { "MB", 1e6 },
        { "G", 0x1p30 },
        { "GiB", 0x1p30 },
        { "GB", 1e9 },
        { "T", 0x1p40 },
        { "TiB", 0x1p40 },
        { "TB", 1e12 },
};

uint64_t now_usec(void) {
        return (uint64_t) g_get_real_time();
}

char *format_bytes(uint64_t bytes) {
        static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
        double value = (double) bytes;
        unsigned i = 0;

        /* 1023.95 KiB would be rounded to "1024.0 KiB". */
        while (value >= 1023.95 && i + 1 < G_N_ELEMENTS(names)) {
                value /= 1024;
                i++;
        }
        return i == 0 ? g_strdup_printf("%" PRIu64 " B", bytes)
                      : g_strdup_printf("%.1f %s", value, names[i]);
}

char *format_span(uint64_t usec) {
        uint64_t seconds = usec / USEC_PER_SEC;

        if (usec >= USEC_PER_HOUR)
                return g_strdup_printf("%" PRIu64 ":%02u:%02u", seconds / 3600,
                        (unsigned) (seconds / 60 % 60), (unsigned) (seconds % 60));
        return g_strdup_printf("%u:%02u", (unsigned) (seconds / 60), (unsigned) (seconds % 60));
}

char *format_time(uint64_t usec) {
        time_t seconds = (time_t) (usec / USEC_PER_SEC);
        char buffer[64];
        struct tm tm;

        if (!localtime_r(&seconds, &tm) || strftime(buffer, sizeof buffer, "%Y-%m-%d %H:%M:%S %z", &tm) == 0)
                return g_strdup("-");
        return g_strdup(buffer);
}

char *format_age(uint64_t then, uint64_t now) {
        static const struct {
                uint64_t unit;
                const char *name;
        } steps[] = {
                { USEC_PER_YEAR, "y" },
                { USEC_PER_DAY, "d" },
                { USEC_PER_HOUR, "h" },
                { USEC_PER_MINUTE, "min" },
                { USEC_PER_SEC, "s" },
        };
        uint64_t age = now > then ? now - then : then - now;

        for (unsigned i = 0; i < G_N_ELEMENTS(steps); i++)
                if (age >= steps[i].unit)
                        return g_strdup_printf(now > then ? "%" PRIu64 " %s ago" : "in %" PRIu64 " %s",
                                age / steps[i].unit, steps[i].name);
        return g_strdup("just now");
}

/* A plain decimal number, dot and fraction allowed, whatever the locale's dot is: no sign, no exponent, no
 * "inf".  Returns where it ended, or NULL. */
static const char *parse_decimal(const char *s, double *ret) {
        size_t n = strspn(s, "0123456789");
        char *end;

        if (n == 0)
                return NULL;
        if (s[n] == '.')
                n += 1 + strspn(s + n + 1, "0123456789");
        g_autofree char *digits = g_strndup(s, n);
        *ret = g_ascii_strtod(digits, &end);
        return *end ? NULL : s + n;
}

static int scale(double value, double factor, uint64_t *ret) {
        double scaled = round(value * factor);

        /* libvirt's numbers are signed at times. */
        if (!(scaled < 0x1p63))
                return -ERANGE;
        *ret = (uint64_t) scaled;
        return 0;
}

int parse_bytes(const char *s, uint64_t *ret) {
        double value;
        const char *unit = parse_decimal(s, &value);

        if (!unit)
                return -EINVAL;
        unit += strspn(unit, " ");
        size_t n = strlen(unit);
        if (n >= 2 && strcmp(unit + n - 2, "/s") == 0)
                n -= 2;
        for (unsigned i = 0; i < G_N_ELEMENTS(units); i++)
                if (strlen(units[i].name) == n && strncasecmp(units[i].name, unit, n) == 0)
                        return scale(value, units[i].factor, ret);
        return -EINVAL;
}

int parse_seconds(const char *s, uint64_t *ret_usec) {
        double value;
        const char *rest = parse_decimal(s, &value);

        if (!rest || (*rest && strcmp(rest, "s") != 0))
                return -EINVAL;
        return scale(value, (double) USEC_PER_SEC, ret_usec);
}

int parse_id(const char *s, uint64_t *ret) {
        uint64_t id;

        if (!*s || strspn(s, "0123456789") != strlen(s))
                return -EINVAL;
        errno = 0;
        id = strtoull(s, NULL, 10);
        if (errno)
                return -errno;
        if (id == 0)
                return -EINVAL;
        *ret = id;
        return 0;
}
