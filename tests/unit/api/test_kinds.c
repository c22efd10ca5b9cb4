/* SPDX-License-Identifier: Apache-2.0 */
/* Each kind in full: what is in the JSON arrives in the struct, and goes back the same. */
#include "api/kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/certificate.h"
#include "api/certificate_request.h"
#include "api/challenge.h"
#include "api/group.h"
#include "api/issuer.h"
#include "api/order.h"
#include "base/clock.h"
#include "base/mem.h"
#include "support/scripted_kube.h"

#define NOW (INT64_C(1767225600) * NS_PER_SEC) /* 2026-01-01T00:00:00Z */
#define META "\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"u1\"}"
#define REF "\"issuerRef\":{\"name\":\"ca\",\"kind\":\"ClusterIssuer\",\"group\":\"certroll.dev\"}"
#define READY                                                                                      \
    "{\"type\":\"Ready\",\"status\":\"True\",\"lastTransitionTime\":\"2026-01-01T00:00:00Z\","     \
    "\"reason\":\"R\",\"message\":\"M\",\"observedGeneration\":3}"

static const void *decoded(const struct kube_kind *kind, const char *text)
{
    json_auto_t *json = parsed(text);
    const void *object = NULL;
    expect_ok(object_decode(kind, json, &object));
    return object;
}

/* Everything in these samples says something else than a default: encoding gives them back whole. */
static void expect_round_trip(const struct bind_table *t, const void *value, const char *text,
                              const char *member)
{
    json_auto_t *want = parsed(text);
    json_auto_t *got = bind_encode(t, value);
    if (json_same(JGET(want, member), got))
        return;
    auto_free char *shown = NULL;
    expect_ok(json_to_string(got, 65536, &shown));
    fail_msg("%s: %s", member, shown);
}

static void expect_list(const struct bind_strings *l, const char *first, size_t len)
{
    assert_int_equal(l->len, len);
    assert_string_equal(l->items[0], first);
}

static const char certificate_text[] =
    "{" META
    ",\"spec\":{\"secretName\":\"web-tls\",\"secretTemplate\":{\"annotations\":{\"a\":\"1\"},"
    "\"labels\":{\"l\":\"2\"}}," REF
    ",\"commonName\":\"a.test\",\"dnsNames\":[\"a.test\",\"b.test\"],"
    "\"ipAddresses\":[\"192.0.2.1\"],\"uris\":[\"spiffe://x\"],\"emailAddresses\":[\"a@b.test\"],"
    "\"subject\":{\"organizations\":[\"o\"],\"countries\":[\"DE\"],\"organizationalUnits\":[\"ou\"]"
    ","
    "\"localities\":[\"l\"],\"provinces\":[\"p\"],\"streetAddresses\":[\"s\"],"
    "\"postalCodes\":[\"1\"],\"serialNumber\":\"sn\"},\"duration\":\"48h0m0s\","
    "\"renewBefore\":\"1h30m0s\",\"renewBeforePercentage\":20,\"usages\":[\"server auth\"],"
    "\"isCA\":true,\"privateKey\":{\"rotationPolicy\":\"Never\",\"encoding\":\"PKCS8\","
    "\"algorithm\":\"ECDSA\",\"size\":384},\"revisionHistoryLimit\":5,"
    "\"encodeUsagesInRequest\":false,\"rollout\":{\"enabled\":true},\"preflight\":{\"issuerRef\":{"
    "\"name\":\"staging\",\"kind\":\"ClusterIssuer\"}}},"
    "\"status\":{\"conditions\":[" READY "],\"lastFailureTime\":\"2026-01-01T00:00:00Z\","
    "\"notBefore\":\"2026-01-01T00:00:01Z\",\"notAfter\":\"2026-01-01T00:00:02Z\","
    "\"renewalTime\":\"2026-01-01T00:00:03Z\",\"revision\":7,\"nextPrivateKeySecretName\":\"k\","
    "\"failedIssuanceAttempts\":2,\"failedPreflights\":1,\"fingerprint\":\"f\",\"nextAction\":"
    "\"n\","
    "\"rollout\":{\"fingerprint\":\"rf\",\"updated\":1,\"pending\":2}}}";

static void a_certificate_arrives(void **state)
{
    (void)state;
    AUTO_OBJECT(struct certificate) c = decoded(&kind_certificate, certificate_text);
    assert_string_equal(c->obj.meta.name, "web");
    assert_string_equal(c->obj.meta.namespace, "shop");
    const struct certificate_spec *s = &c->spec;
    assert_string_equal(s->secret_name, "web-tls");
    assert_string_equal(bind_map_get(&s->secret_template.annotations, "a"), "1");
    assert_string_equal(bind_map_get(&s->secret_template.labels, "l"), "2");
    assert_string_equal(s->issuer_ref.kind, "ClusterIssuer");
    assert_string_equal(s->common_name, "a.test");
    expect_list(&s->dns_names, "a.test", 2);
    expect_list(&s->ip_addresses, "192.0.2.1", 1);
    expect_list(&s->uris, "spiffe://x", 1);
    expect_list(&s->email_addresses, "a@b.test", 1);
    expect_list(&s->subject.organizations, "o", 1);
    expect_list(&s->subject.countries, "DE", 1);
    expect_list(&s->subject.organizational_units, "ou", 1);
    expect_list(&s->subject.localities, "l", 1);
    expect_list(&s->subject.provinces, "p", 1);
    expect_list(&s->subject.street_addresses, "s", 1);
    expect_list(&s->subject.postal_codes, "1", 1);
    assert_string_equal(s->subject.serial_number, "sn");
    assert_int_equal(s->duration, 48 * NS_PER_HOUR);
    assert_int_equal(s->renew_before, 90 * NS_PER_MIN);
    assert_int_equal(s->renew_before_percentage, 20);
    expect_list(&s->usages, "server auth", 1);
    assert_true(s->is_ca);
    assert_string_equal(s->private_key.rotation_policy, "Never");
    assert_string_equal(s->private_key.encoding, "PKCS8");
    assert_string_equal(s->private_key.algorithm, "ECDSA");
    assert_int_equal(s->private_key.size, 384);
    assert_int_equal(s->revision_history_limit, 5);
    assert_false(s->encode_usages_in_request);
    assert_true(s->rollout.enabled);
    assert_string_equal(s->preflight->issuer_ref.name, "staging");
    const struct certificate_status *t = &c->status;
    assert_int_equal(t->conditions.len, 1);
    assert_int_equal(t->conditions.items[0].observed_generation, 3);
    assert_int_equal(t->last_failure_time, NOW);
    assert_int_equal(t->not_before, NOW + NS_PER_SEC);
    assert_int_equal(t->not_after, NOW + 2 * NS_PER_SEC);
    assert_int_equal(t->renewal_time, NOW + 3 * NS_PER_SEC);
    assert_int_equal(t->revision, 7);
    assert_string_equal(t->next_private_key_secret_name, "k");
    assert_int_equal(t->failed_issuance_attempts, 2);
    assert_int_equal(t->failed_preflights, 1);
    assert_string_equal(t->rollout.fingerprint, "rf");
    assert_int_equal(t->rollout.pending, 2);
    expect_round_trip(&certificate_spec_table, s, certificate_text, "spec");
    expect_round_trip(&certificate_status_table, t, certificate_text, "status");
}

/* RFC 5280 section 4.1.2.5, as cert-manager writes it into a status. */
static void a_certificate_without_end_can_be_read(void **state)
{
    (void)state;
    AUTO_OBJECT(struct certificate)
    crt = decoded(&kind_certificate, "{" META ",\"spec\":{\"secretName\":\"web-tls\"," REF "},"
                                     "\"status\":{\"notBefore\":\"2026-01-01T00:00:00Z\","
                                     "\"notAfter\":\"9999-12-31T23:59:59Z\"}}");
    assert_true(crt->status.not_before == NOW);
    assert_true(crt->status.not_after == INT64_MAX);
}

static void a_short_certificate_has_cert_managers_defaults(void **state)
{
    (void)state;
    AUTO_OBJECT(struct certificate)
    c = decoded(&kind_certificate,
                "{" META ",\"spec\":{\"secretName\":\"s\",\"issuerRef\":{\"name\":\"i\"}}}");
    assert_string_equal(c->spec.private_key.rotation_policy, "Always");
    assert_string_equal(c->spec.private_key.encoding, "PKCS1");
    assert_string_equal(c->spec.private_key.algorithm, "RSA");
    assert_int_equal(c->spec.private_key.size, 0);
    assert_int_equal(c->spec.revision_history_limit, 1);
    assert_true(c->spec.encode_usages_in_request);
    assert_false(c->spec.rollout.enabled);
    assert_null(c->spec.preflight);
    assert_int_equal(c->spec.duration, 0);
    assert_int_equal(c->status.revision, 0);
    assert_int_equal(c->status.conditions.len, 0);
}

static void a_request_arrives(void **state)
{
    (void)state;
    static const char text[] =
        "{" META ",\"spec\":{\"request\":\"Q1NS\"," REF ",\"duration\":\"1h0m0s\",\"isCA\":true,"
        "\"usages\":[\"signing\"],\"username\":\"u\",\"uid\":\"v\",\"groups\":[\"g\"],"
        "\"extra\":{\"k\":[\"a\"]}},\"status\":{\"conditions\":[" READY
        "],\"certificate\":\"Yw==\","
        "\"ca\":\"Y2E=\",\"failureTime\":\"2026-01-01T00:00:00Z\"}}";
    AUTO_OBJECT(struct certificate_request) r = decoded(&kind_certificate_request, text);
    assert_string_equal(r->spec.request, "Q1NS");
    assert_int_equal(r->spec.duration, NS_PER_HOUR);
    assert_true(r->spec.is_ca);
    expect_list(&r->spec.groups, "g", 1);
    assert_string_equal(r->spec.extra, "{\"k\":[\"a\"]}");
    assert_string_equal(r->status.ca, "Y2E=");
    assert_int_equal(r->status.failure_time, NOW);
    expect_round_trip(&certificate_request_spec_table, &r->spec, text, "spec");
    expect_round_trip(&certificate_request_status_table, &r->status, text, "status");
}

#define ISSUER_SPEC                                                                                \
    "\"spec\":{\"acme\":{\"server\":\"https://ca\",\"email\":\"a@b.test\",\"caBundle\":\"eA==\","  \
    "\"skipTLSVerify\":true,\"privateKeySecretRef\":{\"name\":\"key\",\"key\":\"k\"},"             \
    "\"disableAccountKeyGeneration\":true,\"preferredChain\":\"X\",\"profile\":\"short\","         \
    "\"polling\":\"hint\",\"failoverAfterAttempts\":5,\"failoverAfterOutage\":\"20m0s\","          \
    "\"solvers\":[{\"selector\":{\"matchLabels\":{\"a\":\"b\"},"                                   \
    "\"dnsNames\":[\"a.test\"],\"dnsZones\":[\"test\"]},\"http01\":{\"ingress\":{"                 \
    "\"serviceType\":\"NodePort\",\"ingressClassName\":\"c\",\"class\":\"d\",\"name\":\"n\","      \
    "\"podTemplate\":{\"spec\":{}},\"ingressTemplate\":{\"metadata\":{}}}}}]},"                    \
    "\"selfSigned\":{\"crlDistributionPoints\":[\"http://crl\"]}}"

static void an_issuer_arrives(void **state)
{
    (void)state;
    static const char text[] =
        "{" META "," ISSUER_SPEC ",\"status\":{\"conditions\":[" READY "],\"acme\":{\"uri\":\"u\","
        "\"lastRegisteredEmail\":\"e\",\"lastPrivateKeyHash\":\"h\",\"thumbprint\":\"T\","
        "\"termsOfService\":\"t\"}}}";
    AUTO_OBJECT(struct issuer) i = decoded(&kind_issuer, text);
    const struct acme_issuer *a = i->spec.acme;
    assert_non_null(a);
    assert_string_equal(a->server, "https://ca");
    assert_true(a->skip_tls_verify);
    assert_string_equal(a->private_key_secret_ref.key, "k");
    assert_true(a->disable_account_key_generation);
    assert_string_equal(a->polling, "hint");
    assert_int_equal(a->solvers.len, 1);
    const struct acme_solver *s = &a->solvers.items[0];
    assert_string_equal(bind_map_get(&s->selector.match_labels, "a"), "b");
    expect_list(&s->selector.dns_names, "a.test", 1);
    expect_list(&s->selector.dns_zones, "test", 1);
    assert_string_equal(s->http01->ingress->service_type, "NodePort");
    assert_string_equal(s->http01->ingress->class_name, "d");
    assert_string_equal(s->http01->ingress->name, "n");
    assert_string_equal(s->http01->ingress->pod_template, "{\"spec\":{}}");
    assert_non_null(i->spec.self_signed);
    expect_list(&i->spec.self_signed->crl_distribution_points, "http://crl", 1);
    assert_string_equal(i->status.acme.last_private_key_hash, "h");
    assert_string_equal(i->status.acme.thumbprint, "T");
    expect_round_trip(&issuer_spec_table, &i->spec, text, "spec");
    expect_round_trip(&issuer_status_table, &i->status, text, "status");
}

static void a_cluster_issuer_has_no_namespace(void **state)
{
    (void)state;
    AUTO_OBJECT(struct issuer)
    i = decoded(&kind_cluster_issuer,
                "{\"metadata\":{\"name\":\"ca\"},\"spec\":{\"selfSigned\":{}}}");
    assert_null(i->obj.meta.namespace);
    assert_null(i->spec.acme);
    assert_non_null(i->spec.self_signed);
}

static void an_order_arrives(void **state)
{
    (void)state;
    static const char text[] =
        "{" META ",\"spec\":{\"request\":\"Q1NS\"," REF ",\"commonName\":\"a.test\","
        "\"dnsNames\":[\"a.test\"],\"ipAddresses\":[\"192.0.2.1\"],\"duration\":\"1h0m0s\","
        "\"profile\":\"p\"},\"status\":{\"url\":\"https://o\",\"finalizeURL\":\"https://f\","
        "\"authorizations\":[{\"url\":\"https://z\",\"identifier\":\"a.test\",\"wildcard\":true,"
        "\"initialState\":\"pending\",\"challenges\":[{\"url\":\"https://c\",\"token\":\"t\","
        "\"type\":\"http-01\"}]}],\"certificate\":\"Yw==\",\"state\":\"valid\",\"reason\":\"r\","
        "\"failureTime\":\"2026-01-01T00:00:00Z\",\"nextAction\":\"n\"}}";
    AUTO_OBJECT(struct order) o = decoded(&kind_order, text);
    assert_string_equal(o->spec.profile, "p");
    assert_string_equal(o->status.finalize_url, "https://f");
    assert_int_equal(o->status.authorizations.len, 1);
    const struct order_authorization *a = &o->status.authorizations.items[0];
    assert_true(a->wildcard);
    assert_int_equal(a->challenges.len, 1);
    assert_string_equal(a->challenges.items[0].type, "http-01");
    expect_round_trip(&order_spec_table, &o->spec, text, "spec");
    expect_round_trip(&order_status_table, &o->status, text, "status");
}

static void a_challenge_arrives(void **state)
{
    (void)state;
    static const char text[] =
        "{" META ",\"spec\":{\"url\":\"https://c\",\"authorizationURL\":\"https://z\","
        "\"dnsName\":\"a.test\",\"wildcard\":true,\"type\":\"HTTP-01\",\"token\":\"t\","
        "\"key\":\"k\",\"solver\":{\"http01\":{\"ingress\":{}}}," REF "},"
        "\"status\":{\"processing\":true,\"presented\":true,"
        "\"presentedAt\":\"2026-01-01T00:00:00Z\",\"reason\":\"r\",\"state\":\"pending\","
        "\"nextAction\":\"n\"}}";
    AUTO_OBJECT(struct challenge) c = decoded(&kind_challenge, text);
    assert_string_equal(c->spec.authorization_url, "https://z");
    assert_string_equal(c->spec.solver, "{\"http01\":{\"ingress\":{}}}");
    assert_true(c->spec.wildcard && c->status.processing && c->status.presented);
    assert_int_equal(c->status.presented_at, NOW);
    expect_round_trip(&challenge_spec_table, &c->spec, text, "spec");
    expect_round_trip(&challenge_status_table, &c->status, text, "status");
}

/* What cannot be read is refused with its path, never half read. */
static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const struct kube_kind *kind;
        const char *text;
        const char *message;
    } rows[] = {
        {&kind_certificate, "{\"spec\":{}}", "metadata: required"},
        {&kind_certificate, "{" META "}", "spec: required"},
        {&kind_certificate, "{" META ",\"spec\":{\"issuerRef\":{\"name\":\"i\"}}}",
         "spec.secretName: required"},
        {&kind_certificate, "{" META ",\"spec\":{\"secretName\":\"s\",\"issuerRef\":{}}}",
         "spec.issuerRef.name: required"},
        {&kind_certificate,
         "{" META ",\"spec\":{\"secretName\":\"s\",\"issuerRef\":{\"name\":\"i\"},"
         "\"privateKey\":{\"algorithm\":\"DSA\"}}}",
         "spec.privateKey.algorithm"},
        {&kind_certificate,
         "{" META ",\"spec\":{\"secretName\":\"s\",\"issuerRef\":{\"name\":\"i\"},"
         "\"duration\":\"a while\"}}",
         "spec.duration"},
        {&kind_issuer, "{" META ",\"spec\":{\"acme\":{\"server\":\"s\"}}}",
         "spec.acme.privateKeySecretRef: required"},
        {&kind_issuer,
         "{" META ",\"spec\":{\"acme\":{\"server\":\"s\",\"privateKeySecretRef\":{\"name\":\"k\"},"
         "\"polling\":\"often\"}}}",
         "spec.acme.polling"},
        {&kind_order, "{" META ",\"spec\":{\"issuerRef\":{\"name\":\"i\"}}}",
         "spec.request: required"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *json = parsed(rows[i].text);
        const void *object = NULL;
        expect_err(object_decode(rows[i].kind, json, &object), ERR_INVALID, NULL, rows[i].message);
        assert_null(object);
    }
}

static int prepare(void **state)
{
    (void)state;
    json_room_init();
    expect_ok(api_init(API_DEFAULT_GROUP));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_arrives),
        cmocka_unit_test(a_short_certificate_has_cert_managers_defaults),
        cmocka_unit_test(a_certificate_without_end_can_be_read),
        cmocka_unit_test(a_request_arrives),
        cmocka_unit_test(an_issuer_arrives),
        cmocka_unit_test(a_cluster_issuer_has_no_namespace),
        cmocka_unit_test(an_order_arrives),
        cmocka_unit_test(a_challenge_arrives),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
