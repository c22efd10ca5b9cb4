/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/ca.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "fake_ca.h"

struct seen {
    char text[256];
    int64_t duration;
};

static void see(void *arg, const char *host, const char *action, int status, int64_t duration)
{
    struct seen *s = arg;
    size_t len = strlen(s->text);
    auto_free char *line = x_printf("%s %s %d;", host, action, status);
    str_copy(s->text + len, sizeof(s->text) - len, line);
    s->duration += duration;
}

static void each_exchange_is_observed(void **state)
{
    (void)state;
    struct seen seen = {0};
    FAKE_CA f = {.bad_nonces = 1, .takes = 10 * NS_PER_MS};
    fake_ca_init(&f);
    struct acme_ca_options o = fake_ca_options(&f);
    o.observe = see;
    o.observe_arg = &seen;
    struct acme_ca *ca = acme_ca_new(&o);
    const struct acme_account account = {.ca = ca, .key = f.key, .url = FAKE_ACCOUNT};
    AUTO(acme_answer_release) struct acme_answer a = {0};
    fake_answer(&f, 200, "", "{}");
    assert_ok(acme_post(&account, "order", FAKE_HOST "/order/1", NULL, &a));
    assert_string_equal(seen.text, "ca.test directory 200;ca.test newNonce 200;ca.test order 400;"
                                   "ca.test order 200;");
    assert_int_equal(seen.duration, 40 * NS_PER_MS);
    seen.text[0] = '\0';
    fake_fail(&f, err_new(ERR_TRANSIENT, "Timeout", "no answer"));
    assert_error(acme_post(&account, "authz", FAKE_HOST "/authz/1", NULL, &a), ERR_TRANSIENT,
                 "Timeout", "authz: no answer");
    assert_string_equal(seen.text, "ca.test authz 0;");
    acme_ca_free(ca);
}

static void options_reach_the_requests(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    char pem[] = "-----BEGIN CERTIFICATE-----";
    char agent[] = "certroll/test";
    char url[] = FAKE_DIRECTORY;
    struct acme_ca_options o = fake_ca_options(&f);
    o.directory_url = url;
    o.ca_pem = pem;
    o.skip_verify = true;
    o.guarded = true;
    o.user_agent = agent;
    struct acme_ca *ca = acme_ca_new(&o);
    memset(pem, 'x', sizeof(pem) - 1); /* strings are copied */
    memset(agent, 'x', sizeof(agent) - 1);
    memset(url, 'x', sizeof(url) - 1);
    assert_ok(acme_ca_check_url(ca, FAKE_HOST "/x"));
    assert_int_equal(f.flags, HTTP_GUARDED | HTTP_PROXIED);
    assert_string_equal(f.user_agent, "certroll/test");
    assert_string_equal(f.tls->ca_pem, "-----BEGIN CERTIFICATE-----");
    assert_true(f.tls->skip_verify);
    const struct acme_account account = {.ca = ca, .key = f.key, .url = FAKE_ACCOUNT};
    AUTO(acme_answer_release) struct acme_answer a = {0};
    fake_answer(&f, 200, "", "{}");
    assert_ok(acme_post(&account, "order", FAKE_HOST "/order/1", NULL, &a));
    assert_int_equal(f.flags,
                     HTTP_GUARDED | HTTP_MUTATES | HTTP_ONCE | HTTP_KEEP_HEAD | HTTP_PROXIED);
    acme_ca_free(ca);
}

static void defaults_leave_the_transport_its_own(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    assert_ok(acme_ca_check_url(f.ca, FAKE_HOST "/x"));
    assert_int_equal(f.flags, HTTP_PROXIED);
    assert_null(f.user_agent);
    assert_null(f.tls->ca_pem);
    assert_false(f.tls->skip_verify);
}

static void it_lives_as_long_as_somebody_holds_it(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    struct acme_ca_options o = fake_ca_options(&f);
    struct acme_ca *ca = acme_ca_new(&o);
    assert_ptr_equal(acme_ca_ref(ca), ca);
    acme_ca_free(ca);
    assert_ok(acme_ca_check_url(ca, FAKE_HOST "/x"));
    acme_ca_free(ca);
    acme_ca_free(NULL);
}

static void stopping_ends_calls(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    struct stop *stop = stop_new();
    struct acme_ca_options o = fake_ca_options(&f);
    o.stop = stop;
    struct acme_ca *ca = acme_ca_new(&o);
    assert_ok(acme_ca_check_url(ca, FAKE_HOST "/x"));
    stop_set(stop);
    const struct acme_account account = {.ca = ca, .key = f.key, .url = FAKE_ACCOUNT};
    AUTO(acme_answer_release) struct acme_answer a = {0};
    assert_error(acme_post(&account, "order", FAKE_HOST "/order/1", NULL, &a), ERR_CANCELLED, NULL,
                 "order");
    acme_ca_free(ca);
    stop_free(stop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_exchange_is_observed),
        cmocka_unit_test(options_reach_the_requests),
        cmocka_unit_test(defaults_leave_the_transport_its_own),
        cmocka_unit_test(it_lives_as_long_as_somebody_holds_it),
        cmocka_unit_test(stopping_ends_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
