/* SPDX-License-Identifier: Apache-2.0 */
/* `preflight`: what is asked of whom, what is reported, and that nothing is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "api/group.h"
#include "api/order.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli_fixture.h"
#include "objects.h"
#include "pki/key.h"
#include "support/tls_identity.h"

#define APPROVED COND("Approved", "True", "certroll.dev", "fine")
/* A key of its own for each trial: of RSA they would take most of the time of these tests. */
#define BY_STAGING                                                                                 \
    "\"name\":\"le\"},\"privateKey\":{\"algorithm\":\"ECDSA\"},\"preflight\":{\"issuerRef\":{"     \
    "\"name\":"                                                                                    \
    "\"staging\"}"

static struct fixture fixture;
static struct tls_identity ca;

static int setup(void **state)
{
    fixture_init(&fixture);
    fixture_put(&fixture, CRT_PATH("web"), 200, CRT("web", BY_STAGING, "", ""));
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    fixture_release(*state);
    return 0;
}

/* ---- the world ---- */

/* The request that was made, with this status. */
static void answer_request(struct fixture *f, const char *status)
{
    auto_free char *object = NULL;
    assert_null(json_to_string(f->post, 1 << 20, &object));
    object[strlen(object) - 1] = '\0';
    auto_free char *body = x_printf("%s,\"status\":{%s}}", object, status);
    fixture_put(f, f->made, 200, body);
}

static void put_order(struct fixture *f, const char *status)
{
    const char *request = JSTR(f->post, "metadata", "name");
    char name[KUBE_NAME_MAX + 1];
    order_name(&(struct object_meta){.name = (char *)(uintptr_t)request, .uid = "made"}, name);
    auto_free char *path = x_printf(ORDERS_PATH "/%s", name);
    auto_free char *body = x_printf("{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"uid\":"
                                    "\"order-web-1-o\"},\"spec\":{\"request\":\"x\",\"issuerRef\":{"
                                    "\"name\":\"staging\"}},\"status\":{%s}}",
                                    name, status);
    fixture_put(f, path, 200, body);
}

static void issue(struct fixture *f, const char *san)
{
    const char *request = JSTR(f->post, "spec", "request");
    auto_free char *csr = NULL;
    size_t len = 0;
    assert_null(base64_decode(request, strlen(request), &csr, &len));
    auto_free char *pem = tls_identity_sign(&ca, csr, san);
    auto_free char *data = base64_encode(pem, strlen(pem));
    auto_free char *status = x_printf(
        "\"conditions\":[" APPROVED "," COND("Ready", "True", "Issued", "done") "],\"certificate\":"
                                                                                "\"%s\"",
        data);
    answer_request(f, status);
}

static void issue_step_by_step(struct fixture *f)
{
    switch (f->pauses) {
    case 2: /* 1 is before the beginning */
        answer_request(f, "\"conditions\":[" APPROVED "]");
        break;
    case 3:
        put_order(f, "\"url\":\"https://ca/order/1\",\"state\":\"pending\"");
        fixture_list(f, CHALLENGES_PATH, CHALLENGE("c", "web.example.com", ""));
        break;
    case 4:
        fixture_list(f, CHALLENGES_PATH,
                     CHALLENGE("c", "web.example.com",
                               "\"state\":\"pending\",\"reason\":\"nobody \\u001b answers\""));
        break;
    case 5:
        put_order(f, "\"url\":\"https://ca/order/1\",\"state\":\"valid\"");
        fixture_list(f, CHALLENGES_PATH, "");
        issue(f, "DNS:web.example.com");
        break;
    }
}

static void issue_at_once(struct fixture *f)
{
    if (f->post != NULL)
        issue(f, "DNS:web.example.com");
}

static void issue_for_another_name(struct fixture *f)
{
    if (f->post != NULL)
        issue(f, "DNS:other.example.com");
}

static void refuse(struct fixture *f)
{
    if (f->post != NULL)
        answer_request(f, "\"conditions\":[" COND("Ready", "False", "Failed", "not yours") "]");
}

static void lose(struct fixture *f)
{
    if (f->made != NULL)
        fixture_put(f, f->made, 404, "{\"reason\":\"NotFound\"}");
}

static void expect_failed(struct fixture *f, const char *text)
{
    assert_null(fixture_run(f, &verb_preflight, ARGS("web")));
    assert_int_equal(f->cli.code, 1);
    fixture_has(f, text);
    fixture_has(f, "\n0 passed, 1 failed\n");
}

/* ---- the tests ---- */

static void test_arguments(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *issuer;
        bool good;
    } rows[] = {
        {NULL, true},       {"staging", true}, {"ClusterIssuer/x", true}, {"clusterissuer/x", true},
        {"Issuer/x", true}, {"", true},        {"Secret/x", false},       {"/x", false},
        {"Issuer/", false}, {"a/b/c", false},  {"../x", false},           {"Issuer/x/y", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        f->cli.flags.issuer = (char *)(uintptr_t)rows[i].issuer;
        AUTO_ERR e = fixture_check(f, &verb_preflight, ARGS("web"));
        f->cli.flags.dry_run = true;
        AUTO_ERR renew = fixture_check(f, &verb_renew, ARGS("web"));
        f->cli.flags.dry_run = false;
        if ((e == NULL) != rows[i].good || (renew == NULL) != rows[i].good)
            fail_msg("--issuer \"%s\"", rows[i].issuer);
    }
    f->cli.flags.issuer = NULL;
    AUTO_ERR none = fixture_check(f, &verb_preflight, ARGS());
    assert_true(err_is(none, ERR_INVALID));
}

static void test_each_step_is_reported(void **state)
{
    struct fixture *f = *state;
    f->happen = issue_step_by_step;
    assert_null(fixture_run(f, &verb_preflight, ARGS("web")));
    assert_int_equal(f->cli.code, 0);
    assert_string_equal(buf_str(&f->cli.complaints), "");
    const char *at = buf_str(&f->cli.out);
    static const char *const lines[] = {
        "ns/web: asks Issuer staging by CertificateRequest web-preflight-",
        "ns/web: the request is approved\n",
        "ns/web: order https://ca/order/1 is placed\n",
        "ns/web: web.example.com: HTTP-01 is pending\n",
        "ns/web: web.example.com: HTTP-01 is pending: nobody ? answers\n",
        "ns/web: the order is valid\n",
        "ns/web: issued by CN=test CA; valid until 2100-01-01T00:00:00Z",
        "ns/web: checked: names, dates, key, chain and a TLS handshake\n",
        "ns/web: passed\n",
        "PASSED   ns ",
        "1 passed, 0 failed\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        const char *found = strstr(at, lines[i]);
        if (found == NULL)
            fail_msg("\"%s\" is not in, or not in that place of:\n%s", lines[i],
                     buf_str(&f->cli.out));
        at = found + strlen(lines[i]);
    }
    assert_int_equal(f->secret_reads, 0);
    assert_int_equal(f->patches, 0);
}

/* It is nobody's attempt, goes with the Certificate, and is deleted as what it is. */
static void test_the_request(void **state)
{
    struct fixture *f = *state;
    f->happen = issue_at_once;
    assert_null(fixture_run(f, &verb_preflight, ARGS("web")));
    const json_t *meta = JGET(f->post, "metadata");
    assert_string_equal(JSTR(f->post, "kind"), "CertificateRequest");
    assert_string_equal(JSTR(meta, "annotations", API_PREFLIGHT), "command");
    assert_int_equal(json_count(JGET(meta, "annotations")), 2); /* no revision */
    assert_string_equal(JSTR(meta, "ownerReferences", "0", "uid"), "crt-web");
    assert_null(JGET(meta, "ownerReferences", "0", "blockOwnerDeletion"));
    assert_string_equal(JSTR(f->post, "spec", "issuerRef", "name"), "staging");
    assert_int_equal(f->posts, 1);
    assert_int_equal(f->deletes, 1);
    assert_string_equal(f->deleted, f->made);
    assert_string_equal(JSTR(f->precondition, "preconditions", "uid"), "made");
}

static void test_the_issuer_of_the_flag(void **state)
{
    struct fixture *f = *state;
    static char issuer[] = "ClusterIssuer/other";
    f->happen = issue_at_once;
    f->cli.flags.issuer = issuer;
    assert_null(fixture_run(f, &verb_preflight, ARGS("web")));
    assert_int_equal(f->cli.code, 0);
    assert_string_equal(JSTR(f->post, "spec", "issuerRef", "kind"), "ClusterIssuer");
    assert_string_equal(JSTR(f->post, "spec", "issuerRef", "name"), "other");
    /* The real one, when the user says so. */
    static char real[] = "le";
    f->cli.flags.issuer = real;
    assert_null(fixture_run(f, &verb_preflight, ARGS("web")));
    assert_int_equal(f->cli.code, 0);
    assert_string_equal(JSTR(f->post, "spec", "issuerRef", "name"), "le");
}

static void test_no_issuer_is_guessed(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, CRT_PATH("web"), 200, CRT("web", BY_LE, "", ""));
    expect_failed(f, "it names no spec.preflight.issuerRef: write --issuer");
    fixture_put(f, CRT_PATH("web"), 200,
                CRT("web", BY_LE "},\"preflight\":{\"issuerRef\":{" BY_LE "}", "", ""));
    expect_failed(f, "spec.preflight.issuerRef is the real issuer");
    assert_int_equal(f->posts, 0);
    assert_int_equal(f->deletes, 0);
}

#define AT(server)                                                                                 \
    "\"spec\":{\"acme\":{\"server\":\"" server "\",\"privateKeySecretRef\":{\"name\":\"k\"}}}}"
#define LE "https://acme.example/dir"

/* What they are called, and whose key they have, does not make them two. */
static void test_two_issuers_of_one_ca(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int le, staging; /* how the API server answers */
        const char *server;
        bool asked;
    } rows[] = {
        {200, 200, LE, false}, {200, 200, "https://staging.example/dir", true},
        {403, 200, LE, true}, /* not for the user to read */
        {200, 403, LE, true},  {200, 500, LE, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *staging =
            x_printf("{" META("staging", "s", "") "," AT("%s"), rows[i].server);
        fixture_put(f, ISSUER_PATH("le"), rows[i].le, "{" META("le", "l", "") "," AT(LE));
        fixture_put(f, ISSUER_PATH("staging"), rows[i].staging, staging);
        size_t posts = f->posts;
        f->happen = refuse;
        assert_null(fixture_run(f, &verb_preflight, ARGS("web")));
        assert_int_equal(f->posts - posts, rows[i].asked);
        if (i == 0)
            fixture_has(f, "Issuer staging has the server of the real issuer, " LE);
    }
    static char issuer[] = "staging"; /* who says so means it */
    f->cli.flags.issuer = issuer;
    size_t posts = f->posts;
    assert_null(fixture_run(f, &verb_preflight, ARGS("web")));
    assert_int_equal(f->posts - posts, 1);
}

static void test_a_refusal(void **state)
{
    struct fixture *f = *state;
    f->happen = refuse;
    expect_failed(f, "ns/web: failed: not yours\n");
    assert_int_equal(f->deletes, 1);
}

static void test_a_wrong_certificate(void **state)
{
    struct fixture *f = *state;
    f->happen = issue_for_another_name;
    expect_failed(f, "ns/web: failed: ");
    fixture_lacks(f, "checked: names");
    assert_int_equal(f->deletes, 1);
}

static void test_the_request_may_not_be_made(void **state)
{
    struct fixture *f = *state;
    f->post_status = 403;
    expect_failed(f, "403 Forbidden");
    assert_int_equal(f->deletes, 0);
    /* Nobody knows whether it was made. */
    f->post_status = 500;
    expect_failed(f, "500");
    assert_int_equal(f->deletes, 1);
    assert_null(JGET(f->precondition, "preconditions"));
}

static void test_the_request_was_deleted(void **state)
{
    struct fixture *f = *state;
    f->happen = lose;
    expect_failed(f, "not found");
}

static void test_time_is_up(void **state)
{
    struct fixture *f = *state;
    f->cli.flags.timeout = NS_PER_MIN;
    expect_failed(f, "no answer after 1 min, it waits for: the controller to look at the request");
    assert_int_equal(f->deletes, 1);
    assert_true(f->pauses < 40); /* asked less and less often */
}

static void test_an_interrupt_cleans_up(void **state)
{
    struct fixture *f = *state;
    f->interrupted_at = 3;
    expect_failed(f, "ns/web: failed: ended before its time: Interrupt\n");
    assert_int_equal(f->posts, 1);
    assert_int_equal(f->deletes, 1);
}

static void test_at_most_eight_at_once(void **state)
{
    struct fixture *f = *state;
    struct buf all = BUF_INIT(1 << 16);
    for (int i = 0; i < 20; i++)
        buf_putf(&all, "%s" CRT("a", BY_STAGING, "", ""), i > 0 ? "," : "");
    fixture_list(f, CRDS "/namespaces/ns/certificates", buf_str(&all));
    buf_release(&all);
    f->cli.flags.all = true;
    f->interrupted_at = 4;
    assert_null(fixture_run(f, &verb_preflight, ARGS()));
    assert_int_equal(f->posts, 8);
    assert_int_equal(f->deletes, 8);
    fixture_has(f, "\n0 passed, 20 failed\n");
}

static void test_one_that_fails_keeps_no_other(void **state)
{
    struct fixture *f = *state;
    fixture_list(f, CRDS "/namespaces/ns/certificates",
                 CRT("a", BY_LE, "", "") "," CRT("b", BY_STAGING, "", ""));
    f->cli.flags.all = true;
    f->happen = issue_for_another_name;
    assert_null(fixture_run(f, &verb_preflight, ARGS()));
    fixture_has(f, "FAILED   ns          a ");
    fixture_has(f, "\n0 passed, 2 failed\n");
    assert_int_equal(f->posts, 1);
}

static void test_one_that_is_absent(void **state)
{
    struct fixture *f = *state;
    f->happen = issue_at_once;
    assert_null(fixture_run(f, &verb_preflight, ARGS("nope", "web")));
    assert_int_equal(f->cli.code, 1);
    assert_non_null(strstr(buf_str(&f->cli.complaints), "ns/nope not found"));
    fixture_has(f, "\n1 passed, 0 failed\n");
}

static void test_a_dry_renewal_is_the_same(void **state)
{
    struct fixture *f = *state;
    f->happen = issue_at_once;
    f->cli.flags.dry_run = true;
    assert_null(fixture_run(f, &verb_renew, ARGS("web")));
    fixture_has(f, "\n1 passed, 0 failed\n");
    assert_int_equal(f->patches, 0);
    static char issuer[] = "staging";
    f->cli.flags.issuer = issuer;
    assert_null(fixture_check(f, &verb_renew, ARGS("web")));
    f->cli.flags.dry_run = false;
    AUTO_ERR e = fixture_check(f, &verb_renew, ARGS("web"));
    assert_true(err_is(e, ERR_INVALID));
}

/* The table of checks in preflight_trial.c has a place for them. */
static void test_outputs_and_workloads_are_checked(void **state)
{
    (void)state;
    skip(); /* there are no outputs but the Secret, and no probe of workloads: with them come their checks */
}

int main(void)
{
    json_room_init();
    pki_init();
    assert_null(api_init(API_DEFAULT_GROUP));
    ca = tls_identity_new(NULL, "test CA", NULL);
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_arguments),
        TEST(test_each_step_is_reported),
        TEST(test_the_request),
        TEST(test_the_issuer_of_the_flag),
        TEST(test_no_issuer_is_guessed),
        TEST(test_two_issuers_of_one_ca),
        TEST(test_a_refusal),
        TEST(test_a_wrong_certificate),
        TEST(test_the_request_may_not_be_made),
        TEST(test_the_request_was_deleted),
        TEST(test_time_is_up),
        TEST(test_an_interrupt_cleans_up),
        TEST(test_at_most_eight_at_once),
        TEST(test_one_that_fails_keeps_no_other),
        TEST(test_one_that_is_absent),
        TEST(test_a_dry_renewal_is_the_same),
        TEST(test_outputs_and_workloads_are_checked),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tls_identity_release(&ca);
    return failed;
}
