/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/virt/edit.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/base/error.h"
#include "daemon/virt/read.h"
#include "daemon/virt/snapshot-xml.h"
#include "daemon/virt/virt-error.h"

void edit_clear(Edit *edit) {
        g_clear_pointer(&edit->name, g_free);
        g_clear_pointer(&edit->text, g_free);
}

static char *read_xml(virDomainSnapshotPtr snapshot, bool secure, GError **error) {
        char *xml = virDomainSnapshotGetXMLDesc(snapshot, secure ? VIR_DOMAIN_SNAPSHOT_XML_SECURE : 0);

        if (!xml)
                virt_fail(error, "cannot read the snapshot's XML");
        return xml;
}

char *edit_read_xml(virConnectPtr handle, const char *uuid, const char *name, bool secure, GError **error) {
        g_autoptr(VirDomain) domain = lookup_domain(handle, uuid, error);
        g_autoptr(VirSnapshot) snapshot = domain ? lookup_snapshot(domain, name, error) : NULL;

        return snapshot ? read_xml(snapshot, secure, error) : NULL;
}

bool edit_redefine(virDomainPtr domain, const char *xml, bool current, GError **error) {
        g_autoptr(VirSnapshot) snapshot = virDomainSnapshotCreateXML(domain, xml,
                VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE | (current ? VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT : 0));

        return snapshot || virt_fail(error, "cannot redefine the snapshot");
}

bool edit_is_current(virDomainSnapshotPtr snapshot) {
        return virDomainSnapshotIsCurrent(snapshot, 0) > 0;
}

static bool set_description(
        virDomainPtr domain, virDomainSnapshotPtr snapshot, const char *text, GError **error) {
        char *xml = read_xml(snapshot, true, error);
        g_autofree char *changed = xml ? snapshot_xml_set_description(xml, text, error) : NULL;

        free(xml);
        return changed && edit_redefine(domain, changed, edit_is_current(snapshot), error);
}

static bool make_current(virDomainPtr domain, virDomainSnapshotPtr snapshot, GError **error) {
        char *xml = read_xml(snapshot, true, error);
        bool ok = xml && edit_redefine(domain, xml, true, error);

        free(xml);
        return ok;
}

static bool hang_below(virDomainPtr domain, virDomainSnapshotPtr child, const char *parent, GError **error) {
        char *xml = read_xml(child, true, error);
        g_autofree char *changed = xml ? snapshot_xml_set_parent(xml, parent, error) : NULL;

        free(xml);
        return changed && edit_redefine(domain, changed, edit_is_current(child), error);
}

static bool move_children(virDomainPtr domain, virDomainSnapshotPtr from, const char *to, GError **error) {
        virDomainSnapshotPtr *children = NULL;
        int n = virDomainSnapshotListAllChildren(from, &children, 0);
        bool ok = n >= 0 || virt_fail(error, "cannot list the snapshot's children");

        for (int i = 0; i < n; i++) {
                ok = ok && hang_below(domain, children[i], to, error);
                virDomainSnapshotFree(children[i]);
        }
        free(children);
        return ok;
}

/* A redefine under a new name makes a second snapshot: then the children move over, and the old one's
 * metadata goes. Interrupted in between, both are there and hold the same content: nothing is lost. */
static bool rename_snapshot(
        virDomainPtr domain, virDomainSnapshotPtr snapshot, const char *name, GError **error) {
        char *xml = read_xml(snapshot, true, error);
        g_autofree char *changed = xml ? snapshot_xml_set_name(xml, name, error) : NULL;

        free(xml);
        if (!changed || !edit_redefine(domain, changed, edit_is_current(snapshot), error) ||
                !move_children(domain, snapshot, name, error))
                return false;
        return virDomainSnapshotDelete(snapshot, VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY) >= 0 ||
                virt_fail(error, "cannot remove the old name");
}

bool edit_snapshot(virConnectPtr handle, const char *uuid, const Edit *edit, GError **error) {
        g_autoptr(VirDomain) domain = lookup_domain(handle, uuid, error);
        g_autoptr(VirSnapshot) snapshot = domain ? lookup_snapshot(domain, edit->name, error) : NULL;

        if (!snapshot)
                return false;
        switch (edit->kind) {
        case EDIT_DESCRIPTION:
                return set_description(domain, snapshot, edit->text, error);
        case EDIT_CURRENT:
                return make_current(domain, snapshot, error);
        case EDIT_NAME:
                return rename_snapshot(domain, snapshot, edit->text, error);
        }
        return vs_fail(error, VS_ERR_NOT_SUPPORTED, "no such change");
}
