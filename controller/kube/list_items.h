/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes the items out of the body of a LIST while it arrives, one by one, so that there is never a
 * whole list in memory. Members may come in any order; only "items" and "metadata" are looked at.
 */
#ifndef CERTROLL_KUBE_LIST_ITEMS_H
#define CERTROLL_KUBE_LIST_ITEMS_H

#include "base/buf.h"
#include "base/err.h"
#include "kube/json_extent.h"

/* One item's text, borrowed. An error ends the list. */
typedef struct err *(*list_item_fn)(void *arg, const char *text, size_t len);

enum list_place {
    LIST_AT_START,
    LIST_BEFORE_KEY,
    LIST_IN_KEY,
    LIST_BEFORE_COLON,
    LIST_BEFORE_VALUE,
    LIST_IN_VALUE,
    LIST_BEFORE_ITEM,
    LIST_IN_ITEM,
    LIST_AT_END,
};

struct list_items {
    list_item_fn item;
    void *arg;
    enum list_place place;
    char key[16]; /* of the list's member; longer ones are of no interest */
    size_t key_len;
    struct json_extent extent;
    struct buf text; /* of a value, what came in earlier chunks */
    char *rv;
    char *next; /* metadata.continue, NULL on the last page */
};

/* item_max: bytes of an item's text. */
void list_items_init(struct list_items *l, size_t item_max, list_item_fn item, void *arg);
void list_items_release(struct list_items *l);
/* ERR_TRANSIENT, reason BadList: this is no list, or an item is too large; or what item() returned. */
struct err *list_items_feed(struct list_items *l, const char *data, size_t len) MUST_CHECK;
/* The body is over: ERR_TRANSIENT BadList when it was cut short or had no resourceVersion. */
struct err *list_items_end(const struct list_items *l) MUST_CHECK;

#endif
