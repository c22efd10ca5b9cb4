/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/order_chain.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "net/http_share.h"
#include "pki/cert.h"

/* The certificate is there, and somebody waits for it: for a preference not longer than this. */
#define PATIENCE NS_PER_HOUR
#define LIFE_SHARE 30

static const char *preferred(const struct order_pass *p)
{
    return p->chain.issuer->spec.acme->preferred_chain;
}

/* What was not found, and what was not seen; NULL: all were. */
static void warn(const struct order_pass *p, size_t others, const struct err *unseen)
{
    auto_free char *note =
        unseen == NULL
            ? x_printf("No chain that the CA offers (%zu beside the default) has "
                       "spec.acme.preferredChain \"%.80s\": the default chain is taken",
                       others, preferred(p))
            : x_printf("Whether a chain that the CA offers has spec.acme.preferredChain \"%.80s\" "
                       "is not known: the default chain is taken, and the next renewal looks "
                       "again; what could not be had: %s",
                       preferred(p), unseen->message);
    env_event(p->env, &kind_order, p->order, true,
              unseen == NULL ? "ChainNotFound" : "ChainNotFetched", note);
}

/* ---- waiting ---- */

static char *wait_key(const struct order_pass *p)
{
    return x_printf("%s/chain", p->order->obj.meta.uid);
}

static bool passes(const struct err *e)
{
    return e->kind == ERR_TRANSIENT || e->kind == ERR_RATE_LIMITED || http_share_held_back(e);
}

static int64_t patience(const char *pem)
{
    AUTO(pki_cert_release) struct pki_cert leaf = {0};
    AUTO_ERR unreadable = pki_cert_parse(pem, strlen(pem), &leaf);
    int64_t share = (leaf.not_after - leaf.not_before) / LIFE_SHARE;
    return share < PATIENCE ? share : PATIENCE;
}

/* A pause that the CA asks for counts, too: where it ends later, it is not begun. */
static bool is_worth_waiting(const struct order_pass *p, const struct err *unseen, const char *pem)
{
    auto_free char *key = wait_key(p);
    int64_t again = unseen->retry_at > p->now ? unseen->retry_at : p->now;
    return passes(unseen) && again < memo_since(p->env->polls, key, p->now) + patience(pem);
}

void order_chain_forget(const struct order_pass *p)
{
    auto_free char *key = wait_key(p);
    memo_drop(p->env->polls, key);
}

/* ---- choosing ---- */

/* *ret_unseen: why one could not be looked at, owned; of several that which passes. */
static struct err *find(const struct order_pass *p, const struct strlist *others, char **ret_pem,
                        struct err **ret_unseen)
{
    for (size_t i = 0; i < others->len && *ret_pem == NULL; i++) {
        auto_free char *other = NULL;
        struct err *e =
            acme_certificate_get(&p->chain.account.account, others->items[i], &other, NULL);
        if (err_is(e, ERR_CANCELLED))
            return e;
        if (e != NULL && (*ret_unseen == NULL || passes(e))) {
            err_free(*ret_unseen);
            *ret_unseen = TAKE(e);
        }
        err_drop(e); /* the next one may do */
        if (other != NULL && pki_chain_is_preferred(other, strlen(other), preferred(p)))
            *ret_pem = TAKE(other);
    }
    return NULL;
}

struct err *order_choose_chain(const struct order_pass *p, const struct strlist *others, char **pem)
{
    if (str_empty(preferred(p)) || pki_chain_is_preferred(*pem, strlen(*pem), preferred(p)))
        return NULL;
    auto_free char *found = NULL;
    AUTO_ERR unseen = NULL;
    TRY(find(p, others, &found, &unseen));
    if (found != NULL) {
        free(*pem);
        *pem = TAKE(found);
        return NULL;
    }
    if (unseen != NULL && is_worth_waiting(p, unseen, *pem))
        return err_wrap(TAKE(unseen), "spec.acme.preferredChain");
    warn(p, others->len, unseen);
    return NULL;
}
