/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_ca_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "json/json.h"
#include "pki/key.h"
#include "sim/sim_api.h"
#include "sim/sim_check.h"
#include "sim/sim_issued.h"
#include "sim/sim_limits.h"
#include "sim/sim_pki.h"

#define SIGNING_MAX (8 * NS_PER_SEC)

struct sim_ca *sim_ca_new(struct sim *s)
{
    static const int64_t lives[] = {30 * NS_PER_DAY, 6 * NS_PER_DAY, NS_PER_DAY};
    struct sim_ca *ca = x_calloc(1, sizeof(*ca));
    ca->sim = s;
    ca->nonces = MAP_INIT(NULL);
    ca->life = sim_is_long(s) ? 90 * NS_PER_DAY : lives[sim_pick(s, ARRAY_LEN(lives))];
    static const int64_t waits[] = {7 * NS_PER_DAY, NS_PER_HOUR, 5 * NS_PER_MIN};
    static const int64_t reuses[] = {0, 30 * NS_PER_DAY, 7 * NS_PER_HOUR};
    ca->pending = waits[sim_pick(s, ARRAY_LEN(waits))];
    ca->reuse = reuses[sim_pick(s, ARRAY_LEN(reuses))];
    ca->forgets = sim_chance(s, 500);
    ca->renews = sim_chance(s, 700);
    ca->lists = (enum ca_lists)sim_pick(s, 3);
    ca->shares = sim_chance(s, 300);
    ca->keys = json_new_array();
    sim_limits_init(&ca->limits, s);
    return ca;
}

void sim_ca_free(struct sim_ca *ca)
{
    for (size_t i = 0; i < ca->authz_count; i++) {
        free(ca->authz[i].identifier);
        free(ca->authz[i].token);
    }
    for (size_t i = 0; i < ca->order_count; i++) {
        strlist_release(&ca->orders[i].names);
        free(ca->orders[i].authz);
        free(ca->orders[i].csr);
        free(ca->orders[i].certificate);
    }
    free(ca->authz);
    free(ca->orders);
    issued_release(&ca->issued);
    strlist_release(&ca->accounts);
    strlist_release(&ca->contacts);
    strlist_release(&ca->fronts);
    map_release(&ca->nonces);
    json_decref(ca->keys);
    sim_limits_release(&ca->limits);
    free(ca);
}

/* ---- orders ---- */

/* Nobody went on with it in time. */
static bool has_expired(const struct sim_ca *ca, const struct order *o)
{
    return o->status == NULL && sim_now(ca->sim) >= o->expires;
}

const char *ca_order_status(const struct sim_ca *ca, const struct order *o)
{
    if (has_expired(ca, o))
        return "invalid";
    if (o->status != NULL)
        return o->status;
    const char *status = "ready";
    for (size_t i = 0; i < o->names.len; i++) {
        const char *a = ca->authz[o->authz[i]].status;
        if (str_eq(a, "invalid") || str_eq(a, "deactivated"))
            return "invalid";
        if (str_eq(a, "pending"))
            status = "pending";
    }
    return status;
}

static void show_order(struct ca_call *c, size_t n, int http_status)
{
    const struct order *o = &c->ca->orders[n];
    json_t *authz = json_new_array(), *identifiers = json_new_array();
    for (size_t i = 0; i < o->names.len; i++) {
        auto_free char *url = x_printf("%s/authz/%zu", c->base, o->authz[i]);
        json_push(authz, json_new_string(url));
        json_push(identifiers, json_build("{s:s,s:s}", "type", "dns", "value", o->names.items[i]));
    }
    auto_free char *finalize = x_printf("%s/finalize/%zu", c->base, n);
    auto_free char *certificate = x_printf("%s/certificate/%zu", c->base, n);
    const char *status = ca_order_status(c->ca, o);
    json_auto_t *body = json_build("{s:s,s:o,s:o,s:s}", "status", status, "identifiers",
                                   identifiers, "authorizations", authz, "finalize", finalize);
    if (o->certificate != NULL)
        json_put_str(body, "certificate", certificate);
    if (str_eq(status, "processing"))
        ca_add_header(c, "retry-after", "3");
    ca_answer(c, http_status, body);
}

json_t *sim_ca_limits(const struct sim_ca *ca)
{
    return sim_limits_spec(&ca->limits);
}

/* How many Orders have it. */
static unsigned stored(struct sim *s, size_t n)
{
    auto_free struct sim_object **all = sim_api_all(s->api, "orders");
    unsigned count = 0;
    for (size_t i = 0; all[i] != NULL; i++)
        count += sim_ca_order_number(JSTR(all[i]->json, "status", "url")) == n ? 1U : 0U;
    return count;
}

/* Young orders of the account whose answer was lost, or whose Order is gone: a crash within a minute of that forgets
 * them. One that is lent counts each time. */
static unsigned unknown_orders(const struct sim_ca *ca, size_t account)
{
    int64_t since = sim_now(ca->sim) - ca->limits.count * ca->limits.each - 2 * NS_PER_MIN;
    unsigned n = 0;
    for (size_t i = 0; i < ca->order_count; i++)
        if (ca->orders[i].account == account && ca->orders[i].given_at >= since) {
            unsigned known = stored(ca->sim, i), given = ca->orders[i].given;
            n += given > known ? given - known : 0;
        }
    return n;
}

/* False when it was refused. */
static bool allow_order(struct ca_call *c)
{
    struct sim_ca *ca = c->ca;
    if (ca->limits.count == 0)
        return true;
    int64_t again =
        sim_limits_order(&ca->limits, ca->sim, c->account, unknown_orders(ca, c->account));
    if (again == 0)
        return true;
    auto_free char *seconds =
        x_printf("%lld", (long long)(again - sim_now(ca->sim)) / NS_PER_SEC + 1);
    ca_add_header(c, "retry-after", seconds);
    ca_refuse(c, 429, "rateLimited", "too many new orders recently");
    return false;
}

/* ---- what was issued ---- */

static void show_renewal_info(struct ca_call *c, const char *id)
{
    json_auto_t *body = c->ca->renews ? issued_window(&c->ca->issued, id) : NULL;
    ca_add_header(c, "retry-after", "21600");
    if (body != NULL)
        ca_answer(c, 200, body);
    else
        ca_refuse(c, 404, "malformed", "there is no such certificate");
}

void sim_ca_hurry(struct sim_ca *ca)
{
    issued_hurry(&ca->issued, sim_now(ca->sim) - ca->life / 10);
}

int64_t sim_ca_renew_at(const struct sim_ca *ca, const char *pem)
{
    return ca->renews ? issued_renew_at(&ca->issued, pem) : SIM_NEVER;
}

int64_t sim_ca_window(const struct sim_ca *ca, const char *pem)
{
    return issued_window_length(&ca->issued, pem);
}

bool sim_ca_has_revoked(const struct sim_ca *ca, const char *pem)
{
    return issued_is_revoked(&ca->issued, pem);
}

bool sim_ca_is_of_backup(const struct sim_ca *ca, const char *pem)
{
    size_t account = issued_account(&ca->issued, pem);
    return account < ca->fronts.len && str_eq(ca->fronts.items[account], SIM_CA_BACKUP_BASE);
}

static void revoke(struct ca_call *c)
{
    int64_t past = sim_now(c->ca->sim) - c->ca->life / 10;
    const char *der = str_or(JSTR(c->payload, "certificate"), "");
    const json_t *jwk =
        JGET(c->header, "jwk"); /* RFC 8555 section 7.6: the account, or its own key */
    size_t account = jwk == NULL ? c->account : ISSUED_TO_NOBODY;
    if (jwk != NULL && sim_pki_jwk_is_of(jwk, der))
        account = ISSUED_TO_KEY;
    const char *problem = issued_revoke(&c->ca->issued, der, account, past);
    if (problem != NULL)
        ca_refuse(c, str_eq(problem, "unauthorized") ? 403 : 400, problem, "not revoked");
    else
        c->res->status = 200;
}

static const struct {
    const char *name;
    int64_t life;
} profiles[] = {{SIM_CA_PROFILE_45, 45 * NS_PER_DAY}, {SIM_CA_PROFILE_6, 6 * NS_PER_DAY}};

static int64_t life_of(const struct sim_ca *ca, const char *profile)
{
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++)
        if (str_eq(profiles[i].name, profile))
            return profiles[i].life;
    return ca->life;
}

/* Let's Encrypt hands an order that nobody has finalized yet to whoever asks for the same with its account. */
static size_t lent_order(const struct sim_ca *ca, size_t account, const struct strlist *names)
{
    for (size_t i = 0; i < ca->order_count && ca_lends(ca); i++) {
        const struct order *o = &ca->orders[i];
        const char *status = ca_order_status(ca, o);
        if (o->account == account && strlist_equal(&o->names, names) &&
            (str_eq(status, "pending") || str_eq(status, "ready")))
            return i;
    }
    return SIZE_MAX;
}

static void show_new_order(struct ca_call *c, size_t n)
{
    c->ca->orders[n].given++;
    c->ca->orders[n].given_at = sim_now(c->ca->sim);
    auto_free char *url = x_printf("%s/order/%zu", c->base, n);
    ca_add_header(c, "location", url);
    show_order(c, n, 201);
}

static void new_order(struct ca_call *c)
{
    struct sim_ca *ca = c->ca;
    const char *replaces = JSTR(c->payload, "replaces");
    const char *problem = issued_replace(&ca->issued, replaces, c->account);
    if (problem != NULL) {
        ca_refuse(c, str_eq(problem, "alreadyReplaced") ? 409 : 403, problem, "not replaced");
        return;
    }
    /* An order that replaces a certificate is exempt, as at Let's Encrypt. */
    if (replaces == NULL && !allow_order(c))
        return;
    const json_t *identifiers = JGET(c->payload, "identifiers");
    AUTO(strlist_release) struct strlist names = {0};
    for (size_t i = 0; i < json_count(identifiers); i++)
        strlist_add(&names, JSTR(json_item(identifiers, i), "value"));
    for (size_t i = 0; i < names.len && str_eq(c->base, BASE); i++)
        if (sim_ca_is_forbidden(ca, names.items[i]))
            sim_fail(ca->sim, "an order for %s is spent, which CAA forbids", names.items[i]);
    size_t lent = replaces == NULL ? lent_order(ca, c->account, &names) : SIZE_MAX;
    if (lent != SIZE_MAX) {
        show_new_order(c, lent);
        return;
    }
    struct order o = {.account = c->account,
                      .heard = sim_now(ca->sim),
                      .life = life_of(ca, JSTR(c->payload, "profile")),
                      .expires = sim_now(ca->sim) + ca->pending,
                      .sign_at = SIM_NEVER};
    o.authz = x_calloc(names.len + 1, sizeof(*o.authz));
    for (size_t i = 0; i < names.len; i++) {
        strlist_add(&o.names, names.items[i]);
        o.authz[i] = ca_authz_for(ca, c->account, names.items[i]);
    }
    ca->orders = x_realloc(ca->orders, (ca->order_count + 1) * sizeof(*ca->orders));
    ca->orders[ca->order_count++] = o;
    show_new_order(c, ca->order_count - 1);
}

static void issue(struct sim_ca *ca, struct order *o)
{
    int64_t now = sim_now(ca->sim);
    o->sign_at = SIM_NEVER;
    o->certificate =
        sim_pki_issue(o->csr, o->csr_len, &o->names, now - NS_PER_MIN, now - NS_PER_MIN + o->life);
    o->status = o->certificate != NULL ? "valid" : "invalid";
    int64_t renew_at = now + o->life / 2 + (int64_t)sim_pick(ca->sim, 100) * (o->life / 1000);
    if (o->certificate != NULL)
        issued_add(&ca->issued, o->certificate, o->account, renew_at, o->life / 20);
    sim_note(ca->sim, "the CA has signed for %s: %s", o->names.items[0], o->status);
}

static void finalize(struct ca_call *c, size_t n)
{
    struct order *o = &c->ca->orders[n];
    sim_check_order_used(c->ca->sim, n);
    if (!str_eq(ca_order_status(c->ca, o), "ready")) {
        ca_refuse(c, 403, "orderNotReady", "the order is not ready");
        return;
    }
    const char *csr = str_or(JSTR(c->payload, "csr"), "");
    struct err *e = base64url_decode(csr, strlen(csr), &o->csr, &o->csr_len);
    if (e != NULL) {
        ca_refuse(c, 400, "malformed", e->message);
        err_free(e);
        return;
    }
    o->status = "processing";
    o->sign_at = sim_now(c->ca->sim) + sim_delay(c->ca->sim, SIGNING_MAX);
    if (sim_chance(c->ca->sim, 300))
        issue(c->ca, o);
    show_order(c, n, 200);
}

static void show_certificate(struct ca_call *c, size_t n)
{
    const char *pem = c->ca->orders[n].certificate;
    if (pem == NULL) {
        ca_refuse(c, 404, "malformed", "there is no such certificate");
        return;
    }
    c->res->status = 200;
    c->res->body = BUF_INIT(BODY_MAX);
    buf_puts(&c->res->body, pem);
    ca_add_header(c, "content-type", "application/pem-certificate-chain");
}

/* ---- dispatch ---- */

static void put_link(struct ca_call *c, json_t *directory, const char *name, const char *path)
{
    auto_free char *url = x_printf("%s%s", c->base, path);
    json_put_str(directory, name, url);
}

static void show_directory(struct ca_call *c)
{
    json_auto_t *body = json_new_object();
    put_link(c, body, "newNonce", "/nonce");
    put_link(c, body, "newAccount", "/new-account");
    put_link(c, body, "newOrder", "/new-order");
    put_link(c, body, "revokeCert", "/revoke");
    if (c->ca->renews)
        put_link(c, body, "renewalInfo", "/ari");
    put_link(c, body, "keyChange", "/key-change");
    json_t *named = json_new_object();
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++)
        json_put_str(named, profiles[i].name, "a lifetime of its own");
    json_t *meta = json_build("{s:o}", "profiles", named);
    if (c->ca->named)
        json_put(meta, "caaIdentities", json_build("[s]", c->base + strlen("https://")));
    json_put(body, "meta", meta);
    ca_answer(c, 200, body);
}

/* The key that has to have signed: that of the header, or the account's; NULL when there is none or it
 * is named twice (RFC 8555 section 6.2). */
static const json_t *signer(const struct ca_call *c)
{
    const json_t *jwk = JGET(c->header, "jwk");
    const char *kid = JSTR(c->header, "kid");
    if ((jwk == NULL) == (kid == NULL) || !str_eq(JSTR(c->header, "alg"), "ES256"))
        return NULL;
    return jwk != NULL ? jwk : json_item(c->ca->keys, ca_number_in(kid, "account"));
}

/* RFC 8555 sections 6.2 to 6.5. */
static bool check_message(struct ca_call *c)
{
    const char *nonce = str_or(JSTR(c->header, "nonce"), "");
    bool unlucky = !c->ca->sim->calm && sim_chance(c->ca->sim, 30);
    bool known = map_has(&c->ca->nonces, nonce);
    map_remove(&c->ca->nonces, nonce);
    const json_t *key = signer(c);
    /* Nobody else calls: what cannot be verified is a bug. */
    if (key == NULL || !sim_pki_jws_verifies(c->jws, key)) {
        if (c->ca->key_changes == 0)
            sim_fail(c->ca->sim, "%s: the signature does not verify", c->req->url);
        ca_refuse(c, 401, "unauthorized",
                  "the signature is of a key that is not the account's now");
        return false;
    }
    if (!str_eq(JSTR(c->header, "url"), c->req->url)) {
        ca_refuse(c, 401, "unauthorized", "the url of the header is another");
    } else if (!known || unlucky) {
        ca_refuse(c, 400, "badNonce", "the nonce is not known");
    } else if (JGET(c->header, "jwk") == NULL) {
        c->account = ca_number_in(str_or(JSTR(c->header, "kid"), ""), "account");
        ca_check_front(c, c->account);
        if (c->account >= c->ca->forgotten && c->account < c->ca->accounts.len)
            return true;
        ca_refuse(c, 400, "accountDoesNotExist", "there is no such account");
    } else {
        return true;
    }
    return false;
}

static void get_order(struct ca_call *c, size_t n)
{
    struct order *o = &c->ca->orders[n];
    o->gone = c->ca->forgets && has_expired(c->ca, o);
    if (o->gone)
        ca_refuse(c, 404, "malformed", "there is no such order");
    else
        show_order(c, n, 200);
}

static void serve_post(struct ca_call *c)
{
    static const struct {
        const char *what;
        bool of_order; /* else of an authorization */
        void (*serve)(struct ca_call *c, size_t n);
    } routes[] = {
        {"order", true, get_order},
        {"finalize", true, finalize},
        {"certificate", true, show_certificate},
        {"authz", false, ca_show_authz},
        {"challenge", false, ca_accept_challenge},
        {"dns-challenge", false, ca_accept_by_dns},
    };
    static const struct {
        const char *path;
        void (*serve)(struct ca_call *c);
    } fixed[] = {{"/new-account", ca_new_account},
                 {"/revoke", revoke},
                 {"/new-order", new_order},
                 {"/key-change", ca_change_key}};
    const char *url = c->req->url;
    const char *path = url + strlen(c->base);
    size_t account = ca_number_in(url, "account");
    if (account < c->ca->accounts.len) {
        ca_show_account(c, account, 200);
        return;
    }
    size_t list = ca_number_in(url, "orders");
    if (list != SIZE_MAX) {
        ca_list_orders(c, list);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        if (!str_eq(path, fixed[i].path))
            continue;
        fixed[i].serve(c);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        size_t n = ca_number_in(url, routes[i].what);
        if (n >= (routes[i].of_order ? c->ca->order_count : c->ca->authz_count))
            continue;
        routes[i].serve(c, n);
        return;
    }
    ca_refuse(c, 404, "malformed", "there is nothing here");
}

void sim_ca_serve(struct sim_ca *ca, const struct http_request *req, struct http_response *res)
{
    struct ca_call c = {
        .ca = ca, .req = req, .res = res, .base = ca_base_of(req->url), .headers = BUF_INIT(8192)};
    const char *path = req->url + strlen(c.base);
    auto_free char *nonce = x_printf("nonce-%llu", (unsigned long long)++ca->nonce);
    map_put(&ca->nonces, nonce, NULL);
    ca_add_header(&c, "replay-nonce", nonce);
    if (str_eq(path, "/dir") || str_eq(path, "/staging")) {
        show_directory(&c);
    } else if (str_starts(path, "/ari/")) {
        show_renewal_info(&c, path + strlen("/ari/"));
    } else if (str_eq(path, "/nonce")) {
        res->status = 200;
    } else {
        json_auto_t *jws = NULL;
        err_drop(json_parse(req->body, req->body_len, &jws)); /* then it has no parts */
        c.jws = jws;
        c.header = ca_decode_part(jws, "protected");
        c.payload = ca_decode_part(jws, "payload");
        if (check_message(&c))
            serve_post(&c);
    }
    json_decref(c.header);
    json_decref(c.payload);
    res->headers = buf_take(&c.headers);
}

/* ---- what takes time ---- */

int64_t sim_ca_next(const struct sim_ca *ca)
{
    int64_t next = SIM_NEVER;
    for (size_t i = 0; i < ca->authz_count; i++)
        next = ca->authz[i].validate_at < next ? ca->authz[i].validate_at : next;
    for (size_t i = 0; i < ca->order_count; i++)
        next = ca->orders[i].sign_at < next ? ca->orders[i].sign_at : next;
    return next;
}

void sim_ca_happen(struct sim_ca *ca)
{
    const int64_t now = sim_now(ca->sim);
    for (size_t i = 0; i < ca->authz_count; i++)
        if (ca->authz[i].validate_at <= now)
            ca_validate(ca, &ca->authz[i]);
    for (size_t i = 0; i < ca->order_count; i++)
        if (ca->orders[i].sign_at <= now)
            issue(ca, &ca->orders[i]);
}

size_t sim_ca_order_count(const struct sim_ca *ca)
{
    return ca->order_count;
}

size_t sim_ca_order_number(const char *order_url)
{
    return ca_number_in(str_or(order_url, ""), "order");
}

bool sim_ca_order_is_lost(const struct sim_ca *ca, const char *order_url)
{
    size_t n = sim_ca_order_number(order_url);
    return n < ca->order_count && ca->orders[n].account < ca->forgotten;
}

bool sim_ca_order_is_gone(const struct sim_ca *ca, size_t n)
{
    return ca->orders[n].gone;
}

void sim_ca_heard(struct sim_ca *ca, const char *url)
{
    static const char *const what[] = {"order", "finalize", "certificate"};
    for (size_t i = 0; i < ARRAY_LEN(what); i++) {
        size_t n = ca_number_in(url, what[i]);
        if (n < ca->order_count)
            ca->orders[n].heard = sim_now(ca->sim);
    }
}

int64_t sim_ca_last_heard(const struct sim_ca *ca, const char *order_url)
{
    size_t n = sim_ca_order_number(order_url);
    return n < ca->order_count ? ca->orders[n].heard : 0;
}

const char *sim_ca_issued(const struct sim_ca *ca, const char *order_url)
{
    size_t n = sim_ca_order_number(order_url);
    return n < ca->order_count ? ca->orders[n].certificate : NULL;
}
