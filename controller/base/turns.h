/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is, by key: a lock that nobody waits for, with room for one or more. Thread-safe. */
#ifndef CERTROLL_BASE_TURNS_H
#define CERTROLL_BASE_TURNS_H

#include <stdbool.h>

struct turns;
struct turns *turns_new(void);
void turns_free(struct turns *t);

/* A turn, which is to be given back; false when most others have one: come back later. */
bool turns_take(struct turns *t, const char *key, unsigned most);
void turns_give(struct turns *t, const char *key);

#endif
