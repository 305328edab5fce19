/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/*
 * Small files that must survive a crash: what is there is always one whole text, the old one or the new one.
 * Any thread; calls block until the disk has it.  dir_fd is an open folder, name a file right in it.
 * Negative errno.
 */
int file_replace(int dir_fd, const char *name, const char *text);
/* No error when there is none. */
int file_remove(int dir_fd, const char *name);
/* At most max bytes (EFBIG above).  *ret_text ends with a NUL; the caller's, g_free(). */
int file_read(int dir_fd, const char *name, size_t max, char **ret_text);
/* Open a folder below another (AT_FDCWD for none), made with mode 0700 when it is not there; a file
 * descriptor. */
int file_open_folder(int dir_fd, const char *path);
