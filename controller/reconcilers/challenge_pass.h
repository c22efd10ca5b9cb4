/* SPDX-License-Identifier: Apache-2.0 */
/* One look at a Challenge, and what both types of challenges do in it. Internal to challenge*.c. */
#ifndef CERTROLL_RECONCILERS_CHALLENGE_PASS_H
#define CERTROLL_RECONCILERS_CHALLENGE_PASS_H

#include "acme/order.h"
#include "reconcilers/acme_chain.h"

/* What has not been seen for this long is worth a status write. */
#define CHALLENGE_PATIENCE (10 * NS_PER_SEC)

struct challenge_pass {
    const struct env *env;
    const struct challenge *challenge;
    const struct order *order; /* referenced, when it was found */
    int64_t now;
    int64_t next;
    struct acme_chain chain;
    struct acme_authz authz; /* as the CA has it now, when it was read */
    struct challenge_status status;
    char *reason; /* owned; status.reason */
    char *check_key;
    char *accept_key;
    char *record[5]; /* owned; strings of status.dns01 or status.dnsPersist01 */
    bool accepted;   /* the CA has been asked to validate */
    bool stop;
};

/* Proven by a record that a provider puts into a zone: DNS-01 and DNS-ACCOUNT-01. */
bool challenge_is_dns01(const struct challenge *c);

/* Ends the pass; the Challenge goes to a final state with a reason (copied). */
void challenge_settle(struct challenge_pass *p, const char *state, const char *reason);
/* Ends the pass; it is looked at again then. */
void challenge_wait(struct challenge_pass *p, int64_t next);
/* status.reason; copied. */
void challenge_say(struct challenge_pass *p, const char *reason);

/* What the CA says of it: settles what is decided there. Token, URL and name are compared with the CA's. */
struct err *challenge_read_authorization(struct challenge_pass *p) MUST_CHECK;
/* Asks the CA to validate, and ends the pass. */
struct err *challenge_accept(struct challenge_pass *p) MUST_CHECK;

/* What is done until the CA can be asked, and that it is: the rest of the pass. */
struct err *challenge_http01(struct challenge_pass *p) MUST_CHECK;
struct err *challenge_dns01(struct challenge_pass *p) MUST_CHECK;
struct err *challenge_persist(struct challenge_pass *p) MUST_CHECK;

#endif
