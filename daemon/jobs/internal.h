/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/jobs/facts.h"

/*
 * libvirt's own revert to an internal snapshot writes in the image that holds it, whatever rests on that
 * image; and the definition it brings back may name other images that something rests on by now.  These look
 * before.
 */

/* What the world tells without a look at any image: NotSupported for snapshots that are not internal, and
 * for internal ones whose image an external snapshot needs.  verb: "reverted to", "deleted".  Loop thread.
 */
bool internal_check_world(const Snapshot *snapshot, const char *verb, GError **error);

/* The same with the images read: nothing may back on the image, and no snapshot need it.  whole: look at
 * every writable disk of the snapshot's definition, not just at those that the snapshot is in.  Job threads.
 */
bool internal_check_images(Facts *facts, virConnectPtr handle, const char *uuid, const char *name,
        bool whole, const char *verb, GError **error);
