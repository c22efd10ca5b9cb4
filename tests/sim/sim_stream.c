/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_stream.h"

void sim_stream_open(struct sim_stream *st, struct sim *s, const struct sim_resource *res)
{
    st->sim = s;
    st->res = res;
    st->at = sim_api_event_count(s->api);
    st->due = 0;
    st->last = 0;
}

static const struct sim_event *next_event(struct sim_stream *st)
{
    const struct sim_event *e;
    while ((e = sim_api_event(st->sim->api, st->at)) != NULL && e->res != st->res)
        st->at++;
    return e;
}

int64_t sim_stream_next(struct sim_stream *st)
{
    const struct sim_event *e = next_event(st);
    if (e == NULL)
        return SIM_NEVER;
    if (st->due == 0) {
        st->due = e->at + sim_delay(st->sim, st->lag_max);
        if (st->due < st->last)
            st->due = st->last;
    }
    return st->due;
}

void sim_stream_happen(struct sim_stream *st)
{
    while (sim_stream_next(st) <= sim_now(st->sim)) {
        const struct sim_event *e = next_event(st);
        st->at++;
        st->last = st->due;
        st->due = 0;
        st->deliver(st->arg, e);
    }
}
