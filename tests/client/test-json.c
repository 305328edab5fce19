/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <stdint.h>
#include <unistd.h>

#include <glib.h>
#include <systemd/sd-bus.h>

#include "client/json.h"

/* A message that can be read, of a bus that leads nowhere. */
static sd_bus_message *seal(sd_bus *bus, const char *types, ...) {
        sd_bus_message *m = NULL;
        va_list ap;

        g_assert_cmpint(sd_bus_message_new_signal(bus, &m, "/a", "a.b", "C"), >=, 0);
        va_start(ap, types);
        g_assert_cmpint(sd_bus_message_appendv(m, types, ap), >=, 0);
        va_end(ap);
        g_assert_cmpint(sd_bus_message_seal(m, 1, 0), >=, 0);
        return m;
}

static sd_bus *open_nowhere(void) {
        sd_bus *bus = NULL;
        int fds[2];

        g_assert_cmpint(pipe(fds), ==, 0);
        g_assert_cmpint(sd_bus_new(&bus), >=, 0);
        g_assert_cmpint(sd_bus_set_fd(bus, fds[0], fds[1]), >=, 0);
        g_assert_cmpint(sd_bus_start(bus), >=, 0);
        return bus;
}

static void check(sd_bus_message *m, const char *expected) {
        g_autoptr(Json) json = NULL;

        g_assert_cmpint(json_from_message(m, &json), ==, 0);
        g_assert_cmpstr(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN), ==, expected);
        sd_bus_message_unref(m);
}

static void test_decode(void) {
        sd_bus *bus = open_nowhere();

        check(seal(bus, "s", "a\"b"), "\"a\\\"b\"");
        check(seal(bus, "t", UINT64_MAX), "18446744073709551615");
        check(seal(bus, "u", UINT32_MAX), "4294967295");
        check(seal(bus, "x", INT64_MIN), "-9223372036854775808");
        check(seal(bus, "b", 1), "true");
        check(seal(bus, "as", 0), "[]");
        check(seal(bus, "a(sb)", 2, "a", 1, "b", 0), "[[\"a\",true],[\"b\",false]]");
        check(seal(bus, "a{sv}", 2, "CreationTime", "t", UINT64_C(5), "virtual-size", "as", 1, "x"),
                "{\"creation_time\":5,\"virtual_size\":[\"x\"]}");
        check(seal(bus, "a{sv}", 1, "StartedByUID", "u", 7), "{\"started_by_uid\":7}");
        /* Keys that are data stay what they are. */
        check(seal(bus, "a{sas}", 1, "Not-Ours", 0), "{\"Not-Ours\":[]}");
        check(seal(bus, "a{us}", 1, 1, "x"), "[[1,\"x\"]]");
        sd_bus_close_unref(bus);
}

static void test_numbers(void) {
        sd_bus *bus = open_nowhere();

        check(seal(bus, "d", 0.45), "0.45");
        check(seal(bus, "d", 1.0), "1.0");
        check(seal(bus, "d", (double) INFINITY), "null");
        sd_bus_close_unref(bus);
}

static void test_fields(void) {
        static const char *const names[] = { "name", "size", "more", NULL };
        g_autoptr(Json) rows = json_tokener_parse("[[\"a\",1],[\"b\",2,null]]");
        g_autoptr(Json) objects = json_name_fields(rows, names);

        g_assert_cmpuint(json_len(objects), ==, 2);
        g_assert_cmpstr(json_str(json_at(objects, 0), "name"), ==, "a");
        g_assert_cmpuint(json_uint(json_at(objects, 1), "size"), ==, 2);
        g_assert_cmpstr(json_str(json_at(objects, 1), "more"), ==, "");
        g_assert_null(json_at(objects, 2));
        g_assert_cmpuint(json_len(json_get(json_at(objects, 0), "size")), ==, 0);
        g_assert_false(json_flag(NULL, "name"));
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/json/decode", test_decode);
        g_test_add_func("/json/numbers", test_numbers);
        g_test_add_func("/json/fields", test_fields);
        return g_test_run();
}
