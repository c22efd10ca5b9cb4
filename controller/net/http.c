/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

void http_response_release(struct http_response *r)
{
    buf_release(&r->body);
    free(r->headers);
    *r = (struct http_response){0};
}

char *http_header_get(const struct http_response *r, const char *name, unsigned n)
{
    size_t name_len = strlen(name);
    const char *line = r->headers;
    while (line != NULL && *line != '\0') {
        const char *end = strchrnul(line, '\n');
        if (strncmp(line, name, name_len) == 0 && strncmp(line + name_len, ": ", 2) == 0) {
            const char *value = line + name_len + 2;
            if (n-- == 0)
                return x_strndup(value, (size_t)(end - value));
        }
        line = *end == '\n' ? end + 1 : end;
    }
    return NULL;
}

struct err *http_call(const struct http_transport *t, const struct http_request *req,
                      const struct stop *stop, struct http_response *ret_response)
{
    return t->call(t->ctx, req, stop, ret_response);
}

struct err *http_call_turn(const struct http_transport *t, const struct http_request *req)
{
    return t->turn != NULL ? t->turn(t->ctx, req) : NULL;
}

struct err *http_trust_advice(struct err *e, const char *advice)
{
    if (e == NULL || !str_eq(e->reason, "TLSFailed"))
        return e;
    struct err *better = err_new(e->kind, e->reason, "%s: %s", e->message, advice);
    err_free(e);
    return better;
}
