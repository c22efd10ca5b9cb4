/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certification Authority Authorization (RFC 8659, RFC 8657) as a CA will see it, asked before an order is
 * spent on what the CA must refuse.
 */
#ifndef CERTROLL_ACME_CAA_H
#define CERTROLL_ACME_CAA_H

#include "base/clock.h"
#include "base/list.h"
#include "base/stop.h"
#include "net/dns.h"

/* On whose behalf is asked. All borrowed. */
struct acme_caa_ask {
    const struct strlist *identities; /* the directory's caaIdentities, at least one */
    const char *account_url;          /* for accounturi */
    const char *method;               /* for validationmethods: "http-01" */
    bool wildcard;
};

enum acme_caa_verdict {
    ACME_CAA_PERMITS,
    ACME_CAA_OTHER_CA,    /* others may issue, or nobody */
    ACME_CAA_MALFORMED,   /* it names this CA, and the rest cannot be read */
    ACME_CAA_OTHER_USER,  /* it names this CA for another account, or for several */
    ACME_CAA_OTHER_PROOF, /* it names this CA for other methods */
    ACME_CAA_CRITICAL,    /* a property that has to be known, and is not */
};
/* What a name's relevant records say. Where they do not permit, *ret_why is the property that stands in the way, as
 * a zone file has it (0 issue "ca.example"), cleaned and cut; owned; of several one that names this CA. No records are no
 * obstacle. */
enum acme_caa_verdict acme_caa_judge(const struct dns_record *records, size_t count,
                                     const struct acme_caa_ask *ask, char **ret_why);

/* The records of names, kept as long as their TTL says but between 1 minute and 1 hour; of at most 4,096 names. */
struct acme_caa;
struct acme_caa *acme_caa_new(const struct dns_transport *dns, const struct clock *clock);
void acme_caa_free(struct acme_caa *c);

/* Climbs from a DNS name (without "*.") to the first one with CAA records. ERR_DENIED, reason CAAForbids, when
 * they forbid: the message names record, place and what to do, retry_at (wall) is when to look again. What DNS does not
 * tell, or not in time, is no obstacle: the CA decides; nor is a set of over 32 records or 2 KiB. ERR_CANCELLED. Any
 * thread; 2 s for each query, and 7 s in all. */
struct err *acme_caa_check(struct acme_caa *c, const struct stop *stop, const char *name,
                           const struct acme_caa_ask *ask) MUST_CHECK;

#endif
