/* SPDX-License-Identifier: Apache-2.0 */
/* What the CA refuses for good, at newOrder or at finalize, ends the Order in the CA's words, and is not asked again. */
#include "reconcilers/order.h"

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
#include "pki/csr.h"
#include "support/scripted_kube.h"

#define STATUS "PUT https://api/apis/acme.certroll.dev/v1/namespaces/shop/orders/o/status"
#define CHALLENGE "https://api/apis/acme.certroll.dev/v1/namespaces/shop/challenges/c"
#define PROBLEM(type, detail, more)                                                                \
    "{\"type\":\"urn:ietf:params:acme:error:" type "\",\"detail\":\"" detail "\"" more "}"
#define OF(name, type, detail)                                                                     \
    ",\"subproblems\":[" PROBLEM(type, detail,                                                     \
                                 ",\"identifier\":{\"type\":\"dns\",\"value\":\"" name "\"}") "]"
#define MOST_NAMES 101

static void put_order(struct scene *s, const char *const *dns, size_t count, const char *status)
{
    AUTO(pki_names_release) struct pki_names names = {0};
    AUTO_KEY key = NULL;
    auto_free char *pem = NULL;
    for (size_t i = 0; i < count; i++)
        strlist_add(&names.dns, dns[i]);
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}, &key));
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = &names}, key, &pem));
    auto_free char *csr = base64_encode(pem, strlen(pem));
    auto_free char *request =
        x_printf("{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"r\","
                 "\"resourceVersion\":\"2\"},\"spec\":{\"request\":\"%s\"," ACME_REF "}}",
                 csr);
    auto_free char *order = x_printf(
        "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\",\"resourceVersion\":"
        "\"2\"," ACME_OWNED("CertificateRequest", "web-1",
                            "r") "},\"spec\":{\"request\":\"%s\"," ACME_REF "},\"status\":{%s}}",
        csr, status);
    scene_put(&s->env->requests, request);
    scene_put(&s->env->orders, order);
}

static void plan_refusal(struct scene *s, const char *path, int status, const char *problem)
{
    acme_scene_post(s, path, status, "content-type: application/problem+json\n", problem);
    scripted_plan(&s->world, STATUS, 200,
                  "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\","
                  "\"resourceVersion\":\"3\"},\"spec\":{\"request\":\"Q1NS\"," ACME_REF
                  "},\"status\":{\"state\":\"errored\"}}");
}

/* refused: which request the CA refuses; the next one writes that into status. */
static void expect_end(struct scene *s, size_t refused, const char *told)
{
    const struct object_name name = {.ns = "shop", .name = "o"};
    int64_t next = 0;
    expect_ok(order_reconcile((void *)(uintptr_t)s->env, &name, &next));
    json_auto_t *sent = scripted_json(&s->world, refused + 1);
    assert_string_equal(JSTR(sent, "status", "state"), "errored");
    if (strstr(JSTR(sent, "status", "reason"), told) == NULL)
        fail_msg("%s", JSTR(sent, "status", "reason"));
    expect_ok(
        order_reconcile((void *)(uintptr_t)s->env, &name, &next)); /* asks the CA for nothing */
}

static void names_are_the_cas_to_refuse(void **state)
{
    (void)state;
    char texts[MOST_NAMES][16];
    const char *many[MOST_NAMES];
    for (size_t i = 0; i < MOST_NAMES; i++) {
        snprintf(texts[i], sizeof(texts[i]), "n%zu.test", i);
        many[i] = texts[i];
    }
    const char *const pair[] = {"a.test", "b.test"}, *const wild[] = {"*.a.test", "www.a.test"};
    const struct {
        const char *const *names;
        size_t count;
        const char *problem, *told;
    } rows[] = {
        {wild, 1, PROBLEM("rejectedIdentifier", "policy forbids *.a.test", ""),
         "rejectedIdentifier: policy forbids *.a.test"},
        {wild, 2, PROBLEM("malformed", "www.a.test is redundant with a wildcard", ""),
         "malformed: www.a.test is redundant with a wildcard"},
        {pair, 2,
         PROBLEM("rejectedIdentifier", "not all", OF("b.test", "rejectedIdentifier", "forbidden")),
         "not all (b.test: rejectedIdentifier: forbidden)"},
        {many, MOST_NAMES, PROBLEM("malformed", "more than 100 names", ""),
         "malformed: more than 100 names"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        acme_scene_issuer(&s, "");
        put_order(&s, rows[i].names, rows[i].count, "");
        acme_scene_directory(&s, "");
        plan_refusal(&s, "/new-order", 400, rows[i].problem);
        size_t refused = s.world.planned - 2;
        expect_end(&s, refused, rows[i].told);
        json_auto_t *payload = acme_scene_payload(&s, refused);
        assert_int_equal(json_count(JGET(payload, "identifiers")), rows[i].count);
    }
}

/* The Challenge of the order's one name, valid a moment ago: it is finalized at once. */
static void put_proven(struct scene *s)
{
    scene_put(&s->env->challenges,
              "{\"metadata\":{\"name\":\"c\",\"namespace\":\"shop\",\"uid\":\"c\","
              "\"resourceVersion\":\"2\"," ACME_OWNED(
                  "Order", "o",
                  "o") "},\"spec\":{\"url\":\"" ACME_CA "/c\",\"authorizationURL\":\"" ACME_CA
                       "/authz/1\",\"dnsName\":\"a.test\",\"type\":\"HTTP-01\",\"token\":\"t\","
                       "\"key\":\"k\",\"solver\":{}," ACME_REF "}}");
    memo_set(s->env->proven, "c", SCENE_NOW);
}

/* The CA looks at CAA records again, and at the key for the first time, when all names are proven. */
static void a_refused_finalize_is_the_end(void **state)
{
    (void)state;
    static const struct {
        bool reused; /* what was proven for an earlier order */
        int status;
        const char *problem, *told;
    } rows[] = {
        {false, 403, PROBLEM("caa", "they have changed", ""), "caa: they have changed; let a CAA"},
        {true, 403, PROBLEM("caa", "again", OF("a.test", "caa", "they have changed")),
         "caa: again (a.test: caa: they have changed)"},
        {false, 400, PROBLEM("badCSR", "curve P-521 not allowed", ""),
         "badCSR: curve P-521 not allowed"},
    };
    static const char valid[] = "{\"status\":\"valid\",\"identifier\":{\"type\":\"dns\","
                                "\"value\":\"a.test\"},\"challenges\":[]}";
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        acme_scene_issuer(&s, ",\"solvers\":[{\"http01\":{\"ingress\":{}}}]");
        put_order(&s, (const char *const[]){"a.test"}, 1,
                  "\"state\":\"pending\",\"url\":\"" ACME_CA "/order/1\",\"finalizeURL\":\"" ACME_CA
                  "/f\",\"authorizations\":[{\"url\":\"" ACME_CA "/authz/1\"}]");
        acme_scene_directory(&s, "");
        if (rows[i].reused) {
            acme_scene_post(&s, "/authz/1", 200, "", valid);
            acme_scene_post(&s, "/order/1", 200, "",
                            "{\"status\":\"ready\",\"finalize\":\"" ACME_CA "/f\"}");
        } else {
            put_proven(&s);
        }
        plan_refusal(&s, "/f", rows[i].status, rows[i].problem);
        size_t refused = s.world.planned - 2;
        acme_scene_post(&s, "/authz/1", 200, "", valid); /* what is proven stays */
        if (!rows[i].reused)
            scripted_plan(&s.world, "DELETE " CHALLENGE, 200, "{}");
        expect_end(&s, refused, rows[i].told);
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
        cmocka_unit_test(names_are_the_cas_to_refuse),
        cmocka_unit_test(a_refused_finalize_is_the_end),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
