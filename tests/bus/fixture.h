/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <gio/gio.h>

/*
 * A private bus with the real daemon on it, in a scratch folder of its own.  Every function fails the test
 * when it cannot do what it says.  Nothing here outlives the test program, however that ends.
 */
typedef struct Fixture {
        char *dir; /* absolute, removed by fixture_free() */
        char *address; /* of the bus */
        char *uri; /* of libvirt */
        bool system; /* daemon and bus stand for the system's, and not a user's */
        GPid bus_pid, daemon_pid; /* 0: not running */
        GDBusConnection *connection; /* a client's */
} Fixture;

/* How long anything may take that should be done in an instant. */
#define LIMIT_USEC (60 * G_USEC_PER_SEC)

/* Bus and daemon, ready to be called. */
Fixture *fixture_new(const char *uri);
/* The same with n_domains shut-off domains d0, d1, … of n_snapshots each: s0 is the root, sN the child of
 * s((N - 1) / branches); branches 1 makes a chain. */
Fixture *fixture_new_bulk(unsigned n_domains, unsigned n_snapshots, unsigned branches);
/* The same with one domain d0 and snapshots of these names (NULL at the end), each the child of the one
 * before: names that others gave. */
Fixture *fixture_new_named(const char *const *names);
/* A bus with this configuration (text of a busconfig file, NULL for a plain user's bus); no daemon yet. */
Fixture *fixture_new_bus(const char *uri, const char *bus_config);
/* The daemon must have been alive until now and must leave cleanly. */
void fixture_free(Fixture *fixture);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Fixture, fixture_free)

void fixture_start_daemon(Fixture *fixture);
/* SIGTERM; it must exit with 0. */
void fixture_stop_daemon(Fixture *fixture);
/* SIGKILL. */
void fixture_kill_daemon(Fixture *fixture);
/* Another client's connection to the same bus. */
GDBusConnection *fixture_connect(const Fixture *fixture);
/* Run a program of this folder (its path in the environment variable) on the bus; its pipes are the
 * caller's. */
GSubprocess *fixture_spawn(const Fixture *fixture, const char *variable, const char *const *arguments);

/* Write a command, if any, and read a line of the answer. */
char *ask(GSubprocess *process, const char *command);

/* The program that follows all on its own, in the background. */
GSubprocess *follow(const Fixture *fixture);
/* What it has seen must be what is there. */
void follow_check(GSubprocess *process);
/* Once more, and nothing may ever have been wrong.  Takes the process over. */
void follow_end(GSubprocess *process);

/*
 * Calls.  member is "Domain.CreateSnapshot"; a floating args is consumed, NULL is none.  Each spins the
 * default main context, so signals may be delivered meanwhile.
 */
GVariant *call(
        GDBusConnection *connection, const char *path, const char *member, GVariant *args, GError **error);
/* Must work. */
GVariant *must(GDBusConnection *connection, const char *path, const char *member, GVariant *args);
/* Must fail with this error: a name below org.virtsnap1.Error, or a whole one. */
void must_fail(GDBusConnection *connection, const char *path, const char *member, GVariant *args,
        const char *error);
/* The whole name. */
char *error_name(const char *error);

/* Length of the array that a reply holds. */
gsize n_rows(GVariant *reply);

/* a{sv} from GVariant text: "{'live': <true>}"; NULL for none. */
GVariant *options(const char *text);
GVariant *args_options(const char *text); /* (a{sv}) */
GVariant *args_name(const char *name, const char *text); /* (sa{sv}) */

GVariant *get(GDBusConnection *connection, const char *path, const char *property);
char *get_text(GDBusConnection *connection, const char *path, const char *property); /* s or o */
guint64 get_number(GDBusConnection *connection, const char *path, const char *property); /* b, u or t */
bool has_object(GDBusConnection *connection, const char *path, const char *interface);

/* (to) of a method: wait for the job's end, and take over the reply.  Returns its object. */
char *job_done(GDBusConnection *connection, GVariant *reply);
void job_failed(GDBusConnection *connection, GVariant *reply, const char *error);

/* Create, wait, and return the snapshot's object. */
char *create(GDBusConnection *connection, const char *domain, const char *name, const char *text);
/* Put metadata of a shut-off domain's snapshot in place. */
char *redefine(GDBusConnection *connection, const char *domain, const char *name, const char *parent);
char *domain_path(GDBusConnection *connection, const char *name);
char *snapshot_path(GDBusConnection *connection, const char *domain, const char *name);
char *xml_escape(const char *text);

/* Everything that GetManagedObjects shows, in one order: equal worlds give equal texts. */
char *dump_world(GDBusConnection *connection);

/* Spin the default main context until the condition holds. */
#define WAIT_FOR(condition)                                                 \
        do {                                                                \
                gint64 _limit = g_get_monotonic_time() + LIMIT_USEC;        \
                while (!(condition)) {                                      \
                        g_assert_cmpint(g_get_monotonic_time(), <, _limit); \
                        spin();                                             \
                }                                                           \
        } while (0)
/* What there is to do, or a moment for something to come. */
void spin(void);
