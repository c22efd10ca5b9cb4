/* SPDX-License-Identifier: Apache-2.0 */
/* Standing routes go when no Certificate has their names any more. */
#ifndef CERTROLL_RECONCILERS_STANDING_H
#define CERTROLL_RECONCILERS_STANDING_H

#include "reconcilers/env.h"

/* Removes those that no Certificate of their namespace needs, and no Order that is under way. *ret_next: when to sweep
 * again for what only such an Order keeps; else it stays as it is. */
struct err *standing_sweep(const struct env *env, int64_t *ret_next) MUST_CHECK;
/* A Certificate has gone or asks for something else: sweeps soon, where standing routes may be. Any thread. */
void standing_look(const struct env *env);
/* An Issuer was changed to now, or has gone (NULL): sweeps soon if it let routes stand. Any thread. */
void standing_issuer_changed(const struct env *env, const struct issuer *old,
                             const struct issuer *now);

/* The name of the solver controller's key for it; solvers have a namespace. */
#define STANDING_KEY "standing"

#endif
