/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"

#define INVALID_SOLVER "InvalidSolver"
#define SOLVER "spec.acme.solvers[]."
#define WHERE SOLVER "dns01"
#define PERSIST SOLVER "dnsPersist01"

struct self_check {
    const char *mode;
    int64_t wait;
    struct bind_strings nameservers;
    const char *url;
};
struct common {
    const char *challenge_type;
    const char *cname_strategy;
    struct self_check self_check;
};

struct persist {
    bool wildcard_policy;
    int64_t persist_until;
    const char *issuer_domain_name;
    struct self_check self_check;
};

static const char *const challenge_types[] = {"dns-01", DNS_ACCOUNT_01, NULL};
static const char *const strategies[] = {"None", "Follow", NULL};
static const char *const modes[] = {
    [DNS_CHECK_AUTHORITATIVE] = "authoritative",
    [DNS_CHECK_RESOLVERS] = "resolvers",
    [DNS_CHECK_HTTPS] = "https",
    [DNS_CHECK_WAIT] = "wait",
    [DNS_CHECK_NONE] = "none",
    NULL,
};

static const struct bind_field self_check_fields[] = {
    BIND_ROW(struct self_check, STRING, mode, "mode", .enumeration = modes),
    BIND_ROW(struct self_check, DURATION, wait, "wait"),
    BIND_ROW(struct self_check, STRINGS, nameservers, "nameservers"),
    BIND_ROW(struct self_check, STRING, url, "url"),
};
static const struct bind_table self_check_table =
    BIND_TABLE("DNS01SelfCheck", struct self_check, self_check_fields);

static const struct bind_field common_fields[] = {
    BIND_ROW(struct common, STRING, challenge_type, "challengeType",
             .enumeration = challenge_types),
    BIND_ROW(struct common, STRING, cname_strategy, "cnameStrategy", .enumeration = strategies),
    BIND_ROW(struct common, OBJECT, self_check, "selfCheck", .table = &self_check_table),
};
const struct bind_table dns_common_table = BIND_TABLE("SolverDNS01", struct common, common_fields);

static const struct bind_field persist_fields[] = {
    BIND_ROW(struct persist, BOOL, wildcard_policy, "wildcardPolicy"),
    BIND_ROW(struct persist, TIME, persist_until, "persistUntil"),
    BIND_ROW(struct persist, STRING, issuer_domain_name, "issuerDomainName"),
    BIND_ROW(struct persist, OBJECT, self_check, "selfCheck", .table = &self_check_table),
};
const struct bind_table dns_persist_table =
    BIND_TABLE("SolverDNSPersist01", struct persist, persist_fields);

void dns_config_release(struct dns_config *c)
{
    for (size_t i = 0; i < ARRAY_LEN(c->blocks); i++)
        free(c->blocks[i]);
    *c = (struct dns_config){0};
}

/* ---- which provider ---- */

struct found {
    const char *name; /* borrowed from the JSON */
    const json_t *config;
    bool many;
};

static bool is_common(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(common_fields); i++)
        if (str_eq(common_fields[i].name, key))
            return true;
    return false;
}

static bool find_provider(void *arg, const char *key, json_t *value)
{
    struct found *f = arg;
    if (is_common(key))
        return true;
    f->many = f->name != NULL;
    f->name = key;
    f->config = value;
    return !f->many;
}

static char *known_providers(void)
{
    AUTO(strlist_release) struct strlist names = {0};
    for (size_t i = 0; dns_providers[i] != NULL; i++)
        strlist_add(&names, dns_providers[i]->name);
    strlist_sort(&names);
    return strlist_join(&names, ", ", 0);
}

static struct err *choose(const json_t *object, struct dns_config *c, const json_t **ret_config)
{
    struct found f = {0};
    json_each(object, find_provider, &f);
    auto_free char *known = known_providers();
    if (f.name == NULL)
        return err_new(ERR_INVALID, INVALID_SOLVER, WHERE ": write a provider, one of %s", known);
    if (f.many)
        return err_new(ERR_INVALID, INVALID_SOLVER, WHERE ": write one provider, not more");
    c->provider = dns_provider_of(f.name);
    if (c->provider == NULL)
        return err_new(ERR_INVALID, INVALID_SOLVER,
                       WHERE ".%.64s: this version knows no such provider: write one of %s", f.name,
                       known);
    *ret_config = f.config;
    return NULL;
}

/* ---- reading it ---- */

/* What a table or a provider finds wrong is wrong with the solver. */
static struct err *as_invalid_solver(struct err *e, const char *where)
{
    if (e == NULL)
        return NULL;
    struct err *invalid = err_new(ERR_INVALID, INVALID_SOLVER, "%s: %s", where, e->message);
    err_free(e);
    return invalid;
}

static struct err *decode_provider(const json_t *config, struct dns_config *c)
{
    const struct dns_provider *p = c->provider;
    auto_free char *where = x_printf(WHERE ".%s", p->name);
    TRY(as_invalid_solver(bind_decode(p->config, config, &c->blocks[1]), where));
    c->provider_config = c->blocks[1];
    return p->check == NULL ? NULL : as_invalid_solver(p->check(c->provider_config), where);
}

/* cert-manager's waitInsteadOfSelfCheck is mode wait under another name; 0s of it is mode none. */
static struct err *read_wait_instead(const char *text, struct dns_config *c)
{
    struct err *e = duration_parse(text, &c->wait);
    if (e == NULL && c->wait < 0)
        e = err_new(ERR_INVALID, INVALID_SOLVER, "write 0s or more");
    c->mode = c->wait > 0 ? DNS_CHECK_WAIT : DNS_CHECK_NONE;
    return err_wrap(e, "spec.acme.solvers[].waitInsteadOfSelfCheck");
}

static void read_self_check(const struct self_check *sc, struct dns_config *c)
{
    for (size_t i = 0; modes[i] != NULL; i++)
        if (str_eq(sc->mode, modes[i]))
            c->mode = (enum dns_check_mode)i;
    c->wait = sc->wait;
    c->nameservers = sc->nameservers;
    c->url = sc->url;
}

static void read_common(const struct common *common, struct dns_config *c)
{
    c->by_account = str_eq(common->challenge_type, DNS_ACCOUNT_01);
    c->follow = !str_eq(common->cname_strategy, "None");
    read_self_check(&common->self_check, c);
}

static struct err *missing(const char *where, const char *field, const char *mode)
{
    return err_new(ERR_INVALID, INVALID_SOLVER, "%s.selfCheck.%s: mode %s needs it", where, field,
                   mode);
}

static struct err *check_mode(const struct dns_config *c, const char *where)
{
    if (c->mode == DNS_CHECK_RESOLVERS && c->nameservers.len == 0)
        return missing(where, "nameservers", "resolvers");
    if (c->mode == DNS_CHECK_HTTPS && !str_starts(c->url, "https://"))
        return missing(where, "url", "https");
    if (c->mode == DNS_CHECK_WAIT && c->wait <= 0)
        return missing(where, "wait", "wait");
    if (c->nameservers.len > DNS_SERVERS_MAX)
        return err_new(ERR_INVALID, INVALID_SOLVER, "%s.selfCheck.nameservers: write at most %d",
                       where, DNS_SERVERS_MAX);
    return NULL;
}

static struct err *parse(const json_t *object, const char *wait_instead, struct dns_config *c)
{
    const json_t *config = NULL;
    TRY(choose(object, c, &config));
    TRY(as_invalid_solver(bind_decode(&dns_common_table, object, &c->blocks[0]), WHERE));
    read_common(c->blocks[0], c);
    if (wait_instead != NULL)
        TRY(read_wait_instead(wait_instead, c));
    TRY(check_mode(c, WHERE));
    return decode_provider(config, c);
}

struct err *dns_config_parse(const char *text, const char *wait_instead,
                             struct dns_config *ret_config)
{
    json_auto_t *object = NULL;
    TRY(as_invalid_solver(json_parse(text, strlen(text), &object), WHERE));
    AUTO_DNS_CONFIG c = {0};
    TRY(parse(object, wait_instead, &c));
    *ret_config = c;
    c = (struct dns_config){0};
    return NULL;
}

/* ---- who is asked ---- */

bool dns_config_asks_alike(const struct dns_config *a, const struct dns_config *b)
{
    bool alike = a->mode == b->mode && a->follow == b->follow && a->by_account == b->by_account &&
                 str_eq(a->url, b->url) && a->nameservers.len == b->nameservers.len;
    for (size_t i = 0; alike && i < a->nameservers.len; i++)
        alike = str_eq(a->nameservers.items[i], b->nameservers.items[i]);
    return alike;
}

/* ---- dnsPersist01 ---- */

void dns_persist_config_release(struct dns_persist_config *c)
{
    dns_config_release(&c->look);
    *c = (struct dns_persist_config){0};
}

static struct err *parse_persist(const char *text, const char *wait_instead,
                                 struct dns_persist_config *c)
{
    json_auto_t *object = NULL;
    TRY(as_invalid_solver(json_parse(text, strlen(text), &object), PERSIST));
    TRY(as_invalid_solver(bind_decode(&dns_persist_table, object, &c->look.blocks[0]), PERSIST));
    const struct persist *p = c->look.blocks[0];
    c->wildcard = p->wildcard_policy;
    c->until = p->persist_until;
    c->issuer = p->issuer_domain_name;
    c->look.follow = true; /* as the CA's resolver does */
    read_self_check(&p->self_check, &c->look);
    if (wait_instead != NULL)
        TRY(read_wait_instead(wait_instead, &c->look));
    return check_mode(&c->look, PERSIST);
}

struct err *dns_persist_config_parse(const char *text, const char *wait_instead,
                                     struct dns_persist_config *ret_config)
{
    AUTO(dns_persist_config_release) struct dns_persist_config c = {0};
    TRY(parse_persist(text, wait_instead, &c));
    *ret_config = c;
    c = (struct dns_persist_config){0};
    return NULL;
}

/* ---- a glance ---- */

bool dns_config_is_by_account(const char *text)
{
    json_auto_t *object = NULL;
    err_drop(
        json_parse(text, strlen(text), &object)); /* whoever parses it all says what is wrong */
    return str_eq(JSTR(object, "challengeType"), DNS_ACCOUNT_01);
}

/* ---- the Secrets it names ---- */

struct secrets_walk {
    struct err *(*fn)(void *arg, const char *field, const struct dns_secret_ref *ref);
    void *arg;
};

static struct err *walk(const struct secrets_walk *w, const struct bind_table *t, const char *base,
                        const char *prefix)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct bind_field *f = &t->fields[i];
        const void *at = base + f->offset;
        if (f->type != BIND_OBJECT && f->type != BIND_POINTER)
            continue;
        if (f->type == BIND_POINTER)
            memcpy(&at, base + f->offset, sizeof(at));
        if (at == NULL)
            continue;
        auto_free char *path = x_printf("%s%s", prefix, f->name);
        auto_free char *below = x_printf("%s.", path);
        const struct dns_secret_ref *ref = at;
        if (f->table != &dns_secret_ref_table && f->table != &dns_secret_ref_or_none_table)
            TRY(walk(w, f->table, at, below));
        else if (!str_empty(ref->name))
            TRY(w->fn(w->arg, path, ref));
    }
    return NULL;
}

struct err *dns_config_secrets(const struct dns_config *c,
                               struct err *(*fn)(void *arg, const char *field,
                                                 const struct dns_secret_ref *ref),
                               void *arg)
{
    const struct secrets_walk w = {fn, arg};
    if (c->provider_config == NULL)
        return NULL;
    return walk(&w, c->provider->config, c->provider_config, "");
}
