/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/bus/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dbus/names.h"

static const char user_bus[] = "<busconfig>"
                               "  <type>session</type>"
                               "  <listen>unix:path=%s/bus</listen>"
                               "  <auth>EXTERNAL</auth>"
                               "  <policy context=\"default\">"
                               "    <allow user=\"*\"/>"
                               "    <allow own=\"*\"/>"
                               "    <allow send_type=\"method_call\"/>"
                               "    <allow send_type=\"signal\"/>"
                               "    <allow send_requested_reply=\"true\"/>"
                               "    <allow receive_type=\"signal\"/>"
                               "    <allow receive_type=\"method_call\"/>"
                               "    <allow receive_requested_reply=\"true\"/>"
                               "  </policy>"
                               "  <limit name=\"max_incoming_bytes\">1000000000</limit>"
                               "  <limit name=\"max_outgoing_bytes\">1000000000</limit>"
                               "  <limit name=\"max_message_size\">1000000000</limit>"
                               "  <limit name=\"max_replies_per_connection\">50000</limit>"
                               "  <limit name=\"reply_timeout\">600000</limit>"
                               "</busconfig>";

/* In the child: no longer than the test, and nothing of its own on the stdout that the protocol is on. */
static void child_setup(void *userdata) {
        sigset_t none;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        dup2(STDERR_FILENO, STDOUT_FILENO);
}

static char **child_environment(const Fixture *fixture) {
        char **environment = g_get_environ();
        static const char *const folders[] = {
                "HOME",
                "XDG_RUNTIME_DIR",
                "XDG_CONFIG_HOME",
                "XDG_CACHE_HOME",
                "XDG_DATA_HOME",
                "XDG_STATE_HOME",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(folders); i++)
                environment = g_environ_setenv(environment, folders[i], fixture->dir, TRUE);
        environment = g_environ_unsetenv(environment, "NOTIFY_SOCKET");
        environment = g_environ_setenv(environment, "DBUS_SESSION_BUS_ADDRESS", fixture->address, TRUE);
        return g_environ_setenv(environment, "DBUS_SYSTEM_BUS_ADDRESS", fixture->address, TRUE);
}

static GPid spawn(const Fixture *fixture, char **argv) {
        g_auto(GStrv) environment = child_environment(fixture);
        g_autoptr(GError) error = NULL;
        GPid pid;

        g_spawn_async(fixture->dir, argv, environment, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD,
                child_setup, NULL, &pid, &error);
        g_assert_no_error(error);
        return pid;
}

/* The wait status; whoever does not leave in time is killed, which shows in it. */
static int reap(GPid pid) {
        gint64 limit = g_get_monotonic_time() + LIMIT_USEC;
        int status;
        pid_t r;

        while ((r = waitpid(pid, &status, WNOHANG)) == 0) {
                if (g_get_monotonic_time() > limit)
                        kill(pid, SIGKILL);
                g_usleep(1000);
        }
        g_assert_cmpint(r, ==, pid);
        return status;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

/* The file is there a moment before somebody listens. */
static bool bus_listens(const Fixture *fixture) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

        g_assert_cmpint(fd, >=, 0);
        g_snprintf(address.sun_path, sizeof address.sun_path, "%s/bus", fixture->dir);
        r = connect(fd, (const struct sockaddr *) &address, sizeof address);
        close(fd);
        return r == 0;
}

GDBusConnection *fixture_connect(const Fixture *fixture) {
        g_autoptr(GError) error = NULL;
        GDBusConnection *connection = g_dbus_connection_new_for_address_sync(fixture->address,
                G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                        G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                NULL, NULL, &error);

        g_assert_no_error(error);
        return connection;
}

static void start_bus(Fixture *fixture, const char *config) {
        g_autofree char *file = g_build_filename(fixture->dir, "bus.conf", NULL);
        g_autofree char *option = g_strdup_printf("--config-file=%s", file), *text = NULL;
        char *argv[] = { (char *) "dbus-daemon", (char *) "--nofork", (char *) "--nopidfile", option, NULL };
        g_autoptr(GError) error = NULL;

        text = config ? g_strdup(config) : g_strdup_printf(user_bus, fixture->dir);
        g_file_set_contents(file, text, -1, &error);
        g_assert_no_error(error);
        fixture->bus_pid = spawn(fixture, argv);
        WAIT_FOR(bus_listens(fixture));
        fixture->connection = fixture_connect(fixture);
}

Fixture *fixture_new_bus(const char *uri, const char *bus_config) {
        Fixture *fixture = g_new0(Fixture, 1);
        g_autoptr(GError) error = NULL;

        fixture->dir = g_dir_make_tmp("vs-XXXXXX", &error);
        g_assert_no_error(error);
        /* other users must get at the socket */
        g_assert_cmpint(chmod(fixture->dir, 0711), ==, 0);
        fixture->address = g_strdup_printf("unix:path=%s/bus", fixture->dir);
        fixture->uri = g_strdup(uri);
        if (bus_config) {
                g_autoptr(GString) text = g_string_new(bus_config);

                g_string_replace(text, "@dir@", fixture->dir, 0);
                start_bus(fixture, text->str);
        } else
                start_bus(fixture, NULL);
        return fixture;
}

Fixture *fixture_new(const char *uri) {
        Fixture *fixture = fixture_new_bus(uri, NULL);

        fixture_start_daemon(fixture);
        return fixture;
}

static bool name_is_owned(const Fixture *fixture) {
        g_autoptr(GVariant) reply = g_dbus_connection_call_sync(fixture->connection, "org.freedesktop.DBus",
                "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                g_variant_new("(s)", VS_BUS_NAME), G_VARIANT_TYPE("(b)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                NULL);
        gboolean owned = FALSE;

        if (reply)
                g_variant_get(reply, "(b)", &owned);
        return owned;
}

void fixture_start_daemon(Fixture *fixture) {
        const char *daemon = g_getenv("VIRTSNAPD");
        g_autofree char *state = g_build_filename(fixture->dir, "state", NULL);
        char *argv[] = { (char *) daemon, (char *) "--connect", fixture->uri, (char *) "--state-directory",
                state, (char *) (fixture->system ? NULL : "--user"), NULL };

        g_assert_nonnull(daemon);
        g_assert_cmpint(fixture->daemon_pid, ==, 0);
        fixture->daemon_pid = spawn(fixture, argv);
        WAIT_FOR(name_is_owned(fixture) || waitpid(fixture->daemon_pid, NULL, WNOHANG) != 0);
        g_assert_true(name_is_owned(fixture));
}

void fixture_stop_daemon(Fixture *fixture) {
        int status;

        g_assert_cmpint(fixture->daemon_pid, >, 0);
        kill(fixture->daemon_pid, SIGTERM);
        status = reap(fixture->daemon_pid);
        fixture->daemon_pid = 0;
        g_assert_true(WIFEXITED(status));
        g_assert_cmpint(WEXITSTATUS(status), ==, 0);
        WAIT_FOR(!name_is_owned(fixture));
}

void fixture_kill_daemon(Fixture *fixture) {
        int status;

        g_assert_cmpint(fixture->daemon_pid, >, 0);
        kill(fixture->daemon_pid, SIGKILL);
        status = reap(fixture->daemon_pid);
        fixture->daemon_pid = 0;
        /* it was alive until now */
        g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        WAIT_FOR(!name_is_owned(fixture));
}

void fixture_free(Fixture *fixture) {
        if (!fixture)
                return;
        if (fixture->daemon_pid > 0)
                fixture_stop_daemon(fixture);
        g_dbus_connection_close_sync(fixture->connection, NULL, NULL);
        g_object_unref(fixture->connection);
        kill(fixture->bus_pid, SIGTERM);
        reap(fixture->bus_pid);
        nftw(fixture->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        g_free(fixture->dir);
        g_free(fixture->address);
        g_free(fixture->uri);
        g_free(fixture);
}

static void helper_setup(void *userdata) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
}

GSubprocess *fixture_spawn(const Fixture *fixture, const char *variable, const char *const *arguments) {
        g_autoptr(GSubprocessLauncher) launcher =
                g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE);
        g_autoptr(GPtrArray) argv = g_ptr_array_new();
        g_autoptr(GError) error = NULL;
        GSubprocess *process;

        g_assert_nonnull(g_getenv(variable));
        g_ptr_array_add(argv, (char *) g_getenv(variable));
        for (; arguments && *arguments; arguments++)
                g_ptr_array_add(argv, (char *) *arguments);
        g_ptr_array_add(argv, NULL);
        g_subprocess_launcher_set_child_setup(launcher, helper_setup, NULL, NULL);
        g_subprocess_launcher_setenv(launcher, "DBUS_SESSION_BUS_ADDRESS", fixture->address, TRUE);
        process = g_subprocess_launcher_spawnv(launcher, (const char *const *) argv->pdata, &error);
        g_assert_no_error(error);
        return process;
}

char *ask(GSubprocess *process, const char *command) {
        GOutputStream *in = g_subprocess_get_stdin_pipe(process);
        GInputStream *out = g_subprocess_get_stdout_pipe(process);
        g_autofree char *line = command ? g_strconcat(command, "\n", NULL) : NULL;
        GString *answer = g_string_new(NULL);
        char c;

        if (line)
                g_assert_true(g_output_stream_write_all(in, line, strlen(line), NULL, NULL, NULL));
        while (g_input_stream_read(out, &c, 1, NULL, NULL) == 1 && c != '\n')
                g_string_append_c(answer, c);
        return g_string_free(answer, FALSE);
}

GSubprocess *follow(const Fixture *fixture) {
        GSubprocess *process = fixture_spawn(fixture, "FOLLOW", NULL);
        g_autofree char *line = ask(process, NULL);

        g_assert_cmpstr(line, ==, "following");
        return process;
}

void follow_check(GSubprocess *process) {
        g_autofree char *line = ask(process, "check");

        g_test_message("follow: %s", line);
        g_assert_true(g_str_has_prefix(line, "same "));
}

void follow_end(GSubprocess *process) {
        g_autofree char *output = NULL;

        g_assert_true(g_subprocess_communicate_utf8(process, NULL, NULL, &output, NULL, NULL));
        g_test_message("follow: %s", output);
        g_assert_true(g_subprocess_get_successful(process));
        g_object_unref(process);
}

void spin(void) {
        if (!g_main_context_iteration(NULL, FALSE))
                g_usleep(500);
}

static void write_snapshot(
        GString *xml, const char *domain, const char *name, const char *parent, unsigned i, bool current) {
        g_autofree char *safe = g_markup_escape_text(name, -1);

        g_string_append_printf(xml, "<test:domainsnapshot><name>%s</name>", safe);
        if (parent) {
                g_autofree char *safe_parent = g_markup_escape_text(parent, -1);

                g_string_append_printf(xml, "<parent><name>%s</name></parent>", safe_parent);
        }
        g_string_append_printf(xml,
                "<state>shutoff</state><creationTime>%u</creationTime><domain type='test'>%s</domain>"
                "<active>%d</active></test:domainsnapshot>\n",
                1000000000 + i, domain, current);
}

/* Returns what the definition in each snapshot begins with. */
static char *open_domain(GString *xml, unsigned d) {
        char *body = g_strdup_printf(
                "<name>d%u</name><uuid>00000000-0000-4000-8000-%012u</uuid><memory>8192</memory>"
                "<os><type>hvm</type></os>",
                d, d);

        g_string_append_printf(xml,
                "<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>%s"
                "<test:runstate>5</test:runstate>\n",
                body);
        return body;
}

static char *write_file(const char *dir, GString *xml) {
        char *file = g_build_filename(dir, "node.xml", NULL);
        g_autoptr(GError) error = NULL;

        g_string_append(xml, "</node>\n");
        g_file_set_contents(file, xml->str, (gssize) xml->len, &error);
        g_assert_no_error(error);
        return file;
}

static void use_file(Fixture *fixture, GString *xml) {
        g_autofree char *file = write_file(fixture->dir, xml);

        g_free(fixture->uri);
        fixture->uri = g_strconcat("test://", file, NULL);
        fixture_start_daemon(fixture);
}

Fixture *fixture_new_bulk(unsigned n_domains, unsigned n_snapshots, unsigned branches) {
        Fixture *fixture = fixture_new_bus("", NULL);
        g_autoptr(GString) xml = g_string_new("<node>\n");

        for (unsigned d = 0; d < n_domains; d++) {
                g_autofree char *domain = open_domain(xml, d);

                for (unsigned s = 0; s < n_snapshots; s++) {
                        g_autofree char *name = g_strdup_printf("s%u", s);
                        g_autofree char *parent = s > 0 ? g_strdup_printf("s%u", (s - 1) / branches) : NULL;

                        write_snapshot(xml, domain, name, parent, s, s + 1 == n_snapshots);
                }
                g_string_append(xml, "</domain>\n");
        }
        use_file(fixture, xml);
        return fixture;
}

Fixture *fixture_new_named(const char *const *names) {
        Fixture *fixture = fixture_new_bus("", NULL);
        g_autoptr(GString) xml = g_string_new("<node>\n");
        g_autofree char *domain = open_domain(xml, 0);

        for (unsigned i = 0; names[i]; i++)
                write_snapshot(xml, domain, names[i], i > 0 ? names[i - 1] : NULL, i, !names[i + 1]);
        g_string_append(xml, "</domain>\n");
        use_file(fixture, xml);
        return fixture;
}
