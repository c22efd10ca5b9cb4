/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a value has to go: aliases followed, the zone it is in, and the servers that answer for that zone.
 *
 * With the check mode authoritative the name itself is asked of authoritative servers only: a resolver that was
 * asked before the value is there would remember its absence (RFC 2308). In the other modes, whose users may not
 * reach those servers, resolvers are asked, and the zone is found by SOA look-ups from the name's parent upwards.
 */
#ifndef CERTROLL_DNS01_ZONE_H
#define CERTROLL_DNS01_ZONE_H

#include "base/clock.h"
#include "base/list.h"
#include "base/stop.h"
#include "dns01/config.h"
#include "net/dns.h"
#include "net/http.h"

#define DNS_ALIASES_MAX 8 /* CNAMEs and DNAMEs in a row */
#define DNS_SILENT_LOOKS                                                                           \
    3 /* a server that did not answer so often in a row is left alone for a while */

struct dns_zones; /* what was found, as long as its TTL (a minute to an hour) says; thread-safe */
struct dns_zones *dns_zones_new(void);
void dns_zones_free(struct dns_zones *z);

struct dns_finder {
    const struct dns_transport *dns;
    const struct http_transport *http; /* DNS over HTTPS */
    const struct clock *clock;
    const struct stop *stop;
    struct dns_zones *zones;
};

struct dns_place {
    char name[DNS_NAME_MAX + 1]; /* where the value goes */
    char zone[DNS_NAME_MAX + 1];
    struct strlist
        servers; /* "ADDRESS" of each authoritative server, IPv4 and IPv6; empty with resolvers */
};
void dns_place_release(struct dns_place *p);

/* ERR_TRANSIENT: DNSFailed, Timeout, LameDelegation (no server of the zone answers for it), AliasLoop;
 * ERR_NOT_FOUND: ZoneNotFound. Messages name the server or the name that is to blame. Blocks for a few round trips,
 * 5 s at most. */
struct err *dns_place_find(const struct dns_finder *f, const struct dns_config *config,
                           const char *name, struct dns_place *ret_place) MUST_CHECK;
/* Where dns_place_find() found it to go in the last minute to hour; false when that is not known any more. */
bool dns_place_recall(const struct dns_finder *f, const struct dns_config *config, const char *name,
                      struct dns_place *ret_place);
/* What is remembered of the name and its zone is asked for again next time. */
void dns_zones_forget(struct dns_zones *z, const char *name);

/* Notes whether a server answered; returns how often in a row it has not, each time within 10 minutes. */
unsigned dns_zones_heard(struct dns_zones *z, const char *server, bool answered, int64_t mono);
/* Is it one of those that are left alone now? */
bool dns_zones_is_silent(struct dns_zones *z, const char *server, int64_t mono);

#endif
