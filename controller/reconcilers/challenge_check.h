/* SPDX-License-Identifier: Apache-2.0 */
/* Before the CA is asked to validate: what the solver's selfCheck wants to have seen. */
#ifndef CERTROLL_RECONCILERS_CHALLENGE_CHECK_H
#define CERTROLL_RECONCILERS_CHALLENGE_CHECK_H

#include "reconcilers/acme_chain.h"

/* NULL: the CA may be asked now. Otherwise what is missing, ERR_CANCELLED excepted; retry_at when it is known
 * when to look again, else http01_self_check_delay() says. The solver is the Issuer's of now. Token and name
 * of the Challenge must have been compared with the CA's. */
struct err *challenge_check(const struct env *env, const struct acme_chain *chain,
                            const struct order *order, const struct challenge *c) MUST_CHECK;

#endif
