/* SPDX-License-Identifier: Apache-2.0 */
/* Challenge: one ACME challenge of one authorization (RFC 8555 section 8). */
#ifndef CERTROLL_API_CHALLENGE_H
#define CERTROLL_API_CHALLENGE_H

#include "api/common.h"

struct challenge_spec {
    const char *url;
    const char *authorization_url;
    const char *dns_name;
    bool wildcard;
    const char *type;   /* "HTTP-01", "DNS-01", "DNS-ACCOUNT-01", "DNS-PERSIST-01" */
    const char *token;  /* "" for DNS-PERSIST-01 */
    const char *key;    /* key authorization: shown, never trusted */
    const char *solver; /* JSON: shown, never trusted: the Issuer's is used */
    struct issuer_ref issuer_ref;
};

/* What may be in a zone: written before it is put there, and so found again after a crash. */
struct challenge_record {
    const char *name; /* where the CNAMEs of _acme-challenge lead; NULL = there is none */
    const char *zone;
    const char *value;
    const char *provider;  /* the member of the solver's dns01 */
    const char *record_id; /* the provider's own, when it is known */
    int64_t since;         /* wall ns */
};

/* What somebody has to put into DNS, where it stays. */
struct challenge_persist {
    const char *name;
    const char *value;
};

struct challenge_status {
    bool processing;
    bool presented;
    int64_t presented_at;
    const char *reason;
    const char *state; /* as orders */
    const char *next_action;
    struct challenge_record dns01;
    struct challenge_persist dns_persist01;
};

struct challenge {
    struct kube_object obj;
    struct challenge_spec spec;
    struct challenge_status status;
};
extern const struct bind_table challenge_table;
extern const struct bind_table challenge_spec_table;
extern const struct bind_table challenge_status_table;

#endif
