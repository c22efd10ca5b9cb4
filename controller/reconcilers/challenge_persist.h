/* SPDX-License-Identifier: Apache-2.0 */
/* What the record of a dns-persist-01 challenge has to say. Internal to challenge*.c and order*.c. */
#ifndef CERTROLL_RECONCILERS_CHALLENGE_PERSIST_H
#define CERTROLL_RECONCILERS_CHALLENGE_PERSIST_H

#include "acme/order.h"
#include "api/issuer.h"
#include "api/order.h"
#include "dns01/config.h"

/* What of a solver cannot be right. No I/O; now is wall ns. ERR_INVALID, reason InvalidSolver. */
struct err *challenge_persist_config(const struct acme_solver *s, int64_t now,
                                     struct dns_persist_config *ret_config) MUST_CHECK;
/* The one value to be put into DNS; owned. wildcard: it has to allow *.name, too. ERR_INVALID, reason InvalidSolver, for
 * a challenge that nobody can answer. */
struct err *challenge_persist_value(const struct dns_persist_config *config,
                                    const struct acme_challenge *at_ca, const char *account_url,
                                    bool wildcard, char **ret_value) MUST_CHECK;
/* Does the Order ask for the wildcard below that name? Then one record is for both. */
bool challenge_persist_wildcard(const struct order *o, const char *dns_name);

#endif
