/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do something with a name now: a lock that nobody waits for, with room for one or more. Thread-safe. */
#ifndef CERTROLL_DNS01_TURNS_H
#define CERTROLL_DNS01_TURNS_H

#include <stdbool.h>

struct dns_turns;
struct dns_turns *dns_turns_new(void);
void dns_turns_free(struct dns_turns *t);

/* A turn, which is to be given back; false when most others have one: come back later. */
bool dns_turns_take(struct dns_turns *t, const char *key, unsigned most);
void dns_turns_give(struct dns_turns *t, const char *key);

#endif
