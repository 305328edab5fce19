/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-event.h>

/*
 * Where threads meet: any thread posts a letter, the thread of the event loop opens it.  Letters arrive in
 * the order in which they were posted.  A letter carries plain values that nobody else holds.
 */
typedef struct Mailbox Mailbox;
typedef struct Letter Letter;

/* The head of whatever is sent: put it first in a structure of one's own. */
struct Letter {
        Letter *next;
        /* Called on the loop's thread; the letter is the callee's, to be freed there. */
        void (*open)(Letter *letter);
        /* Called instead when the mailbox goes away first. */
        void (*discard)(Letter *letter);
};

/* Loop thread.  priority: of the event source, sd_event_source_set_priority(3).  Negative errno. */
int mailbox_new(sd_event *event, int64_t priority, Mailbox **ret);
/* Loop thread, when no other thread posts any more.  Takes NULL, returns NULL. */
Mailbox *mailbox_free(Mailbox *mailbox);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Mailbox, mailbox_free)

/* Any thread; takes the letter over. */
void mailbox_post(Mailbox *mailbox, Letter *letter);
