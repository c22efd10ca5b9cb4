/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Candidates for one Lease, in a simulated time in which everything that is allowed to go wrong
 * does: requests are slow, fail before or after they had their effect, or have it long after they
 * failed; processes stop anywhere, also within a request, for longer than the lease lasts; who
 * loses is replaced. Never may two hold it; and when all is quiet one must.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/election.h"
#include "lease_server.h"

#define WALL (INT64_C(1790000000) * NS_PER_SEC)
#define CANDIDATES 3
#define SEEDS 1000
#define STORM (150 * NS_PER_SEC)
#define CALM (60 * NS_PER_SEC)

struct world;
struct candidate {
    struct world *world;
    struct http_transport transport;
    struct kube_client *client;
    struct election election;
    char name[32];
    bool is_busy; /* in a step */
    bool lost;
    int64_t next;
    /* A write that failed for its sender and is still under way. */
    struct fake_request late;
    int64_t late_at;
};

struct world {
    uint64_t seed;
    struct clock_manual hands;
    struct rng_seeded dice;
    struct lease_server server;
    struct candidate candidates[CANDIDATES];
    bool is_calm;
    unsigned born, acquisitions;
};

static int64_t now(const struct world *w)
{
    return clock_mono(&w->hands.clock);
}

static bool chance(struct world *w, unsigned percent)
{
    return !w->is_calm && rng_below(&w->dice.rng, 100) < percent;
}

static unsigned holders(const struct world *w)
{
    unsigned n = 0;
    for (size_t i = 0; i < CANDIDATES; i++)
        n += election_is_held(&w->candidates[i].election);
    return n;
}

static void check(const struct world *w)
{
    if (holders(w) > 1)
        fail_msg("seed %llu: two hold the lease", (unsigned long long)w->seed);
}

/* ---- candidates ---- */

static void on_acquired(void *arg)
{
    struct candidate *c = arg;
    c->world->acquisitions++;
    check(c->world);
}

static void on_lost(void *arg)
{
    struct candidate *c = arg;
    assert_false(c->lost);
    c->lost = true;
}

static void be_born(struct candidate *c)
{
    struct world *w = c->world;
    snprintf(c->name, sizeof(c->name), "candidate-%u", ++w->born);
    const struct lease_options o = {
        .client = c->client,
        .ns = "certroll",
        .name = "certroll-controller",
        .identity = c->name,
        .clock = &w->hands.clock,
        .rng = &w->dice.rng,
        .retry = 3 * NS_PER_SEC,
        .on_acquired = on_acquired,
        .on_lost = on_lost,
        .arg = c,
    };
    assert_null(election_init(&c->election, &o));
    c->lost = false;
    c->next = now(w) + rng_between(&w->dice.rng, 0, 5 * NS_PER_SEC);
}

static void let_step(struct candidate *c)
{
    struct world *w = c->world;
    c->is_busy = true;
    bool resigns = chance(w, 1);
    err_drop(resigns ? election_resign(&c->election) : election_step(&c->election));
    check(w);
    c->is_busy = false;
    c->next = election_next(&c->election);
    if (chance(w, 5))
        c->next += rng_between(&w->dice.rng, 0, 30 * NS_PER_SEC);
    if (c->lost || resigns) {
        election_release(&c->election);
        be_born(c);
    }
}

/* ---- time ---- */

static void let_late_write_arrive(struct candidate *c)
{
    struct http_response answer = {0};
    err_drop(lease_server_answer(&c->world->server, &c->late, &answer));
    http_response_release(&answer);
    free(c->late.line);
    free(c->late.body);
    c->late_at = INT64_MAX;
}

static int64_t next_of(const struct candidate *c)
{
    int64_t step = c->is_busy ? INT64_MAX : c->next;
    return c->late_at < step ? c->late_at : step;
}

/* Lets all that happens until then happen, in its order. Those who are in a step stay there. */
static void run_until(struct world *w, int64_t end)
{
    for (;;) {
        struct candidate *first = &w->candidates[0];
        for (size_t i = 1; i < CANDIDATES; i++)
            if (next_of(&w->candidates[i]) < next_of(first))
                first = &w->candidates[i];
        int64_t at = next_of(first) < end ? next_of(first) : end;
        if (at > now(w))
            clock_manual_advance(&w->hands, at - now(w));
        check(w);
        if (next_of(first) > end)
            return;
        if (first->late_at <= at)
            let_late_write_arrive(first);
        else
            let_step(first);
    }
}

static void pass_time(struct world *w)
{
    int64_t most = chance(w, 4) ? 30 * NS_PER_SEC : chance(w, 30) ? 2 * NS_PER_SEC : NS_PER_MS;
    run_until(w, now(w) + rng_between(&w->dice.rng, 0, most));
}

/* ---- the network ---- */

static struct err *call(void *ctx, const struct http_request *req, const struct stop *stop,
                        struct http_response *ret)
{
    (void)stop;
    struct candidate *c = ctx;
    struct world *w = c->world;
    struct fake_request seen = {.line = x_printf("%s %s", req->method, req->url),
                                .body =
                                    x_strndup(req->body != NULL ? req->body : "", req->body_len)};
    pass_time(w);
    struct err *e = NULL;
    if (c->late_at == INT64_MAX && chance(w, 5)) {
        c->late = seen;
        c->late_at = now(w) + rng_between(&w->dice.rng, 0, 25 * NS_PER_SEC);
        seen = (struct fake_request){0};
        e = err_new(ERR_TRANSIENT, "Timeout", "later");
    } else if (chance(w, 10)) {
        e = err_new(ERR_TRANSIENT, "ConnectFailed", "before");
    } else {
        e = lease_server_answer(&w->server, &seen, ret);
    }
    pass_time(w);
    if (e == NULL && chance(w, 10)) {
        http_response_release(ret);
        e = err_new(ERR_TRANSIENT, "Timeout", "after");
    }
    free(seen.line);
    free(seen.body);
    return e;
}

/* ---- the test ---- */

static void open_world(struct world *w, uint64_t seed)
{
    *w = (struct world){.seed = seed};
    clock_manual_init(&w->hands, WALL);
    rng_seeded_init(&w->dice, seed);
    lease_server_init(&w->server);
    char server[] = "https://api";
    const struct kube_config config = {.server = server};
    for (size_t i = 0; i < CANDIDATES; i++) {
        struct candidate *c = &w->candidates[i];
        c->world = w;
        c->transport = (struct http_transport){.call = call, .ctx = c};
        c->late_at = INT64_MAX;
        assert_null(kube_client_new(&config, &c->transport, &w->hands.clock, NULL, &c->client));
        be_born(c);
    }
}

static void close_world(struct world *w)
{
    for (size_t i = 0; i < CANDIDATES; i++) {
        if (w->candidates[i].late_at != INT64_MAX)
            let_late_write_arrive(&w->candidates[i]);
        election_release(&w->candidates[i].election);
        kube_client_free(w->candidates[i].client);
    }
    lease_server_release(&w->server);
}

static void test_never_two(void **state)
{
    (void)state;
    unsigned acquisitions = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world w;
        open_world(&w, seed);
        run_until(&w, now(&w) + STORM);
        w.is_calm = true;
        run_until(&w, now(&w) + CALM);
        if (holders(&w) != 1)
            fail_msg("seed %llu: nobody holds the lease", (unsigned long long)seed);
        acquisitions += w.acquisitions;
        close_world(&w);
    }
    /* Else the storm was none. */
    assert_true(acquisitions > 3 * SEEDS);
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
