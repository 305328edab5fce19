/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "daemon/model/records.h"

/*
 * Where new files go.  A name of ours is never that of a file that is there; a name that a caller gives must
 * be a plain one: absolute, no link on its way, in a folder where images may lie.  These calls look at the
 * file system: they may block, and are for workers.
 */

/* Folders in which a caller may have files made, of char *: those where the domain's own images lie, and,
 * for the system's daemon, libvirt's own.  The user's daemon may do what its user may: NULL, any folder. */
GPtrArray *overlay_folders(const DomainRecord *domain);

/* reuse: the file must be there; else it must not. InvalidPath with the reason otherwise. */
bool overlay_check_path(const char *path, const GPtrArray *folders, bool reuse, GError **error);

/* A new name beside the disk's image: STEM-TARGET-ID.qcow2.  NotSupported when the source is no file. The
 * caller's. */
char *overlay_name(const DomainDisk *disk, uint64_t id, GError **error);

/* libvirt makes overlays of domains that are off readable for everybody (CVE-2025-13193): give it no more
 * rights than the image below it has. */
void overlay_restrict(const char *path, const char *below);
