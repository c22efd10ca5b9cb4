/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why at most one holds: a renewal reaches the server after the time kept in `renewed`, and a
 * rival sees it later still. The holder stops at renewed + renew_deadline, a rival waits for the
 * lease's duration, which is longer, after what it saw. Two rivals at once are told apart by the
 * server: each write names the resourceVersion it was decided on.
 */
#include "kube/election.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"

#define DURATION (15 * NS_PER_SEC)
#define RENEW_DEADLINE (10 * NS_PER_SEC)
#define RETRY (1 * NS_PER_SEC)
#define SECONDS_MAX INT32_MAX /* of leaseDurationSeconds */

static const struct kube_resource res_lease = {"coordination.k8s.io", "v1", "leases", "Lease",
                                               true};

static struct kube_ref ref_of(const struct election *e)
{
    return (struct kube_ref){.res = &res_lease, .ns = e->o.ns, .name = e->o.name};
}

/* ---- life ------------------------------------------------------------------------------------ */

static struct err *check_options(const struct lease_options *o)
{
    if (!name_is_label(o->ns) || !name_is_subdomain(o->name) || str_empty(o->identity))
        return err_new(ERR_INVALID, "InvalidName", "lease %s/%s, holder \"%s\": not valid names",
                       o->ns, o->name, o->identity);
    if (o->duration % NS_PER_SEC != 0 || o->duration <= o->renew_deadline ||
        o->renew_deadline < 3 * o->retry || o->retry <= 0)
        return err_new(ERR_INVALID, "InvalidLease",
                       "lease %s/%s: the duration must be whole seconds and longer than the renew "
                       "deadline, and that at least three times the retry period",
                       o->ns, o->name);
    return NULL;
}

struct err *election_init(struct election *e, const struct lease_options *o)
{
    *e = (struct election){.o = *o};
    e->o.ns = x_strdup(str_or(o->ns, ""));
    e->o.name = x_strdup(str_or(o->name, ""));
    e->o.identity = x_strdup(str_or(o->identity, ""));
    e->o.duration = o->duration != 0 ? o->duration : DURATION;
    e->o.renew_deadline = o->renew_deadline != 0 ? o->renew_deadline : RENEW_DEADLINE;
    e->o.retry = o->retry != 0 ? o->retry : RETRY;
    TRY(check_options(&e->o));
    /* Short, so that several tries fit before the deadline. */
    kube_client_set_timeout(o->client, e->o.renew_deadline / 4);
    return NULL;
}

void election_release(struct election *e)
{
    free((char *)(uintptr_t)e->o.ns);
    free((char *)(uintptr_t)e->o.name);
    free((char *)(uintptr_t)e->o.identity);
    json_decref(e->record);
    *e = (struct election){0};
}

/* ---- what the clock says --------------------------------------------------------------------- */

int64_t election_next(const struct election *e)
{
    return clock_mono(e->o.clock) + e->o.retry + rng_between(e->o.rng, 0, e->o.retry / 2);
}

int64_t election_deadline(const struct election *e)
{
    int64_t renewed = atomic_load(&e->renewed);
    return renewed == 0 || atomic_load(&e->over) ? INT64_MAX : renewed + e->o.renew_deadline;
}

bool election_is_held(const struct election *e)
{
    int64_t deadline = election_deadline(e);
    return deadline != INT64_MAX && clock_mono(e->o.clock) < deadline - e->o.renew_deadline / 5;
}

static void lose(struct election *e)
{
    if (!atomic_exchange(&e->over, true))
        e->o.on_lost(e->o.arg);
}

void election_check_deadline(struct election *e)
{
    if (clock_mono(e->o.clock) >= election_deadline(e))
        lose(e);
}

void election_end(struct election *e)
{
    atomic_store(&e->over, true);
}

/* ---- the Lease ------------------------------------------------------------------------------- */

static const char *holder_of(const json_t *record)
{
    return str_or(JSTR(record, "spec", "holderIdentity"), "");
}

static bool is_ours(const struct election *e)
{
    return str_eq(holder_of(e->record), e->o.identity);
}

static bool is_others(const struct election *e)
{
    return !str_empty(holder_of(e->record)) && !is_ours(e);
}

/* Takes over what the server answered. */
static struct err *adopt(struct election *e, json_t *record)
{
    if (str_empty(JSTR(record, "metadata", "resourceVersion"))) {
        json_decref(record);
        return err_new(ERR_TRANSIENT, "BadAnswer", "the answer is not a Lease");
    }
    json_decref(e->record);
    e->record = record;
    return NULL;
}

/* How long the holder asked others to wait. */
static int64_t duration_of(const struct election *e)
{
    int64_t seconds = JINT(e->record, 0, "spec", "leaseDurationSeconds");
    return seconds > 0 && seconds <= SECONDS_MAX ? seconds * NS_PER_SEC : e->o.duration;
}

/* Reads the Lease. The time of another's renewal is the time we see it; a Lease that is deleted
 * under its holder is not free before that one has had the time to notice. */
static struct err *look(struct election *e)
{
    const struct kube_ref ref = ref_of(e);
    json_t *now = NULL;
    struct err *err = kube_get(e->o.client, &ref, 0, &now);
    if (err_is(err, ERR_NOT_FOUND)) {
        err_free(err);
        json_decref(TAKE(e->record));
        return NULL;
    }
    TRY(err);
    bool changed = !json_same(JGET(now, "spec"), JGET(e->record, "spec"));
    TRY(adopt(e, now));
    if (!is_others(e))
        e->free_at = 0;
    else if (changed)
        e->free_at = clock_mono(e->o.clock) + duration_of(e);
    return NULL;
}

/* The Lease as it shall be: what we do not know in it stays. */
static json_t *next_record(const struct election *e, const char *holder, int64_t duration)
{
    json_t *next =
        e->record != NULL
            ? json_copy_deep(e->record)
            : json_build("{s:s,s:s,s:{s:s,s:s}}", "apiVersion", "coordination.k8s.io/v1", "kind",
                         "Lease", "metadata", "name", e->o.name, "namespace", e->o.ns);
    char now[RFC3339_MAX];
    rfc3339_format_micro(clock_wall(e->o.clock), now);
    bool taken = !str_empty(holder) && !is_ours(e);
    json_int_t seconds = duration / NS_PER_SEC;
    json_int_t transitions = JINT(e->record, 0, "spec", "leaseTransitions");
    if (taken && e->record != NULL && transitions < INT32_MAX)
        transitions++;
    json_auto_t *patch =
        json_build("{s:{s:s,s:I,s:s,s:s*,s:I}}", "spec", "holderIdentity", holder,
                   "leaseDurationSeconds", seconds, "renewTime", now, "acquireTime",
                   taken ? now : NULL, "leaseTransitions", transitions);
    json_merge_patch(next, patch);
    return next;
}

static struct err *write_record(struct election *e, const char *holder, int64_t duration)
{
    const struct kube_ref ref = ref_of(e);
    json_auto_t *next = next_record(e, holder, duration);
    json_t *answer = NULL;
    if (e->record != NULL)
        TRY(kube_update(e->o.client, &ref, next, &answer));
    else
        TRY(kube_create(e->o.client, &ref, 0, next, &answer));
    return adopt(e, answer);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static struct err *claim(struct election *e)
{
    int64_t sent = clock_mono(e->o.clock);
    TRY(write_record(e, e->o.identity, e->o.duration));
    if (atomic_exchange(&e->renewed, sent) == 0 && !atomic_load(&e->over))
        e->o.on_acquired(e->o.arg);
    return NULL;
}

static struct err *campaign(struct election *e)
{
    TRY(look(e));
    if (clock_mono(e->o.clock) < e->free_at)
        return NULL;
    return err_ignore(claim(e), ERR_CONFLICT); /* another was faster */
}

/* Writes without reading first. A conflict is another holder, somebody's edit, or a renewal of ours
 * whose answer was lost. */
static struct err *renew(struct election *e)
{
    struct err *err = claim(e);
    if (!err_is(err, ERR_CONFLICT) && !err_is(err, ERR_NOT_FOUND))
        return err;
    err_free(err);
    TRY(look(e));
    if (is_others(e)) {
        err = err_new(ERR_CONFLICT, "LeaseTaken", "taken by %s", holder_of(e->record));
        lose(e);
        return err;
    }
    return claim(e);
}

struct err *election_step(struct election *e)
{
    election_check_deadline(e);
    if (atomic_load(&e->over))
        return NULL;
    bool held = atomic_load(&e->renewed) != 0;
    return err_wrap(held ? renew(e) : campaign(e), "lease %s/%s", e->o.ns, e->o.name);
}

struct err *election_resign(struct election *e)
{
    bool held = election_deadline(e) != INT64_MAX && e->record != NULL;
    election_end(e);
    if (!held)
        return NULL;
    struct err *err = write_record(e, "", NS_PER_SEC);
    if (err_is(err, ERR_CONFLICT)) {
        err_free(err);
        TRY(look(e));
        err = is_ours(e) ? write_record(e, "", NS_PER_SEC) : NULL;
    }
    return err_wrap(err, "giving up lease %s/%s", e->o.ns, e->o.name);
}
