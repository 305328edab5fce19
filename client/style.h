/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "client/bus.h"

/* Colours of the terminal; "" where there are none. */
typedef enum Style {
        STYLE_NORMAL,
        STYLE_BOLD,
        STYLE_DIM,
        STYLE_GOOD,
        STYLE_WARN,
        STYLE_BAD,
        _STYLE_MAX,
} Style;

static inline const char *style(const Client *client, Style style) {
        static const char *const codes[_STYLE_MAX] = {
                [STYLE_NORMAL] = "\033[0m",
                [STYLE_BOLD] = "\033[1m",
                [STYLE_DIM] = "\033[2m",
                [STYLE_GOOD] = "\033[32m",
                [STYLE_WARN] = "\033[33m",
                [STYLE_BAD] = "\033[31m",
        };

        return client->color ? codes[style] : "";
}
