/* SPDX-License-Identifier: Apache-2.0 */
/* One ACME server (RFC 8555): its directory, its nonces and signed requests to it. Pure protocol:
 * no Kubernetes. Thread-safe; calls block for one exchange, plus bounded retries after badNonce.
 * Each request goes only to hosts that the directory names: URLs read from objects that users can
 * write are checked here. */
#ifndef CERTROLL_ACME_CA_H
#define CERTROLL_ACME_CA_H

#include "acme/link.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/stop.h"
#include "json/json.h"
#include "net/http.h"
#include "pki/key.h"

struct acme_ca;

struct acme_ca_options {
    const char *directory_url; /* https */
    const char *ca_pem;        /* trust anchors of the server, or NULL */
    bool skip_verify;
    bool guarded;                           /* the URL comes from a tenant: HTTP_GUARDED */
    const char *user_agent;                 /* NULL: the transport's */
    const struct http_transport *transport; /* outlives the CA, as do clock and stop */
    const struct clock *clock;
    const struct stop *stop;
    /* Told of each exchange: action is "newOrder", "authz", ...; may be NULL. */
    void (*observe)(void *arg, const char *host, const char *action, int status, int64_t duration);
    void *observe_arg;
};

/* Strings are copied. Nothing is sent yet. */
struct acme_ca *acme_ca_new(const struct acme_ca_options *o);
/* Reference counted, because reconcilers share one per server. */
struct acme_ca *acme_ca_ref(struct acme_ca *ca);
void acme_ca_free(struct acme_ca *ca);

/* Section 7.1.1. Fetched when first needed, again after an hour and after a 404 at one of its
 * URLs. All URLs that are sent to are https. */
struct acme_directory {
    char *new_nonce;
    char *new_account;
    char *new_order;
    char *revoke_cert; /* NULL when absent, as are all below */
    char *key_change;
    char *renewal_info;     /* RFC 9773 */
    char *terms_of_service; /* as the server says it; for people */
    bool external_account_required;
    struct strlist profiles;       /* names; empty when absent */
    struct strlist caa_identities; /* what CAA records call this CA; empty when absent */
};
/* A copy. ERR_INVALID for a directory URL that is not https; ERR_TRANSIENT, reason InvalidAnswer,
 * for what is not a directory. */
struct err *acme_ca_directory(struct acme_ca *ca, struct acme_directory *ret_directory) MUST_CHECK;
void acme_directory_release(struct acme_directory *d);

/* An account: the key signs, the URL is the kid. Borrowed by calls. */
struct acme_account {
    struct acme_ca *ca;
    struct pki_key *key;
    const char *url; /* NULL only for newAccount */
};

struct acme_answer {
    int status;
    json_t *body;   /* NULL when the answer is not JSON */
    char *text;     /* of a certificate download, else NULL */
    char *location; /* header, made absolute; or NULL */
    struct acme_links links;
    int64_t retry_at; /* wall ns from Retry-After, 0 = none */
};
void acme_answer_release(struct acme_answer *a);

/* Signs and sends (section 6.2); payload NULL = POST-as-GET (6.3). Uses a nonce of the pool or
 * asks for one, keeps the one that each answer brings; badNonce re-signs with the answer's nonce,
 * at most 20 times and 20 s. A status that is not 2xx becomes an error (problem.h). action names
 * the step in metrics and messages. Answers at most 1 MiB. */
struct err *acme_post(const struct acme_account *account, const char *action, const char *url,
                      const json_t *payload, struct acme_answer *ret_answer) MUST_CHECK;

/* ERR_DENIED, reason ForeignURL, unless url is https on a host and port that the directory names
 * (which is fetched when needed). acme_post() does it for each URL. */
struct err *acme_ca_check_url(struct acme_ca *ca, const char *url) MUST_CHECK;

#endif
