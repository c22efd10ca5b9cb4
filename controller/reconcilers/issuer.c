/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/issuer.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "reconcilers/acme_wait.h"
#include "reconcilers/challenge_type.h"

static bool is_cluster(const struct issuer *issuer)
{
    return issuer->obj.meta.namespace == NULL;
}

static struct err *write_status(const struct env *env, const struct issuer *issuer,
                                const struct issuer_readiness *r)
{
    AUTO(condition_set_release) struct condition_set conditions;
    condition_set_init(&conditions, issuer->status.conditions.items, issuer->status.conditions.len);
    condition_set_put(&conditions,
                      &(struct condition){.type = "Ready",
                                          .status = r->ready ? "True" : "False",
                                          .reason = r->reason,
                                          .message = r->message,
                                          .observed_generation = issuer->obj.meta.generation},
                      clock_wall(env->clock));
    struct issuer_status status = issuer->status;
    status.conditions.items = conditions.items;
    status.conditions.len = conditions.len;
    if (r->has_acme)
        status.acme = r->acme;
    const struct store *store = is_cluster(issuer) ? &env->cluster_issuers : &env->issuers;
    return store_put_status(store, issuer, &issuer_status_table, &issuer->status, &status);
}

/* cert-manager's reasons, where users look for them. */
static const char *failure_reason(const struct issuer *issuer, const struct err *e)
{
    if (issuer->spec.acme == NULL)
        return "ErrInitIssuer";
    if (str_eq(e->reason, "AccountNotValid"))
        return "ErrVerifyACMEAccount";
    return e->kind == ERR_INVALID ? "InvalidConfig" : "ErrRegisterACMEAccount";
}

static void tell(const struct env *env, const struct issuer *issuer, bool warning,
                 const char *reason, const char *note)
{
    env_event(env, is_cluster(issuer) ? &kind_cluster_issuer : &kind_issuer, issuer, warning,
              reason, note);
}

static bool is_news(const struct issuer *issuer, const char *message)
{
    const struct condition *old =
        condition_find(issuer->status.conditions.items, issuer->status.conditions.len, "Ready");
    if (old == NULL || strlen(message) <= CONDITION_MESSAGE_MAX)
        return old == NULL || !str_eq(old->message, message);
    return !str_starts(message, old->message); /* which was cut */
}

/* What a person should hear of, though nothing failed. */
static void tell_news(const struct env *env, const struct issuer *issuer,
                      const struct issuer_readiness *r)
{
    const char *old = issuer->status.acme.terms_of_service;
    const char *now = r->acme.terms_of_service;
    if (r->ready && !str_empty(old) && !str_empty(now) && !str_eq(old, now)) {
        auto_free char *note = x_printf("The CA's terms of service are now %s (before: %s). Its "
                                        "accounts go on unless it asks for consent",
                                        now, old);
        tell(env, issuer, false, "TermsOfServiceChanged", note);
    }
    const char *hash = issuer->status.acme.last_private_key_hash;
    if (r->ready && str_eq(issuer->status.acme.uri, r->acme.uri) && !str_empty(hash) &&
        !str_eq(hash, r->acme.last_private_key_hash)) {
        auto_free char *note = x_printf("The ACME account %s has another key now, with the "
                                        "thumbprint %s",
                                        r->acme.uri, r->acme.thumbprint);
        tell(env, issuer, false, "AccountKeyChanged", note);
    }
    if (!r->ready && is_news(issuer, r->message))
        tell(env, issuer, true, r->reason, r->message);
}

static struct err *report_failure(const struct env *env, const struct issuer *issuer, struct err *e)
{
    if (e->kind == ERR_CONFLICT || e->kind == ERR_CANCELLED)
        return e;
    const struct issuer_readiness r = {.reason = failure_reason(issuer, e), .message = e->message};
    if (is_news(issuer, e->message))
        tell(env, issuer, true, r.reason, e->message);
    err_drop(write_status(env, issuer, &r)); /* the first error decides */
    return e;
}

/* The failure was told when it happened; here only what its write may have lost, to a conflict or a crash. */
static struct err *report_wait(const struct env *env, const struct issuer *issuer, int64_t until)
{
    const struct condition *told =
        condition_find(issuer->status.conditions.items, issuer->status.conditions.len, "Ready");
    if (told != NULL && str_eq(told->status, "False") &&
        told->observed_generation == issuer->obj.meta.generation)
        return NULL;
    char when[RFC3339_MAX];
    rfc3339_format(until, when);
    AUTO(issuer_readiness_release) struct issuer_readiness r = {.reason = "ErrRegisterACMEAccount"};
    r.message = x_printf("the CA failed and asked to wait: it is asked again at %s", when);
    return write_status(env, issuer, &r);
}

/* A solver that is turned off here makes its issuer unusable, and not only the names that it would prove: whoever turned
 * it off hears of it now, and not when these names are to be renewed. */
static struct err *check_features(const struct env *env, const struct issuer *issuer)
{
    const struct acme_issuer *acme = issuer->spec.acme;
    for (size_t i = 0; acme != NULL && i < acme->solvers.len; i++)
        TRY(challenge_type_check(&env->config.features, &acme->solvers.items[i]),
            "spec.acme.solvers[%zu]", i);
    return NULL;
}

/* What needs no CA to be refused; *ret_refused is false when there is nothing. */
static struct err *refuse(const struct env *env, const struct issuer *issuer, bool *ret_refused)
{
    AUTO(issuer_readiness_release) struct issuer_readiness r = {0};
    AUTO_ERR off = check_features(env, issuer);
    *ret_refused = true;
    if (issuer_driver_of(&issuer->spec) == NULL) {
        r.reason = "InvalidConfig";
        r.message = x_strdup("spec: write acme or selfSigned; this version knows no other issuer");
    } else if (off != NULL) {
        r.reason = "InvalidSolver";
        r.message = x_strdup(off->message);
        tell_news(env, issuer, &r);
    } else {
        *ret_refused = false;
        return NULL;
    }
    return write_status(env, issuer, &r);
}

struct err *issuer_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
{
    const struct env *env = arg;
    const struct store *store = name->ns[0] == '\0' ? &env->cluster_issuers : &env->issuers;
    AUTO_OBJECT(struct issuer) issuer = NULL;
    TRY(store_get(store, name->ns, name->name, (const void **)&issuer));
    if (issuer == NULL || issuer->obj.meta.deletion_timestamp != 0)
        return NULL;
    bool refused = false;
    TRY(refuse(env, issuer, &refused));
    if (refused)
        return NULL;
    /* Another spec may name another CA: it is not held. */
    auto_free char *held =
        x_printf("%s/%lld", issuer->obj.meta.uid, (long long)issuer->obj.meta.generation);
    if (acme_is_held(env, held, ret_next))
        return report_wait(env, issuer, *ret_next);
    AUTO(issuer_readiness_release) struct issuer_readiness r = {0};
    const struct issuer_driver *driver = issuer_driver_of(&issuer->spec);
    struct err *e = driver->ensure_ready(&env->issuer_env, issuer, &r);
    if (e != NULL)
        return report_failure(env, issuer, acme_hold(env, held, e));
    *ret_next = r.next;
    tell_news(env, issuer, &r);
    return write_status(env, issuer, &r);
}
