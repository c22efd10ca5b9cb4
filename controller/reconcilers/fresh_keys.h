/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys that this process has just stored: the certificate for one comes a moment later, and then the key need
 * not be asked for again. A key is known by its Secret's uid and resourceVersion, so it is what the Secret holds. It is
 * handed out once, and forgotten after two minutes; whoever finds none reads the Secret. Thread-safe.
 */
#ifndef CERTROLL_RECONCILERS_FRESH_KEYS_H
#define CERTROLL_RECONCILERS_FRESH_KEYS_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/secret.h"

struct fresh_keys;
/* Borrows the clock, as long as it lives. */
struct fresh_keys *fresh_keys_new(const struct clock *clock);
void fresh_keys_free(struct fresh_keys *k);
/* The Secret of this uid has held pem since it became this version (NULL: not told, nothing is kept). Copies; the key of
 * another Secret may have to go. */
void fresh_keys_put(struct fresh_keys *k, const char *uid, const char *version,
                    const struct secret *pem);
/* False, and ret_pem untouched, when it is not known any more, or has become another version since. */
bool fresh_keys_take(struct fresh_keys *k, const char *uid, const char *version,
                     struct secret *ret_pem);
/* Wipes those that nobody took in time. Now and then. */
void fresh_keys_trim(struct fresh_keys *k);

#endif
