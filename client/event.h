/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/json.h"

/* An event as a line for people, without the line's end; "domain", "snapshot", "job" and the rest in it as
 * `watch --json` prints them.  Pure but for the time zone.  The caller g_free()s it. */
char *event_format(Json *event);

/* The same, to stdout. */
void event_print(Json *event);
