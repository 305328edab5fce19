/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#include "dbus/names.h"
#include "tests/bus/fixture.h"

/* Somebody else. */
#define STRANGER_UID 65534

#define ACCESS_DENIED "org.freedesktop.DBus.Error.AccessDenied"

/* A bus of the system's kind: anybody may connect; what else they may do is said in @policy@. */
static const char system_bus[] = "<busconfig>"
                                 "  <type>system</type>"
                                 "  <listen>unix:path=@dir@/bus</listen>"
                                 "  <auth>EXTERNAL</auth>"
                                 "  <policy context=\"default\">"
                                 "    <allow user=\"*\"/>"
                                 "    <deny own=\"*\"/>"
                                 "    <deny send_type=\"method_call\"/>"
                                 "    <allow send_type=\"signal\"/>"
                                 "    <allow send_requested_reply=\"true\" send_type=\"method_return\"/>"
                                 "    <allow send_requested_reply=\"true\" send_type=\"error\"/>"
                                 "    <allow receive_type=\"method_call\"/>"
                                 "    <allow receive_type=\"method_return\"/>"
                                 "    <allow receive_type=\"error\"/>"
                                 "    <allow receive_type=\"signal\"/>"
                                 "    <allow send_destination=\"org.freedesktop.DBus\"/>"
                                 "  </policy>"
                                 "  %s"
                                 "</busconfig>";

/* A policy that leaves the decision to the daemon. */
static const char open_policy[] = "<policy context=\"default\">"
                                  "  <allow own=\"org.virtsnap1\"/>"
                                  "  <allow send_destination=\"org.virtsnap1\"/>"
                                  "</policy>";

/* The other end of a socket to a process of another user, begun before there were threads. */
static int stranger = -1;

typedef struct Question {
        char address[128], path[128], interface[64], member[64], signature[8];
} Question;

/* The name of the error, or "" for an answer. */
static void answer(const Question *q, char *ret, size_t size) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, q->address);
        if (r >= 0)
                r = sd_bus_set_bus_client(bus, true);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0) {
                if (strcmp(q->signature, "a{sv}") == 0)
                        r = sd_bus_call_method(bus, VS_BUS_NAME, q->path, q->interface, q->member, &error,
                                NULL, "a{sv}", 0);
                else if (strcmp(q->signature, "sa{sv}") == 0)
                        r = sd_bus_call_method(bus, VS_BUS_NAME, q->path, q->interface, q->member, &error,
                                NULL, "sa{sv}", "x", 0);
                else if (strcmp(q->signature, "ss") == 0)
                        r = sd_bus_call_method(bus, VS_BUS_NAME, q->path, q->interface, q->member, &error,
                                NULL, "ss", VS_MANAGER_INTERFACE, "Version");
                else
                        r = sd_bus_call_method(
                                bus, VS_BUS_NAME, q->path, q->interface, q->member, &error, NULL, NULL);
        }
        snprintf(ret, size, "%s", r >= 0 ? "" : error.name ? error.name : "no connection");
        sd_bus_error_free(&error);
        sd_bus_flush_close_unref(bus);
}

static void stranger_main(int fd) {
        Question q;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (setresgid(STRANGER_UID, STRANGER_UID, STRANGER_UID) < 0 ||
                setresuid(STRANGER_UID, STRANGER_UID, STRANGER_UID) < 0)
                _exit(EXIT_FAILURE);
        while (recv(fd, &q, sizeof q, 0) == (ssize_t) sizeof q) {
                char name[256];

                answer(&q, name, sizeof name);
                if (send(fd, name, sizeof name, 0) < 0)
                        break;
        }
        _exit(EXIT_SUCCESS);
}

/* A fork without exec, as the test program may lie where the other user cannot read. */
static void stranger_start(void) {
        int fds[2];
        pid_t pid;

        if (geteuid() != 0)
                return;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
                abort();
        pid = fork();
        if (pid < 0)
                abort();
        if (pid == 0) {
                close(fds[0]);
                stranger_main(fds[1]);
        }
        close(fds[1]);
        stranger = fds[0];
}

static char *stranger_asks(const Fixture *fixture, const char *path, const char *interface,
        const char *member, const char *signature) {
        Question q = {};
        char name[256];

        g_strlcpy(q.address, fixture->address, sizeof q.address);
        g_strlcpy(q.path, path, sizeof q.path);
        g_strlcpy(q.interface, interface, sizeof q.interface);
        g_strlcpy(q.member, member, sizeof q.member);
        g_strlcpy(q.signature, signature, sizeof q.signature);
        g_assert_cmpint(send(stranger, &q, sizeof q, 0), ==, (ssize_t) sizeof q);
        g_assert_cmpint(recv(stranger, name, sizeof name, 0), ==, (ssize_t) sizeof name);
        return g_strdup(name);
}

/* Whatever the stranger tries is denied, and nothing comes of it. */
static void check_denied(const Fixture *fixture) {
        static const struct {
                const char *path, *interface, *member, *signature;
        } table[] = {
                { VS_ROOT_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", "" },
                { VS_ROOT_PATH, "org.freedesktop.DBus.Properties", "Get", "ss" },
                { VS_ROOT_PATH, VS_MANAGER_INTERFACE, "ListDomains", "a{sv}" },
                { VS_ROOT_PATH, VS_MANAGER_INTERFACE, "Refresh", "a{sv}" },
                { VS_DOMAIN_PREFIX "/test", VS_DOMAIN_INTERFACE, "CreateSnapshot", "sa{sv}" },
                { VS_DOMAIN_PREFIX "/test/base", VS_SNAPSHOT_INTERFACE, "Revert", "a{sv}" },
                { VS_DOMAIN_PREFIX "/test/base", VS_SNAPSHOT_INTERFACE, "Delete", "a{sv}" },
                { VS_DOMAIN_PREFIX "/test/base", VS_SNAPSHOT_INTERFACE, "GetXML", "a{sv}" },
                { VS_DOMAIN_PREFIX "/test/none", VS_SNAPSHOT_INTERFACE, "Delete", "a{sv}" },
        };
        g_autofree char *before = dump_world(fixture->connection), *after = NULL;

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autofree char *name = stranger_asks(
                        fixture, table[i].path, table[i].interface, table[i].member, table[i].signature);

                g_assert_cmpstr(name, ==, ACCESS_DENIED);
        }
        after = dump_world(fixture->connection);
        g_assert_cmpstr(before, ==, after);
}

static bool have_stranger(void) {
        if (stranger < 0)
                g_test_skip("only root can be another user");
        return stranger >= 0;
}

/* With --user no other uid may do anything. */
static void test_user(void) {
        g_autoptr(Fixture) fixture = NULL;
        g_autofree char *domain = NULL, *base = NULL;

        if (!have_stranger())
                return;
        fixture = fixture_new("test:///default");
        domain = domain_path(fixture->connection, "test");
        base = create(fixture->connection, domain, "base", NULL);
        check_denied(fixture);
}

static Fixture *system_fixture(const char *policy) {
        g_autofree char *config = g_strdup_printf(system_bus, policy);
        Fixture *fixture = fixture_new_bus("test:///default", config);

        fixture->system = true;
        fixture_start_daemon(fixture);
        return fixture;
}

/* On the system's bus root alone is served, though the bus would let anybody through. */
static void test_system(void) {
        g_autoptr(Fixture) fixture = NULL;
        g_autofree char *domain = NULL, *base = NULL;

        if (!have_stranger())
                return;
        fixture = system_fixture(open_policy);
        domain = domain_path(fixture->connection, "test");
        base = create(fixture->connection, domain, "base", NULL);
        check_denied(fixture);
        g_free(job_done(fixture->connection,
                must(fixture->connection, base, "Snapshot.Delete", args_options(NULL))));
}

/* The policy that is installed does the same already on the bus; and only root can own the name. */
static void test_policy(void) {
        g_autofree char *file = g_build_filename(g_getenv("INTERFACE_DIR"), "org.virtsnap1.conf", NULL);
        g_autofree char *include = g_strdup_printf("<include>%s</include>", file), *domain = NULL,
                        *base = NULL;
        g_autoptr(Fixture) fixture = NULL;

        if (!have_stranger())
                return;
        fixture = system_fixture(include);
        domain = domain_path(fixture->connection, "test");
        base = create(fixture->connection, domain, "base", NULL);
        check_denied(fixture);
}

int main(int argc, char *argv[]) {
        stranger_start();
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/access/user", test_user);
        g_test_add_func("/access/system", test_system);
        g_test_add_func("/access/policy", test_policy);
        return g_test_run();
}
