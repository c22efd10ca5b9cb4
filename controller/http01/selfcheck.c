/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/selfcheck.h"

#include <ctype.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http01/responder.h"

#define SELF_CHECK_TIMEOUT (2 * NS_PER_SEC)
#define SELF_CHECK_BODY_MAX 4096

static bool body_is(const struct buf *body, const char *expected)
{
    size_t len = body->len;
    const char *text = buf_str(body);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    return len == strlen(expected) && memcmp(text, expected, len) == 0;
}

struct err *http01_self_check(const struct http_transport *t, const struct stop *stop,
                              const char *host, const char *token, const char *key_authorization)
{
    const struct http_tls any = {.skip_verify = true};
    bool v6 = strchr(host, ':') != NULL;
    auto_free char *url =
        x_printf("http://%s%s%s" HTTP01_PATH "%s", v6 ? "[" : "", host, v6 ? "]" : "", token);
    const struct http_request req = {
        .url = url,
        .tls = &any,
        .timeout = SELF_CHECK_TIMEOUT,
        .connect_timeout = SELF_CHECK_TIMEOUT,
        .max_body = SELF_CHECK_BODY_MAX,
        .flags = HTTP_FOLLOW | HTTP_GUARDED | HTTP_NO_REUSE,
    };
    AUTO_RESPONSE res = {0};
    TRY(http_call(t, &req, stop, &res), "self-check of http://%s", host);
    if (res.status != 200)
        return err_new(ERR_TRANSIENT, "SelfCheckFailed",
                       "self-check: GET %s answered %d, expected 200: does an Ingress controller "
                       "serve this name on port 80?",
                       url, res.status);
    if (!body_is(&res.body, key_authorization))
        return err_new(ERR_TRANSIENT, "SelfCheckFailed",
                       "self-check: GET %s answered something else than the key authorization: "
                       "another server answers for this name",
                       url);
    return NULL;
}

int64_t http01_self_check_delay(unsigned tries)
{
    int64_t delay = 50 * NS_PER_MS;
    for (unsigned i = 0; i < tries && delay < 2 * NS_PER_SEC; i++)
        delay = delay * 3 / 2;
    if (tries > 40)
        return 10 * NS_PER_SEC;
    return delay < 2 * NS_PER_SEC ? delay : 2 * NS_PER_SEC;
}
