/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys of issuances that are answered in-process: they live here, in memory, from the
 * request until the Secret is applied. Lost on a crash, which remakes the request under its name.
 * Thread-safe.
 */
#ifndef CERTROLL_ISSUERS_KEYRING_H
#define CERTROLL_ISSUERS_KEYRING_H

#include <stdint.h>

#include "pki/key.h"

struct keyring;
struct keyring *keyring_new(void);
void keyring_free(struct keyring *k);
/* Keyed by the Certificate's uid and the revision being issued. Replaces; takes its own reference. */
void keyring_put(struct keyring *k, const char *uid, int64_t revision, struct pki_key *key);
/* A reference, or NULL. */
struct pki_key *keyring_get(struct keyring *k, const char *uid, int64_t revision);
/* Forgets all keys of a Certificate. */
void keyring_drop(struct keyring *k, const char *uid);

#endif
