/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certroll's own replicas as those who answer: each learns of a Challenge from its own watch, and one that is
 * behind would answer the CA with 404. So each is asked before the CA is.
 */
#ifndef CERTROLL_HTTP01_REPLICAS_H
#define CERTROLL_HTTP01_REPLICAS_H

#include "base/clock.h"
#include "base/stop.h"
#include "http01/tier.h"
#include "net/http.h"

/* What replicas are asked, and what they must answer. Borrowed. */
struct http01_question {
    const char *host;
    const char *token;
    const char *key_authorization;
};

/* The addresses of the replicas, read when they are older than a second. Thread-safe. */
struct http01_replicas *http01_replicas_new(const struct clock *clock);
void http01_replicas_free(struct http01_replicas *r);

/* NULL when every replica behind the responder's Service gives the answer; one that cannot be reached is
 * not waited for, as it gives the CA no answer either. ERR_TRANSIENT, reason ReplicaBehind, tells which does
 * not, or that there is none. */
struct err *http01_replicas_answer(const struct http01_env *env, const struct http_transport *t,
                                   const struct stop *stop, const struct http01_question *q)
    MUST_CHECK;

#endif
