/* SPDX-License-Identifier: Apache-2.0 */
/* Order: one ACME order (RFC 8555 section 7.1.3), its URL persisted before it is acted on. */
#ifndef CERTROLL_API_ORDER_H
#define CERTROLL_API_ORDER_H

#include "api/common.h"
#include "api/issuer.h"

struct order_spec {
    const char *request; /* base64 of the PEM CSR */
    struct issuer_ref issuer_ref;
    const char *common_name;
    struct bind_strings dns_names;
    struct bind_strings ip_addresses;
    int64_t duration;
    const char *profile;
    const char *replaces; /* RFC 9773 section 5; for people: the request's annotation counts */
};

struct order_challenge {
    const char *url;
    const char *token;
    const char *type; /* "http-01", ... as the CA says */
};
struct order_authorization {
    const char *url;
    const char *identifier;
    bool wildcard;
    const char *initial_state;
    BIND_LIST_OF(struct order_challenge) challenges;
};
/* What an order that is not placed yet waits for. */
struct order_waiting {
    const char *reason; /* "BudgetExhausted" and the like, see issuers/acme.c; NULL = nothing */
    int64_t until;
};
/* Where a name's _acme-challenge leads, where that decided on the solver. */
struct order_alias {
    const char *name; /* as it is ordered, "*." included */
    const char *target;
};
typedef BIND_LIST_OF(struct order_alias) order_alias_list;
/* The issuer by which the namespace was judged; empty where an earlier version placed the order. */
struct order_judged {
    const char *uid;
    int64_t generation;
};
/* The issuer's prepare hook, and how it is undone whatever becomes of the issuer. */
struct order_prepare {
    const char *state; /* Started before anything is done, Undone when all is, NotUndone when it */
    int64_t since;     /* cannot be; NULL without a hook */
    const char *kind;  /* "HTTP" or "Job"; NULL where an earlier version began it */
    const char *hook;  /* digest of what the issuer wanted */
    const struct acme_prepare_http *http; /* NULL for a URL that may hold a secret */
    const char *undo;                     /* the template of the Job that undoes, or NULL */
};
struct order_status {
    const char *url;
    const char *finalize_url;
    BIND_LIST_OF(struct order_authorization) authorizations;
    order_alias_list aliases;
    struct order_judged judged_by;
    const char *certificate; /* base64 of the PEM chain */
    const char *state;       /* "", pending, ready, processing, valid, invalid, expired, errored */
    const char *reason;
    int64_t failure_time;
    int64_t placed_time; /* when it was counted against the rate limits */
    struct order_waiting waiting;
    struct order_prepare prepare;
    const char *next_action;
};

struct order {
    struct kube_object obj;
    struct order_spec spec;
    struct order_status status;
};
extern const struct bind_table order_table;
extern const struct bind_table order_spec_table;
extern const struct bind_table order_status_table;

/* No step follows from this state: valid with a certificate, invalid, expired or errored. */
bool order_state_is_final(const char *state);

/* Where the name leads, borrowed from the list; NULL when it is not in it. */
const char *order_alias_of(const order_alias_list *aliases, const char *name);

/* The namespace was judged by this issuer as it is now, whose solvers may be used then. */
bool order_is_judged_by(const struct order *o, const struct object_meta *issuer);

/* Of the Order that a CertificateRequest is answered by: the same for the same request, so a repeated
 * step finds what the first one made. */
void order_name(const struct object_meta *request, char out[KUBE_NAME_MAX + 1]);

#endif
