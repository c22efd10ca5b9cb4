/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leader election as a state machine over a clock and a client, without threads. lease.c drives it;
 * tests drive it by hand.
 */
#ifndef CERTROLL_KUBE_ELECTION_H
#define CERTROLL_KUBE_ELECTION_H

#include <stdatomic.h>
#include <stdbool.h>

#include "kube/lease.h"

/* Mono times in ns. Only the stepping thread uses what is not atomic. */
struct election {
    struct lease_options o; /* strings owned, times filled in */
    json_t *record;         /* the Lease as last read or written; NULL = there is none */
    int64_t free_at;        /* others may take the lease from then on, as seen from here */
    /* Just before the last renewal that succeeded was sent; 0 = not acquired yet. */
    _Atomic int64_t renewed;
    atomic_bool over; /* lost or resigned: nothing changes any more */
};

/* As lease_start(); e is released by election_release() in any case. */
struct err *election_init(struct election *e, const struct lease_options *o) MUST_CHECK;
void election_release(struct election *e);

/* One try to acquire or to renew; at most three requests. Calls on_acquired and on_lost. Not being
 * first is no error. */
struct err *election_step(struct election *e) MUST_CHECK;
/* When to step next: the retry period and its jitter from now. */
int64_t election_next(const struct election *e);
/* When the lease is lost unless it is renewed before; INT64_MAX while it is not held. Any thread.
 * */
int64_t election_deadline(const struct election *e);
/* Loses the lease when the deadline has passed. Any thread. */
void election_check_deadline(struct election *e);
/* As lease_held(). Any thread. */
bool election_is_held(const struct election *e);
/* Gives the lease up, on the server too if it is held. Nothing is called. */
struct err *election_resign(struct election *e) MUST_CHECK;
/* The same without telling the server. */
void election_end(struct election *e);

#endif
