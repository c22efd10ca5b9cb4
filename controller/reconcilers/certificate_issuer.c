/* SPDX-License-Identifier: Apache-2.0 */
/* The step Issuer: who issues, and who does when that one fails or is not there. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "reconcilers/certificate.h"
#include "reconcilers/order.h"
#include "reconcilers/outage.h"
#include "reconcilers/request.h"

/* An outage is no event, and changes of the issuers that take over wake nobody here: while a certificate is due,
 * issuers that can be failed over from are looked at this often. */
#define LOOK_AGAIN NS_PER_MIN
/* A CA that did not answer, or that CAA forbade, is asked again, by a new attempt, after this. */
#define ASK_AGAIN (10 * NS_PER_MIN)
/* And one that CAA forbade, by an attempt that CAA keeps from going on where it is, after this. */
#define MOVE_AGAIN NS_PER_HOUR

/* ---- who may issue ---- */

/* A ClusterIssuer cannot know the issuers of a namespace. */
static bool may_take_over(const struct certificate_pass *p, const struct issuer_ref *ref)
{
    bool clustered = p->primary->obj.meta.namespace == NULL;
    return issuer_ref_is_ours(ref) && (!clustered || str_eq(issuer_ref_kind(ref), "ClusterIssuer"));
}

struct err *issuers_known(struct certificate_pass *p)
{
    const struct issuer_ref *ref = &p->crt->spec.issuer_ref;
    if (p->ref_count > 0)
        return NULL;
    if (issuer_ref_is_ours(ref))
        TRY(env_issuer(p->env, ref, p->crt->obj.meta.namespace, &p->primary));
    p->refs[p->ref_count++] = ref;
    if (p->primary == NULL || p->primary->spec.acme == NULL)
        return NULL;
    const struct acme_issuer *acme = p->primary->spec.acme;
    for (size_t i = 0; i < acme->failover.len && p->ref_count < ISSUERS_MAX; i++) {
        const struct issuer_ref *next = &acme->failover.items[i];
        if (may_take_over(p, next) && issuers_find(p, next) == NULL)
            p->refs[p->ref_count++] = next;
    }
    return NULL;
}

const struct issuer_ref *issuers_find(const struct certificate_pass *p,
                                      const struct issuer_ref *ref)
{
    for (size_t i = 0; i < p->ref_count; i++)
        if (issuer_ref_equal(p->refs[i], ref))
            return p->refs[i];
    return NULL;
}

/* Where the attempt is that runs, or NULL. */
static const struct issuer_ref *running_at(const struct certificate_pass *p)
{
    const char *why = NULL;
    if (p->attempt == NULL || p->preflight || request_has_failed(p->attempt, &why))
        return NULL;
    return issuers_find(p, &p->attempt->spec.issuer_ref);
}

/* ---- who can ---- */

static const struct condition *readiness(const struct issuer *issuer)
{
    return condition_find(issuer->status.conditions.items, issuer->status.conditions.len, "Ready");
}

/* Since when an issuer cannot be used: its CA does not answer, or it is not Ready. 0 = it can. */
static int64_t down_since(const struct certificate_pass *p, const struct issuer *issuer)
{
    const struct condition *ready = readiness(issuer);
    if (ready != NULL && !issuer_is_ready(issuer))
        return ready->last_transition_time;
    return outage_since(p->env, issuer);
}

/* An attempt that runs goes by what it has heard itself. A new one may ask a CA that was left alone for a while: nobody
 * else would find out that an outage is over. */
static bool is_out(const struct certificate_pass *p, const struct issuer_ref *ref,
                   const struct issuer *issuer)
{
    int64_t since = down_since(p, issuer);
    if (since == 0 || p->now - since < p->primary->spec.acme->failover_outage)
        return false;
    int64_t from =
        running_at(p) == ref ? p->attempt->obj.meta.creation_timestamp : p->now - ASK_AGAIN;
    return !issuer_is_ready(issuer) || outage_last(p->env, issuer) >= from;
}

/* An attempt that runs goes by its own look at CAA, which it repeats until its order is placed; a new one has another
 * look at an issuer that nobody has looked at for a while, as nobody else would. Where all are forbidden the attempt so
 * moves on once in an hour, and whoever is permitted by then issues. */
static bool is_forbidden(const struct certificate_pass *p, const struct issuer_ref *ref,
                         const struct issuer *issuer)
{
    const struct issuer_ref *at = running_at(p);
    int64_t from = p->now - (at == NULL ? ASK_AGAIN : MOVE_AGAIN);
    if (at == ref && p->placed)
        return false;
    if (at == ref)
        from = p->attempt->obj.meta.creation_timestamp;
    const char *ns = p->crt->obj.meta.namespace;
    return outage_forbidden(p->env, issuer, ns, &p->wanted.names) >= from;
}

static bool is_barred(const struct certificate_pass *p, const struct issuer_ref *ref,
                      const struct issuer *issuer)
{
    return is_out(p, ref, issuer) || is_forbidden(p, ref, issuer);
}

/* References the issuer. usable: it is there, Ready, not out of order, and CAA is not known to forbid it. */
static struct err *look_at(const struct certificate_pass *p, const struct issuer_ref *ref,
                           const struct issuer **ret_issuer, bool *ret_usable)
{
    TRY(env_issuer(p->env, ref, p->crt->obj.meta.namespace, ret_issuer));
    *ret_usable = *ret_issuer != NULL && issuer_driver_of(&(*ret_issuer)->spec) != NULL &&
                  issuer_is_ready(*ret_issuer) && !is_barred(p, ref, *ret_issuer);
    return NULL;
}

/* ---- whose turn it is ---- */

/* In a row, by those who issue: what the staging CA of a preflight finds wrong says nothing about them. */
static int64_t failures(const struct certificate_pass *p)
{
    int64_t count = p->crt->status.failed_issuance_attempts - p->crt->status.failed_preflights;
    return count > 0 ? count : 0;
}

/* Where to begin: an attempt stays where it is; the next one goes on after so many failures. */
static size_t first_choice(const struct certificate_pass *p)
{
    const struct issuer_ref *at = running_at(p);
    for (size_t i = 0; i < p->ref_count; i++)
        if (p->refs[i] == at)
            return i;
    int64_t after = p->primary->spec.acme->failover_attempts;
    int64_t turn = failures(p) / (after > 0 ? after : 1);
    return (size_t)(turn % (int64_t)p->ref_count);
}

/* The first that can be used, from there on. One that is down only for a while is still waited for; when all are,
 * it is the first choice that is. */
static struct err *choose(struct certificate_pass *p)
{
    size_t first = first_choice(p);
    p->ref = p->refs[first];
    for (size_t i = 0; i < p->ref_count; i++) {
        const struct issuer_ref *ref = p->refs[(first + i) % p->ref_count];
        AUTO_OBJECT(struct issuer) issuer = NULL;
        bool usable = false;
        TRY(look_at(p, ref, &issuer, &usable));
        bool is_waited_for = i == 0 && issuer != NULL && !is_barred(p, ref, issuer);
        if (!usable && !is_waited_for)
            continue;
        p->ref = ref;
        return NULL;
    }
    return NULL;
}

/* The attempt at an issuer that is out of order or forbidden is given up; that is no failure of the attempt. One that has
 * failed is left to its back-off. */
static struct err *follow_choice(struct certificate_pass *p)
{
    const struct issuer_ref *at = running_at(p);
    return at == NULL || at == p->ref ? NULL : drop_attempt(p);
}

void say_failed_over(const struct certificate_pass *p)
{
    if (p->ref == p->refs[0])
        return;
    auto_free char *why =
        is_forbidden(p, p->refs[0], p->primary)
            ? x_strdup("is kept from issuing by a CAA record")
            : x_printf("cannot be used or has failed %lld times in a row", (long long)failures(p));
    auto_free char *note = x_printf("%s %s %s: %s %s takes over", issuer_ref_kind(p->refs[0]),
                                    p->refs[0]->name, why, issuer_ref_kind(p->ref), p->ref->name);
    env_event(p->env, &kind_certificate, p->crt, true, "FailedOver", note);
}

/* ---- what is issued ---- */

/* The request has it, or its Order, a moment earlier; whether there is one at the CA is noted. */
static struct err *is_issued(struct certificate_pass *p, bool *ret_issued)
{
    AUTO_OBJECT_LIST orders = {0};
    *ret_issued = request_is_issued(p->attempt);
    TRY(cache_by_index(p->env->orders.cache, p->env->orders_by_owner, p->attempt->obj.meta.uid,
                       &orders));
    for (size_t i = 0; i < orders.len; i++) {
        const struct order *o = orders.items[i];
        p->placed |= order_is_placed(p->env, o);
        *ret_issued |= o->status.certificate != NULL;
    }
    return NULL;
}

/* A certificate that is there is taken, whatever has become of its issuer: then p->issuer is that one. */
static struct err *stay_with_issued(struct certificate_pass *p)
{
    const struct issuer_ref *at = running_at(p);
    bool issued = false;
    if (at != NULL)
        TRY(is_issued(p, &issued));
    if (!issued)
        return NULL;
    p->ref = at;
    return env_issuer(p->env, at, p->crt->obj.meta.namespace, &p->issuer);
}

/* ---- the step ---- */

/* A wait is no wish: what was turned off after a failure stays so, else an issuer that comes and goes would skip the
 * back-off. */
void wait_for_issuer(struct certificate_pass *p, const char *reason, char *message)
{
    const condition_list *c = &p->crt->status.conditions;
    const struct condition *issuing = condition_find(c->items, c->len, "Issuing");
    bool off = issuing != NULL && str_eq(issuing->status, "False");
    pass_set_issuing(p, off ? "False" : "True", reason, message);
    pass_wait(p, 0, "%s", message);
    free(message);
}

struct err *ready_issuer(struct certificate_pass *p, const struct issuer_ref *ref,
                         const char *field, const struct issuer **ret_issuer)
{
    const char *kind = issuer_ref_kind(ref);
    AUTO_OBJECT(struct issuer) issuer = NULL;
    TRY(env_issuer(p->env, ref, p->crt->obj.meta.namespace, &issuer));
    if (issuer == NULL) {
        wait_for_issuer(
            p, "IssuerNotFound",
            x_printf("%s %s does not exist: create it or correct %s", kind, ref->name, field));
        return NULL;
    }
    if (issuer_driver_of(&issuer->spec) != NULL && issuer_is_ready(issuer)) {
        *ret_issuer = TAKE(issuer);
        return NULL;
    }
    const struct condition *ready = readiness(issuer);
    wait_for_issuer(p, "IssuerNotReady",
                    x_printf("%s %s is not ready: %s", kind, ref->name,
                             ready != NULL ? ready->message : "it is being looked at"));
    return NULL;
}

struct err *ensure_issuer(struct certificate_pass *p)
{
    TRY(issuers_known(p));
    p->ref = p->refs[0];
    if (!issuer_ref_is_ours(p->ref))
        return NULL;
    TRY(stay_with_issued(p));
    if (p->issuer == NULL && p->ref_count > 1) {
        TRY(choose(p));
        TRY(follow_choice(p));
        p->next = earlier(p->next, p->now + LOOK_AGAIN);
    }
    if (p->issuer == NULL)
        TRY(ready_issuer(p, p->ref, "spec.issuerRef", &p->issuer));
    if (p->issuer != NULL)
        p->driver = issuer_driver_of(&p->issuer->spec);
    return NULL;
}
