/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns-persist-01 (draft-ietf-acme-dns-persist-01): a TXT record that stays says which CA may issue to which account. Here
 * it is printed for whoever keeps the zone, and judged as a CA does; nobody writes it but people.
 */
#ifndef CERTROLL_DNS01_PERSIST_H
#define CERTROLL_DNS01_PERSIST_H

#include "base/err.h"
#include "base/list.h"

#define DNS_PERSIST_LABEL "_validation-persist"
#define DNS_PERSIST_VALUE_MAX 1024 /* characters; longer ones are neither printed nor read */

/* What a record says. Borrowed. */
struct dns_persist_record {
    const char *issuer;      /* "ca.example": as the CA calls itself */
    const char *account_url; /* whose certificates it allows */
    bool wildcard;           /* for *.name too */
    int64_t until;           /* wall ns after which it allows nothing; 0 = none */
};
/* "ca.example; accounturi=https://ca.example/acct/1; policy=wildcard; persistUntil=1767225600". Owned. ERR_INVALID,
 * reason InvalidSolver: the URL cannot be part of a record, or it becomes too long. */
struct err *dns_persist_value(const struct dns_persist_record *r, char **ret_value) MUST_CHECK;

/* What a CA wants to see. Borrowed. */
struct dns_persist_want {
    const struct strlist *issuers; /* issuer-domain-names: any of them does */
    const char *account_url;
    bool wildcard;
    int64_t now; /* wall ns */
};
/* From the worst to the best. */
enum dns_persist_fit {
    DNS_PERSIST_OTHER, /* none of this CA's: CAs ignore it */
    DNS_PERSIST_MALFORMED,
    DNS_PERSIST_ACCOUNT,  /* for another account */
    DNS_PERSIST_WILDCARD, /* not for wildcards */
    DNS_PERSIST_OVER,     /* its persistUntil is past */
    DNS_PERSIST_FITS,
};
/* By the issue-value syntax of RFC 8659 section 4.2, as strictly as the strictest CA that is known: what one of them may
 * refuse does not fit. */
enum dns_persist_fit dns_persist_judge(const struct dns_persist_want *want, const char *record);
/* "a record for another account": the best that a server has, for people. */
const char *dns_persist_lack(enum dns_persist_fit best);

#endif
