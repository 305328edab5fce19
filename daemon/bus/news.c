/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/bus/bus.h"
#include "dbus/names.h"

/*
 * What changes in the world, as news for callers.  Until we have our name nobody can know of us, and nothing
 * is told.
 */

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* In the order of the bits of DomainChange. */
static const char *const *const domain_properties[] = {
        NAMES("Title"),
        NAMES("State"),
        NAMES("Persistent"),
        NAMES("AgentConnected"),
        NAMES("HasManagedSave"),
        NAMES("Writable"),
        NAMES("CurrentSnapshot"),
        NAMES("Roots"),
        NAMES("SnapshotCount"),
        NAMES("Disks"),
        NAMES("Jobs"),
        NAMES("Name"),
};

/* In the order of the bits of SnapshotChange. */
static const char *const *const snapshot_properties[] = {
        NAMES("Description", "CreationTime", "State", "Location", "Memory", "Disks"),
        NAMES("Parent"),
        NAMES("Children"),
        NAMES("Current"),
        NAMES("Condition", "ConditionReason", "Consistency", "Protected"),
};

const AnnouncedType domain_type = { VS_DOMAIN_INTERFACE, domain_properties,
        G_N_ELEMENTS(domain_properties) };
const AnnouncedType snapshot_type = { VS_SNAPSHOT_INTERFACE, snapshot_properties,
        G_N_ELEMENTS(snapshot_properties) };

static void signal_snapshot(
        Bus *bus, const Domain *domain, const char *member, const char *path, const char *name) {
        sd_bus_message *signal = NULL;
        int r = sd_bus_message_new_signal(bus->bus, &signal, domain->path, VS_DOMAIN_INTERFACE, member);

        if (r >= 0)
                r = path ? sd_bus_message_append(signal, "os", path, name)
                         : sd_bus_message_append(signal, "s", name);
        if (r >= 0)
                announce_signal(bus->announcer, signal);
        else
                sd_bus_message_unref(signal);
}

static void on_domain_added(Domain *domain, void *userdata) {
        const Bus *bus = userdata;

        if (bus->named)
                announce_added(bus->announcer, &domain_type, domain->path);
}

static void on_domain_removed(Domain *domain, void *userdata) {
        const Bus *bus = userdata;

        if (bus->named)
                announce_removed(bus->announcer, &domain_type, domain->path);
}

static void on_domain_moved(Domain *domain, const char *old_path, void *userdata) {
        const Bus *bus = userdata;

        if (!bus->named)
                return;
        announce_removed(bus->announcer, &domain_type, old_path);
        announce_added(bus->announcer, &domain_type, domain->path);
}

static void on_domain_changed(Domain *domain, unsigned changes, void *userdata) {
        const Bus *bus = userdata;

        if (bus->named)
                announce_changed(bus->announcer, &domain_type, domain->path, changes);
}

static void on_snapshot_annotate(Snapshot *snapshot, void *userdata) {
        const Bus *bus = userdata;

        snapshot->notes =
                store_get(queue_store(bus->queue), snapshot->domain->record->uuid, snapshot->record);
}

static void on_snapshot_added(Snapshot *snapshot, void *userdata) {
        Bus *bus = userdata;

        if (!bus->named)
                return;
        announce_added(bus->announcer, &snapshot_type, snapshot->path);
        signal_snapshot(bus, snapshot->domain, "SnapshotCreated", snapshot->path, snapshot->record->name);
}

static void on_snapshot_removed(Snapshot *snapshot, bool with_domain, void *userdata) {
        Bus *bus = userdata;

        if (!bus->named)
                return;
        announce_removed(bus->announcer, &snapshot_type, snapshot->path);
        if (!with_domain)
                signal_snapshot(bus, snapshot->domain, "SnapshotDeleted", NULL, snapshot->record->name);
}

static void on_snapshot_moved(Snapshot *snapshot, const char *old_path, void *userdata) {
        const Bus *bus = userdata;

        if (!bus->named)
                return;
        announce_removed(bus->announcer, &snapshot_type, old_path);
        announce_added(bus->announcer, &snapshot_type, snapshot->path);
}

static void on_snapshot_changed(Snapshot *snapshot, unsigned changes, void *userdata) {
        const Bus *bus = userdata;

        if (bus->named)
                announce_changed(bus->announcer, &snapshot_type, snapshot->path, changes);
}

const WorldListener bus_world_listener = {
        .domain_added = on_domain_added,
        .domain_removed = on_domain_removed,
        .domain_moved = on_domain_moved,
        .domain_changed = on_domain_changed,
        .snapshot_annotate = on_snapshot_annotate,
        .snapshot_added = on_snapshot_added,
        .snapshot_removed = on_snapshot_removed,
        .snapshot_moved = on_snapshot_moved,
        .snapshot_changed = on_snapshot_changed,
};

void bus_domain_reverted(Bus *bus, const char *uuid) {
        const Domain *domain = world_find_domain(bus->world, uuid);
        const Snapshot *current = domain ? domain->current : NULL;

        if (current && bus->named)
                signal_snapshot(bus, domain, "SnapshotReverted", current->path, current->record->name);
}
