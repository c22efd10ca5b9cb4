/* SPDX-License-Identifier: Apache-2.0 */
/* Steps 9 to 13: key, request, answer, Secret, record. */
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/turns.h"
#include "kube/secret.h"
#include "outputs/tls_secret.h"
#include "pki/check.h"
#include "reconcilers/certificate.h"
#include "reconcilers/request.h"

/* Making a larger one takes seconds to a minute: one at a time, so that the workers, and the processors, that are left
 * serve everybody else. */
#define QUICK_BITS 3072
#define TURN_SPREAD (4 * NS_PER_SEC)

/* ---- the key ---- */

/* *ret_key stays NULL when there is none, or what is there is none: a new one is made then. */
static struct err *read_key(const struct certificate_pass *p, const char *secret,
                            struct pki_key **ret_key)
{
    AUTO(secret_release) struct secret pem = {0};
    struct err *e =
        kube_secret_value(p->env->kube, p->crt->obj.meta.namespace, secret, "tls.key", &pem);
    if (e == NULL)
        e = pki_key_parse(pem.data, pem.len, ret_key);
    return err_ignore(err_ignore(e, ERR_NOT_FOUND), ERR_INVALID);
}

/* rotationPolicy Never: the key in the Secret is used again while it fits the spec. */
static struct err *reuse_key(struct certificate_pass *p, struct pki_key **ret_key)
{
    if (p->wanted.rotate || p->revoked || p->secret == NULL)
        return NULL;
    AUTO_KEY key = NULL;
    TRY(read_key(p, p->crt->spec.secret_name, &key));
    if (key != NULL && pki_key_matches(key, &p->wanted.key))
        *ret_key = TAKE(key);
    return NULL;
}

static bool takes_long(const struct pki_key_spec *k)
{
    return k->algorithm == PKI_RSA && k->size > QUICK_BITS;
}

struct err *new_key(struct certificate_pass *p, struct pki_key **ret_key)
{
    struct turns *turns = p->env->turns;
    if (!takes_long(&p->wanted.key))
        return pki_key_generate(&p->wanted.key, ret_key);
    if (!turns_take(turns, "large key", 1)) {
        pass_wait(p, p->now + NS_PER_SEC + rng_between(p->env->rng, 0, TURN_SPREAD),
                  "another RSA key of over %d bits to be made first", QUICK_BITS);
        return NULL;
    }
    struct err *e = pki_key_generate(&p->wanted.key, ret_key);
    turns_give(turns, "large key");
    return e;
}

/* p->key stays NULL when the pass has ended. */
static struct err *make_key(struct certificate_pass *p)
{
    TRY(reuse_key(p, &p->key));
    return p->key != NULL ? NULL : new_key(p, &p->key);
}

/* A request whose key is gone is of no use to anybody. */
static struct err *drop_keyless(struct certificate_pass *p)
{
    return p->attempt == NULL ? NULL : err_wrap(drop_attempt(p), "its private key is gone");
}

/* In-process: the key waits in memory. A request whose key a crash has taken is remade. Without one, a key is that of
 * a request whose making was not answered, and which may be there. */
static struct err *key_in_memory(struct certificate_pass *p)
{
    struct keyring *ring = p->env->issuer_env.keyring;
    const char *uid = p->crt->obj.meta.uid;
    int64_t revision = p->crt->status.revision + 1;
    p->key = keyring_get(ring, uid, revision);
    if (p->key != NULL && (p->attempt != NULL || pki_key_matches(p->key, &p->wanted.key)))
        return NULL;
    pki_key_free(TAKE(p->key));
    TRY(drop_keyless(p));
    TRY(make_key(p));
    if (p->key != NULL)
        keyring_put(ring, uid, revision, p->key);
    return NULL;
}

static struct err *create_key_secret(struct certificate_pass *p, const char *name)
{
    const struct object_meta *meta = &p->crt->obj.meta;
    TRY(make_key(p));
    if (p->key == NULL)
        return NULL;
    AUTO(secret_release) struct secret pem = {0};
    TRY(pki_key_pem(p->key, PKI_PKCS8, &pem));
    json_auto_t *body = json_build("{s:s,s:{s:s,s:s,s:{s:s},s:[o]},s:{}}", "type", "Opaque",
                                   "metadata", "name", name, "namespace", meta->namespace, "labels",
                                   api_names()->next_private_key, "true", "ownerReferences",
                                   owner_reference_json(&kind_certificate.res, meta), "data");
    secret_json_put(JGET(body, "data"), "tls.key", pem.data, pem.len);
    const struct kube_ref ref = {.res = &res_secret, .ns = meta->namespace, .name = name};
    json_put_str(body, "apiVersion", "v1");
    json_put_str(body, "kind", "Secret");
    json_auto_t *answer = NULL;
    TRY(kube_create(p->env->kube, &ref, KUBE_SECRET | KUBE_METADATA, body, &answer));
    fresh_keys_put(p->env->fresh_keys, JSTR(answer, "metadata", "uid"),
                   JSTR(answer, "metadata", "resourceVersion"), &pem);
    return cache_note_write(p->env->secrets.cache, answer);
}

static struct err *read_key_secret(struct certificate_pass *p, const struct tls_secret *stored)
{
    const struct object_meta *meta = &p->crt->obj.meta;
    const struct owner_reference *owner = object_controller(stored);
    if (owner == NULL || !str_eq(owner->uid, meta->uid))
        return err_new(ERR_TRANSIENT, "NameTaken",
                       "Secret %s/%s is needed for the next private key and belongs to somebody "
                       "else: delete it",
                       meta->namespace, stored->obj.meta.name);
    AUTO(secret_release) struct secret pem = {0};
    if (fresh_keys_take(p->env->fresh_keys, stored->obj.meta.uid, stored->obj.meta.resource_version,
                        &pem))
        return pki_key_parse(pem.data, pem.len, &p->key);
    return read_key(p, stored->obj.meta.name, &p->key);
}

/* A stored key that no longer fits the spec belongs to an attempt that was given up; one that cannot be read, to
 * nobody. */
static struct err *key_in_secret(struct certificate_pass *p)
{
    char name[KUBE_NAME_MAX + 1];
    attempt_key_name(p, name);
    AUTO_OBJECT(struct tls_secret) stored = NULL;
    TRY(store_get(&p->env->secrets, p->crt->obj.meta.namespace, name, (const void **)&stored));
    if (stored == NULL) {
        TRY(drop_keyless(p));
        return create_key_secret(p, name);
    }
    bool needed = p->attempt == NULL || request_is_issued(p->attempt);
    if (!needed)
        return NULL;
    TRY(read_key_secret(p, stored));
    if (p->key != NULL && pki_key_matches(p->key, &p->wanted.key))
        return NULL;
    TRY(drop_keyless(p));
    TRY(store_delete(&p->env->secrets, stored));
    pki_key_free(TAKE(p->key));
    return create_key_secret(p, name);
}

struct err *ensure_key(struct certificate_pass *p)
{
    if (p->driver != NULL && p->driver->in_process)
        return key_in_memory(p);
    return key_in_secret(p);
}

/* ---- the request ---- */

/* Which attempt it is, beside what the spec asks for. */
static void annotate_attempt(struct certificate_pass *p, json_t *annotations)
{
    const struct api_names *n = api_names();
    auto_free char *revision = x_printf("%lld", (long long)p->crt->status.revision + 1);
    json_put_str(annotations, n->certificate_revision, revision);
    json_put_str(annotations, API_RENEW, bind_map_get(&p->crt->obj.meta.annotations, API_RENEW));
    json_put_str(annotations, API_REPLACES, replaced_certificate(p));
    if (p->driver == NULL || !p->driver->in_process) {
        char key[KUBE_NAME_MAX + 1];
        attempt_key_name(p, key);
        json_put_str(annotations, n->private_key_secret_name, key);
    }
}

static void say_issuing(struct certificate_pass *p)
{
    p->quiet = !p->preflight && p->driver != NULL && p->driver->in_process;
    if (!p->quiet && !p->preflight) {
        attempt_key_name(p, p->key_secret);
        p->status.next_private_key_secret_name = p->key_secret;
    }
    pass_set_issuing(p, "True", p->violation.reason, p->violation.message);
}

struct err *ensure_request(struct certificate_pass *p)
{
    if (p->attempt != NULL)
        return NULL;
    char name[KUBE_NAME_MAX + 1];
    attempt_name(p, name);
    json_auto_t *body = NULL;
    TRY(wanted_request(p->crt, &p->wanted, p->key, name, p->ref, &body));
    annotate_attempt(p, JGET(body, "metadata", "annotations"));
    say_failed_over(p);
    TRY(store_create(&p->env->requests, p->crt->obj.meta.namespace, name, body));
    say_issuing(p);
    pass_wait(p, p->now + ANSWER_PATIENCE, "CertificateRequest %s to be answered", name);
    return NULL;
}

/* ---- the answer ---- */

/* When it was made, or placed and its Challenges made: what objects tell of its way. */
static struct err *last_move(const struct certificate_pass *p, const struct order *order,
                             int64_t *ret_moved)
{
    AUTO_OBJECT_LIST challenges = {0};
    TRY(cache_by_index(p->env->challenges.cache, p->env->challenges_by_owner, order->obj.meta.uid,
                       &challenges));
    *ret_moved = order->obj.meta.creation_timestamp;
    for (size_t i = 0; i < challenges.len; i++) {
        const struct challenge *c = challenges.items[i];
        if (c->obj.meta.creation_timestamp > *ret_moved)
            *ret_moved = c->obj.meta.creation_timestamp;
    }
    return NULL;
}

/* An Order that goes its way tells nothing but its name, which the request has, too. When many are under way at once
 * that would be a write for each, and soon untrue: it is told of one that has not moved for a while. */
static struct err *patience(struct certificate_pass *p, const struct condition *ready,
                            int64_t *ret_until)
{
    const struct object_meta *meta = &p->attempt->obj.meta;
    AUTO_OBJECT_LIST orders = {0};
    *ret_until = meta->creation_timestamp + ANSWER_PATIENCE;
    if (ready == NULL || p->now < *ret_until)
        return NULL;
    TRY(cache_by_index(p->env->orders.cache, p->env->orders_by_owner, meta->uid, &orders));
    for (size_t i = 0; i < orders.len; i++) {
        const struct order *o = orders.items[i];
        if (!str_ends(ready->message, o->obj.meta.name)) /* a word after that */
            continue;
        TRY(last_move(p, o, ret_until));
        *ret_until += ORDER_PATIENCE;
    }
    return NULL;
}

/* What the request waits for is repeated here once it takes long: a person looks at the Certificate
 * first. What was told stays. */
struct err *attempt_wait(struct certificate_pass *p)
{
    const char *name = p->attempt->obj.meta.name;
    const condition_list *c = &p->attempt->status.conditions;
    const struct condition *ready = condition_find(c->items, c->len, "Ready");
    const char *which = p->preflight ? "preflight: " : "";
    auto_free char *told =
        x_printf("%sCertificateRequest %s: %s", which, name,
                 ready != NULL ? ready->message : "nobody has answered it: is its issuer running?");
    int64_t until = 0;
    TRY(patience(p, ready, &until));
    say_issuing(p);
    if (p->now < until && !str_eq(told, p->crt->status.next_action)) {
        pass_wait(p, until, "%sCertificateRequest %s to be answered", which, name);
        return NULL;
    }
    p->quiet = false;
    if (ready != NULL && !str_eq(ready->reason, "Pending"))
        pass_set_issuing(p, "True", ready->reason, ready->message);
    pass_wait(p, 0, "%s", told);
    return NULL;
}

struct err *ensure_answer(struct certificate_pass *p)
{
    return request_is_issued(p->attempt) ? NULL : attempt_wait(p);
}

/* ---- the Secret ---- */

static struct err *decode_pem(const char *what, const char *text, char **ret_pem)
{
    *ret_pem = NULL;
    if (str_empty(text))
        return NULL;
    size_t len = strlen(text);
    return err_wrap(base64_decode(text, len, ret_pem, &len), "CertificateRequest %s", what);
}

/* Is it what was asked for, and can a TLS server use it? ret_key: as it is to be written. */
static struct err *check_pair(struct certificate_pass *p, const char *chain, struct secret *ret_key)
{
    AUTO(secret_release) struct secret key = {0};
    TRY(pki_key_pem(p->key, p->wanted.encoding, &key));
    const struct pki_check check = {
        .chain_pem = chain,
        .key_pem = key.data,
        .key_len = key.len,
        .names = &p->wanted.names,
        .now = p->now,
        .handshake = !p->crt->spec.is_ca,
        .signs = pki_usages_sign(&p->wanted.usages),
    };
    TRY(pki_check_pair(&check), "not written");
    *ret_key = key;
    key = (struct secret){0};
    return NULL;
}

static struct err *write_secret(struct certificate_pass *p, const char *chain,
                                const struct pki_cert *leaf, const char *ca,
                                const struct secret *key)
{
    const struct tls_secret_content content = {
        .crt = p->crt,
        .issuer = &p->attempt->spec.issuer_ref,
        .chain = chain,
        .leaf = leaf,
        .key = key,
        .ca = ca,
        .type = p->held.json != NULL ? JSTR(p->held.json, "type") : NULL,
        .issued_at = p->now,
        .account = p->issuer != NULL ? p->issuer->status.acme.uri : NULL,
        .renew = bind_map_get(&p->crt->obj.meta.annotations, API_RENEW),
    };
    json_auto_t *body = NULL;
    TRY(tls_secret_build(&content, &body));
    return tls_secret_apply(&p->env->secrets, &p->crt->obj.meta, p->crt->spec.secret_name, body);
}

/* The type of a Secret cannot change: before the first write into one that is there, it is asked. */
static struct err *know_type(struct certificate_pass *p)
{
    if (p->secret == NULL || p->held.read)
        return NULL;
    const struct kube_ref ref = {
        .res = &res_secret, .ns = p->crt->obj.meta.namespace, .name = p->crt->spec.secret_name};
    TRY(err_ignore(kube_get(p->env->kube, &ref, KUBE_SECRET, &p->held.json), ERR_NOT_FOUND));
    p->held.read = p->held.json != NULL;
    return NULL;
}

/* Until the certificate is recorded, status tells of the one before: else a pass that fails in between leaves
 * a status with the new fingerprint and the old dates, which then is believed without a look at the Secret. */
static void tell_of_last(struct certificate_pass *p)
{
    const struct certificate_status *was = &p->crt->status;
    p->status.fingerprint = was->fingerprint;
    p->status.not_before = was->not_before;
    p->status.not_after = was->not_after;
}

struct err *ensure_secret(struct certificate_pass *p)
{
    auto_free char *chain = NULL;
    auto_free char *ca = NULL;
    AUTO(secret_release) struct secret key = {0};
    struct err *e = decode_pem("status.certificate", p->attempt->status.certificate, &chain);
    if (e == NULL)
        e = decode_pem("status.ca", p->attempt->status.ca, &ca);
    if (e == NULL && chain == NULL)
        return err_new(ERR_BUG, "NoCertificate", "an issued request has no certificate");
    if (e == NULL)
        e = check_pair(p, chain, &key);
    if (e != NULL)
        return attempt_reject(p, "InvalidCertificate", e);
    /* What is refused from here on is no fault of the certificate: another would fare no better. */
    TRY(know_type(p));
    AUTO(pki_cert_release) struct pki_cert leaf = {0};
    TRY(pki_cert_parse(chain, strlen(chain), &leaf));
    TRY(write_secret(p, chain, &leaf, ca, &key));
    tell_of_last(p);
    p->held.present = true;
    p->held.certificate = true;
    p->held.not_before = leaf.not_before;
    p->held.not_after = leaf.not_after;
    str_copy(p->held.fingerprint, sizeof(p->held.fingerprint), leaf.fingerprint);
    return NULL;
}

/* ---- the record ---- */

/* Not only the present attempt's: the answer to an earlier one's write may have been lost. */
struct err *drop_key_secrets(struct certificate_pass *p)
{
    AUTO_OBJECT_LIST owned = {0};
    TRY(cache_by_index(p->env->secrets.cache, p->env->secrets_by_owner, p->crt->obj.meta.uid,
                       &owned));
    for (size_t i = 0; i < owned.len; i++) {
        const struct tls_secret *s = owned.items[i];
        if (bind_map_get(&s->obj.meta.labels, api_names()->next_private_key) != NULL)
            TRY(store_delete(&p->env->secrets, s));
    }
    return NULL;
}

/* A person's preflight, which has an hour at most, that was killed before it could clean up. */
static bool is_forgotten(const struct certificate_pass *p, const struct certificate_request *r)
{
    return certificate_request_is_preflight(r) &&
           p->now - r->obj.meta.creation_timestamp > 2 * NS_PER_HOUR;
}

static struct err *drop_old_requests(struct certificate_pass *p)
{
    AUTO_OBJECT_LIST all = {0};
    TRY(cache_by_index(p->env->requests.cache, p->env->requests_by_owner, p->crt->obj.meta.uid,
                       &all));
    int64_t keep_from = p->crt->status.revision + 2 - p->crt->spec.revision_history_limit;
    for (size_t i = 0; i < all.len; i++) {
        const struct certificate_request *r = all.items[i];
        const char *text =
            bind_map_get(&r->obj.meta.annotations, api_names()->certificate_revision);
        int64_t revision = INT64_MAX;
        err_drop(str_to_i64(str_or(text, ""), 0, INT64_MAX, &revision)); /* foreign: kept */
        if (revision < keep_from || is_forgotten(p, r))
            TRY(store_delete(&p->env->requests, r));
    }
    return NULL;
}

struct err *ensure_recorded(struct certificate_pass *p)
{
    struct certificate_status *s = &p->status;
    /* The revision names what is left over: it moves only when that is gone. */
    TRY(drop_key_secrets(p));
    TRY(drop_old_requests(p));
    s->revision = p->crt->status.revision + 1;
    keyring_drop(p->env->issuer_env.keyring, p->crt->obj.meta.uid);
    s->last_failure_time = 0;
    s->failed_issuance_attempts = 0;
    s->failed_preflights = 0;
    s->failed_request = NULL;
    s->next_private_key_secret_name = NULL;
    s->not_before = p->held.not_before;
    s->not_after = p->held.not_after;
    s->renewal_time =
        renewal_time(&p->crt->spec, renewal_spread_of(p), s->not_before, s->not_after);
    s->fingerprint = p->held.fingerprint;
    begin_renewal_info(p);
    free(p->violation.message);
    p->violation = (struct violation){0};
    p->renewing = false;
    condition_set_remove(&p->conditions, "Issuing");
    env_event(p->env, &kind_certificate, p->crt, false, "Issuing",
              "The certificate has been successfully issued");
    log_info("certificate issued", L_STR("secret", p->crt->spec.secret_name),
             L_INT("revision", s->revision), L_STR("fingerprint", s->fingerprint));
    pass_content(p);
    return NULL;
}
