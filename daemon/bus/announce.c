/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/bus/announce.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "daemon/base/log.h"
#include "dbus/names.h"

/* How long one turn of the loop may tell before callers get theirs. */
#define TURN_USEC 1000U
/* More than this unsent: the bus is slow, and sd-bus's queue drains the slower the longer it is. */
#define QUEUE_MAX 2048U
#define QUEUE_WAIT_USEC (5U * 1000U)

#define MAX_NAMES 32U

typedef struct News {
        const AnnouncedType *type;
        char *path;
        unsigned bits;
        bool dropped; /* an added one that went again */
} News;

/* In the order in which they came, each path once. */
typedef struct Pending {
        GQueue queue; /* of News */
        GHashTable *paths; /* path → News; those not dropped */
} Pending;

typedef struct Last {
        sd_bus_message *signal;
        void (*call)(void *userdata);
        void *userdata;
} Last;

struct Announcer {
        sd_bus *bus;
        sd_event_source *turn, *pause;
        Pending removed, added, changed;
        GQueue last; /* of Last */
};

static void news_free(void *data) {
        News *news = data;

        g_free(news->path);
        g_free(news);
}

static void pending_init(Pending *pending) {
        g_queue_init(&pending->queue);
        pending->paths = g_hash_table_new(g_str_hash, g_str_equal);
}

static void pending_clear(Pending *pending) {
        g_hash_table_unref(pending->paths);
        g_queue_clear_full(&pending->queue, news_free);
}

static News *pending_add(Pending *pending, const AnnouncedType *type, const char *path) {
        News *news = g_hash_table_lookup(pending->paths, path);

        if (news)
                return news;
        news = g_new0(News, 1);
        news->type = type;
        news->path = g_strdup(path);
        g_queue_push_tail(&pending->queue, news);
        g_hash_table_insert(pending->paths, news->path, news);
        return news;
}

/* Whether there was something. */
static bool pending_drop(Pending *pending, const char *path) {
        News *news = g_hash_table_lookup(pending->paths, path);

        if (!news)
                return false;
        g_hash_table_remove(pending->paths, path);
        news->dropped = true;
        return true;
}

static News *pending_take(Pending *pending) {
        News *news = g_queue_pop_head(&pending->queue);

        if (news && !news->dropped)
                g_hash_table_remove(pending->paths, news->path);
        return news;
}

static void tell_removed(Announcer *announcer, const News *news) {
        /* All that InterfacesAdded named, or clients keep a ghost. */
        char *interfaces[] = { (char *) "org.freedesktop.DBus.Peer",
                (char *) "org.freedesktop.DBus.Introspectable", (char *) "org.freedesktop.DBus.Properties",
                (char *) news->type->interface, NULL };
        int r = sd_bus_emit_interfaces_removed_strv(announcer->bus, news->path, interfaces);

        if (r < 0)
                log_debug("InterfacesRemoved %s: %s", news->path, strerror(-r));
}

static void tell_added(Announcer *announcer, const News *news) {
        int r = sd_bus_emit_object_added(announcer->bus, news->path);

        if (r < 0)
                log_debug("InterfacesAdded %s: %s", news->path, strerror(-r));
}

static void tell_changed(Announcer *announcer, const News *news) {
        char *names[MAX_NAMES + 1];
        unsigned n = 0;
        int r;

        for (unsigned bit = 0; bit < news->type->n_bits; bit++)
                for (const char *const *name = news->type->properties[bit]; news->bits & 1U << bit && *name;
                        name++)
                        if (n < MAX_NAMES)
                                names[n++] = (char *) *name;
        names[n] = NULL;
        r = sd_bus_emit_properties_changed_strv(announcer->bus, news->path, news->type->interface, names);
        if (r < 0)
                log_debug("PropertiesChanged %s: %s", news->path, strerror(-r));
}

static bool tell_next(Announcer *announcer, Pending *pending, void (*tell)(Announcer *, const News *)) {
        News *news = pending_take(pending);

        if (!news)
                return false;
        if (!news->dropped)
                tell(announcer, news);
        news_free(news);
        return true;
}

static bool tell_last(Announcer *announcer) {
        g_autofree Last *last = g_queue_pop_head(&announcer->last);

        if (!last)
                return false;
        if (last->signal) {
                int r = sd_bus_send(announcer->bus, last->signal, NULL);

                if (r < 0)
                        log_debug("cannot send a signal: %s", strerror(-r));
                sd_bus_message_unref(last->signal);
        }
        if (last->call)
                last->call(last->userdata);
        g_free(last->userdata);
        return true;
}

static bool tell_one(Announcer *announcer) {
        return tell_next(announcer, &announcer->removed, tell_removed) ||
                tell_next(announcer, &announcer->added, tell_added) ||
                tell_next(announcer, &announcer->changed, tell_changed) || tell_last(announcer);
}

static uint64_t now_usec(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000000U + (uint64_t) now.tv_nsec / 1000U;
}

static int on_turn(sd_event_source *source, void *userdata) {
        Announcer *announcer = userdata;
        uint64_t queued = 0, deadline = now_usec() + TURN_USEC;

        do {
                if (sd_bus_get_n_queued_write(announcer->bus, &queued) >= 0 && queued > QUEUE_MAX) {
                        sd_event_source_set_time_relative(announcer->pause, QUEUE_WAIT_USEC);
                        sd_event_source_set_enabled(announcer->pause, SD_EVENT_ONESHOT);
                        return 0;
                }
                if (!tell_one(announcer))
                        return 0;
        } while (now_usec() < deadline);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_pause(sd_event_source *source, uint64_t usec, void *userdata) {
        Announcer *announcer = userdata;

        return sd_event_source_set_enabled(announcer->turn, SD_EVENT_ONESHOT);
}

static void wake(Announcer *announcer) {
        sd_event_source_set_enabled(announcer->turn, SD_EVENT_ONESHOT);
}

void announce_added(Announcer *announcer, const AnnouncedType *type, const char *path) {
        pending_add(&announcer->added, type, path);
        wake(announcer);
}

void announce_removed(Announcer *announcer, const AnnouncedType *type, const char *path) {
        pending_drop(&announcer->changed, path);
        if (!pending_drop(&announcer->added, path))
                pending_add(&announcer->removed, type, path);
        wake(announcer);
}

void announce_changed(Announcer *announcer, const AnnouncedType *type, const char *path, unsigned bits) {
        /* InterfacesAdded will tell the values as they are then. */
        if (bits == 0 || g_hash_table_contains(announcer->added.paths, path))
                return;
        pending_add(&announcer->changed, type, path)->bits |= bits;
        wake(announcer);
}

void announce_now(Announcer *announcer, const AnnouncedType *type, const char *path, unsigned bits) {
        const News *before = g_hash_table_lookup(announcer->changed.paths, path);
        const News news = {
                .type = type, .path = (char *) path, .bits = bits | (before ? before->bits : 0)
        };

        pending_drop(&announcer->changed, path);
        if (news.bits)
                tell_changed(announcer, &news);
}

static void push_last(Announcer *announcer, Last what) {
        g_queue_push_tail(&announcer->last, g_memdup2(&what, sizeof what));
        wake(announcer);
}

void announce_signal(Announcer *announcer, sd_bus_message *signal) {
        if (signal)
                push_last(announcer, (Last){ .signal = signal });
}

void announce_then(Announcer *announcer, void (*call)(void *userdata), void *userdata) {
        push_last(announcer, (Last){ .call = call, .userdata = userdata });
}

Announcer *announcer_new(sd_bus *bus, sd_event *event, int64_t priority) {
        Announcer *announcer = g_new0(Announcer, 1);

        announcer->bus = sd_bus_ref(bus);
        pending_init(&announcer->removed);
        pending_init(&announcer->added);
        pending_init(&announcer->changed);
        g_queue_init(&announcer->last);
        if (sd_event_add_defer(event, &announcer->turn, on_turn, announcer) < 0 ||
                sd_event_source_set_priority(announcer->turn, priority) < 0 ||
                sd_event_source_set_enabled(announcer->turn, SD_EVENT_OFF) < 0 ||
                sd_event_add_time(event, &announcer->pause, CLOCK_MONOTONIC, 0, 0, on_pause, announcer) <
                        0 ||
                sd_event_source_set_enabled(announcer->pause, SD_EVENT_OFF) < 0)
                return announcer_free(announcer);
        return announcer;
}

static void last_free(void *data) {
        Last *last = data;

        sd_bus_message_unref(last->signal);
        g_free(last->userdata);
        g_free(last);
}

Announcer *announcer_free(Announcer *announcer) {
        if (!announcer)
                return NULL;
        pending_clear(&announcer->removed);
        pending_clear(&announcer->added);
        pending_clear(&announcer->changed);
        g_queue_clear_full(&announcer->last, last_free);
        sd_event_source_disable_unref(announcer->turn);
        sd_event_source_disable_unref(announcer->pause);
        sd_bus_unref(announcer->bus);
        g_free(announcer);
        return NULL;
}
