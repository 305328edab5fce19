/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <locale.h>
#include <stdlib.h>

#include <glib.h>

#include "client/table.h"
#include "client/text.h"

static const char *const titles[] = { "Name", "State", "Parent", NULL };

static char *print(const Table *table) {
        char *text = NULL;
        size_t size;
        FILE *stream = open_memstream(&text, &size);

        table_print(table, stream);
        fclose(stream);
        return text;
}

static void check(const Table *table, const char *expected) {
        char *text = print(table);

        g_assert_cmpstr(text, ==, expected);
        free(text);
}

static void test_empty(void) {
        g_autoptr(Table) table = table_new(titles);

        check(table,
                " Name   State   Parent\n"
                "------------------------\n");
}

/* What virsh snapshot-list --parent prints, to the letter. */
static void test_virsh(void) {
        g_autoptr(Table) table = table_new(titles);

        table_add(table, "base");
        table_add(table, "running");
        table_add(table, "");
        table_add_take(table, g_strdup("p1"));
        table_add(table, "running");
        table_add(table, "base");
        check(table,
                " Name   State     Parent\n"
                "--------------------------\n"
                " base   running   \n"
                " p1     running   base\n");
}

static void test_wide(void) {
        g_autoptr(Table) table = table_new(titles);

        if (!text_locale_is_utf8()) {
                g_test_skip("no UTF-8 locale");
                return;
        }
        table_add(table, "日本");
        table_add(table, "é");
        table_add(table, "x");
        table_add(table, "a");
        table_add(table, "e\u0301");
        table_add(table, "x");
        check(table,
                " Name   State   Parent\n"
                "------------------------\n"
                " 日本   é       x\n"
                " a      e\u0301       x\n");
}

/* A name cannot make a line of its own, nor move what stands beside it. */
static void test_hostile(void) {
        g_autoptr(Table) table = table_new(titles);

        table_add(table, "a\n-b");
        table_add(table, "\x1b[2J");
        table_add(table, "%s%n");
        check(table,
                " Name    State     Parent\n"
                "---------------------------\n"
                " a\\n-b   \\x1b[2J   %s%n\n");
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        if (!setlocale(LC_ALL, "C.UTF-8"))
                g_test_message("no UTF-8 locale");
        g_test_add_func("/table/empty", test_empty);
        g_test_add_func("/table/virsh", test_virsh);
        g_test_add_func("/table/wide", test_wide);
        g_test_add_func("/table/hostile", test_hostile);
        return g_test_run();
}
