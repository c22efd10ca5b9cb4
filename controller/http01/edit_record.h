/* SPDX-License-Identifier: Apache-2.0 */
/* What certroll has put into somebody else's Ingress, as an annotation there says: for edit.c alone. */
#ifndef CERTROLL_HTTP01_EDIT_RECORD_H
#define CERTROLL_HTTP01_EDIT_RECORD_H

#include "http01/edit.h"

/* {"orders": {"<group>/<name>": [token, ...]}, "bare": [host, ...]}: bare are hosts whose rule led nowhere
 * before. People may have edited it: what is not well-formed is left out. Owned. */
json_t *edit_record_read(const json_t *ingress);
/* The tokens of an Order, or NULL. Borrowed. */
const json_t *edit_record_tokens(const json_t *record, const char *order);
/* Has any Order the token? */
bool edit_record_knows(const json_t *record, const char *token);
void edit_record_add(json_t *record, const char *order, const char *token);
void edit_record_drop(json_t *record, const char *order);
bool edit_record_is_bare(const json_t *record, const char *host);
void edit_record_add_bare(json_t *record, const char *host);
void edit_record_drop_bare(json_t *record, const char *host);
/* As the annotation's text: owned; NULL when no Order has anything. ERR_TRANSIENT, reason HTTP01_ROUTE_WAITS,
 * when it is too long. */
struct err *edit_record_text(const json_t *record, char **ret_text) MUST_CHECK;

#endif
