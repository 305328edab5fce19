/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "client/spec.h"

static void check_disk(
        const char *text, const char *disk, const char *snapshot, const char *driver, const char *file) {
        g_autoptr(GError) error = NULL;
        g_autoptr(DiskSpec) spec = disk_spec_parse(text, &error);

        g_assert_no_error(error);
        g_assert_cmpstr(spec->disk, ==, disk);
        g_assert_cmpstr(spec->snapshot, ==, snapshot);
        g_assert_cmpstr(spec->driver, ==, driver);
        g_assert_cmpstr(spec->file, ==, file);
}

static void test_disk(void) {
        check_disk("vda", "vda", NULL, NULL, NULL);
        check_disk("vda,snapshot=no", "vda", "no", NULL, NULL);
        check_disk("vda,file=/a,driver=qcow2,snapshot=external", "vda", "external", "qcow2", "/a");
        check_disk("vda,file=/a,,b,,", "vda", NULL, NULL, "/a,b,");
        check_disk("vda,file=/a=b", "vda", NULL, NULL, "/a=b");
        check_disk("/img/a,,b.qcow2,snapshot=manual", "/img/a,b.qcow2", "manual", NULL, NULL);
}

static void test_disk_wrong(void) {
        static const char *const wrong[] = { "", ",", "snapshot=no", "vda,", "vda,foo",
                "vda,file=", "vda,stype=x", "vda,file=/a,file=/b", "vda,Snapshot=no" };

        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
                g_autoptr(GError) error = NULL;
                g_autoptr(DiskSpec) spec = disk_spec_parse(wrong[i], &error);

                g_test_message("'%s'", wrong[i]);
                g_assert_null(spec);
                g_assert_nonnull(error);
        }
}

static void check_memory(const char *text, const char *file, const char *snapshot) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MemorySpec) spec = memory_spec_parse(text, &error);

        g_assert_no_error(error);
        g_assert_cmpstr(spec->file, ==, file);
        g_assert_cmpstr(spec->snapshot, ==, snapshot);
}

static void test_memory(void) {
        check_memory("/mem", "/mem", NULL);
        check_memory("file=/mem", "/mem", NULL);
        check_memory("/a,,b,snapshot=external", "/a,b", "external");
        check_memory("snapshot=no", NULL, "no");
        check_memory("snapshot=external,file=/mem", "/mem", "external");
}

static void test_memory_wrong(void) {
        static const char *const wrong[] = { "", "/a,/b", "/a,file=/b",
                "snapshot=", "/a,snapshot=no,snapshot=no" };

        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
                g_autoptr(GError) error = NULL;
                g_autoptr(MemorySpec) spec = memory_spec_parse(wrong[i], &error);

                g_test_message("'%s'", wrong[i]);
                g_assert_null(spec);
                g_assert_nonnull(error);
        }
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/spec/disk", test_disk);
        g_test_add_func("/spec/disk-wrong", test_disk_wrong);
        g_test_add_func("/spec/memory", test_memory);
        g_test_add_func("/spec/memory-wrong", test_memory_wrong);
        return g_test_run();
}
