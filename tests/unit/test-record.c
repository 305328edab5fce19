/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/jobs/record.h"

static struct json_object *parse(const char *text) {
        struct json_object *record = json_tokener_parse(text);

        g_assert_nonnull(record);
        return record;
}

/* Out to text and in again, as over a restart. */
static struct json_object *again(struct json_object *record) {
        struct json_object *copy = parse(json_object_to_json_string(record));

        json_object_put(record);
        return copy;
}

static void test_common(void) {
        g_autoptr(Job) job = job_new(
                12, JOB_CREATE, "the-uuid", "wéb \"1\"", "/d", NULL, NULL, UINT32_MAX, 1700000000000001);
        JobRun *run = job_run_new(job, NULL, -1, NULL, NULL, NULL);
        struct json_object *record = again(record_new(run, JOB_BLOCK_PULL));

        g_assert_cmpuint(record_number(record, "id"), ==, 12);
        g_assert_cmpstr(record_string(record, "operation"), ==, "block-pull");
        g_assert_cmpstr(record_string(record, "uuid"), ==, "the-uuid");
        g_assert_cmpstr(record_string(record, "domain"), ==, "wéb \"1\"");
        g_assert_cmpuint(record_number(record, "created"), ==, 1700000000000001);
        g_assert_cmpuint(record_number(record, "uid"), ==, UINT32_MAX);
        json_object_put(record);
        job_run_free(run);
}

static void test_values(void) {
        g_autoptr(GPtrArray) words = g_ptr_array_new(), none = g_ptr_array_new(), read = NULL, empty = NULL;
        struct json_object *record = json_object_new_object();

        g_ptr_array_add(words, (char *) "one");
        g_ptr_array_add(words, (char *) "");
        g_ptr_array_add(words, (char *) "d\n\"r\"");
        record_add_string(record, "string", "text");
        record_add_string(record, "empty", "");
        record_add_string(record, "null", NULL);
        record_add_bool(record, "true", true);
        record_add_bool(record, "false", false);
        record_add_number(record, "zero", 0);
        record_add_number(record, "most", UINT64_MAX);
        record_add_strings(record, "words", words);
        record_add_strings(record, "none", none);
        record = again(record);

        g_assert_cmpint(json_object_object_length(record), ==, 8);
        g_assert_cmpstr(record_string(record, "string"), ==, "text");
        g_assert_cmpstr(record_string(record, "empty"), ==, "");
        g_assert_null(record_string(record, "null"));
        g_assert_true(record_bool(record, "true"));
        g_assert_false(record_bool(record, "false"));
        g_assert_cmpuint(record_number(record, "zero"), ==, 0);
        g_assert_cmpuint(record_number(record, "most"), ==, UINT64_MAX);
        read = record_strings(record, "words");
        g_assert_cmpuint(read->len, ==, 3);
        for (unsigned i = 0; i < 3; i++)
                g_assert_cmpstr(read->pdata[i], ==, words->pdata[i]);
        empty = record_strings(record, "none");
        g_assert_cmpuint(empty->len, ==, 0);
        json_object_put(record);
}

/* What is not there or is something else reads as nothing. */
static void test_other_types(void) {
        static const char *const values[] = { "null", "true", "\"5\"", "5", "5.5", "[ 5 ]", "{ \"key\": 5 }",
                "-5" };

        for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
                g_autofree char *text = g_strdup_printf("{ \"key\": %s }", values[i]);
                struct json_object *record = parse(text);
                g_autoptr(GPtrArray) strings = record_strings(record, "key"),
                                     missing = record_strings(record, "other");

                g_assert_cmpstr(record_string(record, "key"), ==, i == 2 ? "5" : NULL);
                g_assert_true(record_bool(record, "key") == (i == 1));
                g_assert_cmpuint(record_number(record, "key"), ==, i == 3 ? 5 : 0);
                g_assert_cmpuint(strings->len, ==, 0);
                g_assert_null(record_string(record, "other"));
                g_assert_false(record_bool(record, "other"));
                g_assert_cmpuint(record_number(record, "other"), ==, 0);
                g_assert_cmpuint(missing->len, ==, 0);
                json_object_put(record);
        }
        g_assert_null(record_string(NULL, "key"));
        g_assert_cmpuint(record_number(NULL, "key"), ==, 0);
}

static void test_mixed_array(void) {
        struct json_object *record = parse("{ \"key\": [ \"a\", 5, null, [ \"b\" ], \"c\" ] }");
        g_autoptr(GPtrArray) strings = record_strings(record, "key");

        g_assert_cmpuint(strings->len, ==, 2);
        g_assert_cmpstr(strings->pdata[0], ==, "a");
        g_assert_cmpstr(strings->pdata[1], ==, "c");
        json_object_put(record);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/record/common", test_common);
        g_test_add_func("/record/values", test_values);
        g_test_add_func("/record/other-types", test_other_types);
        g_test_add_func("/record/mixed-array", test_mixed_array);
        return g_test_run();
}
