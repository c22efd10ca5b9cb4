/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ACME server in memory, behind struct http_transport. It serves a directory and nonces by itself, answers POSTs
 * with what the test queued, and judges each request as RFC 8555 section 6 asks: headers, flags, protected header,
 * nonces that are used once, and the signature, checked with OpenSSL alone. Any thread may call the transport; the
 * first thing that was wrong fails the test in fake_ca_release().
 */
#ifndef CERTROLL_TEST_ACME_FAKE_CA_H
#define CERTROLL_TEST_ACME_FAKE_CA_H

#include <pthread.h>

#include "acme/ca.h"
#include "base/clock.h"

/* The present of all tests: 2026-01-01T00:00:00Z. */
#define FAKE_NOW (INT64_C(1767225600) * NS_PER_SEC)
#define FAKE_HOST "https://ca.test"
#define FAKE_DIRECTORY FAKE_HOST "/dir"
#define FAKE_ACCOUNT FAKE_HOST "/acct/1"
#define PROBLEM_HEADER "content-type: application/problem+json\n"
#define PROBLEM(type, detail)                                                                      \
    "{\"type\":\"urn:ietf:params:acme:error:" type "\",\"detail\":\"" detail "\"}"

#define FAKE_REPLIES_MAX 64
#define FAKE_NONCES_MAX 4096

struct fake_reply {
    struct err *err; /* the exchange fails */
    int status;
    char *headers; /* "name: value\n" lines */
    char *body;
    size_t len;
};

struct fake_ca {
    struct http_transport transport;
    struct clock_manual clock;
    struct acme_ca *ca;
    struct pki_key *key;
    struct acme_account account; /* of ca, key and FAKE_ACCOUNT */
    pthread_mutex_t lock;
    char violation[256]; /* the first, "" = none */

    /* What the server does. */
    const char *directory; /* JSON; "" queues: the directory is answered from the queue, too */
    bool queue_nonces;     /* newNonce is answered from the queue, too */
    bool any_post;         /* POSTs with nothing queued are answered 200 {} */
    unsigned bad_nonces;   /* so many POSTs are refused with badNonce */
    bool bad_without;      /* those bring no Replay-Nonce */
    bool no_nonces;        /* no answer to a POST brings one */
    int64_t takes;         /* ns that an exchange takes */
    struct fake_reply replies[FAKE_REPLIES_MAX];
    unsigned queued, answered;

    /* What it was asked. */
    unsigned directories, nonces, posts;
    unsigned issued;                /* nonces n1, n2, ... */
    bool used[FAKE_NONCES_MAX + 1]; /* by their numbers */
    unsigned nonce;                 /* the number in the last POST */
    char *method, *url, *accept;    /* of the last request */
    char *user_agent;
    json_t *protected, *payload; /* of the last POST; payload NULL when "" */
    unsigned flags;
    size_t max_body;
    int64_t timeout;
    const struct http_tls *tls;
};

/* With a CA of default options; f is all zero but for what the server shall do. */
void fake_ca_init(struct fake_ca *f);
/* Options for another CA over the same transport. */
struct acme_ca_options fake_ca_options(struct fake_ca *f);
/* Fails the test when a request was wrong or a queued answer was not asked for. */
void fake_ca_release(struct fake_ca *f);
#define FAKE_CA __attribute__((cleanup(fake_ca_release))) struct fake_ca

/* Queues an answer to the next POST, or GET of anything but the directory. */
void fake_answer(struct fake_ca *f, int status, const char *headers, const char *body);
void fake_answer_bytes(struct fake_ca *f, int status, const char *headers, const void *body,
                       size_t len);
void fake_fail(struct fake_ca *f, struct err *e);
/* The exchange fails within the body. */
void fake_fail_after_head(struct fake_ca *f, int status, const char *headers, struct err *e);
/* What was wrong so far, forgotten with this. */
bool fake_violated(struct fake_ca *f, const char *what);

/* ---- for all tests of the room ---- */

/* Fails the test, with the error's message, unless e is NULL. */
void assert_ok(struct err *e);
/* Fails unless e is of that kind and reason (NULL: any) and its message has that text (NULL: any); frees it. */
void assert_error(struct err *e, enum err_kind kind, const char *reason, const char *text);

#endif
