/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/telling-world.h"

#include <stdio.h>

#include <systemd/sd-bus.h>

#include "dbus/path.h"
#include "tests/unit/make.h"

/* A child that is read before its parent waits among the roots. */
static void test_parent_comes_later(TellingWorld *f, gconstpointer data) {
        Domain *domain = world_put_domain(f->world, make_domain("uuid-1", "d"));

        put(domain, "c", "b");
        put(domain, "b", "a");
        put(domain, "a", NULL);
        assert_tree(domain, "c b a");
        g_string_truncate(f->told, 0);
        domain_settle(domain);
        assert_tree(domain, "a(b(c))");
        g_assert_nonnull(world_find_snapshot_by_path(f->world, D "d/a/b/c"));
        g_assert_null(world_find_snapshot_by_path(f->world, D "d/c"));
        g_string_truncate(f->told, 0);
        domain_settle(domain);
        assert_told(f, "");
}

/* The old path of each goes before the new one comes, parents before children, and then the families. */
static void test_move(TellingWorld *f, gconstpointer data) {
        Domain *domain = make_tree(f);

        domain_set_current(domain, "c");
        g_string_truncate(f->told, 0);
        put(domain, "b", "f");
        assert_tree(domain, "a f(b(c e))");
        assert_told(f,
                "changed d/a/b record\n"
                "moved d/a/b -> d/f/b\n"
                "moved d/a/b/c -> d/f/b/c\n"
                "changed d current\n"
                "moved d/a/b/e -> d/f/b/e\n"
                "changed d/f/b parent children\n"
                "changed d/f/b/c parent children\n"
                "changed d/f/b/e parent children\n"
                "changed d/a children\n"
                "changed d/f children\n");
        g_assert_cmpuint(domain_find_snapshot(domain, "a")->n_children, ==, 0);
        g_assert_cmpuint(domain_find_snapshot(domain, "f")->n_children, ==, 1);
        g_assert_null(world_find_snapshot_by_path(f->world, D "d/a/b"));

        put(domain, "e", NULL);
        assert_tree(domain, "a f(b(c)) e");
        assert_told(f,
                "changed d/f/b/e record\n"
                "moved d/f/b/e -> d/e\n"
                "changed d/e parent children\n"
                "changed d/f/b children\n"
                "changed d roots\n");
}

static void test_remove(TellingWorld *f, gconstpointer data) {
        Domain *domain = make_tree(f);

        domain_set_current(domain, "b");
        g_string_truncate(f->told, 0);
        domain_remove_snapshot(domain, domain_find_snapshot(domain, "b"));
        assert_tree(domain, "a(c e) f");
        assert_told(f,
                "changed d/a/b current\n"
                "changed d current\n"
                "moved d/a/b/c -> d/a/c\n"
                "changed d/a/c parent children\n"
                "changed d/a/b children\n"
                "changed d/a children\n"
                "moved d/a/b/e -> d/a/e\n"
                "changed d/a/e parent children\n"
                "changed d/a/b children\n"
                "changed d/a children\n"
                "removed d/a/b\n"
                "changed d/a children\n"
                "changed d count\n");
        g_assert_null(domain_find_snapshot(domain, "b"));
        g_assert_null(domain->current);

        /* A record that still names it changes nothing. */
        domain_settle(domain);
        put(domain, "c", "b");
        assert_tree(domain, "a(c e) f");
        put(domain, "c", "a");
        g_string_truncate(f->told, 0);

        domain_remove_snapshot(domain, domain_find_snapshot(domain, "a"));
        assert_tree(domain, "f c e");
        g_assert_nonnull(world_find_snapshot_by_path(f->world, D "d/c"));
        domain_remove_snapshot(domain, domain_find_snapshot(domain, "f"));
        domain_remove_snapshot(domain, domain_find_snapshot(domain, "e"));
        domain_remove_snapshot(domain, domain_find_snapshot(domain, "c"));
        assert_tree(domain, "");
        g_assert_null(domain->last_root);
        g_assert_cmpuint(world_n_snapshots(f->world), ==, 0);
}

/* Records that contradict each other, as between two reads, or in metadata that somebody wrote by hand. */
static void test_loops(TellingWorld *f, gconstpointer data) {
        Domain *domain = make_tree(f);

        put(domain, "a", "c");
        assert_tree(domain, "a(b(c e)) f");
        domain_settle(domain);
        assert_tree(domain, "a(b(c e)) f");
        put(domain, "f", "f");
        assert_tree(domain, "a(b(c e)) f");
        put(domain, "g", "g");
        assert_tree(domain, "a(b(c e)) f g");
        /* Once it makes sense, it is done. */
        put(domain, "b", NULL);
        domain_settle(domain);
        assert_tree(domain, "f g b(c(a) e)");
}

/* A chain that stands on its head now, whatever the order in which that is read. */
static void test_settle_any_order(TellingWorld *f, gconstpointer data) {
        static const char *const orders[] = { "abc", "acb", "bac", "bca", "cab", "cba" };

        for (unsigned i = 0; i < G_N_ELEMENTS(orders); i++)
                for (int first = 'a'; first <= 'z' - 2; first++) {
                        Domain *domain = world_put_domain(f->world, make_domain("uuid-1", "d"));
                        const char names[3][2] = { { (char) first }, { (char) (first + 1) },
                                { (char) (first + 2) } };
                        g_autofree char *before =
                                g_strdup_printf("%s(%s(%s))", names[0], names[1], names[2]);
                        g_autofree char *after = g_strdup_printf("%s(%s(%s))", names[2], names[1], names[0]);

                        for (unsigned n = 0; n < 3; n++)
                                put(domain, names[n], n ? names[n - 1] : NULL);
                        assert_tree(domain, before);
                        for (unsigned n = 0; n < 3; n++) {
                                unsigned at = (unsigned) (orders[i][n] - 'a');

                                put(domain, names[at], at < 2 ? names[at + 1] : NULL);
                        }
                        domain_settle(domain);
                        assert_tree(domain, after);
                        world_clear(f->world);
                        g_string_truncate(f->told, 0);
                }
}

static void name_of(unsigned n, char name[16]) {
        snprintf(name, 16, "s%u", n);
}

static Domain *make_chain(TellingWorld *f, unsigned n) {
        Domain *domain = world_put_domain(f->world, make_domain("uuid-1", "d"));

        for (unsigned i = 0; i < n; i++) {
                char name[16], parent[16];

                name_of(i, name);
                if (i > 0)
                        name_of(i - 1, parent);
                put(domain, name, i ? parent : NULL);
        }
        return domain;
}

/* Every 64 levels a path starts again under the domain. */
static void assert_chain_paths(const Domain *domain, unsigned from) {
        g_autoptr(GString) expected = g_string_new(NULL);
        unsigned level = 0;
        const Snapshot *s;

        DOMAIN_FOREACH_SNAPSHOT(s, domain) {
                g_autofree char *name = g_strdup_printf("s%u", from + level);

                if (level % VS_PATH_LEVELS == 0)
                        g_string_assign(expected, D "d");
                g_string_append_printf(expected, "/%s", name);
                g_assert_cmpstr(s->path, ==, expected->str);
                g_assert_cmpuint(s->level, ==, level);
                g_assert_true(world_find_snapshot_by_path(domain->world, s->path) == s);
                level++;
        }
        g_assert_cmpuint(level, ==, world_n_snapshots(domain->world));
}

static void test_restart(TellingWorld *f, gconstpointer data) {
        Domain *domain;

        f->quiet = true;
        domain = make_chain(f, 200);
        assert_chain_paths(domain, 0);
        g_assert_cmpstr(domain_find_snapshot(domain, "s64")->path, ==, D "d/s64");
        g_assert_cmpstr(domain_find_snapshot(domain, "s65")->path, ==, D "d/s64/s65");

        /* All below move up; s64 goes below s63, s65 takes its place as the first. */
        domain_remove_snapshot(domain, domain_find_snapshot(domain, "s0"));
        assert_chain_paths(domain, 1);
        g_assert_cmpuint(f->n_moved, ==, 199);
        g_assert_cmpstr(domain_find_snapshot(domain, "s65")->path, ==, D "d/s65");

        /* Somewhere below a restart: what is above keeps its path. */
        f->n_moved = 0;
        domain_remove_snapshot(domain, domain_find_snapshot(domain, "s199"));
        g_assert_cmpuint(f->n_moved, ==, 0);
        assert_chain_paths(domain, 1);
}

/* A subtree that moves by whole stretches of 64 levels: who does not move is not said to. */
static void test_restart_stays(TellingWorld *f, gconstpointer data) {
        Domain *domain;

        f->quiet = true;
        domain = make_chain(f, 130);
        f->quiet = false;
        g_string_truncate(f->told, 0);
        put(domain, "s128", NULL);
        assert_told(f,
                "changed d/s128 record\n"
                "changed d/s128 parent children\n"
                "changed d/s128/s129 parent children\n"
                "changed d/s64/s65/s66/s67/s68/s69/s70/s71/s72/s73/s74/s75/s76/s77/s78/s79/s80/s81/s82/s83/"
                "s84/s85/s86/s87/s88/s89/s90/s91/s92/s93/s94/s95/s96/s97/s98/s99/s100/s101/s102/s103/s104/"
                "s105/s106/s107/s108/s109/s110/s111/s112/s113/s114/s115/s116/s117/s118/s119/s120/s121/s122/"
                "s123/s124/s125/s126/s127 children\n"
                "changed d roots\n");
        g_assert_cmpuint(domain_find_snapshot(domain, "s129")->level, ==, 1);
}

/* Names that foreign tools gave: every path can be sent and leads back to its snapshot. */
static void test_long_names(TellingWorld *f, gconstpointer data) {
        Domain *domain = world_put_domain(f->world, make_domain("uuid-1", "-"));
        char *parent = NULL;
        Snapshot *s;

        for (unsigned i = 0; i < 100; i++) {
                char *name = g_strnfill(600 + i, '-');

                put(domain, name, parent);
                g_free(parent);
                parent = name;
        }
        g_free(parent);
        DOMAIN_FOREACH_SNAPSHOT(s, domain) {
                g_assert_true(sd_bus_object_path_is_valid(s->path));
                g_assert_true(world_find_snapshot_by_path(f->world, s->path) == s);
        }
        g_assert_cmpuint(world_n_snapshots(f->world), ==, 100);
        domain_remove_snapshot(domain, domain->first_root);
        DOMAIN_FOREACH_SNAPSHOT(s, domain) {
                g_assert_true(sd_bus_object_path_is_valid(s->path));
                g_assert_true(world_find_snapshot_by_path(f->world, s->path) == s);
        }
        g_assert_cmpuint(world_n_snapshots(f->world), ==, 99);
}

/* As many as libvirt lists at most, in one chain, and as many roots: all in a moment. */
static void test_thousands(TellingWorld *f, gconstpointer data) {
        const unsigned n = 16384;
        const uint64_t both = UINT64_C(2) * n;
        Domain *chain, *wide;

        f->quiet = true;
        chain = make_chain(f, n);
        wide = world_put_domain(f->world, make_domain("uuid-2", "wide"));
        for (unsigned i = 0; i < n; i++) {
                char name[16];

                name_of(i, name);
                put(wide, name, NULL);
        }
        g_assert_cmpuint(f->n_added, ==, both);
        g_assert_cmpuint(f->n_moved, ==, 0);
        g_assert_cmpuint(chain->last_root->level, ==, 0);
        domain_settle(chain);
        domain_settle(wide);
        g_assert_cmpuint(f->n_moved, ==, 0);
        /* Read again, all the same. */
        make_chain(f, n);
        g_assert_cmpuint(f->n_added, ==, both);

        world_put_domain(f->world, make_domain("uuid-2", "renamed"));
        g_assert_cmpuint(f->n_moved, ==, n);
        g_assert_cmpuint(world_n_snapshots(f->world), ==, both);
        world_clear(f->world);
        g_assert_cmpuint(f->n_removed, ==, both);
        g_assert_cmpuint(world_n_snapshots(f->world), ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
#define TEST(name, function) \
        g_test_add("/world-tree/" name, TellingWorld, NULL, telling_world_up, function, telling_world_down)
        TEST("parent-comes-later", test_parent_comes_later);
        TEST("move", test_move);
        TEST("remove", test_remove);
        TEST("loops", test_loops);
        TEST("settle-any-order", test_settle_any_order);
        TEST("restart", test_restart);
        TEST("restart-stays", test_restart_stays);
        TEST("long-names", test_long_names);
        TEST("thousands", test_thousands);
        return g_test_run();
}
