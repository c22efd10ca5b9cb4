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

static void test_writes_the_annotation(void **state)
{
    struct fixture *f = *state;
    assert_null(fixture_run(f, &verb_renew, ARGS("web")));
    assert_string_equal(buf_str(&f->cli.out),
                        "Manually triggered issuance of Certificate ns/web\n");
    assert_int_equal(f->cli.code, 0);
    assert_string_equal(f->patched, CRT_PATH("web"));
    assert_string_equal(JSTR(f->patch, "metadata", "annotations", API_RENEW),
                        "2026-11-21T12:00:00.000000Z");
    assert_non_null(JSTR(f->patch, "metadata", "uid")); /* not its successor of the same name */
    assert_int_equal(json_count(JGET(f->patch, "metadata")), 2);
    assert_int_equal(json_count(f->patch), 1);
}

static void test_a_refusal_is_shown(void **state)
{
    struct fixture *f = *state;
    f->conflicts = 1;
    assert_null(fixture_run(f, &verb_renew, ARGS("web")));
    assert_int_equal(f->patches, 1);
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

int main(void)
{
    json_room_init();
    assert_null(api_init(API_DEFAULT_GROUP));
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_needs_exactly_one_way_to_say_which),
        TEST(test_writes_the_annotation),
        TEST(test_a_refusal_is_shown),
        TEST(test_one_that_is_absent_keeps_no_other),
        TEST(test_listed_ones),
        TEST(test_selected_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
