/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "acme/internal.h"
#include "base/mem.h"
#include "base/str.h"
#include "fake_ca.h"

static struct err *post(struct fake_ca *f, const char *path, const json_t *payload,
                        struct acme_answer *ret_answer)
{
    auto_free char *url = x_printf(FAKE_HOST "%s", path);
    return acme_post(&f->account, "order", url, payload, ret_answer);
}

static void requests_are_as_rfc_8555_asks(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    json_auto_t *payload = json_build("{s:s,s:[s]}", "a", "\xc3\xa4", "b", "c");
    AUTO(acme_answer_release) struct acme_answer a = {0};
    fake_answer(&f, 201, "location: " FAKE_HOST "/o/1\nretry-after: 5\n", "{\"status\":\"x\"}");
    assert_ok(post(&f, "/some/Path?q=%41", payload, &a));
    assert_int_equal(a.status, 201);
    assert_string_equal(a.location, FAKE_HOST "/o/1");
    assert_string_equal(JSTR(a.body, "status"), "x");
    assert_null(a.text);
    assert_int_equal(a.retry_at, FAKE_NOW + 5 * NS_PER_SEC);
    assert_string_equal(f.accept, "application/json");
    assert_int_equal(f.timeout, 60 * NS_PER_SEC);
    assert_true(json_same(f.payload, payload));
    assert_string_equal(JSTR(f.protected, "url"), FAKE_HOST "/some/Path?q=%41");
    assert_string_equal(JSTR(f.protected, "kid"), FAKE_ACCOUNT);
}

/* RFC 9110 section 10.2.2: it may be a reference. */
static void a_location_is_made_absolute(void **state)
{
    (void)state;
    static const struct {
        const char *said, *meant;
    } rows[] = {
        {"/o/1", FAKE_HOST "/o/1"},
        {"2", FAKE_HOST "/new/2"},
        {"https://other.test/o/3", "https://other.test/o/3"}, /* judged when it is used */
        {"http://ca.test/o/4", "http://ca.test/o/4"},
    };
    FAKE_CA f = {0};
    fake_ca_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(acme_answer_release) struct acme_answer a = {0};
        auto_free char *headers = x_printf("location: %s\n", rows[i].said);
        fake_answer(&f, 201, headers, "{}");
        assert_ok(post(&f, "/new/order", NULL, &a));
        assert_string_equal(a.location, rows[i].meant);
    }
}

static void post_as_get_has_an_empty_payload(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(acme_answer_release) struct acme_answer a = {0};
    fake_answer(&f, 200, "", "");
    assert_ok(post(&f, "/order/1", NULL, &a));
    assert_null(f.payload);
    assert_null(a.body);
    json_auto_t *empty = json_new_object();
    AUTO(acme_answer_release) struct acme_answer b = {0};
    fake_answer(&f, 200, "", "[]");
    assert_ok(post(&f, "/order/1", empty, &b));
    assert_true(json_same(f.payload, empty));
}

static struct err *others_first(void *ctx, const struct http_request *req)
{
    (void)ctx;
    assert_string_equal(req->url, FAKE_HOST "/order/1");
    assert_true((req->flags & HTTP_GUARDED) != 0);
    return err_new(ERR_CONFLICT, "Busy", "other calls go first");
}

static void nothing_is_spent_on_what_is_held_back(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    struct acme_ca_options guarded = fake_ca_options(&f);
    guarded.guarded = true;
    struct acme_ca *ca = acme_ca_new(&guarded);
    f.transport.turn = others_first;
    const struct acme_account account = {ca, f.account.key, f.account.url};
    AUTO(acme_answer_release) struct acme_answer a = {0};
    AUTO_ERR e = acme_post(&account, "order", FAKE_HOST "/order/1", NULL, &a);
    assert_non_null(e);
    assert_string_equal(e->reason, "Busy");
    assert_int_equal(f.nonces + f.posts, 0);
    acme_ca_free(ca);
}

static void without_an_account_url_the_key_is_sent(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    f.account.url = NULL;
    AUTO(acme_answer_release) struct acme_answer a = {0};
    fake_answer(&f, 200, "", "{}");
    assert_ok(post(&f, "/new-acct", NULL, &a));
    assert_string_equal(JSTR(f.protected, "jwk", "crv"), "P-256");
    assert_null(JGET(f.protected, "kid"));
}

static void each_answer_feeds_the_next_request(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    for (unsigned i = 0; i < 10; i++) {
        AUTO(acme_answer_release) struct acme_answer a = {0};
        if (i % 2 == 0)
            fake_answer(&f, 200, "", "{}");
        else
            fake_answer(&f, 403, PROBLEM_HEADER, PROBLEM("unauthorized", "no"));
        AUTO_ERR e = post(&f, "/order/1", NULL, &a);
        assert_int_equal(e != NULL, i % 2);
        assert_int_equal(f.nonce, i + 1);
    }
    assert_int_equal(f.nonces, 1);
}

static void a_refused_nonce_is_replaced_by_the_refusal_s(void **state)
{
    (void)state;
    FAKE_CA f = {.bad_nonces = 10};
    fake_ca_init(&f);
    for (int i = 0; i < 20; i++)
        acme_nonce_put(f.ca, "stale"); /* none of these is tried after the first */
    json_auto_t *payload = json_build("{s:i}", "n", 1);
    AUTO(acme_answer_release) struct acme_answer a = {0};
    fake_answer(&f, 200, "", "{}");
    assert_ok(post(&f, "/order/1", payload, &a));
    assert_int_equal(f.posts, 11);
    assert_int_equal(f.nonce, 10);
    assert_int_equal(f.nonces, 0);
    assert_int_equal(JINT(f.payload, 0, "n"), 1);
    assert_true(fake_violated(&f, "nonce stale was never issued"));
}

static void retries_are_counted(void **state)
{
    (void)state;
    FAKE_CA f = {.bad_nonces = 1000};
    fake_ca_init(&f);
    AUTO(acme_answer_release) struct acme_answer a = {0};
    assert_error(post(&f, "/order/1", NULL, &a), ERR_TRANSIENT, "BadNonce", "try again");
    assert_int_equal(f.posts, 21);
    /* The last refusal's nonce is good for the next call. */
    f.bad_nonces = 0;
    fake_answer(&f, 200, "", "{}");
    assert_ok(post(&f, "/order/1", NULL, &a));
    assert_int_equal(f.nonces, 1);
}

static void retries_end_after_20_seconds(void **state)
{
    (void)state;
    FAKE_CA f = {.bad_nonces = 1000, .takes = 5 * NS_PER_SEC};
    fake_ca_init(&f);
    AUTO(acme_answer_release) struct acme_answer a = {0};
    assert_error(post(&f, "/order/1", NULL, &a), ERR_TRANSIENT, "BadNonce", NULL);
    assert_int_equal(f.posts, 3); /* at 10, 15 and 20 s: newNonce came before */
}

static void a_refusal_without_a_nonce_has_one_fetched(void **state)
{
    (void)state;
    FAKE_CA f = {.bad_nonces = 3, .bad_without = true};
    fake_ca_init(&f);
    AUTO(acme_answer_release) struct acme_answer a = {0};
    fake_answer(&f, 200, "", "{}");
    assert_ok(post(&f, "/order/1", NULL, &a));
    assert_int_equal(f.posts, 4);
    assert_int_equal(f.nonces, 4);
}

static void servers_that_bring_no_nonces_work(void **state)
{
    (void)state;
    FAKE_CA f = {.no_nonces = true};
    fake_ca_init(&f);
    for (unsigned i = 0; i < 3; i++) {
        AUTO(acme_answer_release) struct acme_answer a = {0};
        fake_answer(&f, 200, "replay-nonce: not base64url!\n", "{}");
        assert_ok(post(&f, "/order/1", NULL, &a));
    }
    assert_int_equal(f.nonces, 3);
}

static void bad_nonce_with_a_good_status_is_an_answer(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(acme_answer_release) struct acme_answer a = {0};
    fake_answer(&f, 200, PROBLEM_HEADER, PROBLEM("badNonce", "nonsense"));
    assert_ok(post(&f, "/order/1", NULL, &a));
    assert_int_equal(f.posts, 1);
}

static void other_errors_are_not_repeated(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(acme_answer_release) struct acme_answer a = {0};
    fake_answer(&f, 500, PROBLEM_HEADER, PROBLEM("serverInternal", "oh"));
    assert_error(post(&f, "/order/1", NULL, &a), ERR_TRANSIENT, "ServerInternal",
                 "order " FAKE_HOST "/order/1: HTTP 500: serverInternal: oh");
    fake_fail(&f, err_new(ERR_TRANSIENT, "ConnectFailed", "refused"));
    assert_error(post(&f, "/order/1", NULL, &a), ERR_TRANSIENT, "ConnectFailed", "order: refused");
    fake_fail(&f, err_new(ERR_CANCELLED, "NotLeader", "the lease is gone"));
    assert_error(post(&f, "/order/1", NULL, &a), ERR_CANCELLED, "NotLeader", NULL);
    assert_int_equal(f.posts, 3);
}

static void retry_after_has_two_forms(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        int64_t at;
    } cases[] = {
        {"retry-after: 120\n", FAKE_NOW + 120 * NS_PER_SEC},
        {"retry-after: Thu, 01 Jan 2026 00:02:00 GMT\n", FAKE_NOW + 120 * NS_PER_SEC},
        {"retry-after: 0\n", FAKE_NOW},
        {"retry-after: Wed, 31 Dec 2025 23:00:00 GMT\n", FAKE_NOW},
        {"retry-after: 999999999999\n", FAKE_NOW + NS_PER_DAY},
        {"retry-after: Fri, 01 Jan 2100 00:00:00 GMT\n", FAKE_NOW + NS_PER_DAY},
        {"retry-after: -1\n", 0},
        {"retry-after: soon\n", 0},
        {"retry-after: \n", 0},
        {"", 0},
    };
    FAKE_CA f = {0};
    fake_ca_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(acme_answer_release) struct acme_answer a = {0};
        fake_answer(&f, 200, cases[i].header, "{}");
        assert_ok(post(&f, "/order/1", NULL, &a));
        assert_int_equal(a.retry_at, cases[i].at);
        auto_free char *headers = x_printf(PROBLEM_HEADER "%s", cases[i].header);
        fake_answer(&f, 429, headers, PROBLEM("rateLimited", "too many"));
        struct err *e = post(&f, "/order/1", NULL, &a);
        assert_int_equal(e->retry_at, cases[i].at);
        assert_error(e, ERR_RATE_LIMITED, "RateLimited", "too many");
    }
}

static void foreign_urls_get_nothing(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    static const char *const urls[] = {"https://evil.test/order/1",
                                       "http://ca.test/order/1",
                                       "https://ca.test@evil.test/",
                                       "https://169.254.169.254/",
                                       "https://ca.test:8443/",
                                       "",
                                       NULL};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        AUTO(acme_answer_release) struct acme_answer a = {0};
        assert_error(acme_post(&f.account, "finalize", urls[i], NULL, &a), ERR_DENIED, "ForeignURL",
                     "finalize: ");
    }
    assert_int_equal(f.posts + f.nonces, 0);
}

static void redirects_are_errors(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    static const int statuses[] = {300, 301, 302, 303, 304, 307, 308};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        AUTO(acme_answer_release) struct acme_answer a = {0};
        fake_answer(&f, statuses[i], "location: https://evil.test/\n", "{}");
        struct err *e = post(&f, "/order/1", NULL, &a);
        assert_non_null(e);
        assert_null(strstr(e->message, "evil"));
        assert_error(e, ERR_TRANSIENT, NULL, "redirects elsewhere");
    }
}

static void bodies_are_not_shown_unless_they_are_problems(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    static const struct {
        const char *headers, *body;
        bool shown;
    } cases[] = {
        {"content-type: application/problem+json\n", "{\"detail\":\"MARK\"}", true},
        {"content-type: Application/Problem+JSON; charset=utf-8\n", "{\"detail\":\"MARK\"}", true},
        {"content-type: application/json\n", PROBLEM("malformed", "MARK"), true},
        {"", PROBLEM("malformed", "MARK"), true},
        {"content-type: application/json\n", "{\"detail\":\"MARK\"}", false},
        {"content-type: text/html\n", "<h1>MARK</h1>", false},
        {"content-type: application/problem+json\n", "MARK", false},
        {"content-type: application/problem+json\n", "[\"MARK\"]", false},
        {"", "{\"type\":\"about:blank\",\"detail\":\"MARK\"}", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(acme_answer_release) struct acme_answer a = {0};
        fake_answer(&f, 400, cases[i].headers, cases[i].body);
        struct err *e = post(&f, "/order/1", NULL, &a);
        assert_non_null(e);
        assert_int_equal(strstr(e->message, "MARK") != NULL, cases[i].shown);
        assert_error(e, ERR_INVALID, NULL, NULL);
    }
}

static void hostile_answers_are_survived(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    size_t len = (size_t)1 << 20;
    auto_free char *deep = x_alloc(len);
    memset(deep, '[', len);
    auto_free char *zeros = x_calloc(1, len);
    static const char latin1[] = "{\"status\":\"\xe4\"}";
    static const char twice[] = "{\"status\":\"a\",\"status\":\"b\"}";
    const struct {
        const void *body;
        size_t len;
    } cases[] = {
        {deep, len}, {zeros, len}, {latin1, sizeof(latin1) - 1}, {twice, sizeof(twice) - 1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(acme_answer_release) struct acme_answer a = {0};
        fake_answer_bytes(&f, 200, "", cases[i].body, cases[i].len);
        assert_ok(post(&f, "/order/1", NULL, &a));
        assert_null(a.body);
        fake_answer_bytes(&f, 400, PROBLEM_HEADER, cases[i].body, cases[i].len);
        assert_error(post(&f, "/order/1", NULL, &a), ERR_INVALID, "HTTP400", NULL);
    }
    memset(deep, 'x', len - 1);
    deep[len - 1] = '\0';
    for (int most = 2048; most <= 2049; most++) {
        AUTO(acme_answer_release) struct acme_answer a = {0};
        auto_free char *headers = x_printf("location: %.*s\n", most, deep);
        fake_answer(&f, 200, headers, "{}");
        assert_ok(post(&f, "/order/1", NULL, &a));
        assert_int_equal(a.location != NULL, most == 2048);
    }
}

static void nothing_is_returned_on_failure(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    struct acme_answer a = {.status = 7};
    fake_answer(&f, 500, "location: x\n", "{}");
    assert_error(post(&f, "/order/1", NULL, &a), ERR_TRANSIENT, NULL, NULL);
    assert_int_equal(a.status, 7);
    assert_null(a.location);
}

#define THREADS 4
#define POSTS 40

static void *keep_posting(void *arg)
{
    struct fake_ca *f = arg;
    for (int i = 0; i < POSTS; i++) {
        AUTO(acme_answer_release) struct acme_answer a = {0};
        AUTO_ERR e = acme_post(&f->account, "order", FAKE_HOST "/order/1", NULL, &a);
        if (e != NULL && !str_eq(e->reason, "BadNonce"))
            return arg;
    }
    return NULL;
}

static void no_nonce_is_used_twice_by_many_threads(void **state)
{
    (void)state;
    FAKE_CA f = {.any_post = true, .bad_nonces = 30};
    fake_ca_init(&f);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, keep_posting, &f), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_true(f.posts >= THREADS * POSTS);
    assert_true(f.nonces <= THREADS); /* then answers feed the pool */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_as_rfc_8555_asks),
        cmocka_unit_test(a_location_is_made_absolute),
        cmocka_unit_test(post_as_get_has_an_empty_payload),
        cmocka_unit_test(nothing_is_spent_on_what_is_held_back),
        cmocka_unit_test(without_an_account_url_the_key_is_sent),
        cmocka_unit_test(each_answer_feeds_the_next_request),
        cmocka_unit_test(a_refused_nonce_is_replaced_by_the_refusal_s),
        cmocka_unit_test(retries_are_counted),
        cmocka_unit_test(retries_end_after_20_seconds),
        cmocka_unit_test(a_refusal_without_a_nonce_has_one_fetched),
        cmocka_unit_test(servers_that_bring_no_nonces_work),
        cmocka_unit_test(bad_nonce_with_a_good_status_is_an_answer),
        cmocka_unit_test(other_errors_are_not_repeated),
        cmocka_unit_test(retry_after_has_two_forms),
        cmocka_unit_test(foreign_urls_get_nothing),
        cmocka_unit_test(redirects_are_errors),
        cmocka_unit_test(bodies_are_not_shown_unless_they_are_problems),
        cmocka_unit_test(hostile_answers_are_survived),
        cmocka_unit_test(nothing_is_returned_on_failure),
        cmocka_unit_test(no_nonce_is_used_twice_by_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
