/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Step "Preflight": a staging CA issues first, by a request of its own, and only then the real one is
 * asked. Until then that request is the attempt: it has to fit the spec, and fails, backs off and is
 * tried again as any other. Nobody needs its key, so it is not kept, and nothing of it goes into a Secret.
 */
#include <string.h>

#include "base/encode.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcilers/certificate.h"
#include "reconcilers/request.h"

/* What was proven is taken for true so long: the real issuer may have been away meanwhile. */
#define HOLDS (1 * NS_PER_HOUR)

static void preflight_name(const struct certificate_pass *p, char out[KUBE_NAME_MAX + 1])
{
    char attempt[KUBE_NAME_MAX + 1];
    attempt_name(p, attempt);
    name_join(attempt, "preflight", KUBE_NAME_MAX, out);
}

/* Deleted as soon as the real request is there, not when that is answered: so a passed preflight can never stand for a
 * second attempt. */
struct err *find_preflight(struct certificate_pass *p)
{
    char name[KUBE_NAME_MAX + 1];
    preflight_name(p, name);
    AUTO_OBJECT(struct certificate_request) trial = NULL;
    TRY(store_get(&p->env->requests, p->crt->obj.meta.namespace, name, (const void **)&trial));
    if (trial == NULL)
        return NULL;
    if (p->attempt == NULL && p->crt->spec.preflight != NULL) {
        p->attempt = TAKE(trial);
        p->preflight = true;
        return NULL;
    }
    return request_is_ours(p, trial) ? store_delete(&p->env->requests, trial) : NULL;
}

/* ---- the beginning ---- */

/* Another Issuer of the same CA would spend what a preflight is to save. */
static struct err *check_issuer(struct certificate_pass *p, const struct issuer_ref *ref)
{
    AUTO_OBJECT(struct issuer) issuer = NULL;
    if (!issuer_ref_is_ours(ref))
        return NULL;
    TRY(ready_issuer(p, ref, "spec.preflight.issuerRef", &issuer));
    if (issuer != NULL && p->issuer != NULL && issuer_is_same_ca(issuer, p->issuer))
        wait_for_issuer(
            p, "InvalidPreflight",
            x_printf("spec.preflight.issuerRef: %s %s has the server of the real issuer, %s: name "
                     "an issuer of a staging CA",
                     issuer_ref_kind(ref), ref->name, issuer->spec.acme->server));
    return NULL;
}

static struct err *create_request(struct certificate_pass *p, const struct issuer_ref *ref,
                                  const char *name)
{
    AUTO_KEY key = NULL;
    TRY(new_key(p, &key));
    if (key == NULL)
        return NULL;
    json_auto_t *body = NULL;
    TRY(wanted_request(p->crt, &p->wanted, key, name, ref, &body));
    json_t *annotations = JGET(body, "metadata", "annotations");
    json_put_str(annotations, API_PREFLIGHT, API_PREFLIGHT_ATTEMPT);
    json_put_str(annotations, API_RENEW, bind_map_get(&p->crt->obj.meta.annotations, API_RENEW));
    return store_create(&p->env->requests, p->crt->obj.meta.namespace, name, body);
}

static struct err *begin(struct certificate_pass *p)
{
    const struct issuer_ref *ref = &p->crt->spec.preflight->issuer_ref;
    TRY(check_issuer(p, ref));
    if (p->stop)
        return NULL;
    char name[KUBE_NAME_MAX + 1];
    preflight_name(p, name);
    TRY(create_request(p, ref, name));
    if (p->stop)
        return NULL;
    pass_set_issuing(p, "True", p->violation.reason, p->violation.message);
    pass_wait(p, p->now + ANSWER_PATIENCE, "preflight: CertificateRequest %s to be answered", name);
    return NULL;
}

/* ---- the end ---- */

static struct err *check_certificate(struct certificate_pass *p)
{
    const char *text = p->attempt->status.certificate;
    auto_free char *pem = NULL;
    size_t len = 0;
    AUTO(pki_cert_release) struct pki_cert leaf = {0};
    TRY(base64_decode(text, strlen(text), &pem, &len), "status.certificate");
    TRY(pki_cert_parse(pem, len, &leaf));
    auto_free char *difference = pki_names_sans_difference(&p->wanted.names, &leaf.names);
    if (difference != NULL)
        return err_new(ERR_INVALID, "InvalidCertificate",
                       "the staging CA's certificate differs from the spec: %s", difference);
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    TRY(request_csr(p->attempt, &csr));
    if (!pki_csr_is_for(&csr, leaf.public_key))
        return err_new(ERR_INVALID, "InvalidCertificate",
                       "the staging CA's certificate has another key than the request");
    if (leaf.not_after <= p->now)
        return err_new(ERR_INVALID, "InvalidCertificate",
                       "the staging CA's certificate has expired");
    return NULL;
}

static bool is_stale(const struct certificate_pass *p)
{
    const condition_list *c = &p->attempt->status.conditions;
    return p->now - condition_find(c->items, c->len, "Ready")->last_transition_time > HOLDS;
}

/* Passed: the same pass goes on to the request, whose appearance ends the preflight's. */
static struct err *judge(struct certificate_pass *p)
{
    TRY(check_certificate(p), "preflight");
    log_info("preflight passed", L_STR("request", p->attempt->obj.meta.name));
    object_unref(p->attempt);
    p->attempt = NULL;
    p->preflight = false;
    return NULL;
}

struct err *ensure_preflight(struct certificate_pass *p)
{
    if (p->crt->spec.preflight == NULL || (p->attempt != NULL && !p->preflight))
        return NULL;
    if (p->attempt != NULL && !request_is_issued(p->attempt))
        return attempt_wait(p);
    if (p->attempt != NULL && is_stale(p))
        TRY(drop_attempt(p));
    if (p->attempt == NULL)
        return begin(p);
    struct err *bad = judge(p);
    return bad != NULL ? attempt_reject(p, "PreflightFailed", bad) : NULL;
}
