/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/persist.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define WSP " \t"
#define PARAMETERS_MAX 32
#define TAG_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* ---- what is printed ---- */

/* RFC 8659: printable ASCII without ";". */
static bool is_value(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] < '!' || s[i] > '~' || s[i] == ';')
            return false;
    return true;
}

struct err *dns_persist_value(const struct dns_persist_record *r, char **ret_value)
{
    auto_free char *until =
        r->until != 0 ? x_printf("; persistUntil=%lld", (long long)(r->until / NS_PER_SEC)) : NULL;
    auto_free char *value = x_printf("%s; accounturi=%s%s%s", r->issuer, r->account_url,
                                     r->wildcard ? "; policy=wildcard" : "", str_or(until, ""));
    if (str_empty(r->account_url) || !is_value(r->account_url, strlen(r->account_url)) ||
        strlen(value) > DNS_PERSIST_VALUE_MAX)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "the URL of the account, %.200s, does not fit into a record of "
                       "dns-persist-01: use another solver",
                       r->account_url);
    *ret_value = TAKE(value);
    return NULL;
}

/* ---- what is there ---- */

/* A piece of the record; not terminated. */
struct piece {
    const char *at;
    size_t len;
};

static struct piece trim(const char *at, size_t len)
{
    while (len > 0 && strchr(WSP, at[len - 1]) != NULL)
        len--;
    size_t skip = 0;
    while (skip < len && strchr(WSP, at[skip]) != NULL)
        skip++;
    return (struct piece){at + skip, len - skip};
}

static bool piece_is(struct piece p, const char *text)
{
    return p.len == strlen(text) && strncasecmp(p.at, text, p.len) == 0;
}

/* The piece up to the next ";", trimmed; *rest is behind it, NULL at the end. */
static struct piece next_piece(const char **rest)
{
    size_t len = strcspn(*rest, ";");
    const struct piece p = trim(*rest, len);
    *rest = (*rest)[len] == ';' ? *rest + len + 1 : NULL;
    return p;
}

struct parameters {
    struct piece tags[PARAMETERS_MAX];
    size_t count;
    struct piece account;
    bool wildcard;
    bool ends;
    int64_t until; /* Unix seconds */
};

/* Letters, digits, and hyphens within. */
static bool is_tag(struct piece t)
{
    if (t.len == 0 || t.at[0] == '-' || t.at[t.len - 1] == '-')
        return false;
    for (size_t i = 0; i < t.len; i++)
        if (t.at[i] == '\0' || strchr(TAG_CHARACTERS "-", t.at[i]) == NULL)
            return false;
    return true;
}

static bool add_tag(struct parameters *p, struct piece tag)
{
    if (!is_tag(tag) || p->count == PARAMETERS_MAX)
        return false;
    for (size_t i = 0; i < p->count; i++)
        if (p->tags[i].len == tag.len && strncasecmp(p->tags[i].at, tag.at, tag.len) == 0)
            return false;
    p->tags[p->count++] = tag;
    return true;
}

static bool read_until(struct piece value, int64_t *ret_until)
{
    char digits[24];
    if (value.len >= sizeof(digits))
        return false;
    memcpy(digits, value.at, value.len);
    digits[value.len] = '\0';
    struct err *e = str_to_i64(digits, INT64_MIN, INT64_MAX, ret_until);
    bool good = e == NULL;
    err_free(e); /* malformed says enough */
    return good;
}

/* tag=value; tags that are not known here mean nothing. */
static bool read_parameter(struct parameters *p, struct piece text)
{
    const char *equals = memchr(text.at, '=', text.len);
    if (equals == NULL)
        return false;
    size_t before = (size_t)(equals - text.at);
    const struct piece tag = trim(text.at, before);
    const struct piece value = trim(equals + 1, text.len - before - 1);
    if (!add_tag(p, tag) || !is_value(value.at, value.len))
        return false;
    if (piece_is(tag, "accounturi"))
        p->account = value;
    if (piece_is(tag, "policy"))
        p->wildcard = piece_is(value, "wildcard");
    if (!piece_is(tag, "persistUntil"))
        return true;
    p->ends = true;
    return read_until(value, &p->until);
}

static bool read_parameters(const char *rest, struct parameters *p)
{
    while (rest != NULL)
        if (!read_parameter(p, next_piece(&rest)))
            return false;
    return p->account.len > 0;
}

/* Names are compared as they are written; one that only looks alike is told to be so. */
static enum dns_persist_fit judge_issuer(const struct dns_persist_want *want, struct piece issuer)
{
    enum dns_persist_fit best = DNS_PERSIST_OTHER;
    struct piece dotless = issuer;
    if (issuer.len > 0 && issuer.at[issuer.len - 1] == '.')
        dotless.len--;
    for (size_t i = 0; i < want->issuers->len; i++) {
        const char *name = want->issuers->items[i];
        if (issuer.len == strlen(name) && memcmp(issuer.at, name, issuer.len) == 0)
            return DNS_PERSIST_FITS;
        if (piece_is(dotless, name))
            best = DNS_PERSIST_MALFORMED;
    }
    return best;
}

enum dns_persist_fit dns_persist_judge(const struct dns_persist_want *want, const char *record)
{
    if (record == NULL || strlen(record) > DNS_PERSIST_VALUE_MAX)
        return DNS_PERSIST_OTHER;
    const char *rest = record;
    enum dns_persist_fit issuer = judge_issuer(want, next_piece(&rest));
    if (issuer != DNS_PERSIST_FITS)
        return issuer;
    struct parameters p = {0};
    if (!read_parameters(rest, &p))
        return DNS_PERSIST_MALFORMED;
    if (p.account.len != strlen(want->account_url) ||
        memcmp(p.account.at, want->account_url, p.account.len) != 0)
        return DNS_PERSIST_ACCOUNT;
    if (want->wildcard && !p.wildcard)
        return DNS_PERSIST_WILDCARD;
    return p.ends && want->now / NS_PER_SEC >= p.until ? DNS_PERSIST_OVER : DNS_PERSIST_FITS;
}

const char *dns_persist_lack(enum dns_persist_fit best)
{
    static const char *const texts[] = {
        [DNS_PERSIST_OTHER] = "no record for this CA",
        [DNS_PERSIST_MALFORMED] = "a record that is not written as it has to be",
        [DNS_PERSIST_ACCOUNT] = "a record for another account",
        [DNS_PERSIST_WILDCARD] = "a record without policy=wildcard",
        [DNS_PERSIST_OVER] = "a record whose persistUntil is over",
        [DNS_PERSIST_FITS] = "the record",
    };
    return texts[best];
}
