/* SPDX-License-Identifier: Apache-2.0 */
#include "budget_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "pki/csr.h"
#include "support/expect.h"

char *budget_csr;

char *budget_csr_of(const struct pki_names *names)
{
    auto_free char *pem = NULL;
    AUTO_KEY key = NULL;
    const struct pki_key_spec spec = {.algorithm = PKI_ECDSA, .size = 256};
    expect_ok(pki_key_generate(&spec, &key));
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = names}, key, &pem));
    return base64_encode(pem, strlen(pem));
}

char *budget_make_csr(const char *const *dns)
{
    AUTO(pki_names_release) struct pki_names names = {0};
    for (; *dns != NULL; dns++)
        strlist_add(&names.dns, *dns);
    return budget_csr_of(&names);
}

void budget_put_issuer(struct scene *s, const char *server, const char *limits)
{
    auto_free char *text = x_printf(
        "{\"metadata\":{\"name\":\"ca\",\"namespace\":\"shop\",\"uid\":\"i\",\"resourceVersion\":"
        "\"2\"},\"spec\":{\"acme\":{\"server\":\"%s\",\"privateKeySecretRef\":{\"name\":\"k\"}"
        ",\"limits\":{%s}}},\"status\":{\"acme\":{\"uri\":\"https://ca.test/account/1\"}}}",
        server, limits);
    scene_put(&s->env->issuers, text);
}

void budget_put_certificate(struct scene *s, const char *status)
{
    auto_free char *text =
        x_printf("{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"crt\","
                 "\"resourceVersion\":\"2\"},\"spec\":{\"secretName\":\"s\",\"issuerRef\":{"
                 "\"name\":\"ca\"}},\"status\":{%s}}",
                 status);
    scene_put(&s->env->certificates, text);
}

void budget_put_request(struct scene *s, int revision, const char *request, const char *status)
{
    auto_free char *text = x_printf(
        "{\"metadata\":{\"name\":\"web-%d\",\"namespace\":\"shop\",\"uid\":\"request%d\","
        "\"resourceVersion\":\"2\",\"annotations\":{\"certroll.dev/certificate-revision\":\"%d\"},"
        "\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":\"Certificate\","
        "\"name\":\"web\",\"uid\":\"crt\",\"controller\":true}]},\"spec\":{\"request\":\"%s\","
        "\"issuerRef\":{\"name\":\"ca\"}},\"status\":{%s}}",
        revision, revision, revision, request, status);
    scene_put(&s->env->requests, text);
}

char *budget_order_text(const char *uid, int version, const char *status)
{
    return x_printf(
        "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"shop\",\"uid\":\"%s\",\"resourceVersion\":"
        "\"%d\",\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":"
        "\"CertificateRequest\",\"name\":\"web-2\",\"uid\":\"request2\",\"controller\":true}]},"
        "\"spec\":{\"request\":\"%s\",\"issuerRef\":{\"name\":\"ca\"},\"dnsNames\":[\"b.test\"]},"
        "\"status\":{%s}}",
        uid, uid, version, budget_csr, status);
}

void budget_put_order(struct scene *s, const char *uid, int version, const char *status)
{
    auto_free char *text = budget_order_text(uid, version, status);
    scene_put(&s->env->orders, text);
}
