/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "fake_ca.h"

#define ORDER_URL FAKE_HOST "/order/1"
#define LOCATION "location: " ORDER_URL "\n"
#define FINALIZE "\"finalize\":\"" ORDER_URL "/finalize\""

static const struct acme_identifier ids[] = {
    {"dns", "a.test"}, {"dns", "*.b.test"}, {"ip", "2001:db8::1"}};

static const struct acme_order_spec all = {.identifiers = ids, .count = ARRAY_LEN(ids)};
static const struct acme_order_spec one = {.identifiers = ids, .count = 1};
static const struct acme_order_spec profiled = {.identifiers = ids, .count = 1, .profile = "short"};
static const struct acme_order_spec replacing = {
    .identifiers = ids, .count = 1, .replaces = "aYhba4dG.AIdlQyE"};

static void assert_payload(struct fake_ca *f, const char *expected)
{
    auto_free char *text = NULL;
    assert_ok(json_to_string(f->payload, 65536, &text));
    assert_string_equal(text, expected);
}

static void an_order_is_made(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(acme_order_release) struct acme_order o = {0};
    fake_answer(&f, 201, LOCATION "retry-after: 3\n",
                "{\"status\":\"pending\",\"expires\":\"2026-01-02T03:04:05.678Z\"," FINALIZE
                ",\"authorizations\":[\"https://ca.test/authz/1\",\"https://ca.test/authz/2\"]}");
    assert_ok(acme_order_new(&f.account, &all, &o));
    assert_string_equal(f.url, FAKE_HOST "/new-order");
    assert_payload(&f, "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"},"
                       "{\"type\":\"dns\",\"value\":\"*.b.test\"},"
                       "{\"type\":\"ip\",\"value\":\"2001:db8::1\"}]}");
    assert_string_equal(o.url, ORDER_URL);
    assert_string_equal(o.status, "pending");
    assert_string_equal(o.finalize, ORDER_URL "/finalize");
    assert_null(o.certificate);
    assert_null(o.error);
    assert_int_equal(o.authorizations.len, 2);
    assert_string_equal(o.authorizations.items[1], "https://ca.test/authz/2");
    assert_int_equal(o.expires, INT64_C(1767323045678) * NS_PER_MS);
    assert_int_equal(o.retry_at, FAKE_NOW + 3 * NS_PER_SEC);
}

static void the_profile_is_asked_for(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(acme_order_release) struct acme_order o = {0};
    fake_answer(&f, 201, LOCATION, "{\"status\":\"pending\"," FINALIZE "}");
    assert_ok(acme_order_new(&f.account, &profiled, &o));
    assert_payload(&f, "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}],"
                       "\"profile\":\"short\"}");
    assert_int_equal(o.authorizations.len, 0);
}

#define RENEWING                                                                                   \
    "{\"newNonce\":\"" FAKE_HOST "/nonce\",\"newAccount\":\"" FAKE_HOST "/new-acct\","             \
    "\"newOrder\":\"" FAKE_HOST "/new-order\",\"renewalInfo\":\"" FAKE_HOST "/ari\"}"
#define ONE_NAME "\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}]"

/* Only a CA that knows of renewal information is told; another one is not even asked. */
static void what_is_replaced_is_told(void **state)
{
    (void)state;
    FAKE_CA f = {.directory = RENEWING};
    fake_ca_init(&f);
    AUTO(acme_order_release) struct acme_order o = {0};
    fake_answer(&f, 201, LOCATION, "{\"status\":\"pending\"," FINALIZE "}");
    assert_ok(acme_order_new(&f.account, &replacing, &o));
    assert_payload(&f, "{" ONE_NAME ",\"replaces\":\"aYhba4dG.AIdlQyE\"}");
    FAKE_CA plain = {0};
    fake_ca_init(&plain);
    struct acme_order none = {0};
    assert_error(acme_order_new(&plain.account, &replacing, &none), ERR_CONFLICT, "ReplacesRefused",
                 "no renewalInfo");
    assert_int_equal(plain.posts, 0);
}

/* RFC 9773 section 5: alreadyReplaced is no reason not to order. Who orders decides: without it the order is
 * one that rate limits count. */
static void a_refused_replacement_has_its_own_reason(void **state)
{
    (void)state;
    static const struct {
        const char *problem, *says;
    } refusals[] = {{PROBLEM("alreadyReplaced", "by another"), "by another"},
                    {PROBLEM("conflict", "it has an order"), "it has an order"},
                    {PROBLEM("malformed", "no such certificate"), "no such"},
                    {PROBLEM("unauthorized", "of another account"), "of another"}};
    FAKE_CA f = {.directory = RENEWING};
    fake_ca_init(&f);
    struct acme_order none = {0};
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        fake_answer(&f, 409, PROBLEM_HEADER, refusals[i].problem);
        assert_error(acme_order_new(&f.account, &replacing, &none), ERR_CONFLICT, "ReplacesRefused",
                     refusals[i].says);
    }
    fake_answer(&f, 400, PROBLEM_HEADER, PROBLEM("rejectedIdentifier", "policy"));
    assert_error(acme_order_new(&f.account, &replacing, &none), ERR_INVALID, NULL, "policy");
    fake_answer(&f, 403, PROBLEM_HEADER, PROBLEM("unauthorized", "go away"));
    assert_error(acme_order_new(&f.account, &one, &none), ERR_DENIED, "Unauthorized", "go");
    assert_int_equal(f.posts, 6);
}

static void an_order_is_read(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(acme_order_release) struct acme_order o = {0};
    fake_answer(&f, 200, "",
                "{\"status\":\"valid\"," FINALIZE ",\"expires\":\"tomorrow\","
                "\"certificate\":\"https://ca.test/cert/1\"}");
    assert_ok(acme_order_get(&f.account, ORDER_URL, &o));
    assert_null(f.payload);
    assert_string_equal(o.url, ORDER_URL);
    assert_string_equal(o.certificate, "https://ca.test/cert/1");
    assert_int_equal(o.expires, 0);
    assert_int_equal(o.retry_at, 0);
}

static void an_invalid_order_says_why(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(acme_order_release) struct acme_order o = {0};
    fake_answer(&f, 200, "",
                "{\"status\":\"invalid\"," FINALIZE ",\"error\":" PROBLEM("caa", "forbidden") "}");
    assert_ok(acme_order_get(&f.account, ORDER_URL, &o));
    assert_string_equal(o.error, "caa: forbidden");
}

static void finalize_sends_the_csr(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(acme_order_release) struct acme_order o = {0};
    static const unsigned char der[] = {0x30, 0xff, 0xfe, 0x00};
    fake_answer(&f, 200, "retry-after: 5\n", "{\"status\":\"processing\"," FINALIZE "}");
    assert_ok(acme_order_finalize(&f.account, ORDER_URL "/finalize", der, sizeof(der), &o));
    assert_payload(&f, "{\"csr\":\"MP_-AA\"}");
    assert_null(o.url); /* Pebble and Boulder send no Location here */
    assert_string_equal(o.status, "processing");
    assert_int_equal(o.retry_at, FAKE_NOW + 5 * NS_PER_SEC);
    struct acme_order none = {0};
    fake_answer(&f, 403, PROBLEM_HEADER, PROBLEM("orderNotReady", "wait"));
    assert_error(acme_order_finalize(&f.account, ORDER_URL "/finalize", der, sizeof(der), &none),
                 ERR_CONFLICT, "OrderNotReady", "finalize");
    fake_answer(&f, 400, PROBLEM_HEADER, PROBLEM("badCSR", "names differ"));
    assert_error(acme_order_finalize(&f.account, ORDER_URL "/finalize", der, sizeof(der), &none),
                 ERR_INVALID, "BadCSR", "names differ");
    assert_null(none.status);
}

static void broken_orders_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body, *says;
    } cases[] = {
        {"", "status is missing"},
        {"<html>", "status is missing"},
        {"[]", "status is missing"},
        {"{" FINALIZE "}", "status is missing"},
        {"{\"status\":5," FINALIZE "}", "status is missing"},
        {"{\"status\":\"pending\"}", "finalize is missing"},
        {"{\"status\":\"pending\",\"finalize\":\"\"}", "finalize is missing"},
        {"{\"status\":\"pending\"," FINALIZE ",\"authorizations\":[7]}",
         "authorization 0 is not a URL"},
        {"{\"status\":\"pending\"," FINALIZE ",\"authorizations\":[\"\"]}",
         "authorization 0 is not a URL"},
    };
    FAKE_CA f = {0};
    fake_ca_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct acme_order o = {0};
        fake_answer(&f, 200, "", cases[i].body);
        assert_error(acme_order_get(&f.account, ORDER_URL, &o), ERR_TRANSIENT, "InvalidAnswer",
                     cases[i].says);
        assert_null(o.url);
    }
    struct acme_order o = {0};
    fake_answer(&f, 201, "", "{\"status\":\"pending\"," FINALIZE "}");
    assert_error(acme_order_new(&f.account, &one, &o), ERR_TRANSIENT, "InvalidAnswer",
                 "newOrder: the answer has no Location");
}

/* Without its URL another one would be made. */
static void an_order_that_cannot_be_read_has_its_url(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *headers, *body; /* NULL: it does not come */
        const char *url;
    } rows[] = {
        {201, LOCATION, "{\"status\":\"pending\",", ORDER_URL},
        {201, LOCATION, "", ORDER_URL},
        {201, LOCATION, "{\"status\":\"pending\"}", ORDER_URL},
        {201, "location: /order/1\n", NULL, ORDER_URL},
        {201, "", NULL, NULL},
        {200, LOCATION, "<html>", NULL},
        {503, LOCATION, NULL, NULL},
        {201, "location: https://evil.test/order/1\n", "", NULL},
        {201, "location: https://evil.test/order/1\n", NULL, NULL},
    };
    FAKE_CA f = {0};
    fake_ca_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(acme_order_release) struct acme_order o = {0};
        if (rows[i].body != NULL)
            fake_answer(&f, rows[i].status, rows[i].headers, rows[i].body);
        else
            fake_fail_after_head(&f, rows[i].status, rows[i].headers,
                                 err_new(ERR_TRANSIENT, "TooLarge", "the body is"));
        assert_error(acme_order_new(&f.account, &one, &o), ERR_TRANSIENT,
                     rows[i].body != NULL ? "InvalidAnswer" : "TooLarge", "newOrder: ");
        if (!str_eq(o.url, rows[i].url))
            fail_msg("row %zu: %s", i, str_or(o.url, "no URL"));
        assert_null(o.status);
    }
}

static void errors_of_the_server_are_told(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    struct acme_order o = {0};
    fake_answer(&f, 400, PROBLEM_HEADER, PROBLEM("rejectedIdentifier", "policy"));
    assert_error(acme_order_new(&f.account, &one, &o), ERR_INVALID, "RejectedIdentifier",
                 "newOrder " FAKE_HOST "/new-order: HTTP 400: rejectedIdentifier: policy");
    fake_answer(&f, 404, PROBLEM_HEADER, PROBLEM("malformed", "no such order"));
    assert_error(acme_order_get(&f.account, ORDER_URL, &o), ERR_NOT_FOUND, "Malformed",
                 "no such order");
    assert_error(acme_order_get(&f.account, "https://evil.test/order/1", &o), ERR_DENIED,
                 "ForeignURL", NULL);
    assert_null(o.url);
}

static void without_a_directory_nothing_is_ordered(void **state)
{
    (void)state;
    FAKE_CA f = {.directory = ""};
    fake_ca_init(&f);
    struct acme_order o = {0};
    fake_answer(&f, 503, "", "");
    assert_error(acme_order_new(&f.account, &one, &o), ERR_TRANSIENT, "HTTP503", "directory");
    assert_int_equal(f.directories, 1);
    assert_int_equal(f.posts, 0);
}

static char *order_with(size_t authorizations, size_t url_len)
{
    AUTO(buf_release) struct buf b = BUF_INIT(4 << 20);
    auto_free char *url = x_alloc(url_len + 1);
    memset(url, 'a', url_len);
    url[url_len] = '\0';
    buf_puts(&b, "{\"status\":\"pending\"," FINALIZE ",\"authorizations\":[");
    for (size_t i = 0; i < authorizations; i++)
        buf_putf(&b, "%s\"%s\"", i > 0 ? "," : "", url);
    buf_puts(&b, "]}");
    return buf_take(&b);
}

static void orders_are_bounded(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    auto_free char *most = order_with(ACME_AUTHORIZATIONS_MAX, 30);
    auto_free char *longest_url = order_with(1, 2048);
    auto_free char *too_many = order_with(ACME_AUTHORIZATIONS_MAX + 1, 30);
    auto_free char *long_url = order_with(1, 2049);
    AUTO(acme_order_release) struct acme_order o = {0};
    fake_answer(&f, 200, "", most);
    assert_ok(acme_order_get(&f.account, ORDER_URL, &o));
    assert_int_equal(o.authorizations.len, 1000);
    AUTO(acme_order_release) struct acme_order longest = {0};
    fake_answer(&f, 200, "", longest_url);
    assert_ok(acme_order_get(&f.account, ORDER_URL, &longest));
    assert_int_equal(strlen(longest.authorizations.items[0]), 2048);
    struct acme_order none = {0};
    fake_answer(&f, 200, "", too_many);
    assert_error(acme_order_get(&f.account, ORDER_URL, &none), ERR_TRANSIENT, "InvalidAnswer",
                 "1001 authorizations");
    fake_answer(&f, 200, "", long_url);
    assert_error(acme_order_get(&f.account, ORDER_URL, &none), ERR_TRANSIENT, "InvalidAnswer",
                 "not a URL");
    auto_free char *text = x_strndup(strstr(long_url, "aaaa"), 2049);
    auto_free char *body =
        x_printf("{\"status\":\"valid\"," FINALIZE ",\"certificate\":\"%s\"}", text);
    fake_answer(&f, 200, "", body);
    assert_error(acme_order_get(&f.account, ORDER_URL, &none), ERR_TRANSIENT, "InvalidAnswer",
                 "certificate has over 2048 bytes");
}

#define PEM "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"

static void a_certificate_is_downloaded(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    auto_free char *pem = NULL;
    fake_answer(&f, 200, "content-type: application/pem-certificate-chain\n", PEM PEM);
    assert_ok(acme_certificate_get(&f.account, FAKE_HOST "/cert/1", &pem, NULL));
    assert_string_equal(pem, PEM PEM);
    assert_string_equal(f.accept, "application/pem-certificate-chain");
    assert_int_equal(f.max_body, 95000);
    assert_null(f.payload);
}

/* Section 7.4.2: several, in one header or more, relative ones too; no more than make sense. */
static void other_chains_are_named(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(strlist_release) struct strlist others = {0};
    auto_free char *pem = NULL;
    fake_answer(&f, 200,
                "link: <" FAKE_HOST "/dir>;rel=\"index\", </cert/1/1>; rel=\"alternate\"\n"
                "link: <" FAKE_HOST "/cert/1/2>;rel=alternate\n",
                PEM);
    assert_ok(acme_certificate_get(&f.account, FAKE_HOST "/cert/1", &pem, &others));
    assert_int_equal(others.len, 2);
    assert_string_equal(others.items[0], FAKE_HOST "/cert/1/1");
    assert_string_equal(others.items[1], FAKE_HOST "/cert/1/2");
    AUTO(strlist_release) struct strlist many = {0};
    auto_free char *again = NULL;
    struct buf headers = BUF_INIT(65536);
    for (int i = 0; i < 20; i++)
        buf_putf(&headers, "link: </c/%d>;rel=alternate\n", i);
    fake_answer(&f, 200, buf_str(&headers), PEM);
    assert_ok(acme_certificate_get(&f.account, FAKE_HOST "/cert/1", &again, &many));
    assert_int_equal(many.len, ACME_ALTERNATES_MAX);
    buf_release(&headers);
}

static void what_is_no_certificate_is_refused(void **state)
{
    (void)state;
    static const char with_nul[] = PEM "\0" PEM;
    static const struct {
        const char *body;
        size_t len;
    } cases[] = {
        {"", 0},
        {"{}", 2},
        {"<html>", 6},
        {"-----BEGIN PRIVATE KEY-----\n", 28},
        {with_nul, sizeof(with_nul) - 1},
    };
    FAKE_CA f = {0};
    fake_ca_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *pem = NULL;
        fake_answer_bytes(&f, 200, "", cases[i].body, cases[i].len);
        assert_error(acme_certificate_get(&f.account, FAKE_HOST "/cert/1", &pem, NULL),
                     ERR_TRANSIENT, "InvalidAnswer", "certificate");
        assert_null(pem);
    }
    char *pem = NULL;
    fake_answer(&f, 404, PROBLEM_HEADER, PROBLEM("malformed", "gone"));
    assert_error(acme_certificate_get(&f.account, FAKE_HOST "/cert/1", &pem, NULL), ERR_NOT_FOUND,
                 NULL, "gone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_is_made),
        cmocka_unit_test(the_profile_is_asked_for),
        cmocka_unit_test(what_is_replaced_is_told),
        cmocka_unit_test(a_refused_replacement_has_its_own_reason),
        cmocka_unit_test(an_order_is_read),
        cmocka_unit_test(an_invalid_order_says_why),
        cmocka_unit_test(finalize_sends_the_csr),
        cmocka_unit_test(broken_orders_are_refused),
        cmocka_unit_test(an_order_that_cannot_be_read_has_its_url),
        cmocka_unit_test(errors_of_the_server_are_told),
        cmocka_unit_test(without_a_directory_nothing_is_ordered),
        cmocka_unit_test(orders_are_bounded),
        cmocka_unit_test(a_certificate_is_downloaded),
        cmocka_unit_test(other_chains_are_named),
        cmocka_unit_test(what_is_no_certificate_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
