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
    const char *type; /* "HTTP-01" or "DNS-01" */
    const char *token;
    const char *key;    /* key authorization: shown, never trusted */
    const char *solver; /* JSON: shown, never trusted: the Issuer's is used */
    struct issuer_ref issuer_ref;
};

struct challenge_status {
    bool processing;
    bool presented;
    int64_t presented_at;
    const char *reason;
    const char *state; /* as orders */
    const char *next_action;
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
