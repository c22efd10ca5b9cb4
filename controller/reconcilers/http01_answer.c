/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/http01_answer.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "http01/responder.h"
#include "reconcilers/acme_chain.h"
#include "reconcilers/challenge_type.h"
#include "reconcilers/order.h"
#include "reconcilers/request.h"
#include "reconcilers/solver.h"

/* Host without the brackets of an IPv6 address. */
static bool host_is(const char *host, const char *wanted)
{
    size_t len = strlen(host);
    if (*host != '[')
        return str_eq(host, wanted);
    return len > 2 && strlen(wanted) == len - 2 && strncmp(host + 1, wanted, len - 2) == 0;
}

/* Does the issuer's solver for the name let certroll's replicas answer, asked with this Host? */
static bool is_answered_here(const struct issuer *issuer, const struct order *order,
                             const struct challenge *c, const char *host)
{
    const struct acme_solver *s = solver_select(
        issuer->spec.acme, c->spec.dns_name,
        order_alias_of(&order->status.aliases, c->spec.dns_name), &order->obj.meta.labels);
    const struct http01_tier *tier = s != NULL ? http01_tier_of(s->http01) : NULL;
    char wanted[DNS_NAME_MAX + 1];
    if (tier == NULL || tier->host == NULL)
        return false;
    tier->host(s->http01, c->spec.dns_name, wanted);
    return host_is(host, wanted);
}

/* Owned; NULL when the Challenge does not answer. */
static struct err *thumbprint_of(const struct env *env, const struct challenge *c, const char *host,
                                 char **ret_thumbprint)
{
    if (order_state_is_final(str_or(c->status.state, "pending")) || str_empty(c->spec.dns_name) ||
        !challenge_is_http01(c))
        return NULL;
    AUTO_OBJECT(struct order) order = NULL;
    TRY(acme_order_of_challenge(env, c, &order));
    if (order_state_is_final(order->status.state))
        return NULL;
    AUTO_OBJECT(struct certificate_request) request = NULL;
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    TRY(acme_request_of_order(env, order, &request));
    TRY(request_csr(request, &csr));
    if (!order_made(order, &csr.names, c))
        return NULL;
    AUTO_OBJECT(struct issuer) issuer = NULL;
    TRY(env_issuer(env, &request->spec.issuer_ref, order->obj.meta.namespace, &issuer));
    if (issuer != NULL && issuer->spec.acme != NULL &&
        order_is_judged_by(order, &issuer->obj.meta) && is_answered_here(issuer, order, c, host) &&
        http01_thumbprint_is_valid(issuer->status.acme.thumbprint))
        *ret_thumbprint = x_strdup(issuer->status.acme.thumbprint);
    return NULL;
}

static char *find_thumbprint(const struct env *env, const char *host, const char *token)
{
    AUTO_OBJECT_LIST found = {0};
    char *thumbprint = NULL;
    /* Whatever is not to be had now is not answered, and the CA is not asked before it is. */
    err_drop(cache_by_index(env->challenges.cache, env->challenges_by_token, token, &found));
    for (size_t i = 0; i < found.len && thumbprint == NULL; i++)
        err_drop(thumbprint_of(env, found.items[i], host, &thumbprint));
    return thumbprint;
}

void http01_answer(void *arg, const struct httpd_request *req, struct httpd_reply *reply)
{
    const char *token = http01_token_of(req);
    if (token == NULL)
        return;
    auto_free char *thumbprint = find_thumbprint(arg, req->host, token);
    if (thumbprint == NULL)
        return;
    reply->status = 200;
    buf_putf(&reply->body, "%s.%s", token, thumbprint);
}
