/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys, requests and certificates of strangers. The first byte says whether the rest is PEM text or
 * the DER of a block with a known label, so that mutations get past base64. What is accepted must
 * survive being written and read again, and OpenSSL's error queue must be empty.
 */
#include <openssl/err.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/mem.h"
#include "pki/cert.h"
#include "pki/check.h"
#include "pki/csr.h"
#include "pki/jws.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define IN_2030 (INT64_C(1893456000) * NS_PER_SEC)

static void check_that(bool ok)
{
    if (!ok)
        abort();
}

static char *pem_of(const char *label, const void *der, size_t len)
{
    auto_free char *body = base64_encode(der, len);
    return x_printf("-----BEGIN %s-----\n%s\n-----END %s-----\n", label, body, label);
}

static void use_public_key(const struct pki_key *key)
{
    char sum[PKI_SHA256_HEX];
    pki_key_spki_sha256(key, sum);
    auto_free char *thumbprint = pki_jwk_thumbprint(key);
    check_that(strlen(sum) == 64 && strlen(thumbprint) == 43);
}

static void try_key(const char *text, size_t len)
{
    AUTO_KEY key = NULL;
    AUTO_KEY again = NULL;
    AUTO_ERR refused = pki_key_parse(text, len, &key);
    if (refused != NULL)
        return;
    use_public_key(key);
    auto_free char *body = NULL;
    /* A key that cannot sign is refused with an error, never more. */
    err_drop(pki_jws_sign(&(struct pki_jws){.key = key, .url = "u", .payload = ""}, &body));
    AUTO(secret_release) struct secret pem = {0};
    AUTO_ERR unwritable = pki_key_pem(key, PKI_PKCS1, &pem);
    if (unwritable != NULL)
        return;
    AUTO_ERR unreadable = pki_key_parse(pem.data, pem.len, &again);
    /* An indented key may be longer than the limit when written again. */
    check_that(pem.len > PKI_KEY_PEM_MAX || (unreadable == NULL && pki_key_equal(key, again)));
}

static void try_request(const char *text, size_t len)
{
    AUTO(pki_csr_release) struct pki_csr csr = {0}, again = {0};
    AUTO_ERR refused = pki_csr_parse(text, len, &csr);
    if (refused != NULL)
        return;
    auto_free char *diff = pki_names_difference(&csr.names, &csr.names);
    check_that(diff == NULL && pki_usages_equal(&csr.usages, &csr.usages));
    auto_free char *pem = pem_of("CERTIFICATE REQUEST", csr.der, csr.der_len);
    if (strlen(pem) <= PKI_CSR_PEM_MAX) {
        AUTO_ERR unreadable = pki_csr_parse(pem, strlen(pem), &again);
        check_that(unreadable == NULL);
    }
}

static void try_certificate(const char *text, size_t len)
{
    AUTO(pki_cert_release) struct pki_cert cert = {0};
    AUTO_ERR refused = pki_cert_parse(text, len, &cert);
    if (refused != NULL)
        return;
    use_public_key(cert.public_key);
    auto_free char *diff = pki_names_difference(&cert.names, &cert.names);
    check_that(diff == NULL && cert.issuer != NULL && cert.serial != NULL);
}

static void try_chain(const char *text, size_t len)
{
    auto_free char *chain = NULL, *ca = NULL, *again = NULL, *again_ca = NULL;
    AUTO_ERR refused = pki_chain_arrange(text, len, &chain, &ca);
    if (refused != NULL || strlen(chain) > PKI_CHAIN_PEM_MAX)
        return;
    AUTO_ERR unstable = pki_chain_arrange(chain, strlen(chain), &again, &again_ca);
    check_that(unstable == NULL && strcmp(chain, again) == 0);
}

static void try_pair(const char *text, size_t len)
{
    const char *end = strstr(text, "-----END CERTIFICATE-----");
    if (end == NULL)
        return;
    auto_free char *chain = x_strndup(text, (size_t)(end - text) + 26);
    const struct pki_check check = {
        .chain_pem = chain,
        .key_pem = text + strlen(chain),
        .key_len = len - strlen(chain),
        .now = IN_2030,
        .handshake = true,
        .signs = true,
    };
    err_drop(pki_check_pair(&check)); /* any verdict will do */
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    json_room_init();
    pki_init();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const labels[] = {
        "CERTIFICATE REQUEST", "CERTIFICATE", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY",
    };
    if (size == 0)
        return 0;
    size_t which = data[0] - (size_t)'1'; /* '1' to '5'; anything else: text */
    auto_free char *text = which < ARRAY_LEN(labels) ? pem_of(labels[which], data + 1, size - 1)
                                                     : x_strndup((const char *)data + 1, size - 1);
    /* NUL bytes end the copy of a text: they are refused at once and a unit test shows it. */
    size_t len = strlen(text);
    try_key(text, len);
    try_request(text, len);
    try_certificate(text, len);
    try_chain(text, len);
    try_pair(text, len);
    check_that(ERR_peek_error() == 0);
    return 0;
}
