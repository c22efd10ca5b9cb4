/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strlist: an owned list of owned strings. The items are an ordinary array for reading.
 */
#ifndef CERTROLL_BASE_LIST_H
#define CERTROLL_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct strlist {
    char **items;
    size_t len;
    size_t cap;
};

/* Frees the items; the list is empty and usable again. */
void strlist_release(struct strlist *l);
/* Appends a copy of s; strlist_add_take appends s itself and owns it then. */
void strlist_add(struct strlist *l, const char *s);
void strlist_add_take(struct strlist *l, char *s);
void strlist_add_all(struct strlist *l, const struct strlist *from);
/* Whether an item equals s bytewise. */
bool strlist_has(const struct strlist *l, const char *s);
/* The same items in the same order. */
bool strlist_equal(const struct strlist *a, const struct strlist *b);
/* Sorts bytewise; strlist_uniq also drops repeats. */
void strlist_sort(struct strlist *l);
void strlist_uniq(struct strlist *l);
/* "a, b" as an owned string; at most max items are named, then " and N more" (0 = all). */
char *strlist_join(const struct strlist *l, const char *sep, size_t max);

#endif
