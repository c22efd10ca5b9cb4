/* SPDX-License-Identifier: Apache-2.0 */
/* PEM text (RFC 7468), block by block, in linear time. Text between blocks is skipped. */
#ifndef CERTROLL_PKI_PEM_H
#define CERTROLL_PKI_PEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct pem_reader {
    const char *at;
    const char *end;
    const char *what;   /* "chain": for messages */
    const char *reason; /* of the errors */
    size_t blocks;      /* read so far */
};

struct pem_block {
    const char *label; /* borrowed from the text, label_len bytes */
    size_t label_len;
    char *der; /* owned; NULL: there was no further block */
    size_t der_len;
    size_t pem_len; /* of the block's text */
};

/* Fill in what and reason first. The text is refused when longer than max or with a NUL in it. */
struct err *pem_open(struct pem_reader *r, const void *text, size_t len, size_t max) MUST_CHECK;
/* The next block. Messages never hold text of the input. */
struct err *pem_next(struct pem_reader *r, struct pem_block *ret_block) MUST_CHECK;
bool pem_is(const struct pem_block *b, const char *label);
/* Wipes: it may have been a key. */
void pem_block_release(struct pem_block *b);

#endif
