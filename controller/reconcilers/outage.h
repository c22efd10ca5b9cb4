/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fail-over goes by.
 *
 * Is the CA of an issuer out of order? What its orders and their challenges see tells: no answer, a 5xx, or an answer
 * that may be of something before it, from the first one on until the CA's own comes. Remembered only in memory, and only
 * while somebody asks: after an hour without a question nothing is known any more.
 *
 * And do CAA records keep it from issuing? What Orders see before they are placed tells, for each name of a namespace, whose
 * solvers are its own; nothing after the issuer was changed, which may be the other account that a record names.
 */
#ifndef CERTROLL_RECONCILERS_OUTAGE_H
#define CERTROLL_RECONCILERS_OUTAGE_H

#include "pki/names.h"
#include "reconcilers/env.h"

/* Notes what came of a call to the CA; e is borrowed, NULL is an answer. What is no answer of a CA (a local error) is
 * passed over. */
void outage_note(const struct env *env, const struct issuer *issuer, const struct err *e);
/* Since when the CA has not answered, wall ns; 0 = it did, or nobody asked lately. */
int64_t outage_since(const struct env *env, const struct issuer *issuer);
/* And when it was last asked in vain. */
int64_t outage_last(const struct env *env, const struct issuer *issuer);

void outage_note_caa(const struct env *env, const struct issuer *issuer, const char *ns,
                     const char *name, bool forbids);
/* When CAA records were last seen to forbid one of the names, wall ns; 0 = they were not, or permit by now. */
int64_t outage_forbidden(const struct env *env, const struct issuer *issuer, const char *ns,
                         const struct pki_names *names);

#endif
