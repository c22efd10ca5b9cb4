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
#define SUBPROBLEMS_READ 1000
#define ALGORITHMS_SHOWN 10
#define URL_SHOWN_MAX 200
#define TYPE_MAX 40
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* RFC 8555 section 6.7, RFC 9773 section 5 and the profiles draft, with what is next where the type
 * alone says it. Other types go by status, and so does malformed: with it servers also say that an
 * order or authorization is gone (404). */
static const struct row {
    const char *type;
    enum err_kind kind;
    const char *next;
} rows[] = {
    {"accountDoesNotExist", ERR_DENIED, "the account is looked for and registered again"},
    {"alreadyReplaced", ERR_CONFLICT, "the order is placed again without replacing anything"},
    {"alreadyRevoked", ERR_CONFLICT, "nothing is left to do"},
    {"badCSR", ERR_INVALID, "look at the Certificate's key, names and usages"},
    {"badNonce", ERR_TRANSIENT, "it is tried again"}, /* one retry after the other was refused */
    {"badPublicKey", ERR_INVALID, "use a key of another algorithm or size"},
    {"badRevocationReason", ERR_INVALID, "give a reason that the CA takes"},
    {"badSignatureAlgorithm", ERR_INVALID, "use an account key for an algorithm that the CA takes"},
    {"caa", ERR_DENIED,
     "let a CAA record of the name allow this CA, or remove the one that forbids "
     "it"},
    {"connection", ERR_TRANSIENT, "let the CA reach the server of the name (HTTP-01: port 80)"},
    {"dns", ERR_TRANSIENT, "correct the name's DNS records"},
    {"externalAccountRequired", ERR_DENIED, "write spec.acme.externalAccountBinding"},
    {"incorrectResponse", ERR_TRANSIENT, "see who answers for the name in place of the solver"},
    {"invalidContact", ERR_INVALID, "correct spec.acme.email"},
    {"invalidProfile", ERR_INVALID, "choose a profile that the CA's directory lists, or none"},
    {"orderNotReady", ERR_CONFLICT, "the order is read again"},
    {"rateLimited", ERR_RATE_LIMITED, "it is tried again when the CA allows it"},
    {"rejectedIdentifier", ERR_INVALID, "remove the name, or use a CA that issues for it"},
    {"serverInternal", ERR_TRANSIENT, "it is tried again"},
    {"tls", ERR_TRANSIENT, "correct the TLS of the server that the name leads to"},
    {"unauthorized", ERR_DENIED, NULL}, /* says something else at each step */
    {"unsupportedContact", ERR_INVALID, "correct spec.acme.email"},
    {"unsupportedIdentifier", ERR_INVALID, "use a CA that issues for such a name"},
    {"userActionRequired", ERR_DENIED, "do there what the CA asks for, then it goes on by itself"},
};

static const struct row *row_of(const char *type)
{
    for (size_t i = 0; type != NULL && i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].type, type) == 0)
            return &rows[i];
    }
    return NULL;
}

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

/* Some parts may pass and others will not: then the whole will not. */
static enum err_kind kind_of_compound(const json_t *subproblems, enum err_kind by_status)
{
    size_t count = json_count(subproblems);
    enum err_kind kind = by_status;
    for (size_t i = 0; i < count && i < SUBPROBLEMS_READ; i++) {
        const struct row *row = row_of(type_of(json_item(subproblems, i)));
        if (row == NULL || row->kind == ERR_INVALID || row->kind == ERR_DENIED)
            return row == NULL ? by_status : row->kind;
        kind = row->kind;
    }
    return kind;
}

static enum err_kind kind_of(const struct acme_refusal *r, const char *type)
{
    enum err_kind by_status = kind_of_status(r->status);
    if (r->body == NULL && !r->from_ca && by_status != ERR_RATE_LIMITED)
        return ERR_TRANSIENT;
    const struct row *row = row_of(type);
    enum err_kind kind = row != NULL ? row->kind : by_status;
    if (str_eq(type, "compound"))
        kind = kind_of_compound(JGET(r->body, "subproblems"), by_status);
    bool passes = by_status == ERR_RATE_LIMITED || by_status == ERR_TRANSIENT;
    if (passes && kind != ERR_RATE_LIMITED)
        return by_status;
    /* Conflicts are tried again without a word: only those that a row names have somebody who knows what follows. */
    return row == NULL && kind == ERR_CONFLICT ? ERR_TRANSIENT : kind;
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

/* What an account key may sign with (RFC 8555 section 6.2). */
static void add_algorithms(struct buf *b, const json_t *list)
{
    size_t count = json_count(list);
    for (size_t i = 0; i < count && i < ALGORITHMS_SHOWN; i++)
        add_part(b, i == 0 ? "; it takes " : ", ", json_text(json_item(list, i)));
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
    if (str_eq(type, "badSignatureAlgorithm"))
        add_algorithms(&b, JGET(problem, "algorithms"));
    add_subproblems(&b, JGET(problem, "subproblems"));
    if (b.len == 0)
        return NULL;
    char text[TEXT_MAX];
    str_copy(text, sizeof(text), buf_str(&b));
    str_sanitize(text);
    return x_strdup(text);
}

/* What goes with the answer but is not in its body. Owned. */
static char *advice_of(const struct acme_refusal *r, const char *type)
{
    static const struct acme_links none;
    const struct acme_links *links = r->links != NULL ? r->links : &none;
    const struct row *row = row_of(type);
    AUTO(buf_release) struct buf b = BUF_INIT((size_t)8 * PART_MAX);
    if (str_eq(type, "userActionRequired")) {
        const char *terms = acme_links_get(links, "terms-of-service", 0);
        if (terms != NULL)
            buf_putf(&b, "; terms of service: %.*s", URL_SHOWN_MAX, terms);
    }
    const char *help = acme_links_get(links, "help", 0);
    if (help != NULL)
        buf_putf(&b, "; help: %.*s", URL_SHOWN_MAX, help);
    if (row != NULL && row->next != NULL)
        buf_putf(&b, "; %s", row->next);
    return buf_take(&b);
}

static const char *without_document(const struct acme_refusal *r)
{
    if (r->status >= 300 && r->status < 400)
        return "the server redirects elsewhere, and ACME requests are not redirected: configure "
               "the URL it redirects to";
    return r->from_ca ? "the server sent no problem document"
                      : "no problem document and no nonce: is this the CA that answers, or "
                        "something before it?";
}

struct err *acme_problem_error(const struct acme_refusal *r)
{
    const char *type = type_of(r->body);
    char reason[ERR_REASON_MAX];
    reason_of(r->status, type, reason);
    auto_free char *text = acme_problem_text(r->body);
    auto_free char *advice = advice_of(r, type);
    struct err *e =
        err_new(kind_of(r, type), reason, "%s %.*s: HTTP %d: %s%s", r->action, URL_SHOWN_MAX,
                r->url, r->status, text != NULL ? text : without_document(r), advice);
    e->http_status = r->status;
    e->retry_at = r->retry_at;
    return e;
}
