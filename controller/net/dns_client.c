/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stub resolver: servers in turn, each with little patience first and more the second time, CNAMEs that
 * a server does not follow itself followed here. Names are absolute: no search list, no hosts file, because
 * what counts is what a CA would find.
 */
#include "net/dns_client.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/dns_exchange.h"
#include "net/guard.h"

#define TIMEOUT_DEFAULT (5 * NS_PER_SEC)
#define ROUNDS 2
#define FIRST_PATIENCE (1 * NS_PER_SEC)
#define PATIENCE (3 * NS_PER_SEC)
#define ALIASES_MAX 8 /* CNAMEs that we follow ourselves */
#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLV_CONF_MAX (64 * 1024)

struct dns_client {
    struct dns_transport transport;
    const struct rng *rng;
    struct guard guard;
    struct dns_servers servers;
    char *resolv_conf;
};

/* One query under way. */
struct lookup {
    const struct dns_client *client;
    const struct dns_question *question;
    struct dns_servers servers;
    int wake_fd;
    int64_t deadline;
};

/* ---- whom to ask ---- */

static struct err *named_servers(struct lookup *l)
{
    const struct dns_question *q = l->question;
    for (size_t i = 0; i < q->server_count && i < DNS_SERVERS_MAX; i++) {
        union dns_address *a = &l->servers.items[l->servers.len];
        TRY(dns_server_parse(q->servers[i], a));
        if ((q->flags & DNS_GUARDED) != 0)
            TRY(guard_check_sockaddr(&l->client->guard, &a->any), "nameserver");
        l->servers.len++;
    }
    return NULL;
}

static struct err *find_servers(struct lookup *l)
{
    if (l->question->server_count > 0)
        return named_servers(l);
    l->servers = l->client->servers;
    if (l->servers.len > 0)
        return NULL;
    auto_free char *text = NULL;
    TRY(err_ignore(file_read(l->client->resolv_conf, RESOLV_CONF_MAX, &text), ERR_NOT_FOUND));
    dns_servers_from_resolv_conf(text == NULL ? "" : text, &l->servers);
    if (l->servers.len == 0) /* resolv.conf(5) */
        return dns_server_parse("127.0.0.1", &l->servers.items[l->servers.len++]);
    return NULL;
}

/* ---- asking ---- */

static struct err *ask(const struct lookup *l, const union dns_address *server, const char *name,
                       int64_t patience, struct dns_reply *ret_reply)
{
    int64_t until = clock_mono(clock_system()) + patience;
    const struct dns_wait wait = {.wake_fd = l->wake_fd,
                                  .deadline = until < l->deadline ? until : l->deadline};
    struct dns_wire_query query;
    dns_wire_ask(name, l->question->type, (uint16_t)rng_below(l->client->rng, 1 << 16), true,
                 &query);
    TRY(dns_exchange(server, &query, &wait, ret_reply));
    if (ret_reply->verdict != DNS_NO_EDNS)
        return NULL;
    dns_wire_ask(name, l->question->type, (uint16_t)rng_below(l->client->rng, 1 << 16), false,
                 &query);
    return dns_exchange(server, &query, &wait, ret_reply);
}

/* What a server says that is no answer, as an error; NULL for an answer. */
static struct err *judge(const struct dns_reply *r)
{
    if (r->verdict == DNS_ANSWERED || r->verdict == DNS_ELSEWHERE)
        return NULL;
    if (r->verdict == DNS_REFUSED)
        return err_new(ERR_TRANSIENT, "DNSFailed", "answered %s", dns_rcode_str(r->rcode));
    return err_new(ERR_TRANSIENT, "DNSFailed", "the answer is malformed");
}

/* Each server in turn; the last error is the one to tell. One that said something has its say: only silence
 * is worth a second round. */
static struct err *ask_all(const struct lookup *l, const char *name, struct dns_reply *ret_reply)
{
    bool done[DNS_SERVERS_MAX] = {false};
    struct err *last = NULL;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < l->servers.len; i++) {
            if (done[i] || (last != NULL && clock_mono(clock_system()) >= l->deadline))
                continue;
            struct dns_reply r = {0};
            int64_t patience = round == 0 ? FIRST_PATIENCE : PATIENCE;
            struct err *e = ask(l, &l->servers.items[i], name, patience, &r);
            done[i] = e == NULL;
            if (e == NULL)
                e = judge(&r);
            if (e == NULL || e->kind == ERR_CANCELLED) {
                err_free(last);
                *ret_reply = r;
                return e;
            }
            char server[DNS_SERVER_TEXT_MAX];
            dns_server_text(&l->servers.items[i], server);
            err_free(last);
            last = err_wrap(e, "%s", server);
        }
    }
    return last;
}

static struct err *follow(const struct lookup *l, struct dns_answer *ret_answer)
{
    char name[DNS_NAME_MAX + 1];
    dns_name_copy(l->question->name, name);
    int64_t ttl = INT64_MAX;
    for (unsigned i = 0; i <= ALIASES_MAX; i++) {
        struct dns_reply r = {0};
        TRY(ask_all(l, name, &r));
        ttl = r.answer.ttl < ttl ? r.answer.ttl : ttl;
        /* A server that names the same name again has nothing to add. */
        if (r.verdict == DNS_ANSWERED || str_eq(r.answer.name, name)) {
            *ret_answer = r.answer;
            ret_answer->ttl = ttl;
            return NULL;
        }
        str_copy(name, sizeof(name), r.answer.name);
        dns_answer_release(&r.answer);
    }
    return err_new(ERR_TRANSIENT, "DNSFailed", "more than %d CNAMEs: a loop?", ALIASES_MAX);
}

/* RFC 6761 section 6.3: nobody is asked for these names. Of the two loopback addresses the one that every
 * machine has. */
static bool answer_localhost(const struct dns_question *q, struct dns_answer *ret_answer)
{
    char name[DNS_NAME_MAX + 1];
    dns_name_copy(q->name, name);
    if (!str_eq(name, "localhost") && !str_ends(name, ".localhost"))
        return false;
    *ret_answer = (struct dns_answer){.exists = true};
    str_copy(ret_answer->name, sizeof(ret_answer->name), name);
    if (q->type != DNS_A)
        return true;
    ret_answer->records = x_calloc(1, sizeof(*ret_answer->records));
    ret_answer->records[0] = (struct dns_record){x_memdup("\x7f\0\0\1", 4), 4};
    ret_answer->count = 1;
    return true;
}

static void on_stop(void *arg)
{
    const struct lookup *l = arg;
    static const uint64_t one = 1;
    (void)!write(l->wake_fd, &one, sizeof(one));
}

static struct err *query(void *ctx, const struct dns_question *q, const struct stop *stop,
                         struct dns_answer *ret_answer)
{
    int64_t timeout = q->timeout > 0 ? q->timeout : TIMEOUT_DEFAULT;
    struct lookup l = {.client = ctx,
                       .question = q,
                       .wake_fd = -1,
                       .deadline = clock_mono(clock_system()) + timeout};
    TRY(stop_check(stop));
    if (answer_localhost(q, ret_answer))
        return NULL;
    TRY(find_servers(&l));
    /* Listening does not change what the token says. */
    struct stop *token = (struct stop *)(uintptr_t)stop;
    if (token != NULL) {
        l.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (l.wake_fd < 0)
            return err_new(ERR_TRANSIENT, "DNSFailed", "no file descriptor is left");
        stop_listen(token, on_stop, &l);
    }
    struct err *e = follow(&l, ret_answer);
    if (token != NULL) {
        stop_unlisten(token, on_stop, &l);
        close(l.wake_fd);
    }
    return e;
}

/* ---- the client ---- */

static struct err *own_servers(struct dns_client *c, const char *servers)
{
    while (!str_empty(servers)) {
        size_t len = strcspn(servers, ",");
        auto_free char *one = x_strndup(servers, len);
        if (c->servers.len == DNS_SERVERS_MAX)
            return err_new(ERR_INVALID, "InvalidServer", "write at most %d nameservers",
                           DNS_SERVERS_MAX);
        TRY(dns_server_parse(one, &c->servers.items[c->servers.len++]));
        servers += len + (servers[len] == ',');
    }
    return NULL;
}

struct err *dns_client_new(const struct dns_client_options *o, struct dns_client **ret_client)
{
    struct dns_client *c = x_calloc(1, sizeof(*c));
    struct err *e = guard_init(&c->guard, o->allow_private, o->forbidden);
    if (e == NULL)
        e = own_servers(c, o->servers);
    if (e != NULL) {
        guard_release(&c->guard);
        free(c);
        return e;
    }
    c->rng = o->rng;
    c->resolv_conf = x_strdup(str_or(o->resolv_conf, RESOLV_CONF));
    c->transport = (struct dns_transport){.query = query, .ctx = c};
    *ret_client = c;
    return NULL;
}

void dns_client_free(struct dns_client *c)
{
    if (c == NULL)
        return;
    guard_release(&c->guard);
    free(c->resolv_conf);
    free(c);
}

const struct dns_transport *dns_client_transport(struct dns_client *c)
{
    return &c->transport;
}
