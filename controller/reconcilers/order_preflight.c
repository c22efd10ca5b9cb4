/* SPDX-License-Identifier: Apache-2.0 */
/* What would make the CA refuse is looked for before an order is spent on it. */
#include <string.h>

#include "acme/caa.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcilers/challenge_type.h"
#include "reconcilers/order.h"

/* For all names together: DNS that is slow keeps a worker no longer. What is not asked by then, the CA asks. */
#define BUDGET (10 * NS_PER_SEC)

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
        if (e != NULL) {
            hold(p, e);
            return NULL;
        }
    }
    return NULL;
}

struct err *order_preflight(struct order_pass *p, const struct acme_identifier *ids, size_t count,
                            const struct strlist *identities)
{
    p->status.reason = NULL;
    p->status.next_action = NULL;
    /* Without identities it is a CA that is in nobody's CAA records. */
    if (str_eq(p->chain.issuer->spec.acme->caa, "off") || identities->len == 0)
        return NULL;
    return check_names(p, ids, count, identities);
}
