/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <systemd/sd-event.h>

/* Turn the loop until done() says so; a minute or two without that ends the test. */
void loop_until(sd_event *event, bool (*done)(const void *data), const void *data);
