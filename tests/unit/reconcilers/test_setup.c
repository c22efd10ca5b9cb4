/* SPDX-License-Identifier: Apache-2.0 */
/* Which change wakes which reconciler. */
#include "reconcilers/setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "kube/workqueue.h"
#include "pki/key.h"
#include "reconciler_scene.h"
#include "reconcilers/renewal_info.h"
#include "support/expect.h"

static size_t due(struct controller *c)
{
    return workqueue_len(controller_queue(c));
}

#define SECRET(ns, name)                                                                           \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"" ns "\",\"resourceVersion\":\"9\"}}"
#define ACME "\"acme\":{\"server\":\"https://ca\",\"privateKeySecretRef\":{\"name\":\"key\"}}"

/* How many issuers, and ten times how many Certificates, are due after the Secret came. All of them are on
 * their way out, so that the steps before it ask nobody. */
static size_t woken_by_secret(const char *certificate, const char *issuer, const char *cluster,
                              const char *secret)
{
    SCENE s = {0};
    scene_open(&s);
    struct controller *issuers = s.env->controllers.issuer;
    struct controller *certificates = s.env->controllers.certificate;
    if (certificate != NULL)
        scene_put(&s.env->certificates, certificate);
    if (issuer != NULL)
        scene_put(&s.env->issuers, issuer);
    if (cluster != NULL)
        scene_put(&s.env->cluster_issuers, cluster);
    while (controller_step(issuers) || controller_step(certificates))
        continue;
    scene_put(&s.env->secrets, secret);
    return due(issuers) + 10 * due(certificates);
}

static void an_account_key_wakes_its_issuer(void **state)
{
    (void)state;
    static const char issuer[] =
        "{\"metadata\":{\"name\":\"ca\",\"namespace\":\"shop\",\"uid\":\"i\",\"resourceVersion\":"
        "\"2\",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"},\"spec\":{" ACME "}}";
    static const char cluster[] =
        "{\"metadata\":{\"name\":\"ca\",\"uid\":\"i\",\"resourceVersion\":\"2\","
        "\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"},\"spec\":{" ACME "}}";
    assert_int_equal(woken_by_secret(NULL, issuer, NULL, SECRET("shop", "key")), 1);
    assert_int_equal(woken_by_secret(NULL, issuer, NULL, SECRET("other", "key")), 0);
    assert_int_equal(woken_by_secret(NULL, issuer, NULL, SECRET("shop", "other")), 0);
    assert_int_equal(woken_by_secret(NULL, NULL, cluster, SECRET("certroll", "key")), 1);
    assert_int_equal(woken_by_secret(NULL, NULL, cluster, SECRET("shop", "key")), 0);
}

static void a_secret_wakes_its_certificate(void **state)
{
    (void)state;
    static const char crt[] =
        "{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"c\",\"resourceVersion\":"
        "\"2\",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"},\"spec\":{\"secretName\":\"tls\","
        "\"issuerRef\":{\"name\":\"ca\"}}}";
    assert_int_equal(woken_by_secret(crt, NULL, NULL, SECRET("shop", "tls")), 10);
    assert_int_equal(woken_by_secret(crt, NULL, NULL, SECRET("other", "tls")), 0);
    assert_int_equal(woken_by_secret(crt, NULL, NULL, SECRET("shop", "other")), 0);
}

static void a_certificate_made_anew_wakes_its_workloads(void **state)
{
    (void)state;
    static const char *const rollouts[] = {"{}", "{\"enabled\":true}"};
    for (size_t i = 0; i < ARRAY_LEN(rollouts); i++) {
        SCENE s = {0};
        scene_open(&s);
        struct controller *deployments = s.env->controllers.rollout[0];
        scene_put(&s.env->workloads[0],
                  "{\"metadata\":{\"name\":\"app\",\"namespace\":\"shop\",\"uid\":\"w\","
                  "\"resourceVersion\":\"2\"},\"spec\":{\"template\":{\"spec\":{\"volumes\":[{"
                  "\"secret\":{\"secretName\":\"tls\"}}]}}}}");
        while (controller_step(deployments))
            continue;
        auto_free char *crt = x_printf("{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\","
                                       "\"uid\":\"c\",\"resourceVersion\":\"3\"},\"spec\":{"
                                       "\"secretName\":\"tls\",\"rollout\":%s,\"issuerRef\":{"
                                       "\"name\":\"ca\"}}}",
                                       rollouts[i]);
        scene_put(&s.env->certificates, crt);
        assert_int_equal(due(deployments), i);
    }
}

#define CERTIFICATE(name, meta)                                                                    \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"shop\",\"uid\":\"" name                  \
    "\",\"resourceVersion\":\"3\"" meta "},\"spec\":{\"secretName\":\"tls\",\"issuerRef\":{"       \
    "\"name\":\"ca\"}}}"

/* A deletion of ours that the stream has not brought yet is another object's: what waits for the issuer is woken. */
static void who_waits_is_woken_while_a_deletion_is_awaited(void **state)
{
    (void)state;
    static const char issuer[] = "{\"metadata\":{\"name\":\"ca\",\"namespace\":\"shop\",\"uid\":"
                                 "\"i\",\"resourceVersion\":\"9\"},"
                                 "\"spec\":{\"selfSigned\":{}}}";
    SCENE s = {0};
    scene_open(&s);
    struct controller *certificates = s.env->controllers.certificate;
    scene_put(&s.env->certificates,
              CERTIFICATE("web", ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\""));
    while (controller_step(certificates))
        continue;
    scene_put(&s.env->certificates, CERTIFICATE("other", ""));
    assert_int_equal(due(certificates), 1);
    cache_expect_deleted(s.env->certificates.cache, "shop", "other", "other");
    scene_put(&s.env->issuers, issuer);
    assert_int_equal(due(certificates), 2);
}

static void of_a_certificate_that_is_gone_nothing_is_kept(void **state)
{
    (void)state;
    SCENE s = {0};
    AUTO_KEY key = NULL;
    scene_open(&s);
    scene_put(&s.env->certificates,
              "{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"c\","
              "\"resourceVersion\":\"2\"},\"spec\":{\"secretName\":\"tls\",\"issuerRef\":{"
              "\"name\":\"ca\"}}}");
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA}, &key));
    keyring_put(s.env->issuer_env.keyring, "c", 1, key);
    renewal_board_plan(s.env->renewal_board, "c", SCENE_NOW);
    memo_set_text(s.env->revoked, "c", "done");
    AUTO_OBJECT(struct certificate) crt = cache_peek(s.env->certificates.cache, "shop", "web");
    cache_delete(s.env->certificates.cache, crt);
    AUTO_KEY kept = keyring_get(s.env->issuer_env.keyring, "c", 1);
    assert_null(kept);
    assert_int_equal(renewal_board_next(s.env->renewal_board, "c"), 0);
    assert_null(memo_text(s.env->revoked, "c"));
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
        cmocka_unit_test(an_account_key_wakes_its_issuer),
        cmocka_unit_test(a_secret_wakes_its_certificate),
        cmocka_unit_test(a_certificate_made_anew_wakes_its_workloads),
        cmocka_unit_test(who_waits_is_woken_while_a_deletion_is_awaited),
        cmocka_unit_test(of_a_certificate_that_is_gone_nothing_is_kept),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
