/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/base/log.h"
#include "daemon/jobs/merge-work.h"
#include "daemon/jobs/record.h"

static void lost_free(void *data) {
        LostSnapshot *lost = data;

        g_free(lost->name);
        g_free(lost);
}

static void move_free(void *move) {
        layer_move_free(move);
}

MergeWork *merge_work_new(void) {
        MergeWork *work = g_new0(MergeWork, 1);

        work->lost = g_ptr_array_new_with_free_func(lost_free);
        work->moves = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, move_free);
        work->unlink = g_ptr_array_new_with_free_func(g_free);
        work->gone = g_ptr_array_new_with_free_func(g_free);
        work->story = g_ptr_array_new_with_free_func(g_free);
        return work;
}

MergeWork *merge_work_free(MergeWork *work) {
        if (!work)
                return NULL;
        g_free(work->base);
        g_free(work->top);
        g_free(work->head);
        g_ptr_array_unref(work->lost);
        g_hash_table_unref(work->moves);
        g_ptr_array_unref(work->unlink);
        g_ptr_array_unref(work->gone);
        g_ptr_array_unref(work->story);
        g_free(work);
        return NULL;
}

void merge_work_add_lost(MergeWork *work, const char *name, uint64_t created) {
        LostSnapshot *lost = g_new(LostSnapshot, 1);

        *lost = (LostSnapshot){ g_strdup(name), created };
        g_ptr_array_add(work->lost, lost);
}

/* ---- writing ---- */

static struct json_object *ref_to_json(const LayerRef *ref) {
        struct json_object *json = json_object_new_object();

        record_add_string(json, "path", ref->path);
        record_add_string(json, "format", ref->format);
        record_add_bool(json, "block", ref->block);
        return json;
}

static struct json_object *moves_to_json(GHashTable *moves) {
        struct json_object *all = json_object_new_array();
        GHashTableIter iter;
        void *name, *value;

        g_hash_table_iter_init(&iter, moves);
        while (g_hash_table_iter_next(&iter, &name, &value)) {
                struct json_object *json = json_object_new_object();
                const LayerMove *move = value;

                record_add_string(json, "from", name);
                json_object_object_add(json, "to", ref_to_json(&move->to));
                record_add_bool(json, "open", move->open);
                record_add_bool(json, "user", move->user);
                if (move->below) {
                        struct json_object *below = json_object_new_array();

                        for (unsigned i = 0; i < move->below->len; i++)
                                json_object_array_add(below, ref_to_json(move->below->pdata[i]));
                        json_object_object_add(json, "below", below);
                }
                json_object_array_add(all, json);
        }
        return all;
}

static struct json_object *lost_to_json(const GPtrArray *lost) {
        struct json_object *all = json_object_new_array();

        for (unsigned i = 0; i < lost->len; i++) {
                const LostSnapshot *one = lost->pdata[i];
                struct json_object *json = json_object_new_object();

                record_add_string(json, "name", one->name);
                record_add_number(json, "created", one->created);
                json_object_array_add(all, json);
        }
        return all;
}

bool merge_write_record(JobRun *run, const MergeParams *params, GError **error) {
        struct json_object *record = record_new(run, params->pull ? JOB_BLOCK_PULL : JOB_BLOCK_COMMIT);
        const MergeWork *work = params->work;

        record_add_string(record, "disk", params->disk);
        record_add_string(record, "base", work->base);
        record_add_string(record, "top", work->top);
        record_add_string(record, "head", work->head);
        record_add_bool(record, "active", work->active);
        record_add_bool(record, "pivot", params->pivot);
        record_add_bool(record, "keep-overlay", params->keep_overlay);
        record_add_bool(record, "unlink-merged", params->unlink);
        record_add_bool(record, "merged", work->merged);
        record_add_bool(record, "kept", work->kept);
        record_add_number(record, "bytes", work->bytes);
        record_add_number(record, "timeout", params->timeout);
        record_add_strings(record, "gone", work->gone);
        record_add_strings(record, "unlink", work->unlink);
        json_object_object_add(record, "lost", lost_to_json(work->lost));
        json_object_object_add(record, "moves", moves_to_json(work->moves));
        return run_record(run, record, error);
}

/* ---- reading ---- */

static struct json_object *array_of(const struct json_object *record, const char *key) {
        struct json_object *array;

        return json_object_object_get_ex(record, key, &array) && json_object_is_type(array, json_type_array)
                ? array
                : NULL;
}

static LayerMove *move_from_json(const struct json_object *json) {
        struct json_object *to, *below = array_of(json, "below");
        const char *path;
        LayerMove *move;

        if (!json_object_object_get_ex(json, "to", &to) || !(path = record_string(to, "path")))
                return NULL;
        move = layer_move_new(path, record_string(to, "format"), record_bool(to, "block"));
        move->open = record_bool(json, "open");
        move->user = record_bool(json, "user");
        if (!below)
                return move;
        move->below = layer_ref_array_new();
        for (size_t i = 0; i < json_object_array_length(below); i++) {
                const struct json_object *ref = json_object_array_get_idx(below, i);

                path = record_string(ref, "path");
                if (!path)
                        return layer_move_free(move);
                g_ptr_array_add(move->below,
                        layer_ref_new(path, record_string(ref, "format"), record_bool(ref, "block")));
        }
        return move;
}

static bool moves_from_json(const struct json_object *record, GHashTable *moves) {
        struct json_object *all = array_of(record, "moves");

        for (size_t i = 0; all && i < json_object_array_length(all); i++) {
                const struct json_object *json = json_object_array_get_idx(all, i);
                const char *from = record_string(json, "from");
                LayerMove *move = move_from_json(json);

                if (!from || !move) {
                        layer_move_free(move);
                        return false;
                }
                g_hash_table_insert(moves, g_strdup(from), move);
        }
        return all;
}

static bool lost_from_json(const struct json_object *record, MergeWork *work) {
        struct json_object *all = array_of(record, "lost");

        for (size_t i = 0; all && i < json_object_array_length(all); i++) {
                const struct json_object *json = json_object_array_get_idx(all, i);
                const char *name = record_string(json, "name");

                if (!name)
                        return false;
                merge_work_add_lost(work, name, record_number(json, "created"));
        }
        return all;
}

MergeParams *merge_params_from_record(const struct json_object *record) {
        const char *disk = record_string(record, "disk");
        bool pull = job_operation_from_string(record_string(record, "operation")) == JOB_BLOCK_PULL;
        MergeParams *params = merge_params_new(pull, disk ? disk : "");
        MergeWork *work = params->work;

        params->pivot = record_bool(record, "pivot");
        params->keep_overlay = record_bool(record, "keep-overlay");
        params->unlink = record_bool(record, "unlink-merged");
        work->resumed = true;
        work->merged = record_bool(record, "merged");
        work->kept = record_bool(record, "kept");
        work->active = record_bool(record, "active");
        work->base = g_strdup(record_string(record, "base"));
        work->top = g_strdup(record_string(record, "top"));
        work->head = g_strdup(record_string(record, "head"));
        work->bytes = record_number(record, "bytes");
        /* It counts anew: a daemon that was away is no reason to give up. */
        params->timeout = record_number(record, "timeout");
        g_ptr_array_unref(work->gone);
        work->gone = record_strings(record, "gone");
        g_ptr_array_unref(work->unlink);
        work->unlink = record_strings(record, "unlink");
        if (disk && work->top && work->head && (pull || work->base) && lost_from_json(record, work) &&
                moves_from_json(record, work->moves))
                return params;
        log_error("the record of job %" G_GUINT64_FORMAT " makes no sense and is left as it is",
                record_number(record, "id"));
        merge_params_free(params);
        return NULL;
}
