/* SPDX-License-Identifier: Apache-2.0 */
/* Challenges: self-check, accept, poll; see challenge.c. */
#ifndef CERTROLL_RECONCILERS_CHALLENGE_H
#define CERTROLL_RECONCILERS_CHALLENGE_H

#include "reconcilers/env.h"

struct err *challenge_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
    MUST_CHECK;

#endif
