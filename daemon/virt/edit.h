/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <glib.h>
#include <libvirt/libvirt.h>

/*
 * Changes to a snapshot's metadata alone, by redefining it from its own full XML: read with the secrets, or
 * they would be lost, and with its parent, or it would become a root.  Blocking calls, for workers; any
 * thread.
 */
typedef enum EditKind {
        EDIT_DESCRIPTION,
        EDIT_CURRENT,
        EDIT_NAME,
} EditKind;

typedef struct Edit {
        EditKind kind;
        char *name; /* of the snapshot */
        char *text; /* the new description or name */
} Edit;

void edit_clear(Edit *edit);
bool edit_snapshot(virConnectPtr handle, const char *uuid, const Edit *edit, GError **error);

/* A snapshot's XML as libvirt has it; the caller's, free(). */
char *edit_read_xml(virConnectPtr handle, const char *uuid, const char *name, bool secure, GError **error);

/* Redefine a snapshot from an XML that is a changed copy of its own.  Keeps which one is current. */
bool edit_redefine(virDomainPtr domain, const char *xml, bool current, GError **error);
/* Whether this one is the current one. */
bool edit_is_current(virDomainSnapshotPtr snapshot);
