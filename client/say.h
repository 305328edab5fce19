/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <systemd/sd-bus.h>

/*
 * What the program says to people, all of it on stderr, and how it ends.  Everything that others chose must
 * have gone through text_escape() before it comes here, but for the messages of errors, which go through it
 * here.
 */

enum {
        STATUS_DONE = 0,
        STATUS_FAILED = 1,
        STATUS_USAGE = 2,
        STATUS_NOT_FOUND = 3, /* no such domain, snapshot, disk, job or policy */
        STATUS_NOT_ALLOWED = 4,
        STATUS_INTERRUPTED = 130, /* left by Ctrl-C; the job goes on */

        STATUS_LEFT_TO_CALLER = -1, /* of job_follow() alone, never the program's */
};

/* With -q: say() says nothing. */
void say_quietly(void);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An error, and STATUS_FAILED to return. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "cannot WHAT: MESSAGE", with what to do about it where that is known, and the status that belongs to the
 * error.  error may be empty, r is the negative errno then. */
int fail_bus(const sd_bus_error *error, int r, const char *what);

/* The same for an error that came as text, with a job. */
int fail_named(const char *error_name, const char *message, const char *what);

/* Ask on the terminal; the default is no.  false when there is no terminal to ask on. */
bool can_ask(void);
bool ask(const char *question);
