/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replay nonces (RFC 8555 section 6.5). The freshest is used first: servers forget old ones, and
 * one that is refused costs as much as one that is asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "acme/internal.h"
#include "base/mem.h"
#include "base/str.h"

#define NONCE_MAX 1024

void acme_nonces_release(struct acme_nonces *n)
{
    for (size_t i = 0; i < n->count; i++)
        free(n->items[i].value);
    *n = (struct acme_nonces){0};
}

bool acme_nonce_is_valid(const char *nonce)
{
    if (str_empty(nonce))
        return false;
    size_t len = strspn(nonce, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
    return len <= NONCE_MAX && nonce[len] == '\0';
}

static void drop_oldest(struct acme_nonces *n)
{
    free(n->items[0].value);
    n->count--;
    memmove(&n->items[0], &n->items[1], n->count * sizeof(n->items[0]));
}

void acme_nonce_put(struct acme_ca *ca, const char *nonce)
{
    if (!acme_nonce_is_valid(nonce))
        return;
    struct acme_nonces *n = &ca->nonces;
    pthread_mutex_lock(&ca->lock);
    if (n->count == ACME_NONCES_MAX)
        drop_oldest(n);
    n->items[n->count++] =
        (struct acme_nonce){.value = x_strdup(nonce), .since = clock_mono(ca->clock)};
    pthread_mutex_unlock(&ca->lock);
}

/* The freshest of the pool that is not too old, or NULL. */
static char *take_pooled(struct acme_ca *ca)
{
    struct acme_nonces *n = &ca->nonces;
    char *nonce = NULL;
    pthread_mutex_lock(&ca->lock);
    int64_t oldest = clock_mono(ca->clock) - ACME_NONCE_MAX_AGE;
    if (n->count > 0 && n->items[n->count - 1].since < oldest)
        acme_nonces_release(n); /* the others are older still */
    if (n->count > 0)
        nonce = n->items[--n->count].value;
    pthread_mutex_unlock(&ca->lock);
    return nonce;
}

struct err *acme_nonce_take(struct acme_ca *ca, char **ret_nonce)
{
    char *nonce = take_pooled(ca);
    if (nonce == NULL)
        return acme_nonce_fetch(ca, ret_nonce);
    *ret_nonce = nonce;
    return NULL;
}

struct err *acme_nonce_fetch(struct acme_ca *ca, char **ret_nonce)
{
    AUTO(acme_directory_release) struct acme_directory d = {0};
    TRY(acme_ca_directory(ca, &d));
    const struct acme_request r = {.action = "newNonce", .method = "HEAD", .url = d.new_nonce};
    AUTO(acme_reply_release) struct acme_reply reply = {0};
    TRY(acme_request_send(ca, &r, &reply));
    TRY(acme_reply_error(ca, &r, &reply));
    if (reply.nonce == NULL)
        return acme_invalid_answer("newNonce %s: the answer has no valid Replay-Nonce header",
                                   d.new_nonce);
    *ret_nonce = TAKE(reply.nonce);
    return NULL;
}
