/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before an order is spent: which solver proves a name may depend on where its _acme-challenge leads. That is looked up
 * only where it could change the choice, and once for an order: what was found counts until the order is over, whatever
 * its owner does to the alias meanwhile, because names are judged by the solver that proves them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/turns.h"
#include "pki/csr.h"
#include "reconcilers/order.h"
#include "reconcilers/request.h"
#include "reconcilers/solver.h"

#define NOT_CHOSEN "SolverNotChosen"
/* For all names together: DNS that is slow keeps a worker no longer, the rest has another pass. */
#define BUDGET (5 * NS_PER_SEC)
/* A name that a solver fits as it is waits so long for DNS to answer. */
#define PATIENCE (30 * NS_PER_SEC)
#define TURN (200 * NS_PER_MS)
#define TEXT_MAX (1024 * 1024)

static const struct backoff again = {
    .base = NS_PER_SEC, .cap = 5 * NS_PER_MIN, .jitter_percent = 10};

/* The names whose solver may depend on it, and of each where it leads: NULL = not known yet, "" = not to a solver. */
struct search {
    struct order_pass *p;
    struct strlist names;
    char **targets;
    const struct acme_solver **out; /* room for all solvers of the issuer */
    const char *failed_name;        /* the first that DNS tells nothing of */
    struct err *failed;
    bool has_turn;
};

static void search_release(struct search *s)
{
    for (size_t i = 0; i < s->names.len; i++)
        free(s->targets[i]);
    free(s->targets);
    free(s->out);
    strlist_release(&s->names);
    err_free(s->failed);
    if (s->has_turn)
        turns_give(s->p->env->turns, "look");
}

/* To s->out; returns how many. */
static size_t candidates(const struct search *s, const char *name)
{
    const struct order_pass *p = s->p;
    return solver_by_alias(p->chain.issuer->spec.acme, name, &p->order->obj.meta.labels, s->out);
}

static struct err *names_of(struct search *s)
{
    char lower[DNS_NAME_MAX + 1];
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    TRY(request_csr(s->p->chain.request, &csr));
    s->out = x_calloc(s->p->chain.issuer->spec.acme->solvers.len + 1, sizeof(*s->out));
    size_t most = csr.names.dns.len + csr.names.ips.len + 1;
    auto_free struct acme_identifier *ids = x_calloc(most, sizeof(*ids));
    size_t count = order_identifiers(&csr.names, ids);
    for (size_t i = 0; i < count; i++)
        if (str_eq(ids[i].type, "dns") && dns_name_copy(ids[i].value, lower) &&
            candidates(s, ids[i].value) > 0)
            strlist_add(&s->names, ids[i].value);
    s->targets = x_calloc(s->names.len + 1, sizeof(*s->targets));
    return NULL;
}

/* ---- what is known already ---- */

/* "uid generation" of the Issuer, then a line "name target" for each name that is known. */
static char *head_of(const struct order_pass *p)
{
    const struct object_meta *m = &p->chain.issuer->obj.meta;
    return x_printf("%s %lld\n", m->uid, (long long)m->generation);
}

static void remember(const struct search *s)
{
    auto_free char *head = head_of(s->p);
    AUTO(buf_release) struct buf b = BUF_INIT(TEXT_MAX);
    buf_puts(&b, head);
    for (size_t i = 0; i < s->names.len; i++)
        if (s->targets[i] != NULL)
            buf_putf(&b, "%s %s\n", s->names.items[i], s->targets[i]);
    memo_set_text(s->p->env->aliases, s->p->order->obj.meta.uid, buf_str(&b));
}

/* Lines are in the order of the names. */
static void recall(struct search *s)
{
    auto_free char *head = head_of(s->p);
    auto_free char *text = memo_text(s->p->env->aliases, s->p->order->obj.meta.uid);
    if (!str_starts(text, head))
        return;
    const char *line = text + strlen(head);
    for (size_t i = 0; i < s->names.len && *line != '\0'; i++) {
        size_t len = strlen(s->names.items[i]);
        if (!str_starts(line, s->names.items[i]) || line[len] != ' ')
            continue;
        size_t rest = strcspn(line, "\n");
        s->targets[i] = x_strndup(line + len + 1, rest - len - 1);
        line += rest + (line[rest] == '\n');
    }
}

/* What has no target is proven by the solver that fits the name alone. */
static void load(const struct search *s)
{
    struct order_found *f = &s->p->found;
    for (size_t i = 0; i < s->names.len; i++) {
        if (str_empty(s->targets[i]))
            continue;
        strlist_add(&f->texts, s->names.items[i]);
        strlist_add(&f->texts, s->targets[i]);
    }
    size_t len = f->texts.len / 2;
    f->items = x_calloc(len + 1, sizeof(*f->items));
    for (size_t i = 0; i < len; i++)
        f->items[i] = (struct order_alias){f->texts.items[2 * i], f->texts.items[2 * i + 1]};
    s->p->chain.aliases.items = f->items;
    s->p->chain.aliases.len = len;
}

/* ---- looking ---- */

static const struct acme_solver *chosen(const struct search *s, const char *name, const char *alias)
{
    const struct order_pass *p = s->p;
    return solver_select(p->chain.issuer->spec.acme, name, alias, &p->order->obj.meta.labels);
}

/* Where the value would go; "" when that is the name itself or in no zone. */
static struct err *ask(const struct search *s, const struct dns_config *config, const char *name,
                       char out[DNS_NAME_MAX + 1])
{
    const struct env *env = s->p->env;
    const struct dns_finder finder = {.dns = env->dns,
                                      .http = env->outside,
                                      .clock = env->clock,
                                      .stop = env->stop,
                                      .zones = env->dns_zones};
    auto_free char *account =
        config->by_account ? acme_dns_account_label(s->p->chain.account.url) : NULL;
    auto_free char *challenge =
        x_printf("%s%s_acme-challenge.%s", str_or(account, ""), account != NULL ? "." : "",
                 str_starts(name, "*.") ? name + 2 : name);
    char lower[DNS_NAME_MAX + 1];
    AUTO(dns_place_release) struct dns_place place = {0};
    out[0] = '\0';
    if (!dns_name_copy(challenge, lower))
        return NULL;
    TRY(err_ignore(dns_place_find(&finder, config, lower, &place), ERR_NOT_FOUND));
    if (!str_eq(place.name, lower))
        str_copy(out, DNS_NAME_MAX + 1, place.name);
    return NULL;
}

static bool is_asked_already(const struct dns_config *configs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (dns_config_asks_alike(&configs[i], &configs[count]))
            return true;
    return false;
}

/* By the resolvers of each solver that could be meant, until one leads to a solver. */
static struct err *look_with(const struct search *s, const char *name,
                             const struct dns_config *configs, size_t count, char **ret_target)
{
    char target[DNS_NAME_MAX + 1] = "";
    for (size_t i = 0; i < count; i++) {
        if (is_asked_already(configs, i))
            continue;
        TRY(ask(s, &configs[i], name, target));
        if (target[0] != '\0' && chosen(s, name, target) != chosen(s, name, NULL))
            break;
        target[0] = '\0';
    }
    *ret_target = x_strdup(target);
    return NULL;
}

static struct err *look(const struct search *s, const char *name, char **ret_target)
{
    size_t most = candidates(s, name);
    auto_free struct dns_config *configs = x_calloc(most + 1, sizeof(*configs));
    size_t count = 0;
    for (size_t i = 0; i < most; i++) {
        /* One that is not understood is refused once it is chosen. */
        struct err *e = dns_config_parse(s->out[i]->dns01, s->out[i]->wait_instead_of_self_check,
                                         &configs[count]);
        count += e == NULL;
        err_drop(e);
    }
    struct err *e = look_with(s, name, configs, count, ret_target);
    for (size_t i = 0; i < count; i++)
        dns_config_release(&configs[i]);
    return e;
}

/* ---- DNS does not tell ---- */

/* Told, because another solver may be the right one: then this attempt fails. */
static void go_by_name(const struct search *s, const char *name, const struct err *e)
{
    auto_free char *note = x_printf(
        "where _acme-challenge.%s leads is not known, so the solver that fits the name alone is "
        "used for this order: %s",
        name, e->message);
    env_event(s->p->env, &kind_order, s->p->order, true, NOT_CHOSEN, note);
}

/* It is asked again after 1 s, 2 s, 4 s and so on. */
static void hold(const struct search *s)
{
    struct order_pass *p = s->p;
    auto_free char *key = x_printf("%s/solvers", p->order->obj.meta.uid);
    unsigned tries = memo_count(p->env->polls, key, p->now).count;
    free(p->owned[0]);
    p->owned[0] = x_printf(NOT_CHOSEN ": %s: where its _acme-challenge leads decides on the "
                                      "solver, and DNS does not tell: %s",
                           s->failed_name, s->failed->message);
    p->status.state = "pending";
    p->status.reason = p->owned[0];
    p->status.waiting.until = 0;
    p->status.waiting.reason = NOT_CHOSEN;
    order_wait(p, p->now + backoff_delay(&again, tries, p->env->rng));
    memo_set(p->env->polls, key, p->next);
}

/* What DNS fails by is written, which brings the key back at once: it is asked again when that was planned, or for another
 * Issuer. */
static bool is_early(const struct search *s)
{
    struct order_pass *p = s->p;
    auto_free char *head = head_of(p);
    auto_free char *text = memo_text(p->env->aliases, p->order->obj.meta.uid);
    auto_free char *key = x_printf("%s/solvers", p->order->obj.meta.uid);
    int64_t next = memo_get(p->env->polls, key).time;
    bool later = next > p->now && next - p->now < 2 * again.cap; /* the clock was not set back */
    if (!later || !str_starts(text, head))
        return false;
    order_wait(p, next);
    return true;
}

/* Once a solver that fits the name alone has waited long enough it is taken, and stays. */
static struct err *take(struct search *s, size_t i, struct err *e)
{
    const char *name = s->names.items[i];
    const struct order_pass *p = s->p;
    const char *uid = p->order->obj.meta.uid;
    if (err_is(e, ERR_CANCELLED))
        return e;
    AUTO_ERR failed = e;
    int64_t since = memo_get(p->env->aliases, uid).time;
    bool waited = since != 0 && p->now - since >= PATIENCE;
    if (waited && chosen(s, name, NULL) != NULL) {
        go_by_name(s, name, failed);
        s->targets[i] = x_strdup("");
        return NULL;
    }
    if (since == 0)
        memo_set(p->env->aliases, uid, p->now);
    if (s->failed == NULL) {
        s->failed = TAKE(failed);
        s->failed_name = name;
    }
    return NULL;
}

/* ---- the step ---- */

static bool may_be_by_alias(const struct acme_issuer *acme)
{
    for (size_t i = 0; i < acme->solvers.len; i++)
        if (acme->solvers.items[i].dns01 != NULL &&
            acme->solvers.items[i].selector.dns_zones.len > 0)
            return true;
    return false;
}

static bool is_known(const struct search *s)
{
    for (size_t i = 0; i < s->names.len; i++)
        if (s->targets[i] == NULL)
            return false;
    return true;
}

/* Servers that are silent do not hold all threads that call the outside. */
static bool take_turn(struct search *s)
{
    s->has_turn = turns_take(s->p->env->turns, "look", s->p->env->dns_looks);
    if (!s->has_turn)
        order_wait(s->p, s->p->now + TURN);
    return s->has_turn;
}

/* Begins with another name each time, so that one whose servers are silent does not keep the others waiting. */
static struct err *look_at_all(struct search *s)
{
    const struct order_pass *p = s->p;
    int64_t until = clock_mono(p->env->clock) + BUDGET;
    auto_free char *key = x_printf("%s/solvers", p->order->obj.meta.uid);
    size_t first = memo_get(p->env->polls, key).count;
    for (size_t n = 0; n < s->names.len && clock_mono(p->env->clock) < until; n++) {
        size_t i = (first + n) % s->names.len;
        if (s->targets[i] != NULL)
            continue;
        struct err *e = look(s, s->names.items[i], &s->targets[i]);
        if (e != NULL)
            TRY(take(s, i, e));
    }
    return NULL;
}

static void conclude(struct search *s)
{
    struct order_pass *p = s->p;
    remember(s);
    if (s->failed != NULL)
        hold(s);
    else if (!is_known(s))
        order_wait(p, p->now);
    else
        memo_set(p->env->aliases, p->order->obj.meta.uid, 0);
}

static struct err *find_all(struct order_pass *p)
{
    AUTO(search_release) struct search s = {.p = p};
    TRY(names_of(&s));
    recall(&s);
    if (!is_known(&s) && !is_early(&s) && take_turn(&s)) {
        TRY(look_at_all(&s));
        conclude(&s);
    }
    if (!p->stop)
        load(&s);
    return NULL;
}

struct err *ensure_solvers(struct order_pass *p)
{
    if (!str_empty(p->order->status.url))
        return NULL;
    if (may_be_by_alias(p->chain.issuer->spec.acme))
        TRY(find_all(p));
    if (!p->stop && str_eq(p->status.waiting.reason, NOT_CHOSEN)) {
        p->status.reason = NULL;
        p->status.waiting.reason = NULL;
    }
    return NULL;
}
