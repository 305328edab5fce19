/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/telling-world.h"

#include "tests/unit/make.h"

static void test_words(void) {
        for (Consistency c = 0; c < _CONSISTENCY_MAX; c++)
                g_assert_cmpint(consistency_from_string(consistency_to_string(c)), ==, c);
        for (Condition c = 0; c < _CONDITION_MAX; c++)
                g_assert_cmpint(condition_from_string(condition_to_string(c)), ==, c);
        g_assert_cmpint(consistency_from_string("what"), ==, CONSISTENCY_UNKNOWN);
        g_assert_cmpint(consistency_from_string(NULL), ==, CONSISTENCY_UNKNOWN);
        g_assert_cmpint(condition_from_string("what"), ==, CONDITION_OK);
}

static void test_domains(TellingWorld *f, gconstpointer data) {
        Domain *one = world_put_domain(f->world, make_domain("uuid-1", "one"));
        Domain *two = world_put_domain(f->world, make_domain("uuid-2", "two"));

        assert_told(f, "added one\nadded two\n");
        g_assert_true(world_find_domain(f->world, "one") == one);
        g_assert_true(world_find_domain(f->world, "uuid-2") == two);
        g_assert_true(world_find_domain_by_path(f->world, D "two") == two);
        g_assert_null(world_find_domain(f->world, "three"));
        g_assert_null(world_find_domain_by_path(f->world, D "three"));
        g_assert_cmpuint(g_hash_table_size(world_domains(f->world)), ==, 2);

        /* A domain cannot take another's place by its name. */
        world_put_domain(f->world, make_domain("uuid-3", "uuid-1"));
        g_assert_true(world_find_domain(f->world, "uuid-1") == one);

        world_remove_domain(f->world, one);
        assert_told(f, "added uuid_2d1\nremoved one\n");
        g_assert_null(world_find_domain(f->world, "one"));
        g_assert_null(world_find_domain_by_path(f->world, D "one"));
        world_clear(f->world);
        g_assert_cmpuint(g_hash_table_size(world_domains(f->world)), ==, 0);
}

static DomainRecord *make_full(unsigned different) {
        DomainRecord *record = make_domain("uuid-1", different == 11 ? "e" : "d");
        DomainDisk *disk = make_disk(record, different == 7 ? "vdb" : "vda", "/image");

        if (different == 0) {
                g_free(record->title);
                record->title = g_strdup("title");
        }
        record->state = different == 1 ? DOMAIN_RUNNING : DOMAIN_SHUTOFF;
        record->persistent = different != 2;
        record->agent_connected = different == 3;
        record->has_managed_save = different == 4;
        record->writable = different == 5;
        if (different == 6)
                make_disk(record, "vdc", "/other");
        if (different == 8) {
                g_free(disk->source);
                disk->source = g_strdup("/overlay");
        }
        if (different == 9) {
                g_free(disk->format);
                disk->format = g_strdup("raw");
        }
        if (different == 10) {
                g_free(disk->type);
                disk->type = g_strdup("block");
        }
        return record;
}

static void test_domain_changes(TellingWorld *f, gconstpointer data) {
        static const char *const expected[] = { "title", "state", "persistent", "agent", "save", "writable",
                "disks", "disks", "disks", "disks", "disks" };
        Domain *domain = world_put_domain(f->world, make_full(99));

        assert_told(f, "added d\n");
        g_assert_true(world_put_domain(f->world, make_full(99)) == domain);
        assert_told(f, "");
        for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
                g_autofree char *line = g_strdup_printf("changed d %s\n", expected[i]);

                g_assert_true(world_put_domain(f->world, make_full(i)) == domain);
                assert_told(f, line);
                g_assert_true(world_put_domain(f->world, make_full(99)) == domain);
                assert_told(f, line);
        }
        domain_add_job(domain, "/job/1");
        domain_add_job(domain, "/job/2");
        domain_remove_job(domain, "/job/1");
        domain_remove_job(domain, "/job/1");
        assert_told(f, "changed d jobs\nchanged d jobs\nchanged d jobs\n");
        g_assert_cmpuint(domain->jobs->len, ==, 1);
        g_assert_cmpstr(domain->jobs->pdata[0], ==, "/job/2");
}

static void test_rename(TellingWorld *f, gconstpointer data) {
        Domain *domain = make_tree(f);

        domain_set_current(domain, "b");
        g_string_truncate(f->told, 0);
        g_assert_true(world_put_domain(f->world, make_domain("uuid-1", "x")) == domain);
        assert_told(f,
                "moved d -> x\n"
                "moved d/a -> x/a\n"
                "moved d/a/b -> x/a/b\n"
                "changed x current\n"
                "moved d/a/b/c -> x/a/b/c\n"
                "moved d/a/b/e -> x/a/b/e\n"
                "moved d/f -> x/f\n"
                "changed x name\n");
        g_assert_null(world_find_domain(f->world, "d"));
        g_assert_null(world_find_domain_by_path(f->world, D "d"));
        g_assert_null(world_find_snapshot_by_path(f->world, D "d/a/b"));
        g_assert_true(world_find_domain(f->world, "x") == domain);
        g_assert_true(world_find_snapshot_by_path(f->world, D "x/a/b") == domain_find_snapshot(domain, "b"));
        g_assert_cmpuint(world_n_snapshots(f->world), ==, 5);
}

/* Between two reads a name may have gone from one to the other. */
static void test_name_taken(TellingWorld *f, gconstpointer data) {
        make_tree(f);
        world_put_domain(f->world, make_domain("uuid-2", "y"));
        g_string_truncate(f->told, 0);

        world_put_domain(f->world, make_domain("uuid-2", "d"));
        assert_told(f,
                "removed d/a (domain)\n"
                "removed d/a/b (domain)\n"
                "removed d/a/b/c (domain)\n"
                "removed d/a/b/e (domain)\n"
                "removed d/f (domain)\n"
                "removed d\n"
                "moved y -> d\n"
                "changed d name\n");
        world_put_domain(f->world, make_domain("uuid-1", "y"));
        assert_told(f, "added y\n");
        g_assert_cmpstr(world_find_domain(f->world, "d")->record->uuid, ==, "uuid-2");
        g_assert_cmpstr(world_find_domain(f->world, "y")->record->uuid, ==, "uuid-1");
        g_assert_cmpuint(world_n_snapshots(f->world), ==, 0);
}

static void test_put(TellingWorld *f, gconstpointer data) {
        Domain *domain = world_put_domain(f->world, make_domain("uuid-1", "d"));
        const Snapshot *a, *b;
        SnapshotRecord *other;

        a = put(domain, "a", NULL);
        assert_told(f, "added d\nadded d/a\nchanged d roots\nchanged d count\n");
        b = put(domain, "kept", "a");
        assert_told(f, "added d/a/kept\nchanged d/a children\nchanged d count\n");
        g_assert_true(b->parent == a);
        g_assert_cmpuint(a->n_children, ==, 1);
        g_assert_cmpuint(b->level, ==, 1);
        g_assert_true(b->notes.protected);
        g_assert_true(domain_find_snapshot(domain, "kept") == b);
        g_assert_true(world_find_snapshot_by_path(f->world, D "d/a/kept") == b);

        /* The same once more is no news; another content is. */
        g_assert_true(put(domain, "kept", "a") == b);
        assert_told(f, "");
        other = make_snapshot("kept", "a", 1);
        other->deleting = true;
        g_assert_true(domain_put_snapshot(domain, other) == b);
        assert_told(f, "changed d/a/kept record\n");
        g_assert_true(domain_find_snapshot(domain, "kept") == b);
        g_assert_cmpuint(world_n_snapshots(f->world), ==, 2);
}

static void test_order(TellingWorld *f, gconstpointer data) {
        static const char *const names[] = { "a", "b", "c", "e", "f" };
        Domain *domain = make_tree(f);
        const Snapshot *b = domain_find_snapshot(domain, "b"), *s;
        unsigned n = 0;

        assert_tree(domain, "a(b(c e)) f");
        DOMAIN_FOREACH_SNAPSHOT(s, domain)
        g_assert_cmpstr(s->record->name, ==, names[n++]);
        g_assert_cmpuint(n, ==, 5);
        n = 0;
        for (s = b; s; s = snapshot_next(s, b))
                g_assert_cmpstr(s->record->name, ==, names[1 + n++]);
        g_assert_cmpuint(n, ==, 3);
        n = 0;
        SNAPSHOT_FOREACH_CHILD(s, b)
                n++;
        g_assert_cmpuint(n, ==, b->n_children);
        s = domain_find_snapshot(domain, "f");
        g_assert_null(snapshot_next(s, s));
}

/* Deleted and made again under the same name: another snapshot. */
static void test_successor(TellingWorld *f, gconstpointer data) {
        Domain *domain = make_tree(f);

        domain_set_current(domain, "e");
        g_string_truncate(f->told, 0);
        domain_put_snapshot(domain, make_snapshot("e", "f", 2));
        assert_tree(domain, "a(b(c)) f(e)");
        g_assert_null(domain->current);
        assert_told(f,
                "changed d/a/b/e current\n"
                "changed d current\n"
                "removed d/a/b/e\n"
                "changed d/a/b children\n"
                "changed d count\n"
                "added d/f/e\n"
                "changed d/f children\n"
                "changed d count\n");
}

static void test_current(TellingWorld *f, gconstpointer data) {
        Domain *domain = make_tree(f);

        domain_set_current(domain, "a");
        assert_told(f, "changed d/a current\nchanged d current\n");
        domain_set_current(domain, "a");
        assert_told(f, "");
        domain_set_current(domain, "e");
        assert_told(f, "changed d/a current\nchanged d/a/b/e current\nchanged d current\n");
        g_assert_cmpstr(domain->current->record->name, ==, "e");
        domain_set_current(domain, "none of these");
        assert_told(f, "changed d/a/b/e current\nchanged d current\n");
        g_assert_null(domain->current);
        domain_set_current(domain, NULL);
        assert_told(f, "");
}

static void test_notes(TellingWorld *f, gconstpointer data) {
        Domain *domain = make_tree(f);
        Snapshot *b = domain_find_snapshot(domain, "b");

        snapshot_set_notes(b,
                (SnapshotNotes){ .condition = CONDITION_BROKEN, .reason = g_strdup("its image is gone") });
        assert_told(f, "changed d/a/b notes\n");
        snapshot_set_notes(b, (SnapshotNotes){ .protected = true });
        assert_told(f, "changed d/a/b notes\n");
        g_assert_null(b->notes.reason);
        /* They stay with it. */
        put(domain, "b", NULL);
        g_assert_true(b->notes.protected);
}

static void test_unheard(void) {
        g_autoptr(World) world = world_new();
        Domain *domain = world_put_domain(world, make_domain("uuid-1", "d"));

        put(domain, "a", NULL);
        put(domain, "b", "a");
        domain_set_current(domain, "b");
        domain_remove_snapshot(domain, domain_find_snapshot(domain, "a"));
        assert_tree(domain, "b");
        g_assert_null(world_free(NULL));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/world/words", test_words);
        g_test_add_func("/world/unheard", test_unheard);
#define TEST(name, function) \
        g_test_add("/world/" name, TellingWorld, NULL, telling_world_up, function, telling_world_down)
        TEST("domains", test_domains);
        TEST("domain-changes", test_domain_changes);
        TEST("rename", test_rename);
        TEST("name-taken", test_name_taken);
        TEST("put", test_put);
        TEST("order", test_order);
        TEST("successor", test_successor);
        TEST("current", test_current);
        TEST("notes", test_notes);
        return g_test_run();
}
