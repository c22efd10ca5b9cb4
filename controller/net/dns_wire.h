/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS messages: a question to bytes, bytes to what they say about that question. Knows ldns, and no sockets.
 * Internal to this room.
 */
#ifndef CERTROLL_NET_DNS_WIRE_H
#define CERTROLL_NET_DNS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/dns.h"

#define DNS_QUERY_MAX 512
#define DNS_UDP_SIZE 1232 /* offered by EDNS: no fragments on any path (DNS Flag Day 2020) */

struct dns_wire_query {
    unsigned char data[DNS_QUERY_MAX];
    size_t len;
    size_t question_end; /* header and question are the bytes before it */
    enum dns_type type;
    char name[DNS_NAME_MAX + 1]; /* lower case */
};
/* name is as dns_name_copy() made it. edns: offer DNS_UDP_SIZE (RFC 6891). */
void dns_wire_ask(const char *name, enum dns_type type, uint16_t id, bool edns,
                  struct dns_wire_query *ret_query);

enum dns_verdict {
    DNS_NOT_OURS,  /* another id or question, or no answer at all: as if nothing had come */
    DNS_TRUNCATED, /* ask over TCP */
    DNS_NO_EDNS,   /* FORMERR or NOTIMP: ask without EDNS */
    DNS_REFUSED,   /* another response code than NOERROR and NXDOMAIN: rcode */
    DNS_MALFORMED, /* or a loop of CNAMEs, or more than anybody needs */
    DNS_ELSEWHERE, /* only CNAMEs: go on asking for answer.name */
    DNS_ANSWERED,  /* answer is filled; also for NXDOMAIN and no records */
};
struct dns_reply {
    enum dns_verdict verdict;
    unsigned rcode;
    struct dns_answer answer; /* name and ttl for DNS_ELSEWHERE, all for DNS_ANSWERED */
};
/* Any bytes are safe. The answer is the caller's to release. */
void dns_wire_read(const struct dns_wire_query *query, const unsigned char *data, size_t len,
                   struct dns_reply *ret_reply);

/* "SERVFAIL" and the like. */
const char *dns_rcode_str(unsigned rcode);

#endif
