/* SPDX-License-Identifier: Apache-2.0 */
#include "outputs/tls_secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "api/group.h"
#include "api/tls_secret.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/secret.h"
#include "pki/cert.h"
#include "support/scripted_kube.h"

#define NOW (INT64_C(1767225600) * NS_PER_SEC) /* 2026-01-01T00:00:00Z */
#define G "certroll.dev/"

static char *self_signed(const struct pki_names *names)
{
    AUTO_KEY key = NULL;
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    AUTO(pki_usages_release) struct pki_usages usages = {0};
    const struct bind_strings none = {0};
    auto_free char *request = NULL;
    char *pem = NULL;
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA}, &key));
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = names}, key, &request));
    expect_ok(pki_csr_parse(request, strlen(request), &csr));
    expect_ok(pki_usages_build(&none, false, &usages));
    expect_ok(pki_cert_self_sign(&(struct pki_self_sign_spec){.csr = &csr,
                                                              .key = key,
                                                              .usages = &usages,
                                                              .not_before = NOW,
                                                              .not_after = NOW + NS_PER_DAY},
                                 &pem));
    return pem;
}

static const struct certificate crt = {
    .obj.meta = {.name = "web", .namespace = "shop"},
    .spec = {.secret_name = "web-tls", .issuer_ref = {.name = "ca"}},
};

struct sample {
    char *chain;
    struct secret key;
    struct tls_secret_content content;
};

static void sample_release(struct sample *s)
{
    free(s->chain);
    secret_release(&s->key);
}
#define SAMPLE __attribute__((cleanup(sample_release))) struct sample

/* A certificate of those names, which are normalized and released here. */
static void sample_init(struct sample *s, struct pki_names *names)
{
    expect_ok(pki_names_normalize(names));
    s->chain = self_signed(names);
    s->key = secret_copy("key bytes", 9);
    s->content = (struct tls_secret_content){
        .crt = &crt, .chain = s->chain, .key = &s->key, .issued_at = NOW};
    pki_names_release(names);
}

static json_t *built(const struct tls_secret_content *c)
{
    json_t *body = NULL;
    expect_ok(tls_secret_build(c, &body));
    return body;
}

static const char *annotation(const json_t *body, const char *name)
{
    return JSTR(body, "metadata", "annotations", name);
}

static void expect_data(const json_t *body, const char *key, const char *want)
{
    auto_free char *text = base64_encode(want, strlen(want));
    assert_string_equal(JSTR(body, "data", key), text);
}

/* ---- the body ---- */

static void a_new_secret_is_complete(void **state)
{
    (void)state;
    struct pki_names names = {.common_name = x_strdup("a.test")};
    strlist_add(&names.dns, "b.test");
    strlist_add(&names.dns, "a.test");
    strlist_add(&names.ips, "192.0.2.1");
    strlist_add(&names.uris, "spiffe://x/y");
    strlist_add(&names.emails, "a@b.test");
    SAMPLE s = {0};
    sample_init(&s, &names);
    s.content.ca = "the root";
    json_auto_t *body = built(&s.content);
    assert_string_equal(JSTR(body, "apiVersion"), "v1");
    assert_string_equal(JSTR(body, "kind"), "Secret");
    assert_string_equal(JSTR(body, "type"), "kubernetes.io/tls");
    assert_string_equal(JSTR(body, "metadata", "name"), "web-tls");
    assert_string_equal(JSTR(body, "metadata", "namespace"), "shop");
    assert_string_equal(JSTR(body, "metadata", "labels", "controller.certroll.dev/fao"), "true");
    assert_int_equal(json_count(JGET(body, "data")), 3);
    expect_data(body, "tls.crt", s.chain);
    expect_data(body, "tls.key", "key bytes");
    expect_data(body, "ca.crt", "the root");
    AUTO(pki_cert_release) struct pki_cert leaf = {0};
    expect_ok(pki_cert_parse(s.chain, strlen(s.chain), &leaf));
    const char *const want[][2] = {
        {G "certificate-name", "web"},       {G "issuer-name", "ca"},
        {G "issuer-kind", "Issuer"},         {G "issuer-group", "certroll.dev"},
        {G "common-name", "a.test"},         {G "alt-names", "a.test,b.test"},
        {G "ip-sans", "192.0.2.1"},          {G "uri-sans", "spiffe://x/y"},
        {G "email-sans", "a@b.test"},        {G "issued-at", "2026-01-01T00:00:00Z"},
        {G "fingerprint", leaf.fingerprint},
    };
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_string_equal(annotation(body, want[i][0]), want[i][1]);
    assert_int_equal(json_count(JGET(body, "metadata", "annotations")), ARRAY_LEN(want));
}

/* cert-manager writes four of them even when they are empty, and tools look for them. */
static void four_annotations_are_there_even_empty(void **state)
{
    (void)state;
    struct pki_names names = {0};
    strlist_add(&names.dns, "a.test");
    SAMPLE s = {0};
    sample_init(&s, &names);
    json_auto_t *body = built(&s.content);
    assert_string_equal(annotation(body, G "common-name"), "");
    assert_string_equal(annotation(body, G "alt-names"), "a.test");
    assert_string_equal(annotation(body, G "ip-sans"), "");
    assert_string_equal(annotation(body, G "uri-sans"), "");
    assert_null(annotation(body, G "email-sans"));
    assert_null(annotation(body, G "subject-organizations"));
    assert_null(annotation(body, G "subject-serialnumber"));
    assert_null(annotation(body, API_RENEW));
    assert_null(annotation(body, API_CERTIFICATE_ID)); /* self-signed: no AKI */
    assert_null(annotation(body, API_ACME_ACCOUNT));
    assert_null(JGET(body, "data", "ca.crt"));
}

static void the_subject_is_written(void **state)
{
    (void)state;
    struct pki_names names = {.serial_number = x_strdup("sn")};
    strlist_add(&names.dns, "a.test");
    strlist_add(&names.organizations, "org");
    strlist_add(&names.organizational_units, "unit");
    strlist_add(&names.countries, "DE");
    strlist_add(&names.provinces, "BW");
    strlist_add(&names.localities, "town");
    strlist_add(&names.postal_codes, "70173");
    strlist_add(&names.street_addresses, "street 1");
    SAMPLE s = {0};
    sample_init(&s, &names);
    json_auto_t *body = built(&s.content);
    assert_string_equal(annotation(body, G "subject-organizations"), "org");
    assert_string_equal(annotation(body, G "subject-organizationalunits"), "unit");
    assert_string_equal(annotation(body, G "subject-countries"), "DE");
    assert_string_equal(annotation(body, G "subject-provinces"), "BW");
    assert_string_equal(annotation(body, G "subject-localities"), "town");
    assert_string_equal(annotation(body, G "subject-postalcodes"), "70173");
    assert_string_equal(annotation(body, G "subject-streetaddresses"), "street 1");
    assert_string_equal(annotation(body, G "subject-serialnumber"), "sn");
}

/* As Go's encoding/csv, which cert-manager writes and reads these with. */
static void lists_are_quoted_like_csv(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"plain", "plain"},
        {"with space", "with space"},
        {"trailing ", "trailing "},
        {" leading", "\" leading\""},
        {"Example, Inc.", "\"Example, Inc.\""},
        {"the \"best\"", "\"the \"\"best\"\"\""},
        {"\"", "\"\"\"\""},
        {",", "\",\""},
        {"it's", "it's"},
        {"a;b", "a;b"},
        {"\\.", "\"\\.\""},
        {"\\.x", "\\.x"},
        {"M\xc3\xbcller", "M\xc3\xbcller"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pki_names names = {0};
        strlist_add(&names.dns, "a.test");
        strlist_add(&names.organizations, rows[i][0]);
        SAMPLE s = {0};
        sample_init(&s, &names);
        json_auto_t *body = built(&s.content);
        assert_string_equal(annotation(body, G "subject-organizations"), rows[i][1]);
    }
    struct pki_names names = {0};
    strlist_add(&names.dns, "a.test");
    strlist_add(&names.organizations, "a, b");
    strlist_add(&names.organizations, "c");
    SAMPLE s = {0};
    sample_init(&s, &names);
    json_auto_t *body = built(&s.content);
    assert_string_equal(annotation(body, G "subject-organizations"), "\"a, b\",c");
}

static void the_template_is_below_ours(void **state)
{
    (void)state;
    struct pki_names names = {0};
    strlist_add(&names.dns, "a.test");
    SAMPLE s = {0};
    sample_init(&s, &names);
    static const struct bind_pair annotations[] = {{"note", "n"}, {G "certificate-name", "evil"}};
    static const struct bind_pair labels[] = {{"controller.certroll.dev/fao", "no"}, {"team", "t"}};
    struct certificate shaped = crt;
    shaped.spec.secret_template.annotations = (struct bind_map){annotations, 2};
    shaped.spec.secret_template.labels = (struct bind_map){labels, 2};
    shaped.spec.issuer_ref = (struct issuer_ref){"ca", "ClusterIssuer", "x.example.org"};
    s.content.crt = &shaped;
    json_auto_t *body = built(&s.content);
    assert_string_equal(annotation(body, "note"), "n");
    assert_string_equal(annotation(body, G "certificate-name"), "web");
    assert_string_equal(annotation(body, G "issuer-kind"), "ClusterIssuer");
    assert_string_equal(annotation(body, G "issuer-group"), "x.example.org");
    assert_string_equal(JSTR(body, "metadata", "labels", "team"), "t");
    assert_string_equal(JSTR(body, "metadata", "labels", "controller.certroll.dev/fao"), "true");
}

static void type_and_wish_are_passed_on(void **state)
{
    (void)state;
    struct pki_names names = {0};
    strlist_add(&names.dns, "a.test");
    SAMPLE s = {0};
    sample_init(&s, &names);
    s.content.type = "Opaque";
    s.content.renew = "7";
    s.content.ca = "";
    json_auto_t *body = built(&s.content);
    assert_string_equal(JSTR(body, "type"), "Opaque");
    assert_string_equal(annotation(body, API_RENEW), "7");
    assert_null(JGET(body, "data", "ca.crt"));
}

static void a_chain_that_is_none_is_refused(void **state)
{
    (void)state;
    struct secret key = {0};
    const struct tls_secret_content c = {.crt = &crt, .chain = "no PEM", .key = &key};
    json_t *body = NULL;
    expect_err(tls_secret_build(&c, &body), ERR_INVALID, NULL, NULL);
    assert_null(body);
}

/* ---- is it current? ---- */

#define BODY "{\"metadata\":{\"annotations\":{\"a\":\"1\",\"b\":\"\"},\"labels\":{\"l\":\"x\"}}}"
#define LIVE(annotations, labels, managed)                                                         \
    "{\"metadata\":{\"annotations\":{" annotations "},\"labels\":{" labels                         \
    "},\"managedFields\":[" managed "]}}"
#define MANAGED(manager, operation, fields)                                                        \
    "{\"manager\":\"" manager "\",\"operation\":\"" operation                                      \
    "\",\"fieldsV1\":{\"f:metadata\":{" fields "}}}"
#define ALL "\"a\":\"1\",\"b\":\"\""

static void current_metadata_is_recognized(void **state)
{
    (void)state;
    static const struct {
        const char *live;
        bool current;
    } rows[] = {
        {LIVE(ALL, "\"l\":\"x\"", ""), true},
        /* What others added is theirs. */
        {LIVE(ALL ",\"z\":\"z\"", "\"l\":\"x\",\"m\":\"m\"", ""), true},
        {LIVE(ALL ",\"z\":\"z\"", "\"l\":\"x\"",
              MANAGED("kubectl", "Update", "\"f:annotations\":{\"f:z\":{}}")),
         true},
        {LIVE(ALL, "\"l\":\"x\"",
              MANAGED(
                  "certroll", "Apply",
                  "\"f:annotations\":{\".\":{},\"f:a\":{},\"f:b\":{}},\"f:labels\":{\"f:l\":{}}")),
         true},
        /* Missing or another value. */
        {LIVE("\"a\":\"1\"", "\"l\":\"x\"", ""), false},
        {LIVE("\"a\":\"2\",\"b\":\"\"", "\"l\":\"x\"", ""), false},
        {LIVE(ALL, "", ""), false},
        {LIVE(ALL, "\"l\":\"y\"", ""), false},
        {"{\"metadata\":{}}", false},
        {"{}", false},
        /* We applied z once and no longer want it. */
        {LIVE(ALL ",\"z\":\"z\"", "\"l\":\"x\"",
              MANAGED("certroll", "Apply", "\"f:annotations\":{\"f:a\":{},\"f:z\":{}}")),
         false},
        {LIVE(ALL, "\"l\":\"x\",\"z\":\"z\"",
              MANAGED("kubectl", "Update", "") "," MANAGED("certroll", "Apply",
                                                           "\"f:labels\":{\"f:l\":{},\"f:z\":{}}")),
         false},
        /* No apply takes away what an update under our name has written. */
        {LIVE(ALL ",\"z\":\"z\"", "\"l\":\"x\"",
              MANAGED("certroll", "Update", "\"f:annotations\":{\"f:z\":{}}")),
         true},
    };
    json_auto_t *body = parsed(BODY);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *live = parsed(rows[i].live);
        if (tls_secret_metadata_is_current(live, body) != rows[i].current)
            fail_msg("%s", rows[i].live);
    }
}

/* ---- apply ---- */

static void apply_is_ours_and_known_to_the_cache(void **state)
{
    (void)state;
    SCRIPTED api;
    scripted_init(&api);
    struct kube_client *client = scripted_kube(&api);
    const struct store store = {.client = client, .cache = cache_new(&kind_secret)};
    cache_replace_begin(store.cache);
    cache_replace_end(store.cache, "1");
    scripted_plan(&api, "PATCH https://api/api/v1/namespaces/shop/secrets/web-tls", 200,
                  "{\"metadata\":{\"name\":\"web-tls\",\"namespace\":\"shop\",\"uid\":\"u\","
                  "\"resourceVersion\":\"5\",\"annotations\":{\"" G
                  "certificate-name\":\"web\"}}}");
    json_auto_t *body = parsed("{\"data\":{\"tls.key\":\"a2V5\"}}");
    expect_ok(tls_secret_apply(&store, &crt.obj.meta, "web-tls", body));
    assert_true(scripted_seen(&api, 0)->flags & HTTP_SECRET);
    json_auto_t *sent = scripted_json(&api, 0);
    assert_true(json_same(sent, body));
    const void *found = NULL;
    expect_ok(cache_get(store.cache, "shop", "web-tls", &found));
    AUTO_OBJECT(struct tls_secret) s = found;
    assert_non_null(s);
    assert_string_equal(s->obj.meta.resource_version, "5");
    cache_free(store.cache);
    kube_client_free(client);
}

static int prepare(void **state)
{
    (void)state;
    json_room_init();
    pki_init();
    expect_ok(api_init(API_DEFAULT_GROUP));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_secret_is_complete),
        cmocka_unit_test(four_annotations_are_there_even_empty),
        cmocka_unit_test(the_subject_is_written),
        cmocka_unit_test(lists_are_quoted_like_csv),
        cmocka_unit_test(the_template_is_below_ours),
        cmocka_unit_test(type_and_wish_are_passed_on),
        cmocka_unit_test(a_chain_that_is_none_is_refused),
        cmocka_unit_test(current_metadata_is_recognized),
        cmocka_unit_test(apply_is_ours_and_known_to_the_cache),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
