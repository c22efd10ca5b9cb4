/* SPDX-License-Identifier: Apache-2.0 */
/* Dynamic updates (RFC 2136) of TXT records, signed by TSIG (RFC 8945). */
#ifndef CERTROLL_NET_DNS_UPDATE_H
#define CERTROLL_NET_DNS_UPDATE_H

#include "base/clock.h"
#include "base/rand.h"
#include "net/dns.h"

#define DNS_MAC_MAX 64

/* The MAC is computed by the caller: this room knows no cryptography. */
struct dns_tsig {
    const char *key_name;
    const char *algorithm; /* "hmac-sha256": as on the wire */
    void (*mac)(void *ctx, const void *data, size_t len, unsigned char out[DNS_MAC_MAX],
                size_t *ret_len);
    void *ctx;
};

/* All borrowed. */
struct dns_update {
    const char *server; /* "ADDRESS", "ADDRESS:PORT" or "[ADDRESS]:PORT" */
    const char *zone;
    const char *name;
    const char *text; /* of the TXT record, at most 255 bytes */
    uint32_t ttl;     /* seconds */
    bool remove;      /* this value alone; else it is added beside the others */
    bool tcp; /* from the start: else UDP, and TCP when the message or its answer does not fit */
    const struct dns_tsig *tsig; /* NULL: not signed */
    int64_t timeout;             /* ns; 0 = 5 s */
    unsigned flags;              /* enum dns_flag */
};
/* Any thread. The answer's TSIG is verified. ERR_DENIED: BadKey, BadSignature, BadTime (by how much clocks differ),
 * Refused, NotAuthorized; ERR_NOT_FOUND: NotZone, ZoneNotFound (NOTAUTH without TSIG error); ERR_TRANSIENT: DNSFailed,
 * Timeout; ERR_CANCELLED. The message names server, zone and key, and what to do; it is the same at each try. */
struct err *dns_update(const struct dns_transport *t, const struct clock *clock,
                       const struct rng *rng, const struct dns_update *u, const struct stop *stop)
    MUST_CHECK;

#endif
