/* SPDX-License-Identifier: Apache-2.0 */
/* Steps 5 to 8: is a certificate due, can it be issued now, and does a running attempt still fit? */
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "reconcilers/certificate.h"
#include "reconcilers/request.h"

/* ---- CertificateRequests of a Certificate ---- */

bool request_is_ours(const struct certificate_pass *p, const struct certificate_request *request)
{
    const struct owner_reference *owner = object_controller(request);
    return owner != NULL && str_eq(owner->uid, p->crt->obj.meta.uid);
}

struct err *current_request(struct certificate_pass *p,
                            const struct certificate_request **ret_request)
{
    AUTO_OBJECT_LIST all = {0};
    TRY(cache_by_index(p->env->requests.cache, p->env->requests_by_owner, p->crt->obj.meta.uid,
                       &all));
    auto_free char *revision = x_printf("%lld", (long long)p->crt->status.revision);
    *ret_request = NULL;
    for (size_t i = 0; i < all.len; i++) {
        const struct certificate_request *r = all.items[i];
        if (str_eq(bind_map_get(&r->obj.meta.annotations, api_names()->certificate_revision),
                   revision))
            *ret_request = object_ref(r);
    }
    return NULL;
}

static char *fields_difference(const struct certificate_pass *p,
                               const struct certificate_request_spec *r)
{
    const struct certificate_spec *spec = &p->crt->spec;
    bool trial = p->preflight && p->attempt != NULL && r == &p->attempt->spec;
    if (trial && !issuer_ref_equal(&r->issuer_ref, &spec->preflight->issuer_ref))
        return x_strdup("spec.preflight.issuerRef");
    if (!trial && issuers_find(p, &r->issuer_ref) == NULL)
        return x_strdup("spec.issuerRef");
    if (r->is_ca != spec->is_ca)
        return x_strdup("spec.isCA");
    if (r->duration != spec->duration)
        return x_strdup("spec.duration");
    struct bind_strings usages = wanted_usages(spec);
    bool same = usages.len == r->usages.len;
    for (size_t i = 0; same && i < usages.len; i++)
        same = bind_strings_has(&r->usages, usages.items[i]);
    return same ? NULL : x_strdup("spec.usages");
}

struct err *request_difference(struct certificate_pass *p,
                               const struct certificate_request *request, char **ret_difference)
{
    const char *profile = bind_map_get(&request->obj.meta.annotations, API_PROFILE);
    TRY(issuers_known(p));
    *ret_difference = fields_difference(p, &request->spec);
    if (*ret_difference == NULL && !str_eq(str_or(profile, ""), certificate_profile(p->crt)))
        *ret_difference = x_strdup("spec.profile");
    if (*ret_difference != NULL)
        return NULL;
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    struct err *e = request_csr(request, &csr);
    if (e != NULL) {
        *ret_difference = x_printf("spec.request: %s", e->message);
        err_free(e);
        return NULL;
    }
    *ret_difference = pki_names_difference(&p->wanted.names, &csr.names);
    if (*ret_difference == NULL && !pki_key_spec_same(&csr.key_spec, &p->wanted.key))
        *ret_difference = x_strdup("spec.privateKey");
    return NULL;
}

struct err *drop_attempt(struct certificate_pass *p)
{
    TRY(store_delete(&p->env->requests, p->attempt));
    object_unref(p->attempt);
    p->attempt = NULL;
    return NULL;
}

/* ---- is it due? ---- */

/* Somebody set Issuing=True (cmctl renew, kubectl certroll renew), or gave the renew annotation a
 * value that the Secret does not carry yet. */
static bool is_asked_for(const struct certificate_pass *p)
{
    const condition_list *c = &p->crt->status.conditions;
    if (condition_is_true(c->items, c->len, "Issuing"))
        return true;
    const char *wish = bind_map_get(&p->crt->obj.meta.annotations, API_RENEW);
    return !str_empty(wish) && !str_eq(wish, tls_secret_annotation(p->secret, API_RENEW));
}

static int64_t issued_at(const struct certificate_pass *p)
{
    const char *text = tls_secret_annotation(p->secret, API_ISSUED_AT);
    int64_t at = 0;
    if (text != NULL)
        err_drop(rfc3339_parse(text, &at)); /* unreadable: long ago */
    return at;
}

static struct err *record_held(struct certificate_pass *p)
{
    struct certificate_status *s = &p->status;
    s->not_before = p->held.not_before;
    s->not_after = p->held.not_after;
    s->fingerprint = p->held.fingerprint;
    TRY(follow_renewal_info(p));
    s->renewal_time = renewal_due(&p->crt->spec, renewal_spread_of(p), s, issued_at(p));
    return NULL;
}

/* Is it for what the spec says now? */
static struct err *attempt_fits(struct certificate_pass *p, bool *ret_fits)
{
    auto_free char *difference = NULL;
    *ret_fits = false;
    if (p->attempt == NULL || p->preflight || !request_is_ours(p, p->attempt))
        return NULL;
    TRY(request_difference(p, p->attempt, &difference));
    *ret_fits = difference == NULL;
    return NULL;
}

/* A crash may fall between the Secret and the status: then the attempt's certificate is in place. What the Secret
 * lacks against the request before this one says nothing. */
static struct err *attempt_is_in_place(struct certificate_pass *p, bool *ret_in_place)
{
    *ret_in_place = false;
    if (p->attempt == NULL || !p->held.certificate || p->attempt->status.certificate == NULL)
        return NULL;
    AUTO(pki_cert_release) struct pki_cert leaf = {0};
    AUTO_ERR unreadable = request_leaf(p->attempt, &leaf);
    if (unreadable != NULL || !str_eq(leaf.fingerprint, p->held.fingerprint))
        return NULL;
    return attempt_fits(p, ret_in_place);
}

/* Made by another replica, by whose clock it was time, or for a reason that was never written down: the CA may have
 * signed it. */
static struct err *go_on_with_attempt(struct certificate_pass *p)
{
    bool fits = false;
    const char *why = NULL;
    TRY(attempt_fits(p, &fits));
    if (!fits || request_has_failed(p->attempt, &why))
        return NULL;
    p->renewing = true;
    pass_violation(p, "Renewing", "Renewing certificate: CertificateRequest %s is under way",
                   p->attempt->obj.meta.name);
    return NULL;
}

/* An attempt that is not needed any more: the spec went back, or a renewal by hand failed and is not
 * repeated. Its key goes; a request that failed stays, to be read by people. */
static struct err *drop_unneeded(struct certificate_pass *p)
{
    const char *why = NULL;
    if (p->attempt != NULL && request_is_ours(p, p->attempt) &&
        !request_has_failed(p->attempt, &why))
        TRY(drop_attempt(p));
    return drop_key_secrets(p);
}

void pass_content(struct certificate_pass *p)
{
    char when[RFC3339_MAX];
    rfc3339_format(p->status.renewal_time, when);
    p->status.next_private_key_secret_name = NULL;
    pass_wait(p, 0, "renewal at %s", when);
}

struct err *ensure_needed(struct certificate_pass *p)
{
    char name[KUBE_NAME_MAX + 1];
    attempt_name(p, name);
    TRY(store_get(&p->env->requests, p->crt->obj.meta.namespace, name, (const void **)&p->attempt));
    TRY(find_preflight(p));
    if (p->held.certificate && p->violation.reason == NULL)
        TRY(record_held(p));
    bool in_place = false;
    TRY(attempt_is_in_place(p, &in_place));
    if (in_place)
        return ensure_recorded(p);
    if (p->violation.reason == NULL && p->held.certificate && p->status.renewal_time <= p->now) {
        char when[RFC3339_MAX];
        rfc3339_format(p->status.renewal_time, when);
        p->renewing = true;
        pass_violation(p, "Renewing", "Renewing certificate as renewal was scheduled at %s", when);
    }
    if (p->violation.reason == NULL && is_asked_for(p)) {
        p->renewing = true;
        pass_violation(p, "ManuallyTriggered", "Certificate re-issuance manually triggered");
    }
    if (p->violation.reason == NULL)
        TRY(go_on_with_attempt(p));
    if (p->violation.reason != NULL)
        return NULL;
    TRY(drop_unneeded(p));
    pass_content(p);
    return NULL;
}

/* ---- the attempt under way ---- */

/* A request that asks for something else than the spec does now is a waste: the next one is a new
 * attempt, at once and without back-off. */
struct err *ensure_attempt_current(struct certificate_pass *p)
{
    if (p->attempt == NULL)
        return NULL;
    if (!request_is_ours(p, p->attempt))
        return err_new(ERR_TRANSIENT, "NameTaken",
                       "CertificateRequest %s exists and is not this Certificate's: delete it",
                       p->attempt->obj.meta.name);
    auto_free char *difference = NULL;
    TRY(request_difference(p, p->attempt, &difference));
    if (difference == NULL)
        return NULL;
    p->status.failed_issuance_attempts = 0;
    p->status.failed_preflights = 0;
    p->status.failed_request = NULL;
    p->status.last_failure_time = 0;
    keyring_drop(p->env->issuer_env.keyring, p->crt->obj.meta.uid);
    return drop_attempt(p);
}

/* A certificate that lives for days has no time for waits of a day: a thirtieth of the life that the CA gave
 * last. */
static int64_t longest_wait(const struct certificate_pass *p)
{
    int64_t life = p->crt->status.not_after - p->crt->status.not_before;
    if (p->crt->status.not_after == 0 || life <= 0)
        return p->env->config.failure_backoff_max;
    return life / 30 > NS_PER_MIN ? life / 30 : NS_PER_MIN;
}

static int64_t retry_at(const struct certificate_pass *p)
{
    int64_t failures = p->status.failed_issuance_attempts;
    int64_t longest = longest_wait(p);
    int64_t min = p->env->config.failure_backoff_min, max = p->env->config.failure_backoff_max;
    const struct backoff b = {min < longest ? min : longest, max < longest ? max : longest, 0};
    return p->status.last_failure_time +
           backoff_delay(&b, failures > 0 ? (unsigned)(failures - 1) : 0, NULL);
}

static void wait_for_retry(struct certificate_pass *p)
{
    char when[RFC3339_MAX];
    rfc3339_format(retry_at(p), when);
    pass_wait(p, retry_at(p), "next attempt at %s, after %lld failed", when,
              (long long)p->status.failed_issuance_attempts);
}

struct err *attempt_failed(struct certificate_pass *p, int64_t when, const char *reason,
                           const char *message)
{
    /* Seconds are what the API keeps. Whether it was counted is told by the uid: clocks differ, and two attempts
     * may fall into one second. */
    p->status.last_failure_time = when - when % NS_PER_SEC;
    p->status.failed_issuance_attempts++;
    p->status.failed_preflights += p->preflight ? 1 : 0;
    p->status.failed_request = p->attempt->obj.meta.uid;
    pass_set_issuing(p, "False", reason, message);
    env_event(p->env, &kind_certificate, p->crt, true, reason, message);
    wait_for_retry(p);
    return NULL;
}

/* A wish that came after the failed attempt does not wait; the one that the attempt was made for does, or
 * it would be tried without end. */
static bool is_asked_anew(const struct certificate_pass *p)
{
    const condition_list *c = &p->crt->status.conditions;
    const char *wish = bind_map_get(&p->crt->obj.meta.annotations, API_RENEW);
    return condition_is_true(c->items, c->len, "Issuing") ||
           (!str_empty(wish) &&
            !str_eq(wish, bind_map_get(&p->attempt->obj.meta.annotations, API_RENEW)));
}

struct err *attempt_retry(struct certificate_pass *p)
{
    if (p->now < retry_at(p) && !is_asked_anew(p)) {
        wait_for_retry(p);
        return NULL;
    }
    keyring_drop(p->env->issuer_env.keyring, p->crt->obj.meta.uid);
    return drop_attempt(p);
}

bool attempt_is_counted(const struct certificate_pass *p)
{
    return str_eq(p->status.failed_request, p->attempt->obj.meta.uid);
}

struct err *ensure_backoff(struct certificate_pass *p)
{
    if (p->attempt == NULL)
        return NULL;
    const char *message = NULL;
    if (!request_has_failed(p->attempt, &message))
        return NULL;
    if (!attempt_is_counted(p))
        return attempt_failed(p, p->now, p->preflight ? "PreflightFailed" : "Failed", message);
    return attempt_retry(p);
}

struct err *attempt_reject(struct certificate_pass *p, const char *reason, struct err *e)
{
    if (!err_is(e, ERR_INVALID))
        return e;
    struct err *failed =
        attempt_is_counted(p) ? attempt_retry(p) : attempt_failed(p, p->now, reason, e->message);
    err_free(e);
    /* Deleted: the next pass starts afresh. */
    if (failed == NULL && p->attempt == NULL)
        pass_wait(p, p->now, "a new attempt");
    return failed;
}
