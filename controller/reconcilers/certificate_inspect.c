/* SPDX-License-Identifier: Apache-2.0 */
/* Steps 1 to 4: what is asked for, whose Secret it is, and what the Secret holds now. */
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "kube/secret.h"
#include "outputs/tls_secret.h"
#include "pki/csr.h"
#include "reconcilers/certificate.h"
#include "reconcilers/request.h"

/* Nobody tells when another object lets go of the Secret's name. */
#define LET_GO_AGAIN (3 * NS_PER_MIN)

struct err *ensure_spec(struct certificate_pass *p)
{
    struct err *e = wanted_from_spec(&p->crt->spec, &p->wanted);
    if (!err_is(e, ERR_INVALID))
        return e;
    pass_violation(p, "InvalidSpec", "%s", e->message);
    pass_wait(p, 0, "a change of the spec: %s", e->message);
    err_free(e);
    return NULL;
}

/* ---- ownership ---- */

/* The Certificate that the Secret's annotation names owns the name, else the oldest. */
static bool owns_before(const struct certificate *a, const struct certificate *b,
                        const char *annotated)
{
    bool a_named = str_eq(a->obj.meta.name, annotated);
    bool b_named = str_eq(b->obj.meta.name, annotated);
    if (a_named != b_named)
        return a_named;
    if (a->obj.meta.creation_timestamp != b->obj.meta.creation_timestamp)
        return a->obj.meta.creation_timestamp < b->obj.meta.creation_timestamp;
    return strcmp(a->obj.meta.uid, b->obj.meta.uid) < 0;
}

static struct err *find_rival(struct certificate_pass *p, const char *key, char **ret_rival)
{
    AUTO_OBJECT_LIST all = {0};
    TRY(cache_by_index(p->env->certificates.cache, p->env->certificates_by_secret, key, &all));
    const char *annotated = tls_secret_annotation(p->secret, api_names()->certificate_name);
    const struct certificate *owner = p->crt;
    for (size_t i = 0; i < all.len; i++) {
        const struct certificate *other = all.items[i];
        if (other->obj.meta.deletion_timestamp == 0 && owns_before(other, owner, annotated))
            owner = other;
    }
    *ret_rival =
        str_eq(owner->obj.meta.uid, p->crt->obj.meta.uid) ? NULL : x_strdup(owner->obj.meta.name);
    return NULL;
}

/* An issuer's own credential must never be overwritten by a certificate. */
static struct err *is_credential(struct certificate_pass *p, const char *key, bool *ret_is)
{
    const struct env *env = p->env;
    AUTO_OBJECT_LIST here = {0};
    TRY(cache_by_index(env->issuers.cache, env->issuers_by_secret, key, &here));
    AUTO_OBJECT_LIST cluster = {0};
    if (str_eq(p->crt->obj.meta.namespace, env->config.cluster_resource_namespace))
        TRY(cache_by_index(env->cluster_issuers.cache, env->cluster_issuers_by_secret,
                           p->crt->spec.secret_name, &cluster));
    *ret_is = here.len + cluster.len > 0;
    return NULL;
}

struct err *ensure_ownership(struct certificate_pass *p)
{
    const struct object_meta *meta = &p->crt->obj.meta;
    const char *name = p->crt->spec.secret_name;
    char key[KUBE_KEY_MAX];
    object_key(meta->namespace, name, key);
    TRY(store_get(&p->env->secrets, meta->namespace, name, (const void **)&p->secret));
    bool credential = false;
    TRY(is_credential(p, key, &credential));
    if (credential) {
        pass_violation(
            p, "InvalidSpec",
            "spec.secretName: Secret %s holds an issuer's credential: write another name", name);
        pass_wait(p, p->now + LET_GO_AGAIN,
                  "a change of spec.secretName, or of the issuer that uses Secret %s", name);
        return NULL;
    }
    auto_free char *rival = NULL;
    TRY(find_rival(p, key, &rival));
    if (rival == NULL)
        return NULL;
    pass_violation(p, "SecretNameInUse",
                   "spec.secretName: Secret %s belongs to Certificate %s: write another name", name,
                   rival);
    pass_wait(p, p->now + LET_GO_AGAIN, "Certificate %s to let go of Secret %s", rival, name);
    return NULL;
}

/* ---- inspection ---- */

/* Managed fields say that nobody else touched the pair, the fingerprint is the one in status, and this
 * generation was judged before: then the annotations are proof enough and no private data is read. */
static bool is_trusted(const struct certificate_pass *p)
{
    const struct certificate_status *s = &p->crt->status;
    const struct condition *ready = condition_find(s->conditions.items, s->conditions.len, "Ready");
    if (ready == NULL || ready->observed_generation != p->crt->obj.meta.generation)
        return false;
    if (!str_eq(ready->status, "True") && !str_eq(ready->reason, "Expired"))
        return false;
    const char *fingerprint = tls_secret_annotation(p->secret, API_FINGERPRINT);
    return p->secret->sole_owner && !str_empty(fingerprint) && s->not_after != 0 &&
           str_eq(fingerprint, s->fingerprint);
}

static void hold_from_status(struct certificate_pass *p)
{
    p->held.certificate = true;
    p->held.not_before = p->crt->status.not_before;
    p->held.not_after = p->crt->status.not_after;
    str_copy(p->held.fingerprint, sizeof(p->held.fingerprint), p->crt->status.fingerprint);
}

/* Who issued it, by the annotations we (or cert-manager) wrote: one of those that may, or NULL. */
static const struct issuer_ref *issued_by(const struct certificate_pass *p)
{
    const struct api_names *n = api_names();
    const json_t *a = JGET(p->held.json, "metadata", "annotations");
    const struct issuer_ref ref = {.name = JSTR(a, n->issuer_name),
                                   .kind = JSTR(a, n->issuer_kind),
                                   .group = JSTR(a, n->issuer_group)};
    return issuers_find(p, &ref);
}

/* The request of the current revision says exactly what was asked for; without it the certificate's
 * names have to do. */
static struct err *compare_request(struct certificate_pass *p,
                                   const struct certificate_request *request,
                                   const struct pki_key *key)
{
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    struct err *e = request_csr(request, &csr);
    if (e == NULL && !pki_csr_is_for(&csr, key)) {
        pass_violation(p, "SecretMismatch",
                       "Secret %s: its key pair is not that of CertificateRequest %s",
                       p->crt->spec.secret_name, request->obj.meta.name);
        return NULL;
    }
    err_drop(e); /* said below */
    auto_free char *difference = NULL;
    TRY(request_difference(p, request, &difference));
    if (difference != NULL)
        pass_violation(p, "RequestChanged",
                       "Fields on existing CertificateRequest %s do not match the spec: %s",
                       request->obj.meta.name, difference);
    return NULL;
}

static struct err *compare_with_spec(struct certificate_pass *p, const struct pki_cert *cert,
                                     const struct pki_key *key)
{
    TRY(issuers_known(p));
    if (issued_by(p) == NULL) {
        pass_violation(p, "IncorrectIssuer", "Secret %s was issued by another issuer",
                       p->crt->spec.secret_name);
        return NULL;
    }
    if (!pki_key_matches(key, &p->wanted.key)) {
        pass_violation(p, "SecretMismatch",
                       "The private key's algorithm or size differs from spec.privateKey");
        return NULL;
    }
    AUTO_OBJECT(struct certificate_request) current = NULL;
    TRY(current_request(p, &current));
    if (current != NULL)
        return compare_request(p, current, key);
    auto_free char *difference = pki_names_sans_difference(&p->wanted.names, &cert->names);
    if (difference != NULL)
        pass_violation(p, "SecretMismatch", "The certificate differs from the spec: %s",
                       difference);
    return NULL;
}

static void hold(struct certificate_pass *p, const struct pki_cert *cert)
{
    p->held.certificate = true;
    p->held.not_before = cert->not_before;
    p->held.not_after = cert->not_after;
    str_copy(p->held.fingerprint, sizeof(p->held.fingerprint), cert->fingerprint);
}

static struct err *violation_from(struct certificate_pass *p, const char *reason, struct err *e)
{
    pass_violation(p, reason, "Secret %s: %s", p->crt->spec.secret_name, e->message);
    err_free(e);
    return NULL;
}

static struct err *judge_pair(struct certificate_pass *p)
{
    AUTO(secret_release) struct secret chain = {0};
    AUTO(secret_release) struct secret pem = {0};
    struct err *e = secret_json_value(p->held.json, "tls.crt", &chain);
    if (e == NULL)
        e = secret_json_value(p->held.json, "tls.key", &pem);
    if (e != NULL)
        return violation_from(p, "MissingData", e);
    AUTO(pki_cert_release) struct pki_cert cert = {0};
    e = pki_cert_parse(chain.data, chain.len, &cert);
    if (e != NULL)
        return violation_from(p, "InvalidCertificate", e);
    AUTO_KEY key = NULL;
    e = pki_key_parse(pem.data, pem.len, &key);
    if (e != NULL)
        return violation_from(p, "InvalidKeyPair", e);
    if (!pki_key_equal(key, cert.public_key)) {
        pass_violation(p, "InvalidKeyPair", "Secret %s: tls.key does not belong to tls.crt",
                       p->crt->spec.secret_name);
        return NULL;
    }
    hold(p, &cert);
    return compare_with_spec(p, &cert, key);
}

/* A Secret that is not a certificate's must not be taken over, whatever it is called. */
static bool type_is_adoptable(const json_t *secret)
{
    const char *type = str_or(JSTR(secret, "type"), "Opaque");
    return str_eq(type, "kubernetes.io/tls") || str_eq(type, "Opaque");
}

static struct err *read_secret(struct certificate_pass *p)
{
    const struct kube_ref ref = {
        .res = &res_secret, .ns = p->crt->obj.meta.namespace, .name = p->crt->spec.secret_name};
    struct err *e = kube_get(p->env->kube, &ref, KUBE_SECRET, &p->held.json);
    if (err_is(e, ERR_NOT_FOUND)) {
        err_free(e);
        return NULL;
    }
    TRY(e);
    p->held.read = true;
    return NULL;
}

struct err *ensure_inspected(struct certificate_pass *p)
{
    if (p->secret != NULL && is_trusted(p)) {
        p->held.present = true;
        hold_from_status(p);
        return NULL;
    }
    if (p->secret != NULL)
        TRY(read_secret(p));
    if (!p->held.read) {
        pass_violation(p, "DoesNotExist", "Issuing certificate as Secret %s does not exist",
                       p->crt->spec.secret_name);
        return NULL;
    }
    p->held.present = true;
    if (!type_is_adoptable(p->held.json)) {
        pass_violation(p, "InvalidSpec",
                       "spec.secretName: Secret %s has type %s: write another name or delete it",
                       p->crt->spec.secret_name, JSTR(p->held.json, "type"));
        pass_wait(p, 0, "a change of spec.secretName");
        return NULL;
    }
    return judge_pair(p);
}

/* secretTemplate may change without a new certificate: the same bytes are applied again. */
struct err *ensure_metadata(struct certificate_pass *p)
{
    if (p->violation.reason != NULL || !p->held.read)
        return NULL;
    AUTO(secret_release) struct secret chain = {0};
    AUTO(secret_release) struct secret key = {0};
    AUTO(secret_release) struct secret ca = {0};
    TRY(secret_json_value(p->held.json, "tls.crt", &chain));
    TRY(secret_json_value(p->held.json, "tls.key", &key));
    err_drop(secret_json_value(p->held.json, "ca.crt", &ca)); /* optional */
    const char *issued = JSTR(p->held.json, "metadata", "annotations", API_ISSUED_AT);
    int64_t issued_at = p->now;
    if (issued != NULL)
        err_drop(rfc3339_parse(issued, &issued_at)); /* unreadable: as if written now */
    const struct tls_secret_content content = {
        .crt = p->crt,
        .issuer = issued_by(p),
        .chain = chain.data,
        .key = &key,
        .ca = ca.data,
        .type = JSTR(p->held.json, "type"),
        .issued_at = issued_at,
        .account = JSTR(p->held.json, "metadata", "annotations", API_ACME_ACCOUNT),
        .renew = JSTR(p->held.json, "metadata", "annotations", API_RENEW),
    };
    json_auto_t *body = NULL;
    TRY(tls_secret_build(&content, &body));
    if (tls_secret_metadata_is_current(p->held.json, body))
        return NULL;
    return tls_secret_apply(&p->env->secrets, &p->crt->obj.meta, p->crt->spec.secret_name, body);
}
