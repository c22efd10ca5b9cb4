/* SPDX-License-Identifier: Apache-2.0 */
/* spec.acme.preferredChain: what is taken when the chain that was asked for cannot be had. */
#include "reconcilers/order_chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "acme_scene.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "leaf_scene.h"
#include "pki/csr.h"
#include "support/scripted_kube.h"

#define OBJECT "https://api/apis/acme.certroll.dev/v1/namespaces/shop/orders/o"
#define STATUS "PUT " OBJECT "/status"
#define PEM "content-type: application/pem-certificate-chain\n"
#define OTHERS                                                                                     \
    PEM "link: <" ACME_CA "/cert/1/1>;rel=\"alternate\"\n"                                         \
        "link: <" ACME_CA "/cert/1/2>;rel=\"alternate\"\n"
#define PROBLEM "content-type: application/problem+json\n"

/* An order that the CA has signed: the chain that is preferred has the CA's certificate in it. */
struct signed_order {
    struct scene s;
    struct leaf leaf, ca;
    char *chain, *preferred; /* PEM */
    struct event_sink events;
    char *told; /* reason and note of the last Event */
};

static void keep_event(void *ctx, const struct event *e)
{
    struct signed_order *o = ctx;
    free(o->told);
    o->told = x_printf("%s: %s", e->reason, e->note);
}

static char *pem_of(const struct leaf *leaf)
{
    char *pem = NULL;
    size_t len = 0;
    expect_ok(base64_decode(leaf->text, strlen(leaf->text), &pem, &len));
    return pem;
}

static void put_order(struct signed_order *o)
{
    AUTO(pki_names_release) struct pki_names names = {0};
    auto_free char *csr_pem = NULL;
    strlist_add(&names.dns, "a.test");
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = &names}, o->leaf.key, &csr_pem));
    auto_free char *csr = base64_encode(csr_pem, strlen(csr_pem));
    auto_free char *request =
        x_printf("{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"r\","
                 "\"resourceVersion\":\"2\"},\"spec\":{\"request\":\"%s\"," ACME_REF "}}",
                 csr);
    auto_free char *order =
        x_printf("{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\","
                 "\"resourceVersion\":\"2\"," ACME_OWNED(
                     "CertificateRequest", "web-1",
                     "r") "},\"spec\":{\"request\":\"%s\"," ACME_REF
                          "},\"status\":{\"state\":\"pending\",\"url\":\"" ACME_CA
                          "/order/1\",\"finalizeURL\":\"" ACME_CA "/f\"}}",
                 csr);
    scene_put(&o->s.env->requests, request);
    scene_put(&o->s.env->orders, order);
}

/* The life of the leaf began 300 days before the scene. */
static void order_open(struct signed_order *o, int64_t not_after)
{
    char spki[PKI_SHA256_HEX];
    scene_open(&o->s);
    o->events = (struct event_sink){.emit = keep_event, .ctx = o};
    ((struct env *)(uintptr_t)o->s.env)->events = &o->events;
    leaf_issue("DNS:a.test", not_after, &o->leaf);
    leaf_issue("DNS:ca.test", not_after, &o->ca);
    o->chain = pem_of(&o->leaf);
    auto_free char *ca = pem_of(&o->ca);
    o->preferred = x_printf("%s%s", o->chain, ca);
    pki_key_spki_sha256(o->ca.key, spki);
    auto_free char *more = x_printf(",\"preferredChain\":\"spki:%s\"", spki);
    acme_scene_issuer(&o->s, more);
    put_order(o);
    acme_scene_directory(&o->s, "");
}

static void order_close(struct signed_order *o)
{
    scene_close(&o->s);
    leaf_release(&o->leaf);
    leaf_release(&o->ca);
    free(o->chain);
    free(o->preferred);
    free(o->told);
}
#define SIGNED_ORDER __attribute__((cleanup(order_close))) struct signed_order

/* What the CA answers with for a chain. */
struct other {
    int status;
    const char *headers, *body; /* NULL: a problem of its own */
};

static void plan_chain(struct signed_order *o, const char *path, const struct other *other)
{
    acme_scene_post(&o->s, path, other->status, other->headers,
                    str_or(other->body, ACME_PROBLEM("serverInternal")));
}

/* second: NULL where it is not asked for. */
static void plan(struct signed_order *o, const struct other *first, const struct other *second)
{
    acme_scene_post(&o->s, "/order/1", 200, "",
                    "{\"status\":\"valid\",\"finalize\":\"" ACME_CA
                    "/f\",\"certificate\":\"" ACME_CA "/cert/1\"}");
    plan_chain(o, "/cert/1", &(struct other){200, OTHERS, o->chain});
    plan_chain(o, "/cert/1/1", first);
    if (second != NULL)
        plan_chain(o, "/cert/1/2", second);
}

static struct err *pass(struct signed_order *o)
{
    const struct object_name name = {.ns = "shop", .name = "o"};
    int64_t next = 0;
    return order_reconcile((void *)(uintptr_t)o->s.env, &name, &next);
}

/* A pass that ends the Order with this chain. */
static void pass_taking(struct signed_order *o, const char *chain)
{
    auto_free char *want = base64_encode(chain, strlen(chain));
    scripted_plan(&o->s.world, STATUS, 200,
                  "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\","
                  "\"resourceVersion\":\"3\"},\"spec\":{\"request\":\"Q1NS\"," ACME_REF "}}");
    expect_ok(pass(o));
    json_auto_t *sent = scripted_json(&o->s.world, o->s.world.done - 1);
    assert_string_equal(JSTR(sent, "status", "state"), "valid");
    assert_string_equal(JSTR(sent, "status", "certificate"), want);
}

static void expect_told(const struct signed_order *o, const char *text)
{
    if (o->told == NULL || strstr(o->told, text) == NULL)
        fail_msg("%s", str_or(o->told, "nothing was told"));
}

static const struct other busy = {503, PROBLEM, NULL};
static const struct other gone = {404, PROBLEM, ACME_PROBLEM("malformed")};

/* ---- what is waited for ---- */

static void a_chain_that_cannot_be_had_now_is_waited_for(void **state)
{
    (void)state;
    static const struct other now[] = {
        {503, PROBLEM, NULL},
        {502, "content-type: text/html\n", "<html>"},
        {429, PROBLEM "retry-after: 60\n", ACME_PROBLEM("rateLimited")},
        {200, "content-type: text/html\n", "<html>"},
    };
    for (size_t i = 0; i < ARRAY_LEN(now); i++) {
        SIGNED_ORDER o = {0};
        order_open(&o, SCENE_NOW + NS_PER_DAY);
        plan(&o, &now[i], &gone);
        if (now[i].status == 429) { /* which is told in status */
            scripted_plan(&o.s.world, STATUS, 500, "");
            scripted_plan(&o.s.world, "GET " OBJECT, 503, "");
        }
        AUTO_ERR e = pass(&o);
        assert_non_null(e);
        assert_non_null(strstr(e->message, "spec.acme.preferredChain"));
        assert_null(o.told);
        clock_manual_advance(&o.s.hands, NS_PER_MIN);
        plan(&o, &(struct other){200, PEM, o.preferred}, NULL);
        pass_taking(&o, o.preferred);
        assert_null(o.told);
    }
}

static void one_that_can_be_had_is_taken_at_once(void **state)
{
    (void)state;
    SIGNED_ORDER o = {0};
    order_open(&o, SCENE_NOW + NS_PER_DAY);
    plan(&o, &busy, &(struct other){200, PEM, o.preferred});
    pass_taking(&o, o.preferred);
    assert_null(o.told);
}

/* ---- and until when ---- */

static void nobody_waits_long_for_a_preference(void **state)
{
    (void)state;
    static const struct {
        int64_t life, waits;
    } rows[] = {{301 * NS_PER_DAY, NS_PER_HOUR}, {NS_PER_HOUR, 2 * NS_PER_MIN}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SIGNED_ORDER o = {0};
        order_open(&o, SCENE_NOW - 300 * NS_PER_DAY + rows[i].life);
        for (int n = 0; n < 2; n++) {
            plan(&o, &gone, &busy);
            expect_err(pass(&o), ERR_TRANSIENT, NULL, "/cert/1/2");
            clock_manual_advance(&o.s.hands, rows[i].waits / 2);
        }
        assert_null(o.told);
        if (rows[i].waits >= NS_PER_HOUR)
            acme_scene_directory(&o.s, ""); /* it is read once an hour */
        plan(&o, &gone, &busy);
        pass_taking(&o, o.chain);
        expect_told(&o, "ChainNotFetched: ");
        expect_told(&o, "HTTP 503");
    }
}

static void a_pause_that_ends_too_late_is_not_begun(void **state)
{
    (void)state;
    SIGNED_ORDER o = {0};
    order_open(&o, SCENE_NOW + NS_PER_DAY);
    plan(&o, &(struct other){503, PROBLEM "retry-after: 86400\n", NULL}, &gone);
    pass_taking(&o, o.chain);
    expect_told(&o, "ChainNotFetched: ");
}

/* ---- what is not there ---- */

static void what_the_ca_does_not_have_is_not_waited_for(void **state)
{
    (void)state;
    for (int refused = 0; refused < 2; refused++) {
        SIGNED_ORDER o = {0};
        order_open(&o, SCENE_NOW + NS_PER_DAY);
        const struct other same = {200, PEM, o.chain};
        plan(&o, refused ? &gone : &same, &same);
        pass_taking(&o, o.chain);
        expect_told(&o, refused ? "ChainNotFetched: Whether" : "ChainNotFound: No chain that");
    }
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
        cmocka_unit_test(a_chain_that_cannot_be_had_now_is_waited_for),
        cmocka_unit_test(one_that_can_be_had_is_taken_at_once),
        cmocka_unit_test(nobody_waits_long_for_a_preference),
        cmocka_unit_test(a_pause_that_ends_too_late_is_not_begun),
        cmocka_unit_test(what_the_ca_does_not_have_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
