/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/error.h"
#include "daemon/jobs/merge-work.h"
#include "daemon/jobs/provenance.h"
#include "daemon/virt/domain-xml.h"
#include "daemon/virt/edit.h"
#include "daemon/virt/read.h"
#include "daemon/virt/snapshot-xml.h"
#include "daemon/virt/virt-error.h"

/* ---- metadata: each step is one that can be done twice ---- */

static bool is_lost(const MergeWork *work, const char *name) {
        for (unsigned i = 0; i < work->lost->len; i++)
                if (strcmp(((const LostSnapshot *) work->lost->pdata[i])->name, name) == 0)
                        return true;
        return false;
}

static bool rewrite(JobRun *run, virDomainPtr domain, virDomainSnapshotPtr snapshot, const MergeWork *work,
        GError **error) {
        const char *name = virDomainSnapshotGetName(snapshot);
        g_autoptr(GError) problem = NULL;
        g_autofree char *changed = NULL;
        char *xml;

        if (is_lost(work, name))
                return true;
        xml = virDomainSnapshotGetXMLDesc(snapshot, VIR_DOMAIN_SNAPSHOT_XML_SECURE);
        if (!xml)
                return virt_last_error_is(VIR_ERR_NO_DOMAIN_SNAPSHOT) ||
                        virt_fail(error, "cannot read a snapshot");
        changed = snapshot_xml_rewrite(xml, work->moves, &problem);
        free(xml);
        if (problem) {
                g_propagate_error(error, g_steal_pointer(&problem));
                return false;
        }
        if (!changed)
                return true;
        run_log(run, "the metadata of %s now names the merged file", name);
        return edit_redefine(domain, changed, edit_is_current(snapshot), error);
}

/* libvirt does this itself, unless it dies between the pivot and the file: then the domain would start on
 * what was merged away. */
static bool rewrite_definition(JobRun *run, virDomainPtr domain, const MergeWork *work, GError **error) {
        g_autoptr(VirDomain) defined = NULL;
        g_autoptr(GError) problem = NULL;
        g_autofree char *changed = NULL;
        char *xml;

        if (virDomainIsPersistent(domain) <= 0)
                return true;
        xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
        if (!xml)
                return virt_fail(error, "cannot read the persistent definition");
        changed = domain_xml_rewrite(xml, work->moves, &problem);
        free(xml);
        if (problem) {
                g_propagate_error(error, g_steal_pointer(&problem));
                return false;
        }
        if (!changed)
                return true;
        defined = virDomainDefineXML(virDomainGetConnect(domain), changed);
        if (!defined)
                return virt_fail(error, "cannot write the persistent definition");
        run_log(run, "the persistent definition now names the merged file");
        return true;
}

static bool rewrite_all(JobRun *run, virDomainPtr domain, const MergeWork *work, GError **error) {
        virDomainSnapshotPtr *snapshots = NULL;
        int n = virDomainListAllSnapshots(domain, &snapshots, VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL);
        bool ok = n >= 0 || virt_fail(error, "cannot list the snapshots");

        for (int i = 0; i < n; i++) {
                ok = ok && rewrite(run, domain, snapshots[i], work, error);
                virDomainSnapshotFree(snapshots[i]);
        }
        free(snapshots);
        return ok;
}

/* The one that is meant, and not another that was given its name while no daemon was there. */
static bool is_still_lost(
        virDomainSnapshotPtr snapshot, const LostSnapshot *lost, bool *ret, GError **error) {
        char *xml = virDomainSnapshotGetXMLDesc(snapshot, 0);
        g_autoptr(SnapshotRecord) record = NULL;

        if (!xml)
                return virt_fail(error, "cannot read a snapshot");
        record = snapshot_xml_parse(xml, error);
        free(xml);
        if (!record)
                return false;
        *ret = record->created == lost->created;
        return true;
}

static bool drop_lost(
        JobRun *run, virDomainPtr domain, const MergeWork *work, const LostSnapshot *lost, GError **error) {
        g_autoptr(VirSnapshot) snapshot = virDomainSnapshotLookupByName(domain, lost->name, 0);
        bool same = false;

        if (!snapshot)
                return virt_last_error_is(VIR_ERR_NO_DOMAIN_SNAPSHOT) || virt_fail(error, NULL);
        if (!is_still_lost(snapshot, lost, &same, error))
                return false;
        if (!same) {
                run_log(run, "another snapshot is called %s by now, and stays", lost->name);
                return true;
        }
        /* Its other disks' overlays stay, and are overlays still. */
        if (!provenance_keep(work->store, snapshot, error))
                return false;
        run_log(run, "the snapshot %s has ended", lost->name);
        return virDomainSnapshotDelete(snapshot, VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY) >= 0 ||
                virt_last_error_is(VIR_ERR_NO_DOMAIN_SNAPSHOT) ||
                virt_fail(error, "cannot remove the metadata of a merged snapshot");
}

bool merge_follow_metadata(JobRun *run, const MergeParams *params, GError **error) {
        g_autoptr(VirDomain) domain = run_domain(run, error);
        const MergeWork *work = params->work;

        if (!domain)
                return false;
        run_hold(run);
        if (!work->kept &&
                (!rewrite_definition(run, domain, work, error) || !rewrite_all(run, domain, work, error)))
                return false;
        for (unsigned i = 0; i < work->lost->len; i++)
                if (!drop_lost(run, domain, work, work->lost->pdata[i], error))
                        return false;
        return true;
}

/* ---- files ---- */

static bool is_needed_by_children(const Layer *layer, GHashTable *removed, const char **ret_who) {
        for (unsigned i = 0; i < layer->children->len; i++) {
                const Layer *child = layer->children->pdata[i];

                if (g_hash_table_contains(removed, child->key))
                        continue;
                *ret_who = child->path;
                return true;
        }
        return false;
}

/* Whether anything in the graph, read just now, speaks for keeping the file. */
static bool is_needed(const Layer *layer, GHashTable *removed, const char **ret_who) {
        if (is_needed_by_children(layer, removed, ret_who))
                return true;
        if (layer->pins->len == 0)
                return false;
        *ret_who = ((const LayerPin *) layer->pins->pdata[0])->owner.snapshot;
        if (!*ret_who)
                *ret_who = ((const LayerPin *) layer->pins->pdata[0])->owner.domain;
        return true;
}

/* One name of a plain file: what has another name, or is a link, is somebody's who gave it that. */
static bool is_plain(const char *path) {
        struct stat st;

        return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1;
}

static bool unlink_one(
        JobRun *run, LayerGraph *graph, const char *path, GHashTable *removed, GError **error) {
        const Layer *layer = layer_graph_find(graph, path);
        const char *who;
        struct stat st;

        if (lstat(path, &st) < 0 && errno == ENOENT)
                return true;
        if (!layer || layer->internal_snapshots > 0 || !is_plain(path)) {
                run_log(run, "%s is left: it is not the plain overlay that it was", path);
                return true;
        }
        if (is_needed(layer, removed, &who)) {
                run_log(run, "%s is left: %s needs it", path, who);
                return true;
        }
        if (unlink(path) < 0)
                return vs_fail(error, VS_ERR_LIBVIRT_FAILED,
                        "The merge is done, but the merged file %s cannot be removed: %s", path,
                        strerror(errno));
        g_hash_table_add(removed, g_strdup(layer->key));
        run_log(run, "removed %s", path);
        return true;
}

bool merge_unlink(JobRun *run, const MergeParams *params, GError **error) {
        g_autoptr(GHashTable) removed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_autoptr(LayerGraph) graph = NULL;
        g_autoptr(VirConnect) handle = NULL;
        g_autoptr(Facts) facts = NULL;

        if (params->work->unlink->len == 0)
                return true;
        facts = run_ask_facts(run, error);
        handle = facts ? run_handle(run, error) : NULL;
        if (!handle || !facts_read_graph(facts, handle, run_uuid(run), &graph, error))
                return false;
        for (unsigned i = 0; i < params->work->unlink->len; i++)
                if (!unlink_one(run, graph, params->work->unlink->pdata[i], removed, error))
                        return false;
        return true;
}
