/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transport over another one that lets no peer have all threads that call the outside. To a host that a
 * tenant named go at most two calls at once, to all of those three quarters of the threads, and a quarter
 * where a call may take long to who was silent the last time. One that has never answered is waited for 5 s, and after
 * each silence twice as long, unless the call changes something. Whoever let three calls in a row run into their
 * time-out is asked again after 5 s, then 10 s, up to 5 min, one call at a time, until it answers. What may not go out
 * fails at once and has sent nothing. What tenants dial says nothing about the same host for others, or by the proxy.
 */
#ifndef CERTROLL_NET_HTTP_SHARE_H
#define CERTROLL_NET_HTTP_SHARE_H

#include "base/clock.h"
#include "net/http.h"

#define HTTP_SHARE_PER_HOST 2
#define HTTP_SHARE_STRIKES 3
#define HTTP_SHARE_FIRST_ANSWER (5 * NS_PER_SEC)
#define HTTP_SHARE_PAUSE_MIN (5 * NS_PER_SEC)
#define HTTP_SHARE_PAUSE_MAX (5 * NS_PER_MIN)

struct http_share;

/* Both are borrowed and outlive it. Any thread may call its transport. */
struct http_share *http_share_new(const struct http_transport *under, const struct clock *clock);
/* Accepts NULL. No call is running. */
void http_share_free(struct http_share *s);
/* How many threads call; until it is said the hosts of tenants have no limit together. */
void http_share_set_threads(struct http_share *s, unsigned threads);

/* Besides the errors of the transport below: ERR_CONFLICT, reason Busy, with retry_at, when others go first;
 * ERR_TRANSIENT, reason NotAnswering, with retry_at, while a host is given a pause. */
const struct http_transport *http_share_transport(struct http_share *s);

/* Was the call held back, so that nothing was sent? */
bool http_share_held_back(const struct err *e);

#endif
