/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libvirt/libvirt.h>

#include "daemon/jobs/facts.h"

/* GetBackingChain: the layers of a disk and whose content they hold. */
typedef struct ChainLayer {
        char *path, *format;
        uint64_t virtual_size, allocated; /* bytes */
        char **snapshots; /* names, a g_strv */
        bool in_use; /* open in a QEMU */
} ChainLayer;

typedef struct ChainQuestion {
        char *uuid, *disk;
        bool running;
        GPtrArray *snapshots; /* of SnapshotRecord */
        GPtrArray *layers; /* the answer: of ChainLayer, top first */
} ChainQuestion;

/* Loop thread. */
ChainQuestion *chain_question_new(const Domain *domain, const char *disk);
void chain_question_free(void *question);
/* A worker; fills layers. */
bool chain_read(virConnectPtr handle, ChainQuestion *question, GError **error);
