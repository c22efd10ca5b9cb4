/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#define TEXT_MAX 1024
#define PART_MAX 1024 /* of title, detail, identifier, instance */
#define SUBPROBLEMS_SHOWN 10
#define URL_SHOWN_MAX 200
#define TYPE_MAX 40
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* RFC 8555 section 6.7, RFC 9773 section 5 and the profiles draft. Other types go by status, and so
 * does malformed: with it servers also say that an order or authorization is gone (404). */
static const struct {
    const char *type;
    enum err_kind kind;
} kinds[] = {
    {"accountDoesNotExist", ERR_DENIED},
    {"alreadyReplaced", ERR_CONFLICT},
    {"alreadyRevoked", ERR_CONFLICT},
    {"badCSR", ERR_INVALID},
    {"badNonce", ERR_TRANSIENT}, /* one retry after the other was refused */
    {"badPublicKey", ERR_INVALID},
    {"badRevocationReason", ERR_INVALID},
    {"badSignatureAlgorithm", ERR_INVALID},
    {"caa", ERR_DENIED},
    {"connection", ERR_TRANSIENT},
    {"dns", ERR_TRANSIENT},
    {"externalAccountRequired", ERR_DENIED},
    {"incorrectResponse", ERR_TRANSIENT},
    {"invalidContact", ERR_INVALID},
    {"invalidProfile", ERR_INVALID},
    {"orderNotReady", ERR_CONFLICT},
    {"rateLimited", ERR_RATE_LIMITED},
    {"rejectedIdentifier", ERR_INVALID},
    {"serverInternal", ERR_TRANSIENT},
    {"tls", ERR_TRANSIENT},
    {"unauthorized", ERR_DENIED},
    {"unsupportedContact", ERR_INVALID},
    {"unsupportedIdentifier", ERR_INVALID},
    {"userActionRequired", ERR_DENIED},
};

/* The last part of ACME's types, when it can be a reason; else NULL. Borrowed. */
static const char *type_of(const json_t *problem)
{
    const char *type = JSTR(problem, "type");
    if (!str_starts(type, ACME_PROBLEM_PREFIX))
        return NULL;
    type += strlen(ACME_PROBLEM_PREFIX);
    size_t len = strspn(type, LETTERS "0123456789");
    return strspn(type, LETTERS) > 0 && len <= TYPE_MAX && type[len] == '\0' ? type : NULL;
}

bool acme_problem_is(const json_t *body, const char *type)
{
    return str_eq(type_of(body), type);
}

/* ---- kind and reason ---- */

static enum err_kind kind_of_status(int status)
{
    switch (status) {
    case 401:
    case 403:
        return ERR_DENIED;
    case 404:
        return ERR_NOT_FOUND;
    case 408:
    case 425:
        return ERR_TRANSIENT;
    case 409:
        return ERR_CONFLICT;
    case 429:
        return ERR_RATE_LIMITED;
    default:
        return status >= 400 && status < 500 ? ERR_INVALID : ERR_TRANSIENT;
    }
}

static enum err_kind kind_of(int status, const char *type)
{
    enum err_kind by_status = kind_of_status(status);
    enum err_kind kind = by_status;
    for (size_t i = 0; type != NULL && i < ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].type, type) == 0)
            kind = kinds[i].kind;
    }
    bool passes = by_status == ERR_RATE_LIMITED || by_status == ERR_TRANSIENT;
    return passes && kind != ERR_RATE_LIMITED ? by_status : kind;
}

static void reason_of(int status, const char *type, char out[ERR_REASON_MAX])
{
    if (type == NULL) {
        snprintf(out, ERR_REASON_MAX, "HTTP%d", status);
        return;
    }
    str_copy(out, ERR_REASON_MAX, type);
    if (out[0] >= 'a') /* a letter */
        out[0] = (char)(out[0] - 'a' + 'A');
}

/* ---- text ---- */

static void add_part(struct buf *b, const char *separator, const char *text)
{
    if (str_empty(text))
        return;
    char part[PART_MAX];
    str_copy(part, sizeof(part), text);
    if (b->len > 0)
        buf_puts(b, separator);
    buf_puts(b, part);
}

static void add_subproblems(struct buf *b, const json_t *list)
{
    size_t count = json_count(list);
    size_t shown = count < SUBPROBLEMS_SHOWN ? count : SUBPROBLEMS_SHOWN;
    for (size_t i = 0; i < shown; i++) {
        const json_t *sub = json_item(list, i);
        buf_puts(b, i > 0 ? "; " : b->len > 0 ? " (" : "(");
        add_part(b, "", str_or(JSTR(sub, "identifier", "value"), "no identifier"));
        add_part(b, ": ", type_of(sub));
        add_part(b, ": ", JSTR(sub, "detail"));
    }
    if (count > shown)
        buf_putf(b, "; and %zu more", count - shown);
    if (shown > 0)
        buf_puts(b, ")");
}

char *acme_problem_text(const json_t *problem)
{
    if (json_count(problem) == 0)
        return NULL;
    const char *type = type_of(problem);
    AUTO(buf_release) struct buf b = BUF_INIT((size_t)8 * PART_MAX * SUBPROBLEMS_SHOWN);
    add_part(&b, "", type);
    add_part(&b, ": ", str_or(JSTR(problem, "detail"), JSTR(problem, "title")));
    if (str_eq(type, "userActionRequired"))
        add_part(&b, "; see ", JSTR(problem, "instance"));
    add_subproblems(&b, JGET(problem, "subproblems"));
    if (b.len == 0)
        return NULL;
    char text[TEXT_MAX];
    str_copy(text, sizeof(text), buf_str(&b));
    str_sanitize(text);
    return x_strdup(text);
}

struct err *acme_problem_error(const char *action, const char *url, int status, const json_t *body,
                               int64_t retry_at)
{
    const char *type = type_of(body);
    char reason[ERR_REASON_MAX];
    reason_of(status, type, reason);
    auto_free char *text = acme_problem_text(body);
    const char *what = "the server sent no problem document";
    if (status >= 300 && status < 400)
        what = "the server redirects elsewhere, and ACME requests are not redirected: configure "
               "the URL it redirects to";
    struct err *e = err_new(kind_of(status, type), reason, "%s %.*s: HTTP %d: %s", action,
                            URL_SHOWN_MAX, url, status, text != NULL ? text : what);
    e->http_status = status;
    e->retry_at = retry_at;
    return e;
}
