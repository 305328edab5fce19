/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "daemon/jobs/create.h"
#include "daemon/jobs/merge.h"

/* The options of Domain's methods.  Each returns a negative errno with *error set; nothing is returned then.
 */

typedef struct ListOptions {
        bool roots, leaves, no_leaves, active, inactive, disk_only, internal, external, metadata,
                no_metadata;
        bool descendants;
        const char *from;
} ListOptions;

/* *ret_from: the snapshot of that name, NULL when none is given. */
int list_options_read(sd_bus_message *message, const Domain *domain, ListOptions *ret,
        const Snapshot **ret_from, sd_bus_error *error);
/* libvirt's rule: of a group of filters any, of all groups each. */
bool list_options_match(const ListOptions *options, const Snapshot *snapshot);

int create_options_read(sd_bus_message *message, const char *name, CreateParams **ret, sd_bus_error *error);
int create_xml_options_read(
        sd_bus_message *message, const char *xml, CreateParams **ret, sd_bus_error *error);
int merge_options_read(
        sd_bus_message *message, bool pull, const char *disk, MergeParams **ret, sd_bus_error *error);
