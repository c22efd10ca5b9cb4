/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main loop of certroll, as a table: each row makes sure of one thing and is idempotent. Its name
 * is the reason in logs when it fails. Read this first.
 */
#include "reconcilers/certificate.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcilers/rollout.h"

static const struct {
    const char *name;
    struct err *(*ensure)(struct certificate_pass *p);
} steps[] = {
    {"Spec", ensure_spec},                      /* it can be understood */
    {"Ownership", ensure_ownership},            /* the Secret's name is ours to write */
    {"Inspected", ensure_inspected},            /* we know what the Secret holds */
    {"Revoked", ensure_revoked},                /* what was wished to be revoked is */
    {"Metadata", ensure_metadata},              /* labels and annotations follow the spec */
    {"Needed", ensure_needed},                  /* stop here unless a certificate is due */
    {"Issuer", ensure_issuer},                  /* who can issue it is there and ready */
    {"AttemptCurrent", ensure_attempt_current}, /* a running attempt asks for what the spec asks */
    {"Backoff", ensure_backoff},                /* the last failure is long enough ago */
    {"Preflight", ensure_preflight},            /* a staging CA has issued, where one is named */
    {"Key", ensure_key},                        /* the attempt has a private key */
    {"Request", ensure_request},                /* the CertificateRequest exists */
    {"Answer", ensure_answer},                  /* the issuer has answered it */
    {"Secret", ensure_secret},                  /* checked and written */
    {"Recorded", ensure_recorded},              /* status tells, leftovers are gone */
};

/* ---- helpers shared by the steps ---- */

void pass_wait(struct certificate_pass *p, int64_t next, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    free(p->waiting);
    p->waiting = x_vprintf(fmt, ap);
    va_end(ap);
    /* The schema has a maximum, and an error quotes whoever it comes from. */
    if (strlen(p->waiting) > CONDITION_MESSAGE_MAX)
        p->waiting[utf8_cut(p->waiting, CONDITION_MESSAGE_MAX)] = '\0';
    p->next = earlier(p->next, next);
    p->stop = true;
}

void pass_violation(struct certificate_pass *p, const char *reason, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    free(p->violation.message);
    p->violation.message = x_vprintf(fmt, ap);
    va_end(ap);
    p->violation.reason = reason;
}

void pass_set_issuing(struct certificate_pass *p, const char *status, const char *reason,
                      const char *message)
{
    condition_set_put(&p->conditions,
                      &(struct condition){.type = "Issuing",
                                          .status = status,
                                          .reason = reason,
                                          .message = message,
                                          .observed_generation = p->crt->obj.meta.generation},
                      p->now);
}

static void revision_suffix(const struct certificate_pass *p, char *out, size_t size)
{
    auto_free char *text = x_printf("%lld", (long long)p->crt->status.revision + 1);
    str_copy(out, size, text);
}

void attempt_name(const struct certificate_pass *p, char out[KUBE_NAME_MAX + 1])
{
    char suffix[24];
    revision_suffix(p, suffix, sizeof(suffix));
    name_join(p->crt->obj.meta.name, suffix, KUBE_NAME_MAX, out);
}

void attempt_key_name(const struct certificate_pass *p, char out[KUBE_NAME_MAX + 1])
{
    char suffix[24];
    revision_suffix(p, suffix, sizeof(suffix));
    auto_free char *key_suffix = x_printf("key-%s", suffix);
    name_join(p->crt->obj.meta.name, key_suffix, KUBE_NAME_MAX, out);
}

/* ---- one pass ---- */

static void pass_init(struct certificate_pass *p, const struct env *env,
                      const struct certificate *crt)
{
    *p = (struct certificate_pass){.env = env, .crt = crt, .now = clock_wall(env->clock)};
    p->status = crt->status;
    condition_set_init(&p->conditions, crt->status.conditions.items, crt->status.conditions.len);
}

static void pass_release(struct certificate_pass *p)
{
    wanted_release(&p->wanted);
    json_decref(p->held.json);
    free(p->violation.message);
    free(p->waiting);
    free(p->explanation);
    free(p->revocation_request);
    free(p->revocation_message);
    object_unref(p->secret);
    object_unref(p->primary);
    object_unref(p->issuer);
    object_unref(p->attempt);
    pki_key_free(p->key);
    condition_set_release(&p->conditions);
}

/* Ready says whether what is in the Secret serves the spec, not whether something is going on. */
static void set_ready(struct certificate_pass *p)
{
    struct condition ready = {.type = "Ready",
                              .status = "True",
                              .reason = "Ready",
                              .message = "Certificate is up to date and has not expired",
                              .observed_generation = p->crt->obj.meta.generation};
    if (p->violation.reason != NULL && !p->renewing) {
        ready.status = "False";
        ready.reason = p->violation.reason;
        ready.message = p->violation.message;
    } else if (p->held.certificate && p->held.not_after <= p->now) {
        ready.status = "False";
        ready.reason = "Expired";
        ready.message = "Certificate has expired";
    }
    condition_set_put(&p->conditions, &ready, p->now);
}

/* An in-process issuance is over in milliseconds: the write that would say "issuing" is saved unless
 * it takes long. */
static bool only_progress(const struct certificate_pass *p)
{
    return p->quiet && p->crt->status.conditions.len == 0;
}

/* The time of the next question to the CA is not worth a write of its own. */
static bool only_next_check(struct certificate_pass *p)
{
    int64_t *now = &p->status.renewal_info.next_check;
    int64_t next = *now;
    if (next == p->crt->status.renewal_info.next_check)
        return false;
    *now = p->crt->status.renewal_info.next_check;
    bool same = bind_equal(&certificate_status_table, &p->crt->status, &p->status);
    *now = next;
    return same;
}

static struct err *write_status(struct certificate_pass *p)
{
    p->status.next_action = p->waiting;
    p->status.conditions.items = p->conditions.items;
    p->status.conditions.len = p->conditions.len;
    if (only_progress(p))
        return NULL;
    if (p->held.certificate)
        TRY(rollout_progress(p->env, p->crt, p->held.fingerprint, &p->status.rollout));
    if (only_next_check(p))
        return NULL;
    return store_put_status(&p->env->certificates, p->crt, &certificate_status_table,
                            &p->crt->status, &p->status);
}

/* Ready turns False at notAfter, and renewal starts at its time, by timer. */
static void plan(struct certificate_pass *p)
{
    if (!p->held.certificate)
        return;
    if (p->held.not_after > p->now)
        p->next = earlier(p->next, p->held.not_after);
    if (p->status.renewal_time > p->now)
        p->next = earlier(p->next, p->status.renewal_time);
    if (p->next_check > p->now)
        p->next = earlier(p->next, p->next_check);
}

static struct err *run_steps(struct certificate_pass *p)
{
    for (size_t i = 0; i < ARRAY_LEN(steps) && !p->stop; i++)
        TRY(steps[i].ensure(p), "%s", steps[i].name);
    return NULL;
}

/* What the world refused is shown in status before the back-off takes over. */
static struct err *finish(struct certificate_pass *p, struct err *failed)
{
    if (failed != NULL && (failed->kind == ERR_CONFLICT || failed->kind == ERR_CANCELLED))
        return failed;
    if (failed != NULL) {
        p->quiet = false;
        pass_wait(p, 0, "tries again after: %s", failed->message);
        if (!p->held.certificate && p->violation.reason == NULL)
            pass_violation(p, failed->reason, "%s", failed->message);
    }
    set_ready(p);
    struct err *e = write_status(p);
    if (failed != NULL) {
        err_drop(e); /* the first error decides */
        return failed;
    }
    if (e == NULL)
        plan(p);
    return e;
}

struct err *certificate_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
{
    const struct env *env = arg;
    AUTO_OBJECT(struct certificate) crt = NULL;
    TRY(store_get(&env->certificates, name->ns, name->name, (const void **)&crt));
    if (crt == NULL || crt->obj.meta.deletion_timestamp != 0)
        return NULL;
    AUTO(pass_release) struct certificate_pass pass = {0};
    pass_init(&pass, env, crt);
    TRY(finish(&pass, run_steps(&pass)));
    *ret_next = pass.next;
    return NULL;
}
