/* SPDX-License-Identifier: Apache-2.0 */
/* Orders, authorizations, challenges and certificates (RFC 8555 sections 7.1.3 to 7.5.1). */
#ifndef CERTROLL_ACME_ORDER_H
#define CERTROLL_ACME_ORDER_H

#include "acme/ca.h"
#include "base/list.h"

struct acme_identifier {
    const char *type; /* "dns" or "ip" */
    const char *value;
};

/* "dns:a.test": what is compared; CAs write names in lower case. Owned. */
char *acme_identifier_text(const char *type, const char *value);

#define ACME_AUTHORIZATIONS_MAX 1000

struct acme_order {
    char *url;
    char *status; /* pending, ready, processing, valid, invalid */
    char *finalize;
    char *certificate; /* URL, NULL until valid */
    char *error;       /* text of the problem, or NULL */
    struct strlist authorizations;
    struct strlist
        names;        /* acme_identifier_text() of each, sorted; empty when one cannot be read */
    char *profile;    /* as the CA says it, or NULL */
    char *replaces;   /* likewise */
    int64_t expires;  /* wall ns, 0 = unknown */
    int64_t retry_at; /* wall ns from Retry-After, 0 = none */
};
void acme_order_release(struct acme_order *o);

struct acme_order_spec {
    const struct acme_identifier *identifiers;
    size_t count;
    const char *profile;  /* or NULL */
    const char *replaces; /* RFC 9773 section 5, or NULL; only for a CA with renewalInfo */
};
/* Section 7.4. The answer's Location is the order's URL: persist it before anything else. ret_order may have it beside an
 * error: the order was made, and what the CA said of it could not be read. ERR_CONFLICT,
 * reason ReplacesRefused, when the CA does not want to hear of what is replaced: it may be asked again without that,
 * which is an order that its rate limits count. */
struct err *acme_order_new(const struct acme_account *account, const struct acme_order_spec *spec,
                           struct acme_order *ret_order) MUST_CHECK;
struct err *acme_order_get(const struct acme_account *account, const char *url,
                           struct acme_order *ret_order) MUST_CHECK;
/* ret_order has no url: finalize answers need not carry Location. */
struct err *acme_order_finalize(const struct acme_account *account, const char *finalize_url,
                                const void *csr_der, size_t len, struct acme_order *ret_order)
    MUST_CHECK;
#define ACME_ALTERNATES_MAX 8
/* The PEM chain as sent (7.4.2), bounded, owned; pki/ checks it. ret_alternates, which may be NULL, gets the URLs of
 * the first ACME_ALTERNATES_MAX other chains. */
struct err *acme_certificate_get(const struct acme_account *account, const char *url,
                                 char **ret_pem, struct strlist *ret_alternates) MUST_CHECK;

struct acme_challenge {
    char *type; /* "http-01" */
    char *url;
    char *token;  /* 16 to 512 base64url characters; NULL when absent or anything else */
    char *status; /* pending, processing, valid, invalid */
    char *error;  /* text of the problem, or NULL */
    /* Of dns-persist-01: how the CA calls itself, 1 to 10 names in lower case; empty when absent or anything else.
     * And whom the record is to name, or NULL: the account. */
    struct strlist issuers;
    char *account_uri;
};
struct acme_authz {
    char *identifier_type;
    char *identifier;
    char *status; /* pending, valid, invalid, deactivated, expired, revoked */
    bool wildcard;
    int64_t expires;
    int64_t retry_at;
    struct acme_challenge *challenges;
    size_t challenge_count; /* at most 32 */
};
void acme_authz_release(struct acme_authz *a);
/* The challenge of that type, or NULL. */
const struct acme_challenge *acme_authz_challenge(const struct acme_authz *a, const char *type);

struct err *acme_authz_get(const struct acme_account *account, const char *url,
                           struct acme_authz *ret_authz) MUST_CHECK;
/* Section 7.5.2: nobody can build on it any more. */
struct err *acme_authz_deactivate(const struct acme_account *account, const char *url) MUST_CHECK;
/* Section 7.5.1: asks the server to validate, payload {}. */
struct err *acme_challenge_accept(const struct acme_account *account, const char *url) MUST_CHECK;

/* token.thumbprint (section 8.1). Owned. */
char *acme_key_authorization(const struct pki_key *key, const char *token);
/* The label of an account in the names of dns-account-01 (draft-ietf-acme-dns-account-label):
 * "_ujmmovf2vn55tgye". Owned. */
char *acme_dns_account_label(const char *account_url);
/* The value of the TXT record for dns-01 (section 8.4): base64url of the SHA-256 of that. Owned. */
char *acme_dns_value(const struct pki_key *key, const char *token);

#endif
