/* SPDX-License-Identifier: Apache-2.0 */
/* The types of challenges, as Challenges and CAs call them; which one a solver answers, and whether it is turned on. */
#ifndef CERTROLL_RECONCILERS_CHALLENGE_TYPE_H
#define CERTROLL_RECONCILERS_CHALLENGE_TYPE_H

#include "api/challenge.h"
#include "api/issuer.h"
#include "base/feature.h"

struct challenge_type {
    const char *name;  /* "DNS-01": spec.type of a Challenge */
    const char *at_ca; /* "dns-01" */
    bool recorded;     /* a provider puts a TXT record into a zone, and takes it out again */
    bool by_account;   /* the record's name has a label of the account */
    bool persistent;   /* a record that people put there, and no token */
    bool gated;        /* by the feature below */
    enum feature feature;
};

const struct challenge_type *challenge_type_of(const struct challenge *c);
/* Proven by a web server's answer: what is proven by DNS is never put up there. */
bool challenge_is_http01(const struct challenge *c);
/* NULL, or one without a known member, is HTTP-01's. */
const struct challenge_type *challenge_type_of_solver(const struct acme_solver *s);

/* ERR_INVALID, reason InvalidSolver: it needs a feature that is off; the message says which. */
struct err *challenge_type_check(const struct features *features, const struct acme_solver *s)
    MUST_CHECK;

#endif
