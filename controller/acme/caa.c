/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/caa.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"

#define CRITICAL 0x80
#define SHOWN_MAX 200
#define WSP " \t"

/* A property in the wire's form (RFC 8659 section 4.1). */
struct property {
    bool critical;
    const char *tag;
    size_t tag_len;
    const char *value;
    size_t value_len;
};

static bool read_property(const struct dns_record *r, struct property *ret)
{
    if (r->len < 3 || r->data[1] == 0 || (size_t)r->data[1] + 2 > r->len)
        return false;
    *ret = (struct property){
        .critical = (r->data[0] & CRITICAL) != 0,
        .tag = (const char *)r->data + 2,
        .tag_len = r->data[1],
        .value = (const char *)r->data + 2 + r->data[1],
        .value_len = r->len - 2 - r->data[1],
    };
    return true;
}

static bool tag_is(const struct property *p, const char *tag)
{
    return p->tag_len == strlen(tag) && strncasecmp(p->tag, tag, p->tag_len) == 0;
}

static char *show(const struct property *p)
{
    size_t shown = p->value_len < SHOWN_MAX ? p->value_len : SHOWN_MAX;
    char *text = x_printf("%d %.*s \"%.*s\"", p->critical ? CRITICAL : 0, (int)p->tag_len, p->tag,
                          (int)shown, p->value);
    str_sanitize(text);
    return text;
}

/* ---- the value of issue and issuewild (RFC 8659 section 4.2) ---- */

/* The part up to the next ';', without white space around it; *rest moves behind it. */
static char *next_part(const char **rest)
{
    const char *start = *rest + strspn(*rest, WSP);
    size_t len = strcspn(start, ";");
    *rest = start + len + (start[len] == ';');
    while (len > 0 && strchr(WSP, start[len - 1]) != NULL)
        len--;
    return x_strndup(start, len);
}

static bool lists(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (;;) {
        size_t item = strcspn(list, ",");
        if (item == len && strncmp(list, word, len) == 0)
            return true;
        if (list[item] == '\0')
            return false;
        list += item + 1;
    }
}

/* One "tag=value" of RFC 8657 or another that this CA may or may not know. */
static enum acme_caa_verdict judge_parameter(char *text, const struct acme_caa_ask *ask,
                                             unsigned *accounts)
{
    char *equals = strchr(text, '=');
    if (equals == NULL)
        return ACME_CAA_MALFORMED;
    const char *value = equals + 1 + strspn(equals + 1, WSP);
    while (equals > text && strchr(WSP, equals[-1]) != NULL)
        equals--;
    *equals = '\0';
    if (strcasecmp(text, "accounturi") == 0)
        return ++*accounts == 1 && str_eq(value, ask->account_url) ? ACME_CAA_PERMITS
                                                                   : ACME_CAA_OTHER_USER;
    if (strcasecmp(text, "validationmethods") == 0)
        return lists(value, ask->method) ? ACME_CAA_PERMITS : ACME_CAA_OTHER_PROOF;
    return *text != '\0' ? ACME_CAA_PERMITS : ACME_CAA_MALFORMED;
}

/* A value that is not well-formed allows nobody. */
static enum acme_caa_verdict judge_value(const struct property *p, const struct acme_caa_ask *ask)
{
    auto_free char *text = x_strndup(p->value, p->value_len);
    const char *rest = text;
    auto_free char *issuer = next_part(&rest);
    bool ours = false;
    for (size_t i = 0; i < ask->identities->len; i++)
        ours = ours || strcasecmp(issuer, ask->identities->items[i]) == 0;
    if (!ours)
        return ACME_CAA_OTHER_CA;
    if (strlen(text) != p->value_len)
        return ACME_CAA_MALFORMED;
    unsigned accounts = 0;
    enum acme_caa_verdict v = ACME_CAA_PERMITS;
    while (v == ACME_CAA_PERMITS && *(rest += strspn(rest, WSP)) != '\0') {
        auto_free char *parameter = next_part(&rest);
        if (*parameter != '\0')
            v = judge_parameter(parameter, ask, &accounts);
    }
    return v;
}

/* ---- the set (RFC 8659 section 3 and 4) ---- */

static bool is_known(const struct property *p)
{
    static const char *const tags[] = {"issue",     "issuewild",    "iodef",   "contactemail",
                                       "issuemail", "contactphone", "issuevmc"};
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        if (tag_is(p, tags[i]))
            return true;
    return false;
}

static bool has_tag(const struct dns_record *records, size_t count, const char *tag)
{
    struct property p;
    for (size_t i = 0; i < count; i++)
        if (read_property(&records[i], &p) && tag_is(&p, tag))
            return true;
    return false;
}

enum acme_caa_verdict acme_caa_judge(const struct dns_record *records, size_t count,
                                     const struct acme_caa_ask *ask, char **ret_why)
{
    const char *tag = ask->wildcard && has_tag(records, count, "issuewild") ? "issuewild" : "issue";
    struct property p, against = {0};
    enum acme_caa_verdict verdict = ACME_CAA_PERMITS;
    bool allowed = false;
    for (size_t i = 0; i < count; i++) {
        if (!read_property(&records[i], &p))
            continue;
        if (p.critical && !is_known(&p)) {
            *ret_why = show(&p);
            return ACME_CAA_CRITICAL;
        }
        if (!tag_is(&p, tag))
            continue;
        enum acme_caa_verdict v = judge_value(&p, ask);
        allowed = allowed || v == ACME_CAA_PERMITS;
        if (verdict == ACME_CAA_PERMITS || verdict == ACME_CAA_OTHER_CA) {
            verdict = v;
            against = p;
        }
    }
    if (allowed || verdict == ACME_CAA_PERMITS)
        return ACME_CAA_PERMITS;
    *ret_why = show(&against);
    return verdict;
}
