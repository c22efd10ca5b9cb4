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
        struct env env = *s.env;
        env.http01.responder = (struct http01_responder){.ns = "certroll", .service = "answers"};
        scripted_plan(&s.world, LIST, 200, ROUTE);
        if (!rows[i].stays)
            scripted_plan(&s.world, "DELETE " INGRESSES "/" NAME, 200, "{}");
        expect_ok(standing_sweep(&env));
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
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
