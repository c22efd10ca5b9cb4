/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a request: what is read is what was sent, and reading it in pieces makes no difference. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static void check_path(const char *bytes, const struct http1_request *r)
{
    size_t len = strlen(r->path);
    const char *target = bytes + (r->head_only ? 5 : 4);
    MUST(memcmp(bytes, r->head_only ? "HEAD " : "GET ", r->head_only ? 5 : 4) == 0);
    MUST(len > 0 && len <= HTTP1_PATH_MAX && *r->path == '/' && strpbrk(r->path, " ?#\t") == NULL);
    MUST(memcmp(target, r->path, len) == 0 && target[len] == (r->has_query ? '?' : ' '));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct http1_request r;
    int status = http1_request_read(bytes, size, &r);
    const char *end = memmem(bytes, size, "\r\n\r\n", 4);
    MUST(status == HTTP1_WHOLE || status == HTTP1_MORE || status == 400 || status == 405 ||
         status == 414 || status == 431);
    MUST((status == HTTP1_MORE) == (end == NULL && size < HTTP1_HEAD_MAX));
    if (status != HTTP1_WHOLE)
        return 0;
    size_t head = (size_t)(end - bytes) + 4;
    MUST(head <= HTTP1_HEAD_MAX && memchr(bytes, '\0', head) == NULL);
    MUST(strspn(r.host, "abcdefghijklmnopqrstuvwxyz0123456789.-_:[]") == strlen(r.host));
    check_path(bytes, &r);
    MUST(http1_request_read(bytes, head - 1, &r) == HTTP1_MORE);
    MUST(http1_request_read(bytes, head, &r) == HTTP1_WHOLE);
    return 0;
}
