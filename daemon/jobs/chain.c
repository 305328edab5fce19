/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/chain.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/base/error.h"
#include "daemon/virt/domain-xml.h"
#include "daemon/virt/image.h"
#include "daemon/virt/read.h"
#include "daemon/virt/virt-error.h"

static void layer_free(void *data) {
        ChainLayer *layer = data;

        g_free(layer->path);
        g_free(layer->format);
        g_strfreev(layer->snapshots);
        g_free(layer);
}

ChainQuestion *chain_question_new(const Domain *domain, const char *disk) {
        ChainQuestion *question = g_new0(ChainQuestion, 1);
        Snapshot *s;

        question->uuid = g_strdup(domain->record->uuid);
        question->disk = g_strdup(disk);
        question->running =
                domain->record->state != DOMAIN_SHUTOFF && domain->record->state != DOMAIN_NOSTATE;
        question->snapshots = g_ptr_array_new_with_free_func((GDestroyNotify) snapshot_record_free);
        DOMAIN_FOREACH_SNAPSHOT(s, domain)
        g_ptr_array_add(question->snapshots, snapshot_record_copy(s->record));
        question->layers = g_ptr_array_new_with_free_func(layer_free);
        return question;
}

void chain_question_free(void *data) {
        ChainQuestion *question = data;

        g_free(question->uuid);
        g_free(question->disk);
        g_ptr_array_unref(question->snapshots);
        g_ptr_array_unref(question->layers);
        g_free(question);
}

static bool is_same_file(const char *path, const ImageInfo *info) {
        struct stat st;

        if (strcmp(path, info->path) == 0)
                return true;
        return *path == '/' && !info->block && stat(path, &st) == 0 && st.st_dev == info->dev &&
                st.st_ino == info->ino;
}

static char **snapshots_on(const ChainQuestion *question, const ImageInfo *info) {
        GPtrArray *names = g_ptr_array_new();

        for (unsigned i = 0; i < question->snapshots->len; i++) {
                const SnapshotRecord *record = question->snapshots->pdata[i];

                for (unsigned k = 0; k < record->n_disks; k++) {
                        const SnapshotDisk *disk = record->disks + k;

                        if ((disk->mode == DISK_MODE_EXTERNAL || disk->mode == DISK_MODE_INTERNAL) &&
                                disk->layer && strcmp(disk->target, question->disk) == 0 &&
                                is_same_file(disk->layer, info))
                                g_ptr_array_add(names, g_strdup(record->name));
                }
        }
        g_ptr_array_add(names, NULL);
        return (char **) g_ptr_array_free(names, false);
}

static bool read_local(ChainQuestion *question, const DomainDisk *disk, GError **error) {
        g_autoptr(GPtrArray) chain = NULL;

        if (!image_chain_read(disk->source, disk->format, &chain, error))
                return false;
        for (unsigned i = 0; i < chain->len; i++) {
                const ImageInfo *info = chain->pdata[i];
                ChainLayer *layer = g_new0(ChainLayer, 1);

                layer->path = g_strdup(info->path);
                layer->format = g_strdup(info->format);
                layer->virtual_size = info->virtual_size;
                layer->allocated = info->allocated;
                layer->snapshots = snapshots_on(question, info);
                layer->in_use = question->running;
                g_ptr_array_add(question->layers, layer);
        }
        return true;
}

/* What cannot be read as a file: as libvirt tells it. */
static bool read_foreign(ChainQuestion *question, virDomainPtr domain, const char *xml, GError **error) {
        g_autoptr(GPtrArray) chain = NULL;
        virDomainBlockInfo info = {};

        if (!domain_xml_chain(xml, question->disk, &chain, NULL, error))
                return false;
        if (virDomainGetBlockInfo(domain, question->disk, &info, 0) < 0)
                info = (virDomainBlockInfo){};
        for (unsigned i = 0; i < chain->len; i++) {
                const LayerRef *ref = chain->pdata[i];
                ChainLayer *layer = g_new0(ChainLayer, 1);

                layer->path = g_strdup(ref->path);
                layer->format = g_strdup(ref->format);
                layer->virtual_size = i == 0 ? info.capacity : 0;
                layer->allocated = i == 0 ? info.allocation : 0;
                layer->snapshots = g_new0(char *, 1);
                layer->in_use = question->running;
                g_ptr_array_add(question->layers, layer);
        }
        return true;
}

bool chain_read(virConnectPtr handle, ChainQuestion *question, GError **error) {
        g_autoptr(VirDomain) domain = lookup_domain(handle, question->uuid, error);
        g_autoptr(DomainRecord) record = g_new0(DomainRecord, 1);
        char *xml;
        bool ok;

        if (!domain)
                return false;
        xml = virDomainGetXMLDesc(domain, 0);
        if (!xml)
                return virt_fail(error, NULL);
        ok = domain_xml_parse(xml, record, error);
        if (ok) {
                const DomainDisk *disk = domain_record_disk(record, question->disk);

                if (!disk)
                        ok = vs_fail(error, VS_ERR_NO_SUCH_DISK, "The domain has no disk \"%s\".",
                                question->disk);
                else if (disk->file)
                        ok = !*disk->source || read_local(question, disk, error);
                else
                        ok = read_foreign(question, domain, xml, error);
        }
        free(xml);
        return ok;
}
