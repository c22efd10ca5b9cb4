/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <string.h>

#include "base/mem.h"

struct secret secret_copy(const void *data, size_t len)
{
    struct secret s = {.data = x_alloc(len + 1), .len = len};
    if (len > 0)
        memcpy(s.data, data, len);
    s.data[len] = '\0';
    return s;
}

void secret_release(struct secret *s)
{
    x_wipe_free(s->data, s->len);
    *s = (struct secret){0};
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
    if (a->len != b->len)
        return false;
    unsigned char diff = 0;
    for (size_t i = 0; i < a->len; i++)
        diff = (unsigned char)(diff | (unsigned char)(a->data[i] ^ b->data[i]));
    return diff == 0;
}

void wipe(void *p, size_t len)
{
    if (p != NULL)
        explicit_bzero(p, len);
}
