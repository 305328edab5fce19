/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/telling-world.h"

#include <string.h>

#include "tests/unit/make.h"

static const char *tail(const char *path) {
        g_assert_true(g_str_has_prefix(path, D));
        return path + strlen(D);
}

static void tell(TellingWorld *f, const char *what, const char *path, const char *detail) {
        if (!f->quiet)
                g_string_append_printf(f->told, "%s %s%s\n", what, tail(path), detail);
}

static void tell_moved(TellingWorld *f, const char *old, const char *path) {
        g_autofree char *detail = g_strdup_printf(" -> %s", tail(path));

        g_assert_cmpstr(old, !=, path);
        tell(f, "moved", old, detail);
}

static void on_domain_added(Domain *domain, void *f) {
        tell(f, "added", domain->path, "");
}

static void on_domain_removed(Domain *domain, void *f) {
        tell(f, "removed", domain->path, "");
}

static void on_domain_moved(Domain *domain, const char *old_path, void *f) {
        g_assert_true(world_find_domain_by_path(domain->world, domain->path) == domain);
        tell_moved(f, old_path, domain->path);
}

static const char *const domain_words[] = { "title", "state", "persistent", "agent", "save", "writable",
        "current", "roots", "count", "disks", "jobs", "name" };
static const char *const snapshot_words[] = { "record", "parent", "children", "current", "notes" };

static void tell_changed(
        TellingWorld *f, const char *path, unsigned changes, const char *const *words, size_t n) {
        g_autoptr(GString) detail = g_string_new(NULL);

        for (size_t bit = 0; bit < n; bit++)
                if (changes & 1U << bit)
                        g_string_append_printf(detail, " %s", words[bit]);
        g_assert_cmpuint(changes, !=, 0);
        g_assert_cmpuint(changes >> n, ==, 0);
        tell(f, "changed", path, detail->str);
}

static void on_domain_changed(Domain *domain, unsigned changes, void *f) {
        tell_changed(f, domain->path, changes, domain_words, G_N_ELEMENTS(domain_words));
}

static void on_annotate(Snapshot *snapshot, void *f) {
        snapshot->notes.protected = g_str_has_prefix(snapshot->record->name, "kept");
}

static void on_snapshot_added(Snapshot *snapshot, void *userdata) {
        TellingWorld *f = userdata;

        f->n_added++;
        tell(f, "added", snapshot->path, "");
}

static void on_snapshot_removed(Snapshot *snapshot, bool with_domain, void *userdata) {
        TellingWorld *f = userdata;

        f->n_removed++;
        g_assert_true(world_find_snapshot_by_path(f->world, snapshot->path) == snapshot);
        tell(f, "removed", snapshot->path, with_domain ? " (domain)" : "");
}

static void on_snapshot_moved(Snapshot *snapshot, const char *old_path, void *userdata) {
        TellingWorld *f = userdata;

        f->n_moved++;
        tell_moved(f, old_path, snapshot->path);
}

static void on_snapshot_changed(Snapshot *snapshot, unsigned changes, void *f) {
        tell_changed(f, snapshot->path, changes, snapshot_words, G_N_ELEMENTS(snapshot_words));
}

static const WorldListener listener = {
        .domain_added = on_domain_added,
        .domain_removed = on_domain_removed,
        .domain_moved = on_domain_moved,
        .domain_changed = on_domain_changed,
        .snapshot_annotate = on_annotate,
        .snapshot_added = on_snapshot_added,
        .snapshot_removed = on_snapshot_removed,
        .snapshot_moved = on_snapshot_moved,
        .snapshot_changed = on_snapshot_changed,
};

void telling_world_up(TellingWorld *f, gconstpointer data) {
        f->told = g_string_new(NULL);
        f->world = world_new();
        world_listen(f->world, &listener, f);
}

void telling_world_down(TellingWorld *f, gconstpointer data) {
        g_string_truncate(f->told, 0);
        world_free(f->world);
        /* The end of the world is nobody's news. */
        g_assert_cmpstr(f->told->str, ==, "");
        g_string_free(f->told, true);
}

void assert_told(TellingWorld *f, const char *expected) {
        g_assert_cmpstr(f->told->str, ==, expected);
        g_string_truncate(f->told, 0);
}

Snapshot *put(Domain *domain, const char *name, const char *parent) {
        return domain_put_snapshot(domain, make_snapshot(name, parent, 1));
}

Domain *make_tree(TellingWorld *f) {
        Domain *domain = world_put_domain(f->world, make_domain("uuid-1", "d"));

        put(domain, "a", NULL);
        put(domain, "b", "a");
        put(domain, "c", "b");
        put(domain, "e", "b");
        put(domain, "f", NULL);
        g_string_truncate(f->told, 0);
        return domain;
}

static void show(const Snapshot *first, GString *into) {
        for (const Snapshot *s = first; s; s = s->next) {
                g_string_append(into, s->record->name);
                if (s->first_child) {
                        g_string_append_c(into, '(');
                        show(s->first_child, into);
                        g_string_append_c(into, ')');
                }
                if (s->next)
                        g_string_append_c(into, ' ');
        }
}

void assert_tree(const Domain *domain, const char *expected) {
        g_autoptr(GString) shown = g_string_new(NULL);

        show(domain->first_root, shown);
        g_assert_cmpstr(shown->str, ==, expected);
}
