/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's memory: tokens, bodies with private keys and TLS state pass through it, so every block
 * is wiped before it goes back to the allocator.
 */
#include <curl/curl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/http_client.h"

static void wiping_free(void *p)
{
    x_wipe_free(p, malloc_usable_size(p));
}

static void *wiping_realloc(void *p, size_t size)
{
    size_t have = malloc_usable_size(p);
    if (p != NULL && have >= size)
        return p;
    void *larger = x_alloc(size);
    if (p != NULL) {
        memcpy(larger, p, have);
        wiping_free(p);
    }
    return larger;
}

void http_global_init(void)
{
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, x_alloc, wiping_free, wiping_realloc, x_strdup,
                             x_calloc) != CURLE_OK)
        abort();
}
