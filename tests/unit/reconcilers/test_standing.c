/* SPDX-License-Identifier: Apache-2.0 */
/* Which standing routes are swept away: those that no Certificate needs, of an issuer that lets routes stand. */
#include "reconcilers/standing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "reconciler_scene.h"
#include "support/expect.h"

#define INGRESSES "https://api/apis/networking.k8s.io/v1/namespaces/certroll/ingresses"
#define LIST "GET " INGRESSES "?limit=500&labelSelector=certroll.dev%2Fhttp01-standing%3Dtrue"
#define NAME "certroll-standing-0123456789abcdef"
#define ROUTE                                                                                      \
    "{\"items\":[{\"metadata\":{\"name\":\"" NAME                                                  \
    "\",\"uid\":\"i\",\"annotations\":{\"certroll.dev/http01-standing\":\"shop\"}},"               \
    "\"spec\":{\"rules\":[{\"host\":\"a.test\"},{\"host\":\"b.test\"}]}}]}"
#define ISSUER(name, shared)                                                                       \
    "{\"metadata\":{\"name\":\"" name "\",\"uid\":\"" name                                         \
    "\"},\"spec\":{\"acme\":{\"server\":\"https://acme.test/dir\",\"privateKeySecretRef\":{"       \
    "\"name\":\"account\"},\"solvers\":[{\"http01\":{\"shared\":{" shared "}}}]}}}"

#define AT_CA "\"url\":\"https://acme.test/1\""

/* The process runs with replicas that answer: the scene's do not. again: what is used now is looked at once more. */
static void sweep(struct scene *s, bool stays, bool again)
{
    int64_t next = 0;
    struct env env = *s->env;
    env.http01.responder = (struct http01_responder){.ns = "certroll", .service = "answers"};
    scripted_plan(&s->world, LIST, 200, ROUTE);
    if (!stays)
        scripted_plan(&s->world, "DELETE " INGRESSES "/" NAME, 200, "{}");
    expect_ok(standing_sweep(&env, &next));
    assert_int_equal(next, again ? SCENE_NOW + 5 * NS_PER_SEC : 0);
}

static void a_route_stays_for_those_who_need_it(void **state)
{
    (void)state;
    static const struct {
        const char *ns, *names, *ref;
        bool stays;
    } rows[] = {
        {"shop", "\"a.test\",\"b.test\",\"c.test\"",
         "\"kind\":\"ClusterIssuer\",\"name\":\"keeps\"", true},
        {"shop", "\"a.test\"", "\"kind\":\"ClusterIssuer\",\"name\":\"keeps\"", false},
        {"other", "\"a.test\",\"b.test\"", "\"kind\":\"ClusterIssuer\",\"name\":\"keeps\"", false},
        {"shop", "\"a.test\",\"b.test\"", "\"kind\":\"ClusterIssuer\",\"name\":\"clears\"", false},
        {"shop", "\"a.test\",\"b.test\"", "\"kind\":\"ClusterIssuer\",\"name\":\"gone\"", false},
        /* Issuers of others let no route of ours stand, whatever they are called. */
        {"shop", "\"a.test\",\"b.test\"",
         "\"kind\":\"ClusterIssuer\",\"name\":\"keeps\",\"group\":\"other.test\"", false},
        {"shop", "\"a.test\",\"b.test\"",
         "\"kind\":\"VendorIssuer\",\"name\":\"keeps\",\"group\":\"other.test\"", false},
        {"shop", "\"a.test\",\"b.test\"", "\"kind\":\"VendorIssuer\",\"name\":\"keeps\"", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        scene_put(&s.env->cluster_issuers, ISSUER("keeps", "\"standing\":true"));
        scene_put(&s.env->cluster_issuers, ISSUER("clears", ""));
        auto_free char *crt = x_printf(
            "{\"metadata\":{\"namespace\":\"%s\",\"name\":\"web\",\"uid\":\"u\"},\"spec\":{"
            "\"secretName\":\"web\",\"dnsNames\":[%s],\"issuerRef\":{%s}}}",
            rows[i].ns, rows[i].names, rows[i].ref);
        scene_put(&s.env->certificates, crt);
        sweep(&s, rows[i].stays, false);
    }
}

/* Here of an issuer that took over: the Certificate's own lets no routes stand. */
static void a_route_stays_while_the_ca_may_ask_there(void **state)
{
    (void)state;
    static const struct {
        const char *ns, *names, *issuer, *status;
        bool stays;
    } rows[] = {
        {"shop", "\"b.test\",\"c.test\"", "keeps", AT_CA, true},
        {"shop", "\"b.test\"", "keeps", AT_CA ",\"state\":\"pending\"", true},
        {"shop", "\"b.test\"", "keeps", AT_CA ",\"state\":\"valid\"", false},
        {"shop", "\"b.test\"", "keeps", "\"state\":\"pending\"",
         false}, /* waits for long, perhaps */
        {"shop", "\"b.test\"", "clears", AT_CA, false},
        {"shop", "\"b.test\"", "gone", AT_CA, false},
        {"shop", "\"c.test\"", "keeps", AT_CA, false},
        {"other", "\"b.test\"", "keeps", AT_CA, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        scene_put(&s.env->cluster_issuers, ISSUER("clears", ""));
        scene_put(&s.env->certificates,
                  "{\"metadata\":{\"namespace\":\"shop\",\"name\":\"web\","
                  "\"uid\":\"u\"},\"spec\":{\"secretName\":\"web\",\"dnsNames\":["
                  "\"a.test\",\"b.test\"],\"issuerRef\":{\"kind\":"
                  "\"ClusterIssuer\",\"name\":\"clears\"}}}");
        scene_put(&s.env->cluster_issuers, ISSUER("keeps", "\"standing\":true"));
        auto_free char *order = x_printf(
            "{\"metadata\":{\"namespace\":\"%s\",\"name\":\"web-1\",\"uid\":\"o\"},\"spec\":{"
            "\"request\":\"\",\"dnsNames\":[%s],\"issuerRef\":{\"kind\":\"ClusterIssuer\",\"name\":"
            "\"%s\"}},\"status\":{%s}}",
            rows[i].ns, rows[i].names, rows[i].issuer, rows[i].status);
        scene_put(&s.env->orders, order);
        sweep(&s, rows[i].stays, rows[i].stays);
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
        cmocka_unit_test(a_route_stays_for_those_who_need_it),
        cmocka_unit_test(a_route_stays_while_the_ca_may_ask_there),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
