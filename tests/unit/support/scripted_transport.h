/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A struct http_transport that knows in advance which requests will come, in which order, and what
 * it answers: API servers, CAs and web sites of the upper rooms' tests, all in one script. What comes
 * out of turn is an error for the caller and fails the test at the end. For one thread.
 */
#ifndef CERTROLL_TESTS_SUPPORT_SCRIPTED_TRANSPORT_H
#define CERTROLL_TESTS_SUPPORT_SCRIPTED_TRANSPORT_H

#include "net/http.h"

#define SCRIPTED_MAX 64

struct scripted_exchange {
    char *expected; /* "GET https://api/x": the request is that, or that and a query */
    int status;
    char *headers;   /* "name: value\n" lines */
    char *body;      /* of the answer */
    struct err *err; /* instead of an answer */
    char *sent;      /* the request's body, once it came */
    unsigned flags;
    int64_t timeout;
    size_t max_body;
    bool skip_verify;
    char *connect_to; /* or NULL */
};

struct scripted_transport {
    struct http_transport transport;
    struct scripted_exchange exchanges[SCRIPTED_MAX];
    size_t planned, done;
    char violation[512]; /* the first, "" = none */
};

void scripted_init(struct scripted_transport *t);
/* Fails the test unless exactly what was planned has happened. */
void scripted_finish(struct scripted_transport *t);
#define SCRIPTED __attribute__((cleanup(scripted_finish))) struct scripted_transport

void scripted_plan(struct scripted_transport *t, const char *expected, int status,
                   const char *body);
void scripted_plan_headers(struct scripted_transport *t, const char *expected, int status,
                           const char *headers, const char *body);
void scripted_plan_error(struct scripted_transport *t, const char *expected, struct err *err);

/* What the i-th request sent; it must have come. Borrowed. */
const struct scripted_exchange *scripted_seen(const struct scripted_transport *t, size_t i);

#endif
