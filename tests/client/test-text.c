/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <locale.h>
#include <string.h>

#include <glib.h>
#include <json-c/json.h>

#include "client/text.h"

static void check_escape(const char *in, bool utf8, const char *expected) {
        g_autofree char *out = text_escape_for(in, utf8);

        g_assert_cmpstr(out, ==, expected);
}

static void test_plain(void) {
        check_escape("", true, "");
        check_escape("web1", true, "web1");
        check_escape("%n%s <&\"'>", true, "%n%s <&\"'>");
        check_escape("日本語 é", true, "日本語 é");
}

static void test_control(void) {
        check_escape("a\nb\tc\rd", true, "a\\nb\\tc\\rd");
        check_escape("\x1b[31m\x7f", true, "\\x1b[31m\\x7f");
        check_escape("\xc2\x9b", true, "\\u009b");
        check_escape("a\\nb", true, "a\\\\nb");
}

static void test_unseen(void) {
        check_escape("\u202egpj.exe", true, "\\u202egpj.exe");
        check_escape("\u2066\u200b\ufeff\u00ad", true, "\\u2066\\u200b\\ufeff\\u00ad");
        check_escape("\u2028\u2029", true, "\\u2028\\u2029");
        check_escape("\U000e0041", true, "\\U000e0041");
}

static void test_invalid(void) {
        check_escape("a\xff"
                     "b",
                true, "a\\xffb");
        check_escape("\xc3", true, "\\xc3");
        check_escape("\xed\xa0\x80", true, "\\xed\\xa0\\x80");
        check_escape("é", false, "\\xc3\\xa9");
}

static void test_json(void) {
        json_object *in = json_object_new_string("a\x1b\x7f\u202e\U000e0041\"é\n"), *out;
        g_autofree char *text = text_escape_json(json_object_to_json_string(in));

        g_assert_null(strstr(text, "\u202e"));
        g_assert_null(strchr(text, 0x7f));
        g_assert_nonnull(strstr(text, "\\u202e"));
        out = json_tokener_parse(text);
        g_assert_cmpstr(json_object_get_string(out), ==, json_object_get_string(in));
        json_object_put(in);
        json_object_put(out);
}

static void test_xml(void) {
        g_autofree char *text = text_escape_xml("<name>a\u202e\x7f</name>\n\t<é/>");

        g_assert_cmpstr(text, ==, "<name>a&#x202e;&#x7f;</name>\n\t<é/>");
}

static void test_width(void) {
        g_assert_cmpuint(text_width(""), ==, 0);
        g_assert_cmpuint(text_width("web1"), ==, 4);
        if (!text_locale_is_utf8()) {
                g_test_skip("no UTF-8 locale");
                return;
        }
        g_assert_cmpuint(text_width("é"), ==, 1);
        g_assert_cmpuint(text_width("日本語"), ==, 6);
        g_assert_cmpuint(text_width("e\u0301"), ==, 1);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        if (!setlocale(LC_ALL, "C.UTF-8"))
                g_test_message("no UTF-8 locale");
        g_test_add_func("/text/plain", test_plain);
        g_test_add_func("/text/control", test_control);
        g_test_add_func("/text/unseen", test_unseen);
        g_test_add_func("/text/invalid", test_invalid);
        g_test_add_func("/text/json", test_json);
        g_test_add_func("/text/xml", test_xml);
        g_test_add_func("/text/width", test_width);
        return g_test_run();
}
