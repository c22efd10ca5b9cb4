/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS-01: a value is put at a name by the solver's provider, and looked at until it can be seen. Each step derives
 * what is true anew; what was done is remembered only to save doing it again. What a provider or DNS refuses never
 * ends a Challenge: it waits, says why, and is over when the CA or its Order says so.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "reconcilers/challenge_look.h"
#include "reconcilers/challenge_record.h"
#include "reconcilers/challenge_type.h"
#include "reconcilers/order.h"

/* While it waits, the CA is asked so often whether the authorization still stands. */
#define READ_AGAIN NS_PER_MIN
/* What is not seen after this may have been removed by somebody, or its alias leads elsewhere: put there again. */
#define PRESENT_AGAIN (5 * NS_PER_MIN)
/* Before resolvers are asked, who remember what was not there. */
#define RESOLVERS_FIRST NS_PER_SEC
/* What a resolver remembers is waited out, but others of its kind may know better. */
#define RESOLVERS_AGAIN NS_PER_MIN
/* Another name of the Order may turn out to lead to the same place. */
#define PLACED_SOON (5 * NS_PER_SEC)
#define SEEN_SOON (200 * NS_PER_MS)
/* Whoever is seen wakes the others of its name; one that has gone elsewhere, or is given up, does not. */
#define SEEN_LATER (5 * NS_PER_SEC)

struct dns01_pass {
    struct challenge_pass *c;
    const struct env *env;
    const struct acme_solver *solver;
    struct dns_config config; /* as the Issuer says now */
    char *name;               /* "_acme-challenge.example.com", or below that */
    char *value;              /* of the TXT record */
};

static struct err *ensure_read(struct dns01_pass *d);
static struct err *ensure_placed(struct dns01_pass *d);
static struct err *ensure_shown(struct dns01_pass *d);
static struct err *ensure_settled(struct dns01_pass *d);
static struct err *ensure_seen(struct dns01_pass *d);
static struct err *ensure_together(struct dns01_pass *d);
static struct err *ensure_accepted(struct dns01_pass *d);

static const struct {
    const char *name;
    struct err *(*ensure)(struct dns01_pass *d);
} steps[] = {
    {"Read", ensure_read},         /* the CA still wants it proven */
    {"Placed", ensure_placed},     /* where the value goes is known, and in status */
    {"Presented", ensure_shown},   /* the provider has taken it */
    {"Settled", ensure_settled},   /* and brought it to its servers, where it tells */
    {"Seen", ensure_seen},         /* the solver's selfCheck sees it */
    {"Together", ensure_together}, /* as are the Order's other values of that name */
    {"Accepted", ensure_accepted}, /* the CA is asked to validate */
};

static void pass_release(struct dns01_pass *d)
{
    dns_config_release(&d->config);
    free(d->name);
    free(d->value);
}

static bool is_looked_up(const struct dns01_pass *d)
{
    return d->config.mode == DNS_CHECK_RESOLVERS || d->config.mode == DNS_CHECK_HTTPS;
}

/* ---- what the CA says ---- */

static struct err *ensure_read(struct dns01_pass *d)
{
    struct challenge_pass *c = d->c;
    if (c->now - challenge_noted(c, NOTE_READ).time < READ_AGAIN)
        return NULL;
    TRY(challenge_read_authorization(c));
    if (!c->stop) /* else it is decided, and nothing may follow from its being pending */
        challenge_note(c, NOTE_READ, c->now);
    return NULL;
}

/* ---- where it goes ---- */

/* It is another value, elsewhere, or gone: what was seen says nothing of what is put there next. */
static void forget_shown(const struct dns01_pass *d)
{
    challenge_forget(d->c, NOTE_SHOWN);
    challenge_forget(d->c, NOTE_SETTLED);
    challenge_forget(d->c, NOTE_SEEN);
}

static bool is_recorded(const struct dns01_pass *d)
{
    const struct challenge_record *r = &d->c->challenge->status.dns01;
    return !str_empty(r->name) && str_eq(r->value, d->value) &&
           str_eq(r->provider, d->config.provider->name);
}

static bool is_at(const struct challenge_record *r, const struct dns_place *place)
{
    return str_eq(r->name, place->name) && str_eq(r->zone, place->zone);
}

/* It is in status before anything is put there: whoever comes after a crash takes it out again. */
static void record(struct dns01_pass *d, const struct dns_place *place)
{
    struct challenge_pass *c = d->c;
    const char *const texts[] = {place->name, place->zone, d->value, d->config.provider->name};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        free(c->record[i]);
        c->record[i] = x_strdup(texts[i]);
    }
    c->status.dns01 = (struct challenge_record){.name = c->record[0],
                                                .zone = c->record[1],
                                                .value = c->record[2],
                                                .provider = c->record[3],
                                                .since = c->now};
    challenge_note(c, NOTE_FRESH, c->now);
    c->status.state = "pending";
    c->status.processing = true;
    challenge_wait(c, c->now);
}

static struct err *find_place(struct dns01_pass *d, struct dns_place *place)
{
    struct err *e = challenge_find_place(d->c, &d->config, d->name, place);
    return challenge_trouble(d->c, "PresentError", e);
}

static struct err *ensure_placed(struct dns01_pass *d)
{
    struct challenge_pass *c = d->c;
    if (challenge_noted(c, NOTE_SHOWN).time != 0 && is_recorded(d))
        return NULL;
    forget_shown(d);
    AUTO(dns_place_release) struct dns_place place = {0};
    TRY(find_place(d, &place));
    if (c->stop || (is_recorded(d) && is_at(&c->challenge->status.dns01, &place)))
        return NULL;
    TRY(challenge_record_remove(c)); /* where it went before */
    if (!c->stop)
        record(d, &place);
    return NULL;
}

/* ---- the provider ---- */

static struct dns_value value_of(const struct dns01_pass *d, const char *id)
{
    const struct challenge_record *r = &d->c->challenge->status.dns01;
    return (struct dns_value){.name = r->name,
                              .zone = r->zone,
                              .text = r->value,
                              .domain = d->c->challenge->spec.dns_name,
                              .id = id};
}

static struct err *present(struct dns01_pass *d, struct dns_access *access)
{
    struct challenge_pass *c = d->c;
    const struct dns_config *config = dns_access_config(access);
    struct dns_value v = value_of(d, NULL);
    bool shared = false;
    auto_free char *id = NULL;
    challenge_hold(c, access);
    TRY(challenge_record_is_shared(c, &shared));
    if (!challenge_record_turn(c, v.name))
        return NULL;
    v.fresh = !shared && challenge_noted(c, NOTE_FRESH).time != 0;
    challenge_forget(c, NOTE_FRESH);
    struct err *e =
        config->provider->present(dns_access_env(access), config->provider_config, &v, &id);
    challenge_record_turn_end(c, v.name);
    TRY(e, "%s: TXT record %s in zone %s", config->provider->name, v.name, v.zone);
    if (id != NULL && strlen(id) > DNS_RECORD_ID_MAX)
        return err_new(ERR_TRANSIENT, "ProviderFailed", "%s: the record's id is too long",
                       config->provider->name);
    challenge_note_shown(c, id);
    return NULL;
}

static struct err *ensure_shown(struct dns01_pass *d)
{
    struct challenge_pass *c = d->c;
    if (challenge_noted(c, NOTE_SHOWN).time != 0)
        return NULL;
    struct dns_access *access = NULL;
    struct err *e = challenge_access(c, c->chain.issuer, d->solver, &access);
    if (e == NULL)
        e = present(d, access);
    if (e != NULL) {
        dns_zones_forget(d->env->dns_zones, d->name);
        return challenge_trouble(c, "PresentError", e);
    }
    if (c->stop)
        return NULL;
    challenge_forget(c, NOTE_TROUBLE);
    if (is_looked_up(d))
        challenge_wait(c, c->now + RESOLVERS_FIRST);
    return NULL;
}

static struct err *ensure_settled(struct dns01_pass *d)
{
    struct challenge_pass *c = d->c;
    const struct dns_access *a = challenge_held(c);
    const struct dns_provider *p = dns_access_config(a)->provider;
    if (p->settled == NULL || challenge_noted(c, NOTE_SETTLED).time != 0)
        return NULL;
    auto_free char *id = challenge_record_id(c);
    const struct dns_value v = value_of(d, id);
    bool settled = false;
    struct err *e =
        p->settled(dns_access_env(a), dns_access_config(a)->provider_config, &v, &settled);
    if (e != NULL)
        return challenge_trouble(c, "PresentError", err_wrap(e, "%s: %s", p->name, v.name));
    if (settled)
        challenge_note(c, NOTE_SETTLED, c->now);
    else
        challenge_wait(c, c->now + dns_look_delay(challenge_count(c, NOTE_LOOKS)));
    return NULL;
}

/* ---- can it be seen ---- */

static void say_waiting(struct dns01_pass *d, const struct err *e, int64_t since)
{
    struct challenge_pass *c = d->c;
    if (c->now - since < CHALLENGE_PATIENCE)
        return;
    auto_free char *reason = x_printf("Waiting for DNS-01 challenge propagation: %s", e->message);
    challenge_say(c, reason);
    c->status.next_action =
        "the name servers to show the TXT record; if they serve another view of "
        "the zone than the CA sees (split horizon), let selfCheck ask "
        "resolvers that see the CA's";
    c->status.presented = true;
    c->status.presented_at = since;
    free(c->record[4]);
    c->record[4] = challenge_record_id(c);
    c->status.dns01.record_id = c->record[4];
}

static int64_t look_again(struct dns01_pass *d, const struct err *e)
{
    struct challenge_pass *c = d->c;
    int64_t next = c->now + dns_look_delay(challenge_count(c, NOTE_LOOKS));
    if (d->config.mode == DNS_CHECK_WAIT)
        return e->retry_at;
    int64_t most = c->now + RESOLVERS_AGAIN;
    if (e->retry_at > next)
        next = e->retry_at < most ? e->retry_at : most;
    return next;
}

static struct err *not_seen(struct dns01_pass *d, struct err *e)
{
    struct challenge_pass *c = d->c;
    if (err_is(e, ERR_CANCELLED) || err_is(e, ERR_CONFLICT))
        return e;
    int64_t since = challenge_noted(c, NOTE_SHOWN).time;
    say_waiting(d, e, since);
    challenge_wait(c, look_again(d, e));
    challenge_pause_if_told(c);
    if (c->now - since > PRESENT_AGAIN && d->config.mode != DNS_CHECK_WAIT) {
        forget_shown(d);
        dns_zones_forget(d->env->dns_zones, d->name);
    }
    err_free(e);
    return NULL;
}

static struct err *look(struct dns01_pass *d, const struct dns_place *place)
{
    const struct dns_look what = {.config = &d->config,
                                  .place = place,
                                  .text = d->value,
                                  .since = challenge_noted(d->c, NOTE_SHOWN).time};
    struct err *e = challenge_look(d->c, &what);
    return e != NULL ? not_seen(d, e) : NULL;
}

static struct err *ensure_seen(struct dns01_pass *d)
{
    struct challenge_pass *c = d->c;
    AUTO(dns_place_release) struct dns_place place = {0};
    if (challenge_noted(c, NOTE_SEEN).time != 0)
        return NULL;
    const struct dns_finder f = challenge_finder(d->env);
    if (!dns_place_recall(&f, &d->config, d->name, &place))
        TRY(find_place(d, &place));
    if (c->stop)
        return NULL;
    if (!is_at(&c->challenge->status.dns01, &place)) {
        forget_shown(d); /* the alias leads elsewhere now */
        challenge_wait(c, c->now);
        return NULL;
    }
    return look(d, &place);
}

/* ---- several values at one name ---- */

/* Not seen yet, and at the same name, or perhaps so. */
static bool is_missing(const struct dns01_pass *d, const struct challenge *other)
{
    const struct challenge *c = d->c->challenge;
    const struct challenge_pass p = {.env = d->env, .challenge = other};
    if (str_eq(other->obj.meta.uid, c->obj.meta.uid) || !challenge_is_dns01(other) ||
        other->obj.meta.deletion_timestamp != 0 ||
        order_state_is_final(challenge_state(d->env, other)) ||
        challenge_noted(&p, NOTE_SEEN).time != 0)
        return false;
    if (str_empty(other->status.dns01.name))
        return str_eq(other->spec.dns_name, c->spec.dns_name) ||
               d->c->now - challenge_noted(d->c, NOTE_SHOWN).time < PLACED_SOON;
    return str_eq(other->status.dns01.name, c->status.dns01.name);
}

/* A CA's resolver remembers what it was told: whoever is validated first must not hide the values that come after it
 * (a wildcard and its apex; names that are aliases of one). */
static struct err *ensure_together(struct dns01_pass *d)
{
    struct challenge_pass *c = d->c;
    AUTO_OBJECT_LIST siblings = {0};
    bool first = challenge_noted(c, NOTE_SEEN).time == 0;
    bool missing = false;
    challenge_note(c, NOTE_SEEN, c->now);
    TRY(cache_by_index(d->env->challenges.cache, d->env->challenges_by_owner,
                       c->order->obj.meta.uid, &siblings));
    for (size_t i = 0; i < siblings.len; i++) {
        const struct challenge *other = siblings.items[i];
        bool same = str_eq(other->status.dns01.name, c->challenge->status.dns01.name);
        missing = missing || is_missing(d, other);
        if (first && same && !str_eq(other->obj.meta.uid, c->challenge->obj.meta.uid))
            controller_enqueue(d->env->controllers.challenge, other->obj.meta.namespace,
                               other->obj.meta.name);
    }
    int64_t since = c->now - challenge_noted(c, NOTE_SHOWN).time;
    bool soon = since >= 0 && since < PLACED_SOON; /* and the clock was not set back */
    if (missing)
        challenge_wait(c, c->now + (soon ? SEEN_SOON : SEEN_LATER));
    return NULL;
}

static struct err *ensure_accepted(struct dns01_pass *d)
{
    return challenge_accept(d->c);
}

/* ---- one pass ---- */

static struct err *read_solver(struct dns01_pass *d)
{
    const struct challenge_spec *spec = &d->c->challenge->spec;
    auto_free char *name = x_printf("%s%s", spec->wildcard ? "*." : "", spec->dns_name);
    d->solver = acme_chain_solver(&d->c->chain, name);
    if (d->solver == NULL || d->solver->dns01 == NULL)
        return err_new(ERR_TRANSIENT, "NoSolver", "no dns01 solver of the issuer fits %s any more",
                       name);
    return dns_config_parse(d->solver->dns01, d->solver->wait_instead_of_self_check, &d->config);
}

static struct err *run_steps(struct dns01_pass *d)
{
    for (size_t i = 0; i < ARRAY_LEN(steps) && !d->c->stop && !d->c->accepted; i++)
        TRY(steps[i].ensure(d), "%s", steps[i].name);
    return NULL;
}

/* By the type that the CA offered, whatever the solver says meanwhile. */
static char *name_of(const struct challenge_pass *p)
{
    const char *domain = p->challenge->spec.dns_name;
    if (!challenge_type_of(p->challenge)->by_account)
        return x_printf("_acme-challenge.%s", domain);
    auto_free char *label = acme_dns_account_label(p->chain.account.url);
    return x_printf("%s._acme-challenge.%s", label, domain);
}

struct err *challenge_dns01(struct challenge_pass *p)
{
    if (challenge_is_paused(p))
        return NULL;
    AUTO(pass_release)
    struct dns01_pass d = {
        .c = p,
        .env = p->env,
        .name = name_of(p),
        .value = acme_dns_value(p->chain.account.account.key, p->challenge->spec.token),
    };
    struct err *e = read_solver(&d);
    return e != NULL ? challenge_trouble(p, "PresentError", e) : run_steps(&d);
}
