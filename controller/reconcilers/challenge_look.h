/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at DNS for a Challenge, in turns: servers that are silent do not hold all threads that call the outside. */
#ifndef CERTROLL_RECONCILERS_CHALLENGE_LOOK_H
#define CERTROLL_RECONCILERS_CHALLENGE_LOOK_H

#include "dns01/propagation.h"
#include "reconcilers/challenge_pass.h"

struct dns_finder challenge_finder(const struct env *env);

/* As dns_place_find() and dns_look(); when others have the turn, the pass has ended, and nothing was looked at. */
struct err *challenge_find_place(struct challenge_pass *p, const struct dns_config *config,
                                 const char *name, struct dns_place *ret_place) MUST_CHECK;
struct err *challenge_look(struct challenge_pass *p, const struct dns_look *look) MUST_CHECK;

#endif
