/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stub resolver: servers in turn, each with little patience first and more the second time, CNAMEs that
 * a server does not follow itself followed here. Names are absolute: no search list, no hosts file, because
 * what counts is what a CA would find. Beside it what goes to named servers alone: questions without recursion
 * and messages of the caller's making.
 */
#include "net/dns_client.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

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
#define ASK_TIMEOUT (3 * NS_PER_SEC)
#define RESEND (800 * NS_PER_MS) /* slower servers than that are asked twice */
#define MESSAGE_HEADER 12
#define MESSAGE_UDP_MAX 512 /* RFC 1035 section 4.2.1: longer ones go over TCP */
#define MESSAGE_MAX 65535
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
    struct dns_wait wait;
};

/* ---- whom to ask ---- */

static struct err *guard_server(const struct dns_client *c, const union dns_address *a,
                                unsigned flags)
{
    if ((flags & DNS_GUARDED) == 0)
        return NULL;
    return err_wrap(guard_check_sockaddr(&c->guard, &a->any), "nameserver");
}

static struct err *named_servers(struct lookup *l)
{
    const struct dns_question *q = l->question;
    for (size_t i = 0; i < q->server_count && i < DNS_SERVERS_MAX; i++) {
        union dns_address *a = &l->servers.items[l->servers.len];
        TRY(dns_server_parse(q->servers[i], a));
        TRY(guard_server(l->client, a, q->flags));
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
    const struct dns_wait wait = {.wake_fd = l->wait.wake_fd,
                                  .deadline = until < l->wait.deadline ? until : l->wait.deadline};
    struct dns_exchange x;
    dns_exchange_init(&x, server, l->client->rng, name, l->question->type,
                      DNS_WIRE_RECURSE | DNS_WIRE_EDNS);
    TRY(dns_exchange(&x, 1, &wait));
    if (x.failed == NULL)
        *ret_reply = x.reply;
    return x.failed;
}

static void lookup_end(struct lookup *l)
{
    dns_wait_end(&l->wait);
}

/* Each server in turn; the last error is the one to tell. One that said something has its say: only silence
 * is worth a second round. */
static struct err *ask_all(const struct lookup *l, const char *name, struct dns_reply *ret_reply)
{
    bool done[DNS_SERVERS_MAX] = {false};
    struct err *last = NULL;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < l->servers.len; i++) {
            if (done[i] || (last != NULL && clock_mono(clock_system()) >= l->wait.deadline))
                continue;
            struct dns_reply r = {0};
            int64_t patience = round == 0 ? FIRST_PATIENCE : PATIENCE;
            struct err *e = ask(l, &l->servers.items[i], name, patience, &r);
            done[i] = e == NULL;
            if (e == NULL)
                e = dns_reply_error(&r);
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

static struct err *query(void *ctx, const struct dns_question *q, const struct stop *stop,
                         struct dns_answer *ret_answer)
{
    AUTO(lookup_end) struct lookup l = {.client = ctx, .question = q, .wait = {.wake_fd = -1}};
    TRY(stop_check(stop));
    if (answer_localhost(q, ret_answer))
        return NULL;
    TRY(find_servers(&l));
    TRY(dns_wait_begin(&l.wait, stop, q->timeout > 0 ? q->timeout : TIMEOUT_DEFAULT));
    return follow(&l, ret_answer);
}

/* ---- named servers alone ---- */

/* One that we may not ask has failed, and the others are asked. */
static struct err *prepare(const struct dns_client *c, const struct dns_ask *ask,
                           union dns_address *addresses, struct dns_exchange *exchanges)
{
    char name[DNS_NAME_MAX + 1];
    if (!dns_name_copy(ask->name, name))
        return err_new(ERR_INVALID, "InvalidName", "\"%.64s\" is not a DNS name", ask->name);
    for (size_t i = 0; i < ask->server_count; i++)
        TRY(dns_server_parse(ask->servers[i], &addresses[i]));
    for (size_t i = 0; i < ask->server_count; i++) {
        dns_exchange_init(&exchanges[i], &addresses[i], c->rng, name, ask->type, DNS_WIRE_EDNS);
        exchanges[i].failed = guard_server(c, &addresses[i], ask->flags);
    }
    return NULL;
}

static struct dns_said take_said(struct dns_exchange *x)
{
    struct dns_said said = {.failed = x->failed != NULL ? x->failed : dns_reply_error(&x->reply)};
    if (said.failed != NULL) {
        dns_reply_release(&x->reply);
        return said;
    }
    said.authoritative = x->reply.authoritative;
    said.answer = x->reply.answer;
    said.nameservers = x->reply.nameservers;
    str_copy(said.zone, sizeof(said.zone), x->reply.zone);
    return said;
}

static struct err *ask_each(void *ctx, const struct dns_ask *ask, const struct stop *stop,
                            struct dns_said *ret_said)
{
    TRY(stop_check(stop));
    if (ask->server_count == 0)
        return NULL;
    auto_free union dns_address *addresses = x_calloc(ask->server_count, sizeof(*addresses));
    auto_free struct dns_exchange *exchanges = x_calloc(ask->server_count, sizeof(*exchanges));
    TRY(prepare(ctx, ask, addresses, exchanges));
    AUTO_DNS_WAIT wait = {.wake_fd = -1};
    struct err *e = dns_wait_begin(&wait, stop, ask->timeout > 0 ? ask->timeout : ASK_TIMEOUT);
    wait.resend = RESEND;
    if (e == NULL)
        e = dns_exchange(exchanges, ask->server_count, &wait);
    for (size_t i = 0; i < ask->server_count; i++) {
        if (e == NULL)
            ret_said[i] = take_said(&exchanges[i]);
        else
            err_free(exchanges[i].failed);
    }
    return e;
}

struct raw_message {
    const struct dns_message *message;
    struct buf *reply;
};

/* Where the first question of the message that we made ends; names are not compressed there. */
static size_t question_end(const unsigned char *data, size_t len)
{
    size_t at = MESSAGE_HEADER;
    while (at < len && data[at] != 0)
        at += 1U + data[at];
    return at + 5 <= len ? at + 5 : len;
}

/* The question of an answer is ours, or there is none: RFC 2136 section 3.8 leaves that to servers. */
static bool has_our_question(const struct dns_message *m, const unsigned char *data, size_t len)
{
    const unsigned char *sent = m->data;
    if (data[4] == 0 && data[5] == 0)
        return true;
    size_t end = question_end(sent, m->len);
    bool same = len >= end && memcmp(data + 4, sent + 4, 2) == 0;
    for (size_t i = MESSAGE_HEADER; same && i < end; i++)
        same = tolower(data[i]) == tolower(sent[i]);
    return same;
}

/* Id, kind and question of the message are those of ours, and it is an answer. */
static enum dns_heard hear_raw(void *arg, const unsigned char *data, size_t len, bool tcp)
{
    const struct raw_message *raw = arg;
    const unsigned char *sent = raw->message->data;
    if (len < MESSAGE_HEADER || memcmp(data, sent, 2) != 0 || (data[2] & 0x80) == 0 ||
        ((data[2] ^ sent[2]) & 0x78) != 0 || !has_our_question(raw->message, data, len))
        return DNS_HEARD_NOTHING;
    if (!tcp && (data[2] & 0x02) != 0)
        return DNS_HEARD_CUT;
    buf_clear(raw->reply);
    err_drop(buf_add(raw->reply, data, len)); /* no message is longer than its maximum */
    return DNS_HEARD_ALL;
}

static struct err *exchange_raw(void *ctx, const struct dns_message *m, const struct stop *stop,
                                struct buf *ret_reply)
{
    union dns_address server;
    TRY(dns_server_parse(m->server, &server));
    TRY(guard_server(ctx, &server, m->flags));
    if (m->len < MESSAGE_HEADER || m->len > MESSAGE_MAX)
        return err_new(ERR_BUG, "InvalidMessage", "a DNS message of %zu bytes", m->len);
    TRY(stop_check(stop));
    AUTO_DNS_WAIT wait = {.wake_fd = -1};
    TRY(dns_wait_begin(&wait, stop, m->timeout > 0 ? m->timeout : TIMEOUT_DEFAULT));
    wait.resend = RESEND;
    AUTO(buf_release) struct buf reply = BUF_INIT(MESSAGE_MAX);
    struct raw_message raw = {.message = m, .reply = &reply};
    struct dns_flight f = {.server = &server,
                           .data = m->data,
                           .len = &m->len,
                           .tcp = m->tcp || m->len > MESSAGE_UDP_MAX,
                           .hear = hear_raw,
                           .arg = &raw};
    TRY(dns_fly(&f, 1, &wait));
    TRY(f.failed);
    *ret_reply = reply;
    reply = BUF_INIT(0);
    return NULL;
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
    c->transport =
        (struct dns_transport){.query = query, .ask = ask_each, .exchange = exchange_raw, .ctx = c};
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
