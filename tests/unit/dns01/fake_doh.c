/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_doh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define HEADER 12
#define MESSAGE_MAX 4096
#define NXDOMAIN 3
#define QUESTION_POINTER 0xc00c

struct message {
    unsigned char data[MESSAGE_MAX];
    size_t len;
};

static void put_int(struct message *m, uint64_t value, unsigned bytes)
{
    while (bytes-- > 0)
        m->data[m->len++] = (unsigned char)(value >> (8 * bytes));
}

static void put_name(struct message *m, const char *name)
{
    for (const char *at = name; *at != '\0';) {
        size_t label = strcspn(at, ".");
        put_int(m, label, 1);
        memcpy(m->data + m->len, at, label);
        m->len += label;
        at += label + (at[label] == '.');
    }
    put_int(m, 0, 1);
}

/* The question's name, dotted; returns where its type is. */
static size_t question_name(const unsigned char *query, char out[DNS_NAME_MAX + 1])
{
    size_t at = HEADER;
    size_t n = 0;
    for (; query[at] != 0; at += query[at] + 1U) {
        memcpy(out + n, query + at + 1, query[at]);
        n += query[at];
        out[n++] = '.';
    }
    out[n > 0 ? n - 1 : 0] = '\0';
    return at + 1;
}

static void put_record(struct message *m, unsigned type, int64_t ttl, const struct dns_record *r)
{
    put_int(m, type, 2);
    put_int(m, 1, 2);
    put_int(m, (uint64_t)(ttl / NS_PER_SEC), 4);
    put_int(m, r->len, 2);
    memcpy(m->data + m->len, r->data, r->len);
    m->len += r->len;
}

/* Aliases are one CNAME from the question's name to their end; an absence has the SOA record of the root beside it, for
 * as long. */
static void put_answer(struct message *m, const unsigned char *query, const char *name,
                       const struct dns_answer *a, enum dns_type type)
{
    size_t question_end = 0;
    char asked[DNS_NAME_MAX + 1];
    question_end = question_name(query, asked) + 4;
    bool alias = !str_eq(a->name, name);
    memcpy(m->data, query, question_end);
    m->len = 2;
    put_int(m, 0x8180 | (a->exists ? 0 : NXDOMAIN), 2);
    put_int(m, 1, 2);
    put_int(m, a->count + (alias ? 1 : 0), 2);
    put_int(m, a->count == 0 ? 1 : 0, 2);
    put_int(m, 0, 2);
    m->len = question_end;
    struct message target = {.len = 0};
    put_name(&target, a->name);
    if (alias) {
        put_int(m, QUESTION_POINTER, 2);
        put_record(m, DNS_CNAME, a->ttl, &(struct dns_record){target.data, target.len});
    }
    for (size_t i = 0; i < a->count; i++) {
        put_name(m, a->name);
        put_record(m, type, a->ttl, &a->records[i]);
    }
    struct message soa = {.len = 2}; /* two names of the root */
    put_int(&soa, 1, 4);
    for (int i = 0; i < 4; i++)
        put_int(&soa, (uint64_t)(a->ttl / NS_PER_SEC), 4);
    put_int(m, 0, a->count == 0 ? 1 : 0);
    if (a->count == 0)
        put_record(m, DNS_SOA, a->ttl, &(struct dns_record){soa.data, soa.len});
}

static struct err *call(void *ctx, const struct http_request *req, const struct stop *stop,
                        struct http_response *ret_response)
{
    struct fake_doh *d = ctx;
    d->calls++;
    d->flags = req->flags;
    assert_string_equal(req->url, FAKE_DOH_URL);
    char name[DNS_NAME_MAX + 1];
    const unsigned char *query = req->body;
    size_t at = question_name(query, name);
    const struct dns_question q = {.name = name,
                                   .type = (enum dns_type)(query[at] << 8 | query[at + 1])};
    AUTO_DNS_ANSWER a = {0};
    TRY(d->net->transport.query(d->net, &q, stop, &a));
    struct message m = {.len = 0};
    put_answer(&m, query, name, &a, q.type);
    ret_response->status = d->status != 0 ? d->status : 200;
    ret_response->body = BUF_INIT(MESSAGE_MAX);
    return buf_add(&ret_response->body, m.data, m.len);
}

void fake_doh_init(struct fake_doh *d, struct scripted_zones *net)
{
    *d = (struct fake_doh){.transport = {.call = call, .ctx = d}, .net = net};
}
