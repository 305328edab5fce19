/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Text that others chose (names, descriptions, messages of libvirt) made safe to show.  Control characters,
 * characters that change the direction or are not seen, and bytes that are not UTF-8 come out as escapes:
 * "\n", "\x1b", "\u202e".  A backslash is doubled, so that no two texts look the same.
 *
 * Returned strings are the caller's, to be freed with g_free().  Any thread, after setlocale().
 */

/* Whether this locale shows UTF-8.  Where it does not, everything beyond ASCII is escaped byte by byte. */
bool text_locale_is_utf8(void);

char *text_escape(const char *s);
char *text_escape_for(const char *s, bool utf8);

/* The same in a JSON text and in an XML document, with the escapes of those: nothing about their content
 * changes.  Both expect valid UTF-8. */
char *text_escape_json(const char *json);
char *text_escape_xml(const char *xml);

/* Columns on a terminal of a string that text_escape() has made. */
size_t text_width(const char *s);
