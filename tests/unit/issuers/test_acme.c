/* SPDX-License-Identifier: Apache-2.0 */
/* The acme driver: a request becomes an Order, and the Order's state the answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "api/kinds.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "issuer_scene.h"
#include "pki/cert.h"
#include "support/scripted_kube.h"

#define ORDERS "POST https://api/apis/acme.certroll.dev/v1/namespaces/shop/orders"

static const struct acme_issuer acme = {.server = "https://ca.test/dir", .profile = "short"};
static const struct issuer issuer = {.obj.meta = {.name = "ca", .namespace = "shop"},
                                     .spec.acme = &acme};
static const struct bind_pair names_certificate[] = {{"certroll.dev/certificate-name", "web"}};
static const struct certificate_request sample = {
    .obj.meta = {.name = "web-1",
                 .namespace = "shop",
                 .uid = "request-uid",
                 .annotations = {names_certificate, 1}},
    .spec = {.request = "Q1NS", .issuer_ref = {.name = "ca"}, .duration = NS_PER_DAY},
};

struct attempt {
    struct certificate_request request;
    struct pki_csr csr; /* made by hand: the driver only reads it */
    struct issuance issuance;
    struct issuance_result result;
};

static void attempt_init(struct attempt *a)
{
    *a = (struct attempt){.request = sample};
    strlist_add(&a->csr.names.dns, "a.test");
    a->issuance = (struct issuance){
        .issuer = &issuer, .request = &a->request, .csr = &a->csr, .may_begin = true};
}

static void attempt_release(struct attempt *a)
{
    pki_csr_release(&a->csr);
    issuance_result_release(&a->result);
}
#define ATTEMPT __attribute__((cleanup(attempt_release))) struct attempt

static struct err *ask(struct issuer_scene *s, struct attempt *a)
{
    issuance_result_release(&a->result);
    return issuer_driver_of(&issuer.spec)->issue(&s->env, &a->issuance, &a->result);
}

static void expect_refused(struct attempt *a, const char *text)
{
    SCENE s = {0};
    scene_open(&s);
    expect_ok(ask(&s, a));
    assert_int_equal(a->result.state, ISSUANCE_FAILED);
    if (strstr(a->result.message, text) == NULL)
        fail_msg("%s", a->result.message);
}

static void what_no_acme_ca_issues_is_refused(void **state)
{
    (void)state;
    ATTEMPT uris, emails, ca, nothing, ip;
    attempt_init(&uris);
    strlist_add(&uris.csr.names.uris, "spiffe://x");
    expect_refused(&uris, "remove uris");
    attempt_init(&emails);
    strlist_add(&emails.csr.names.emails, "a@b.test");
    expect_refused(&emails, "emailAddresses");
    attempt_init(&ca);
    ca.csr.is_ca = true;
    expect_refused(&ca, "no CA certificates");
    attempt_init(&nothing);
    strlist_release(&nothing.csr.names.dns);
    expect_refused(&nothing, "set dnsNames");
    attempt_init(&ip);
    ip.csr.names.common_name = x_strdup("2001:db8::1");
    strlist_add(&ip.csr.names.ips, "2001:db8::1");
    expect_refused(&ip, "commonName: ACME CAs take no IP address");
}

/* Creates an Order and returns what was sent. Owned. */
static json_t *ordered(struct attempt *a)
{
    SCENE s = {0};
    scene_open(&s);
    scripted_plan(&s.world, ORDERS, 201,
                  "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\","
                  "\"resourceVersion\":\"2\"},\"spec\":{\"request\":\"Q1NS\",\"issuerRef\":{"
                  "\"name\":\"ca\"}}}");
    expect_ok(ask(&s, a));
    assert_int_equal(a->result.state, ISSUANCE_PENDING);
    return scripted_json(&s.world, 0);
}

static void a_request_becomes_an_order(void **state)
{
    (void)state;
    ATTEMPT a;
    attempt_init(&a);
    a.csr.names.common_name = x_strdup("a.test");
    strlist_add(&a.csr.names.ips, "192.0.2.1");
    json_auto_t *body = ordered(&a);
    json_auto_t *spec =
        parsed("{\"request\":\"Q1NS\",\"issuerRef\":{\"name\":\"ca\"},\"commonName\":\"a.test\","
               "\"dnsNames\":[\"a.test\"],\"ipAddresses\":[\"192.0.2.1\"],\"profile\":\"short\"}");
    assert_true(json_same(JGET(body, "spec"), spec));
    assert_string_equal(JSTR(body, "kind"), "Order");
    assert_string_equal(JSTR(body, "apiVersion"), "acme.certroll.dev/v1");
    const json_t *owner = JGET(body, "metadata", "ownerReferences", "0");
    assert_string_equal(JSTR(owner, "kind"), "CertificateRequest");
    assert_string_equal(JSTR(owner, "uid"), "request-uid");
    assert_true(JBOOL(owner, "controller"));
    assert_string_equal(JSTR(body, "metadata", "annotations", "certroll.dev/certificate-name"),
                        "web");
    assert_non_null(strstr(a.result.message, JSTR(body, "metadata", "name")));
}

/* Only those that choose a solver; the request's can be changed later. */
static void labels_that_choose_a_solver_are_the_orders(void **state)
{
    (void)state;
    static const struct bind_pair wanted[] = {{"tier", "?"}, {"use", "shared"}};
    static const struct bind_pair have[] = {{"team", "a"}, {"use", "shared"}};
    static const struct acme_solver solvers[] = {{.selector.match_labels = {wanted, 2}}};
    const struct acme_issuer selecting = {.server = "https://ca.test/dir",
                                          .solvers = {.items = solvers, .len = 1}};
    const struct issuer by_label = {.obj.meta = {.name = "ca", .namespace = "shop"},
                                    .spec.acme = &selecting};
    ATTEMPT a;
    attempt_init(&a);
    json_auto_t *without = ordered(&a);
    assert_null(JGET(without, "metadata", "labels"));
    a.issuance.issuer = &by_label;
    a.request.obj.meta.labels = (struct bind_map){have, 2};
    json_auto_t *with = ordered(&a);
    json_auto_t *expected = parsed("{\"use\":\"shared\"}");
    assert_true(json_same(JGET(with, "metadata", "labels"), expected));
}

static void a_common_name_alone_is_enough(void **state)
{
    (void)state;
    ATTEMPT a;
    attempt_init(&a);
    strlist_release(&a.csr.names.dns);
    a.csr.names.common_name = x_strdup("a.test");
    a.request.obj.meta.annotations.len = 0;
    json_auto_t *body = ordered(&a);
    assert_string_equal(JSTR(body, "spec", "commonName"), "a.test");
    assert_null(JGET(body, "metadata", "annotations"));
}

/* The same for the same request, so that a repeated step finds what the first one made. */
static void the_orders_name_follows_from_the_request(void **state)
{
    (void)state;
    char names[4][KUBE_NAME_MAX + 1];
    for (size_t i = 0; i < 4; i++) {
        ATTEMPT a;
        attempt_init(&a);
        if (i == 2)
            a.request.obj.meta.uid = "another-uid";
        if (i == 3)
            a.request.obj.meta.name =
                "a-very-long-name-that-goes-on-and-on-and-does-not-end-before-the-limit-1";
        json_auto_t *body = ordered(&a);
        str_copy(names[i], sizeof(names[i]), JSTR(body, "metadata", "name"));
        assert_true(name_is_label(names[i]));
    }
    assert_string_equal(names[0], names[1]);
    assert_string_not_equal(names[0], names[2]);
    assert_true(str_starts(names[0], "web-1-"));
    assert_true(strlen(names[3]) <= KUBE_NAMESPACE_MAX);
}

/* The answer while the Order of the request is as given: status is the members of an object. */
static void ask_with_order(struct attempt *a, const char *owner_uid, const char *status,
                           struct err **ret_err)
{
    attempt_init(a);
    json_auto_t *body = ordered(a);
    SCENE s = {0};
    scene_open(&s);
    auto_free char *order = x_printf(
        "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"shop\",\"uid\":\"o\","
        "\"resourceVersion\":\"2\",\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\","
        "\"kind\":\"CertificateRequest\","
        "\"name\":\"web-1\",\"uid\":\"%s\",\"controller\":true}]},\"spec\":{\"request\":\"Q1NS\","
        "\"issuerRef\":{\"name\":\"ca\"}},\"status\":{%s}}",
        JSTR(body, "metadata", "name"), owner_uid, status);
    scene_put(s.env.orders.cache, order);
    *ret_err = ask(&s, a);
}

static void expect_answer(const char *status, enum issuance_state want, const char *text)
{
    ATTEMPT a;
    struct err *e = NULL;
    ask_with_order(&a, "request-uid", status, &e);
    expect_ok(e);
    if (a.result.state != want || strstr(a.result.message, text) == NULL)
        fail_msg("%s: %d %s", status, a.result.state, a.result.message);
}

static void the_orders_state_is_the_answer(void **state)
{
    (void)state;
    expect_answer("", ISSUANCE_PENDING, "Waiting for Order");
    expect_answer("\"state\":\"pending\"", ISSUANCE_PENDING, "Waiting for Order");
    expect_answer("\"state\":\"ready\"", ISSUANCE_PENDING, "Waiting for Order");
    expect_answer("\"state\":\"processing\"", ISSUANCE_PENDING, "Waiting for Order");
    expect_answer("\"state\":\"invalid\",\"reason\":\"caa\"", ISSUANCE_FAILED, "is invalid: caa");
    expect_answer("\"state\":\"expired\"", ISSUANCE_FAILED, "is expired");
    expect_answer("\"state\":\"errored\",\"reason\":\"r\"", ISSUANCE_FAILED, "is errored: r");
    expect_answer("\"state\":\"valid\"", ISSUANCE_FAILED, "is valid");
    expect_answer("\"state\":\"valid\",\"certificate\":\"bm8gUEVN\"", ISSUANCE_FAILED,
                  "certificate is unusable");
}

static void a_chain_that_is_no_base64_is_an_error(void **state)
{
    (void)state;
    ATTEMPT a;
    struct err *e = NULL;
    ask_with_order(&a, "request-uid", "\"state\":\"valid\",\"certificate\":\"***\"", &e);
    expect_err(e, ERR_INVALID, NULL, "status.certificate");
}

static char *self_signed(void)
{
    struct pki_names names = {0};
    strlist_add(&names.dns, "a.test");
    AUTO_KEY key = scene_key();
    AUTO(pki_csr_release) struct pki_csr csr = scene_csr(&names, key, false);
    AUTO(pki_usages_release) struct pki_usages usages = {0};
    char *pem = NULL;
    expect_ok(pki_cert_self_sign(&(struct pki_self_sign_spec){.csr = &csr,
                                                              .key = key,
                                                              .usages = &usages,
                                                              .not_before = SCENE_NOW,
                                                              .not_after = SCENE_NOW + NS_PER_DAY},
                                 &pem));
    return pem;
}

static void a_valid_order_brings_the_chain(void **state)
{
    (void)state;
    auto_free char *pem = self_signed();
    auto_free char *text = base64_encode(pem, strlen(pem));
    auto_free char *status = x_printf("\"state\":\"valid\",\"certificate\":\"%s\"", text);
    ATTEMPT a;
    struct err *e = NULL;
    ask_with_order(&a, "request-uid", status, &e);
    expect_ok(e);
    assert_int_equal(a.result.state, ISSUANCE_ISSUED);
    assert_string_equal(a.result.chain_pem, pem);
}

/* An Order that somebody put there answers nobody. */
static void a_foreign_order_of_the_name_is_refused(void **state)
{
    (void)state;
    ATTEMPT a;
    struct err *e = NULL;
    ask_with_order(&a, "another-uid", "\"state\":\"valid\",\"certificate\":\"eA==\"", &e);
    expect_err(e, ERR_TRANSIENT, "NameTaken", "delete it");
    assert_null(a.result.chain_pem);
}

static void a_lost_race_is_a_conflict(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    ATTEMPT a;
    attempt_init(&a);
    scripted_plan(&s.world, ORDERS, 409,
                  "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\",\"code\":409}");
    expect_err(ask(&s, &a), ERR_CONFLICT, "AlreadyExists", NULL);
}

static int prepare(void **state)
{
    (void)state;
    scene_prepare();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_no_acme_ca_issues_is_refused),
        cmocka_unit_test(a_request_becomes_an_order),
        cmocka_unit_test(labels_that_choose_a_solver_are_the_orders),
        cmocka_unit_test(a_common_name_alone_is_enough),
        cmocka_unit_test(the_orders_name_follows_from_the_request),
        cmocka_unit_test(the_orders_state_is_the_answer),
        cmocka_unit_test(a_chain_that_is_no_base64_is_an_error),
        cmocka_unit_test(a_valid_order_brings_the_chain),
        cmocka_unit_test(a_foreign_order_of_the_name_is_refused),
        cmocka_unit_test(a_lost_race_is_a_conflict),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
