/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/challenge_record.h"

#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/turns.h"
#include "dns01/provider_http.h"
#include "reconcilers/challenge_type.h"
#include "reconcilers/order.h"

#define GIVE_UP (10 * NS_PER_MIN)
#define VALUE_LEN 43 /* base64url of a SHA-256 (RFC 8555 section 8.4) */

/* Many may wait for one: the longer, the rarer they ask. */
static const struct backoff busy = {
    .base = 50 * NS_PER_MS, .cap = 2 * NS_PER_SEC, .jitter_percent = 50};
static const struct backoff trouble = {
    .base = 5 * NS_PER_SEC, .cap = 5 * NS_PER_MIN, .jitter_percent = 10};

/* ---- what is remembered ---- */

static char *note_key(const struct challenge_pass *p, enum challenge_note n)
{
    return x_printf("%s/dns%d", p->challenge->obj.meta.uid, (int)n);
}

struct memo_entry challenge_noted(const struct challenge_pass *p, enum challenge_note n)
{
    auto_free char *key = note_key(p, n);
    return memo_get(p->env->dns_notes, key);
}

void challenge_note(const struct challenge_pass *p, enum challenge_note n, int64_t time)
{
    auto_free char *key = note_key(p, n);
    memo_set(p->env->dns_notes, key, time);
}

unsigned challenge_count(const struct challenge_pass *p, enum challenge_note n)
{
    auto_free char *key = note_key(p, n);
    return memo_count(p->env->dns_notes, key, p->now).count;
}

void challenge_forget(const struct challenge_pass *p, enum challenge_note n)
{
    auto_free char *key = note_key(p, n);
    memo_drop(p->env->dns_notes, key);
}

void challenge_note_shown(const struct challenge_pass *p, const char *id)
{
    auto_free char *key = note_key(p, NOTE_SHOWN);
    memo_set(p->env->dns_notes, key, p->now);
    memo_set_text(p->env->dns_notes, key, id);
}

char *challenge_record_id(const struct challenge_pass *p)
{
    auto_free char *key = note_key(p, NOTE_SHOWN);
    return memo_text(p->env->dns_notes, key);
}

/* ---- the finalizer ---- */

bool challenge_record_is_held(const struct challenge *c)
{
    return bind_strings_has(&c->obj.meta.finalizers, api_names()->dns01_finalizer);
}

/* Of the version that was read: others' finalizers are not lost. */
static struct err *let_go(const struct challenge_pass *p)
{
    const struct object_meta *meta = &p->challenge->obj.meta;
    json_t *list = json_new_array();
    for (size_t i = 0; i < meta->finalizers.len; i++)
        if (!str_eq(meta->finalizers.items[i], api_names()->dns01_finalizer))
            json_push(list, json_new_string(meta->finalizers.items[i]));
    json_auto_t *patch = json_build("{s:{s:s,s:o}}", "metadata", "resourceVersion",
                                    meta->resource_version, "finalizers", list);
    const struct kube_ref ref = {
        .res = &kind_challenge.res, .ns = meta->namespace, .name = meta->name};
    json_auto_t *answer = NULL;
    TRY(err_ignore(kube_merge_patch(p->env->kube, &ref, patch, &answer), ERR_NOT_FOUND));
    if (answer == NULL || meta->deletion_timestamp != 0)
        return NULL; /* it is gone, and the stream says so */
    return cache_note_write(p->env->challenges.cache, answer);
}

/* ---- who may do it ---- */

struct dns_access *challenge_held(const struct challenge_pass *p)
{
    char key[KUBE_KEY_MAX];
    object_key_of(p->challenge, key);
    return dns_held_get(p->env->dns_held, key, p->challenge->obj.meta.uid);
}

void challenge_hold(const struct challenge_pass *p, struct dns_access *access)
{
    char key[KUBE_KEY_MAX];
    object_key_of(p->challenge, key);
    dns_held_put(p->env->dns_held, key, p->challenge->obj.meta.uid, access);
}

struct err *challenge_access(const struct challenge_pass *p, const struct issuer *issuer,
                             const struct acme_solver *solver, struct dns_access **ret_access)
{
    const struct env *env = p->env;
    bool cluster = issuer->obj.meta.namespace == NULL;
    const struct dns_tenant tenant = {
        .issuer_uid = issuer->obj.meta.uid,
        .secret_namespace = issuer_secret_namespace(&env->issuer_env, issuer),
        .ambient = cluster ? env->config.cluster_issuer_ambient : env->config.issuer_ambient,
    };
    return dns_access_new(&env->dns01, &tenant, solver->dns01, solver->wait_instead_of_self_check,
                          ret_access);
}

static bool has_provider(const struct acme_solver *s, const char *provider)
{
    json_auto_t *dns01 = NULL;
    if (s->dns01 != NULL)
        err_drop(json_parse(s->dns01, strlen(s->dns01), &dns01)); /* then it has none */
    return JGET(dns01, provider) != NULL;
}

static bool is_shown(const struct acme_solver *s, const char *shown)
{
    json_auto_t *ours = bind_encode(&acme_solver_table, s);
    json_auto_t *copy = NULL;
    err_drop(json_parse(shown, strlen(shown), &copy)); /* then it is another */
    return copy != NULL && json_same(ours, copy);
}

/* The solver that the Challenge was made with, or else the first with its provider. The Challenge's copy only says
 * which of the Issuer's it was. */
static const struct acme_solver *solver_of_record(const struct challenge *c,
                                                  const struct issuer *issuer)
{
    const struct acme_issuer *acme = issuer != NULL ? issuer->spec.acme : NULL;
    const struct acme_solver *found = NULL;
    for (size_t i = 0; acme != NULL && i < acme->solvers.len; i++) {
        const struct acme_solver *s = &acme->solvers.items[i];
        if (!has_provider(s, c->status.dns01.provider))
            continue;
        if (is_shown(s, c->spec.solver))
            return s;
        found = found != NULL ? found : s;
    }
    return found;
}

static struct err *open_live(const struct challenge_pass *p, struct dns_access **ret_access)
{
    const struct challenge *c = p->challenge;
    AUTO_OBJECT(struct issuer) issuer = NULL;
    TRY(env_issuer(p->env, &c->spec.issuer_ref, c->obj.meta.namespace, &issuer));
    const struct acme_solver *s = solver_of_record(c, issuer);
    if (s == NULL)
        return err_new(ERR_NOT_FOUND, "IssuerNotFound", "%s %s, or its %s solver, is gone",
                       issuer_ref_kind(&c->spec.issuer_ref), c->spec.issuer_ref.name,
                       c->status.dns01.provider);
    return challenge_access(p, issuer, s, ret_access);
}

/* ---- what went wrong ---- */

/* Nothing is wrong: we stop, others go first, or a cache is behind. A provider's conflict is another matter: it may
 * last (a record of another type at the name), and nobody else would tell of it. */
static bool is_passing(const struct err *e)
{
    return err_is(e, ERR_CANCELLED) ||
           (err_is(e, ERR_CONFLICT) && !str_eq(e->reason, DNS_HTTP_CHANGED));
}

struct err *challenge_trouble(struct challenge_pass *p, const char *event, struct err *e)
{
    if (e == NULL || is_passing(e))
        return e;
    unsigned tries = challenge_count(p, NOTE_TROUBLE);
    int64_t until = p->now + backoff_delay(&trouble, tries, p->env->rng);
    until = e->retry_at > until ? e->retry_at : until;
    challenge_note(p, NOTE_PAUSE, until);
    challenge_say(p, e->message);
    p->status.next_action = "what the reason says to be put right; it is tried again meanwhile";
    if (!str_eq(p->reason, p->challenge->status.reason))
        env_event(p->env, &kind_challenge, p->challenge, true, event, p->reason);
    challenge_wait(p, until);
    err_free(e);
    return NULL;
}

void challenge_pause_if_told(const struct challenge_pass *p)
{
    const char *told = p->challenge->status.reason;
    if (!str_empty(told) && !str_eq(told, p->status.reason))
        challenge_note(p, NOTE_PAUSE, p->next);
}

bool challenge_is_paused(struct challenge_pass *p)
{
    int64_t pause = challenge_noted(p, NOTE_PAUSE).time;
    if (p->now >= pause)
        return false;
    challenge_wait(p, pause);
    return true;
}

bool challenge_turn(struct challenge_pass *p, const char *key, unsigned most)
{
    if (turns_take(p->env->turns, key, most))
        return true;
    unsigned tries = challenge_count(p, NOTE_BUSY);
    challenge_wait(p, p->now + backoff_delay(&busy, tries, p->env->rng));
    return false;
}

bool challenge_record_turn(struct challenge_pass *p, const char *name)
{
    auto_free char *key = x_printf("record %s", name);
    bool turn = challenge_turn(p, key, 1);
    if (turn)
        challenge_forget(p, NOTE_BUSY);
    return turn;
}

void challenge_record_turn_end(const struct challenge_pass *p, const char *name)
{
    auto_free char *key = x_printf("record %s", name);
    turns_give(p->env->turns, key);
}

/* ---- taking it out ---- */

/* Whoever may write a Challenge's status could have any record removed; this is what ours look like. */
static bool is_ours(const struct challenge_record *r)
{
    char name[DNS_NAME_MAX + 1];
    return dns_name_copy(r->name, name) && dns_name_copy(str_or(r->zone, ""), name) &&
           r->value != NULL && strlen(r->value) == VALUE_LEN &&
           strspn(r->value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
               VALUE_LEN;
}

static struct err *clean_by(const struct challenge_pass *p, const struct dns_access *a)
{
    const struct challenge_record *r = &p->challenge->status.dns01;
    const struct dns_config *config = dns_access_config(a);
    auto_free char *id = challenge_record_id(p);
    const struct dns_value v = {.name = r->name,
                                .zone = r->zone,
                                .text = r->value,
                                .domain = p->challenge->spec.dns_name,
                                .id = id};
    return err_wrap(config->provider->clean_up(dns_access_env(a), config->provider_config, &v),
                    "%s", config->provider->name);
}

/* With what put it there; or with what the Issuer says now, where that was rotated. */
static struct err *clean_up(const struct challenge_pass *p)
{
    const struct dns_access *held = challenge_held(p);
    bool fits = held != NULL && str_eq(dns_access_config(held)->provider->name,
                                       p->challenge->status.dns01.provider);
    AUTO_ERR first = fits ? clean_by(p, held) : NULL;
    if (fits && (first == NULL || err_is(first, ERR_CANCELLED)))
        return TAKE(first);
    AUTO(dns_access_freep) struct dns_access *live = NULL;
    struct err *e = open_live(p, &live);
    if (e == NULL)
        e = clean_by(p, live);
    if (e == NULL || first == NULL)
        return e;
    err_free(e);
    return TAKE(first);
}

static bool gives_up(const struct challenge_pass *p, const struct err *e)
{
    if (kube_namespace_is_ending(e)) /* there is no token of a ServiceAccount any more */
        return true;
    if (is_passing(e))
        return false;
    int64_t since = challenge_noted(p, NOTE_END).time;
    if (since == 0)
        challenge_note(p, NOTE_END, p->now);
    bool nobody_can =
        str_eq(e->reason, "IssuerNotFound") ||
        (str_eq(e->reason, "SecretNotFound") && p->challenge->obj.meta.deletion_timestamp != 0);
    return nobody_can || (since != 0 && p->now - since > GIVE_UP);
}

static void tell_left(const struct challenge_pass *p, const struct err *e)
{
    const struct challenge_record *r = &p->challenge->status.dns01;
    auto_free char *note =
        x_printf("the TXT record %s \"%s\" in zone %s may be left there, remove it by hand: %s",
                 r->name, r->value, str_or(r->zone, "?"), e->message);
    env_event(p->env, &kind_challenge, p->challenge, true, "CleanUpError", note);
    log_warn("a TXT record may be left in its zone", L_STR("record", r->name),
             L_STR("value", r->value), L_STR("zone", r->zone), L_ERR(e));
}

static bool same_record(const struct challenge_record *a, const struct challenge_record *b)
{
    return str_eq(a->name, b->name) && str_eq(a->zone, b->zone) && str_eq(a->value, b->value) &&
           str_eq(a->provider, b->provider);
}

/* Those that end as well do not count: else each would leave it to the others, and it stayed. Nor does who was let go, and
 * may be gone without our hearing of it: it takes out nothing more. */
struct err *challenge_record_is_shared(const struct challenge_pass *p, bool *ret_shared)
{
    const struct challenge *c = p->challenge;
    AUTO_OBJECT_LIST found = {0};
    if (str_empty(c->spec.token))
        return NULL;
    TRY(cache_by_index(p->env->challenges.cache, p->env->challenges_by_token, c->spec.token,
                       &found));
    for (size_t i = 0; i < found.len; i++) {
        const struct challenge *o = found.items[i];
        *ret_shared =
            *ret_shared ||
            (!str_eq(o->obj.meta.uid, c->obj.meta.uid) && o->obj.meta.deletion_timestamp == 0 &&
             challenge_record_is_held(o) && !order_state_is_final(challenge_state(p->env, o)) &&
             same_record(&o->status.dns01, &c->status.dns01));
    }
    return NULL;
}

struct err *challenge_record_remove(struct challenge_pass *p)
{
    const struct challenge_record *r = &p->challenge->status.dns01;
    bool shared = false;
    if (str_empty(r->name) || !is_ours(r))
        return NULL;
    TRY(challenge_record_is_shared(p, &shared));
    if (shared) /* the last of them takes it out */
        return NULL;
    if (!challenge_record_turn(p, r->name))
        return NULL;
    struct err *e = clean_up(p);
    challenge_record_turn_end(p, r->name);
    if (e != NULL && !gives_up(p, e))
        return challenge_trouble(
            p, "CleanUpError",
            err_wrap(e, "the TXT record %s in zone %s is not removed yet", r->name, r->zone));
    if (e != NULL)
        tell_left(p, e);
    err_free(e);
    challenge_forget(p, NOTE_TROUBLE);
    return NULL;
}

struct err *challenge_record_end(struct challenge_pass *p)
{
    if (!challenge_record_is_held(p->challenge))
        return NULL;
    if (challenge_noted(p, NOTE_END).time != 0 && challenge_is_paused(p))
        return NULL;
    p->stop = false;
    TRY(challenge_record_remove(p));
    if (p->stop)
        return NULL;
    /* They are of a record that is there; and it may be let go without our hearing of it. */
    for (int n = 0; n < NOTES; n++)
        challenge_forget(p, (enum challenge_note)n);
    TRY(let_go(p));
    char key[KUBE_KEY_MAX];
    object_key_of(p->challenge, key);
    dns_held_drop(p->env->dns_held, key);
    return NULL;
}

/* ---- trying again ---- */

void challenge_retry_all(const struct env *env, const struct issuer *issuer)
{
    char key[KUBE_KEY_MAX + 1];
    const struct issuer_ref ref = {.name = issuer->obj.meta.name,
                                   .kind = issuer->obj.meta.namespace == NULL ? "ClusterIssuer"
                                                                              : "Issuer"};
    issuer_key(&ref, issuer->obj.meta.namespace, key);
    AUTO_OBJECT_LIST found = {0};
    cache_peek_index(env->challenges.cache, env->challenges_by_issuer, key, &found);
    for (size_t i = 0; i < found.len; i++) {
        const struct challenge_pass p = {.env = env, .challenge = found.items[i]};
        const struct challenge_type *type = challenge_type_of(p.challenge);
        if (!type->recorded && !type->persistent)
            continue;
        challenge_forget(&p, NOTE_PAUSE);
        controller_enqueue(env->controllers.challenge, p.challenge->obj.meta.namespace,
                           p.challenge->obj.meta.name);
    }
}
