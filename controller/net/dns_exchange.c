/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns_exchange.h"

#include <string.h>

void dns_exchange_init(struct dns_exchange *x, const union dns_address *server,
                       const struct rng *rng, const char *name, enum dns_type type, unsigned flags)
{
    *x = (struct dns_exchange){.server = server, .rng = rng};
    dns_wire_ask(name, type, (uint16_t)rng_below(rng, 1 << 16), flags, &x->query);
}

static void ask_without_edns(struct dns_exchange *x)
{
    char name[DNS_NAME_MAX + 1];
    memcpy(name, x->query.name, sizeof(name));
    dns_wire_ask(name, x->query.type, (uint16_t)rng_below(x->rng, 1 << 16),
                 x->query.flags & ~(unsigned)DNS_WIRE_EDNS, &x->query);
}

/* A malformed datagram may be anybody's: the server's own is still awaited. */
static enum dns_heard hear(void *arg, const unsigned char *data, size_t len, bool tcp)
{
    struct dns_exchange *x = arg;
    struct dns_reply r;
    dns_wire_read(&x->query, data, len, &r);
    switch (r.verdict) {
    case DNS_NOT_OURS:
    case DNS_MALFORMED:
        if (!tcp)
            return DNS_HEARD_NOTHING;
        r.verdict = DNS_MALFORMED;
        break;
    case DNS_TRUNCATED:
        if (!tcp)
            return DNS_HEARD_CUT;
        r.verdict = DNS_MALFORMED;
        break;
    case DNS_NO_EDNS:
        ask_without_edns(x);
        return DNS_HEARD_AGAIN;
    case DNS_REFUSED:
    case DNS_ELSEWHERE:
    case DNS_ANSWERED:
        break;
    }
    x->reply = r;
    return DNS_HEARD_ALL;
}

struct err *dns_exchange(struct dns_exchange *exchanges, size_t count, const struct dns_wait *wait)
{
    struct dns_flight flights[DNS_FLIGHTS_MAX] = {0};
    for (size_t i = 0; i < count && i < DNS_FLIGHTS_MAX; i++) {
        struct dns_exchange *x = &exchanges[i];
        flights[i] = (struct dns_flight){.server = x->server,
                                         .data = x->query.data,
                                         .len = &x->query.len,
                                         .hear = hear,
                                         .arg = x,
                                         .failed = x->failed};
        x->failed = NULL;
    }
    struct err *e = dns_fly(flights, count, wait);
    for (size_t i = 0; i < count; i++) {
        exchanges[i].failed = flights[i].failed;
        if (e != NULL)
            dns_reply_release(&exchanges[i].reply);
    }
    return e;
}

struct err *dns_reply_error(const struct dns_reply *r)
{
    if (r->verdict == DNS_ANSWERED || r->verdict == DNS_ELSEWHERE)
        return NULL;
    if (r->verdict == DNS_REFUSED)
        return err_new(ERR_TRANSIENT, "DNSFailed", "answered %s", dns_rcode_str(r->rcode));
    return err_new(ERR_TRANSIENT, "DNSFailed", "the answer is malformed");
}
