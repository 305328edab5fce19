/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/base/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* How long one turn of the loop may open letters before callers of the bus get their turn. */
#define TURN_USEC 1000U

struct Mailbox {
        pthread_mutex_t lock;
        Letter *first, **last; /* under the lock */

        /* The loop's thread only. */
        Letter *taken;
        sd_event_source *source;
        int fd;
};

static Letter *take_all(Mailbox *mailbox) {
        Letter *letters;

        pthread_mutex_lock(&mailbox->lock);
        letters = mailbox->first;
        mailbox->first = NULL;
        mailbox->last = &mailbox->first;
        pthread_mutex_unlock(&mailbox->lock);
        return letters;
}

static uint64_t now_usec(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000000U + (uint64_t) now.tv_nsec / 1000U;
}

static int on_letters(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Mailbox *mailbox = userdata;
        uint64_t count, deadline = now_usec() + TURN_USEC;

        do {
                Letter *letter = mailbox->taken;

                if (!letter) {
                        /* Before the look: a letter posted after it rings again. */
                        if (read(fd, &count, sizeof count) < 0 && errno != EAGAIN)
                                return -errno;
                        mailbox->taken = letter = take_all(mailbox);
                        if (!letter)
                                return 0;
                }
                mailbox->taken = letter->next;
                letter->next = NULL;
                letter->open(letter);
        } while (now_usec() < deadline);

        /* Some may be left; ring for the next turn. */
        count = 1;
        if (write(fd, &count, sizeof count) < 0 && errno != EAGAIN)
                return -errno;
        return 0;
}

int mailbox_new(sd_event *event, int64_t priority, Mailbox **ret) {
        g_autoptr(Mailbox) mailbox = g_new0(Mailbox, 1);
        int r;

        pthread_mutex_init(&mailbox->lock, NULL);
        mailbox->last = &mailbox->first;
        mailbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (mailbox->fd < 0)
                return -errno;
        r = sd_event_add_io(event, &mailbox->source, mailbox->fd, EPOLLIN, on_letters, mailbox);
        if (r < 0)
                return r;
        r = sd_event_source_set_priority(mailbox->source, priority);
        if (r < 0)
                return r;
        *ret = g_steal_pointer(&mailbox);
        return 0;
}

static void discard_all(Letter *letters) {
        while (letters) {
                Letter *next = letters->next;

                letters->discard(letters);
                letters = next;
        }
}

Mailbox *mailbox_free(Mailbox *mailbox) {
        if (!mailbox)
                return NULL;
        sd_event_source_disable_unref(mailbox->source);
        discard_all(mailbox->taken);
        discard_all(take_all(mailbox));
        if (mailbox->fd >= 0)
                close(mailbox->fd);
        pthread_mutex_destroy(&mailbox->lock);
        g_free(mailbox);
        return NULL;
}

void mailbox_post(Mailbox *mailbox, Letter *letter) {
        const uint64_t one = 1;
        bool ring;

        letter->next = NULL;
        pthread_mutex_lock(&mailbox->lock);
        ring = !mailbox->first;
        *mailbox->last = letter;
        mailbox->last = &letter->next;
        pthread_mutex_unlock(&mailbox->lock);

        /* Cannot fail but by overflow of the counter, and then it rings already. */
        if (ring && write(mailbox->fd, &one, sizeof one) < 0)
                return;
}
