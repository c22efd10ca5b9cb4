/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/problem.h"

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

#define URN "urn:ietf:params:acme:error:"

static struct err *refused(int status, const json_t *body)
{
    return acme_problem_error(
        &(struct acme_refusal){"order", "https://ca.test/o", status, body, true, NULL, 0});
}

static struct err *error_of(int status, const char *type, int64_t retry_at)
{
    auto_free char *urn = x_printf(URN "%s", type);
    json_auto_t *body = json_build("{s:s,s:s}", "type", urn, "detail", "because");
    return acme_problem_error(&(struct acme_refusal){"newOrder", "https://ca.test/new-order",
                                                     status, body, true, NULL, retry_at});
}

/* RFC 8555 section 6.7 in full, then RFC 9773 and the profiles draft. */
static const struct {
    const char *type;
    int status;
    enum err_kind kind;
    const char *reason;
    const char *next; /* what to do, at the end of the message */
} documented[] = {
    {"accountDoesNotExist", 400, ERR_DENIED, "AccountDoesNotExist", "registered again"},
    {"alreadyRevoked", 400, ERR_CONFLICT, "AlreadyRevoked", "nothing is left"},
    {"badCSR", 400, ERR_INVALID, "BadCSR", "Certificate's key"},
    {"badNonce", 400, ERR_TRANSIENT, "BadNonce", "tried again"},
    {"badPublicKey", 400, ERR_INVALID, "BadPublicKey", "another algorithm"},
    {"badRevocationReason", 400, ERR_INVALID, "BadRevocationReason", "a reason that"},
    {"badSignatureAlgorithm", 400, ERR_INVALID, "BadSignatureAlgorithm", "an account key for"},
    {"caa", 403, ERR_DENIED, "Caa", "CAA record"},
    {"compound", 400, ERR_INVALID, "Compound", NULL},
    {"compound", 403, ERR_DENIED, "Compound", NULL},
    {"connection", 400, ERR_TRANSIENT, "Connection", "port 80"},
    {"dns", 400, ERR_TRANSIENT, "Dns", "DNS records"},
    {"externalAccountRequired", 403, ERR_DENIED, "ExternalAccountRequired",
     "spec.acme.externalAccountBinding"},
    {"incorrectResponse", 403, ERR_TRANSIENT, "IncorrectResponse", "in place of the solver"},
    {"invalidContact", 400, ERR_INVALID, "InvalidContact", "spec.acme.email"},
    {"malformed", 400, ERR_INVALID, "Malformed", NULL},
    {"malformed", 404, ERR_NOT_FOUND, "Malformed", NULL},
    {"orderNotReady", 403, ERR_CONFLICT, "OrderNotReady", "read again"},
    {"rateLimited", 429, ERR_RATE_LIMITED, "RateLimited", "when the CA allows"},
    {"rateLimited", 403, ERR_RATE_LIMITED, "RateLimited", "when the CA allows"},
    {"rateLimited", 503, ERR_RATE_LIMITED, "RateLimited", "when the CA allows"},
    {"rejectedIdentifier", 400, ERR_INVALID, "RejectedIdentifier", "remove the name"},
    {"serverInternal", 500, ERR_TRANSIENT, "ServerInternal", "tried again"},
    {"serverInternal", 400, ERR_TRANSIENT, "ServerInternal", "tried again"},
    {"tls", 400, ERR_TRANSIENT, "Tls", "correct the TLS"},
    {"unauthorized", 403, ERR_DENIED, "Unauthorized", NULL},
    {"unauthorized", 404, ERR_DENIED, "Unauthorized", NULL},
    {"unsupportedContact", 400, ERR_INVALID, "UnsupportedContact", "spec.acme.email"},
    {"unsupportedIdentifier", 400, ERR_INVALID, "UnsupportedIdentifier", "use a CA that"},
    {"userActionRequired", 403, ERR_DENIED, "UserActionRequired", "do there"},
    {"alreadyReplaced", 409, ERR_CONFLICT, "AlreadyReplaced", "without replacing"},
    {"invalidProfile", 400, ERR_INVALID, "InvalidProfile", "choose a profile"},
    {"aTypeOfFortyBytesThatNobodyWouldEvenUseX", 400, ERR_INVALID,
     "ATypeOfFortyBytesThatNobodyWouldEvenUseX", NULL},
    {"zero", 400, ERR_INVALID, "Zero", NULL},
    {"somethingNew", 400, ERR_INVALID, "SomethingNew", NULL},
    {"somethingNew", 403, ERR_DENIED, "SomethingNew", NULL},
    {"somethingNew", 503, ERR_TRANSIENT, "SomethingNew", NULL},
    /* Nobody would hear of a conflict. */
    {"conflict", 409, ERR_TRANSIENT, "Conflict", NULL},
    {"malformed", 409, ERR_TRANSIENT, "Malformed", NULL},
    {"compound", 409, ERR_TRANSIENT, "Compound", NULL},
};

static void each_type_has_its_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(documented); i++) {
        auto_free char *says = x_printf("newOrder https://ca.test/new-order: HTTP %d: %s: because",
                                        documented[i].status, documented[i].type);
        struct err *e = error_of(documented[i].status, documented[i].type, 42);
        assert_int_equal(e->http_status, documented[i].status);
        assert_int_equal(e->retry_at, 42);
        const char *next = strstr(e->message, "because; ");
        assert_true(documented[i].next == NULL ? next == NULL : next != NULL);
        assert_true(next == NULL || strstr(next, documented[i].next) != NULL);
        assert_error(e, documented[i].kind, documented[i].reason, says);
    }
}

static void no_type_makes_429_and_5xx_final(void **state)
{
    (void)state;
    static const char *const types[] = {"malformed",          "badCSR",       "unauthorized", "caa",
                                        "rejectedIdentifier", "orderNotReady"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        assert_error(error_of(429, types[i], 0), ERR_RATE_LIMITED, NULL, NULL);
        assert_error(error_of(500, types[i], 0), ERR_TRANSIENT, NULL, NULL);
        assert_error(error_of(599, types[i], 0), ERR_TRANSIENT, NULL, NULL);
    }
}

static void without_a_document_the_status_decides(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum err_kind kind;
        const char *reason;
    } cases[] = {
        {301, ERR_TRANSIENT, "HTTP301"},    {400, ERR_INVALID, "HTTP400"},
        {401, ERR_DENIED, "HTTP401"},       {403, ERR_DENIED, "HTTP403"},
        {404, ERR_NOT_FOUND, "HTTP404"},    {405, ERR_INVALID, "HTTP405"},
        {408, ERR_TRANSIENT, "HTTP408"},    {409, ERR_TRANSIENT, "HTTP409"},
        {415, ERR_INVALID, "HTTP415"},      {425, ERR_TRANSIENT, "HTTP425"},
        {429, ERR_RATE_LIMITED, "HTTP429"}, {500, ERR_TRANSIENT, "HTTP500"},
        {502, ERR_TRANSIENT, "HTTP502"},    {503, ERR_TRANSIENT, "HTTP503"},
        {999, ERR_TRANSIENT, "HTTP999"},    {0, ERR_TRANSIENT, "HTTP0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_error(refused(cases[i].status, NULL), cases[i].kind, cases[i].reason,
                     "order https://ca.test/o: HTTP ");
}

/* Web application firewalls, ingresses without a backend, captive portals: they know nothing of the
 * order. A nonce or a problem document shows that the CA has said it. */
static void what_may_not_be_the_cas_word_is_not_final(void **state)
{
    (void)state;
    static const int statuses[] = {400, 401, 403, 404, 405, 407, 409, 410, 413, 418, 451};
    struct acme_refusal r = {.action = "order", .url = "https://ca.test/o"};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        r.status = statuses[i];
        assert_error(acme_problem_error(&r), ERR_TRANSIENT, NULL, "is this the CA that answers");
    }
    r.status = 429;
    assert_error(acme_problem_error(&r), ERR_RATE_LIMITED, "HTTP429", NULL);
    r.status = 404;
    json_auto_t *body = json_build("{s:s}", "detail", "gone");
    r.body = body;
    assert_error(acme_problem_error(&r), ERR_NOT_FOUND, "HTTP404", "gone");
}

/* The gravest part decides: what will not pass by itself makes the whole final. */
static void a_compound_is_as_grave_as_its_parts(void **state)
{
    (void)state;
    static const struct {
        const char *parts;
        enum err_kind kind;
    } rows[] = {
        {"{\"type\":\"" URN "dns\"},{\"type\":\"" URN "connection\"}", ERR_TRANSIENT},
        {"{\"type\":\"" URN "dns\"},{\"type\":\"" URN "caa\"}", ERR_DENIED},
        {"{\"type\":\"" URN "rejectedIdentifier\"},{\"type\":\"" URN "dns\"}", ERR_INVALID},
        {"{\"type\":\"" URN "rateLimited\"}", ERR_RATE_LIMITED},
        {"{\"type\":\"" URN "dns\"},{\"type\":\"" URN "new\"}", ERR_INVALID},
        {"7", ERR_INVALID},
        {"", ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *text =
            x_printf("{\"type\":\"" URN "compound\",\"subproblems\":[%s]}", rows[i].parts);
        json_auto_t *body = NULL;
        assert_ok(json_parse(text, strlen(text), &body));
        assert_error(refused(400, body), rows[i].kind, "Compound", NULL);
    }
}

static void headers_say_where_to_read_on(void **state)
{
    (void)state;
    AUTO(acme_links_release) struct acme_links links = {0};
    acme_links_add(&links, "https://ca.test/o",
                   "</terms>;rel=\"terms-of-service\", </docs/limits>;rel=\"help\"");
    json_auto_t *action = json_build("{s:s,s:s}", "type", URN "userActionRequired", "instance",
                                     "https://ca.test/agree");
    struct acme_refusal r = {"order", "https://ca.test/o", 403, action, true, &links, 0};
    assert_error(acme_problem_error(&r), ERR_DENIED, "UserActionRequired",
                 "see https://ca.test/agree; terms of service: https://ca.test/terms; help: "
                 "https://ca.test/docs/limits; do there what the CA asks for");
    json_auto_t *limit = json_build("{s:s}", "type", URN "rateLimited");
    r.body = limit;
    r.status = 429;
    assert_error(acme_problem_error(&r), ERR_RATE_LIMITED, "RateLimited",
                 "HTTP 429: rateLimited; help: https://ca.test/docs/limits; it is tried again");
}

static void foreign_types_give_no_reason(void **state)
{
    (void)state;
    static const char *const types[] = {
        "about:blank",
        "https://ca.test/errors/badCSR",
        "urn:ietf:params:acme:errorbadCSR",
        URN,
        URN "bad csr",
        URN "bad/../CSR",
        URN "bad\nCSR",
        "badCSR",
        URN "8bit",
        URN "aTypeOfFortyOneBytesThatNobodyWouldEvrUse",
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        json_auto_t *body = json_build("{s:s,s:s}", "type", types[i], "title", "no");
        assert_error(refused(403, body), ERR_DENIED, "HTTP403", "HTTP 403: no");
    }
    json_auto_t *number = json_build("{s:i,s:i}", "type", 7, "detail", 7);
    assert_error(refused(400, number), ERR_INVALID, "HTTP400", "no problem document");
}

static void types_are_told_apart(void **state)
{
    (void)state;
    json_auto_t *body = json_build("{s:s}", "type", URN "badNonce");
    assert_true(acme_problem_is(body, "badNonce"));
    assert_false(acme_problem_is(body, "badNonc"));
    assert_false(acme_problem_is(body, "badCSR"));
    json_auto_t *bare = json_build("{s:s}", "type", "badNonce");
    assert_false(acme_problem_is(bare, "badNonce"));
    assert_false(acme_problem_is(NULL, "badNonce"));
    json_auto_t *list = json_build("[s]", URN "badNonce");
    assert_false(acme_problem_is(list, "badNonce"));
}

static void assert_text(const char *problem, const char *expected)
{
    json_auto_t *value = NULL;
    assert_ok(json_parse(problem, strlen(problem), &value));
    auto_free char *text = acme_problem_text(value);
    if (expected == NULL)
        assert_null(text);
    else
        assert_string_equal(str_or(text, "(NULL)"), expected);
}

static void texts_are_one_line_for_people(void **state)
{
    (void)state;
    assert_null(acme_problem_text(NULL));
    assert_text("{}", NULL);
    assert_text("[]", NULL);
    assert_text("null", NULL);
    assert_text("\"text\"", NULL);
    assert_text("{\"status\":400}", NULL);
    assert_text("{\"type\":\"" URN "caa\"}", "caa");
    assert_text("{\"type\":\"" URN "caa\",\"detail\":\"While processing\"}",
                "caa: While processing");
    assert_text("{\"type\":\"" URN "caa\",\"title\":\"Title\"}", "caa: Title");
    assert_text("{\"title\":\"Title\",\"detail\":\"Detail\"}", "Detail");
    assert_text("{\"detail\":\"a\\nb\\u001b[31m\\u0085\"}", "a?b?[31m??");
    assert_text("{\"type\":\"" URN "userActionRequired\",\"detail\":\"New terms\","
                "\"instance\":\"https://ca.test/terms\"}",
                "userActionRequired: New terms; see https://ca.test/terms");
    assert_text("{\"type\":\"" URN "badSignatureAlgorithm\",\"detail\":\"No\","
                "\"algorithms\":[\"ES256\",\"RS256\",7]}",
                "badSignatureAlgorithm: No; it takes ES256, RS256");
    assert_text("{\"type\":\"" URN "caa\",\"instance\":\"https://ca.test/terms\"}", "caa");
}

static void subproblems_name_their_identifiers(void **state)
{
    (void)state;
    assert_text("{\"type\":\"" URN "malformed\",\"detail\":\"Some refused\",\"subproblems\":["
                "{\"type\":\"" URN "caa\",\"detail\":\"no\","
                "\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"}},"
                "{\"type\":\"" URN "dns\",\"identifier\":{\"type\":\"dns\",\"value\":\"b.test\"}},"
                "{\"detail\":\"what\"}]}",
                "malformed: Some refused (a.test: caa: no; b.test: dns; no identifier: what)");
    assert_text("{\"subproblems\":[{\"detail\":\"no\"}]}", "(no identifier: no)");
    assert_text("{\"detail\":\"x\",\"subproblems\":7}", "x");
    assert_text("{\"detail\":\"x\",\"subproblems\":[7,null]}", "x (no identifier; no identifier)");
    assert_text("{\"detail\":\"x\",\"subproblems\":[1,2,3,4,5,6,7,8,9,10,11,12]}",
                "x (no identifier; no identifier; no identifier; no identifier; no identifier; "
                "no identifier; no identifier; no identifier; no identifier; no identifier; and 2 "
                "more)");
}

static char *repeated(const char *s, size_t times)
{
    AUTO(buf_release) struct buf b = BUF_INIT(1 << 20);
    for (size_t i = 0; i < times; i++)
        buf_puts(&b, s);
    return buf_take(&b);
}

static void texts_are_bounded(void **state)
{
    (void)state;
    auto_free char *huge = repeated("\xe2\x82\xac", 100000);
    json_t *subproblems = json_new_array();
    for (int i = 0; i < 50; i++)
        json_push(subproblems,
                  json_build("{s:s,s:{s:s}}", "detail", huge, "identifier", "value", huge));
    json_auto_t *body = json_build("{s:s,s:s,s:o}", "type", URN "userActionRequired", "instance",
                                   huge, "subproblems", subproblems);
    auto_free char *text = acme_problem_text(body);
    assert_true(strlen(text) <= 1024);
    assert_true(strlen(text) > 1000);
    assert_null(strchr(text, '?')); /* cut between characters */
    struct err *e =
        acme_problem_error(&(struct acme_refusal){"newOrder", huge, 400, body, true, NULL, 0});
    assert_true(strlen(e->message) < 1500);
    err_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_its_kind),
        cmocka_unit_test(no_type_makes_429_and_5xx_final),
        cmocka_unit_test(without_a_document_the_status_decides),
        cmocka_unit_test(what_may_not_be_the_cas_word_is_not_final),
        cmocka_unit_test(a_compound_is_as_grave_as_its_parts),
        cmocka_unit_test(headers_say_where_to_read_on),
        cmocka_unit_test(foreign_types_give_no_reason),
        cmocka_unit_test(types_are_told_apart),
        cmocka_unit_test(texts_are_one_line_for_people),
        cmocka_unit_test(subproblems_name_their_identifiers),
        cmocka_unit_test(texts_are_bounded),
    };
    json_room_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
