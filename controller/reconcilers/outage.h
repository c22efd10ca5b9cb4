/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the CA of an issuer out of order? What its orders and their challenges see tells: no answer, a 5xx, or an answer
 * that may be of something before it, from the first one on until the CA's own comes. Remembered only in memory, and only
 * while somebody asks: after an hour without a question nothing is known any more.
 */
#ifndef CERTROLL_RECONCILERS_OUTAGE_H
#define CERTROLL_RECONCILERS_OUTAGE_H

#include "reconcilers/env.h"

/* Notes what came of a call to the CA; e is borrowed, NULL is an answer. What is no answer of a CA (a local error) is
 * passed over. */
void outage_note(const struct env *env, const struct issuer *issuer, const struct err *e);
/* Since when the CA has not answered, wall ns; 0 = it did, or nobody asked lately. */
int64_t outage_since(const struct env *env, const struct issuer *issuer);
/* And when it was last asked in vain. */
int64_t outage_last(const struct env *env, const struct issuer *issuer);

#endif
