/* SPDX-License-Identifier: Apache-2.0 */
/* DNS answers byte by byte, and a server on the loopback address that gives them over UDP and TCP. */
#ifndef CERTROLL_TESTS_NET_DNS_PEER_H
#define CERTROLL_TESTS_NET_DNS_PEER_H

#include <stdbool.h>
#include <stddef.h>

#define DNS_BYTES_MAX 16384

struct dns_bytes {
    unsigned char data[DNS_BYTES_MAX];
    size_t len;
};

/* Starts an answer to the query: its id and question, QR RD RA and that response code. */
void dns_bytes_reply(struct dns_bytes *b, const unsigned char *query, size_t len, unsigned rcode);
void dns_bytes_set_flag(struct dns_bytes *b, unsigned flag); /* 0x0200 is TC */
struct dns_bytes_record {
    unsigned section; /* 1 answer, 2 authority, 3 additional */
    const char *name; /* dotted */
    unsigned type;
    unsigned ttl;
};
void dns_bytes_rr(struct dns_bytes *b, const struct dns_bytes_record *r, const void *rdata,
                  size_t len);
/* A record whose RDATA is a name: NS, CNAME, DNAME. */
void dns_bytes_target(struct dns_bytes *b, const struct dns_bytes_record *r, const char *target);
void dns_bytes_txt(struct dns_bytes *b, const char *name, const char *text, unsigned ttl);
void dns_bytes_a(struct dns_bytes *b, const char *name, const char *ip, unsigned ttl);
void dns_bytes_cname(struct dns_bytes *b, const char *name, const char *target, unsigned ttl);
/* In the authority section. */
void dns_bytes_soa(struct dns_bytes *b, const char *zone, unsigned ttl, unsigned minimum);
/* The question's name, dotted, lower case. */
void dns_bytes_question(const unsigned char *query, size_t len, char out[256]);

/* Fills the answer; leaving it empty is silence. */
typedef void (*dns_peer_script)(void *arg, unsigned number, bool tcp, const unsigned char *query,
                                size_t len, struct dns_bytes *answer);
struct dns_peer;
struct dns_peer *dns_peer_start(dns_peer_script script, void *arg);
struct dns_peer *dns_peer_start_v6(dns_peer_script script, void *arg); /* on ::1 */
/* From now on each answer over UDP comes after forgeries of it, all with another last byte. */
enum dns_forgery {
    DNS_FORGE_SOURCE = 1 << 0, /* from another port */
    DNS_FORGE_ID = 1 << 1,
    DNS_FORGE_KIND = 1 << 2, /* a query, not an answer */
    DNS_FORGE_QUESTION = 1 << 3,
    DNS_FORGE_LENGTH = 1 << 4, /* cut short */
};
void dns_peer_forge(struct dns_peer *p, unsigned forgeries);
void dns_peer_stop(struct dns_peer *p);
/* "127.0.0.1:port", "[::1]:port" */
const char *dns_peer_address(const struct dns_peer *p);
unsigned dns_peer_queries(struct dns_peer *p);

#endif
