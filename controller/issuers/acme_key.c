/* SPDX-License-Identifier: Apache-2.0 */
#include "issuers/acme_key.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "issuers/acme_registry.h"
#include "kube/secret.h"

#define FIELD_MANAGER "certroll-account"

char *acme_key_hash(const struct pki_key *key, const char *server)
{
    char spki[PKI_SHA256_HEX];
    pki_key_spki_sha256(key, spki);
    auto_free char *both = x_printf("%s %s", spki, server);
    char out[PKI_SHA256_HEX];
    pki_sha256_hex(both, strlen(both), out);
    return x_strdup(out);
}

void acme_keys_release(struct acme_keys *k)
{
    pki_key_free(k->key);
    pki_key_free(k->next);
    free(k->uid);
    free(k->version);
    *k = (struct acme_keys){0};
}

static const char *data_key(const struct issuer *issuer)
{
    return str_or(issuer->spec.acme->private_key_secret_ref.key, "tls.key");
}

/* Owned. */
static char *next_data_key(const struct issuer *issuer)
{
    return x_printf("%s.next", data_key(issuer));
}

static struct kube_ref secret_of(const struct issuer_env *env, const struct issuer *issuer)
{
    return (struct kube_ref){.res = &res_secret,
                             .ns = issuer_secret_namespace(env, issuer),
                             .name = issuer->spec.acme->private_key_secret_ref.name};
}

static struct err *take_key(const json_t *secret, const char *name, struct pki_key **ret_key)
{
    AUTO(secret_release) struct secret pem = {0};
    TRY(secret_json_value(secret, name, &pem));
    return err_wrap(pki_key_parse(pem.data, pem.len, ret_key), "data[\"%s\"]", name);
}

/* The present key is read at each look and rarely another: it is decoded once. */
static struct err *take_present_key(const struct issuer_env *env, const struct issuer *issuer,
                                    const json_t *secret, struct pki_key **ret_key)
{
    AUTO(secret_release) struct secret pem = {0};
    TRY(secret_json_value(secret, data_key(issuer), &pem));
    char hash[PKI_SHA256_HEX];
    pki_sha256_hex(pem.data, pem.len, hash);
    *ret_key = acme_registry_read(env, issuer, hash);
    if (*ret_key != NULL)
        return NULL;
    TRY(pki_key_parse(pem.data, pem.len, ret_key), "data[\"%s\"]", data_key(issuer));
    acme_registry_put_read(env, issuer, *ret_key, hash);
    return NULL;
}

static struct err *take_keys(const struct issuer_env *env, const struct issuer *issuer,
                             const json_t *secret, struct acme_keys *k)
{
    auto_free char *next = next_data_key(issuer);
    TRY(take_present_key(env, issuer, secret, &k->key));
    TRY(err_ignore(take_key(secret, next, &k->next), ERR_NOT_FOUND));
    k->uid = x_strdup_or_null(JSTR(secret, "metadata", "uid"));
    k->version = x_strdup_or_null(JSTR(secret, "metadata", "resourceVersion"));
    return NULL;
}

struct err *acme_keys_read(const struct issuer_env *env, const struct issuer *issuer,
                           struct acme_keys *ret_keys)
{
    const struct kube_ref ref = secret_of(env, issuer);
    json_auto_t *secret = NULL;
    TRY(kube_get(env->kube, &ref, KUBE_SECRET, &secret));
    struct acme_keys keys = {0};
    struct err *e = take_keys(env, issuer, secret, &keys);
    /* A list misses only what the cache has: it may be deleted before the stream has brought it. */
    if (e == NULL)
        e = cache_note_write(env->secrets.cache, secret);
    if (e == NULL)
        *ret_keys = keys;
    else
        acme_keys_release(&keys);
    return err_wrap(e, "Secret %s/%s, spec.acme.privateKeySecretRef", ref.ns, ref.name);
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

static struct err *put_key(json_t *secret, const char *name, const struct pki_key *key)
{
    AUTO(secret_release) struct secret pem = {0};
    TRY(pki_key_pem(key, PKI_PKCS8, &pem));
    secret_json_put(JGET(secret, "data"), name, pem.data, pem.len);
    return NULL;
}

static json_t *new_body(const struct kube_ref *ref)
{
    return json_build("{s:s,s:s,s:{s:s,s:s},s:{}}", "apiVersion", "v1", "kind", "Secret",
                      "metadata", "name", ref->name, "namespace", ref->ns, "data");
}

/* POST, never apply: of two writers one wins, and the other reads the winner's key. */
static struct err *create_key(const struct issuer_env *env, const struct issuer *issuer)
{
    const struct kube_ref ref = secret_of(env, issuer);
    AUTO_KEY key = NULL;
    TRY(acme_key_make(issuer, &key));
    json_auto_t *body = new_body(&ref);
    json_put_str(body, "type", "Opaque");
    TRY(put_key(body, data_key(issuer), key));
    return err_ignore(kube_create(env->kube, &ref, KUBE_SECRET, body, NULL), ERR_CONFLICT);
}

struct err *acme_keys_ensure(const struct issuer_env *env, const struct issuer *issuer,
                             struct acme_keys *ret_keys)
{
    struct err *e = acme_keys_read(env, issuer, ret_keys);
    if (!err_is(e, ERR_NOT_FOUND) || str_eq(e->reason, "MissingData"))
        return e;
    if (issuer->spec.acme->disable_account_key_generation)
        return err_wrap(e, "spec.acme.disableAccountKeyGeneration is set and the key is missing");
    err_free(e);
    TRY(create_key(env, issuer), "creating the account key");
    return acme_keys_read(env, issuer, ret_keys);
}

/* ---- another key ---- */

/* Server-side apply by a manager of its own: what it applied before and does not any more goes, in the
 * same write, so each write says all there is to be. Only onto the very Secret that was read. */
static struct err *apply_keys(const struct issuer_env *env, const struct issuer *issuer,
                              struct acme_keys *keys, const struct pki_key *key,
                              const struct pki_key *next)
{
    const struct kube_ref ref = secret_of(env, issuer);
    json_auto_t *body = new_body(&ref);
    json_put_str(JGET(body, "metadata"), "uid", keys->uid);
    json_put_str(JGET(body, "metadata"), "resourceVersion", keys->version);
    TRY(put_key(body, data_key(issuer), key));
    auto_free char *next_name = next_data_key(issuer);
    if (next != NULL)
        TRY(put_key(body, next_name, next));
    json_auto_t *answer = NULL;
    TRY(kube_apply(env->kube, &ref, KUBE_SECRET, FIELD_MANAGER, body, &answer), "Secret %s/%s",
        ref.ns, ref.name);
    free(keys->version);
    keys->version = x_strdup_or_null(JSTR(answer, "metadata", "resourceVersion"));
    return NULL;
}

struct err *acme_keys_begin(const struct issuer_env *env, const struct issuer *issuer,
                            struct acme_keys *keys)
{
    AUTO_KEY next = NULL;
    TRY(acme_key_make(issuer, &next));
    TRY(apply_keys(env, issuer, keys, keys->key, next), "storing the next account key");
    keys->next = TAKE(next);
    return NULL;
}

struct err *acme_keys_finish(const struct issuer_env *env, const struct issuer *issuer,
                             struct acme_keys *keys)
{
    TRY(apply_keys(env, issuer, keys, keys->next, NULL), "storing the account's new key");
    pki_key_free(keys->key);
    keys->key = TAKE(keys->next);
    return NULL;
}

struct err *acme_keys_abandon(const struct issuer_env *env, const struct issuer *issuer,
                              struct acme_keys *keys)
{
    TRY(apply_keys(env, issuer, keys, keys->key, NULL), "removing the next account key");
    pki_key_free(TAKE(keys->next));
    return NULL;
}
