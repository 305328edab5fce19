/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A service that looks to virtsnapctl like virtsnapd with one domain, "web1", and one merge that does what
 * it is told from outside, so that a test can hold it at any point:
 *
 *     BlockCommit("vdb") without "force" is refused with WouldLoseData, "vdc" with AccessDenied, and "vdd"
 * is never answered org.virtsnap1.Fake.Set(state, phase, progress)      PropertiesChanged
 *     org.virtsnap1.Fake.End(result, error, message)      PropertiesChanged, JobRemoved
 *
 * With an argument the merge exists from the start: a daemon that came back with its job.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "dbus/names.h"

#define DOMAIN_PATH VS_DOMAIN_PREFIX "/web1"
#define JOB_PATH VS_JOB_PREFIX "/7"
#define JOB_ID UINT64_C(7)

typedef struct Fake {
        sd_bus *bus;
        bool has_job, ended;
        char *state, *phase, *error_name, *error_message;
        const char *operation, *domain, *disk, *snapshot;
        double progress;
        uint64_t bytes_done, bytes_total, rate, expected_end_time;
        sd_bus_message *waiter; /* an unanswered Wait */
} Fake;

static void set(char **where, const char *value) {
        free(*where);
        *where = strdup(value);
}

static int refuse(sd_bus_error *error, const char *name, const char *message) {
        return sd_bus_error_set(error, name, message);
}

static int on_get_domain(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *name;
        int r = sd_bus_message_read(m, "s", &name);

        if (r < 0)
                return r;
        if (strcmp(name, "web1") != 0)
                return refuse(error, VS_ERROR_NO_SUCH_DOMAIN, "There is no such domain");
        return sd_bus_reply_method_return(m, "o", DOMAIN_PATH);
}

static int on_get_job(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Fake *fake = userdata;
        uint64_t id;
        int r = sd_bus_message_read(m, "t", &id);

        if (r < 0)
                return r;
        if (id != JOB_ID || !fake->has_job)
                return refuse(error, VS_ERROR_NO_SUCH_JOB, "There is no such job");
        return sd_bus_reply_method_return(m, "o", JOB_PATH);
}

static int read_force(sd_bus_message *m, int *ret) {
        const char *key;
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &key);
                if (r >= 0)
                        r = strcmp(key, "force") == 0 ? sd_bus_message_read(m, "v", "b", ret)
                                                      : sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

static int on_block_commit(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Fake *fake = userdata;
        const char *disk;
        int force = 0, r = sd_bus_message_read(m, "s", &disk);

        if (r >= 0)
                r = read_force(m, &force);
        if (r < 0)
                return r;
        if (strcmp(disk, "vdb") == 0 && !force)
                return refuse(
                        error, VS_ERROR_WOULD_LOSE_DATA, "This would destroy 'base' and '\x1b[31mred'");
        if (strcmp(disk, "vdc") == 0)
                return refuse(error, SD_BUS_ERROR_ACCESS_DENIED, "Not allowed");
        if (strcmp(disk, "vdd") == 0)
                return 1;
        fake->has_job = true;
        fake->ended = false;
        set(&fake->state, "queued");
        return sd_bus_reply_method_return(m, "to", JOB_ID, JOB_PATH);
}

static int on_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return sd_bus_reply_method_return(m, "");
}

static int answer_waiter(Fake *fake) {
        int r = 0;

        if (fake->waiter && fake->ended)
                r = sd_bus_reply_method_return(
                        fake->waiter, "sss", fake->state, fake->error_name, fake->error_message);
        if (fake->ended)
                fake->waiter = sd_bus_message_unref(fake->waiter);
        return r;
}

static int on_wait(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Fake *fake = userdata;
        int r;

        sd_bus_message_unref(fake->waiter);
        fake->waiter = sd_bus_message_ref(m);
        r = answer_waiter(fake);
        return r < 0 ? r : 1;
}

static int on_set(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Fake *fake = userdata;
        const char *state, *phase;
        int r = sd_bus_message_read(m, "ssd", &state, &phase, &fake->progress);

        if (r < 0)
                return r;
        set(&fake->state, state);
        set(&fake->phase, phase);
        fake->bytes_done = (uint64_t) (fake->progress * (double) fake->bytes_total);
        r = sd_bus_emit_properties_changed(
                fake->bus, JOB_PATH, VS_JOB_INTERFACE, "State", "Phase", "Progress", "BytesDone", NULL);
        return r < 0 ? r : sd_bus_reply_method_return(m, "");
}

static int emit_removed(Fake *fake) {
        return sd_bus_emit_signal(fake->bus, VS_ROOT_PATH, VS_MANAGER_INTERFACE, "JobRemoved", "toosa{sv}",
                JOB_ID, JOB_PATH, DOMAIN_PATH, fake->state, 2, "error-name", "s", fake->error_name,
                "error-message", "s", fake->error_message);
}

static int on_end(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Fake *fake = userdata;
        const char *result, *name, *message;
        int r = sd_bus_message_read(m, "sss", &result, &name, &message);

        if (r < 0)
                return r;
        set(&fake->state, result);
        set(&fake->error_name, name);
        set(&fake->error_message, message);
        fake->ended = true;
        r = sd_bus_emit_properties_changed(fake->bus, JOB_PATH, VS_JOB_INTERFACE, "State", NULL);
        if (r >= 0)
                r = emit_removed(fake);
        if (r >= 0)
                r = answer_waiter(fake);
        return r < 0 ? r : sd_bus_reply_method_return(m, "");
}

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD("GetDomain", "s", "o", on_get_domain, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD("GetJob", "t", "o", on_get_job, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_SIGNAL("JobRemoved", "toosa{sv}", 0), SD_BUS_VTABLE_END,
};

static const sd_bus_vtable domain_vtable[] = {
        SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD("BlockCommit", "sa{sv}", "to", on_block_commit, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_VTABLE_END,
};

static const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0), SD_BUS_METHOD("Cancel", "a{sv}", "", on_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD("Finish", "a{sv}", "", on_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD("Wait", "t", "sss", on_wait, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_PROPERTY("Operation", "s", NULL, offsetof(Fake, operation), 0),
                        SD_BUS_PROPERTY("Domain", "o", NULL, offsetof(Fake, domain), 0),
                                SD_BUS_PROPERTY("Disk", "s", NULL, offsetof(Fake, disk), 0),
                                        SD_BUS_PROPERTY("Snapshot", "s", NULL, offsetof(Fake, snapshot), 0),
                                                SD_BUS_PROPERTY("State", "s", NULL, offsetof(Fake, state), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                                                        SD_BUS_PROPERTY("Phase", "s", NULL, offsetof(Fake, phase), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                                                                SD_BUS_PROPERTY("Progress", "d", NULL, offsetof(Fake, progress), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                                                                        SD_BUS_PROPERTY("BytesDone", "t", NULL, offsetof(Fake, bytes_done), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                                                                                SD_BUS_PROPERTY("BytesTotal", "t", NULL, offsetof(Fake, bytes_total), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                                                                                        SD_BUS_PROPERTY("Rate", "t", NULL, offsetof(Fake, rate), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                                                                                                SD_BUS_PROPERTY("ExpectedEndTime", "t", NULL, offsetof(Fake, expected_end_time),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                                                                                                        SD_BUS_VTABLE_END,
                                                                                                };

static const sd_bus_vtable fake_vtable[] = {
        SD_BUS_VTABLE_START(0), SD_BUS_METHOD("Set", "ssd", "", on_set, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD("End", "sss", "", on_end, SD_BUS_VTABLE_UNPRIVILEGED), SD_BUS_VTABLE_END,
};

static int fake_serve(Fake *fake) {
        sd_event *event = NULL;
        int r = sd_bus_open_user(&fake->bus);

        if (r >= 0)
                r = sd_event_default(&event);
        if (r >= 0)
                r = sd_bus_add_object_vtable(
                        fake->bus, NULL, VS_ROOT_PATH, VS_MANAGER_INTERFACE, manager_vtable, fake);
        if (r >= 0)
                r = sd_bus_add_object_vtable(
                        fake->bus, NULL, VS_ROOT_PATH, "org.virtsnap1.Fake", fake_vtable, fake);
        if (r >= 0)
                r = sd_bus_add_object_vtable(
                        fake->bus, NULL, DOMAIN_PATH, VS_DOMAIN_INTERFACE, domain_vtable, fake);
        if (r >= 0)
                r = sd_bus_add_object_vtable(fake->bus, NULL, JOB_PATH, VS_JOB_INTERFACE, job_vtable, fake);
        if (r >= 0)
                r = sd_bus_attach_event(fake->bus, event, 0);
        if (r >= 0)
                r = sd_bus_request_name(fake->bus, VS_BUS_NAME, 0);
        return r < 0 ? r : sd_event_loop(event);
}

int main(int argc, char *argv[]) {
        Fake fake = {
                .has_job = argc > 1,
                .state = strdup("queued"),
                .phase = strdup("waiting"),
                .error_name = strdup(""),
                .error_message = strdup(""),
                .operation = "block-commit",
                .domain = DOMAIN_PATH,
                .disk = "vda",
                .snapshot = "",
                .bytes_total = UINT64_C(1) << 30,
                .rate = 1 << 20,
        };
        int r = fake_serve(&fake);

        if (r < 0)
                fprintf(stderr, "virtsnapd-fake: %s\n", strerror(-r));
        return r < 0;
}
