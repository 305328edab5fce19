/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

/*
 * Who may do what: decided here and nowhere else, and no unless a line here says yes.  On the user's bus the
 * user alone may do anything; on the system's bus only root, until polkit is asked.  Loop thread.
 */
typedef struct Access Access;

/* Every method call goes through it before any handler sees it. */
int access_new(sd_bus *bus, Access **ret);
Access *access_free(Access *access);

/* When a method was last called, µs of CLOCK_MONOTONIC; 0: never. */
uint64_t access_last_call(const Access *access);

/* The sender's uid, VS_UID_UNKNOWN when it cannot be found out.  Asked once a connection, then remembered.
 */
uint32_t access_sender_uid(Access *access, sd_bus_message *message);
