/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate limits of ACME servers: what they publish, and what an Issuer says otherwise. A limit is a bucket
 * of `count`, filled again evenly over `period`, as Let's Encrypt counts: 300 in 3 h is one in 36 s.
 */
#ifndef CERTROLL_BUDGET_LIMITS_H
#define CERTROLL_BUDGET_LIMITS_H

#include <stdint.h>

enum budget_kind {
    BUDGET_ORDERS,   /* orders of an account */
    BUDGET_DOMAIN,   /* certificates for a registered domain */
    BUDGET_SET,      /* certificates for exactly these names */
    BUDGET_FAILURES, /* failed authorizations of an account for a name */
    BUDGET_DAY, /* issuances of an Issuer in a UTC day: count of them, whatever the period says */
};
#define BUDGET_KINDS 5

struct budget_limit {
    int64_t count;  /* 0 = no limit */
    int64_t period; /* ns */
};

struct budget_limits {
    struct budget_limit of[BUDGET_KINDS];
};

/* The field of spec.acme.limits that a kind is set by: "ordersPerAccount". Static. */
const char *budget_kind_field(enum budget_kind kind);
/* A kind by its field, for what was stored; -1 when there is none. */
int budget_kind_of(const char *field);

#define BUDGET_HOST_MAX 256
/* The host of a directory URL in lower case; cut to BUDGET_HOST_MAX. */
void budget_host(const char *directory_url, char out[BUDGET_HOST_MAX]);
/* What that server publishes; no limits for a server that is not in the table. */
struct budget_limits budget_published(const char *host);

#define BUDGET_SCOPE_MAX (BUDGET_HOST_MAX + 64)
/* The scope of keys that issuers of a server share: its host, and with it a limit that it does not publish. So whoever
 * sets one counts with those who set the same, and changes nothing for others. */
void budget_scope(const char *host, enum budget_kind kind, struct budget_limit limit,
                  char out[BUDGET_SCOPE_MAX]);

#endif
