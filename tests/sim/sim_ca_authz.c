/* SPDX-License-Identifier: Apache-2.0 */
/* The CA's authorizations and challenges. */
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "pki/key.h"
#include "sim/sim_ca_internal.h"
#include "sim/sim_check.h"
#include "sim/sim_cluster.h"
#include "sim/sim_orders.h"
#include "sim/sim_tenants.h"
#include "sim/sim_zone.h"

#define VALIDATION_MAX (4 * NS_PER_SEC)

void sim_ca_shun(struct sim_ca *ca, const char *name)
{
    ca->shunned = name;
}

void sim_ca_forbid(struct sim_ca *ca, const char *name)
{
    ca->forbidden = name;
    ca->named = true;
}

bool sim_ca_is_forbidden(const struct sim_ca *ca, const char *name)
{
    return ca->forbidden != NULL && str_eq(name, ca->forbidden);
}

static json_t *challenge_json(const struct ca_call *c, size_t i, const char *type)
{
    const struct authz *a = &c->ca->authz[i];
    const char *path = str_eq(type, "dns-01") ? "dns-challenge" : "challenge";
    auto_free char *url = x_printf("%s/%s/%zu", c->base, path, i);
    const char *status = str_eq(a->status, "pending") && a->processing ? "processing" : a->status;
    json_t *json = json_build("{s:s,s:s,s:s,s:s}", "type", type, "url", url, "token", a->token,
                              "status", status);
    if (a->error != NULL)
        json_put(json, "error",
                 json_build("{s:s,s:s}", "type", PROBLEM "unauthorized", "detail", a->error));
    return json;
}

static const char *authz_status(const struct sim_ca *ca, const struct authz *a)
{
    bool late = str_eq(a->status, "pending") && sim_now(ca->sim) >= a->expires;
    return late ? "expired" : a->status;
}

static bool is_of(const struct order *o, size_t authz)
{
    for (size_t i = 0; i < o->names.len; i++)
        if (o->authz[i] == authz)
            return true;
    return false;
}

/* RFC 8555 section 7.5.2. What is pending is dropped only when no Order builds on it. */
static void deactivate(struct sim_ca *ca, size_t authz)
{
    struct authz *a = &ca->authz[authz];
    for (size_t n = 0; n < ca->order_count && str_eq(a->status, "pending"); n++)
        if (is_of(&ca->orders[n], authz) && sim_orders_awaited(ca->sim, n) &&
            !sim_tenants_take_back(ca->sim, n))
            sim_fail(ca->sim, "authorization %zu was deactivated while order %zu needs it", authz,
                     n);
    sim_note(ca->sim, "authorization %zu, %s, is deactivated", authz, a->status);
    a->status = "deactivated";
}

void ca_show_authz(struct ca_call *c, size_t i)
{
    struct authz *a = &c->ca->authz[i];
    if (str_eq(JSTR(c->payload, "status"), "deactivated"))
        deactivate(c->ca, i);
    const char *status = authz_status(c->ca, a);
    if (c->ca->forgets && str_eq(status, "expired")) {
        ca_refuse(c, 404, "malformed", "there is no such authorization");
        return;
    }
    json_auto_t *body =
        json_build("{s:{s:s,s:s},s:s,s:[o]}", "identifier", "type", "dns", "value", a->identifier,
                   "status", status, "challenges", challenge_json(c, i, "dns-01"));
    if (a->wildcard)
        json_put(body, "wildcard", json_build("b", true));
    else
        json_push(JGET(body, "challenges"), challenge_json(c, i, "http-01"));
    if (str_eq(status, "pending"))
        ca_add_header(c, "retry-after", "3");
    ca_answer(c, 200, body);
}

/* Of the orders that share it, one whose URL is stored is enough. */
static void check_used(struct sim_ca *ca, size_t authz)
{
    for (size_t n = 0; n < ca->order_count; n++)
        if (is_of(&ca->orders[n], authz) && sim_check_order_is_stored(ca->sim, n))
            return;
    sim_check_order_used(ca->sim, ca->authz[authz].order);
}

/* RFC 8555 section 8.4; owned. */
static char *dns_value(const struct sim_ca *ca, const struct authz *a)
{
    auto_free char *text = x_printf("%s.%s", a->token, ca->accounts.items[a->account]);
    unsigned char hash[32];
    pki_sha256(text, strlen(text), hash);
    return base64url_encode(hash, sizeof(hash));
}

static void accept(struct ca_call *c, size_t i, bool by_dns)
{
    struct authz *a = &c->ca->authz[i];
    check_used(c->ca, i);
    if (str_eq(authz_status(c->ca, a), "expired")) {
        ca_refuse(c, 400, "malformed", "the authorization has expired");
        return;
    }
    if (c->payload != NULL && str_eq(a->status, "pending") && !a->processing) {
        auto_free char *value = dns_value(c->ca, a);
        if (by_dns && a->account == c->account) /* else its key is another, and so is the value */
            sim_zone_check_asked(c->ca->sim->zone, a->identifier, value);
        a->processing = true;
        a->by_dns = by_dns;
        a->validate_at = sim_now(c->ca->sim) + sim_delay(c->ca->sim, VALIDATION_MAX);
    }
    json_auto_t *body = challenge_json(c, i, by_dns ? "dns-01" : "http-01");
    ca_answer(c, 200, body);
}

void ca_accept_challenge(struct ca_call *c, size_t i)
{
    accept(c, i, false);
}

void ca_accept_by_dns(struct ca_call *c, size_t i)
{
    accept(c, i, true);
}

static bool is_proven_by_http(struct sim_ca *ca, const struct authz *a)
{
    auto_free char *path = x_printf("/.well-known/acme-challenge/%s", a->token);
    auto_free char *expected = x_printf("%s.%s", a->token, ca->accounts.items[a->account]);
    AUTO(buf_release) struct buf body = BUF_INIT(4096);
    int status = sim_cluster_fetch(ca->sim->cluster, a->identifier, path, &body);
    return status == 200 && str_eq(buf_str(&body), expected);
}

static bool is_proven_by_dns(struct sim_ca *ca, const struct authz *a)
{
    auto_free char *value = dns_value(ca, a);
    return sim_zone_proves(ca->sim->zone, a->identifier, value);
}

void ca_validate(struct sim_ca *ca, struct authz *a)
{
    a->validate_at = SIM_NEVER;
    bool proven = a->by_dns ? is_proven_by_dns(ca, a) : is_proven_by_http(ca, a);
    bool unlucky = !ca->sim->calm && sim_chance(ca->sim, 50);
    bool shunned = str_eq(a->identifier, ca->shunned) && str_eq(ca->fronts.items[a->account], BASE);
    bool good = proven && !unlucky && !shunned;
    a->status = good ? "valid" : "invalid";
    a->expires = sim_now(ca->sim) + ca->reuse;
    a->error = good ? NULL : "the answer was not the key authorization";
    sim_note(ca->sim, "the CA finds %s%s %s", a->wildcard ? "*." : "", a->identifier, a->status);
}

/* Some CAs give a pending one to the next order, too. */
static bool is_reused(const struct sim_ca *ca, const struct authz *a)
{
    return str_eq(a->status, "valid") || (ca->shares && str_eq(a->status, "pending"));
}

size_t ca_authz_for(struct sim_ca *ca, size_t account, const char *identifier)
{
    bool wildcard = str_starts(identifier, "*.");
    const char *base = identifier + (wildcard ? 2 : 0);
    for (size_t i = 0; i < ca->authz_count && ca->reuse > 0; i++)
        if (ca->authz[i].expires > sim_now(ca->sim) && ca->authz[i].account == account &&
            ca->authz[i].wildcard == wildcard && str_eq(ca->authz[i].identifier, base) &&
            is_reused(ca, &ca->authz[i]))
            return i;
    unsigned char token[24];
    ca->sim->dice.rng.fill(ca->sim->dice.rng.ctx, token, sizeof(token));
    ca->authz = x_realloc(ca->authz, (ca->authz_count + 1) * sizeof(*ca->authz));
    ca->authz[ca->authz_count] = (struct authz){.identifier = x_strdup(base),
                                                .wildcard = wildcard,
                                                .account = account,
                                                .order = ca->order_count,
                                                .status = "pending",
                                                .token = base64url_encode(token, sizeof(token)),
                                                .expires = sim_now(ca->sim) + ca->pending,
                                                .validate_at = SIM_NEVER};
    return ca->authz_count++;
}
