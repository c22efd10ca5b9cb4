/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS queries as a seam: callers see struct dns_transport and cannot tell production (dns_client.h), the
 * simulator and a test apart. A stub resolver's view: one question, the records at the end of its CNAMEs.
 */
#ifndef CERTROLL_NET_DNS_H
#define CERTROLL_NET_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/stop.h"

#define DNS_NAME_MAX 253    /* characters, without the final dot */
#define DNS_RECORDS_MAX 128 /* more in one answer are refused */
#define DNS_SERVERS_MAX 8   /* more are not asked */
#define DNS_ADDRESS_MAX 46  /* an IPv4 or IPv6 literal, with the NUL */

/* What is asked for; the values are those of the wire (RFC 1035, 3596, 8659). */
enum dns_type {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_CNAME = 5,
    DNS_SOA = 6,
    DNS_TXT = 16,
    DNS_AAAA = 28,
    DNS_DNAME = 39,
    DNS_CAA = 257,
};

enum dns_flag {
    DNS_GUARDED =
        1
        << 0, /* a tenant named the servers: the addresses that net/guard.h refuses are not asked */
};

/* All borrowed. */
struct dns_question {
    const char *name; /* absolute, with or without the final dot, A-labels */
    enum dns_type type;
    const char *const *servers; /* "ADDRESS", "ADDRESS:PORT" or "[ADDRESS]:PORT" */
    size_t server_count;        /* 0 = the system's */
    int64_t timeout;            /* ns for everything; 0 = 5 s */
    unsigned flags;             /* enum dns_flag */
};

struct dns_record {
    unsigned char *data; /* RDATA with names uncompressed */
    size_t len;
};
struct dns_answer {
    bool exists;                 /* false: there is no such name (NXDOMAIN) */
    char name[DNS_NAME_MAX + 1]; /* that the records belong to: where the CNAMEs end; lower case */
    struct dns_record *records;
    size_t count;
    int64_t ttl; /* ns that all of this, the absence of records too, may be kept */
};
/* The answer is empty and usable again. */
void dns_answer_release(struct dns_answer *a);
#define AUTO_DNS_ANSWER AUTO(dns_answer_release) struct dns_answer

/* A message of the caller's making. All borrowed. */
struct dns_message {
    const char *server;
    const void *data; /* starts with an id that the caller drew at random */
    size_t len;
    bool tcp;        /* from the start; else UDP, and TCP when it does not fit there */
    int64_t timeout; /* ns; 0 = 5 s */
    unsigned flags;  /* enum dns_flag */
};

struct dns_ask;
struct dns_said;

struct dns_transport {
    /* An answer without records is success. An error is ERR_TRANSIENT (reason DNSFailed for SERVFAIL, REFUSED
     * and what is no sane answer, Timeout), ERR_DENIED (AddressForbidden), ERR_INVALID (InvalidName,
     * InvalidServer) or ERR_CANCELLED. Blocks. */
    struct err *(*query)(void *ctx, const struct dns_question *q, const struct stop *stop,
                         struct dns_answer *ret_answer);
    /* See dns_ask.h. */
    struct err *(*ask)(void *ctx, const struct dns_ask *ask, const struct stop *stop,
                       struct dns_said *ret_said);
    /* One message as it is to one server, and what comes back with the same id and question, at most 64 KiB: ERR_TRANSIENT
     * (DNSFailed, Timeout), ERR_DENIED, ERR_INVALID and ERR_CANCELLED as above. */
    struct err *(*exchange)(void *ctx, const struct dns_message *m, const struct stop *stop,
                            struct buf *ret_reply);
    void *ctx;
};

/* Any thread. What dns_transport.query says, with the question in front of the message. */
struct err *dns_query(const struct dns_transport *t, const struct dns_question *q,
                      const struct stop *stop, struct dns_answer *ret_answer) MUST_CHECK;

/* Lower case, without the final dot; false unless it has 1 to 253 characters in labels of 1 to 63 of
 * letters, digits, '-' and '_' (and a first label "*"). */
bool dns_name_copy(const char *name, char out[DNS_NAME_MAX + 1]);

/* The literal of an A or AAAA record; false for another length. */
bool dns_address_text(const struct dns_record *r, char out[DNS_ADDRESS_MAX]);

/* The name that the RDATA of an NS, CNAME, DNAME or SOA (its primary server) starts with, as dns_name_copy() makes it;
 * false where that would refuse it. */
bool dns_record_name(const struct dns_record *r, char out[DNS_NAME_MAX + 1]);
/* The strings of a TXT record joined, owned; NULL for what is malformed or has a NUL in it. */
char *dns_txt_text(const struct dns_record *r);

/* "A", "AAAA", ... for messages. */
const char *dns_type_str(enum dns_type type);

#endif
