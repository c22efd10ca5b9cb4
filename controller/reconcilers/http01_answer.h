/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What certroll's own replicas answer, leader or not: a pair of host and token is looked up among the pending
 * Challenges, and from there the chain is walked up to the Issuer by UID. What a person wrote into a Challenge
 * is never served: the answer is made of the token that was asked for and the thumbprint in the Issuer's status.
 */
#ifndef CERTROLL_RECONCILERS_HTTP01_ANSWER_H
#define CERTROLL_RECONCILERS_HTTP01_ANSWER_H

#include "net/httpd.h"
#include "reconcilers/env.h"

/* An httpd_handler; arg is the env. Reads caches only, never blocks. */
void http01_answer(void *arg, const struct httpd_request *req, struct httpd_reply *reply);

#endif
