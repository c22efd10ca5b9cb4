/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_net.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "sim/sim_api.h"
#include "sim/sim_ca.h"
#include "sim/sim_cluster.h"
#include "sim/sim_hooks.h"
#include "sim/sim_process.h"
#include "sim/sim_tenants.h"
#include "sim/sim_zone.h"

#define LATENCY_MAX (40 * NS_PER_MS)
#define DEFAULT_TIMEOUT (30 * NS_PER_SEC)
#define NESTING_MAX 2

enum fault {
    FAULT_NONE,
    FAULT_BUSY,        /* 429 with Retry-After; nothing is done */
    FAULT_ERROR,       /* 500; nothing is done */
    FAULT_CONFLICT,    /* 409 to a PUT; nothing is done */
    FAULT_REFUSED,     /* no connection */
    FAULT_LOST,        /* done, and the answer is lost */
    FAULT_TIMEOUT,     /* done or not, and it takes long to find out */
    FAULT_ERROR_AFTER, /* 500, but done */
    FAULT_KILL,        /* certroll dies before, or after it is done */
    FAULT_KILL_AFTER,
    FAULT_OUTAGE,  /* 503 of the CA's front; nothing is done */
    FAULT_CUT_OFF, /* as a time-out; nothing is done */
};

struct sim_net {
    struct sim *sim;
    int64_t ca_down_until, backup_down_until; /* wall ns */
    int faults;                               /* of 1000 calls */
    int kills;                                /* of 1000 calls */
    unsigned depth;
    unsigned lost_orders;
    unsigned calls, failed_calls;
    int64_t last_fault; /* wall ns */
};

static struct err *call(void *ctx, const struct http_request *req, const struct stop *stop,
                        struct http_response *ret_response);
static struct err *look_up(void *ctx, const struct dns_question *q, const struct stop *stop,
                           struct dns_answer *ret_answer);
static struct err *ask_servers(void *ctx, const struct dns_ask *ask, const struct stop *stop,
                               struct dns_said *ret_said);

struct sim_net *sim_net_new(struct sim *s)
{
    static const int fault_rates[] = {0, 10, 50, 200};
    static const int kill_rates[] = {0, 0, 5, 20};
    struct sim_net *n = x_calloc(1, sizeof(*n));
    n->sim = s;
    n->faults = fault_rates[sim_pick(s, ARRAY_LEN(fault_rates))];
    n->kills = kill_rates[sim_pick(s, ARRAY_LEN(kill_rates))];
    if (sim_is_long(s)) /* who is killed in most starts is busy for all of its months */
        n->kills /= 10;
    return n;
}

void sim_net_free(struct sim_net *n)
{
    free(n);
}

void sim_net_connect(struct sim_net *n, struct sim_caller *caller, struct sim_replica *r,
                     bool is_election)
{
    *caller = (struct sim_caller){.transport = {.call = call, .ctx = caller},
                                  .dns = {.query = look_up, .ask = ask_servers, .ctx = caller},
                                  .net = n,
                                  .replica = r,
                                  .is_election = is_election};
}

void sim_net_ca_outage(struct sim_net *n, const char *host, int64_t until)
{
    if (str_eq(host, SIM_CA_BACKUP_HOST))
        n->backup_down_until = until;
    else
        n->ca_down_until = until;
}

void sim_net_set_rates(struct sim_net *n, int faults, int kills)
{
    n->faults = faults;
    n->kills = kills;
}

unsigned sim_net_lost_orders(const struct sim_net *n)
{
    return n->lost_orders;
}

unsigned sim_net_calls(const struct sim_net *n)
{
    return n->calls;
}

unsigned sim_net_faults(const struct sim_net *n)
{
    return n->failed_calls;
}

int64_t sim_net_last_fault(const struct sim_net *n)
{
    return n->last_fault;
}

/* ---- what goes wrong ---- */

static bool is_for(const struct http_request *req, const char *host)
{
    const char *at = strstr(req->url, "://");
    size_t len = strlen(host);
    return at != NULL && strncmp(at + 3, host, len) == 0 && at[3 + len] == '/';
}

static bool is_away(const struct sim_net *n, const struct http_request *req)
{
    int64_t now = sim_now(n->sim);
    return (now < n->ca_down_until && is_for(req, SIM_CA_HOST)) ||
           (now < n->backup_down_until && is_for(req, SIM_CA_BACKUP_HOST));
}

static enum fault draw_fault(struct sim_net *n, const struct sim_caller *from,
                             const struct http_request *req)
{
    static const enum fault faults[] = {FAULT_BUSY,    FAULT_ERROR, FAULT_CONFLICT,   FAULT_REFUSED,
                                        FAULT_TIMEOUT, FAULT_LOST,  FAULT_ERROR_AFTER};
    if (!n->sim->calm && sim_replica_is_cut_off(from->replica))
        return FAULT_CUT_OFF;
    if (is_away(n, req))
        return sim_chance(n->sim, 500) ? FAULT_OUTAGE : FAULT_REFUSED;
    if (n->sim->calm)
        return FAULT_NONE;
    if (sim_chance(n->sim, n->kills))
        return sim_chance(n->sim, 500) ? FAULT_KILL : FAULT_KILL_AFTER;
    if (!sim_chance(n->sim, n->faults))
        return FAULT_NONE;
    enum fault f = faults[sim_pick(n->sim, ARRAY_LEN(faults))];
    return f == FAULT_CONFLICT && !str_eq(req->method, "PUT") ? FAULT_LOST : f;
}

static bool is_done(struct sim_net *n, enum fault f)
{
    switch (f) {
    case FAULT_NONE:
    case FAULT_LOST:
    case FAULT_ERROR_AFTER:
    case FAULT_KILL_AFTER:
        return true;
    case FAULT_TIMEOUT:
        return sim_chance(n->sim, 500);
    default:
        return false;
    }
}

static struct err *cancelled(void)
{
    return err_new(ERR_CANCELLED, "Cancelled", "certroll was killed");
}

static void error_page(struct http_response *res, int status, const char *headers)
{
    http_response_release(res);
    res->status = status;
    res->headers = x_strdup(headers);
}

/* ret_response holds the answer where there was one; its head may come before a time-out. */
static struct err *answer_with(const struct sim_caller *from, enum fault f, bool keeps_head,
                               struct http_response *ret_response)
{
    switch (f) {
    case FAULT_BUSY:
        error_page(ret_response, 429, "retry-after: 2\n");
        return NULL;
    case FAULT_ERROR:
    case FAULT_ERROR_AFTER:
        error_page(ret_response, 500, "");
        return NULL;
    case FAULT_CONFLICT:
        error_page(ret_response, 409, "");
        return NULL;
    case FAULT_REFUSED:
        return err_new(ERR_TRANSIENT, "ConnectFailed", "connection refused");
    case FAULT_LOST:
        http_response_release(ret_response);
        return err_new(ERR_TRANSIENT, "ConnectionLost", "the connection was lost");
    case FAULT_OUTAGE:
        error_page(ret_response, 503, "retry-after: 600\n");
        return NULL;
    case FAULT_TIMEOUT:
    case FAULT_CUT_OFF:
        if (!keeps_head)
            http_response_release(ret_response);
        buf_release(&ret_response->body);
        return err_new(ERR_TRANSIENT, "Timeout", "timed out");
    case FAULT_KILL:
    case FAULT_KILL_AFTER:
        http_response_release(ret_response);
        sim_replica_kill(from->replica, 0);
        return cancelled();
    case FAULT_NONE:
        break;
    }
    return ret_response->status != 0 ? NULL
                                     : err_new(ERR_TRANSIENT, "ConnectFailed", "nobody is there");
}

/* ---- who answers ---- */

static void split_url(const char *url, char **ret_host, const char **ret_path)
{
    const char *host = strstr(url, "://") + 3;
    const char *path = strchrnul(host, '/');
    *ret_host = x_strndup(host, (size_t)(path - host));
    *ret_path = path;
}

static void serve(struct sim_net *n, const struct http_request *req, struct http_response *res)
{
    auto_free char *host = NULL;
    const char *path;
    split_url(req->url, &host, &path);
    if (req->connect_to != NULL && str_starts(req->connect_to, SIM_TENANTS_REPLICA)) {
        res->body = BUF_INIT(4096);
        res->status = sim_tenants_ask(n->sim, req->connect_to, host, path, &res->body);
    } else if (str_eq(host, SIM_API_HOST)) {
        sim_api_serve(n->sim->api, req, res);
    } else if (str_eq(host, SIM_CA_HOST) || str_eq(host, SIM_CA_BACKUP_HOST)) {
        sim_ca_serve(n->sim->ca, req, res);
    } else if (str_eq(host, SIM_HOOKS_HOST)) {
        sim_hooks_serve(n->sim->hooks, req, res);
    } else if (str_eq(host, SIM_ZONE_HOST)) {
        sim_zone_serve(n->sim->zone, req, res);
    } else {
        res->body = BUF_INIT(4096);
        res->status = sim_cluster_fetch(n->sim->cluster, host, path, &res->body);
    }
}

static void note(struct sim_net *n, const struct http_request *req, enum fault f, int status)
{
    static const char *const names[] = {
        "",         " BUSY",        " ERROR",       " CONFLICT",   " REFUSED", " LOST",
        " TIMEOUT", " ERROR AFTER", " KILL BEFORE", " KILL AFTER", " OUTAGE",  " CUT OFF"};
    sim_note(n->sim, "%*s%s %s -> %d%s", (int)n->depth * 2, "", str_or(req->method, "GET"),
             req->url, status, names[f]);
}

/* While a call is under way the world goes on, and other workers have their reconciles. */
static void pass_time(const struct sim_caller *from, const struct http_request *req, enum fault f)
{
    struct sim_net *n = from->net;
    struct sim *s = n->sim;
    int64_t wait = sim_delay(s, LATENCY_MAX);
    if (f == FAULT_TIMEOUT || f == FAULT_CUT_OFF)
        wait = req->timeout > 0 ? req->timeout : DEFAULT_TIMEOUT;
    sim_process_wait(s->process, sim_now(s) + wait, false);
    if (n->depth <= NESTING_MAX)
        sim_process_stand_still(s->process, from->replica);
    if (n->depth > NESTING_MAX || !sim_chance(s, 250))
        return;
    sim_happen(s);
    for (unsigned i = sim_pick(s, 3); i > 0; i--)
        sim_process_step(s->process);
}

/* The gate of production: asked just before a request that changes the world is sent. */
static struct err *ask_gate(const struct sim_caller *from, const struct http_request *req)
{
    struct sim *s = from->net->sim;
    if (from->is_election)
        return NULL;
    bool reads = str_eq(str_or(req->method, "GET"), "GET");
    if (!reads && is_for(req, SIM_API_HOST) && (req->flags & HTTP_MUTATES) == 0)
        sim_fail(s, "%s %s does not ask for the lease", req->method, req->url);
    if ((req->flags & HTTP_MUTATES) == 0)
        return NULL;
    struct err *e = sim_replica_gate(from->replica);
    if (e == NULL && sim_process_rival(s->process, from->replica) != NULL)
        sim_fail(s, "%s %s: two replicas hold the lease", req->method, req->url);
    return e;
}

static struct err *call(void *ctx, const struct http_request *req, const struct stop *stop,
                        struct http_response *ret_response)
{
    (void)stop;
    const struct sim_caller *from = ctx;
    struct sim_net *n = from->net;
    if (sim_replica_is_dying(from->replica))
        return cancelled();
    struct err *refused = ask_gate(from, req);
    if (refused != NULL)
        return refused;
    enum fault f = draw_fault(n, from, req);
    struct http_response res = {0};
    bool done = is_done(n, f);
    if (done)
        serve(n, req, &res);
    note(n, req, f, res.status);
    n->calls++;
    n->failed_calls += f != FAULT_NONE;
    n->last_fault = f != FAULT_NONE ? sim_now(n->sim) : n->last_fault;
    bool keeps_head = (req->flags & HTTP_KEEP_HEAD) != 0;
    bool is_heard = f == FAULT_NONE || f == FAULT_KILL_AFTER || (f == FAULT_TIMEOUT && keeps_head);
    if (done && !is_heard && str_ends(req->url, "/new-order"))
        n->lost_orders++;
    n->depth++;
    pass_time(from, req, f);
    n->depth--;
    struct err *e = answer_with(from, f, keeps_head, &res);
    if (e == NULL && sim_replica_is_dying(from->replica)) {
        http_response_release(&res);
        e = cancelled();
    }
    if (e == NULL && res.status < 500)
        sim_ca_heard(n->sim->ca, req->url);
    if (e == NULL || res.headers != NULL)
        *ret_response = res;
    return e;
}

/* ---- DNS ---- */

/* The time that an answer takes; false when certroll is killed meanwhile. */
static bool wait_for_servers(const struct sim_caller *from)
{
    struct sim *s = from->net->sim;
    if (!sim_replica_is_dying(from->replica))
        sim_process_wait(s->process, sim_now(s) + sim_delay(s, LATENCY_MAX), false);
    return !sim_replica_is_dying(from->replica);
}

static struct err *look_up(void *ctx, const struct dns_question *q, const struct stop *stop,
                           struct dns_answer *ret_answer)
{
    (void)stop;
    const struct sim_caller *from = ctx;
    struct sim *s = from->net->sim;
    if (!wait_for_servers(from))
        return cancelled();
    bool fails = !s->calm && sim_chance(s, from->net->faults);
    sim_note(s, "%*sDNS: %s %s%s", (int)from->net->depth * 2, "", q->name, dns_type_str(q->type),
             fails ? " SERVFAIL" : "");
    if (fails) {
        sim_zone_not_looked_up(s->zone, q);
        return err_new(ERR_TRANSIENT, "DNSFailed", "192.0.2.53:53: answered SERVFAIL");
    }
    sim_zone_look_up(s->zone, q, ret_answer);
    return NULL;
}

static struct err *ask_servers(void *ctx, const struct dns_ask *ask, const struct stop *stop,
                               struct dns_said *ret_said)
{
    (void)stop;
    const struct sim_caller *from = ctx;
    struct sim *s = from->net->sim;
    if (!wait_for_servers(from))
        return cancelled();
    for (size_t i = 0; i < ask->server_count; i++)
        sim_zone_ask(s->zone, ask, ask->servers[i], !s->calm && sim_chance(s, from->net->faults),
                     &ret_said[i]);
    return NULL;
}
