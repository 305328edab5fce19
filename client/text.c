/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/text.h"

#include <langinfo.h>
#include <string.h>
#include <wchar.h>

#include <glib.h>

bool text_locale_is_utf8(void) {
        return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* What a terminal would obey rather than show, or show as nothing at all. */
static bool is_treacherous(gunichar c) {
        switch (g_unichar_type(c)) {
        case G_UNICODE_CONTROL:
        case G_UNICODE_FORMAT:
        case G_UNICODE_LINE_SEPARATOR:
        case G_UNICODE_PARAGRAPH_SEPARATOR:
        case G_UNICODE_PRIVATE_USE:
        case G_UNICODE_SURROGATE:
        case G_UNICODE_UNASSIGNED:
                return true;
        default:
                return false;
        }
}

static void append_escape(GString *out, gunichar c) {
        switch (c) {
        case '\\':
                g_string_append(out, "\\\\");
                break;
        case '\n':
                g_string_append(out, "\\n");
                break;
        case '\t':
                g_string_append(out, "\\t");
                break;
        case '\r':
                g_string_append(out, "\\r");
                break;
        default:
                g_string_append_printf(out, c < 0x80 ? "\\x%02x" : c > 0xffff ? "\\U%08x" : "\\u%04x", c);
        }
}

char *text_escape_for(const char *s, bool utf8) {
        GString *out = g_string_sized_new(strlen(s) + 8);

        while (*s) {
                gunichar c = g_utf8_get_char_validated(s, -1);

                if (c == (gunichar) -1 || c == (gunichar) -2 || (c >= 0x80 && !utf8)) {
                        g_string_append_printf(out, "\\x%02x", (unsigned char) *s++);
                        continue;
                }
                if (c == '\\' || is_treacherous(c))
                        append_escape(out, c);
                else
                        g_string_append_unichar(out, c);
                s = g_utf8_next_char(s);
        }
        return g_string_free(out, FALSE);
}

char *text_escape(const char *s) {
        return text_escape_for(s, text_locale_is_utf8());
}

char *text_escape_json(const char *json) {
        GString *out = g_string_sized_new(strlen(json));

        /* Line breaks are the serializer's own: in a JSON string they are escaped already. */
        for (; *json; json = g_utf8_next_char(json)) {
                gunichar c = g_utf8_get_char(json);

                if (c == '\n' || !is_treacherous(c))
                        g_string_append_unichar(out, c);
                else if (c <= 0xffff)
                        g_string_append_printf(out, "\\u%04x", c);
                else
                        g_string_append_printf(
                                out, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
        }
        return g_string_free(out, FALSE);
}

char *text_escape_xml(const char *xml) {
        GString *out = g_string_sized_new(strlen(xml));

        for (; *xml; xml = g_utf8_next_char(xml)) {
                gunichar c = g_utf8_get_char(xml);

                if (c == '\n' || c == '\t' || !is_treacherous(c))
                        g_string_append_unichar(out, c);
                else
                        g_string_append_printf(out, "&#x%x;", c);
        }
        return g_string_free(out, FALSE);
}

size_t text_width(const char *s) {
        mbstate_t state = { 0 };
        size_t width = 0, n = strlen(s);

        while (n > 0) {
                wchar_t wide;
                size_t used = mbrtowc(&wide, s, n, &state);
                int columns;

                if (used == 0 || used > n) {
                        used = 1;
                        columns = 1;
                        memset(&state, 0, sizeof state);
                } else
                        columns = wcwidth(wide);
                width += columns > 0 ? (size_t) columns : 0;
                s += used;
                n -= used;
        }
        return width;
}
