/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/*
 * What an image's header says it backs on, as QEMU reads that name: a path, "file:PATH", or a description in
 * JSON ("json:{…}") of what to open, with formats and filters around a file.
 *
 * image: the path of the image that the name was found in, for names that are relative to it.  Returns the
 * path with *ret_local true, and the name as it is with *ret_local false for what is not a file or device of
 * this host, or not understood.  The caller's to free.  Pure, any thread.
 */
char *backing_resolve(const char *image, const char *name, bool *ret_local);
