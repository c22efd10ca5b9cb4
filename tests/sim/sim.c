/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim.h"

#include <stdlib.h>

#include "base/mem.h"
#include "sim/sim_api.h"
#include "sim/sim_ca.h"
#include "sim/sim_check.h"
#include "sim/sim_cluster.h"
#include "sim/sim_edit.h"
#include "sim/sim_external.h"
#include "sim/sim_failover.h"
#include "sim/sim_gateway.h"
#include "sim/sim_hooks.h"
#include "sim/sim_issuers.h"
#include "sim/sim_memo.h"
#include "sim/sim_net.h"
#include "sim/sim_pace.h"
#include "sim/sim_pending.h"
#include "sim/sim_pki.h"
#include "sim/sim_process.h"
#include "sim/sim_seal.h"
#include "sim/sim_tenants.h"
#include "sim/sim_trace.h"
#include "sim/sim_user.h"
#include "sim/sim_years.h"
#include "sim/sim_zone.h"

#define EPOCH (INT64_C(1767225600) * NS_PER_SEC) /* 2026-01-01 */
/* Within an hour: users sleep for days, and leases are renewed all the time. */
#define STEPS_MAX 400000
/* Once faults and users have stopped. Back-offs go up to 1000 s. */
#define CALM_MAX (2 * NS_PER_HOUR)
#define RENEWAL_MAX (2 * NS_PER_MIN)
/* The CA's Retry-After for renewal information, and what certroll spreads that by and waits before the first question. */
#define HEARD_MAX (6 * NS_PER_HOUR + 20 * NS_PER_MIN)
#define REST (NS_PER_HOUR + NS_PER_MIN)
/* What was done just before is still to be seen, and told: the end of a rollout, what was spent of a budget. */
#define SETTLED_WITHIN (2 * NS_PER_MIN)
/* Who waits for a name looks every so often whether another one got it meanwhile, and says so. */
#define NAMES_SEEN_WITHIN (5 * NS_PER_MIN)

/* ---- chance ---- */

bool sim_chance(struct sim *s, int permille)
{
    return permille > 0 && (int)rng_below(&s->dice.rng, 1000) < permille;
}

unsigned sim_pick(struct sim *s, unsigned n)
{
    return (unsigned)rng_below(&s->dice.rng, n);
}

int64_t sim_delay(struct sim *s, int64_t max)
{
    unsigned kind = sim_pick(s, 100);
    int64_t most = kind < 50 ? max / 1000 : kind < 85 ? max / 30 : max;
    return rng_between(&s->dice.rng, 0, most + 1);
}

/* ---- time ---- */

void sim_happen(struct sim *s)
{
    sim_user_happen(s->user);
    sim_edit_put_back(s->edit);
    sim_zone_put_back(s->zone);
    sim_cluster_happen(s->cluster);
    sim_ca_happen(s->ca);
    sim_external_happen(s->external);
    sim_gateway_happen(s->gateway);
    sim_hooks_happen(s->hooks);
    sim_process_happen(s->process);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t sim_next(const struct sim *s)
{
    const int64_t people = sooner(sim_user_next(s->user), sim_edit_next(s->edit));
    const int64_t others = sooner(sim_hooks_next(s->hooks), sim_gateway_next(s->gateway));
    const int64_t cluster = sooner(sim_cluster_next(s->cluster), sim_zone_next(s->zone));
    return sooner(sooner(sooner(people, others), cluster),
                  sooner(sooner(sim_ca_next(s->ca), sim_external_next(s->external)),
                         sim_process_next(s->process)));
}

/* One reconcile, or on to the next thing that happens; not beyond until. False when nothing is left
 * to do before that. */
static bool advance(struct sim *s, int64_t until)
{
    sim_happen(s);
    if (sim_failed(s))
        return false;
    bool wait = sim_chance(s, 100); /* a slow worker */
    if (!wait && sim_process_step(s->process)) {
        clock_manual_advance(&s->clock, sim_delay(s, 2 * NS_PER_MS));
        return true;
    }
    if (!wait)
        sim_check_pending(s, false);
    int64_t next = sim_next(s), now = sim_now(s);
    if (wait)
        next = sooner(next, now + NS_PER_MS);
    bool more = next <= until;
    if (!more)
        next = until;
    if (next > now)
        sim_process_wait(s->process, next, true);
    return more || sim_now(s) < until;
}

void sim_live(struct sim *s, int64_t until)
{
    while (advance(s, until))
        ;
}

/* ---- a life ---- */

static void live_in_chaos(struct sim *s)
{
    int64_t since = sim_now(s);
    unsigned steps = 0;
    while (!sim_failed(s) && !sim_user_is_done(s->user)) {
        advance(s, sim_user_next(s->user));
        bool is_over = sim_now(s) - since >= NS_PER_HOUR;
        steps = is_over ? 0 : steps + 1;
        since = is_over ? sim_now(s) : since;
        if (steps > STEPS_MAX)
            sim_fail(s, "%u steps within an hour", steps);
    }
}

void sim_converge(struct sim *s)
{
    int64_t until = sim_now(s) + CALM_MAX;
    auto_free char *why = NULL;
    do {
        free(TAKE(why));
        sim_live(s, sooner(until, sim_now(s) + 5 * NS_PER_MIN));
        why = sim_check_unfinished(s);
    } while (why != NULL && !sim_failed(s) && sim_now(s) < until);
    if (why != NULL)
        sim_fail(s, "after %lld min without faults: %s", (long long)(CALM_MAX / NS_PER_MIN), why);
}

/* With nothing in its way a renewal is not late. */
static void see_renewal(struct sim *s)
{
    int64_t renewal = sim_check_next_renewal(s);
    bool planned = renewal > sim_now(s);
    sim_note(s, "the next renewal is near");
    /* What was planned by a clock that was wrong is late by as much. */
    int64_t late = RENEWAL_MAX + 2 * sim_process_greatest_skew(s->process);
    if (sim_zone_is_on(s))
        late += SIM_ZONE_LAG_MAX + NS_PER_MIN; /* of looking each minute */
    if (sim_external_renews(s, renewal))
        late += 2 * SIM_EXTERNAL_LAG_MAX;
    sim_live(s, renewal + late);
    if (planned && sim_check_next_renewal(s) <= renewal)
        sim_fail(s, "a renewal has not happened in its time");
    if (!sim_failed(s))
        sim_converge(s);
}

/* Who is asked every six hours may be heard in the hour of rest, and what it wishes is then done at once. */
static void hear_ca(struct sim *s, int64_t before)
{
    sim_note(s, "the CA wishes for a renewal that is not known yet");
    int64_t until = sim_now(s) + HEARD_MAX + 2 * sim_process_greatest_skew(s->process);
    const char *unheard;
    while ((unheard = sim_check_unheard(s, before)) != NULL && !sim_failed(s) && sim_now(s) < until)
        sim_live(s, sooner(until, sim_now(s) + 5 * NS_PER_MIN));
    if (unheard != NULL)
        sim_fail(s, "the CA's wish to have Certificate %s renewed was not heard", unheard);
    else if (!sim_failed(s))
        sim_converge(s);
}

/* Whoever waits for a name that its holder may not renew sees it come free, and says so or goes on. */
static void see_expiry(struct sim *s, int64_t expiry)
{
    sim_note(s, "what was issued to a tenant is about to expire");
    sim_live(s, expiry);
    if (!sim_failed(s))
        sim_converge(s);
}

static void calm_down(struct sim *s)
{
    s->calm = true;
    sim_process_come_back(s->process);
    sim_net_ca_outage(s->net, SIM_CA_HOST, 0);
    sim_net_ca_outage(s->net, SIM_CA_BACKUP_HOST, 0);
    if (!sim_failed(s))
        sim_converge(s);
}

static int64_t settled_within(const struct sim *s)
{
    return SETTLED_WITHIN + (sim_tenants(s) != SIM_TENANTS_OFF ? NAMES_SEEN_WITHIN : 0);
}

/* Everything comes right, through renewals too, until none is near. */
static void come_to_rest(struct sim *s)
{
    sim_note(s, "users and faults stop");
    calm_down(s);
    if (!sim_failed(s) && sim_issuers_fail_over(s)) {
        sim_failover_see(s);
        calm_down(s);
    }
    if (!sim_failed(s) && sim_is_long(s)) {
        sim_years_see(s);
        calm_down(s);
    }
    while (!sim_failed(s)) {
        int64_t soon = sim_now(s) + settled_within(s) + REST + NS_PER_MIN;
        if (sim_check_next_renewal(s) < soon)
            see_renewal(s);
        else if (sim_tenants_next_expiry(s) < soon)
            see_expiry(s, sim_tenants_next_expiry(s));
        else if (sim_check_unheard(s, soon) != NULL)
            hear_ca(s, soon);
        else
            return;
    }
}

static void rest(struct sim *s)
{
    sim_live(s, sim_now(s) + settled_within(s));
    sim_note(s, "at rest");
    sim_check_rest(s->check);
    sim_pace_rest(s->pace);
    sim_check_pending(s, true);
    sim_live(s, sim_now(s) + REST);
}

/* Cryptography and JSON take most of such a life's time and tell the same each time. A prime, as in sim_is_wide(). */
static bool is_thorough(const struct sim *s)
{
    return s->seed % 17 == 0;
}

static struct sim *sim_new(uint64_t seed, enum sim_trace_kind trace)
{
    struct sim *s = x_calloc(1, sizeof(*s));
    s->seed = seed;
    clock_manual_init(&s->clock, EPOCH);
    rng_seeded_init(&s->dice, seed * 3 + 1);
    rng_seeded_init(&s->jitter, seed * 3 + 2);
    sim_pki_seed(seed * 3 + 3, is_thorough(s));
    sim_memo_begin(is_thorough(s));
    sim_seal_begin(is_thorough(s));
    s->trace = sim_trace_new(trace);
    s->check = sim_check_new(s);
    s->pace = sim_pace_new();
    s->api = sim_api_new(s);
    s->cluster = sim_cluster_new(s);
    s->ca = sim_ca_new(s);
    s->external = sim_external_new(s);
    s->gateway = sim_gateway_new(s);
    s->hooks = sim_hooks_new(s);
    s->zone = sim_zone_new(s);
    s->net = sim_net_new(s);
    s->process = sim_process_new(s);
    s->user = sim_user_new(s);
    s->edit = sim_edit_new(s);
    s->tenancy = sim_tenancy_new();
    return s;
}

static void sim_free(struct sim *s)
{
    sim_process_free(s->process);
    sim_tenancy_free(s->tenancy);
    sim_edit_free(s->edit);
    sim_user_free(s->user);
    sim_net_free(s->net);
    sim_zone_free(s->zone);
    sim_hooks_free(s->hooks);
    sim_gateway_free(s->gateway);
    sim_external_free(s->external);
    sim_ca_free(s->ca);
    sim_cluster_free(s->cluster);
    sim_api_free(s->api);
    sim_check_free(s->check);
    sim_pace_free(s->pace);
    sim_trace_free(s->trace);
    sim_memo_end();
    sim_seal_end();
    free(s);
}

void sim_counts_add(struct sim_counts *to, const struct sim_counts *from)
{
    to->lives += from->lives;
    to->calls += from->calls;
    to->faults += from->faults;
    to->kills += from->kills;
    to->reconciles += from->reconciles;
    to->writes += from->writes;
    to->orders += from->orders;
}

static void count(struct sim *s, struct sim_counts *counts)
{
    sim_counts_add(counts, &(struct sim_counts){.lives = 1,
                                                .calls = sim_net_calls(s->net),
                                                .faults = sim_net_faults(s->net),
                                                .kills = sim_process_deaths(s->process),
                                                .reconciles = sim_pace_reconciles(s->pace),
                                                .writes = sim_check_writes(s->check),
                                                .orders = sim_ca_order_count(s->ca)});
}

/* What went wrong, owned; NULL when nothing did. */
static char *live(uint64_t seed, enum sim_trace_kind trace, struct sim_counts *counts)
{
    struct sim *s = sim_new(seed, trace);
    sim_user_begin(s->user);
    live_in_chaos(s);
    if (!sim_failed(s))
        come_to_rest(s);
    if (!sim_failed(s))
        rest(s);
    char *why = sim_trace_report(s->trace);
    count(s, counts);
    sim_free(s);
    return why;
}

/* Most lives go well, and their lines would be written for nobody: one that does not is lived again. */
bool sim_run(uint64_t seed, bool verbose, struct sim_counts *counts, char **ret_why)
{
    auto_free char *why = live(seed, verbose ? SIM_TRACE_PRINTED : SIM_TRACE_NONE, counts);
    if (why == NULL)
        return true;
    struct sim_counts again = {0};
    char *told = verbose ? NULL : live(seed, SIM_TRACE_KEPT, &again);
    *ret_why = told != NULL ? told : TAKE(why);
    return false;
}
