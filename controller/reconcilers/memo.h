/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reconciler remembers between two looks and may forget at any time: counters, times and texts by
 * key. Never truth: losing it costs a poll, a no-op write or an order that nobody acts on. Thread-safe, at most 65,536 keys.
 */
#ifndef CERTROLL_RECONCILERS_MEMO_H
#define CERTROLL_RECONCILERS_MEMO_H

#include <stdint.h>

struct memo;
struct memo_entry {
    unsigned count;
    unsigned marks; /* all bits that memo_mark() was given */
    int64_t time;   /* wall ns of the last memo_count() or memo_set(), 0 = never */
};

struct memo *memo_new(void);
void memo_free(struct memo *m);
/* Adds one and sets the time; returns what was there before. */
struct memo_entry memo_count(struct memo *m, const char *key, int64_t now);
void memo_set(struct memo *m, const char *key, int64_t time);
/* The time under a key; where there is none, now, which is set. */
int64_t memo_since(struct memo *m, const char *key, int64_t now);
void memo_mark(struct memo *m, const char *key, unsigned marks);
struct memo_entry memo_get(struct memo *m, const char *key);
/* A text under a key, or NULL: copied in; owned when it comes out, NULL when there is none. */
void memo_set_text(struct memo *m, const char *key, const char *text);
char *memo_text(struct memo *m, const char *key);
void memo_drop(struct memo *m, const char *key);
/* Takes marks away, and drops what has none left. */
void memo_unmark(struct memo *m, const char *key, unsigned marks);

#endif
