/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_requests.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "pki/csr.h"
#include "sim/sim_issuers.h"
#include "sim/sim_pki.h"

#define KEY "sim.test/key" /* an annotation: the key, as PEM */

/* ---- what people do ---- */

/* A Certificate there that an ACME issuer of ours issues, or NULL. */
static const json_t *some_certificate(struct sim *s, const char *ns)
{
    auto_free struct sim_object **all = sim_api_all(s->api, "certificates");
    const json_t *found = NULL;
    for (size_t i = 0; all[i] != NULL; i++)
        if (str_eq(all[i]->ns, ns) &&
            str_eq(JSTR(all[i]->json, "spec", "issuerRef", "name"), "acme"))
            found = found == NULL || sim_chance(s, 500) ? all[i]->json : found;
    return found;
}

/* Names of its own, or what a Certificate has. */
static json_t *some_names(struct sim *s, const char *ns, unsigned number, const json_t *crt,
                          struct pki_names *names)
{
    const json_t *dns = JGET(crt, "spec", "dnsNames");
    for (size_t i = 0; i < json_count(dns); i++)
        strlist_add(&names->dns, json_text(json_item(dns, i)));
    if (crt != NULL)
        return json_copy_deep(JGET(crt, "spec", "issuerRef"));
    for (unsigned i = 0, n = 1 + sim_pick(s, 2); i < n; i++)
        strlist_add_take(&names->dns,
                         x_printf("%c%u.h%u.%s.test", 'a' + (int)i, sim_pick(s, 4), number, ns));
    return json_build("{s:s,s:s}", "kind", sim_chance(s, 500) ? "Issuer" : "ClusterIssuer", "name",
                      "acme");
}

/* Base64 of a CSR in PEM, and its key; both owned. */
static struct err *make_csr(const struct pki_names *names, char **ret_csr, char **ret_key)
{
    AUTO_KEY key = NULL;
    TRY(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}, &key));
    auto_free char *pem = NULL;
    TRY(pki_csr_make(&(struct pki_csr_spec){.names = names}, key, &pem));
    AUTO(secret_release) struct secret text = {0};
    TRY(pki_key_pem(key, PKI_PKCS8, &text));
    *ret_csr = base64_encode(pem, strlen(pem));
    *ret_key = x_strndup(text.data, text.len);
    return NULL;
}

static void create(struct sim *s, const char *ns, const char *name, unsigned number)
{
    AUTO(pki_names_release) struct pki_names names = {0};
    auto_free char *csr = NULL, *key = NULL;
    const json_t *crt = sim_chance(s, 500) ? some_certificate(s, ns) : NULL;
    json_t *issuer = some_names(s, ns, number, crt, &names);
    err_drop(pki_names_normalize(&names)); /* they are good ones */
    err_drop(make_csr(&names, &csr, &key));
    sim_note(s, "people ask for a certificate by hand: %s/%s", ns, name);
    sim_api_put(s->api, "certificaterequests",
                json_build("{s:s,s:s,s:{s:s,s:s,s:{s:s}},s:{s:s,s:o}}", "apiVersion",
                           "certroll.dev/v1", "kind", "CertificateRequest", "metadata", "name",
                           name, "namespace", ns, "annotations", KEY, key, "spec", "request", csr,
                           "issuerRef", issuer),
                &sim_kubectl);
}

void sim_requests_happen(struct sim *s)
{
    if (!sim_requests_are_made(s) || sim_chance(s, 400))
        return;
    unsigned number = sim_pick(s, 2);
    const char *ns = sim_issuers_some_namespace(s);
    auto_free char *name = x_printf("h%u", number);
    if (sim_api_find(s->api, "certificaterequests", ns, name) == NULL)
        create(s, ns, name, number);
    else if (sim_chance(s, 300))
        sim_api_delete(s->api, "certificaterequests", ns, name);
}

/* ---- rules ---- */

void sim_requests_check_gone(struct sim *s, const json_t *request)
{
    if (JSTR(request, "metadata", "annotations", KEY) != NULL)
        sim_fail(s, "certroll deleted CertificateRequest %s, which people made",
                 JSTR(request, "metadata", "name"));
}

static char *decoded(const char *text)
{
    char *raw = NULL;
    size_t len = 0;
    err_drop(base64_decode(text, strlen(text), &raw, &len)); /* then there is none */
    return raw;
}

static bool has_names(const char *csr_pem, const struct strlist *names)
{
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    err_drop(pki_csr_parse(csr_pem, strlen(csr_pem), &csr)); /* then it asks for nothing */
    return strlist_equal(&csr.names.dns, names);
}

/* What is wrong with its certificate, or NULL. */
static const char *fault(struct sim *s, const json_t *request, const char *key)
{
    auto_free char *csr = decoded(JSTR(request, "spec", "request"));
    auto_free char *pem = decoded(str_or(JSTR(request, "status", "certificate"), ""));
    AUTO(strlist_release) struct strlist names = {0};
    if (pem == NULL || !sim_pki_pair_matches(pem, key))
        return "has no certificate of its key";
    bool is_over = sim_pki_read(pem, &names) <= sim_now(s); /* nobody renews it */
    if (!has_names(csr, &names))
        return "has a certificate for other names";
    return is_over || sim_pki_chain_verifies(pem, sim_now(s)) ? NULL
                                                              : "has a chain that does not verify";
}

char *sim_requests_unfinished(struct sim *s)
{
    auto_free struct sim_object **all = sim_api_all(s->api, "certificaterequests");
    for (size_t i = 0; all[i] != NULL && sim_requests_are_made(s); i++) {
        const json_t *r = all[i]->json, *ready = sim_condition(r, "Ready");
        const char *key = JSTR(r, "metadata", "annotations", KEY);
        bool failed =
            str_eq(JSTR(ready, "reason"), "Failed") && JSTR(r, "status", "failureTime") != NULL;
        if (key == NULL || failed)
            continue;
        const char *why =
            str_eq(JSTR(ready, "status"), "True") ? fault(s, r, key) : "is not answered";
        if (why != NULL)
            return x_printf("CertificateRequest %s %s", JSTR(r, "metadata", "name"), why);
    }
    return NULL;
}
