/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/options.h"
#include "json/json.h"
#include "support/temp.h"
#include "words.h"

#define THUMBPRINT "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ"

static void test_controller_defaults(void **state)
{
    (void)state;
    AUTO(controller_flags_release) struct controller_flags f = {0};
    assert_null(controller_flags_parse(WORDS(""), &f));
    assert_string_equal(f.api_group, "certroll.dev");
    assert_string_equal(f.listen, ":9402");
    assert_string_equal(f.log_format, "logfmt");
    assert_string_equal(f.log_level, "info");
    assert_true(f.leader_elect);
    assert_false(f.allow_private_urls);
    assert_false(f.trust_requesters);
    assert_null(f.namespace);
    assert_int_equal(f.failure_backoff_min, NS_PER_HOUR);
    assert_int_equal(f.failure_backoff_max, 32 * NS_PER_HOUR);
    assert_int_equal(f.renewal_jitter, 12 * NS_PER_HOUR);
    assert_true(f.workers > 0 && f.external_workers > 0);
}

static void test_command_line_wins_over_the_file(void **state)
{
    (void)state;
    AUTO(temp_release) struct temp t;
    temp_init(&t);
    auto_free char *path =
        temp_puts(&t, "config.yaml", "workers: 2\nnamespace: file\nleader-elect: false\n");
    AUTO(controller_flags_release) struct controller_flags f = {0};
    auto_free char *line = x_printf("--workers=5 --config %s", path);
    assert_null(controller_flags_parse(WORDS(line), &f));
    assert_int_equal(f.workers, 5);
    assert_string_equal(f.namespace, "file");
    assert_false(f.leader_elect);
}

static void test_features(void **state)
{
    (void)state;
    AUTO(controller_flags_release) struct controller_flags none = {0};
    assert_null(controller_flags_parse(WORDS(""), &none));
    assert_false(none.features.on[FEATURE_DNS_ACCOUNT_01]);
    AUTO(controller_flags_release) struct controller_flags f = {0};
    assert_null(controller_flags_parse(WORDS("--feature-gates=DNSAccount01=true"), &f));
    assert_true(f.features.on[FEATURE_DNS_ACCOUNT_01]);
}

static void refuses_controller(char *const *argv, const char *message)
{
    struct controller_flags f = {.workers = -7};
    AUTO_ERR e = controller_flags_parse(argv, &f);
    assert_true(err_is(e, ERR_INVALID));
    if (strstr(e->message, message) == NULL)
        fail_msg("%s", e->message);
    assert_int_equal(f.workers, -7); /* untouched */
}

static void test_refuses(void **state)
{
    (void)state;
    refuses_controller(WORDS("--workers=0"), "--workers");
    refuses_controller(WORDS("--workers=257"), "--workers");
    refuses_controller(WORDS("--solver-linger=1s"), "--solver-linger");
    refuses_controller(WORDS("--failure-backoff-min=2h --failure-backoff-max=1h"),
                       "--failure-backoff-max");
    refuses_controller(WORDS("--renewal-jitter=-1s"), "--renewal-jitter");
    refuses_controller(WORDS("stray"), "unexpected argument");
    refuses_controller(WORDS("--feature-gates=Unheard=true"), "--feature-gates: \"Unheard\"");
}

static void test_bad_file(void **state)
{
    (void)state;
    struct controller_flags f;
    AUTO_ERR e = controller_flags_parse(WORDS("--config /nonexistent/c.yaml"), &f);
    assert_true(err_is(e, ERR_NOT_FOUND));
    AUTO(controller_flags_release) struct controller_flags help = {0};
    /* Whoever asks for help gets it. */
    assert_null(controller_flags_parse(WORDS("--config /nonexistent/c.yaml --help"), &help));
    assert_true(help.help);
}

static void test_solver(void **state)
{
    (void)state;
    AUTO(solver_flags_release) struct solver_flags f = {0};
    assert_null(solver_flags_parse(WORDS("--thumbprint " THUMBPRINT), &f));
    assert_string_equal(f.thumbprint, THUMBPRINT);
    assert_string_equal(f.listen, ":8089");
    static const char *const bad[] = {"", "--thumbprint short", "--thumbprint " THUMBPRINT "=",
                                      "--thumbprint " THUMBPRINT " --forward http://a.test"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct solver_flags other;
        AUTO_ERR e = solver_flags_parse(WORDS(bad[i]), &other);
        assert_true(err_is(e, ERR_INVALID));
        assert_non_null(strstr(e->message, "--thumbprint"));
    }
    AUTO(solver_flags_release) struct solver_flags forward = {0};
    assert_null(solver_flags_parse(WORDS("--forward http://acme.test --listen :80"), &forward));
    assert_string_equal(forward.forward, "http://acme.test");
    struct solver_flags other;
    AUTO_ERR e = solver_flags_parse(WORDS("--forward http://acme.test:8080"), &other);
    assert_true(err_is(e, ERR_INVALID));
    assert_non_null(strstr(e->message, "--forward: "));
}

static void test_help_names_every_flag(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    controller_flags_help(out);
    solver_flags_help(out);
    fclose(out);
    assert_non_null(strstr(text, "--api-group TEXT"));
    assert_non_null(strstr(text, "--failure-backoff-max DURATION"));
    assert_non_null(strstr(text, "--thumbprint TEXT"));
    free(text);
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_controller_defaults),
        cmocka_unit_test(test_command_line_wins_over_the_file),
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_bad_file),
        cmocka_unit_test(test_solver),
        cmocka_unit_test(test_help_names_every_flag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
