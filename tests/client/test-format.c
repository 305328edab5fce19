/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <glib.h>

#include "client/format.h"

#define MINUTE (60 * USEC_PER_SEC)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static void check_bytes(uint64_t bytes, const char *expected) {
        g_autofree char *text = format_bytes(bytes);

        g_assert_cmpstr(text, ==, expected);
}

static void test_format_bytes(void) {
        check_bytes(0, "0 B");
        check_bytes(1023, "1023 B");
        check_bytes(1024, "1.0 KiB");
        check_bytes(1536, "1.5 KiB");
        check_bytes(1024 * 1024 - 1, "1.0 MiB");
        check_bytes(UINT64_C(10) << 30, "10.0 GiB");
        check_bytes(UINT64_MAX, "16.0 EiB");
}

static void check_span(uint64_t usec, const char *expected) {
        g_autofree char *text = format_span(usec);

        g_assert_cmpstr(text, ==, expected);
}

static void test_format_span(void) {
        check_span(0, "0:00");
        check_span(7 * USEC_PER_SEC + 999999, "0:07");
        check_span(HOUR - 1, "59:59");
        check_span(HOUR + 2 * MINUTE + 3 * USEC_PER_SEC, "1:02:03");
        check_span(100 * HOUR, "100:00:00");
}

static void test_format_time(void) {
        g_autofree char *text = NULL, *far = NULL;

        text = format_time(UINT64_C(1700000000) * USEC_PER_SEC);
        g_assert_cmpstr(text, ==, "2023-11-14 22:13:20 +0000");
        far = format_time(UINT64_MAX);
        g_assert_cmpstr(far, !=, "");
}

static void check_age(uint64_t then, uint64_t now, const char *expected) {
        g_autofree char *text = format_age(then, now);

        g_assert_cmpstr(text, ==, expected);
}

static void test_format_age(void) {
        check_age(DAY, DAY, "just now");
        check_age(DAY, DAY + 59 * USEC_PER_SEC, "59 s ago");
        check_age(DAY, DAY + MINUTE, "1 min ago");
        check_age(DAY, DAY + 23 * HOUR, "23 h ago");
        check_age(DAY, 4 * DAY, "3 d ago");
        check_age(0, 800 * DAY, "2 y ago");
        check_age(4 * DAY, 2 * DAY, "in 2 d");
}

static void check_size(const char *text, uint64_t expected) {
        uint64_t bytes = 4711;

        g_assert_cmpint(parse_bytes(text, &bytes), ==, 0);
        g_assert_cmpuint(bytes, ==, expected);
}

static void test_parse_bytes(void) {
        static const char *const wrong[] = { "", "x", "-1", "+1", " 1", "1e3", "0x10", "inf", "nan", "1.2.3",
                ".5", "1 Q", "1KiBs", "1/s/s", "M", "10 M B" };
        uint64_t bytes = 4711;

        check_size("0", 0);
        check_size("512", 512);
        check_size("512b", 512);
        check_size("1k", 1024);
        check_size("1.5GiB", UINT64_C(3) << 29);
        check_size("10M/s", 10 << 20);
        check_size("10 MiB/s", 10 << 20);
        check_size("10MB", 10000000);
        check_size("1TB", UINT64_C(1000000000000));
        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
                g_test_message("'%s'", wrong[i]);
                g_assert_cmpint(parse_bytes(wrong[i], &bytes), ==, -EINVAL);
        }
        g_assert_cmpint(parse_bytes("9223372036854775808", &bytes), ==, -ERANGE);
        g_assert_cmpint(parse_bytes("99999999T", &bytes), ==, -ERANGE);
        g_assert_cmpuint(bytes, ==, 4711);
}

static void test_parse_seconds(void) {
        uint64_t usec = 4711;

        g_assert_cmpint(parse_seconds("90", &usec), ==, 0);
        g_assert_cmpuint(usec, ==, 90 * USEC_PER_SEC);
        g_assert_cmpint(parse_seconds("0.25s", &usec), ==, 0);
        g_assert_cmpuint(usec, ==, USEC_PER_SEC / 4);
        g_assert_cmpint(parse_seconds("1min", &usec), ==, -EINVAL);
        g_assert_cmpint(parse_seconds("-1", &usec), ==, -EINVAL);
        g_assert_cmpint(parse_seconds("99999999999999", &usec), ==, -ERANGE);
}

static void test_parse_id(void) {
        uint64_t id = 4711;

        g_assert_cmpint(parse_id("18446744073709551615", &id), ==, 0);
        g_assert_cmpuint(id, ==, UINT64_MAX);
        g_assert_cmpint(parse_id("18446744073709551616", &id), ==, -ERANGE);
        g_assert_cmpint(parse_id("0", &id), ==, -EINVAL);
        g_assert_cmpint(parse_id("", &id), ==, -EINVAL);
        g_assert_cmpint(parse_id("-5", &id), ==, -EINVAL);
        g_assert_cmpint(parse_id("5 ", &id), ==, -EINVAL);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        setenv("TZ", "UTC0", 1);
        tzset();
        g_test_add_func("/format/bytes", test_format_bytes);
        g_test_add_func("/format/span", test_format_span);
        g_test_add_func("/format/time", test_format_time);
        g_test_add_func("/format/age", test_format_age);
        g_test_add_func("/parse/bytes", test_parse_bytes);
        g_test_add_func("/parse/seconds", test_parse_seconds);
        g_test_add_func("/parse/id", test_parse_id);
        return g_test_run();
}
