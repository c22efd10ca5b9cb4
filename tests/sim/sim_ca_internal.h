/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of the CA, for sim_ca.c and sim_ca_account.c. */
#ifndef CERTROLL_TESTS_SIM_SIM_CA_INTERNAL_H
#define CERTROLL_TESTS_SIM_SIM_CA_INTERNAL_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "json/json.h"
#include "sim/sim_ca.h"
#include "sim/sim_issued.h"
#include "sim/sim_limits.h"
#include "sim/sim_requests.h"

#define BASE "https://" SIM_CA_HOST
#define SIM_CA_BACKUP_BASE "https://" SIM_CA_BACKUP_HOST
#define BODY_MAX (1024 * 1024)
#define PROBLEM "urn:ietf:params:acme:error:"

/* States have their ACME names. */
struct authz {
    char *identifier;
    bool wildcard;
    bool by_dns; /* so it was accepted */
    size_t account;
    size_t order; /* that it was made for */
    const char *status;
    char *token;
    bool processing;
    int64_t validate_at; /* SIM_NEVER */
    int64_t expires;     /* wall ns: while it is pending, and then as long as it is reused */
    const char *error;
};
struct order {
    size_t account;
    int64_t given_at; /* wall ns: when newOrder answered with it last, and how often it did */
    unsigned given;
    int64_t life; /* of its certificate */
    struct strlist names;
    size_t *authz;
    const char *status; /* once finalized; before that it follows from the authorizations */
    char *csr;
    size_t csr_len;
    int64_t expires; /* wall ns; unless it is finalized before */
    int64_t sign_at; /* SIM_NEVER */
    int64_t heard;   /* wall ns: when certroll last had an answer about it */
    bool gone;       /* certroll has asked for it, and it was not found any more */
    char *certificate;
};

/* Where an account's list of orders (RFC 8555 section 7.1.2.1) begins. */
enum ca_lists { LISTS_NONE, LISTS_OLDEST_FIRST, LISTS_NEWEST_FIRST };

struct sim_ca {
    struct sim *sim;
    struct strlist accounts; /* thumbprints */
    unsigned key_changes;  /* a message that was under way then may have the old key's signature */
    size_t forgotten;      /* the first so many are not known any more */
    struct strlist fronts; /* of each account: the base of the CA that it is at */
    struct strlist contacts; /* of each account; "" for none */
    json_t *keys;            /* of each account: an array of JWKs */
    struct authz *authz;
    size_t authz_count;
    struct order *orders;
    size_t order_count;
    const char *shunned;   /* a name, or NULL */
    const char *forbidden; /* the same */
    bool named;            /* in CAA records */
    struct map nonces;
    uint64_t nonce;
    int64_t life;    /* of certificates */
    int64_t pending; /* so long may an order wait */
    int64_t reuse;   /* so long is a valid authorization used again; 0 = never */
    enum ca_lists lists;
    bool shares; /* pending authorizations among orders, where it reuses valid ones */
    struct issued_list issued;
    bool renews;  /* it has renewal information */
    bool forgets; /* what has expired is not found any more, else it is invalid */
    struct sim_limits limits;
};

/* Does it hand an order that is not finalized to whoever asks for the same names? By the seed alone, so that other lives are
 * as they were. */
static inline bool ca_lends(const struct sim_ca *ca)
{
    const struct sim *s = ca->sim;
    return sim_is_wide(s) && (s->seed % 13 < 4 || (sim_requests_are_made(s) && s->seed % 2 == 0));
}

/* One request. */
struct ca_call {
    struct sim_ca *ca;
    const struct http_request *req;
    struct http_response *res;
    const char *base; /* of the CA that was called */
    const json_t *jws;
    json_t *header;
    json_t *payload; /* NULL for POST-as-GET */
    size_t account;
    struct buf headers;
};

void ca_add_header(struct ca_call *c, const char *name, const char *value);
void ca_answer(struct ca_call *c, int status, json_t *body);
/* A problem document (RFC 8555 section 6.7). */
void ca_refuse(struct ca_call *c, int status, const char *type, const char *detail);
/* With which of both CAs its URLs begin. */
const char *ca_base_of(const char *url);
/* The number at the end of "https://acme.test/what/7", or SIZE_MAX. */
size_t ca_number_in(const char *url, const char *what);
/* A part of a JWS as JSON: owned, NULL when it is none. */
json_t *ca_decode_part(const json_t *jws, const char *name);

/* What it is now: by its authorizations until it is finalized. */
const char *ca_order_status(const struct sim_ca *ca, const struct order *o);

/* A page of a list of orders; its number in the URL says whose and which. */
void ca_list_orders(struct ca_call *c, size_t n);
void ca_show_authz(struct ca_call *c, size_t i);
void ca_accept_challenge(struct ca_call *c, size_t i);
void ca_accept_by_dns(struct ca_call *c, size_t i);
/* RFC 8555 section 8.3, over the simulated ingress, and 8.4, in the simulated zones. */
void ca_validate(struct sim_ca *ca, struct authz *a);
/* The number of one that is reused, or of a new one. */
size_t ca_authz_for(struct sim_ca *ca, size_t account, const char *identifier);
/* Fails when the account is of the other CA. */
void ca_check_front(struct ca_call *c, size_t account);
void ca_show_account(struct ca_call *c, size_t n, int status);
void ca_new_account(struct ca_call *c);
/* RFC 8555 section 7.3.5. */
void ca_change_key(struct ca_call *c);

#endif
