/* SPDX-License-Identifier: Apache-2.0 */
/* A watch: the events of one kind, in order, each some time after it happened. */
#ifndef CERTROLL_TESTS_SIM_SIM_STREAM_H
#define CERTROLL_TESTS_SIM_SIM_STREAM_H

#include "sim/sim_api.h"

struct sim_stream {
    struct sim *sim;
    const struct sim_resource *res;
    int64_t lag_max; /* ns */
    void (*deliver)(void *arg, const struct sim_event *e);
    void *arg;
    size_t at;    /* the next event to look at */
    int64_t due;  /* of the next event of this kind, 0 = not drawn yet */
    int64_t last; /* when the one before was delivered */
};

/* From now on. */
void sim_stream_open(struct sim_stream *st, struct sim *s, const struct sim_resource *res);
/* Wall time of the next delivery, SIM_NEVER when nothing waits. */
int64_t sim_stream_next(struct sim_stream *st);
/* Delivers what is due. */
void sim_stream_happen(struct sim_stream *st);

#endif
