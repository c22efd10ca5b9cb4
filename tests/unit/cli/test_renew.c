/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli_fixture.h"
#include "objects.h"

#define READY COND("Ready", "True", "Ready", "up to date")

static struct fixture fixture;

static int setup(void **state)
{
    fixture_init(&fixture);
    fixture_put(&fixture, CRT_PATH("web"), 200, CRT("web", BY_LE, "", READY));
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    fixture_release(*state);
    return 0;
}

static void test_needs_exactly_one_way_to_say_which(void **state)
{
    struct fixture *f = *state;
    static char selector[] = "a=b";
    static const struct {
        const char *const args[2];
        char *selector;
        bool all, all_namespaces, good;
    } rows[] = {
        {{"web"}, NULL, false, false, true},    {{NULL}, selector, false, false, true},
        {{NULL}, NULL, true, false, true},      {{NULL}, NULL, true, true, true},
        {{NULL}, selector, false, true, true},  {{NULL}, NULL, false, false, false},
        {{NULL}, NULL, false, true, false},     {{"web"}, selector, false, false, false},
        {{"web"}, NULL, true, false, false},    {{"web"}, NULL, false, true, false},
        {{NULL}, selector, true, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        f->cli.flags.selector = rows[i].selector;
        f->cli.flags.all = rows[i].all;
        f->cli.flags.all_namespaces = rows[i].all_namespaces;
        AUTO_ERR e = fixture_check(f, &verb_renew, rows[i].args);
        assert_int_equal(e == NULL, rows[i].good);
    }
}

static void test_sets_the_condition(void **state)
{
    struct fixture *f = *state;
    assert_null(fixture_run(f, &verb_renew, ARGS("web")));
    assert_string_equal(buf_str(&f->cli.out),
                        "Manually triggered issuance of Certificate ns/web\n");
    assert_int_equal(f->cli.code, 0);
    assert_string_equal(f->patched, CRT_PATH("web") "/status");
    assert_string_equal(JSTR(f->patch, "metadata", "resourceVersion"), "7");
    const json_t *conditions = JGET(f->patch, "status", "conditions");
    assert_int_equal(json_count(conditions), 2);
    assert_string_equal(JSTR(conditions, "0", "type"), "Ready"); /* kept */
    assert_string_equal(JSTR(conditions, "0", "lastTransitionTime"), "2026-11-21T11:30:00Z");
    assert_string_equal(JSTR(conditions, "1", "type"), "Issuing");
    assert_string_equal(JSTR(conditions, "1", "status"), "True");
    assert_string_equal(JSTR(conditions, "1", "reason"), "ManuallyTriggered");
    assert_string_equal(JSTR(conditions, "1", "message"),
                        "Certificate re-issuance manually triggered");
    assert_string_equal(JSTR(conditions, "1", "lastTransitionTime"), "2026-11-21T12:00:00Z");
    assert_int_equal(JINT(conditions, 0, "1", "observedGeneration"), 2);
    assert_int_equal(json_count(f->patch), 2);
    assert_int_equal(json_count(JGET(f->patch, "status")), 1);
}

static void test_replaces_the_condition(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, CRT_PATH("web"), 200,
                CRT("web", BY_LE, "", COND("Issuing", "False", "Failed", "no") "," READY));
    assert_null(fixture_run(f, &verb_renew, ARGS("web")));
    const json_t *conditions = JGET(f->patch, "status", "conditions");
    assert_int_equal(json_count(conditions), 2);
    assert_string_equal(JSTR(conditions, "0", "status"), "True");
}

static void test_reads_again_after_a_conflict(void **state)
{
    struct fixture *f = *state;
    f->conflicts = 3;
    assert_null(fixture_run(f, &verb_renew, ARGS("web")));
    assert_int_equal(f->patches, 4);
    assert_int_equal(f->cli.code, 0);
    f->conflicts = 100; /* but not for ever */
    f->patches = 0;
    assert_null(fixture_run(f, &verb_renew, ARGS("web")));
    assert_int_equal(f->patches, 5);
    assert_int_equal(f->cli.code, 1);
    assert_string_equal(buf_str(&f->cli.out), "");
    assert_non_null(strstr(buf_str(&f->cli.complaints), "409 Conflict"));
}

static void test_one_that_is_absent_keeps_no_other(void **state)
{
    struct fixture *f = *state;
    assert_null(fixture_run(f, &verb_renew, ARGS("nope", "web", "../up")));
    assert_int_equal(f->cli.code, 1);
    assert_string_equal(buf_str(&f->cli.out),
                        "Manually triggered issuance of Certificate ns/web\n");
    const char *complaints = buf_str(&f->cli.complaints);
    assert_true(str_starts(complaints, "certroll: Certificate ns/nope not found: "));
    assert_non_null(strstr(complaints, "\ncertroll: name \"../up\" "));
}

static void test_listed_ones(void **state)
{
    struct fixture *f = *state;
    f->cli.flags.all = true;
    AUTO_ERR none = fixture_run(f, &verb_renew, ARGS());
    assert_true(err_is(none, ERR_NOT_FOUND));
    assert_string_equal(none->message, "no Certificates found in namespace ns");
    fixture_list(f, CRDS "/namespaces/ns/certificates",
                 CRT("a", BY_LE, "", "") "," CRT("b", BY_LE, "", ""));
    assert_null(fixture_run(f, &verb_renew, ARGS()));
    assert_string_equal(buf_str(&f->cli.out), "Manually triggered issuance of Certificate ns/a\n"
                                              "Manually triggered issuance of Certificate ns/b\n");
    assert_int_equal(f->patches, 2);
    assert_string_equal(f->query, "?limit=500"); /* nothing but the list is read */
}

static void test_selected_ones(void **state)
{
    struct fixture *f = *state;
    static char selector[] = "app=web";
    f->cli.flags.selector = selector;
    AUTO_ERR none = fixture_run(f, &verb_renew, ARGS());
    assert_string_equal(none->message, "no Certificates found in namespace ns with labels app=web");
    assert_non_null(strstr(f->query, "labelSelector=app%3Dweb"));
}

static void test_no_room_for_the_condition(void **state)
{
    struct fixture *f = *state;
#define C(type) COND(type, "True", "R", "m") ","
    fixture_put(f, CRT_PATH("web"), 200,
                CRT("web", BY_LE, "", C("A") C("B") C("C") C("D") C("E") C("F") C("G") READY));
    assert_null(fixture_run(f, &verb_renew, ARGS("web")));
    assert_int_equal(f->cli.code, 1);
    assert_int_equal(f->patches, 0); /* none of theirs is lost */
}

int main(void)
{
    json_room_init();
    assert_null(api_init(API_DEFAULT_GROUP));
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_needs_exactly_one_way_to_say_which),
        TEST(test_sets_the_condition),
        TEST(test_replaces_the_condition),
        TEST(test_reads_again_after_a_conflict),
        TEST(test_one_that_is_absent_keeps_no_other),
        TEST(test_listed_ones),
        TEST(test_selected_ones),
        TEST(test_no_room_for_the_condition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
