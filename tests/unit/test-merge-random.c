/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "daemon/base/error.h"
#include "daemon/model/layers.h"

/*
 * Random graphs on pretended images: each layer holds a few clusters, some of them unwritten, and may hold
 * an internal snapshot, which reads what it does not hold through to the layer below.  Every plan that is
 * made is carried out on them, as QEMU would, and afterwards everything that needed a content still finds
 * it.
 */

#define CLUSTERS 6U
#define LAYERS_MAX 12U
#define PINS_MAX 10U
#define ROUNDS 20000U
#define HOLE 0U

#define DOMAIN "web"
#define DISK "vda"

typedef struct Image {
        char name[8];
        unsigned clusters[CLUSTERS];
        unsigned internal[CLUSTERS]; /* of its internal snapshot */
        bool has_internal, overlay, gone;
        int backing; /* index, -1 for none */
        unsigned size;
} Image;

typedef struct Need {
        PinKind kind;
        const char *domain;
        char snapshot[8]; /* "" for none */
        unsigned layer;
        bool of_head; /* what it needs is the guest's to change */
        unsigned content[CLUSTERS];
} Need;

typedef struct Case {
        Image images[LAYERS_MAX];
        unsigned n_images;
        Need needs[PINS_MAX];
        unsigned n_needs; /* the first is the head that is merged */
        unsigned before[LAYERS_MAX][CLUSTERS];
        bool of_head[LAYERS_MAX]; /* reads through the head: the guest changes it with every write */
        LayerGraph *graph;
} Case;

typedef struct Counts {
        unsigned commits, forced, pulls, actives, lost, moved, unlinked, refused;
} Counts;

static bool one_in(unsigned n) {
        return g_test_rand_int_range(0, (gint32) n) == 0;
}

static unsigned read_cluster(const Case *c, int layer, unsigned cluster) {
        for (; layer >= 0; layer = c->images[layer].backing) {
                g_assert_false(c->images[layer].gone);
                if (c->images[layer].clusters[cluster] != HOLE)
                        return c->images[layer].clusters[cluster];
        }
        return HOLE;
}

static void read_content(const Case *c, int layer, unsigned *ret) {
        for (unsigned i = 0; i < CLUSTERS; i++)
                ret[i] = read_cluster(c, layer, i);
}

static void read_internal(const Case *c, unsigned layer, unsigned *ret) {
        const Image *image = c->images + layer;

        for (unsigned i = 0; i < CLUSTERS; i++)
                ret[i] =
                        image->internal[i] != HOLE ? image->internal[i] : read_cluster(c, image->backing, i);
}

static bool reads_through(const Case *c, int layer, int other) {
        while (layer >= 0 && layer != other)
                layer = c->images[layer].backing;
        return layer >= 0;
}

static void make_image(Case *c, unsigned i) {
        static unsigned next_value;
        Image *image = c->images + i;

        *image = (Image){
                .overlay = !one_in(4),
                .has_internal = one_in(12),
                /* mostly on the one before, so that chains get long */
                .backing = i == 0 || one_in(12) ? -1
                        : one_in(5)             ? g_test_rand_int_range(0, (gint32) i)
                                                : (int) i - 1,
                .size = one_in(15) ? 32 : 64,
        };
        g_snprintf(image->name, sizeof(image->name), "l%u", i);
        for (unsigned k = 0; k < CLUSTERS; k++) {
                image->clusters[k] = one_in(2) ? ++next_value : HOLE;
                image->internal[k] = one_in(2) ? ++next_value : HOLE;
        }
}

static void add_need(Case *c, PinKind kind, const char *domain, unsigned layer) {
        Need *need = c->needs + c->n_needs;
        bool named = kind == PIN_STATE || kind == PIN_INTERNAL;
        const char *disk = kind == PIN_MANAGED_SAVE ? NULL : c->n_needs == 0 ? DISK : "vdb";

        need->kind = kind;
        need->domain = domain;
        need->layer = layer;
        need->of_head = reads_through(c, (int) layer, (int) c->n_images - 1);
        need->snapshot[0] = '\0';
        if (named)
                g_snprintf(need->snapshot, sizeof(need->snapshot), "n%u", c->n_needs);
        if (kind == PIN_INTERNAL)
                read_internal(c, layer, need->content);
        else
                read_content(c, (int) layer, need->content);
        c->n_needs++;
        g_assert_true(layer_graph_pin(
                c->graph, c->images[layer].name, kind, domain, domain, disk, named ? need->snapshot : NULL));
}

static void make_needs(Case *c) {
        unsigned n = (unsigned) g_test_rand_int_range(0, PINS_MAX);

        add_need(c, PIN_HEAD, DOMAIN, c->n_images - 1);
        for (unsigned i = 1; i < n; i++) {
                unsigned layer = (unsigned) g_test_rand_int_range(0, (gint32) c->n_images);
                const char *domain = one_in(6) ? "other" : DOMAIN;

                if (one_in(10))
                        add_need(c, PIN_MANAGED_SAVE, domain, layer);
                else if (one_in(10))
                        add_need(c, PIN_HEAD, domain, layer);
                else
                        add_need(c, PIN_STATE, domain, layer);
        }
}

static void make_case(Case *c) {
        *c = (Case){
                .n_images = (unsigned) g_test_rand_int_range(2, LAYERS_MAX + 1),
                .graph = layer_graph_new(),
        };
        for (unsigned i = 0; i < c->n_images; i++) {
                const Image *image = c->images + i;
                LayerImage added = {
                        .key = image->name, .path = image->name, .format = "qcow2", .allocated = 1
                };

                make_image(c, i);
                added.virtual_size = image->size;
                added.internal_snapshots = image->has_internal;
                if (image->backing >= 0)
                        added.backing = added.backing_key = c->images[image->backing].name;
                layer_graph_add_image(c->graph, &added);
                if (image->overlay)
                        layer_graph_mark_overlay(c->graph, image->name);
                read_content(c, (int) i, c->before[i]);
                c->of_head[i] = i == c->n_images - 1;
        }
        make_needs(c);
        for (unsigned i = 0; i < c->n_images; i++)
                if (c->images[i].has_internal && c->n_needs < PINS_MAX)
                        add_need(c, PIN_INTERNAL, DOMAIN, i);
}

static int find_image(const Case *c, const char *name) {
        for (unsigned i = 0; i < c->n_images; i++)
                if (g_strcmp0(c->images[i].name, name) == 0)
                        return (int) i;
        return -1;
}

static bool is_lost(const MergePlan *plan, const Need *need) {
        for (unsigned i = 0; i < plan->lost->len; i++) {
                const LayerOwner *owner = plan->lost->pdata[i];

                if (need->kind == PIN_STATE && strcmp(owner->snapshot, need->snapshot) == 0) {
                        g_assert_cmpstr(need->domain, ==, DOMAIN);
                        return true;
                }
        }
        return false;
}

/* The layer above in the chain of the head, -1 for the head itself. */
static int above(const Case *c, int layer) {
        int i = (int) c->needs[0].layer, last = -1;

        for (; i != layer; i = c->images[i].backing)
                last = i;
        return last;
}

static void do_commit(Case *c, const MergePlan *plan) {
        int base = find_image(c, plan->base.path), top = find_image(c, plan->top.path), over = above(c, top);

        for (unsigned k = 0; k < CLUSTERS; k++)
                for (int i = top; i != base; i = c->images[i].backing)
                        if (c->images[i].clusters[k] != HOLE) {
                                c->images[base].clusters[k] = c->images[i].clusters[k];
                                break;
                        }
        g_assert_true(plan->active == (over < 0));
        if (over >= 0)
                c->images[over].backing = base;
}

static void do_pull(Case *c, const MergePlan *plan) {
        int head = (int) c->needs[0].layer, base = find_image(c, plan->base.path);

        for (unsigned k = 0; k < CLUSTERS; k++)
                for (int i = head; i != base; i = c->images[i].backing)
                        if (c->images[i].clusters[k] != HOLE) {
                                c->images[head].clusters[k] = c->images[i].clusters[k];
                                break;
                        }
        c->images[head].backing = base;
}

/* Everything that a definition names moves as the plan says. */
static void do_moves(Case *c, const MergePlan *plan) {
        for (unsigned i = 0; i < c->n_needs; i++) {
                const LayerMove *move = g_hash_table_lookup(plan->moves, c->images[c->needs[i].layer].name);
                unsigned to;

                if (!move || is_lost(plan, c->needs + i))
                        continue;
                to = (unsigned) find_image(c, move->to.path);
                if (to != c->needs[i].layer)
                        g_assert_true(c->needs[i].kind == PIN_STATE || i == 0);
                c->needs[i].layer = to;
                for (int below = c->images[to].backing, k = 0; below >= 0;
                        below = c->images[below].backing, k++)
                        g_assert_cmpstr(
                                ((LayerRef *) move->below->pdata[k])->path, ==, c->images[below].name);
        }
}

/* A user's file that was merged away with others: after a commit its content has ended. */
static bool is_left(const Case *c, unsigned i, const MergePlan *plan) {
        return g_ptr_array_find_with_equal_func(plan->left, c->images[i].name, g_str_equal, NULL);
}

static void do_unlink(Case *c, const MergePlan *plan) {
        for (unsigned i = 0; i < plan->unlink->len; i++) {
                Image *image = c->images + find_image(c, plan->unlink->pdata[i]);

                g_assert_true(image->overlay);
                g_assert_false(image->gone);
                image->gone = true;
        }
        for (unsigned i = 0; i < c->n_images; i++)
                if (!c->images[i].gone && c->images[i].backing >= 0 && !(is_left(c, i, plan) && !plan->pull))
                        g_assert_false(c->images[c->images[i].backing].gone);
}

/* The guest goes on, in whatever is the head now. */
static void do_write(Case *c) {
        for (unsigned k = 0; k < CLUSTERS; k++)
                c->images[c->needs[0].layer].clusters[k] = UINT_MAX;
}

static void check_needs(const Case *c, const MergePlan *plan, bool written) {
        for (unsigned i = 0; i < c->n_needs; i++) {
                const Need *need = c->needs + i;
                unsigned content[CLUSTERS];

                if (is_lost(plan, need) || (written && need->of_head))
                        continue;
                g_assert_false(c->images[need->layer].gone);
                if (need->kind == PIN_INTERNAL)
                        read_internal(c, need->layer, content);
                else
                        read_content(c, (int) need->layer, content);
                g_assert_cmpmem(content, sizeof(content), need->content, sizeof(need->content));
        }
}

/* Images that nobody is known to need, a template, a lone clone, read as before too; only base, what was
 * merged into it and is left, and what is gone do not. */
static void check_bystanders(const Case *c, const MergePlan *plan, bool written) {
        for (unsigned i = 0; i < c->n_images; i++) {
                unsigned content[CLUSTERS];

                if (c->images[i].gone || (written && c->of_head[i]) ||
                        (!plan->pull && (find_image(c, plan->base.path) == (int) i || is_left(c, i, plan))))
                        continue;
                read_content(c, (int) i, content);
                g_assert_cmpmem(content, sizeof(content), c->before[i], sizeof(c->before[i]));
        }
}

static const char *random_layer(const Case *c) {
        return one_in(4) ? NULL : c->images[g_test_rand_int_range(0, (gint32) c->n_images)].name;
}

static bool make_plan(const Case *c, Counts *counts, MergePlan **ret) {
        const char *base = random_layer(c), *top = random_layer(c);
        g_autoptr(GError) error = NULL;
        bool force = one_in(2);

        if (one_in(2) ? layer_graph_plan_pull(c->graph, DOMAIN, DISK, base, ret, &error)
                      : layer_graph_plan_commit(c->graph, DOMAIN, DISK, base, top, force, ret, &error)) {
                g_assert_true(force || (*ret)->lost->len == 0);
                return true;
        }
        g_assert_true(error && error->domain == VS_ERROR);
        counts->refused++;
        return false;
}

static void count(const MergePlan *plan, Counts *counts) {
        counts->commits += !plan->pull;
        counts->pulls += plan->pull;
        counts->actives += plan->active;
        counts->forced += plan->lost->len > 0;
        counts->lost += plan->lost->len;
        counts->moved += plan->moved->len;
        counts->unlinked += plan->unlink->len;
}

static void test_random(void) {
        Counts counts = {};

        for (unsigned round = 0; round < ROUNDS; round++) {
                g_autoptr(MergePlan) plan = NULL;
                Case c;

                make_case(&c);
                if (make_plan(&c, &counts, &plan)) {
                        count(plan, &counts);
                        if (plan->pull)
                                do_pull(&c, plan);
                        else
                                do_commit(&c, plan);
                        do_moves(&c, plan);
                        do_unlink(&c, plan);
                        check_needs(&c, plan, false);
                        check_bystanders(&c, plan, false);
                        do_write(&c);
                        check_needs(&c, plan, true);
                        check_bystanders(&c, plan, true);
                }
                layer_graph_free(c.graph);
        }
        g_test_message(
                "%u commits (%u active, %u lost %u snapshots, %u moved), %u pulls, %u unlinked, %u refused",
                counts.commits, counts.actives, counts.forced, counts.lost, counts.moved, counts.pulls,
                counts.unlinked, counts.refused);
        g_assert_cmpuint(counts.commits, >, ROUNDS / 50);
        g_assert_cmpuint(counts.pulls, >, ROUNDS / 20);
        g_assert_cmpuint(counts.actives, >, ROUNDS / 200);
        g_assert_cmpuint(counts.forced, >, ROUNDS / 400);
        g_assert_cmpuint(counts.moved, >, ROUNDS / 800);
        g_assert_cmpuint(counts.unlinked, >, ROUNDS / 20);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/merge/random", test_random);
        return g_test_run();
}
