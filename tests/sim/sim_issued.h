/* SPDX-License-Identifier: Apache-2.0 */
/* What the simulated CA has issued: by its name of RFC 9773 section 4.1, and by its bytes. */
#ifndef CERTROLL_TESTS_SIM_SIM_ISSUED_H
#define CERTROLL_TESTS_SIM_SIM_ISSUED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json/json.h"

struct issued {
    char *id;
    char *der; /* base64url, as revokeCert has it */
    size_t account;
    int64_t renew_at; /* begin of the suggested window */
    int64_t window;   /* ns: its length */
    bool replaced;
    bool revoked;
};

struct issued_list {
    struct issued *items;
    size_t len;
};
void issued_release(struct issued_list *l);
/* The first certificate of a PEM text of ours. */
void issued_add(struct issued_list *l, const char *pem, size_t account, int64_t renew_at,
                int64_t window);
/* suggestedWindow, or NULL when there is no such certificate. Owned. */
json_t *issued_window(const struct issued_list *l, const char *id);
/* The length of the window of this PEM text's first certificate (ns); 0 when there is no such certificate. */
int64_t issued_window_length(const struct issued_list *l, const char *pem);
/* All windows begin there. */
void issued_hurry(struct issued_list *l, int64_t renew_at);
/* Whose this PEM text's first certificate is; SIZE_MAX when there is no such certificate. */
size_t issued_account(const struct issued_list *l, const char *pem);
/* When the window of this PEM text's first certificate begins; SIM_NEVER when there is no such certificate. */
int64_t issued_renew_at(const struct issued_list *l, const char *pem);
/* RFC 9773 section 5: of the same account, and not replaced before. The problem's type; NULL = done, also without an
 * id. */
const char *issued_replace(struct issued_list *l, const char *id, size_t account);
/* RFC 8555 section 7.6, by the account that ordered it, or ISSUED_TO_KEY for its own key; its window begins there then. */
#define ISSUED_TO_KEY (SIZE_MAX - 1)
#define ISSUED_TO_NOBODY SIZE_MAX
const char *issued_revoke(struct issued_list *l, const char *der, size_t account, int64_t renew_at);
/* Was the first certificate of this PEM text revoked? */
bool issued_is_revoked(const struct issued_list *l, const char *pem);

#endif
