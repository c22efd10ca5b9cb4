/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions put to servers, each its own: EDNS, and without it where a server does not know it; TCP when the answer
 * does not fit. Internal to this room.
 */
#ifndef CERTROLL_NET_DNS_EXCHANGE_H
#define CERTROLL_NET_DNS_EXCHANGE_H

#include "base/rand.h"
#include "net/dns_flight.h"
#include "net/dns_wire.h"

struct dns_exchange {
    const union dns_address *server; /* borrowed */
    const struct rng *rng;
    struct dns_wire_query query;
    struct dns_reply reply; /* owned */
    struct err *
        failed; /* owned; set before: that server is not asked. ERR_TRANSIENT: DNSFailed, Timeout */
};
/* name is as dns_name_copy() made it; flags are enum dns_wire_flag. The id is random. */
void dns_exchange_init(struct dns_exchange *x, const union dns_address *server,
                       const struct rng *rng, const char *name, enum dns_type type, unsigned flags);

/* All at once, at most DNS_FLIGHTS_MAX. An error is ERR_CANCELLED, and nothing is left to release then. What comes
 * from elsewhere or answers another question is not looked at. A reply's verdict is DNS_REFUSED, DNS_MALFORMED,
 * DNS_ELSEWHERE or DNS_ANSWERED. */
struct err *dns_exchange(struct dns_exchange *exchanges, size_t count, const struct dns_wait *wait)
    MUST_CHECK;

/* What a server says that is no answer, as an error; NULL for an answer. */
struct err *dns_reply_error(const struct dns_reply *r) MUST_CHECK;

#endif
