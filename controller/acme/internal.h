/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share. */
#ifndef CERTROLL_ACME_INTERNAL_H
#define CERTROLL_ACME_INTERNAL_H

#include <pthread.h>

#include "acme/ca.h"
#include "base/buf.h"

/* ---- URLs (url.c) ---- */

#define ACME_URL_MAX 2048 /* as the schemas of Issuers, Orders and Challenges have it */
#define ACME_HOST_MAX 255

struct acme_url {
    char host[ACME_HOST_MAX + 1]; /* lower case; IPv6 in brackets */
    unsigned port;
};
/* https with a host, printable ASCII, no user info, no fragment, at most ACME_URL_MAX bytes;
 * ERR_INVALID, reason InvalidURL, without the URL in the message. */
struct err *acme_url_parse(const char *url, struct acme_url *ret_url) MUST_CHECK;
/* "host:port", owned: what two URLs of one server have in common. */
char *acme_url_origin(const struct acme_url *url);

/* ---- nonces (nonce.c) ---- */

#define ACME_NONCES_MAX 32
#define ACME_NONCE_MAX_AGE (5 * NS_PER_MIN)

struct acme_nonces {
    struct acme_nonce {
        char *value;
        int64_t since;        /* mono ns */
    } items[ACME_NONCES_MAX]; /* oldest first */
    size_t count;
};
void acme_nonces_release(struct acme_nonces *n);

/* base64url characters only (RFC 8555 section 6.5.1), of a sane length. */
bool acme_nonce_is_valid(const char *nonce);
/* Keeps a valid nonce, in place of the oldest when the pool is full; NULL is ignored. */
void acme_nonce_put(struct acme_ca *ca, const char *nonce);
/* From the pool, else from newNonce. Owned. */
struct err *acme_nonce_take(struct acme_ca *ca, char **ret_nonce) MUST_CHECK;
/* From newNonce. Owned. */
struct err *acme_nonce_fetch(struct acme_ca *ca, char **ret_nonce) MUST_CHECK;

/* ---- the server ---- */

struct acme_ca {
    _Atomic unsigned refs;
    char *directory_url;
    char *ca_pem;
    char *user_agent;
    struct http_tls tls; /* borrows ca_pem */
    bool guarded;
    const struct http_transport *transport;
    const struct clock *clock;
    const struct stop *stop;
    void (*observe)(void *arg, const char *host, const char *action, int status, int64_t duration);
    void *observe_arg;

    pthread_mutex_t lock; /* for what follows; never held during I/O */
    struct acme_directory directory;
    struct strlist origins; /* "host:port" of each endpoint in it */
    int64_t fetched;        /* mono ns; 0 = fetch (again) before the next use */
    struct acme_nonces nonces;
};

/* Makes sure that ca->directory can be read. */
struct err *acme_directory_ensure(struct acme_ca *ca) MUST_CHECK;
/* The server answered 404 at that URL: when the directory names it, it is fetched again before
 * the next use. */
void acme_directory_doubt(struct acme_ca *ca, const char *url);

/* ---- one exchange (request.c) ---- */

struct acme_request {
    const char *action; /* "newOrder" */
    const char *method;
    const char *url;
    const char *accept; /* NULL = application/json */
    const char *jws;    /* the body of a POST, else NULL */
    size_t max_body;    /* 0 = 1 MiB */
};
struct acme_reply {
    int status;
    struct buf body;
    json_t *json;   /* NULL when the body is not JSON */
    bool problem;   /* json is a problem document */
    char *nonce;    /* valid, or NULL */
    char *location; /* absolute; NULL when absent, empty or over ACME_URL_MAX */
    struct acme_links links;
    int64_t retry_at; /* wall ns, 0 = none */
};
void acme_reply_release(struct acme_reply *r);

/* The error when others go first (net/http_share.h), else NULL: asked before a nonce is taken and a message signed. */
struct err *acme_request_turn(const struct acme_ca *ca, const char *url) MUST_CHECK;
/* Sends and observes; any status is success here. On an error ret_reply has status and location of a POST's
 * answer, when it had come that far, and nothing else. */
struct err *acme_request_send(struct acme_ca *ca, const struct acme_request *r,
                              struct acme_reply *ret_reply) MUST_CHECK;
/* The error of a status that is not 2xx, else NULL; a 404 puts the directory in doubt. */
struct err *acme_reply_error(struct acme_ca *ca, const struct acme_request *r,
                             const struct acme_reply *reply) MUST_CHECK;

/* ---- signed requests (post.c) ---- */

struct acme_message {
    const char *action;
    const char *url;
    const json_t *payload; /* NULL = POST-as-GET */
    const char *accept;    /* NULL = JSON; else the answer's text is kept */
    size_t max_body;       /* 0 = 1 MiB */
};
/* acme_post() in full. On an error of the exchange ret_answer may have status and location. */
struct err *acme_send(const struct acme_account *account, const struct acme_message *m,
                      struct acme_answer *ret_answer) MUST_CHECK;

/* ---- reading answers (answer.c) ---- */

/* ERR_TRANSIENT, reason InvalidAnswer: a server that breaks the protocol may be repaired, and
 * what stands between us and it may answer in its place. */
struct err *acme_invalid_answer(const char *fmt, ...) MUST_CHECK PRINTF_LIKE(1, 2);
/* The member as cleaned text of at most max bytes, owned; NULL when absent or no string. */
struct err *acme_read_text(const json_t *object, const char *name, size_t max, char **ret_text)
    MUST_CHECK;
/* The same, but an absent or empty one is an error, too. */
struct err *acme_need_text(const json_t *object, const char *name, size_t max, char **ret_text)
    MUST_CHECK;
/* An RFC 3339 member in wall ns; 0 when absent or not a time. */
int64_t acme_read_time(const json_t *object, const char *name);

#define ACME_STATUS_MAX 32

#endif
