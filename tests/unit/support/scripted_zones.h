/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A struct dns_transport over a small Internet: zones with records, servers that answer for them, and resolvers that
 * know all of it. Servers are "192.0.2.N"; a name has one record of a type, or several TXT records.
 */
#ifndef CERTROLL_TESTS_SUPPORT_SCRIPTED_ZONES_H
#define CERTROLL_TESTS_SUPPORT_SCRIPTED_ZONES_H

#include "base/clock.h"
#include "net/dns.h"

#define SCRIPTED_RECORDS_MAX 128
#define SCRIPTED_SERVERS_MAX 40

struct scripted_zones {
    struct dns_transport transport;
    struct {
        const char *name;
        enum dns_type type;
        const char *text; /* a name, an address or a TXT value */
        const char *only; /* the one server that has it, NULL = all of its zone */
    } records[SCRIPTED_RECORDS_MAX];
    size_t count;
    struct {
        const char *address;
        bool silent, lame;
    } servers[SCRIPTED_SERVERS_MAX];
    size_t server_count;
    unsigned queries, asks; /* so far; an ask of many servers is one */
    char asked_first[DNS_NAME_MAX +
                     1];        /* of resolvers: any that was asked for "_acme-challenge..." */
    unsigned flags;             /* of the last one */
    const char *broken;         /* a name that resolvers fail to look up, or NULL */
    char resolver[64];          /* the first that was named in the last query, "" = the system's */
    int64_t ttl;                /* of answers; 0 = 60 s */
    struct clock_manual *hands; /* that each query moves by takes */
    int64_t takes;              /* ns */
};

void scripted_zones_init(struct scripted_zones *z);
/* All strings are borrowed. */
void scripted_zones_add(struct scripted_zones *z, const char *name, enum dns_type type,
                        const char *text);
/* Only this server has it. */
void scripted_zones_add_at(struct scripted_zones *z, const char *server, const char *name,
                           enum dns_type type, const char *text);
/* An SOA record, and an NS record with that address for host. */
void scripted_zones_zone(struct scripted_zones *z, const char *zone, const char *host,
                         const char *address);
/* Takes away what a name has of a type. */
void scripted_zones_remove(struct scripted_zones *z, const char *name, enum dns_type type);
void scripted_zones_server(struct scripted_zones *z, const char *address, bool silent, bool lame);

#endif
