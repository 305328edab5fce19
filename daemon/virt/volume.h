/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <libvirt/libvirt.h>

#include "daemon/model/records.h"

/*
 * A disk of type "volume" names a pool and a volume in it.  Give those of the record that are files or
 * devices of this host their path as the source.  A pool that is not there, or has no such volume, leaves
 * the disk as it is: nothing can run from it.  False and an error when libvirt cannot tell.  Blocks.
 */
bool volumes_resolve(virConnectPtr handle, DomainRecord *record, GError **error);
