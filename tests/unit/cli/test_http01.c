/* SPDX-License-Identifier: Apache-2.0 */
/* `http01`: whose lines are printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "api/group.h"
#include "base/mem.h"
#include "cli_fixture.h"
#include "objects.h"

#define THUMBPRINT "abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"
#define ACME_ISSUER(status)                                                                        \
    "{" META("le", "i",                                                                            \
             "") ",\"spec\":{\"acme\":{\"server\":\"https://ca\",\"privateKeySecretRef\":{"        \
                 "\"name\":\"k\"}}},\"status\":{" status "}}"
#define SHOWN ACME_ISSUER("\"acme\":{\"thumbprint\":\"" THUMBPRINT "\"}")

static struct fixture fixture;

static int setup(void **state)
{
    fixture_init(&fixture);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    fixture_release(*state);
    return 0;
}

static void test_prints_lines_for_each_server(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, ISSUER_PATH("le"), 200, SHOWN);
    assert_null(fixture_run(f, &verb_http01, ARGS("le")));
    fixture_has(f, "# nginx: ");
    fixture_has(f, "return 200 \"$1." THUMBPRINT "\";");
    fixture_has(f, "# Apache 2.4");
    fixture_has(f, "ErrorDocument 200 \"%{env:MATCH_TOKEN}." THUMBPRINT "\"");
    fixture_has(f, "# HAProxy ");
    fixture_has(f, "lf-string \"%[path,field(-1,/)]." THUMBPRINT "\"");
}

static void test_a_cluster_issuer_has_no_namespace(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, CRDS "/clusterissuers/le", 200, SHOWN);
    assert_null(fixture_run(f, &verb_http01, ARGS("clusterissuer", "le")));
    fixture_has(f, THUMBPRINT);
}

static void test_says_what_is_missing(void **state)
{
    struct fixture *f = *state;
    AUTO_ERR none = fixture_run(f, &verb_http01, ARGS("le"));
    assert_true(err_is(none, ERR_NOT_FOUND));
    fixture_put(f, ISSUER_PATH("le"), 200, ACME_ISSUER(""));
    AUTO_ERR unregistered = fixture_run(f, &verb_http01, ARGS("issuer", "le"));
    assert_true(err_is(unregistered, ERR_NOT_FOUND));
    assert_non_null(strstr(unregistered->message, "Issuer le shows no thumbprint"));
    /* What somebody else wrote there does not get into a configuration. */
    fixture_put(f, ISSUER_PATH("le"), 200,
                ACME_ISSUER("\"acme\":{\"thumbprint\":\"x\\\"; include /etc/passwd; \"}"));
    AUTO_ERR hostile = fixture_run(f, &verb_http01, ARGS("le"));
    assert_true(err_is(hostile, ERR_NOT_FOUND));
    fixture_lacks(f, "passwd");
}

static void test_usage(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *const args[4];
        bool all_namespaces, good;
    } rows[] = {
        {{"le"}, false, true},           {{"issuer", "le"}, false, true},
        {{"Issuer", "le"}, false, true}, {{"clusterissuer", "le"}, true, true},
        {{NULL}, false, false},          {{"order", "le"}, false, false},
        {{"le"}, true, false},           {{"issuer", "a", "b"}, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        f->cli.flags.all_namespaces = rows[i].all_namespaces;
        AUTO_ERR e = fixture_check(f, &verb_http01, rows[i].args);
        assert_int_equal(e == NULL, rows[i].good);
    }
}

int main(void)
{
    json_room_init();
    assert_null(api_init(API_DEFAULT_GROUP));
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_prints_lines_for_each_server),
        TEST(test_a_cluster_issuer_has_no_namespace),
        TEST(test_says_what_is_missing),
        TEST(test_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
