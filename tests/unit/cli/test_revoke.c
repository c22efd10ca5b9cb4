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
#include "pki/key.h"

static struct fixture fixture;

static int setup(void **state)
{
    fixture_init(&fixture);
    fixture_put(&fixture, CRT_PATH("web"), 200,
                CRT("web", BY_LE, "", COND("Ready", "True", "Ready", "up to date")));
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    fixture.cli.flags.reason = NULL;
    fixture.cli.flags.serial = NULL;
    fixture_release(*state);
    return 0;
}

static void test_names_what_the_secret_holds(void **state)
{
    struct fixture *f = *state;
    static char reason[] = "keyCompromise";
    fixture_tls_secret(f);
    f->cli.flags.reason = reason;
    assert_null(fixture_run(f, &verb_revoke, ARGS("web")));
    assert_string_equal(f->patched, CRT_PATH("web"));
    const char *wish = JSTR(f->patch, "metadata", "annotations", API_REVOKE);
    assert_true(str_starts(wish, "keyCompromise:"));
    assert_true(strlen(wish) > strlen("keyCompromise:"));
    fixture_has(f, "Asked to revoke certificate ");
}

static void test_takes_another_serial_number(void **state)
{
    struct fixture *f = *state;
    static char serial[] = "0a:1b";
    f->cli.flags.serial = serial;
    assert_null(fixture_run(f, &verb_revoke, ARGS("web")));
    assert_string_equal(JSTR(f->patch, "metadata", "annotations", API_REVOKE), "unspecified:0a:1b");
}

static void test_needs_to_know_which(void **state)
{
    struct fixture *f = *state;
    AUTO_ERR e = fixture_run(f, &verb_revoke, ARGS("web"));
    assert_true(err_is(e, ERR_NOT_FOUND));
    assert_non_null(strstr(e->message, "write --serial"));
    assert_int_equal(f->patches, 0);
}

static void test_wrong_words_are_wrong_usage(void **state)
{
    struct fixture *f = *state;
    static char bad[] = "because";
    AUTO_ERR none = fixture_check(f, &verb_revoke, ARGS());
    AUTO_ERR two = fixture_check(f, &verb_revoke, ARGS("a", "b"));
    assert_non_null(none);
    assert_non_null(two);
    f->cli.flags.reason = bad;
    AUTO_ERR e = fixture_check(f, &verb_revoke, ARGS("web"));
    assert_true(err_is(e, ERR_INVALID));
}

int main(void)
{
    json_room_init();
    pki_init();
    assert_null(api_init(API_DEFAULT_GROUP));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names_what_the_secret_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_takes_another_serial_number, setup, teardown),
        cmocka_unit_test_setup_teardown(test_needs_to_know_which, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_words_are_wrong_usage, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
