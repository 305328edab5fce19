/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/world.h"

#define D "/org/virtsnap1/domain/"

/*
 * A world whose every change is written down, a line each: a GLib fixture.
 *   added PATH | removed PATH [(domain)] | moved PATH -> PATH | changed PATH WHAT…
 * Paths are without what they all begin with.
 */
typedef struct TellingWorld {
        World *world;
        GString *told;
        bool quiet; /* too many to write down: only counted */
        unsigned n_added, n_moved, n_removed; /* snapshots */
} TellingWorld;

void telling_world_up(TellingWorld *f, gconstpointer data);
void telling_world_down(TellingWorld *f, gconstpointer data);

/* What was told since the last look. */
void assert_told(TellingWorld *f, const char *expected);

/* A snapshot with nothing in it; parent may be NULL. */
Snapshot *put(Domain *domain, const char *name, const char *parent);
/* A domain d: a over b over c, and e beside c; f beside a.  Nothing of it was told. */
Domain *make_tree(TellingWorld *f);
/* As in "a(b(c e)) f". */
void assert_tree(const Domain *domain, const char *expected);
