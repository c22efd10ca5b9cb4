/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CertificateRequests that name an issuer of ours: approved, then answered by the issuer's driver.
 * Approval and an answer that comes at once are one write.
 */
#include "reconcilers/request.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- reading one ---- */

struct err *request_csr(const struct certificate_request *request, struct pki_csr *ret_csr)
{
    const char *text = request->spec.request;
    size_t len = strnlen(text, PKI_CSR_PEM_MAX * 2);
    auto_free char *pem = NULL;
    TRY(base64_decode(text, len, &pem, &len), "spec.request");
    return pki_csr_parse(pem, len, ret_csr);
}

struct err *request_leaf(const struct certificate_request *request, struct pki_cert *ret_leaf)
{
    const char *text = str_or(request->status.certificate, "");
    size_t len = strlen(text);
    auto_free char *pem = NULL;
    TRY(base64_decode(text, len, &pem, &len), "status.certificate");
    return pki_cert_parse(pem, len, ret_leaf);
}

const struct certificate *request_certificate(const struct env *env,
                                              const struct certificate_request *request)
{
    const struct owner_reference *owner = object_controller(request);
    if (owner == NULL || !str_eq(owner->kind, "Certificate"))
        return NULL;
    const struct certificate *crt =
        cache_peek(env->certificates.cache, request->obj.meta.namespace, owner->name);
    if (crt == NULL || str_eq(crt->obj.meta.uid, owner->uid))
        return crt;
    object_unref(crt);
    return NULL;
}

static const struct condition *find(const struct certificate_request *r, const char *type)
{
    return condition_find(r->status.conditions.items, r->status.conditions.len, type);
}

static bool is_true(const struct certificate_request *r, const char *type)
{
    return condition_is_true(r->status.conditions.items, r->status.conditions.len, type);
}

/* ---- one pass ---- */

struct request_pass {
    const struct env *env;
    const struct certificate_request *request;
    int64_t now;
    int64_t next;
    struct certificate_request_status status;
    struct condition_set conditions;
    char *certificate; /* base64, owned */
    char *ca;
};

static void pass_release(struct request_pass *p)
{
    condition_set_release(&p->conditions);
    free(p->certificate);
    free(p->ca);
}

static void set(struct request_pass *p, const char *type, const char *status, const char *reason,
                const char *message)
{
    condition_set_put(
        &p->conditions,
        &(struct condition){.type = type, .status = status, .reason = reason, .message = message},
        p->now);
}

static void fail(struct request_pass *p, const char *message)
{
    set(p, "Ready", "False", "Failed", message);
    p->status.failure_time = p->now;
}

/* Identity fields are only as true as the admission policy that guards them; without one a request that
 * names a requester is refused, so nobody can borrow a name. */
static bool names_requester(const struct certificate_request_spec *s)
{
    return !str_empty(s->username) || !str_empty(s->uid) || s->groups.len > 0 || s->extra != NULL;
}

/* What the CSR says must not go beyond what the fields say: approvers look at the fields. */
static char *csr_contradiction(const struct certificate_request_spec *s, const struct pki_csr *csr)
{
    if (csr->is_ca && !s->is_ca)
        return x_strdup("the CSR asks for a CA certificate and spec.isCA is not set");
    if (csr->usages.key_usage == 0 && csr->usages.extended.len == 0)
        return NULL;
    AUTO(pki_usages_release) struct pki_usages asked = {0};
    struct err *e = pki_usages_build(&s->usages, s->is_ca, &asked);
    if (e != NULL) {
        char *text = x_printf("spec.usages: %s", e->message);
        err_free(e);
        return text;
    }
    return pki_usages_equal(&asked, &csr->usages)
               ? NULL
               : x_strdup("the CSR's key usages differ from spec.usages");
}

/* False when the request can never be answered; the verdict is set. */
static bool validate(struct request_pass *p, struct pki_csr *csr)
{
    const struct certificate_request_spec *s = &p->request->spec;
    auto_free char *why = NULL;
    struct err *e = request_csr(p->request, csr);
    if (e != NULL)
        why = x_strdup(e->message);
    else if (names_requester(s) && !p->env->config.trust_requesters)
        why = x_strdup("username, uid, groups and extra must be empty where no admission policy "
                       "checks them (--trust-requesters)");
    else
        why = csr_contradiction(s, csr);
    err_free(e);
    if (why == NULL)
        return true;
    set(p, "InvalidRequest", "True", "InvalidRequest", why);
    fail(p, why);
    return false;
}

/* The Certificate behind a request is known by UID, not by what an annotation claims. */
static struct err *find_certificate(struct request_pass *p, struct issuance *i)
{
    const struct owner_reference *owner = object_controller(p->request);
    if (owner == NULL || !str_eq(owner->kind, "Certificate"))
        return NULL;
    AUTO_OBJECT(struct certificate) crt = NULL;
    TRY(err_ignore(store_get(&p->env->certificates, p->request->obj.meta.namespace, owner->name,
                             (const void **)&crt),
                   ERR_CONFLICT));
    if (crt != NULL && !str_eq(crt->obj.meta.uid, owner->uid))
        return NULL;
    const char *text =
        bind_map_get(&p->request->obj.meta.annotations, api_names()->certificate_revision);
    if (text == NULL)
        return NULL;
    err_drop(str_to_i64(text, 1, INT64_MAX, &i->revision)); /* unreadable: no key is found */
    i->certificate_uid = owner->uid;
    return NULL;
}

static void apply_result(struct request_pass *p, const struct issuance_result *r)
{
    switch (r->state) {
    case ISSUANCE_PENDING:
        set(p, "Ready", "False", str_or(r->reason, "Pending"), r->message);
        p->next = r->next;
        return;
    case ISSUANCE_FAILED:
        fail(p, r->message);
        return;
    case ISSUANCE_ISSUED:
        p->certificate = base64_encode(r->chain_pem, strlen(r->chain_pem));
        p->status.certificate = p->certificate;
        if (r->ca_pem != NULL) {
            p->ca = base64_encode(r->ca_pem, strlen(r->ca_pem));
            p->status.ca = p->ca;
        }
        set(p, "Ready", "True", "Issued", r->message);
        return;
    }
}

static void wait_for_ready(struct request_pass *p)
{
    set(p, "Ready", "False", "Pending", "Referenced issuer does not have a Ready status condition");
}

/* What is under way elsewhere may end, and is taken then, whatever has become of the issuer. */
static struct err *ask_issuer(struct request_pass *p, const struct issuer *issuer,
                              const struct pki_csr *csr)
{
    const struct issuer_driver *driver = issuer_driver_of(&issuer->spec);
    bool ready = issuer_is_ready(issuer);
    if (driver == NULL || (driver->in_process && !ready)) {
        wait_for_ready(p);
        return NULL;
    }
    struct issuance i = {
        .issuer = issuer,
        .request = p->request,
        .csr = csr,
        .may_begin = ready,
        .duration = p->request->spec.duration != 0 ? p->request->spec.duration
                                                   : CERTIFICATE_DEFAULT_DURATION,
    };
    TRY(find_certificate(p, &i));
    AUTO(issuance_result_release) struct issuance_result result = {0};
    TRY(driver->issue(&p->env->issuer_env, &i, &result), "issuer %s", issuer->obj.meta.name);
    if (ready || result.state != ISSUANCE_PENDING)
        apply_result(p, &result);
    else
        wait_for_ready(p);
    return NULL;
}

static struct err *answer(struct request_pass *p)
{
    const struct certificate_request *r = p->request;
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    if (is_true(r, "Denied")) {
        set(p, "Ready", "False", "Denied",
            "The CertificateRequest was denied by an approval controller");
        p->status.failure_time = p->now;
        return NULL;
    }
    if (!validate(p, &csr))
        return NULL;
    AUTO_OBJECT(struct issuer) issuer = NULL;
    TRY(env_issuer(p->env, &r->spec.issuer_ref, r->obj.meta.namespace, &issuer));
    if (!is_true(r, "Approved"))
        set(p, "Approved", "True", api_names()->group,
            "Certificate request has been approved by certroll");
    if (issuer == NULL) {
        set(p, "Ready", "False", "Pending",
            "Referenced issuer does not exist: create it or correct spec.issuerRef");
        return NULL;
    }
    return ask_issuer(p, issuer, &csr);
}

static struct err *write_status(struct request_pass *p)
{
    p->status.conditions.items = p->conditions.items;
    p->status.conditions.len = p->conditions.len;
    return store_put_status(&p->env->requests, p->request, &certificate_request_status_table,
                            &p->request->status, &p->status);
}

/* What somebody has to put right is told while it is tried again; the words about a quota, which has numbers, once. */
static void tell_trouble(struct request_pass *p, const struct err *e)
{
    const struct condition *told = find(p->request, "Ready");
    bool denied = e->by_api_server && e->kind == ERR_DENIED;
    if ((!denied && !str_eq(e->reason, "NameTaken")) ||
        (denied && told != NULL && str_starts(told->message, DENIED_HERE)))
        return;
    auto_free char *message = x_printf("%s%s", denied ? DENIED_HERE : "", e->message);
    set(p, "Ready", "False", "Pending", message);
    err_drop(write_status(p)); /* what went wrong decides, whatever becomes of the report */
}

/* An input that cannot be answered is shown and not tried again until it changes. */
static struct err *finish(struct request_pass *p, struct err *failed)
{
    if (failed != NULL && failed->kind != ERR_INVALID) {
        tell_trouble(p, failed);
        return failed;
    }
    if (failed != NULL) {
        fail(p, failed->message);
        err_free(failed);
    }
    return write_status(p);
}

struct err *request_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
{
    const struct env *env = arg;
    AUTO_OBJECT(struct certificate_request) r = NULL;
    TRY(store_get(&env->requests, name->ns, name->name, (const void **)&r));
    if (r == NULL || r->obj.meta.deletion_timestamp != 0 ||
        !issuer_ref_is_ours(&r->spec.issuer_ref))
        return NULL;
    const char *why = NULL;
    const struct condition *ready = find(r, "Ready");
    bool denied_unseen =
        is_true(r, "Denied") && (ready == NULL || !str_eq(ready->reason, "Denied"));
    if (request_is_issued(r) || (request_has_failed(r, &why) && !denied_unseen))
        return NULL;
    AUTO(pass_release)
    struct request_pass p = {
        .env = env, .request = r, .now = clock_wall(env->clock), .status = r->status};
    condition_set_init(&p.conditions, r->status.conditions.items, r->status.conditions.len);
    TRY(finish(&p, answer(&p)));
    *ret_next = p.next;
    return NULL;
}
