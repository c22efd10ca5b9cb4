/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/renewal_info.h"

#include <pthread.h>
#include <stdlib.h>

#include "acme/renewal_info.h"
#include "base/backoff.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#define BOARD_MAX 65536

/* Retry-After is kept within these (RFC 9773 section 4.3.2). */
#define POLL_MIN NS_PER_MIN
#define POLL_MAX NS_PER_DAY
/* After what will not pass soon (section 4.3.3). */
#define POLL_FAILED (6 * NS_PER_HOUR)
#define TRIES_MAX 6
/* A CA that lets calls time out holds up a worker each time: its other certificates wait as well. */
#define SILENCE (5 * NS_PER_MIN)

/* ---- the board ---- */

struct entry {
    int64_t next;
    unsigned tries; /* temporary errors in a row */
    char *id;       /* what the answer is about; NULL = there is none */
    struct renewal_answer answer;
};

struct renewal_board {
    pthread_mutex_t lock;
    struct map by_uid; /* -> struct entry */
};

void renewal_answer_release(struct renewal_answer *a)
{
    free(a->explanation_url);
    *a = (struct renewal_answer){0};
}

static void entry_clear(struct entry *e)
{
    free(TAKE(e->id));
    renewal_answer_release(&e->answer);
}

static void entry_free(void *value)
{
    struct entry *e = value;
    entry_clear(e);
    free(e);
}

struct renewal_board *renewal_board_new(void)
{
    struct renewal_board *b = x_calloc(1, sizeof(*b));
    pthread_mutex_init(&b->lock, NULL);
    b->by_uid = MAP_INIT(entry_free);
    return b;
}

void renewal_board_free(struct renewal_board *b)
{
    if (b == NULL)
        return;
    map_release(&b->by_uid);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

/* Lock held. Full: starting over costs each Certificate one poll, spread as after a start. */
static struct entry *entry_of(struct renewal_board *b, const char *uid)
{
    struct entry *e = map_get(&b->by_uid, uid);
    if (e != NULL)
        return e;
    if (b->by_uid.len >= BOARD_MAX)
        map_clear(&b->by_uid);
    e = x_calloc(1, sizeof(*e));
    map_put(&b->by_uid, uid, e);
    return e;
}

int64_t renewal_board_next(struct renewal_board *b, const char *uid)
{
    pthread_mutex_lock(&b->lock);
    const struct entry *e = map_get(&b->by_uid, uid);
    int64_t next = e != NULL ? e->next : 0;
    pthread_mutex_unlock(&b->lock);
    return next;
}

void renewal_board_plan(struct renewal_board *b, const char *uid, int64_t next)
{
    pthread_mutex_lock(&b->lock);
    struct entry *e = entry_of(b, uid);
    entry_clear(e);
    e->next = next;
    e->tries = 0;
    pthread_mutex_unlock(&b->lock);
}

void renewal_board_read(struct renewal_board *b, const char *uid, const char *certificate_id,
                        struct renewal_answer *ret_answer)
{
    *ret_answer = (struct renewal_answer){0};
    pthread_mutex_lock(&b->lock);
    const struct entry *e = map_get(&b->by_uid, uid);
    if (e != NULL && e->id != NULL && str_eq(e->id, certificate_id)) {
        *ret_answer = e->answer;
        ret_answer->explanation_url = x_strdup_or_null(e->answer.explanation_url);
    }
    pthread_mutex_unlock(&b->lock);
}

void renewal_board_settle(struct renewal_board *b, const char *uid)
{
    pthread_mutex_lock(&b->lock);
    struct entry *e = map_get(&b->by_uid, uid);
    if (e != NULL)
        entry_clear(e);
    pthread_mutex_unlock(&b->lock);
}

void renewal_board_forget(struct renewal_board *b, const char *uid)
{
    pthread_mutex_lock(&b->lock);
    map_remove(&b->by_uid, uid);
    pthread_mutex_unlock(&b->lock);
}

/* Takes the strings of info. */
static void put_answer(struct renewal_board *b, const char *uid, const char *id,
                       struct acme_renewal_info *info, int64_t next)
{
    pthread_mutex_lock(&b->lock);
    struct entry *e = entry_of(b, uid);
    entry_clear(e);
    e->next = next;
    e->tries = 0;
    e->id = x_strdup(id);
    e->answer = (struct renewal_answer){info->start, info->end, TAKE(info->explanation_url)};
    pthread_mutex_unlock(&b->lock);
}

/* An earlier answer stays. Returns how many tries failed before this one. */
static unsigned put_failure(struct renewal_board *b, const char *uid, bool temporary)
{
    pthread_mutex_lock(&b->lock);
    struct entry *e = entry_of(b, uid);
    unsigned tries = e->tries;
    e->tries = temporary ? tries + 1 : 0;
    pthread_mutex_unlock(&b->lock);
    return tries;
}

static void put_next(struct renewal_board *b, const char *uid, int64_t next)
{
    pthread_mutex_lock(&b->lock);
    entry_of(b, uid)->next = next;
    pthread_mutex_unlock(&b->lock);
}

/* ---- who can be asked ---- */

struct err *renewal_info_issuer(const struct env *env, const struct tls_secret *secret,
                                const char *ns, const struct issuer **ret_issuer)
{
    const struct api_names *n = api_names();
    const struct issuer_ref ref = {
        .name = tls_secret_annotation(secret, n->issuer_name),
        .kind = tls_secret_annotation(secret, n->issuer_kind),
        .group = tls_secret_annotation(secret, n->issuer_group),
    };
    *ret_issuer = NULL;
    if (str_empty(ref.name) || !issuer_ref_is_ours(&ref))
        return NULL;
    AUTO_OBJECT(struct issuer) issuer = NULL;
    TRY(err_ignore(env_issuer(env, &ref, ns, &issuer), ERR_INVALID));
    if (issuer != NULL && issuer->spec.acme != NULL &&
        !str_eq(issuer->spec.acme->renewal_info, "disabled"))
        *ret_issuer = TAKE(issuer);
    return NULL;
}

/* ---- one poll ---- */

struct poll {
    const struct env *env;
    const struct certificate *crt;
    const struct tls_secret *secret;
    const struct issuer *issuer;
    const char *id;
    int64_t now;
};

static void poll_release(struct poll *p)
{
    object_unref(p->crt);
    object_unref(p->secret);
    object_unref(p->issuer);
}

/* So that what began together does not stay together. */
static int64_t spread(const struct poll *p, int64_t delay)
{
    return p->now + delay + rng_between(p->env->rng, 0, delay / 60);
}

static char *silence_key(const struct poll *p)
{
    return x_printf("%s/renewal-info", p->issuer->obj.meta.uid);
}

static int64_t after_answer(const struct poll *p, int64_t retry_at)
{
    if (retry_at == 0)
        return spread(p, POLL_FAILED);
    int64_t delay = retry_at - p->now;
    if (delay < POLL_MIN)
        delay = POLL_MIN;
    return spread(p, delay < POLL_MAX ? delay : POLL_MAX);
}

static int64_t after_failure(const struct poll *p, const struct err *e)
{
    const struct backoff b = {NS_PER_MIN, POLL_FAILED, 0};
    bool temporary = acme_renewal_info_is_temporary(e);
    unsigned tries = put_failure(p->env->renewal_board, p->crt->obj.meta.uid, temporary);
    if (!temporary || tries >= TRIES_MAX)
        return spread(p, POLL_FAILED);
    int64_t delay = backoff_delay(&b, tries, NULL);
    int64_t asked = e->retry_at - p->now; /* far below zero when nothing was asked */
    if (e->retry_at != 0 && asked > delay)
        delay = asked < POLL_MAX ? asked : POLL_MAX;
    return spread(p, delay);
}

static struct err *ask(struct poll *p)
{
    const char *uid = p->crt->obj.meta.uid;
    auto_free char *key = silence_key(p);
    int64_t silent_until = memo_get(p->env->polls, key).time;
    if (silent_until > p->now) {
        put_next(p->env->renewal_board, uid, silent_until + rng_between(p->env->rng, 0, SILENCE));
        return NULL;
    }
    AUTO_ACME_HANDLE account = {0};
    AUTO(acme_renewal_info_release) struct acme_renewal_info info = {0};
    struct err *e = acme_account_get(&p->env->issuer_env, p->issuer, &account);
    if (e == NULL)
        e = acme_renewal_info_get(account.account.ca, p->id, &info);
    if (err_is(e, ERR_CANCELLED) || err_is(e, ERR_CONFLICT))
        return e;
    if (e == NULL) {
        put_answer(p->env->renewal_board, uid, p->id, &info, after_answer(p, info.retry_at));
        return NULL;
    }
    if (e->http_status == 0 && str_eq(e->reason, "Timeout"))
        memo_set(p->env->polls, key, p->now + SILENCE);
    log_debug("no renewal information", L_ERR(e));
    put_next(p->env->renewal_board, uid, after_failure(p, e));
    err_free(e);
    return NULL;
}

/* Never after the end of the certificate, and never about one that has been replaced (section 4.3). */
static bool is_due(struct poll *p)
{
    const char *fingerprint = tls_secret_annotation(p->secret, API_FINGERPRINT);
    p->id = tls_secret_annotation(p->secret, API_CERTIFICATE_ID);
    return !str_empty(p->id) && p->crt->status.not_after > p->now &&
           str_eq(fingerprint, p->crt->status.fingerprint) &&
           renewal_board_next(p->env->renewal_board, p->crt->obj.meta.uid) <= p->now;
}

struct err *renewal_info_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
{
    const struct env *env = arg;
    (void)ret_next; /* the certificate reconciler keeps the time */
    AUTO(poll_release) struct poll p = {.env = env, .now = clock_wall(env->clock)};
    TRY(store_get(&env->certificates, name->ns, name->name, (const void **)&p.crt));
    if (p.crt == NULL || p.crt->obj.meta.deletion_timestamp != 0)
        return NULL;
    TRY(store_get(&env->secrets, name->ns, p.crt->spec.secret_name, (const void **)&p.secret));
    if (p.secret == NULL || !is_due(&p))
        return NULL;
    TRY(renewal_info_issuer(env, p.secret, name->ns, &p.issuer));
    if (p.issuer == NULL)
        return NULL;
    TRY(ask(&p));
    controller_enqueue(env->controllers.certificate, name->ns, name->name);
    return NULL;
}
