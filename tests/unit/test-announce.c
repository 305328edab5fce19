/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/bus/announce.h"

#include <sys/socket.h>

#include "tests/unit/loop.h"

#define INTERFACE "org.virtsnap1.Test"
#define MANAGER "org.freedesktop.DBus.ObjectManager"
#define PROPERTIES "org.freedesktop.DBus.Properties"

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const char *const *const test_properties[] = { NAMES("A"), NAMES("B", "C") };
static const AnnouncedType type = { INTERFACE, test_properties, G_N_ELEMENTS(test_properties) };

enum { CHANGED_A = 1 << 0, CHANGED_BC = 1 << 1 };

/* Two ends of a bus without a daemon between them: one announces, the other writes down what it hears. */
typedef struct Fixture {
        sd_event *event;
        sd_bus *server, *client;
        Announcer *announcer;
        GHashTable *objects; /* paths of those that are there */
        GString *heard;
        unsigned n_heard;
        bool quiet, at_end;
} Fixture;

static int find_object(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret,
        sd_bus_error *error) {
        Fixture *f = userdata;

        *ret = f;
        return g_hash_table_contains(f->objects, path);
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "s", property);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
                SD_BUS_PROPERTY("A", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                        SD_BUS_PROPERTY("B", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                                SD_BUS_PROPERTY("C", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                                        SD_BUS_VTABLE_END,
                        };

static void hear_changed(Fixture *f, sd_bus_message *message) {
        const char *interface, *name;

        g_assert_cmpint(sd_bus_message_read(message, "s", &interface), >=, 0);
        g_assert_cmpstr(interface, ==, INTERFACE);
        g_string_append_printf(f->heard, "changed %s", sd_bus_message_get_path(message));
        g_assert_cmpint(sd_bus_message_enter_container(message, 'a', "{sv}"), >=, 0);
        while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
                g_assert_cmpint(sd_bus_message_read(message, "s", &name), >=, 0);
                g_assert_cmpint(sd_bus_message_skip(message, "v"), >=, 0);
                g_assert_cmpint(sd_bus_message_exit_container(message), >=, 0);
                g_string_append_printf(f->heard, " %s", name);
        }
        g_string_append_c(f->heard, '\n');
}

/* All interfaces that were announced must go, or the client keeps a ghost. */
static void hear_removed(Fixture *f, sd_bus_message *message) {
        const char *path, *interface;
        unsigned n = 0;

        g_assert_cmpint(sd_bus_message_read(message, "o", &path), >=, 0);
        g_assert_cmpint(sd_bus_message_enter_container(message, 'a', "s"), >=, 0);
        while (sd_bus_message_read(message, "s", &interface) > 0)
                n++;
        g_assert_cmpuint(n, ==, 4);
        g_string_append_printf(f->heard, "removed %s\n", path);
}

static void hear_added(Fixture *f, sd_bus_message *message) {
        const char *path;
        unsigned n = 0;

        g_assert_cmpint(sd_bus_message_read(message, "o", &path), >=, 0);
        g_assert_cmpint(sd_bus_message_enter_container(message, 'a', "{sa{sv}}"), >=, 0);
        while (sd_bus_message_skip(message, "{sa{sv}}") > 0)
                n++;
        g_assert_cmpuint(n, ==, 4);
        g_string_append_printf(f->heard, "added %s\n", path);
}

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Fixture *f = userdata;

        f->n_heard++;
        if (sd_bus_message_is_signal(message, INTERFACE, "End"))
                f->at_end = true;
        else if (f->quiet)
                return 0;
        else if (sd_bus_message_is_signal(message, MANAGER, "InterfacesAdded"))
                hear_added(f, message);
        else if (sd_bus_message_is_signal(message, MANAGER, "InterfacesRemoved"))
                hear_removed(f, message);
        else if (sd_bus_message_is_signal(message, PROPERTIES, "PropertiesChanged"))
                hear_changed(f, message);
        else if (sd_bus_message_is_signal(message, INTERFACE, NULL))
                g_string_append_printf(f->heard, "%s\n", sd_bus_message_get_member(message));
        return 0;
}

static sd_bus *open_end(sd_event *event, int fd, bool server) {
        sd_bus *bus = NULL;
        sd_id128_t id;

        g_assert_cmpint(sd_id128_randomize(&id), >=, 0);
        g_assert_cmpint(sd_bus_new(&bus), >=, 0);
        g_assert_cmpint(sd_bus_set_fd(bus, fd, fd), >=, 0);
        if (server)
                g_assert_cmpint(sd_bus_set_server(bus, true, id), >=, 0);
        g_assert_cmpint(sd_bus_set_anonymous(bus, true), >=, 0);
        g_assert_cmpint(sd_bus_start(bus), >=, 0);
        g_assert_cmpint(sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL), >=, 0);
        return bus;
}

static bool is_ready(const void *data) {
        const Fixture *f = data;

        return sd_bus_is_ready(f->server) > 0 && sd_bus_is_ready(f->client) > 0;
}

static void up(Fixture *f, gconstpointer data) {
        int fds[2];

        g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds));
        g_assert_cmpint(sd_event_new(&f->event), >=, 0);
        f->server = open_end(f->event, fds[0], true);
        f->client = open_end(f->event, fds[1], false);
        f->objects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        f->heard = g_string_new(NULL);
        g_assert_cmpint(sd_bus_add_object_manager(f->server, NULL, "/t"), >=, 0);
        g_assert_cmpint(
                sd_bus_add_fallback_vtable(f->server, NULL, "/t", INTERFACE, vtable, find_object, f), >=, 0);
        g_assert_cmpint(sd_bus_add_filter(f->client, NULL, on_message, f), >=, 0);
        loop_until(f->event, is_ready, f);
        f->announcer = announcer_new(f->server, f->event, SD_EVENT_PRIORITY_NORMAL + 10);
        g_assert_nonnull(f->announcer);
}

static void down(Fixture *f, gconstpointer data) {
        g_assert_null(announcer_free(f->announcer));
        sd_bus_close_unref(f->server);
        sd_bus_close_unref(f->client);
        sd_event_unref(f->event);
        g_hash_table_unref(f->objects);
        g_string_free(f->heard, true);
}

static void add(Fixture *f, const char *path) {
        g_hash_table_add(f->objects, g_strdup(path));
        announce_added(f->announcer, &type, path);
}

static void take_away(Fixture *f, const char *path) {
        g_assert_true(g_hash_table_remove(f->objects, path));
        announce_removed(f->announcer, &type, path);
}

static void change(Fixture *f, const char *path, unsigned bits) {
        announce_changed(f->announcer, &type, path, bits);
}

static void send_signal(Fixture *f, const char *member) {
        sd_bus_message *signal = NULL;

        g_assert_cmpint(sd_bus_message_new_signal(f->server, &signal, "/t", INTERFACE, member), >=, 0);
        announce_signal(f->announcer, signal);
}

/* What it is called with goes with the call, made or not. */
static void say_called(void *userdata) {
        sd_bus *const *server = userdata;

        g_assert_cmpint(sd_bus_emit_signal(*server, "/t", INTERFACE, "Called", NULL), >=, 0);
}

static bool heard_end(const void *data) {
        const Fixture *f = data;

        return f->at_end;
}

/* Everything that is to be told is, and it was this. */
static void assert_heard(Fixture *f, const char *expected) {
        send_signal(f, "End");
        loop_until(f->event, heard_end, f);
        f->at_end = false;
        g_assert_cmpstr(f->heard->str, ==, expected);
        g_string_truncate(f->heard, 0);
}

/* Whatever the order in which it happened. */
static void test_order(Fixture *f, gconstpointer data) {
        add(f, "/t/old");
        add(f, "/t/stays");
        assert_heard(f, "added /t/old\nadded /t/stays\n");

        send_signal(f, "First");
        announce_then(f->announcer, say_called, g_memdup2(&f->server, sizeof f->server));
        change(f, "/t/stays", CHANGED_A);
        add(f, "/t/new");
        add(f, "/t/new/child");
        take_away(f, "/t/old");
        send_signal(f, "Second");
        announce_signal(f->announcer, NULL);
        assert_heard(f,
                "removed /t/old\n"
                "added /t/new\n"
                "added /t/new/child\n"
                "changed /t/stays A\n"
                "First\n"
                "Called\n"
                "Second\n");
}

static void test_coalesced(Fixture *f, gconstpointer data) {
        add(f, "/t/a");
        add(f, "/t/b");
        /* What has just come is told with its values anyway. */
        change(f, "/t/a", CHANGED_A);
        assert_heard(f, "added /t/a\nadded /t/b\n");

        change(f, "/t/a", CHANGED_BC);
        change(f, "/t/b", CHANGED_BC);
        change(f, "/t/a", CHANGED_A);
        change(f, "/t/a", CHANGED_BC);
        change(f, "/t/b", 0);
        assert_heard(f, "changed /t/a A B C\nchanged /t/b B C\n");
        assert_heard(f, "");
}

/* Comes and goes before anything was told; goes and comes; changes and goes. */
static void test_short_lives(Fixture *f, gconstpointer data) {
        add(f, "/t/a");
        assert_heard(f, "added /t/a\n");

        add(f, "/t/b");
        take_away(f, "/t/b");
        assert_heard(f, "");

        take_away(f, "/t/a");
        add(f, "/t/a");
        change(f, "/t/a", CHANGED_A);
        assert_heard(f, "removed /t/a\nadded /t/a\n");

        take_away(f, "/t/a");
        add(f, "/t/a");
        take_away(f, "/t/a");
        assert_heard(f, "removed /t/a\n");

        add(f, "/t/a");
        take_away(f, "/t/a");
        add(f, "/t/a");
        assert_heard(f, "added /t/a\n");

        change(f, "/t/a", CHANGED_A);
        take_away(f, "/t/a");
        assert_heard(f, "removed /t/a\n");
}

static void test_now(Fixture *f, gconstpointer data) {
        add(f, "/t/a");
        add(f, "/t/b");
        assert_heard(f, "added /t/a\nadded /t/b\n");

        change(f, "/t/b", CHANGED_A);
        change(f, "/t/a", CHANGED_A);
        announce_now(f->announcer, &type, "/t/a", CHANGED_BC);
        announce_now(f->announcer, &type, "/t/a", 0);
        assert_heard(f, "changed /t/a A B C\nchanged /t/b A\n");
}

/* More than a socket takes at once: all of it arrives, in pieces, and the queue of the bus stays short. */
static void test_many(Fixture *f, gconstpointer data) {
        const unsigned n = 20000;
        uint64_t queued, most = 0;

        f->quiet = true;
        for (unsigned i = 0; i < n; i++) {
                g_autofree char *path = g_strdup_printf("/t/object%u", i);

                add(f, path);
        }
        send_signal(f, "End");
        while (!f->at_end) {
                g_assert_cmpint(sd_event_run(f->event, UINT64_C(10) * G_USEC_PER_SEC), >, 0);
                g_assert_cmpint(sd_bus_get_n_queued_write(f->server, &queued), >=, 0);
                most = MAX(most, queued);
        }
        g_assert_cmpuint(f->n_heard, ==, n + 1);
        g_assert_cmpuint(most, <, n / 2);
}

/* What was not told goes with it, and the calls are not made. */
static void test_freed(Fixture *f, gconstpointer data) {
        add(f, "/t/a");
        change(f, "/t/b", CHANGED_A);
        announce_removed(f->announcer, &type, "/t/c");
        send_signal(f, "First");
        announce_then(f->announcer, say_called, g_memdup2(&f->server, sizeof f->server));
        announcer_free(g_steal_pointer(&f->announcer));
        g_assert_cmpint(sd_bus_emit_signal(f->server, "/t", INTERFACE, "End", NULL), >=, 0);
        loop_until(f->event, heard_end, f);
        g_assert_cmpuint(f->n_heard, ==, 1);
        g_assert_null(announcer_free(NULL));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
#define TEST(name, function) g_test_add("/announce/" name, Fixture, NULL, up, function, down)
        TEST("order", test_order);
        TEST("coalesced", test_coalesced);
        TEST("short-lives", test_short_lives);
        TEST("now", test_now);
        TEST("many", test_many);
        TEST("freed", test_freed);
        return g_test_run();
}
