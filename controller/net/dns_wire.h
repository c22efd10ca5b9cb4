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

#include "net/dns_ask.h"

#define DNS_QUERY_MAX 512
#define DNS_UDP_SIZE 1232 /* offered by EDNS: no fragments on any path (DNS Flag Day 2020) */

struct dns_wire_query {
    unsigned char data[DNS_QUERY_MAX];
    size_t len;
    size_t question_end; /* header and question are the bytes before it */
    enum dns_type type;
    unsigned flags;
    char name[DNS_NAME_MAX + 1]; /* lower case */
};
enum dns_wire_flag {
    DNS_WIRE_RECURSE = 1 << 0, /* RD: the server is to find out what it does not know */
    DNS_WIRE_EDNS = 1 << 1,    /* offer DNS_UDP_SIZE (RFC 6891) */
};
/* name is as dns_name_copy() made it; flags are enum dns_wire_flag. */
void dns_wire_ask(const char *name, enum dns_type type, uint16_t id, unsigned flags,
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
    /* Of a question without DNS_WIRE_RECURSE: as in struct dns_said. */
    bool authoritative;
    char zone[DNS_NAME_MAX + 1];
    struct strlist nameservers;
};
void dns_reply_release(struct dns_reply *r);
/* Any bytes are safe. The reply is the caller's to release. */
void dns_wire_read(const struct dns_wire_query *query, const unsigned char *data, size_t len,
                   struct dns_reply *ret_reply);

/* Append to a message that has room: numbers, and names as dns_name_copy() made them. */
void dns_put16(unsigned char *data, size_t *len, unsigned value);
void dns_put_name(unsigned char *data, size_t *len, const char *name);

/* "SERVFAIL" and the like. */
const char *dns_rcode_str(unsigned rcode);

#endif
