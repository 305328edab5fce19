/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * bare DOMAINS SNAPSHOTS: what D-Bus itself costs.  A service without anything behind it that shows the same
 * objects, interfaces and property types as the daemon with so many domains of so many snapshots each: two
 * fallback vtables on one prefix, found by hash, served from arrays.  And /echo, with one property.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "dbus/names.h"
#include "dbus/path.h"

#define BARE_NAME "org.virtsnap.Bare"

/* Children of a snapshot, as in the domains that it is compared with. */
#define BRANCHES 3U

typedef struct Thing {
        char *name, *path, *parent, *domain;
        char *children[BRANCHES + 1];
        uint64_t time;
        uint32_t count;
} Thing;

static GHashTable *domains, *snapshots;

static const Thing *thing(void *userdata) {
        return userdata;
}

#define GETTER(function, ...)                                                                           \
        static int function(sd_bus *bus, const char *path, const char *interface, const char *property, \
                sd_bus_message *reply, void *userdata, sd_bus_error *error) {                           \
                return sd_bus_message_append(reply, __VA_ARGS__);                                       \
        }

GETTER(get_name, "s", thing(userdata)->name)
GETTER(get_empty, "s", "")
GETTER(get_word, "s", "internal")
GETTER(get_state, "s", "shutoff")
GETTER(get_uuid, "s", "00000000-0000-4000-8000-000000000000")
GETTER(get_true, "b", 1)
GETTER(get_count, "u", thing(userdata)->count)
GETTER(get_time, "t", thing(userdata)->time)
GETTER(get_parent, "o", thing(userdata)->parent)
GETTER(get_domain, "o", thing(userdata)->domain)
GETTER(get_current, "o", "/")
GETTER(get_root, "ao", 1, thing(userdata)->children[0])
GETTER(get_no_objects, "ao", 0)
GETTER(get_disks, "a(ssss)", 1, "vda", "/images/bench.qcow2", "qcow2", "file")
GETTER(get_snapshot_disks, "a(sss)", 1, "vda", "internal", "")

static int get_children(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        int r = sd_bus_message_open_container(reply, 'a', "o");

        for (unsigned i = 0; i < BRANCHES && thing(userdata)->children[i] && r >= 0; i++)
                r = sd_bus_message_append_basic(reply, 'o', thing(userdata)->children[i]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

#define CHANGING(name, type, get) SD_BUS_PROPERTY(name, type, get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

static const sd_bus_vtable domain_vtable[] = {
        SD_BUS_VTABLE_START(0), CHANGING("Name", "s", get_name), CHANGING("Uuid", "s", get_uuid),
                CHANGING("Title", "s", get_empty), CHANGING("State", "s", get_state),
                CHANGING("Persistent", "b", get_true), CHANGING("AgentConnected", "b", get_true),
                CHANGING("HasManagedSave", "b", get_true), CHANGING("Writable", "b", get_true),
                CHANGING("CurrentSnapshot", "o", get_current), CHANGING("Roots", "ao", get_root),
                CHANGING("SnapshotCount", "u", get_count), CHANGING("Disks", "a(ssss)", get_disks),
                CHANGING("Jobs", "ao", get_no_objects), CHANGING("ReclaimableBytes", "t", get_time),
                SD_BUS_VTABLE_END,
};

static const sd_bus_vtable snapshot_vtable[] = {
        SD_BUS_VTABLE_START(0), CHANGING("Name", "s", get_name), CHANGING("Description", "s", get_empty),
                CHANGING("Domain", "o", get_domain), CHANGING("Parent", "o", get_parent),
                CHANGING("Children", "ao", get_children), CHANGING("CreationTime", "t", get_time),
                CHANGING("State", "s", get_state), CHANGING("Condition", "s", get_state),
                CHANGING("ConditionReason", "s", get_empty), CHANGING("Location", "s", get_word),
                CHANGING("Memory", "s", get_word), CHANGING("Current", "b", get_true),
                CHANGING("Disks", "a(sss)", get_snapshot_disks), CHANGING("Consistency", "s", get_word),
                CHANGING("Policy", "s", get_empty), CHANGING("Protected", "b", get_true), SD_BUS_VTABLE_END,
};

static const sd_bus_vtable echo_vtable[] = {
        SD_BUS_VTABLE_START(0),
                SD_BUS_PROPERTY("Echo", "s", get_state, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                        SD_BUS_VTABLE_END,
        };

static int find(
        sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret, sd_bus_error *e) {
        *ret = g_hash_table_lookup(userdata, path);
        return *ret != NULL;
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret, sd_bus_error *error) {
        unsigned n = g_hash_table_size(domains) + g_hash_table_size(snapshots), i = 0;
        char **paths = calloc(n + 1, sizeof *paths);
        GHashTable *const tables[] = { domains, snapshots };

        for (size_t t = 0; t < G_N_ELEMENTS(tables); t++) {
                GHashTableIter iter;
                void *path;

                g_hash_table_iter_init(&iter, tables[t]);
                while (g_hash_table_iter_next(&iter, &path, NULL))
                        paths[i++] = strdup(path);
        }
        *ret = paths;
        return 0;
}

static void make_snapshots(Thing *domain, unsigned n) {
        Thing *all = g_new0(Thing, n);

        for (unsigned i = 0, level = 0, next = 0; i < n; i++) {
                Thing *parent = i > 0 ? &all[(i - 1) / BRANCHES] : NULL;

                /* a level of the tree ends where the children of the one above end */
                if (i > next) {
                        level++;
                        next = next * BRANCHES + BRANCHES;
                }
                all[i].name = g_strdup_printf("s%u", i);
                all[i].parent = g_strdup(parent ? parent->path : "/");
                all[i].domain = domain->path;
                all[i].path =
                        vs_snapshot_path(domain->path, parent ? parent->path : NULL, level, all[i].name);
                all[i].time = UINT64_C(1000000) * (1000000000 + i);
                if (parent)
                        parent->children[(i - 1) % BRANCHES] = all[i].path;
                else
                        domain->children[0] = all[i].path;
                g_hash_table_insert(snapshots, all[i].path, &all[i]);
        }
}

static void make(unsigned n_domains, unsigned n_snapshots) {
        Thing *all = g_new0(Thing, n_domains);

        domains = g_hash_table_new(g_str_hash, g_str_equal);
        snapshots = g_hash_table_new(g_str_hash, g_str_equal);
        for (unsigned i = 0; i < n_domains; i++) {
                all[i].name = g_strdup_printf("d%u", i);
                all[i].path = vs_domain_path(all[i].name);
                all[i].count = n_snapshots;
                g_hash_table_insert(domains, all[i].path, &all[i]);
                make_snapshots(&all[i], n_snapshots);
        }
}

static int serve(void) {
        sd_event *event = NULL;
        sd_bus *bus = NULL;
        int r;

        r = sd_event_default(&event);
        if (r >= 0)
                r = sd_bus_open_user(&bus);
        if (r >= 0)
                r = sd_bus_add_object_manager(bus, NULL, VS_ROOT_PATH);
        if (r >= 0)
                r = sd_bus_add_fallback_vtable(
                        bus, NULL, VS_DOMAIN_PREFIX, VS_DOMAIN_INTERFACE, domain_vtable, find, domains);
        if (r >= 0)
                r = sd_bus_add_fallback_vtable(bus, NULL, VS_DOMAIN_PREFIX, VS_SNAPSHOT_INTERFACE,
                        snapshot_vtable, find, snapshots);
        if (r >= 0)
                r = sd_bus_add_node_enumerator(bus, NULL, VS_DOMAIN_PREFIX, enumerate, NULL);
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus, NULL, "/echo", BARE_NAME, echo_vtable, NULL);
        if (r >= 0)
                r = sd_bus_request_name(bus, BARE_NAME, 0);
        if (r >= 0)
                r = sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
        return r < 0 ? r : sd_event_loop(event);
}

int main(int argc, char *argv[]) {
        int r;

        if (argc != 3) {
                fprintf(stderr, "Usage: %s DOMAINS SNAPSHOTS\n", argv[0]);
                return 2;
        }
        make((unsigned) atoi(argv[1]), (unsigned) atoi(argv[2]));
        r = serve();
        if (r < 0)
                fprintf(stderr, "%s: %s\n", argv[0], strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
