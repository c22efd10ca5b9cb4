/* SPDX-License-Identifier: Apache-2.0 */
/* When a certificate is renewed: its own rule, the CA's word (RFC 9773), and when the CA is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "kube/workqueue.h"
#include "pki/csr.h"
#include "reconciler_scene.h"
#include "reconcilers/certificate.h"
#include "reconcilers/renewal_info.h"
#include "support/scripted_kube.h"

#define D NS_PER_DAY
#define H NS_PER_HOUR

static void the_own_rule_follows_the_spec(void **state)
{
    (void)state;
    static const struct {
        int64_t life;
        int64_t before;
        int64_t percentage;
        int64_t want; /* after not-before */
    } rows[] = {
        /* 2/3 of it, 1/2 when it is shorter than 10 days. */
        {90 * D, 0, 0, 60 * D},
        {45 * D, 0, 0, 30 * D},
        {10 * D, 0, 0, 10 * D - 10 * D / 3},
        {10 * D - NS_PER_SEC, 0, 0, 5 * D - NS_PER_SEC},
        {160 * H, 0, 0, 80 * H},
        {6 * D, 0, 0, 3 * D},
        {H, 0, 0, H / 2},
        /* As it says. */
        {90 * D, 30 * D, 0, 60 * D},
        {90 * D, H, 0, 90 * D - H},
        {90 * D, 0, 20, 72 * D},
        {90 * D, 0, 99, 90 * D / 100},
        {90 * D, 0, 1, 90 * D - 90 * D / 100},
        {5 * D, D, 0, 4 * D},
        {5 * D, 0, 20, 4 * D},
        /* The CA gave less than was asked for: never at once, or it would be renewed in a loop. */
        {5 * D, 5 * D, 0, 5 * D / 2},
        {5 * D, 30 * D, 0, 5 * D / 2},
        {90 * D, 100 * D, 0, 60 * D},
        {90 * D, 0, 100, 60 * D},
        {90 * D, 0, 150, 60 * D},
        {90 * D, -H, -5, 60 * D},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct certificate_spec spec = {.renew_before = rows[i].before,
                                              .renew_before_percentage = rows[i].percentage};
        int64_t at =
            renewal_time(&spec, (struct renewal_spread){0}, SCENE_NOW, SCENE_NOW + rows[i].life);
        int64_t want = SCENE_NOW + rows[i].want;
        if (at != want - want % NS_PER_SEC || at % NS_PER_SEC != 0)
            fail_msg("row %zu: %lld s off", i, (long long)((at - want) / NS_PER_SEC));
    }
}

static void the_ca_may_say_otherwise(void **state)
{
    (void)state;
    static const struct {
        int64_t before;   /* renewBefore */
        int64_t selected; /* after not-before, of 90 days; 0 = nothing */
        int64_t early;
        int64_t want;
    } rows[] = {
        {0, 0, 0, 60 * D},
        {0, 59 * D, 0, 59 * D},
        {0, 61 * D, 0, 61 * D},
        {0, -D, 0, -D}, /* now */
        /* A window that is too late does not let it expire. */
        {0, 200 * D, 0, 75 * D},
        /* Who wrote a rule gets no later than that, and earlier when the CA says so. */
        {10 * D, 61 * D, 0, 61 * D},
        {10 * D, 85 * D, 0, 80 * D},
        {40 * D, 61 * D, 0, 50 * D},
        /* Early again and again: an hour after it was issued, then two, up to 32. */
        {0, -D, 1, H},
        {0, -D, 2, 2 * H},
        {0, -D, 6, 32 * H},
        {0, -D, 700, 32 * H},
        {0, 59 * D, 3, 59 * D},
        {89 * D + 23 * H, -D, 6, H},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct certificate_spec spec = {.renew_before = rows[i].before};
        int64_t selected = rows[i].selected != 0 ? SCENE_NOW + rows[i].selected : 0;
        const struct certificate_status status = {
            .not_before = SCENE_NOW,
            .not_after = SCENE_NOW + 90 * D,
            .renewal_info = {.selected_time = selected, .early_renewals = rows[i].early}};
        int64_t at = renewal_due(&spec, (struct renewal_spread){0}, &status, SCENE_NOW);
        if (at != SCENE_NOW + rows[i].want)
            fail_msg("row %zu: %lld s off", i,
                     (long long)((at - SCENE_NOW - rows[i].want) / NS_PER_SEC));
    }
}

/* What was made together is spread: always the same way, over what is set or a 60th of the life. */
static void renewals_are_spread(void **state)
{
    (void)state;
    static const struct {
        int64_t life, set, width;
    } rows[] = {{90 * D, 12 * H, 12 * H}, {90 * D, 30 * H, 30 * H},    {90 * D, 900 * H, 36 * H},
                {90 * D, H, H},           {6 * D, 12 * H, 6 * D / 60}, {H, 12 * H, NS_PER_MIN}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t least = INT64_MAX, most = 0, sum = 0;
        for (int n = 0; n < 1000; n++) {
            auto_free char *uid = x_printf("3f1c2a5e-7d10-4c55-9a6e-%012d", n);
            const struct renewal_spread spread = {rows[i].set, uid};
            int64_t jitter = renewal_jitter(spread, rows[i].life);
            assert_int_equal(jitter, renewal_jitter(spread, rows[i].life));
            assert_int_equal(jitter % NS_PER_SEC, 0);
            least = jitter < least ? jitter : least;
            most = jitter > most ? jitter : most;
            sum += jitter;
        }
        assert_true(least <= rows[i].width / 20 && most >= rows[i].width / 20 * 19);
        assert_true(most < rows[i].width);
        assert_in_range(sum / 1000, rows[i].width / 5 * 2, rows[i].width / 5 * 3);
    }
    const struct renewal_spread u = {12 * H, "u"};
    assert_int_equal(renewal_jitter(u, 30 * NS_PER_SEC), 0);
    assert_int_equal(renewal_jitter((struct renewal_spread){0, "u"}, 90 * D), 0);
    const struct certificate_spec plain = {.secret_name = "s"};
    const struct certificate_spec ruled = {.renew_before = 30 * D};
    int64_t jitter = renewal_jitter(u, 90 * D);
    assert_int_equal(renewal_time(&plain, u, SCENE_NOW, SCENE_NOW + 90 * D),
                     SCENE_NOW + 60 * D - jitter);
    assert_int_equal(renewal_time(&ruled, u, SCENE_NOW, SCENE_NOW + 90 * D), SCENE_NOW + 60 * D);
}

/* ---- a Certificate that was issued by an ACME issuer ---- */

#define ID "aYhba4dG.AIdlQyE"
#define CA "https://ca.test"
#define STATUS "PUT https://api/apis/certroll.dev/v1/namespaces/shop/certificates/web/status"
#define SPEC                                                                                       \
    "\"spec\":{\"secretName\":\"web-tls\",\"dnsNames\":[\"a.test\"],\"issuerRef\":{"               \
    "\"name\":\"acme\"},\"privateKey\":{\"algorithm\":\"ECDSA\"}}"
#define READY                                                                                      \
    "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"Ready\",\"message\":"    \
    "\"Certificate is up to date and has not expired\",\"observedGeneration\":1}]"
/* A uid without jitter. */
#define UID "crt76148"
#define TIMES                                                                                      \
    "\"notBefore\":\"2025-12-31T00:00:00Z\",\"notAfter\":\"2026-03-31T00:00:00Z\","                \
    "\"renewalTime\":\"2026-03-01T00:00:00Z\",\"revision\":1,\"fingerprint\":\"f1\","              \
    "\"nextAction\":\"renewal at 2026-03-01T00:00:00Z\""

static void put_issued(struct scene *s, const char *info, const char *switch_)
{
    auto_free char *crt =
        x_printf("{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"" UID
                 "\",\"resourceVersion\""
                 ":\"5\",\"generation\":1}," SPEC ",\"status\":{" TIMES "," READY "%s}}",
                 info);
    auto_free char *issuer = x_printf(
        "{\"metadata\":{\"name\":\"acme\",\"namespace\":\"shop\",\"uid\":\"i\",\"resourceVersion\":"
        "\"2\"},\"spec\":{\"acme\":{\"server\":\"" CA "/dir\",\"privateKeySecretRef\":{\"name\":"
        "\"key\"}%s}},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}],"
        "\"acme\":{\"uri\":\"" CA "/account/1\"}}}",
        switch_);
    scene_put(&s->env->certificates, crt);
    scene_put(&s->env->issuers, issuer);
    scene_put(&s->env->secrets,
              "{\"metadata\":{\"name\":\"web-tls\",\"namespace\":\"shop\",\"uid\":\"s\","
              "\"resourceVersion\":\"3\",\"annotations\":{\"certroll.dev/certificate-name\":"
              "\"web\",\"certroll.dev/issuer-name\":\"acme\",\"certroll.dev/issuer-kind\":"
              "\"Issuer\",\"certroll.dev/issuer-group\":\"certroll.dev\","
              "\"certroll.dev/fingerprint\":\"f1\",\"certroll.dev/certificate-id\":\"" ID "\","
              "\"certroll.dev/issued-at\":\"2025-12-31T00:00:00Z\"},\"managedFields\":[{"
              "\"manager\":\"certroll\",\"operation\":\"Apply\",\"fieldsV1\":{\"f:data\":{"
              "\"f:tls.crt\":{},\"f:tls.key\":{}}}}]}}");
}

static int64_t reconcile(struct scene *s)
{
    const struct object_name name = {.ns = "shop", .name = "web"};
    int64_t next = 0;
    expect_ok(certificate_reconcile((void *)(uintptr_t)s->env, &name, &next));
    return next;
}

static size_t polls_due(struct scene *s)
{
    return workqueue_len(controller_queue(s->env->controllers.renewal_info));
}

/* After a start each is asked about once, within 100 ms for each that there is; no status is written for it. */
static void the_first_question_is_spread(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    put_issued(&s, "", "");
    int64_t next = reconcile(&s);
    assert_in_range(next, SCENE_NOW, SCENE_NOW + 100 * NS_PER_MS);
    assert_int_equal(renewal_board_next(s.env->renewal_board, UID), next);
    clock_manual_advance(&s.hands, 100 * NS_PER_MS);
    reconcile(&s);
    assert_int_equal(polls_due(&s), 1);
}

/* Neither at once, while others are being issued, nor later than a hundredth of its life. */
static void a_new_certificate_is_asked_about_soon(void **state)
{
    (void)state;
    static const struct {
        int64_t life, from, to;
    } rows[] = {
        {90 * D, 5 * NS_PER_MIN, 10 * NS_PER_MIN},
        {100 * NS_PER_MIN, 30 * NS_PER_SEC, NS_PER_MIN},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        const struct certificate crt = {
            .obj.meta = {.name = "web", .namespace = "shop", .uid = UID}};
        struct certificate_pass p = {.env = s.env, .now = SCENE_NOW, .crt = &crt};
        p.held.not_before = SCENE_NOW;
        p.held.not_after = SCENE_NOW + rows[i].life;
        begin_renewal_info(&p);
        assert_in_range(renewal_board_next(s.env->renewal_board, UID), SCENE_NOW + rows[i].from,
                        SCENE_NOW + rows[i].to);
    }
}

static void the_time_of_the_last_answer_counts(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    put_issued(&s,
               ",\"renewalInfo\":{\"windowStart\":\"2026-02-28T00:00:00Z\",\"windowEnd\":"
               "\"2026-03-02T00:00:00Z\",\"selectedTime\":\"2026-03-01T00:00:00Z\","
               "\"nextCheck\":\"2026-01-01T05:00:00Z\"}",
               "");
    assert_int_equal(reconcile(&s), SCENE_NOW + 5 * H);
    assert_int_equal(polls_due(&s), 0);
}

static void nobody_is_asked_when_it_is_switched_off(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    put_issued(&s, "", ",\"renewalInfo\":\"disabled\"");
    assert_int_equal(reconcile(&s), SCENE_NOW + 59 * D);
    assert_int_equal(renewal_board_next(s.env->renewal_board, UID), 0);
}

/* The account's key is not there: no answer, the next question in six hours and a little. */
static void poll(struct scene *s)
{
    scripted_plan(&s->world, "GET https://api/api/v1/namespaces/shop/secrets/key", 404,
                  "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"code\":404}");
    assert_true(controller_step(s->env->controllers.renewal_info));
}

static void what_cannot_be_asked_is_asked_later(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    put_issued(&s, "", "");
    renewal_board_plan(s.env->renewal_board, UID, SCENE_NOW);
    assert_int_equal(reconcile(&s), SCENE_NOW + 59 * D); /* the answer wakes it */
    assert_int_equal(polls_due(&s), 1);
    poll(&s);
    assert_in_range(renewal_board_next(s.env->renewal_board, UID), SCENE_NOW + 6 * H,
                    SCENE_NOW + 6 * H + 6 * NS_PER_MIN);
    assert_int_equal(workqueue_len(controller_queue(s.env->controllers.certificate)), 1);
}

/* RFC 9773 section 5: of the same issuer and account, and with a name that is asked for again. */
static void only_what_shares_a_name_is_replaced(void **state)
{
    (void)state;
    static const struct {
        const char *dns, *ips, *account, *want_dns, *want_ip;
        bool replaced;
    } rows[] = {
        {"a.test,b.test", "", "u", "b.test", NULL, true},
        {"a.test,b.test", "", "u", "c.test", NULL, false},
        {"aa.test,b.tests", "", "u", "b.test", NULL, false},
        {"xb.test", "", "u", "b.test", NULL, false},
        {"", "192.0.2.1", "u", NULL, "192.0.2.1", true},
        {"", "", "u", "b.test", NULL, false},
        {"b.test", "", "other", "b.test", NULL, false},
        {NULL, NULL, "u", "b.test", NULL, false},
    };
    const struct acme_issuer acme = {.renewal_info = NULL};
    const struct issuer issuer = {.spec.acme = &acme, .status.acme.uri = "u"};
    const struct issuer_ref ref = {.name = "ca"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct bind_pair annotations[] = {
            {"certroll.dev/issuer-name", "ca"},      {"certroll.dev/fingerprint", "f"},
            {"certroll.dev/certificate-id", ID},     {"certroll.dev/acme-account", rows[i].account},
            {"certroll.dev/alt-names", rows[i].dns}, {"certroll.dev/ip-sans", rows[i].ips}};
        const struct tls_secret secret = {
            .obj.meta.annotations = {annotations, ARRAY_LEN(annotations)}};
        struct certificate_pass p = {.secret = &secret,
                                     .issuer = &issuer,
                                     .ref = &ref,
                                     .held = {.certificate = true, .fingerprint = "f"}};
        if (rows[i].want_dns != NULL)
            strlist_add(&p.wanted.names.dns, rows[i].want_dns);
        if (rows[i].want_ip != NULL)
            strlist_add(&p.wanted.names.ips, rows[i].want_ip);
        if ((replaced_certificate(&p) != NULL) != rows[i].replaced)
            fail_msg("row %zu", i);
        pki_names_release(&p.wanted.names);
    }
}

/* For this name, not answered yet; failed: with the CA's no. */
static void put_attempt(struct scene *s, const char *name, bool failed)
{
    AUTO(pki_names_release) struct pki_names names = {0};
    AUTO_KEY key = NULL;
    auto_free char *pem = NULL;
    strlist_add(&names.dns, name);
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}, &key));
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = &names}, key, &pem));
    auto_free char *csr = base64_encode(pem, strlen(pem));
    auto_free char *text = x_printf(
        "{\"metadata\":{\"name\":\"web-2\",\"namespace\":\"shop\",\"uid\":\"request\","
        "\"resourceVersion\":\"5\",\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\","
        "\"kind\":\"Certificate\",\"name\":\"web\",\"uid\":\"" UID "\",\"controller\":true}]},"
        "\"spec\":{\"request\":\"%s\",\"issuerRef\":{\"name\":\"acme\"},\"usages\":[\"digital "
        "signature\",\"key encipherment\"]},\"status\":{\"conditions\":[{\"type\":\"Ready\","
        "\"status\":\"False\",\"reason\":\"%s\"}]}}",
        csr, failed ? "Failed" : "Pending");
    scene_put(&s->env->requests, text);
}

/* By the clock of the replica before it was due: the CA may have signed it. Another one is for nobody. */
static void an_attempt_goes_on_before_its_time(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool failed, goes_on, is_dropped;
    } rows[] = {{"a.test", false, true, false},
                {"b.test", false, false, true},
                {"a.test", true, false, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        put_issued(&s, "", ",\"renewalInfo\":\"disabled\"");
        put_attempt(&s, rows[i].name, rows[i].failed);
        if (rows[i].is_dropped)
            scripted_plan(&s.world,
                          "DELETE https://api/apis/certroll.dev/v1/namespaces/shop/"
                          "certificaterequests/web-2",
                          200, "{}");
        AUTO_OBJECT(struct certificate) crt = cache_peek(s.env->certificates.cache, "shop", "web");
        struct certificate_pass p = {
            .env = s.env, .now = SCENE_NOW, .crt = crt, .status = crt->status};
        p.wanted.key = (struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256};
        strlist_add(&p.wanted.names.dns, "a.test");
        expect_ok(ensure_needed(&p));
        if (rows[i].goes_on != (p.attempt != NULL && p.renewing) || rows[i].goes_on == p.stop)
            fail_msg("row %zu: %s", i, p.violation.message);
        object_unref(p.primary);
        object_unref(p.attempt);
        pki_names_release(&p.wanted.names);
        free(p.violation.message);
        free(p.waiting);
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
        cmocka_unit_test(renewals_are_spread),
        cmocka_unit_test(the_own_rule_follows_the_spec),
        cmocka_unit_test(the_ca_may_say_otherwise),
        cmocka_unit_test(the_first_question_is_spread),
        cmocka_unit_test(a_new_certificate_is_asked_about_soon),
        cmocka_unit_test(the_time_of_the_last_answer_counts),
        cmocka_unit_test(nobody_is_asked_when_it_is_switched_off),
        cmocka_unit_test(what_cannot_be_asked_is_asked_later),
        cmocka_unit_test(only_what_shares_a_name_is_replaced),
        cmocka_unit_test(an_attempt_goes_on_before_its_time),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
