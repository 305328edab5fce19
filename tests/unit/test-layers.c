/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "daemon/base/error.h"
#include "daemon/model/layers.h"

/*
 * Graphs are drawn: "base <- +s1 <- +s2", one chain a line; '+' is an overlay by provenance, "@2" holds
 * internal snapshots, "=64" is a size, "~" an old qcow2, "#" a block device, "?" a backing file that is
 * missing.  Then what needs which layer: head DOMAIN DISK LAYER    snap DOMAIN NAME LAYER    inner DOMAIN
 * NAME LAYER    saved DOMAIN LAYER A domain's uuid is its name with "uuid-" before it.
 */

static void draw_layer(LayerGraph *graph, const char *text, const char *below) {
        g_autofree char *name = g_strdup(text);
        const char *size = strchr(text, '='), *internal = strchr(text, '@');
        char *start = name;
        LayerImage image = {
                .format = "qcow2",
                .virtual_size = size ? g_ascii_strtoull(size + 1, NULL, 10) : 64,
                .allocated = 10,
                .internal_snapshots = internal ? (unsigned) g_ascii_strtoull(internal + 1, NULL, 10) : 0,
                .block = strchr(text, '#'),
                .old_format = strchr(text, '~'),
                .backing_key = below,
                .backing = strchr(text, '?') ? "gone" : below,
        };

        start += *start == '+';
        start[strcspn(start, "=@~#?")] = '\0';
        image.key = image.path = start;
        layer_graph_add_image(graph, &image);
        if (text[0] == '+')
                g_assert_true(layer_graph_mark_overlay(graph, start));
}

static void draw_chain(LayerGraph *graph, const char *line) {
        g_auto(GStrv) layers = g_strsplit(line, " <- ", -1);
        g_autofree char *below = NULL;

        for (char **layer = layers; *layer; layer++) {
                draw_layer(graph, *layer, below);
                g_free(below);
                below = g_strdup(*layer + (**layer == '+'));
                below[strcspn(below, "=@~#?")] = '\0';
        }
}

static void draw_pin(LayerGraph *graph, char **words) {
        g_autofree char *uuid = g_strdup_printf("uuid-%s", words[1]);
        const char *layer = words[g_strv_length(words) - 1];
        bool done = false;

        if (strcmp(words[0], "head") == 0)
                done = layer_graph_pin(graph, layer, PIN_HEAD, words[1], uuid, words[2], NULL);
        else if (strcmp(words[0], "snap") == 0)
                done = layer_graph_pin(graph, layer, PIN_STATE, words[1], uuid, "vda", words[2]);
        else if (strcmp(words[0], "inner") == 0)
                done = layer_graph_pin(graph, layer, PIN_INTERNAL, words[1], uuid, "vda", words[2]);
        else if (strcmp(words[0], "saved") == 0)
                done = layer_graph_pin(graph, layer, PIN_MANAGED_SAVE, words[1], uuid, NULL, NULL);
        g_assert_true(done);
}

static LayerGraph *draw(const char *picture) {
        g_auto(GStrv) lines = g_strsplit(picture, "\n", -1);
        LayerGraph *graph = layer_graph_new();

        for (char **line = lines; *line; line++) {
                g_auto(GStrv) words = g_strsplit(*line, " ", -1);

                if (g_str_has_prefix(*line, "head ") || g_str_has_prefix(*line, "snap ") ||
                        g_str_has_prefix(*line, "inner ") || g_str_has_prefix(*line, "saved "))
                        draw_pin(graph, words);
                else if (**line)
                        draw_chain(graph, *line);
        }
        return graph;
}

static void say_owners(GString *text, const char *what, GPtrArray *owners) {
        if (owners->len == 0)
                return;
        g_string_append_printf(text, " %s", what);
        for (unsigned i = 0; i < owners->len; i++)
                g_string_append_printf(
                        text, "%c%s", i > 0 ? ',' : '=', ((LayerOwner *) owners->pdata[i])->snapshot);
}

static void say_paths(GString *text, const char *what, GPtrArray *paths) {
        if (paths->len == 0)
                return;
        g_string_append_printf(text, " %s", what);
        for (unsigned i = 0; i < paths->len; i++)
                g_string_append_printf(text, "%c%s", i > 0 ? ',' : '=', (const char *) paths->pdata[i]);
}

static int compare_names(gconstpointer a, gconstpointer b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static void say_moves(GString *text, GHashTable *moves) {
        g_autofree gpointer *names = g_hash_table_get_keys_as_array(moves, NULL);
        unsigned n = g_hash_table_size(moves);

        qsort(names, n, sizeof(*names), compare_names);
        for (unsigned i = 0; i < n; i++) {
                const LayerMove *move = g_hash_table_lookup(moves, names[i]);

                g_string_append_printf(
                        text, " %s>%s%s", (char *) names[i], move->to.path, move->user ? "!" : "");
                for (unsigned j = 0; j < move->below->len; j++)
                        g_string_append_printf(text, ":%s", ((LayerRef *) move->below->pdata[j])->path);
                if (move->open)
                        g_string_append(text, ":?");
        }
}

static char *say_plan(const MergePlan *plan) {
        GString *text = g_string_new(NULL);

        g_string_append_printf(text, "%s%s into %s", plan->active ? "active " : "",
                plan->pull ? "pull" : "commit", plan->pull ? plan->top.path : plan->base.path);
        say_owners(text, "lost", plan->lost);
        say_owners(text, "moved", plan->moved);
        say_paths(text, "unlink", plan->unlink);
        say_paths(text, "left", plan->left);
        g_string_append_printf(text, " bytes=%u;", (unsigned) plan->bytes);
        say_moves(text, plan->moves);
        return g_string_free(text, FALSE);
}

static void expect_plan(const char *picture, bool pull, const char *base, const char *top, bool force,
        const char *expected) {
        g_autoptr(LayerGraph) graph = draw(picture);
        g_autoptr(MergePlan) plan = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *said = NULL;
        bool done;

        done = pull ? layer_graph_plan_pull(graph, "uuid-web", "vda", base, &plan, &error)
                    : layer_graph_plan_commit(graph, "uuid-web", "vda", base, top, force, &plan, &error);
        g_assert_no_error(error);
        g_assert_true(done);
        said = say_plan(plan);
        g_assert_cmpstr(said, ==, expected);
}

static void expect_commit(const char *picture, const char *base, const char *top, const char *expected) {
        expect_plan(picture, false, base, top, false, expected);
}

static void expect_forced(const char *picture, const char *base, const char *top, const char *expected) {
        expect_plan(picture, false, base, top, true, expected);
}

static void expect_pull(const char *picture, const char *base, const char *expected) {
        expect_plan(picture, true, base, NULL, false, expected);
}

static void assert_refused(bool done, GError *error, VsError code, const char *says) {
        g_assert_false(done);
        g_assert_error(error, VS_ERROR, (int) code);
        if (!strstr(error->message, says))
                g_error("'%s' does not say '%s'", error->message, says);
}

/* A refusal that force does not lift. */
static void refuse_commit(
        const char *picture, const char *base, const char *top, VsError code, const char *says) {
        g_autoptr(LayerGraph) graph = draw(picture);

        for (unsigned force = 0; force < 2; force++) {
                g_autoptr(MergePlan) plan = NULL;
                g_autoptr(GError) error = NULL;
                bool done =
                        layer_graph_plan_commit(graph, "uuid-web", "vda", base, top, force, &plan, &error);

                assert_refused(done, error, code, says);
                g_assert_null(plan);
        }
}

/* One that it does. */
static void refuse_unless_forced(const char *picture, const char *base, const char *top, const char *says) {
        g_autoptr(LayerGraph) graph = draw(picture);
        g_autoptr(MergePlan) plan = NULL;
        g_autoptr(GError) error = NULL;
        bool done = layer_graph_plan_commit(graph, "uuid-web", "vda", base, top, false, &plan, &error);

        assert_refused(done, error, VS_ERR_WOULD_LOSE_DATA, says);
        g_assert_true(layer_graph_plan_commit(graph, "uuid-web", "vda", base, top, true, &plan, NULL));
}

static void refuse_pull(const char *picture, const char *base, VsError code, const char *says) {
        g_autoptr(LayerGraph) graph = draw(picture);
        g_autoptr(MergePlan) plan = NULL;
        g_autoptr(GError) error = NULL;
        bool done = layer_graph_plan_pull(graph, "uuid-web", "vda", base, &plan, &error);

        assert_refused(done, error, code, says);
        g_assert_null(plan);
}

#define THREE "base <- +s1 <- +s2 <- +s3\nhead web vda s3\n"

static void test_commit_places(void) {
        /* the middle, several at once, the head, everything */
        expect_commit(THREE, "s1", "s2", "commit into s1 unlink=s2 bytes=10; s2>s1:base");
        expect_commit(THREE, "base", "s2", "commit into base unlink=s2,s1 bytes=20; s1>base! s2>base!");
        expect_commit(THREE, "s2", "s3", "active commit into s2 unlink=s3 bytes=10; s3>s2:s1:base");
        expect_commit(THREE, NULL, "",
                "active commit into base unlink=s3,s2,s1 bytes=30; s1>base! s2>base! s3>base!");
}

static void test_commit_pins(void) {
        /* what is on top moves, what is on base and between ends */
        expect_commit(THREE "snap web two s2", "s1", "s2",
                "commit into s1 moved=two unlink=s2 bytes=10; s2>s1:base");
        refuse_unless_forced(THREE "snap web one s1", "s1", "s2", "'one'");
        refuse_unless_forced(THREE "snap web zero base\nsnap web one s1", "base", "s2", "'one', 'zero'");
        expect_forced(THREE "snap web zero base\nsnap web one s1\nsnap web two s2\nsnap web three s3",
                "base", "s2",
                "commit into base lost=one,zero moved=two unlink=s2,s1 bytes=20; s1>base! s2>base!");
        /* above and below: untouched */
        expect_commit(THREE "snap web zero base\nsnap web three s3", "s1", "s2",
                "commit into s1 unlink=s2 bytes=10; s2>s1:base");
        /* a snapshot with a disk on base and another on top ends as a whole */
        expect_forced(THREE "snap web both s1\nsnap web both s2", "s1", "s2",
                "commit into s1 lost=both unlink=s2 bytes=10; s2>s1:base");
}

static void test_commit_user_files(void) {
        expect_commit("base <- mine <- +s2\nhead web vda s2", "base", NULL,
                "active commit into base unlink=s2 left=mine bytes=20; mine>base! s2>base!");
}

static void test_wrong_paths(void) {
        refuse_commit(THREE, "s2", "s1", VS_ERR_INVALID_PATH, "'s2' is not below the top 's1'");
        refuse_commit(THREE, "s1", "s1", VS_ERR_INVALID_PATH, "not below");
        refuse_commit(THREE, "nowhere", NULL, VS_ERR_INVALID_PATH, "'s3', 's2', 's1', 'base'");
        refuse_commit(
                THREE "other", "other", NULL, VS_ERR_INVALID_PATH, "The base 'other' is not in the chain");
        refuse_commit(THREE, NULL, "nowhere", VS_ERR_INVALID_PATH, "The top 'nowhere'");
        refuse_commit("base\nhead web vda base", NULL, NULL, VS_ERR_INVALID_PATH, "not below");
        refuse_commit("base <- +s1\nhead web vdb s1", NULL, NULL, VS_ERR_NO_SUCH_DISK, "'vda'");
        refuse_commit("base <- +s1\nhead other vda s1", NULL, NULL, VS_ERR_NO_SUCH_DISK, "'vda'");
        refuse_pull(THREE, "s3", VS_ERR_INVALID_PATH, "nothing between");
        refuse_pull(THREE, "s2", VS_ERR_INVALID_PATH, "nothing between");
        refuse_pull("base\nhead web vda base", NULL, VS_ERR_INVALID_PATH, "nothing between");
}

static void test_missing_end(void) {
        const char *picture = "base? <- +s1 <- +s2\nhead web vda s2";

        refuse_commit(picture, NULL, NULL, VS_ERR_BROKEN, "'gone' of 'base'");
        refuse_pull(picture, NULL, VS_ERR_BROKEN, "'gone' of 'base'");
        expect_commit(picture, "s1", "s2", "active commit into s1 unlink=s2 bytes=10; s2>s1:base:?");
        expect_pull(picture, "base", "pull into s2 unlink=s1 bytes=10; s1>s2:base:? s2>s2:base:?");
}

static void test_loop(void) {
        g_autoptr(LayerGraph) graph = layer_graph_new();
        const LayerImage a = { .key = "a", .path = "a", .backing_key = "b", .backing = "b" };
        const LayerImage b = { .key = "b", .path = "b", .backing_key = "a", .backing = "a" };
        g_autoptr(GPtrArray) chain = NULL;
        g_autoptr(GError) error = NULL;

        layer_graph_add_image(graph, &a);
        layer_graph_add_image(graph, &b);
        g_assert_true(layer_graph_pin(graph, "a", PIN_HEAD, "web", "uuid-web", "vda", NULL));
        g_assert_false(layer_graph_chain(graph, "uuid-web", "vda", &chain, &error));
        g_assert_error(error, VS_ERROR, VS_ERR_BROKEN);
}

static void test_other_branches(void) {
        /* another branch on base, on a layer between, on top */
        refuse_commit(THREE "s1 <- +x", "s1", "s2", VS_ERR_WOULD_LOSE_DATA, "'x' backs on 's1'");
        refuse_commit(THREE "s1 <- +x\nsnap web side x", "s1", "s2", VS_ERR_WOULD_LOSE_DATA,
                "needed by snapshot 'side' of domain 'web'");
        refuse_commit(THREE "s1 <- +x <- +y\nsnap web side y", "base", "s2", VS_ERR_WOULD_LOSE_DATA,
                "needed by snapshot 'side'");
        refuse_commit(THREE "s2 <- +x", "s1", "s2", VS_ERR_WOULD_LOSE_DATA, "'x' backs on 's2'");
        refuse_commit(THREE "s3 <- clone", "s2", NULL, VS_ERR_WOULD_LOSE_DATA, "'clone' backs on 's3'");
        /* a template, its clone off: an active commit would destroy the clone */
        refuse_commit(THREE "base <- clone\nhead clone vda clone", NULL, NULL, VS_ERR_WOULD_LOSE_DATA,
                "disk 'vda' of domain 'clone'");
        /* a branch below base or above top reads what it read before */
        expect_commit(THREE "base <- clone\nhead clone vda clone", "s1", "s2",
                "commit into s1 unlink=s2 bytes=10; s2>s1:base");
        expect_commit("base <- +s1 <- +s2 <- +s3 <- +s4\ns3 <- +x\nhead web vda s4\nsnap web side x", "s1",
                "s2", "commit into s1 unlink=s2 bytes=10; s2>s1:base");
}

static void test_other_owners(void) {
        refuse_commit(THREE "head other vdb base", "base", "s1", VS_ERR_WOULD_LOSE_DATA,
                "disk 'vdb' of domain 'other'");
        refuse_commit(THREE "head web vdb base", "base", "s1", VS_ERR_WOULD_LOSE_DATA,
                "disk 'vdb' of domain 'web'");
        refuse_commit(
                THREE "head web vda s2", "s1", "s2", VS_ERR_WOULD_LOSE_DATA, "disk 'vda' of domain 'web'");
        refuse_commit(THREE "snap other one s1", "s1", "s2", VS_ERR_WOULD_LOSE_DATA,
                "snapshot 'one' of domain 'other'");
        refuse_commit(THREE "snap other two s2", "s1", "s2", VS_ERR_WOULD_LOSE_DATA,
                "snapshot 'two' of domain 'other'");
        refuse_commit(
                THREE "saved web s3", "s1", "s2", VS_ERR_WOULD_LOSE_DATA, "the saved state of domain 'web'");
        refuse_commit(THREE "saved other base", NULL, NULL, VS_ERR_WOULD_LOSE_DATA,
                "the saved state of domain 'other'");
        /* another domain's clone of a layer above: its QEMU reads through what would be merged */
        refuse_commit("base <- +s1 <- +s2 <- +s3\ns2 <- clone\nhead web vda s3\nhead other vda clone",
                "base", "s1", VS_ERR_WOULD_LOSE_DATA, "disk 'vda' of domain 'other'");
        /* below base: not its business */
        expect_commit(THREE "head other vdb base\nsnap other x base", "s1", "s2",
                "commit into s1 unlink=s2 bytes=10; s2>s1:base");
}

static void test_internal_snapshots(void) {
        /* in what is merged away, in what is above it, in a branch above it */
        refuse_commit("base <- +s1 <- +s2@1 <- +s3\nhead web vda s3", "s1", "s2", VS_ERR_NOT_SUPPORTED,
                "'s2' holds");
        refuse_commit("base <- +s1 <- +s2 <- +s3@2\nhead web vda s3", "s1", "s2", VS_ERR_NOT_SUPPORTED,
                "'s3' holds");
        refuse_commit("base <- +s1 <- +s2 <- +s3\ns2 <- +x@1\nhead web vda s3", "base", "s1",
                VS_ERR_NOT_SUPPORTED, "'x' holds");
        /* known from metadata alone */
        refuse_commit(THREE "inner web in s2", "s1", "s2", VS_ERR_NOT_SUPPORTED, "'s2' holds");
        /* committing into it and above it is fine */
        expect_commit("base@3 <- +s1\nhead web vda s1\ninner web in base", NULL, NULL,
                "active commit into base unlink=s1 bytes=10; s1>base!");
        expect_commit("base@1 <- +s1 <- +s2\nhead web vda s2", "s1", NULL,
                "active commit into s1 unlink=s2 bytes=10; s2>s1:base");
        refuse_pull("base <- +s1 <- +s2@1\nhead web vda s2", NULL, VS_ERR_NOT_SUPPORTED, "'s2' holds");
        refuse_pull("base <- +s1@1 <- +s2\nhead web vda s2", "base", VS_ERR_NOT_SUPPORTED, "'s1' holds");
        refuse_pull("base@1 <- +s1\nhead web vda s1", NULL, VS_ERR_NOT_SUPPORTED, "'base' holds");
        refuse_pull(
                "base <- +s1 <- +s2\ns2 <- +x@1\nhead web vda s2", NULL, VS_ERR_NOT_SUPPORTED, "'x' holds");
        expect_pull("base@1 <- +s1 <- +s2\nhead web vda s2", "base",
                "pull into s2 unlink=s1 bytes=10; s1>s2:base s2>s2:base");
}

static void test_sizes(void) {
        refuse_commit(
                "base=64 <- +s1=32\nhead web vda s1", NULL, NULL, VS_ERR_NOT_SUPPORTED, "'s1' is smaller");
        refuse_commit("base=64 <- +s1=32 <- +s2=64\nhead web vda s2", "base", NULL, VS_ERR_NOT_SUPPORTED,
                "'s1' is smaller");
        expect_commit("base=64 <- +s1=96\nhead web vda s1", NULL, NULL,
                "active commit into base unlink=s1 bytes=10; s1>base!");
        refuse_commit(
                "base#=64 <- +s1=96\nhead web vda s1", NULL, NULL, VS_ERR_NOT_SUPPORTED, "block device");
        expect_commit("base#=64 <- +s1=64\nhead web vda s1", NULL, NULL,
                "active commit into base unlink=s1 bytes=10; s1>base!");
        expect_commit("base~=64 <- +s1=96\nhead web vda s1", NULL, NULL,
                "active commit into base unlink=s1 bytes=10; s1>base!");
        refuse_commit(
                "base~=64@1 <- +s1=96\nhead web vda s1", NULL, NULL, VS_ERR_NOT_SUPPORTED, "old qcow2");
        expect_pull("base=64 <- +s1=32\nhead web vda s1", NULL, "pull into s1 left=base bytes=10; s1>s1");
}

static void test_pull(void) {
        expect_pull(THREE, "base", "pull into s3 unlink=s2,s1 bytes=20; s1>s3:base s2>s3:base s3>s3:base");
        expect_pull(THREE, "s1", "pull into s3 unlink=s2 bytes=10; s2>s3:s1:base s3>s3:s1:base");
        expect_pull(THREE, NULL, "pull into s3 unlink=s2,s1 left=base bytes=30; s1>s3 s2>s3 s3>s3");
        /* a pinned or shared layer stays, and with it what it backs on */
        expect_pull(THREE "snap web two s2", "base", "pull into s3 bytes=20; s3>s3:base");
        expect_pull(
                THREE "snap web one s1", "base", "pull into s3 unlink=s2 bytes=20; s2>s3:base s3>s3:base");
        expect_pull(THREE "s1 <- +x", "base", "pull into s3 unlink=s2 bytes=20; s2>s3:base s3>s3:base");
        expect_pull("base <- +s1 <- mine <- +s3\nhead web vda s3", "base",
                "pull into s3 left=mine bytes=20; s3>s3:base");
        expect_pull(THREE "base <- clone\nhead other vda clone", NULL,
                "pull into s3 unlink=s2,s1 bytes=30; s1>s3 s2>s3 s3>s3");
        expect_pull(THREE "snap web top s3", "base",
                "pull into s3 unlink=s2,s1 bytes=20; s1>s3:base s2>s3:base s3>s3:base");
        refuse_pull(THREE "saved web s3", "base", VS_ERR_WOULD_LOSE_DATA, "the saved state of domain 'web'");
}

static void test_names(void) {
        g_autoptr(LayerGraph) graph = draw(THREE "snap web two s2");
        g_autoptr(MergePlan) plan = NULL;
        const LayerImage again = { .key = "s2", .path = "/link/s2", .internal_snapshots = 9 };

        g_assert_false(layer_graph_add_image(graph, &again));
        g_assert_true(layer_graph_add_name(graph, "s1", "/link/s1"));
        g_assert_false(layer_graph_add_name(graph, "s9", "/link/s9"));
        g_assert_true(layer_graph_find(graph, "/link/s2") == layer_graph_find(graph, "s2"));
        g_assert_cmpuint(layer_graph_find(graph, "s2")->internal_snapshots, ==, 0);
        g_assert_true(layer_graph_plan_commit(
                graph, "uuid-web", "vda", "/link/s1", "/link/s2", false, &plan, NULL));
        /* whatever a definition calls it */
        g_assert_cmpuint(g_hash_table_size(plan->moves), ==, 2);
        g_assert_nonnull(g_hash_table_lookup(plan->moves, "/link/s2"));
        g_assert_cmpuint(plan->unlink->len, ==, 1);
        g_assert_false(layer_graph_pin(graph, "gone", PIN_STATE, "web", "uuid-web", "vda", "x"));
        g_assert_false(layer_graph_mark_overlay(graph, "gone"));
}

static void test_queries(void) {
        g_autoptr(LayerGraph) graph =
                draw(THREE "snap web b s1\nsnap web a s1\nsnap web b s1\nsnap other c s1\ninner web i s1");
        g_autoptr(GPtrArray) chain = NULL;
        g_auto(GStrv) names = NULL;

        g_assert_true(layer_graph_chain(graph, "uuid-web", "vda", &chain, NULL));
        g_assert_cmpuint(chain->len, ==, 4);
        g_assert_cmpstr(((Layer *) chain->pdata[0])->path, ==, "s3");
        g_assert_cmpstr(((Layer *) chain->pdata[3])->path, ==, "base");
        g_assert_cmpuint(layer_graph_find(graph, "base")->children->len, ==, 1);
        names = layer_snapshots(layer_graph_find(graph, "s1"), "uuid-web");
        g_assert_cmpuint(g_strv_length(names), ==, 3);
        g_assert_cmpstr(names[0], ==, "b");
        g_assert_cmpstr(names[1], ==, "a");
        g_assert_cmpstr(names[2], ==, "i");
}

static void add_disk(DomainRecord *domain, const char *target, const char *source) {
        DomainDisk *disk = g_new0(DomainDisk, 1);

        disk->target = g_strdup(target);
        disk->source = g_strdup(source);
        g_ptr_array_add(domain->disks, disk);
}

static void disk_destroy(gpointer disk) {
        domain_disk_free(disk);
}

static void test_records(void) {
        g_autoptr(LayerGraph) graph = draw("base <- s1 <- s2\nother");
        g_autoptr(DomainRecord) domain = g_new0(DomainRecord, 1);
        SnapshotDisk disks[] = {
                { .target = "vda",
                        .mode = DISK_MODE_EXTERNAL,
                        .file = (char *) "s2",
                        .layer = (char *) "s1" },
                { .target = "vdb", .mode = DISK_MODE_NO, .layer = (char *) "other" },
                { .target = "vdc", .mode = DISK_MODE_INTERNAL, .layer = (char *) "other" },
                { .target = "vdd",
                        .mode = DISK_MODE_EXTERNAL,
                        .file = (char *) "base",
                        .layer = (char *) "gone" },
        };
        const SnapshotRecord snapshot = {
                .name = (char *) "one", .n_disks = G_N_ELEMENTS(disks), .disks = disks
        };
        const Layer *other = layer_graph_find(graph, "other");

        domain->name = g_strdup("web");
        domain->uuid = g_strdup("uuid-web");
        domain->disks = g_ptr_array_new_with_free_func(disk_destroy);
        add_disk(domain, "vda", "s2");
        add_disk(domain, "sda", "");
        add_disk(domain, "vdb", "gone");
        g_assert_cmpuint(layer_graph_pin_domain(graph, domain), ==, 1);
        g_assert_cmpuint(layer_graph_pin_snapshot(graph, "web", "uuid-web", &snapshot), ==, 1);

        g_assert_cmpuint(layer_graph_find(graph, "s2")->pins->len, ==, 1);
        g_assert_true(layer_graph_find(graph, "s2")->overlay);
        g_assert_cmpuint(layer_graph_find(graph, "s1")->pins->len, ==, 1);
        g_assert_false(layer_graph_find(graph, "s1")->overlay);
        g_assert_cmpuint(other->pins->len, ==, 1);
        g_assert_cmpint(((LayerPin *) other->pins->pdata[0])->kind, ==, PIN_INTERNAL);
        /* metadata that calls a chain's bottom an overlay is not believed */
        g_assert_false(layer_graph_find(graph, "base")->overlay);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/layers/commit/places", test_commit_places);
        g_test_add_func("/layers/commit/pins", test_commit_pins);
        g_test_add_func("/layers/commit/user-files", test_commit_user_files);
        g_test_add_func("/layers/wrong-paths", test_wrong_paths);
        g_test_add_func("/layers/missing-end", test_missing_end);
        g_test_add_func("/layers/loop", test_loop);
        g_test_add_func("/layers/other-branches", test_other_branches);
        g_test_add_func("/layers/other-owners", test_other_owners);
        g_test_add_func("/layers/internal-snapshots", test_internal_snapshots);
        g_test_add_func("/layers/sizes", test_sizes);
        g_test_add_func("/layers/pull", test_pull);
        g_test_add_func("/layers/names", test_names);
        g_test_add_func("/layers/queries", test_queries);
        g_test_add_func("/layers/records", test_records);
        return g_test_run();
}
