/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tests/bus/recorder.h"

/*
 * What the contract promises about the order of what is sent, checked message by message:
 *
 * - an object is added once, removed once, and changes only in between; a snapshot's parent is there before
 * it comes; no two objects are the same snapshot, so a moved one has left its old path before it has the new
 * one;
 * - JobNew comes after the job's object, SnapshotCreated after the snapshot's, SnapshotDeleted when it has
 * gone;
 * - a job's progress never falls, and is below 1 until it is done;
 * - its PropertiesChanged come at most four times a second, apart from the last;
 * - behind JobRemoved there is no news of the job, nor of the snapshot that it made; the result is its
 * state.
 */
typedef struct Rules Rules;

Rules *rules_new(void);
void rules_free(Rules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rules, rules_free)

void rules_feed(Rules *rules, const Record *record);

/* Sentences (char *), one for each breach so far. */
GPtrArray *rules_breaches(Rules *rules);
/* How many signals were looked at. */
unsigned rules_n_signals(const Rules *rules);

/* What GetManagedObjects answered (a{oa{sa{sv}}}): do parents, children, roots, counts, current snapshots
 * and jobs agree with each other?  Sentences are added to faults. */
void check_tree(GVariant *objects, GPtrArray *faults);
