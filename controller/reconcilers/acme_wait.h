/* SPDX-License-Identifier: Apache-2.0 */
/* When the CA is asked again: what it asked for binds after a failure, and is a hint while it works. */
#ifndef CERTROLL_RECONCILERS_ACME_WAIT_H
#define CERTROLL_RECONCILERS_ACME_WAIT_H

#include "acme/order.h"
#include "reconcilers/env.h"

/* Retry-After on 429 and 5xx binds (RFC 8555 section 6.6): what such an answer asked for an object is kept with
 * acme_hold(), which returns the error that it is given, and until then acme_is_held() says so, and until when. */
struct err *acme_hold(const struct env *env, const char *uid, struct err *failed) MUST_CHECK;
bool acme_is_held(const struct env *env, const char *uid, int64_t *ret_next);

/* When to look at the CA again: 100 ms, 400 ms, then at its Retry-After (without one after 3 s, and up to a minute as
 * looks become many); with polling: hint always at Retry-After. key counts the looks. Wall ns. */
int64_t acme_next_poll(const struct env *env, const struct issuer *issuer, const char *key,
                       int64_t retry_at);
/* Why an order that the CA works on is not waited for any more: it is over by its own word (expires, RFC 8555 section
 * 7.1.3), or, where it has said none, a day after the time under key, which is set now when there is none. Owned; NULL while
 * it is waited for. */
char *acme_overdue(const struct env *env, const char *key, const struct acme_order *o);

#endif
