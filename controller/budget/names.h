/* SPDX-License-Identifier: Apache-2.0 */
/* Names as rate limits see them: the registered domain, and a set of names as one key. Thread-safe. */
#ifndef CERTROLL_BUDGET_NAMES_H
#define CERTROLL_BUDGET_NAMES_H

#include "base/list.h"

/* The domain that a registrar sells, by the system's public suffix list: "example.co.uk" for
 * "*.a.example.co.uk". A name that is a suffix itself is its own; an IPv4 address is, too, and of an
 * IPv6 address the /64. Owned. */
char *budget_registered_domain(const char *name);

/* A key within a scope (an account, a server): "scope name"; what is too long is a hash there. */
#define BUDGET_KEY_MAX 160
void budget_key(const char *scope, const char *name, char out[BUDGET_KEY_MAX]);
/* The key of a set of names, whatever their order, repeats or case. */
void budget_set_key(const char *scope, const struct strlist *names, char out[BUDGET_KEY_MAX]);

#endif
