/* SPDX-License-Identifier: Apache-2.0 */
/* From the issuer's answer to the Secret, and what status tells meanwhile. */
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
#include "pki/cert.h"
#include "pki/csr.h"
#include "reconciler_scene.h"
#include "reconcilers/certificate.h"
#include "support/scripted_kube.h"

#define SECRET "https://api/api/v1/namespaces/shop/secrets/web-tls"

static char *certificate_text(const struct pki_names *names, struct pki_key *key)
{
    auto_free char *request = NULL, *pem = NULL;
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    const struct pki_usages usages = {0};
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = names}, key, &request));
    expect_ok(pki_csr_parse(request, strlen(request), &csr));
    const struct pki_self_sign_spec spec = {.csr = &csr,
                                            .key = key,
                                            .usages = &usages,
                                            .not_before = SCENE_NOW,
                                            .not_after = SCENE_NOW + 90 * NS_PER_DAY};
    expect_ok(pki_cert_self_sign(&spec, &pem));
    return base64_encode(pem, strlen(pem));
}

/* What follows the write may fail; a pass that ends there writes the status that it has. With the new fingerprint in it
 * the old dates would be believed, and the certificate renewed at once. */
static void status_tells_of_the_last_one_until_it_is_recorded(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    AUTO_KEY key = NULL;
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA}, &key));
    struct certificate_pass p = {.env = s.env, .now = SCENE_NOW + NS_PER_SEC, .key = key};
    strlist_add(&p.wanted.names.dns, "a.test");
    auto_free char *text = certificate_text(&p.wanted.names, key);
    const struct certificate crt = {
        .obj.meta = {.name = "web", .namespace = "shop", .uid = "crt"},
        .spec = {.secret_name = "web-tls"},
        .status = {.fingerprint = "before", .not_before = 1, .not_after = SCENE_NOW},
    };
    const struct certificate_request attempt = {.status.certificate = text};
    p.crt = &crt;
    p.attempt = &attempt;
    p.status = crt.status;
    str_copy(p.held.fingerprint, sizeof(p.held.fingerprint), "before");
    p.status.fingerprint = p.held.fingerprint; /* as the step Needed left it */
    scripted_plan(&s.world, "PATCH " SECRET, 200,
                  "{\"metadata\":{\"name\":\"web-tls\",\"namespace\":\"shop\",\"uid\":\"s\","
                  "\"resourceVersion\":\"9\"}}");
    expect_ok(ensure_secret(&p));
    assert_string_equal(p.status.fingerprint, "before");
    assert_int_equal(p.status.not_after, SCENE_NOW);
    assert_int_equal(p.held.not_after, SCENE_NOW + 90 * NS_PER_DAY);
    assert_string_not_equal(p.held.fingerprint, "before");
    pki_names_release(&p.wanted.names);
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
        cmocka_unit_test(status_tells_of_the_last_one_until_it_is_recorded),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
