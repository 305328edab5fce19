/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/virt/read.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/error.h"
#include "daemon/virt/domain-xml.h"
#include "daemon/virt/snapshot-xml.h"
#include "daemon/virt/virt-error.h"

virDomainPtr lookup_domain(virConnectPtr handle, const char *uuid, GError **error) {
        virDomainPtr domain = virDomainLookupByUUIDString(handle, uuid);

        if (!domain)
                virt_fail(error, NULL);
        return domain;
}

virDomainSnapshotPtr lookup_snapshot(virDomainPtr domain, const char *name, GError **error) {
        virDomainSnapshotPtr snapshot = virDomainSnapshotLookupByName(domain, name, 0);

        if (!snapshot)
                virt_fail(error, NULL);
        return snapshot;
}

bool read_domain_list(virConnectPtr handle, GPtrArray **ret_uuids, GError **error) {
        g_autoptr(GPtrArray) uuids = g_ptr_array_new_with_free_func(g_free);
        virDomainPtr *domains = NULL;
        int n;

        n = virConnectListAllDomains(handle, &domains, 0);
        if (n < 0)
                return virt_fail(error, "cannot list the domains");
        for (int i = 0; i < n; i++) {
                char uuid[VIR_UUID_STRING_BUFLEN];

                if (virDomainGetUUIDString(domains[i], uuid) >= 0)
                        g_ptr_array_add(uuids, g_strdup(uuid));
                virDomainFree(domains[i]);
        }
        free(domains);
        *ret_uuids = g_steal_pointer(&uuids);
        return true;
}

static DomainState state_from_libvirt(int state) {
        static const DomainState states[] = {
                [VIR_DOMAIN_NOSTATE] = DOMAIN_NOSTATE,
                [VIR_DOMAIN_RUNNING] = DOMAIN_RUNNING,
                [VIR_DOMAIN_BLOCKED] = DOMAIN_RUNNING,
                [VIR_DOMAIN_PAUSED] = DOMAIN_PAUSED,
                [VIR_DOMAIN_SHUTDOWN] = DOMAIN_SHUTDOWN,
                [VIR_DOMAIN_SHUTOFF] = DOMAIN_SHUTOFF,
                [VIR_DOMAIN_CRASHED] = DOMAIN_CRASHED,
                [VIR_DOMAIN_PMSUSPENDED] = DOMAIN_PMSUSPENDED,
        };

        return state >= 0 && (size_t) state < G_N_ELEMENTS(states) ? states[state] : DOMAIN_NOSTATE;
}

/* Names, parents before children; with a fall-back for drivers that cannot sort. */
static bool list_snapshots(virDomainPtr domain, GPtrArray **ret, GError **error) {
        g_autoptr(GPtrArray) names = NULL;
        virDomainSnapshotPtr *snapshots = NULL;
        int n;

        n = virDomainListAllSnapshots(domain, &snapshots, VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL);
        if (n < 0)
                return virt_fail(error, "cannot list the snapshots");
        names = g_ptr_array_new_full((unsigned) n, g_free);
        for (int i = 0; i < n; i++) {
                g_ptr_array_add(names, g_strdup(virDomainSnapshotGetName(snapshots[i])));
                virDomainSnapshotFree(snapshots[i]);
        }
        free(snapshots);
        *ret = g_steal_pointer(&names);
        return true;
}

static char *current_snapshot(virDomainPtr domain) {
        g_autoptr(VirSnapshot) current = NULL;

        if (virDomainHasCurrentSnapshot(domain, 0) <= 0)
                return NULL;
        current = virDomainSnapshotCurrent(domain, 0);
        return current ? g_strdup(virDomainSnapshotGetName(current)) : NULL;
}

/* Whether overlays can be made and removed beside every image. */
static bool folders_writable(const GPtrArray *disks) {
        for (unsigned i = 0; i < disks->len; i++) {
                const DomainDisk *disk = disks->pdata[i];
                g_autofree char *folder = g_path_get_dirname(disk->source);

                if (strcmp(disk->type, "file") == 0 && !disk->readonly && *disk->source &&
                        access(folder, W_OK) < 0)
                        return false;
        }
        return true;
}

bool read_domain(virConnectPtr handle, const char *uuid, DomainRecord **ret, GError **error) {
        g_autoptr(DomainRecord) record = g_new0(DomainRecord, 1);
        g_autoptr(VirDomain) domain = lookup_domain(handle, uuid, error);
        g_autoptr(GError) list_error = NULL;
        char *xml;
        int state;
        bool parsed;

        if (!domain)
                return false;
        if (virDomainGetState(domain, &state, NULL, 0) < 0)
                return virt_fail(error, NULL);
        xml = virDomainGetXMLDesc(domain, 0);
        if (!xml)
                return virt_fail(error, NULL);
        parsed = domain_xml_parse(xml, record, error);
        free(xml);
        if (!parsed)
                return false;

        g_free(record->uuid);
        g_free(record->name);
        record->uuid = g_strdup(uuid);
        record->name = g_strdup(virDomainGetName(domain));
        record->state = state_from_libvirt(state);
        record->persistent = virDomainIsPersistent(domain) > 0;
        record->writable = folders_writable(record->disks);
        record->has_managed_save = virDomainHasManagedSaveImage(domain, 0) > 0;
        if (list_snapshots(domain, &record->snapshots, &list_error))
                record->current = current_snapshot(domain);
        else if (g_error_matches(list_error, VS_ERROR, VS_ERR_DISCONNECTED)) {
                g_propagate_error(error, g_steal_pointer(&list_error));
                return false;
        } else
                record->list_error = g_strdup(list_error->message);
        *ret = g_steal_pointer(&record);
        return true;
}

static bool read_snapshot(virDomainPtr domain, const char *name, SnapshotRecord **ret, GError **error) {
        g_autoptr(VirSnapshot) snapshot = virDomainSnapshotLookupByName(domain, name, 0);
        char *xml = snapshot ? virDomainSnapshotGetXMLDesc(snapshot, 0) : NULL;

        *ret = NULL;
        if (!xml)
                return virt_last_error_is(VIR_ERR_NO_DOMAIN_SNAPSHOT) || virt_fail(error, NULL);
        *ret = snapshot_xml_parse(xml, error);
        free(xml);
        return *ret;
}

bool read_snapshots(
        virConnectPtr handle, const char *uuid, const GPtrArray *names, GPtrArray **ret, GError **error) {
        g_autoptr(VirDomain) domain = lookup_domain(handle, uuid, error);
        g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func((GDestroyNotify) snapshot_record_free);

        if (!domain)
                return false;
        for (unsigned i = 0; i < names->len; i++) {
                SnapshotRecord *record;

                if (!read_snapshot(domain, names->pdata[i], &record, error))
                        return false;
                if (record)
                        g_ptr_array_add(records, record);
        }
        *ret = g_steal_pointer(&records);
        return true;
}

uint64_t read_snapshots_fingerprint(virConnectPtr handle, const char *uuid) {
        g_autoptr(VirDomain) domain = virDomainLookupByUUIDString(handle, uuid);
        g_autoptr(GPtrArray) names = NULL;
        g_autofree char *current = NULL;
        uint64_t sum = 0;

        if (!domain || !list_snapshots(domain, &names, NULL))
                return 0;
        current = current_snapshot(domain);
        for (unsigned i = 0; names && i < names->len; i++)
                sum = sum * 31 + g_str_hash(names->pdata[i]);
        return sum * 31 + (current ? g_str_hash(current) : 0);
}
