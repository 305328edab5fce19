/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/base/mailbox.h"

#include <pthread.h>
#include <stdbool.h>

#include "tests/unit/loop.h"

#define N_THREADS 8U
#define N_LETTERS UINT64_C(25000) /* of each */

typedef struct Count {
        unsigned n_opened, n_discarded;
        unsigned next[N_THREADS];
        unsigned expected;
} Count;

/* The values are plain ones that the poster writes and the loop reads: nothing but the mailbox orders them.
 */
typedef struct Note {
        Letter letter;
        Count *count;
        Mailbox *mailbox;
        unsigned poster, number;
} Note;

static void open_note(Letter *letter) {
        Note *note = (Note *) letter;

        g_assert_cmpuint(note->number, ==, note->count->next[note->poster]++);
        note->count->n_opened++;
        g_free(note);
}

static void discard_note(Letter *letter) {
        Note *note = (Note *) letter;

        g_assert_cmpuint(note->number, ==, note->count->next[note->poster]++);
        note->count->n_discarded++;
        g_free(note);
}

static void post(Mailbox *mailbox, Count *count, unsigned poster, unsigned number) {
        Note *note = g_new0(Note, 1);

        note->letter = (Letter){ .open = open_note, .discard = discard_note };
        note->count = count;
        note->poster = poster;
        note->number = number;
        mailbox_post(mailbox, &note->letter);
}

typedef struct Poster {
        pthread_t thread;
        Mailbox *mailbox;
        Count *count;
        unsigned poster;
} Poster;

static void *post_many(void *userdata) {
        const Poster *poster = userdata;

        for (unsigned i = 0; i < N_LETTERS; i++)
                post(poster->mailbox, poster->count, poster->poster, i);
        return NULL;
}

static void start_posters(Poster *posters, Mailbox *mailbox, Count *count) {
        for (unsigned i = 0; i < N_THREADS; i++) {
                posters[i] = (Poster){ .mailbox = mailbox, .count = count, .poster = i };
                g_assert_cmpint(pthread_create(&posters[i].thread, NULL, post_many, posters + i), ==, 0);
        }
}

static void join_posters(Poster *posters) {
        for (unsigned i = 0; i < N_THREADS; i++)
                g_assert_cmpint(pthread_join(posters[i].thread, NULL), ==, 0);
}

typedef struct Fixture {
        sd_event *event;
        Mailbox *mailbox;
        Count count;
} Fixture;

static void up(Fixture *f, gconstpointer data) {
        g_assert_cmpint(sd_event_new(&f->event), >=, 0);
        g_assert_cmpint(mailbox_new(f->event, SD_EVENT_PRIORITY_NORMAL, &f->mailbox), >=, 0);
}

static void down(Fixture *f, gconstpointer data) {
        f->mailbox = mailbox_free(f->mailbox);
        g_assert_null(f->mailbox);
        sd_event_unref(f->event);
}

static bool all_opened(const void *data) {
        const Count *count = data;

        return count->n_opened >= count->expected;
}

static bool is_quiet(sd_event *event) {
        return sd_event_run(event, 0) == 0;
}

static void test_one(Fixture *f, gconstpointer data) {
        g_assert_true(is_quiet(f->event));
        post(f->mailbox, &f->count, 0, 0);
        g_assert_cmpuint(f->count.n_opened, ==, 0);
        f->count.expected = 1;
        loop_until(f->event, all_opened, &f->count);
        g_assert_cmpuint(f->count.n_opened, ==, 1);
        g_assert_cmpuint(f->count.n_discarded, ==, 0);
}

/* While the loop opens them, from many threads: each once, those of a thread in their order. */
static void test_many(Fixture *f, gconstpointer data) {
        Poster posters[N_THREADS];

        f->count.expected = N_THREADS * N_LETTERS;
        start_posters(posters, f->mailbox, &f->count);
        loop_until(f->event, all_opened, &f->count);
        join_posters(posters);
        g_assert_cmpuint(f->count.n_opened, ==, N_THREADS * N_LETTERS);
        for (unsigned i = 0; i < N_THREADS; i++)
                g_assert_cmpuint(f->count.next[i], ==, N_LETTERS);
        mailbox_free(g_steal_pointer(&f->mailbox));
        g_assert_cmpuint(f->count.n_discarded, ==, 0);
}

/* The mailbox goes with letters in it, some of them taken out for a turn and not opened yet. */
static void test_destroyed(Fixture *f, gconstpointer data) {
        Poster posters[N_THREADS];

        start_posters(posters, f->mailbox, &f->count);
        f->count.expected = 1000;
        loop_until(f->event, all_opened, &f->count);
        join_posters(posters);
        mailbox_free(g_steal_pointer(&f->mailbox));
        g_assert_cmpuint(f->count.n_opened, >=, 1000);
        g_assert_cmpuint(f->count.n_opened + f->count.n_discarded, ==, N_THREADS * N_LETTERS);
        for (unsigned i = 0; i < N_THREADS; i++)
                g_assert_cmpuint(f->count.next[i], ==, N_LETTERS);
}

static void test_never_opened(Fixture *f, gconstpointer data) {
        for (unsigned i = 0; i < 1000; i++)
                post(f->mailbox, &f->count, 0, i);
        mailbox_free(g_steal_pointer(&f->mailbox));
        g_assert_cmpuint(f->count.n_opened, ==, 0);
        g_assert_cmpuint(f->count.n_discarded, ==, 1000);
}

/* Who opens a letter may write the next. */
static void open_and_post(Letter *letter) {
        const Note *note = (const Note *) letter;

        if (note->number + 1 < note->count->expected) {
                Note *next = g_new0(Note, 1);

                *next = *note;
                next->number++;
                mailbox_post(note->mailbox, &next->letter);
        }
        open_note(letter);
}

static void test_chain(Fixture *f, gconstpointer data) {
        Note *note = g_new0(Note, 1);

        *note = (Note){ .letter = { .open = open_and_post, .discard = discard_note },
                .count = &f->count,
                .mailbox = f->mailbox };
        f->count.expected = 10000;
        mailbox_post(f->mailbox, &note->letter);
        loop_until(f->event, all_opened, &f->count);
        g_assert_cmpuint(f->count.n_opened, ==, 10000);
}

typedef struct Slow {
        Letter letter;
        Fixture *fixture;
} Slow;

static void open_slow(Letter *letter) {
        const Slow *slow = (const Slow *) letter;
        int64_t until = g_get_monotonic_time() + 2000;

        while (g_get_monotonic_time() < until)
                ;
        slow->fixture->count.n_opened++;
        g_free(letter);
}

static void free_letter(Letter *letter) {
        g_free(letter);
}

/* A turn of the loop that would take long ends before all are open; nobody else has to wait for the rest. */
static void test_turns(Fixture *f, gconstpointer data) {
        for (unsigned i = 0; i < 20; i++) {
                Slow *slow = g_new0(Slow, 1);

                *slow = (Slow){ .letter = { .open = open_slow, .discard = free_letter }, .fixture = f };
                mailbox_post(f->mailbox, &slow->letter);
        }
        for (unsigned i = 1; i <= 20; i++) {
                g_assert_cmpint(sd_event_run(f->event, G_USEC_PER_SEC), >, 0);
                g_assert_cmpuint(f->count.n_opened, ==, i);
        }
        /* One more look finds nothing, and then it is quiet. */
        while (!is_quiet(f->event))
                ;
        g_assert_cmpuint(f->count.n_opened, ==, 20);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_assert_null(mailbox_free(NULL));
#define TEST(name, function) g_test_add("/mailbox/" name, Fixture, NULL, up, function, down)
        TEST("one", test_one);
        TEST("many", test_many);
        TEST("destroyed", test_destroyed);
        TEST("never-opened", test_never_opened);
        TEST("chain", test_chain);
        TEST("turns", test_turns);
        return g_test_run();
}
