/* SPDX-License-Identifier: Apache-2.0 */
/* What would make the CA refuse is looked for before an order is spent on it. */
#include <stdlib.h>
#include <string.h>

#include "acme/caa.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcilers/challenge_persist.h"
#include "reconcilers/challenge_type.h"
#include "reconcilers/order.h"
#include "reconcilers/outage.h"
#include "reconcilers/request.h"
#include "reconcilers/solver.h"

/* For all names together: DNS that is slow keeps a worker no longer. What is not asked by then, the CA asks. */
#define BUDGET (10 * NS_PER_SEC)

/* ---- the issuer and the request ---- */

/* Draft-ietf-acme-profiles: a name that the CA does not list costs an order and is refused anyway. */
struct err *order_profile(const struct order_pass *p, const struct acme_directory *d,
                          const char **ret_profile)
{
    const struct acme_issuer *acme = p->chain.issuer->spec.acme;
    const char *asked = bind_map_get(&p->chain.request->obj.meta.annotations, API_PROFILE);
    const char *required = str_or(asked, acme->profile);
    bool preferred =
        str_empty(required) && strlist_has(&d->profiles, str_or(acme->preferred_profile, ""));
    *ret_profile = preferred ? acme->preferred_profile : NULL;
    if (str_empty(required))
        return NULL;
    *ret_profile = required;
    if (strlist_has(&d->profiles, required))
        return NULL;
    auto_free char *offered = strlist_join(&d->profiles, ", ", 10);
    return err_new(ERR_INVALID, "ProfileNotOffered",
                   "the CA does not offer the profile \"%.64s\": %s%s; nothing was ordered",
                   required, d->profiles.len > 0 ? "it offers " : "it offers no profiles", offered);
}

static struct err *check_solver(const struct order_pass *p, const struct acme_solver *s,
                                const struct acme_identifier *id)
{
    if (s == NULL)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "no solver of the issuer fits it: add one to spec.acme.solvers");
    bool http01 = s->http01 != NULL, dns01 = s->dns01 != NULL, persist = s->dns_persist01 != NULL;
    if (http01 && str_starts(id->value, "*."))
        return err_new(ERR_INVALID, "InvalidSolver",
                       "a wildcard cannot be proven by HTTP-01 (RFC 8555 section 8.3): add a dns01 "
                       "solver for it");
    if (http01 + dns01 + persist > 1)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "its solver has more than one of http01, dns01 and dnsPersist01: make "
                       "several solvers of it");
    if ((dns01 || persist) && str_eq(id->type, "ip"))
        return err_new(
            ERR_INVALID, "InvalidSolver",
            "an IP address cannot be proven by DNS-01 (RFC 8738 section 7): add an http01 "
            "solver for it");
    AUTO_DNS_CONFIG config = {0};
    AUTO(dns_persist_config_release) struct dns_persist_config record = {0};
    if (dns01)
        return dns_config_parse(s->dns01, s->wait_instead_of_self_check, &config);
    return persist ? challenge_persist_config(s, p->now, &record) : NULL;
}

/* What can be known to fail is not ordered: CAs count failures. An issuer without any solver has a CA that
 * knows the names already. */
static struct err *check_solvers(const struct order_pass *p, const struct acme_identifier *ids,
                                 size_t count)
{
    bool has_any = p->chain.issuer->spec.acme->solvers.len > 0;
    for (size_t i = 0; i < count && has_any; i++) {
        const struct acme_solver *s = acme_chain_solver(&p->chain, ids[i].value);
        if (s != NULL)
            TRY(solver_check(p->chain.issuer, s->http01));
        TRY(challenge_type_check(&p->env->config.features, s), "nothing was ordered: %s",
            ids[i].value);
        TRY(check_solver(p, s, &ids[i]), "nothing was ordered: %s", ids[i].value);
    }
    return NULL;
}

/* RFC 8555 section 11.1: who serves with the account's key could order with it. */
static struct err *check_key(const struct order_pass *p, const struct pki_csr *csr)
{
    if (!pki_csr_is_for(csr, p->chain.account.account.key))
        return NULL;
    return err_new(ERR_INVALID, "InvalidOrder",
                   "the request is for the key of the ACME account itself: make it with another "
                   "key (with rotationPolicy Never: take tls.key out of the certificate's "
                   "Secret); nothing was ordered");
}

/* ---- CAA ---- */

/* Waits with the reason in status; nothing is sent to the CA. */
static void hold(struct order_pass *p, const struct err *e)
{
    free(p->owned[0]);
    p->owned[0] = x_strdup(e->message);
    p->status.reason = p->owned[0];
    p->status.next_action = "the CAA records to let the CA issue";
    order_wait(p, e->retry_at);
}

static struct err *check_names(struct order_pass *p, const struct acme_identifier *ids,
                               size_t count, const struct strlist *identities)
{
    int64_t until = clock_mono(p->env->clock) + BUDGET;
    for (size_t i = 0; i < count && clock_mono(p->env->clock) < until; i++) {
        if (!str_eq(ids[i].type, "dns"))
            continue;
        bool wildcard = str_starts(ids[i].value, "*.");
        const struct acme_solver *s = acme_chain_solver(&p->chain, ids[i].value);
        const struct acme_caa_ask ask = {.identities = identities,
                                         .account_url = p->chain.account.url,
                                         .method = challenge_type_of_solver(s)->at_ca,
                                         .wildcard = wildcard};
        const char *name = ids[i].value + (wildcard ? 2 : 0);
        AUTO_ERR e = acme_caa_check(p->env->caa, p->env->stop, name, &ask);
        if (err_is(e, ERR_CANCELLED))
            return TAKE(e);
        outage_note_caa(p->env, p->chain.issuer, p->order->obj.meta.namespace, ids[i].value,
                        e != NULL);
        if (e != NULL) {
            hold(p, e);
            return NULL;
        }
    }
    return NULL;
}

/* Stops the pass, with the reason in status and a time to look again, when CAA records let nobody of these identities (the
 * directory's) issue. */
static struct err *check_caa(struct order_pass *p, const struct acme_identifier *ids, size_t count,
                             const struct strlist *identities)
{
    p->status.reason = NULL;
    p->status.next_action = NULL;
    /* Without identities it is a CA that is in nobody's CAA records. */
    if (str_eq(p->chain.issuer->spec.acme->caa, "off") || identities->len == 0)
        return NULL;
    return check_names(p, ids, count, identities);
}

/* ---- all of it ---- */

struct err *ensure_checked(struct order_pass *p)
{
    if (order_is_placed(p->env, p->order))
        return NULL;
    TRY(request_csr(p->chain.request, &p->csr));
    TRY(check_key(p, &p->csr));
    const struct pki_names *names = &p->csr.names;
    p->identifiers = x_calloc(names->dns.len + names->ips.len + 1, sizeof(*p->identifiers));
    size_t count = order_identifiers(names, p->identifiers);
    AUTO(acme_directory_release) struct acme_directory d = {0};
    TRY(acme_chain_directory(p->env, &p->chain, &d));
    TRY(check_solvers(p, p->identifiers, count));
    TRY(check_caa(p, p->identifiers, count, &d.caa_identities));
    if (p->stop)
        return NULL;
    p->ask = (struct acme_order_spec){
        .identifiers = p->identifiers, .count = count, .replaces = p->replaces};
    return order_profile(p, &d, &p->ask.profile);
}
