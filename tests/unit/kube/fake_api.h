/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API server as a struct http_transport in memory. It gives the scripted replies in their
 * order, then asks the handler, and remembers what it was asked. Thread-safe.
 */
#ifndef CERTROLL_TESTS_KUBE_FAKE_API_H
#define CERTROLL_TESTS_KUBE_FAKE_API_H

#include <pthread.h>

#include "base/clock.h"
#include "kube/client.h"

#define FAKE_REPLIES_MAX 64

struct fake_request {
    char *line;    /* "GET /api/v1/secrets?limit=500" */
    char *headers; /* "Name: value\n" lines */
    char *body;    /* "" without */
    unsigned flags;
    int64_t timeout;
    const struct http_tls *tls;
};

struct fake_api {
    struct http_transport transport;
    /* Called without the lock, so it may take its time. NULL: unscripted requests are an ERR_BUG.
     * */
    struct err *(*handler)(void *arg, const struct fake_request *req, struct http_response *ret);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct fake_request **requests;
    size_t count, cap;
    struct {
        int status;
        char *headers;
        char *body;
        struct err *err;
    } replies[FAKE_REPLIES_MAX];
    size_t reply_count, reply_next;
};

void fake_api_init(struct fake_api *f);
void fake_api_release(struct fake_api *f);

/* The next answer; headers: "name: value\n" lines, or NULL. */
void fake_api_reply(struct fake_api *f, int status, const char *headers, const char *body);
/* The next request fails without an answer. */
void fake_api_fail(struct fake_api *f, enum err_kind kind, const char *reason);

/* The i-th request; the test fails when there were fewer. */
const struct fake_request *fake_api_request(struct fake_api *f, size_t i);
/* Waits until that many requests came; false after 10 s. */
bool fake_api_wait(struct fake_api *f, size_t count);
/* The parsed body of the i-th request; owned. */
json_t *fake_api_sent(struct fake_api *f, size_t i);

/* Fills in an answer, for handlers. */
void fake_answer(struct http_response *ret, int status, const char *body);
void fake_answer_json(struct http_response *ret, int status, const json_t *body);

/* A client of "https://api" with the token "t0". clock may be NULL: the system's. */
struct kube_client *fake_api_client(struct fake_api *f, const struct clock *clock);

#endif
