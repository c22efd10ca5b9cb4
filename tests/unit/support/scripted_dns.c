/* SPDX-License-Identifier: Apache-2.0 */
#include "scripted_dns.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define TTL_DEFAULT (60 * NS_PER_SEC)

static void add_record(struct dns_answer *a, const void *data, size_t len)
{
    if (a->records == NULL)
        a->records = x_calloc(SCRIPTED_DNS_MAX, sizeof(*a->records));
    a->records[a->count++] = (struct dns_record){x_memdup(data, len), len};
}

static const char *end_of(const struct scripted_dns *d, const char *name)
{
    for (size_t i = 0; i < d->count; i++)
        if (d->records[i].end != NULL && str_eq(d->records[i].name, name))
            return d->records[i].end;
    return name;
}

static struct err *query(void *ctx, const struct dns_question *q, const struct stop *stop,
                         struct dns_answer *ret_answer)
{
    struct scripted_dns *d = ctx;
    TRY(stop_check(stop));
    d->queries++;
    d->flags = q->flags;
    str_copy(d->server, sizeof(d->server), q->server_count > 0 ? q->servers[0] : "");
    struct dns_answer a = {.ttl = d->ttl != 0 ? d->ttl : TTL_DEFAULT};
    char name[DNS_NAME_MAX + 1];
    dns_name_copy(q->name, name);
    str_copy(a.name, sizeof(a.name), end_of(d, name));
    for (size_t i = 0; i < d->count; i++) {
        if (d->records[i].end != NULL || !str_eq(d->records[i].name, a.name))
            continue;
        a.exists = true;
        bool asked = d->records[i].type == q->type;
        if (asked && d->records[i].fails != NULL) {
            dns_answer_release(&a);
            return err_new(ERR_TRANSIENT, "DNSFailed", "%s", d->records[i].fails);
        }
        if (asked && d->records[i].len > 0)
            add_record(&a, d->records[i].data, d->records[i].len);
    }
    *ret_answer = a;
    return NULL;
}

void scripted_dns_init(struct scripted_dns *d)
{
    *d = (struct scripted_dns){.transport = {.query = query, .ctx = d}};
}

void scripted_dns_record(struct scripted_dns *d, const char *name, enum dns_type type,
                         const void *data, size_t len)
{
    if (d->count == SCRIPTED_DNS_MAX || len > sizeof(d->records[0].data))
        x_abort("too much for a scripted DNS");
    d->records[d->count].name = name;
    d->records[d->count].type = type;
    memcpy(d->records[d->count].data, data, len);
    d->records[d->count++].len = len;
}

void scripted_dns_address(struct scripted_dns *d, const char *name, const char *ip)
{
    unsigned char data[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, ip, data) == 1)
        scripted_dns_record(d, name, DNS_A, data, sizeof(struct in_addr));
    else if (inet_pton(AF_INET6, ip, data) == 1)
        scripted_dns_record(d, name, DNS_AAAA, data, sizeof(struct in6_addr));
    else
        x_abort("not an address");
}

void scripted_dns_empty(struct scripted_dns *d, const char *name)
{
    scripted_dns_record(d, name, DNS_CNAME, "", 0);
}

void scripted_dns_cname(struct scripted_dns *d, const char *name, const char *end)
{
    scripted_dns_record(d, name, DNS_CNAME, "", 0);
    d->records[d->count - 1].end = end;
}

void scripted_dns_fail(struct scripted_dns *d, const char *name, enum dns_type type,
                       const char *message)
{
    scripted_dns_record(d, name, type, "", 0);
    d->records[d->count - 1].fails = message;
}
