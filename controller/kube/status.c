/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/status.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/client.h"

#define TOO_LARGE "ResourceVersionTooLarge"
#define TERMINATING "NamespaceTerminating"

const struct kube_resource res_namespace = {"", "v1", "namespaces", "Namespace", false};

static const struct mapping {
    int http_status;
    enum err_kind kind;
    const char *reason; /* when the Status has none; those of the API conventions */
} mappings[] = {
    {400, ERR_INVALID, "BadRequest"},
    {401, ERR_DENIED, "Unauthorized"},
    {403, ERR_DENIED, "Forbidden"},
    {404, ERR_NOT_FOUND, "NotFound"},
    {405, ERR_INVALID, "MethodNotAllowed"},
    {406, ERR_INVALID, "NotAcceptable"},
    {409, ERR_CONFLICT, "Conflict"},
    {410, ERR_NOT_FOUND, "Gone"},
    {413, ERR_INVALID, "RequestEntityTooLarge"},
    {415, ERR_INVALID, "UnsupportedMediaType"},
    {422, ERR_INVALID, "Invalid"},
    {429, ERR_RATE_LIMITED, "TooManyRequests"},
    {500, ERR_TRANSIENT, "InternalError"},
    {503, ERR_TRANSIENT, "ServiceUnavailable"},
    {504, ERR_TRANSIENT, "Timeout"},
};

static struct mapping mapping_of(int http_status)
{
    for (size_t i = 0; i < ARRAY_LEN(mappings); i++)
        if (mappings[i].http_status == http_status)
            return mappings[i];
    /* What the API server never says comes from something in between. */
    return (struct mapping){http_status, ERR_TRANSIENT, "UnexpectedStatus"};
}

static bool is_reason(const char *s)
{
    if (str_empty(s) || strlen(s) >= ERR_REASON_MAX)
        return false;
    for (; *s != '\0'; s++)
        if (!isalnum((unsigned char)*s))
            return false;
    return true;
}

static bool has_cause(const json_t *status, const char *reason)
{
    const json_t *causes = JGET(status, "details", "causes");
    for (size_t i = 0; i < json_count(causes); i++)
        if (str_eq(JSTR(json_item(causes, i), "reason"), reason))
            return true;
    return false;
}

/* Older servers say it only in words. */
static bool is_version_too_large(const json_t *status)
{
    const char *message = JSTR(status, "message");
    return has_cause(status, TOO_LARGE) ||
           (message != NULL && strstr(message, "Too large resource version") != NULL);
}

struct err *kube_status_error(const char *what, int http_status, const json_t *status,
                              int64_t retry_at)
{
    struct mapping m = mapping_of(http_status);
    const char *reason = JSTR(status, "reason");
    const char *message = JSTR(status, "message");
    /* Nothing can be made in a namespace that is being deleted, and trying again helps nobody: what
     * lived there is going, too. */
    if (has_cause(status, TERMINATING))
        m = (struct mapping){http_status, ERR_CANCELLED, TERMINATING};
    else if (is_version_too_large(status))
        m.reason = TOO_LARGE;
    else if (is_reason(reason))
        m.reason = reason;
    struct err *err =
        err_new(m.kind, m.reason, "%s: the API server answered %d %s%s%s", what, http_status,
                m.reason, str_empty(message) ? "" : ": ", str_or(message, ""));
    err->http_status = http_status;
    err->by_api_server = true;
    err->retry_at = retry_at;
    return err;
}

bool kube_namespace_is_ending(const struct err *e)
{
    return e != NULL && e->by_api_server && str_eq(e->reason, TERMINATING);
}
