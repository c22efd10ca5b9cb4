/* SPDX-License-Identifier: Apache-2.0 */
#include "issuers/acme_key.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "issuers/acme_registry.h"
#include "kube/secret.h"

char *acme_key_hash(const struct pki_key *key, const char *server)
{
    char spki[PKI_SHA256_HEX];
    pki_key_spki_sha256(key, spki);
    auto_free char *both = x_printf("%s %s", spki, server);
    char out[PKI_SHA256_HEX];
    pki_sha256_hex(both, strlen(both), out);
    return x_strdup(out);
}

struct err *acme_key_read(const struct issuer_env *env, const struct issuer *issuer,
                          struct pki_key **ret_key)
{
    const struct secret_key_selector *ref = &issuer->spec.acme->private_key_secret_ref;
    const char *ns = issuer_secret_namespace(env, issuer);
    AUTO(secret_release) struct secret pem = {0};
    TRY(kube_secret_value(env->kube, ns, ref->name, str_or(ref->key, "tls.key"), &pem));
    char hash[PKI_SHA256_HEX];
    pki_sha256_hex(pem.data, pem.len, hash);
    *ret_key = acme_registry_read(env, issuer, hash);
    if (*ret_key != NULL)
        return NULL;
    TRY(pki_key_parse(pem.data, pem.len, ret_key), "Secret %s/%s, spec.acme.privateKeySecretRef",
        ns, ref->name);
    acme_registry_put_read(env, issuer, *ret_key, hash);
    return NULL;
}

/* RSA of 4096 bits takes a second or two: once per account, on a worker for calls to the outside, which
 * waits longer for many a CA. */
struct err *acme_key_make(const struct issuer *issuer, struct pki_key **ret_key)
{
    const struct acme_account_key *wish = &issuer->spec.acme->account_key;
    struct pki_key_spec spec = {.algorithm = PKI_ECDSA, .size = 256};
    if (str_eq(wish->algorithm, "ES384"))
        spec.size = 384;
    else if (str_eq(wish->algorithm, "RS256"))
        spec = (struct pki_key_spec){.algorithm = PKI_RSA, .size = (int)wish->size};
    else if (str_eq(wish->algorithm, "EdDSA"))
        spec.algorithm = PKI_ED25519;
    return err_wrap(pki_key_generate(&spec, ret_key), "spec.acme.accountKey");
}

/* POST, never apply: of two writers one wins, and the other reads the winner's key. */
static struct err *create_key(const struct issuer_env *env, const struct issuer *issuer)
{
    const struct secret_key_selector *ref = &issuer->spec.acme->private_key_secret_ref;
    const char *ns = issuer_secret_namespace(env, issuer);
    AUTO_KEY key = NULL;
    TRY(acme_key_make(issuer, &key));
    AUTO(secret_release) struct secret pem = {0};
    TRY(pki_key_pem(key, PKI_PKCS8, &pem));
    json_auto_t *body =
        json_build("{s:s,s:s,s:s,s:{s:s,s:s},s:{}}", "apiVersion", "v1", "kind", "Secret", "type",
                   "Opaque", "metadata", "name", ref->name, "namespace", ns, "data");
    secret_json_put(JGET(body, "data"), str_or(ref->key, "tls.key"), pem.data, pem.len);
    const struct kube_ref to = {.res = &res_secret, .ns = ns, .name = ref->name};
    return err_ignore(kube_create(env->kube, &to, KUBE_SECRET, body, NULL), ERR_CONFLICT);
}

struct err *acme_key_ensure(const struct issuer_env *env, const struct issuer *issuer,
                            struct pki_key **ret_key)
{
    struct err *e = acme_key_read(env, issuer, ret_key);
    if (!err_is(e, ERR_NOT_FOUND) || str_eq(e->reason, "MissingData"))
        return e;
    if (issuer->spec.acme->disable_account_key_generation)
        return err_wrap(e, "spec.acme.disableAccountKeyGeneration is set and the key is missing");
    err_free(e);
    TRY(create_key(env, issuer), "creating the account key");
    return acme_key_read(env, issuer, ret_key);
}
