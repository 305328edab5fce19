/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A client with a watch: see the usage below. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <systemd/sd-bus.h>

#include "dbus/names.h"

/* Nothing that is measured takes longer. */
#define LIMIT_USEC (UINT64_C(600) * 1000 * 1000)

/* Calls that libvirt-dbus has under way at once; more do not make it faster. */
#define WINDOW 32U

static const char usage[] =
        "measure pair COUNT CALL CALL    two calls in turns: the median of each\n"
        "measure xml COUNT DOMAIN        libvirt-dbus: a domain's (its path) snapshots and the XML of each\n"
        "measure first COUNT NAME CALL   the service is ended, then called: until the answer\n"
        "measure job CALL                a call that starts a job, until that has ended\n"
        "measure ping CALL NAME          Ping of another caller while this call is under way: 99 % and the\n"
        "                                slowest; the same of the service NAME; and the call itself\n"
        "\n"
        "Times are microseconds.  A CALL is one argument: NAME PATH INTERFACE MEMBER [SIGNATURE "
        "[WORD...]];\n"
        "s and t take a word each, a{sv} one with the names of the options that are to be true, separated "
        "by\n"
        "commas, or -.\n";

static void fail(const char *what, int r, const sd_bus_error *error) {
        fprintf(stderr, "%s: %s\n", what, error && error->message ? error->message : strerror(-r));
        exit(EXIT_FAILURE);
}

static sd_bus *connect_bus(void) {
        sd_bus *bus = NULL;
        int r = sd_bus_open_user(&bus);

        if (r < 0)
                fail("connect", r, NULL);
        sd_bus_set_method_call_timeout(bus, LIMIT_USEC);
        return bus;
}

static int append_options(sd_bus_message *message, const char *word) {
        g_auto(GStrv) names = g_strsplit(strcmp(word, "-") == 0 ? "" : word, ",", 0);
        int r = sd_bus_message_open_container(message, 'a', "{sv}");

        for (char **name = names; *name && r >= 0; name++)
                r = sd_bus_message_append(message, "{sv}", *name, "b", 1);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static sd_bus_message *new_call(sd_bus *bus, const char *call) {
        g_auto(GStrv) words = g_strsplit(call, " ", 0);
        unsigned n = g_strv_length(words), next = 5;
        sd_bus_message *message = NULL;
        int r = n < 4
                ? -EINVAL
                : sd_bus_message_new_method_call(bus, &message, words[0], words[1], words[2], words[3]);

        for (const char *type = n > 4 ? words[4] : ""; *type && r >= 0; type++)
                if (next >= n)
                        r = -EINVAL;
                else if (*type == 'a') {
                        r = append_options(message, words[next++]);
                        type += strlen("{sv}");
                } else if (*type == 't')
                        r = sd_bus_message_append(
                                message, "t", (uint64_t) strtoull(words[next++], NULL, 10));
                else
                        r = sd_bus_message_append_basic(message, *type, words[next++]);
        if (r < 0)
                fail(call, r, NULL);
        return message;
}

static sd_bus_message *run(sd_bus *bus, const char *call) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *message = new_call(bus, call), *reply = NULL;
        int r = sd_bus_call(bus, message, LIMIT_USEC, &error, &reply);

        sd_bus_message_unref(message);
        if (r < 0)
                fail(call, r, &error);
        return reply;
}

static int64_t time_call(sd_bus *bus, const char *call) {
        int64_t before = g_get_monotonic_time(), after;
        sd_bus_message *reply = run(bus, call);

        after = g_get_monotonic_time();
        sd_bus_message_unref(reply);
        return after - before;
}

static int compare(const void *a, const void *b) {
        int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;

        return (x > y) - (x < y);
}

static int64_t median(int64_t *values, unsigned n) {
        qsort(values, n, sizeof *values, compare);
        return values[n / 2];
}

static void pair(unsigned n, char *calls[]) {
        g_autofree int64_t *a = g_new(int64_t, n), *b = g_new(int64_t, n);
        sd_bus *bus = connect_bus();

        time_call(bus, calls[0]);
        time_call(bus, calls[1]);
        for (unsigned i = 0; i < n; i++) {
                a[i] = time_call(bus, calls[0]);
                b[i] = time_call(bus, calls[1]);
        }
        printf("%" PRId64 " %" PRId64 "\n", median(a, n), median(b, n));
        sd_bus_flush_close_unref(bus);
}

static int on_xml(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        unsigned *left = userdata;

        if (sd_bus_message_is_method_error(reply, NULL))
                fail("XML", -EIO, sd_bus_message_get_error(reply));
        (*left)--;
        return 0;
}

static int64_t time_xml(sd_bus *bus, const char *domain) {
        int64_t before = g_get_monotonic_time();
        g_autofree char *list =
                g_strdup_printf("org.libvirt %s org.libvirt.Domain ListDomainSnapshots u 0", domain);
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        unsigned left = 0;
        const char *path;
        int r;

        r = sd_bus_call_method(bus, "org.libvirt", domain, "org.libvirt.Domain", "ListDomainSnapshots",
                &error, &reply, "u", 0);
        if (r < 0)
                fail(list, r, &error);
        r = sd_bus_message_enter_container(reply, 'a', "o");
        while (r >= 0 && sd_bus_message_read(reply, "o", &path) > 0) {
                r = sd_bus_call_method_async(bus, NULL, "org.libvirt", path, "org.libvirt.DomainSnapshot",
                        "GetXMLDesc", on_xml, &left, "u", 0);
                left++;
                while (left >= WINDOW)
                        if (sd_bus_process(bus, NULL) == 0)
                                sd_bus_wait(bus, UINT64_MAX);
        }
        while (left > 0)
                if (sd_bus_process(bus, NULL) == 0)
                        sd_bus_wait(bus, UINT64_MAX);
        if (r < 0)
                fail(list, r, NULL);
        sd_bus_message_unref(reply);
        return g_get_monotonic_time() - before;
}

static void xml(unsigned n, const char *domain) {
        g_autofree int64_t *times = g_new(int64_t, n);
        sd_bus *bus = connect_bus();

        time_xml(bus, domain);
        for (unsigned i = 0; i < n; i++)
                times[i] = time_xml(bus, domain);
        printf("%" PRId64 "\n", median(times, n));
        sd_bus_flush_close_unref(bus);
}

/* Until the process itself is gone, and with it its hold on the state directory. */
static void end_service(sd_bus *bus, const char *name) {
        g_autofree char *owner =
                g_strdup_printf("org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus "
                                "GetConnectionUnixProcessID s %s",
                        name);
        sd_bus_message *reply = run(bus, owner);
        uint32_t pid;

        if (sd_bus_message_read(reply, "u", &pid) < 0 || kill((pid_t) pid, SIGTERM) < 0)
                fail(owner, -errno, NULL);
        sd_bus_message_unref(reply);
        while (kill((pid_t) pid, 0) == 0)
                g_usleep(1000);
}

static void first(unsigned n, const char *name, const char *call) {
        g_autofree int64_t *times = g_new(int64_t, n);
        sd_bus *bus = connect_bus();

        time_call(bus, call);
        for (unsigned i = 0; i < n; i++) {
                end_service(bus, name);
                times[i] = time_call(bus, call);
        }
        printf("%" PRId64 "\n", median(times, n));
        sd_bus_flush_close_unref(bus);
}

static void job(const char *call) {
        sd_bus *bus = connect_bus();
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply, *end = NULL;
        const char *path, *result = NULL, *name = NULL, *text = NULL;
        int64_t before = g_get_monotonic_time(), after;
        int r;

        reply = run(bus, call);
        r = sd_bus_message_read(reply, "to", NULL, &path);
        if (r >= 0)
                r = sd_bus_call_method(
                        bus, VS_BUS_NAME, path, VS_JOB_INTERFACE, "Wait", &error, &end, "t", LIMIT_USEC);
        after = g_get_monotonic_time();
        if (r >= 0)
                r = sd_bus_message_read(end, "sss", &result, &name, &text);
        if (r < 0)
                fail(call, r, &error);
        if (strcmp(result, "done") != 0) {
                fprintf(stderr, "%s: %s: %s\n", call, name, text);
                exit(EXIT_FAILURE);
        }
        printf("%" PRId64 "\n", after - before);
        sd_bus_message_unref(end);
        sd_bus_message_unref(reply);
        sd_bus_flush_close_unref(bus);
}

static int on_done(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        if (sd_bus_message_is_method_error(reply, NULL))
                fail("call", -EIO, sd_bus_message_get_error(reply));
        *(bool *) userdata = true;
        return 0;
}

static int64_t percentile(GArray *times, unsigned percent) {
        int64_t *values = (int64_t *) (void *) times->data;

        qsort(values, times->len, sizeof *values, compare);
        return values[percent == 100 ? times->len - 1 : times->len * percent / 100];
}

/* The control meets what else the machine does, but has nothing to do with the call. */
static void ping(const char *call, const char *control) {
        static const char format[] = "%s " VS_ROOT_PATH " org.freedesktop.DBus.Peer Ping";
        char *calls[] = { g_strdup_printf(format, VS_BUS_NAME), g_strdup_printf(format, control) };
        GArray *times[] = { g_array_new(FALSE, FALSE, sizeof(int64_t)),
                g_array_new(FALSE, FALSE, sizeof(int64_t)) };
        sd_bus *bus = connect_bus(), *other = connect_bus();
        sd_bus_message *message = new_call(bus, call);
        int64_t before;
        bool done = false;
        int r;

        time_call(other, calls[0]);
        time_call(other, calls[1]);
        before = g_get_monotonic_time();
        r = sd_bus_call_async(bus, NULL, message, on_done, &done, LIMIT_USEC);
        if (r < 0 || sd_bus_flush(bus) < 0)
                fail(call, r, NULL);
        while (!done) {
                for (unsigned i = 0; i < G_N_ELEMENTS(calls); i++) {
                        int64_t one = time_call(other, calls[i]);

                        g_array_append_val(times[i], one);
                }
                while (sd_bus_process(bus, NULL) > 0)
                        ;
        }
        before = g_get_monotonic_time() - before;
        printf("%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", percentile(times[0], 99),
                percentile(times[0], 100), percentile(times[1], 99), percentile(times[1], 100), before);
        for (unsigned i = 0; i < G_N_ELEMENTS(calls); i++) {
                g_free(calls[i]);
                g_array_unref(times[i]);
        }
        sd_bus_message_unref(message);
        sd_bus_flush_close_unref(other);
        sd_bus_flush_close_unref(bus);
}

int main(int argc, char *argv[]) {
        const char *command = argc > 1 ? argv[1] : "";
        unsigned n = argc > 2 ? (unsigned) atoi(argv[2]) : 0;

        if (strcmp(command, "pair") == 0 && argc == 5 && n > 0)
                pair(n, argv + 3);
        else if (strcmp(command, "xml") == 0 && argc == 4 && n > 0)
                xml(n, argv[3]);
        else if (strcmp(command, "first") == 0 && argc == 5 && n > 0)
                first(n, argv[3], argv[4]);
        else if (strcmp(command, "job") == 0 && argc == 3)
                job(argv[2]);
        else if (strcmp(command, "ping") == 0 && argc == 4)
                ping(argv[2], argv[3]);
        else {
                fputs(usage, stderr);
                return 2;
        }
        return EXIT_SUCCESS;
}
