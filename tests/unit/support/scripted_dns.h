/* SPDX-License-Identifier: Apache-2.0 */
/* A struct dns_transport that answers from a list; what is not in it does not exist (NXDOMAIN, kept 60 s). */
#ifndef CERTROLL_TESTS_SUPPORT_SCRIPTED_DNS_H
#define CERTROLL_TESTS_SUPPORT_SCRIPTED_DNS_H

#include "net/dns.h"

#define SCRIPTED_DNS_MAX 32

struct scripted_dns {
    struct dns_transport transport;
    struct {
        const char *name; /* borrowed */
        enum dns_type type;
        const char *end; /* of CNAMEs, or NULL */
        unsigned char data[256];
        size_t len;
        const char *fails; /* instead: the message of an ERR_TRANSIENT */
    } records[SCRIPTED_DNS_MAX];
    size_t count;
    unsigned queries;
    char server[64]; /* the first that was named in the last query, "" = the system's */
    unsigned flags;  /* of the last query */
    int64_t ttl;     /* of answers with records; 0 = 60 s */
};

void scripted_dns_init(struct scripted_dns *d);
/* An address literal, A or AAAA. */
void scripted_dns_address(struct scripted_dns *d, const char *name, const char *ip);
void scripted_dns_record(struct scripted_dns *d, const char *name, enum dns_type type,
                         const void *data, size_t len);
/* The name exists and has nothing of the type. */
void scripted_dns_empty(struct scripted_dns *d, const char *name);
void scripted_dns_cname(struct scripted_dns *d, const char *name, const char *end);
void scripted_dns_fail(struct scripted_dns *d, const char *name, enum dns_type type,
                       const char *message);

#endif
