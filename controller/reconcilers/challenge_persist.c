/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS-PERSIST-01: somebody else puts a record into DNS, once. It is printed in status and by one Event, and looked for
 * until every server shows one that allows what is asked for. certroll writes no zone and holds nothing here, so nothing
 * is to be cleaned up; a renewal finds the record and needs nobody.
 */
#include "reconcilers/challenge_persist.h"

#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcilers/challenge_look.h"
#include "reconcilers/challenge_record.h"
#include "reconcilers/challenge_type.h"

#define NEXT_ACTION_MAX 1024 /* of the schema */

/* People are waited for, perhaps for days. */
static const struct backoff look_again = {.base = NS_PER_SEC, .cap = NS_PER_MIN};

struct persist_pass {
    struct challenge_pass *c;
    struct dns_persist_config config;
    char *name;  /* "_validation-persist.example.com" */
    char *value; /* that is printed */
};

static void pass_release(struct persist_pass *p)
{
    dns_persist_config_release(&p->config);
    free(p->name);
    free(p->value);
}

/* ---- what the record says ---- */

struct err *challenge_persist_config(const struct acme_solver *s, int64_t now,
                                     struct dns_persist_config *ret_config)
{
    AUTO(dns_persist_config_release) struct dns_persist_config c = {0};
    TRY(dns_persist_config_parse(s->dns_persist01, s->wait_instead_of_self_check, &c));
    if (c.until != 0 && c.until <= now)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "spec.acme.solvers[].dnsPersist01.persistUntil is over: write a later time "
                       "or none, and put the record that is printed then into DNS");
    *ret_config = c;
    c = (struct dns_persist_config){0};
    return NULL;
}

static struct err *choose_issuer(const struct dns_persist_config *config,
                                 const struct acme_challenge *at_ca, const char **ret_issuer)
{
    if (at_ca->issuers.len == 0)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "the CA's dns-persist-01 challenge lacks issuer-domain-names, 1 to 10 names "
                       "in lower case (draft-ietf-acme-dns-persist-01): use another solver");
    *ret_issuer = str_or(config->issuer, at_ca->issuers.items[0]);
    if (strlist_has(&at_ca->issuers, *ret_issuer))
        return NULL;
    auto_free char *names = strlist_join(&at_ca->issuers, ", ", 0);
    return err_new(ERR_INVALID, "InvalidSolver",
                   "spec.acme.solvers[].dnsPersist01.issuerDomainName: the CA is not called %s: "
                   "write %s",
                   *ret_issuer, names);
}

struct err *challenge_persist_value(const struct dns_persist_config *config,
                                    const struct acme_challenge *at_ca, const char *account_url,
                                    bool wildcard, char **ret_value)
{
    struct dns_persist_record r = {.account_url = account_url,
                                   .wildcard = wildcard || config->wildcard,
                                   .until = config->until};
    TRY(choose_issuer(config, at_ca, &r.issuer));
    /* A CA that is a tenant's could have somebody else's account let in at another CA. */
    if (at_ca->account_uri != NULL && !str_eq(at_ca->account_uri, account_url))
        return err_new(ERR_INVALID, "InvalidSolver",
                       "the CA wants the record of dns-persist-01 to name %.200s, and not the "
                       "account's URL %.200s: nobody is told to put that into DNS",
                       at_ca->account_uri, account_url);
    return dns_persist_value(&r, ret_value);
}

bool challenge_persist_wildcard(const struct order *o, const char *dns_name)
{
    auto_free char *wildcard = x_printf("*.%s", dns_name);
    return bind_strings_has(&o->spec.dns_names, wildcard);
}

/* ---- what is waited for ---- */

/* The record is told at once, and by one Event: somebody has to do something. */
static void tell(struct persist_pass *p, const char *why)
{
    struct challenge_pass *c = p->c;
    const char *before = c->challenge->status.dns_persist01.value;
    challenge_say(c, why);
    c->status.state = "pending";
    c->status.processing = true;
    if (p->value == NULL) {
        c->status.next_action = "what the reason says to be put right; it is tried again meanwhile";
        return;
    }
    char *texts[] = {x_strdup(p->name), x_strdup(p->value),
                     x_printf("somebody to put a TXT record into DNS, where it stays: %s \"%s\"",
                              p->name, p->value)};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        free(c->record[i]);
        c->record[i] = texts[i];
    }
    c->status.dns_persist01 =
        (struct challenge_persist){.name = c->record[0], .value = c->record[1]};
    c->status.next_action = strlen(c->record[2]) <= NEXT_ACTION_MAX
                                ? c->record[2]
                                : "somebody to put the record of status.dnsPersist01 into DNS";
    if (!str_eq(before, p->value))
        env_event(c->env, &kind_challenge, c->challenge, false, "RecordWanted",
                  c->status.next_action);
}

/* What DNS or the solver lacks never ends a Challenge: the CA or its Order does. */
static struct err *not_yet(struct persist_pass *p, struct err *e)
{
    struct challenge_pass *c = p->c;
    if (err_is(e, ERR_CANCELLED) || err_is(e, ERR_CONFLICT))
        return e;
    auto_free char *why = x_printf("Waiting for the DNS-PERSIST-01 record: %s", e->message);
    /* What is seen has changed: somebody is at work. */
    if (!str_eq(why, c->challenge->status.reason))
        memo_drop(c->env->polls, c->check_key);
    unsigned tries = memo_count(c->env->polls, c->check_key, c->now).count;
    int64_t next = c->now + backoff_delay(&look_again, tries, c->env->rng);
    bool waits = p->config.look.mode == DNS_CHECK_WAIT && e->retry_at != 0;
    tell(p, why);
    challenge_wait(c, waits ? e->retry_at : next);
    challenge_pause_if_told(c);
    err_free(e);
    return NULL;
}

/* ---- one pass ---- */

static struct err *read_solver(struct persist_pass *p)
{
    struct challenge_pass *c = p->c;
    const struct challenge_spec *spec = &c->challenge->spec;
    auto_free char *name = x_printf("%s%s", c->authz.wildcard ? "*." : "", spec->dns_name);
    const struct acme_solver *s = acme_chain_solver(&c->chain, name);
    if (s == NULL || s->dns_persist01 == NULL)
        return err_new(ERR_TRANSIENT, "NoSolver",
                       "no dnsPersist01 solver of the issuer fits %s any more", name);
    return challenge_persist_config(s, c->now, &p->config);
}

static struct err *look(struct persist_pass *p, const struct acme_challenge *at_ca)
{
    struct challenge_pass *c = p->c;
    AUTO(dns_place_release) struct dns_place place = {0};
    const struct dns_persist_want want = {.issuers = &at_ca->issuers,
                                          .account_url = c->chain.account.url,
                                          .wildcard = c->authz.wildcard,
                                          .now = c->now};
    const struct dns_look what = {.config = &p->config.look,
                                  .place = &place,
                                  .persist = &want,
                                  .since = c->challenge->obj.meta.creation_timestamp};
    enum dns_check_mode mode = p->config.look.mode;
    bool looks = mode != DNS_CHECK_WAIT && mode != DNS_CHECK_NONE;
    if (looks)
        TRY(challenge_find_place(c, &p->config.look, p->name, &place));
    else
        str_copy(place.name, sizeof(place.name), p->name);
    return c->stop ? NULL : challenge_look(c, &what);
}

static struct err *check(struct persist_pass *p)
{
    struct challenge_pass *c = p->c;
    const struct acme_challenge *at_ca = acme_authz_challenge(&c->authz, "dns-persist-01");
    bool wildcard =
        c->authz.wildcard || challenge_persist_wildcard(c->order, c->challenge->spec.dns_name);
    TRY(read_solver(p));
    TRY(challenge_persist_value(&p->config, at_ca, c->chain.account.url, wildcard, &p->value));
    return look(p, at_ca);
}

/* The CA is asked first each time: what it is called is its word alone, and it may have looked itself. */
struct err *challenge_persist(struct challenge_pass *p)
{
    if (challenge_is_paused(p))
        return NULL;
    TRY(challenge_read_authorization(p));
    if (p->stop || p->accepted)
        return NULL;
    AUTO(pass_release)
    struct persist_pass record = {
        .c = p, .name = x_printf(DNS_PERSIST_LABEL ".%s", p->challenge->spec.dns_name)};
    struct err *e = check(&record);
    if (e != NULL)
        return not_yet(&record, e);
    return p->stop ? NULL : challenge_accept(p);
}
