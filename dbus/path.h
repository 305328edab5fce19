/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/*
 * The path codec: what object path a domain, a snapshot, a job has, and back.  Labels are escaped as
 * sd_bus_path_encode(3) does it.  Pure functions, any thread.  Returned strings are the caller's, to be
 * freed with free(); NULL means out of memory.
 */

/* A snapshot this many levels below the last path that started under the domain starts there again, so that
 * no path grows with the depth of the tree. */
#define VS_PATH_LEVELS 64U

char *vs_domain_path(const char *domain_name);

/* level: 0 for a root snapshot, its parent's level + 1 for any other.  parent_path is not looked at where
 * the path starts again under the domain; it also does where it would be longer than sd-bus takes, which
 * only names of hundreds of bytes can bring about. */
char *vs_snapshot_path(
        const char *domain_path, const char *parent_path, unsigned level, const char *snapshot_name);

char *vs_job_path(uint64_t id);

/* Take a path apart.  Each returns 1 and sets what it found, 0 when the path is not of that kind, or a
 * negative errno; nothing is set then.  The strings are the caller's. */
int vs_domain_path_decode(const char *path, char **ret_domain_name);
int vs_snapshot_path_decode(const char *path, char **ret_domain_name, char **ret_snapshot_name);
int vs_job_path_decode(const char *path, uint64_t *ret_id);
