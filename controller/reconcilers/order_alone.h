/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders of one account for the same names (a certificate with an RSA key beside one with an EC key) go one after the other.
 * A CA may hand an order that nobody has finalized yet to whoever asks for its names, as Let's Encrypt does: two Orders with one URL,
 * of which the second gets the certificate of the first one's key.
 */
#ifndef CERTROLL_RECONCILERS_ORDER_ALONE_H
#define CERTROLL_RECONCILERS_ORDER_ALONE_H

#include "reconcilers/order.h"

/* Stops the pass while another Order has one under way at the CA: for a while, as an order may wait for a person. */
struct err *ensure_alone(struct order_pass *p) MUST_CHECK;

/* The same just before newOrder, and nobody else gets as far before order_alone_end(). *ret_turn: what that takes,
 * owned; NULL when the pass was stopped. */
struct err *order_alone_begin(struct order_pass *p, char **ret_turn) MUST_CHECK;
void order_alone_end(const struct order_pass *p, char *turn);
/* After newOrder: stops the pass when the CA has answered with the order of another Order. */
void order_alone_check(struct order_pass *p, const char *url);

/* A cache_index_fn: a digest of the names of an Order that is not over. */
void index_order_names(const void *object, void (*emit)(void *arg, const char *value), void *arg);
/* Cache handler (arg: struct env): an Order is over, and whoever waits for it is woken. */
void order_alone_on_change(void *arg, const struct cache_change *change);

#endif
