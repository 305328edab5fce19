/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

/*
 * A folder of its own for every test: a GLib fixture.
 *   g_test_add(path, Scratch, NULL, scratch_up, test, scratch_down)
 */
typedef struct Scratch {
        char *path; /* without links on its way */
        int fd;
} Scratch;

void scratch_up(Scratch *scratch, gconstpointer data);
void scratch_down(Scratch *scratch, gconstpointer data);

/* The caller's. */
char *scratch_in(const Scratch *scratch, const char *name);

/* Names may have folders in front.  Each ends the test when it does not go well. */
void scratch_write(const Scratch *scratch, const char *name, const void *data, size_t n);
void scratch_write_text(const Scratch *scratch, const char *name, const char *text);
/* A file's text; NULL when there is no such file.  The caller's. */
char *scratch_read(const Scratch *scratch, const char *name);
bool scratch_exists(const Scratch *scratch, const char *name);
void scratch_folder(const Scratch *scratch, const char *name);
void scratch_link(const Scratch *scratch, const char *target, const char *name);
void scratch_remove(const Scratch *scratch, const char *name);

/* From here to scratch_unlock() nothing can be written in the folder: as in a read-only state directory.
 * root may write anywhere, so it becomes another user meanwhile.  False when that cannot be had. */
bool scratch_lock(const Scratch *scratch, const char *name);
void scratch_unlock(const Scratch *scratch, const char *name);

/* From here on no file can grow over so many bytes: as on a disk that is full.  SIZE_MAX: as before. */
void scratch_limit_files(size_t bytes);
