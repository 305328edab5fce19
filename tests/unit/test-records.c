/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/model/records.h"

static void test_words(void) {
        for (DomainState state = 0; state < _DOMAIN_STATE_MAX; state++)
                g_assert_cmpint(domain_state_from_string(domain_state_to_string(state)), ==, state);
        for (DiskMode mode = 0; mode < _DISK_MODE_MAX; mode++)
                g_assert_cmpint(disk_mode_from_string(disk_mode_to_string(mode)), ==, mode);
        for (MemoryMode memory = 0; memory < _MEMORY_MODE_MAX; memory++)
                g_assert_cmpint(memory_mode_from_string(memory_mode_to_string(memory)), ==, memory);
        g_assert_cmpstr(domain_state_to_string(DOMAIN_DISK_SNAPSHOT), ==, "disk-snapshot");
        g_assert_cmpint(domain_state_from_string("what"), ==, _DOMAIN_STATE_MAX);
        g_assert_cmpint(domain_state_from_string(NULL), ==, _DOMAIN_STATE_MAX);
        g_assert_cmpint(disk_mode_from_string("what"), ==, _DISK_MODE_MAX);
        g_assert_cmpint(memory_mode_from_string("no"), ==, _MEMORY_MODE_MAX);
}

static void test_location(void) {
        static const struct {
                const char *location;
                DiskMode first, second;
                MemoryMode memory;
                bool external;
        } rows[] = {
                { "none", DISK_MODE_NO, DISK_MODE_NO, MEMORY_NONE, false },
                { "none", DISK_MODE_DEFAULT, DISK_MODE_MANUAL, MEMORY_NONE, false },
                { "internal", DISK_MODE_INTERNAL, DISK_MODE_NO, MEMORY_NONE, false },
                { "internal", DISK_MODE_INTERNAL, DISK_MODE_INTERNAL, MEMORY_INTERNAL, false },
                { "internal", DISK_MODE_NO, DISK_MODE_NO, MEMORY_INTERNAL, false },
                { "external", DISK_MODE_NO, DISK_MODE_EXTERNAL, MEMORY_NONE, true },
                { "external", DISK_MODE_NO, DISK_MODE_NO, MEMORY_EXTERNAL, true },
                { "mixed", DISK_MODE_INTERNAL, DISK_MODE_EXTERNAL, MEMORY_NONE, true },
                { "mixed", DISK_MODE_EXTERNAL, DISK_MODE_EXTERNAL, MEMORY_INTERNAL, true },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                SnapshotDisk disks[] = { { .mode = rows[i].first }, { .mode = rows[i].second } };
                const SnapshotRecord record = { .memory = rows[i].memory, .n_disks = 2, .disks = disks };

                g_assert_cmpstr(snapshot_record_location(&record), ==, rows[i].location);
                g_assert_true(snapshot_record_is_external(&record) == rows[i].external);
        }
}

/* A record with everything in it, and the nth thing different (0: nothing). */
static SnapshotRecord *make(unsigned different) {
        SnapshotRecord *record = g_new(SnapshotRecord, 1);

        *record = (SnapshotRecord){
                .name = g_strdup(different == 1 ? "other" : "name"),
                .description = g_strdup(different == 2 ? "" : "text"),
                .parent = different == 3 ? NULL : g_strdup("parent"),
                .created = different == 4 ? 2 : 1,
                .state = different == 5 ? DOMAIN_RUNNING : DOMAIN_SHUTOFF,
                .memory = different == 6 ? MEMORY_NONE : MEMORY_EXTERNAL,
                .memory_file = g_strdup(different == 7 ? "/n" : "/m"),
                .deleting = different == 8,
                .n_disks = different == 9 ? 0 : 1,
                .disks = g_new(SnapshotDisk, 1),
        };
        record->disks[0] = (SnapshotDisk){
                .target = g_intern_string(different == 10 ? "vdb" : "vda"),
                .mode = different == 11 ? DISK_MODE_INTERNAL : DISK_MODE_EXTERNAL,
                .file = different == 9 || different == 12 ? NULL : g_strdup("/f"),
                .layer = different == 9 ? NULL : g_strdup(different == 13 ? "/k" : "/l"),
        };
        return record;
}

static void test_equal(void) {
        g_autoptr(SnapshotRecord) record = make(0), same = make(0);

        g_assert_true(snapshot_record_equal(record, same));
        for (unsigned i = 1; i <= 13; i++) {
                g_autoptr(SnapshotRecord) other = make(i);

                g_assert_false(snapshot_record_equal(record, other));
                g_assert_false(snapshot_record_equal(other, record));
        }
}

static void test_free_nothing(void) {
        g_assert_null(domain_disk_free(NULL));
        g_assert_null(domain_record_free(NULL));
        g_assert_null(snapshot_record_free(NULL));
        g_assert_null(domain_record_free(g_new0(DomainRecord, 1)));
        g_assert_null(snapshot_record_free(g_new0(SnapshotRecord, 1)));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/records/words", test_words);
        g_test_add_func("/records/location", test_location);
        g_test_add_func("/records/equal", test_equal);
        g_test_add_func("/records/free-nothing", test_free_nothing);
        return g_test_run();
}
