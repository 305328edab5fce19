/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

/*
 * What callers are told of: gathered while the loop turns, told when it is through, each object once.  The
 * order is always: what went (InterfacesRemoved), what came (InterfacesAdded, parents first), what changed
 * (PropertiesChanged), then signals and whatever else has to wait for all of these.  A lot of news goes out
 * in small pieces between the calls of others.  Objects are named by path, so nothing here can dangle.  Loop
 * thread.
 */
typedef struct Announcer Announcer;

/* An interface, and the properties behind the bits of a change. */
typedef struct AnnouncedType {
        const char *interface;
        /* For each bit the names, NULL at the end. */
        const char *const *const *properties;
        unsigned n_bits;
} AnnouncedType;

Announcer *announcer_new(sd_bus *bus, sd_event *event, int64_t priority);
Announcer *announcer_free(Announcer *announcer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Announcer, announcer_free)

/* Types are static.  An object that comes and goes before anything was told stays unmentioned. */
void announce_added(Announcer *announcer, const AnnouncedType *type, const char *path);
void announce_removed(Announcer *announcer, const AnnouncedType *type, const char *path);
void announce_changed(Announcer *announcer, const AnnouncedType *type, const char *path, unsigned bits);
/* At once, with what was to be told of that object before. */
void announce_now(Announcer *announcer, const AnnouncedType *type, const char *path, unsigned bits);
/* Behind all that is to be told so far.  Takes the message over; NULL is out of memory and goes unsaid. */
void announce_signal(Announcer *announcer, sd_bus_message *signal);
/* The same for a call of one's own.  userdata is taken over, and freed with g_free() whether called or not.
 */
void announce_then(Announcer *announcer, void (*call)(void *userdata), void *userdata);
