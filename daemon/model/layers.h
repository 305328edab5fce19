/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <glib.h>

#include "daemon/model/records.h"

/*
 * The layer graph: every image of the connection, what each backs on, and who needs what.  Pure values: no
 * files are looked at.  It is built for one question, from images read just before, and thrown away.
 *
 * A layer is known by its key: "dev:ino" of a file or block device (layer_key_for_file()), the URL of what
 * is not local.  Two names of one file are one layer.  A graph belongs to one thread at a time.
 *
 * Build it in this order: all images, then pins and provenance, then ask.  A plan is as good as the graph is
 * whole: it takes the chains of every domain's disks and of every snapshot's layers, the managed saves, and
 * the other images in the folders that the merged chain lies in, as anything that is not in it may back on
 * what is merged.
 */

typedef struct LayerGraph LayerGraph;
typedef struct Layer Layer;

/* What keeps a layer's content as it is. */
typedef enum PinKind {
        PIN_HEAD, /* a domain's disk: the active layer */
        PIN_STATE, /* an external snapshot's state */
        PIN_INTERNAL, /* an internal snapshot inside the image */
        PIN_MANAGED_SAVE, /* a managed-save image names it as the head */
        _PIN_KIND_MAX,
} PinKind;

/* A domain's, or one of its snapshots'. */
typedef struct LayerOwner {
        char *domain_uuid;
        char *domain; /* its name, for messages */
        char *snapshot; /* NULL: the domain itself */
} LayerOwner;

typedef struct LayerPin {
        PinKind kind;
        LayerOwner owner;
        char *disk; /* target, or NULL */
} LayerPin;

/* One image as it was read; all strings are the caller's. */
typedef struct LayerImage {
        const char *key;
        const char *path; /* path or URL */
        const char *format; /* "" when not known */
        uint64_t virtual_size, allocated; /* bytes */
        const char *backing_key; /* NULL: backs on nothing, or on something that could not be found */
        const char *backing; /* the backing file's path or URL, NULL for none: for messages */
        unsigned internal_snapshots; /* in the header, known to libvirt or not */
        bool block; /* a block device: cannot grow */
        bool old_format; /* qcow2 compat=0.10: cannot be resized with internal snapshots in it */
} LayerImage;

/* Read only for everybody outside. */
struct Layer {
        char *key;
        char *path; /* the first name it was added under */
        char *format;
        uint64_t virtual_size, allocated; /* bytes */
        char *backing_name; /* as in LayerImage.backing */
        Layer *backing; /* NULL: the bottom, or backing_name could not be found */
        unsigned internal_snapshots;
        bool block, old_format;
        bool overlay; /* by provenance ours to unlink; false: the user's */
        GPtrArray *children; /* of Layer *, what backs on this one; nothing of it owned */
        GPtrArray *pins; /* of LayerPin * */
        GPtrArray *paths; /* of char *: every name it was added under, path first */

        char *backing_key; /* until the graph is linked */
};

LayerGraph *layer_graph_new(void);
LayerGraph *layer_graph_free(LayerGraph *graph);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LayerGraph, layer_graph_free)

/* The caller's to free. */
char *layer_key_for_file(dev_t device, ino_t inode);

/* Adding a key again adds a name to it and changes nothing else; returns whether the layer was new. */
bool layer_graph_add_image(LayerGraph *graph, const LayerImage *image);

/* Another name of a layer that is there (a link, a path written differently).  False: no such key. */
bool layer_graph_add_name(LayerGraph *graph, const char *key, const char *path);

/* By key or by any of its names; NULL when it is not there. */
const Layer *layer_graph_find(LayerGraph *graph, const char *key_or_path);

/* snapshot is NULL for PIN_HEAD and PIN_MANAGED_SAVE, disk may be.  Pin the running definition's head before
 * any other of the same disk: the first is the one whose chain is asked for.  False: there is no such layer,
 * so that what was to be pinned is broken. */
bool layer_graph_pin(LayerGraph *graph, const char *key_or_path, PinKind kind, const char *domain,
        const char *domain_uuid, const char *disk, const char *snapshot);

/* The layer was made as an overlay, by a snapshot or by us: it may be unlinked once nothing needs it. False:
 * no such layer. */
bool layer_graph_mark_overlay(LayerGraph *graph, const char *key_or_path);

/* Pin the heads of a domain's disks; the disks of one of its snapshots (only those taken: not no and manual)
 * and mark the overlays it made.  Returns how many named files are not in the graph: empty drives do not
 * count. */
unsigned layer_graph_pin_domain(LayerGraph *graph, const DomainRecord *domain);
unsigned layer_graph_pin_snapshot(
        LayerGraph *graph, const char *domain, const char *domain_uuid, const SnapshotRecord *snapshot);

/* The chain of a domain's disk, top first, nothing of it owned but the array.  Fails with NoSuchDisk when
 * the domain has no such disk, with Broken when the backing files form a loop.  A chain whose end is missing
 * is returned as far as it is known: the last layer then has a backing_name and no backing. */
bool layer_graph_chain(
        LayerGraph *graph, const char *domain_uuid, const char *disk, GPtrArray **ret_chain, GError **error);

/* Names of the snapshots of this domain whose content the layer holds, each once, a g_strv. */
char **layer_snapshots(const Layer *layer, const char *domain_uuid);

/*
 * Merges inside the chain of a running domain.
 */

/* One image as a definition names it. */
typedef struct LayerRef {
        char *path; /* or URL */
        char *format; /* "" when not known */
        bool block;
} LayerRef;

LayerRef *layer_ref_new(const char *path, const char *format, bool block);
LayerRef *layer_ref_free(LayerRef *ref);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LayerRef, layer_ref_free)

/* An array that owns its LayerRefs. */
GPtrArray *layer_ref_array_new(void);

/* What a definition that names a file has to name afterwards. */
typedef struct LayerMove {
        LayerRef to; /* the file that holds the content now */
        GPtrArray *below; /* of LayerRef *: the chain below it, next one first; NULL: not known */
        bool open; /* the chain goes on below that, but it is not known where */
        bool user; /* the file is the user's: no snapshot's <disks> may come to name it as an overlay */
} LayerMove;

LayerMove *layer_move_new(const char *path, const char *format, bool block);
LayerMove *layer_move_free(LayerMove *move);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LayerMove, layer_move_free)

/* A table for moves: name (char *) → LayerMove *, both owned. */
GHashTable *layer_moves_new(void);

typedef struct MergePlan {
        bool pull; /* else a commit */
        bool active; /* a commit of the head: ends with a pivot */
        LayerRef base; /* commit: merged into; pull: what the head backs on afterwards, path NULL for nothing
                        */
        LayerRef top; /* commit: the uppermost layer merged away; pull: the head */
        uint64_t bytes; /* to copy at most: what the merged layers have allocated */
        GPtrArray *lost; /* of LayerOwner *: snapshots whose content ends with the merge, each once */
        GPtrArray *moved; /* of LayerOwner *: snapshots whose content lies in another file afterwards */
        GHashTable
                *moves; /* name (char *) → LayerMove *: for snapshot_xml_rewrite(), over every definition */
        GPtrArray *unlink; /* of char *: overlays that nothing needs afterwards, top first */
        GPtrArray *left; /* of char *: merged files that are the user's: not unlinked, to be reported */
} MergePlan;

MergePlan *merge_plan_free(MergePlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MergePlan, merge_plan_free)

/*
 * Plan the commit of everything above base, up to and with top, into base.  base NULL or "": the bottom of
 * the chain; top NULL or "": the head.  Both are any name of a layer in the chain.
 *
 * The content of every snapshot on base and on the layers below top ends with it: refused (WouldLoseData,
 * naming them all) unless force, and then listed in lost.  Refused with and without force: NoSuchDisk;
 * InvalidPath (not in the chain, or base not below top; the message tells the chain); Broken (the chain's
 * end is missing and base was left open); WouldLoseData (something else backs on what is merged or needs it:
 * another branch, another domain, a managed save); NotSupported (internal snapshots above base, a base
 * larger than what is committed into it, one that cannot grow).
 */
bool layer_graph_plan_commit(LayerGraph *graph, const char *domain_uuid, const char *disk, const char *base,
        const char *top, bool force, MergePlan **ret, GError **error);

/*
 * Plan the pull of everything between the head and base into the head.  base NULL or "": everything, the
 * head then backs on nothing.  No snapshot's content is lost.  Refused: as above, and InvalidPath when
 * nothing lies between, NotSupported for internal snapshots in the head or in what is pulled.
 */
bool layer_graph_plan_pull(LayerGraph *graph, const char *domain_uuid, const char *disk, const char *base,
        MergePlan **ret, GError **error);
