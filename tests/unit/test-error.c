/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/base/error.h"

#include <string.h>

#include <systemd/sd-bus.h>

#include "dbus/names.h"

static void test_names(void) {
        g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

        for (VsError code = 0; code < _VS_ERR_MAX; code++) {
                g_autoptr(GError) error = g_error_new_literal(VS_ERROR, (int) code, "text");
                const char *name = vs_error_name(error);

                g_assert_true(g_str_has_prefix(name, VS_ERROR_PREFIX) ||
                        g_str_has_prefix(name, "org.freedesktop.DBus.Error."));
                g_assert_true(sd_bus_interface_name_is_valid(name));
                g_assert_true(g_hash_table_add(seen, (char *) name));
                g_assert_cmpint(vs_error_from_name(name), ==, code);
        }
        g_assert_cmpstr(VS_ERROR_WOULD_LOSE_DATA, ==, "org.virtsnap1.Error.WouldLoseData");
        g_assert_cmpint(
                vs_error_from_name("org.freedesktop.DBus.Error.AccessDenied"), ==, VS_ERR_ACCESS_DENIED);
}

static void test_foreign(void) {
        g_autoptr(GError) other = g_error_new_literal(G_MARKUP_ERROR, 0, "text");
        g_autoptr(GError) above = g_error_new_literal(VS_ERROR, _VS_ERR_MAX, "text");
        g_autoptr(GError) below = g_error_new_literal(VS_ERROR, -1, "text");

        g_assert_cmpstr(vs_error_name(other), ==, VS_ERROR_LIBVIRT_FAILED);
        g_assert_cmpstr(vs_error_name(above), ==, VS_ERROR_LIBVIRT_FAILED);
        g_assert_cmpstr(vs_error_name(below), ==, VS_ERROR_LIBVIRT_FAILED);
        g_assert_cmpint(vs_error_from_name("org.virtsnap1.Error.Unheard"), ==, VS_ERR_LIBVIRT_FAILED);
        g_assert_cmpint(vs_error_from_name(""), ==, VS_ERR_LIBVIRT_FAILED);
        g_assert_cmpint(vs_error_from_name(NULL), ==, VS_ERR_LIBVIRT_FAILED);
}

static void test_fail(void) {
        g_autoptr(GError) error = NULL;

        g_assert_false(vs_fail(&error, VS_ERR_TOO_MANY, "%u of %s: %%n", 3, "them"));
        g_assert_error(error, VS_ERROR, VS_ERR_TOO_MANY);
        g_assert_cmpstr(error->message, ==, "3 of them: %n");
        g_assert_false(vs_fail(NULL, VS_ERR_TOO_MANY, "%s", "nobody asks"));
}

/* What is said of a caller's own text is cut by bytes; sd-bus sends nothing that is not UTF-8. */
static void test_valid_text(void) {
        for (int n = 0; n <= 8; n++) {
                g_autoptr(GError) error = NULL;

                g_assert_false(vs_fail(&error, VS_ERR_NO_SUCH_DOMAIN, "\"%.*s\" is no domain", n, "äà€𝄞"));
                g_assert_true(g_utf8_validate(error->message, -1, NULL));
                g_assert_true(g_str_has_suffix(error->message, "\" is no domain"));
        }
        for (unsigned byte = 0x80; byte <= 0xff; byte++) {
                const char text[] = { (char) byte, 'x', '\0' };
                g_autoptr(GError) error = NULL;

                g_assert_false(vs_fail(&error, VS_ERR_NO_SUCH_DOMAIN, "%s", text));
                g_assert_true(g_utf8_validate(error->message, -1, NULL));
                g_assert_true(g_str_has_suffix(error->message, "x"));
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/error/names", test_names);
        g_test_add_func("/error/foreign", test_foreign);
        g_test_add_func("/error/fail", test_fail);
        g_test_add_func("/error/valid-text", test_valid_text);
        return g_test_run();
}
