/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/store.h"

#include <string.h>

#include "daemon/base/error.h"
#include "tests/unit/make.h"
#include "tests/unit/scratch.h"

#define UUID "c7a5fdbd-edaf-9455-926a-d65c16db1809"
#define FILE_NAME "snapshots/" UUID ".json"

static Store *open_store(const Scratch *scratch) {
        g_autoptr(GError) error = NULL;
        Store *store = store_new(scratch->fd, &error);

        g_assert_no_error(error);
        g_assert_nonnull(store);
        return store;
}

static void set(Store *store, const SnapshotRecord *record, const SnapshotNotes *notes) {
        g_autoptr(GError) error = NULL;
        bool ok = store_set(store, UUID, record, notes, &error);

        g_assert_no_error(error);
        g_assert_true(ok);
}

static void assert_notes(
        Store *store, const char *uuid, const SnapshotRecord *record, const SnapshotNotes *expected) {
        SnapshotNotes notes = store_get(store, uuid, record);

        g_assert_cmpint(notes.consistency, ==, expected->consistency);
        g_assert_cmpint(notes.condition, ==, expected->condition);
        g_assert_true(notes.protected == expected->protected);
        g_assert_cmpstr(notes.reason, ==, expected->reason);
        g_free(notes.reason);
}

/* In this store, and in the one of a daemon that starts now. */
static void assert_kept(
        const Scratch *scratch, Store *store, const SnapshotRecord *record, const SnapshotNotes *expected) {
        g_autoptr(Store) successor = open_store(scratch);

        assert_notes(store, UUID, record, expected);
        assert_notes(successor, UUID, record, expected);
}

static const SnapshotNotes offline = { .consistency = CONSISTENCY_OFFLINE };
static const SnapshotNotes broken = { .consistency = CONSISTENCY_FILESYSTEM,
        .condition = CONDITION_BROKEN,
        .protected = true,
        .reason = (char *) "its image \"x\" is göne" };

/* What follows from the record itself. */
static void test_natural(Scratch *scratch, gconstpointer data) {
        g_autoptr(Store) store = open_store(scratch);
        g_autoptr(SnapshotRecord) record = make_snapshot("s", NULL, 1);
        SnapshotNotes notes;

        assert_notes(store, UUID, record, &offline);
        record->state = DOMAIN_DISK_SNAPSHOT;
        assert_notes(store, UUID, record, &(SnapshotNotes){ .consistency = CONSISTENCY_UNKNOWN });
        record->state = DOMAIN_RUNNING;
        record->memory = MEMORY_EXTERNAL;
        assert_notes(store, UUID, record, &(SnapshotNotes){ .consistency = CONSISTENCY_MEMORY });
        record->deleting = true;
        notes = store_get(store, UUID, record);
        g_assert_cmpint(notes.condition, ==, CONDITION_DELETING);
        g_assert_nonnull(notes.reason);
        /* To say just that takes no room. */
        set(store, record, &notes);
        g_free(notes.reason);
        g_assert_false(scratch_exists(scratch, FILE_NAME));
        g_assert_null(store_free(NULL));
}

static void test_round_trip(Scratch *scratch, gconstpointer data) {
        g_autoptr(Store) store = open_store(scratch);
        g_autoptr(SnapshotRecord) record = make_snapshot("näme \"1\"", NULL, 1700000000000000),
                                  other = make_snapshot("other", NULL, 1700000000000000);

        set(store, record, &broken);
        assert_kept(scratch, store, record, &broken);
        assert_kept(scratch, store, other, &offline);
        assert_notes(store, "another-uuid", record, &offline);
        set(store, other, &(SnapshotNotes){ .consistency = CONSISTENCY_CRASH });
        assert_kept(scratch, store, record, &broken);
        assert_kept(scratch, store, other, &(SnapshotNotes){ .consistency = CONSISTENCY_CRASH });
        /* Back to nothing: the file goes with the last of them. */
        set(store, record, &offline);
        assert_kept(scratch, store, record, &offline);
        g_assert_true(scratch_exists(scratch, FILE_NAME));
        set(store, other, &offline);
        g_assert_false(scratch_exists(scratch, FILE_NAME));
}

/* Every consistency with every condition, protected or not. */
static void test_all_values(Scratch *scratch, gconstpointer data) {
        g_autoptr(Store) store = open_store(scratch);
        g_autoptr(SnapshotRecord) record = make_snapshot("s", NULL, UINT64_MAX);

        for (Consistency consistency = 0; consistency < _CONSISTENCY_MAX; consistency++)
                for (Condition condition = 0; condition < _CONDITION_MAX; condition++)
                        for (int protected = 0; protected < 2; protected ++)
                                for (int deleting = 0; deleting < 2; deleting++) {
                                        const SnapshotNotes notes = { consistency, condition, protected,
                                                condition == CONDITION_BROKEN ? (char *) "why" : NULL };

                                        record->deleting = deleting;
                                        if (deleting && condition == CONDITION_DELETING)
                                                continue; /* the record says that, and why */
                                        set(store, record, &notes);
                                        assert_kept(scratch, store, record, &notes);
                                }
}

/* One made again under the same name inherits nothing. */
static void test_successor(Scratch *scratch, gconstpointer data) {
        g_autoptr(Store) store = open_store(scratch);
        g_autoptr(SnapshotRecord) first = make_snapshot("s", NULL, 1000000),
                                  second = make_snapshot("s", NULL, 2000000);
        static const SnapshotNotes protected = { .consistency = CONSISTENCY_OFFLINE, .protected = true };

        set(store, first, &broken);
        assert_kept(scratch, store, second, &offline);
        set(store, second, &protected);
        assert_kept(scratch, store, second, &protected);
        assert_kept(scratch, store, first, &offline);
}

static void test_condition(Scratch *scratch, gconstpointer data) {
        g_autoptr(Store) store = open_store(scratch);
        g_autoptr(SnapshotRecord) record = make_snapshot("s", NULL, 1000000);
        g_autoptr(GError) error = NULL;

        set(store, record, &(SnapshotNotes){ .consistency = CONSISTENCY_CRASH, .protected = true });
        g_assert_true(
                store_set_condition(store, UUID, "s", 1000000, CONDITION_DELETING, "merged away", &error));
        g_assert_no_error(error);
        assert_kept(scratch, store, record,
                &(SnapshotNotes){ CONSISTENCY_CRASH, CONDITION_DELETING, true, (char *) "merged away" });
        /* It was not, after all. */
        g_assert_true(store_set_condition(store, UUID, "s", 1000000, CONDITION_OK, NULL, &error));
        g_assert_no_error(error);
        assert_kept(scratch, store, record, &(SnapshotNotes){ CONSISTENCY_CRASH, CONDITION_OK, true, NULL });
        /* Another one of that name. */
        g_assert_true(store_set_condition(store, UUID, "s", 5, CONDITION_BROKEN, "why", &error));
        assert_kept(scratch, store, record, &offline);
}

static void test_prune(Scratch *scratch, gconstpointer data) {
        g_autoptr(Store) store = open_store(scratch);
        g_autoptr(World) world = world_new();
        Domain *domain = world_put_domain(world, make_domain(UUID, "d"));
        g_autoptr(SnapshotRecord) kept = make_snapshot("kept", NULL, 1),
                                  gone = make_snapshot("gone", NULL, 1),
                                  again = make_snapshot("again", NULL, 1);

        domain_put_snapshot(domain, make_snapshot("kept", NULL, 1));
        domain_put_snapshot(domain, make_snapshot("again", NULL, 2));
        set(store, kept, &broken);
        set(store, gone, &broken);
        set(store, again, &broken);
        store_prune(store, domain);
        assert_kept(scratch, store, kept, &broken);
        assert_kept(scratch, store, gone, &offline);
        assert_kept(scratch, store, again, &offline);

        domain_remove_snapshot(domain, domain_find_snapshot(domain, "kept"));
        store_prune(store, domain);
        g_assert_false(scratch_exists(scratch, FILE_NAME));
        assert_kept(scratch, store, kept, &offline);
}

/* What makes no sense is set aside as it is; from then on all goes as if there had been nothing. */
static void test_corrupt(Scratch *scratch, gconstpointer data) {
        static const char *const texts[] = { "", "[]", "5", "null", "{", "\xff" };
        g_autoptr(SnapshotRecord) record = make_snapshot("s", NULL, 1);

        scratch_folder(scratch, "snapshots");
        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                g_autoptr(Store) store = open_store(scratch);
                g_autofree char *aside = NULL;

                scratch_write_text(scratch, FILE_NAME, texts[i]);
                assert_notes(store, UUID, record, &offline);
                aside = scratch_read(scratch, FILE_NAME ".bad");
                g_assert_cmpstr(aside, ==, texts[i]);
                g_assert_false(scratch_exists(scratch, FILE_NAME));
                set(store, record, &broken);
                assert_kept(scratch, store, record, &broken);
        }
}

static void test_truncated(Scratch *scratch, gconstpointer data) {
        g_autoptr(SnapshotRecord) record = make_snapshot("s", NULL, 1);
        g_autofree char *whole = NULL;

        {
                g_autoptr(Store) store = open_store(scratch);

                set(store, record, &broken);
        }
        whole = scratch_read(scratch, FILE_NAME);
        g_assert_nonnull(whole);
        for (size_t i = 0; i < strlen(whole); i++) {
                g_autoptr(Store) store = open_store(scratch);

                scratch_write(scratch, FILE_NAME, whole, i);
                assert_notes(store, UUID, record, &offline);
                g_assert_true(scratch_exists(scratch, FILE_NAME ".bad"));
        }
}

/* Valid JSON of another shape: each entry counts for what it says. */
static void test_other_shapes(Scratch *scratch, gconstpointer data) {
        static const char *const texts[] = { "{ \"s\": null }", "{ \"s\": 5 }", "{ \"s\": [] }",
                "{ \"s\": {} }", "{ \"s\": { \"created\": 2, \"condition\": \"broken\" } }",
                "{ \"s\": { \"created\": 1, \"condition\": [], \"consistency\": {}, \"protected\": null } }",
                "{ \"s\": { \"created\": null, \"condition\": \"broken\" } }" };
        g_autoptr(SnapshotRecord) record = make_snapshot("s", NULL, 1);

        scratch_folder(scratch, "snapshots");
        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                g_autoptr(Store) store = open_store(scratch);
                SnapshotNotes notes;

                scratch_write_text(scratch, FILE_NAME, texts[i]);
                notes = store_get(store, UUID, record);
                g_assert_cmpint(notes.condition, ==, CONDITION_OK);
                g_assert_false(notes.protected);
                g_assert_null(notes.reason);
                set(store, record, &broken);
                assert_kept(scratch, store, record, &broken);
        }
}

/* What could not be written is not in memory, either. */
static void test_write_fails(Scratch *scratch, gconstpointer data) {
        g_autoptr(Store) store = open_store(scratch);
        g_autoptr(SnapshotRecord) record = make_snapshot("s", NULL, 1);
        g_autoptr(GError) set_error = NULL, condition_error = NULL;

        set(store, record, &broken);
        scratch_folder(scratch, FILE_NAME ".new");
        g_assert_false(store_set(
                store, UUID, record, &(SnapshotNotes){ .consistency = CONSISTENCY_CRASH }, &set_error));
        g_assert_error(set_error, VS_ERROR, VS_ERR_LIBVIRT_FAILED);
        assert_kept(scratch, store, record, &broken);
        g_assert_false(store_set_condition(store, UUID, "s", 1, CONDITION_OK, NULL, &condition_error));
        g_assert_error(condition_error, VS_ERROR, VS_ERR_LIBVIRT_FAILED);
        assert_kept(scratch, store, record, &broken);
}

static void test_locked(Scratch *scratch, gconstpointer data) {
        g_autoptr(Store) store = open_store(scratch);
        g_autoptr(SnapshotRecord) record = make_snapshot("s", NULL, 1);
        g_autoptr(GError) error = NULL;
        bool changed, removed;

        set(store, record, &broken);
        if (!scratch_lock(scratch, "snapshots")) {
                g_test_skip("no other user can be had");
                return;
        }
        changed = store_set(store, UUID, record, &(SnapshotNotes){ .protected = true }, &error);
        removed = store_set(store, UUID, record, &offline, NULL);
        scratch_unlock(scratch, "snapshots");
        g_assert_false(changed);
        g_assert_false(removed);
        g_assert_error(error, VS_ERROR, VS_ERR_LIBVIRT_FAILED);
        assert_kept(scratch, store, record, &broken);
}

static void test_no_folder(Scratch *scratch, gconstpointer data) {
        g_autoptr(GError) error = NULL;

        scratch_write_text(scratch, "snapshots", "no folder");
        g_assert_null(store_new(scratch->fd, &error));
        g_assert_error(error, VS_ERROR, VS_ERR_LIBVIRT_FAILED);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
#define TEST(name, function) g_test_add("/store/" name, Scratch, NULL, scratch_up, function, scratch_down)
        TEST("natural", test_natural);
        TEST("round-trip", test_round_trip);
        TEST("all-values", test_all_values);
        TEST("successor", test_successor);
        TEST("condition", test_condition);
        TEST("prune", test_prune);
        TEST("corrupt", test_corrupt);
        TEST("truncated", test_truncated);
        TEST("other-shapes", test_other_shapes);
        TEST("write-fails", test_write_fails);
        TEST("locked", test_locked);
        TEST("no-folder", test_no_folder);
        return g_test_run();
}
