/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leader election on a coordination.k8s.io/v1 Lease: 15 s lease, 10 s renew deadline, 1 s retry
 * plus up to 0.5 s of jitter, on a thread and a connection of its own. Expiry is judged by locally
 * observed change, never by the holder's clock. This is not fencing: every change of the world
 * asks lease_gate() first, and the process exits when the renew deadline passes.
 */
#ifndef CERTROLL_KUBE_LEASE_H
#define CERTROLL_KUBE_LEASE_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/rand.h"
#include "kube/client.h"

struct lease_options {
    /* Its own: made over a transport of its own that has no gate, and with a stop token that is not
     * set before lease_stop() has returned. Its time-out is set here. */
    struct kube_client *client;
    const char *ns;
    const char *name;
    const char *identity; /* "<pod>_<uuid>" */
    const struct clock *clock;
    const struct rng *rng;
    int64_t duration;               /* ns, whole seconds; 0 = 15 s */
    int64_t renew_deadline;         /* ns; 0 = 10 s */
    int64_t retry;                  /* ns; 0 = 1 s */
    void (*on_acquired)(void *arg); /* once, lease thread */
    /* The lease was lost: does not return in production (exits). Once, on a thread of the lease. */
    void (*on_lost)(void *arg);
    /* A try to acquire or renew failed; more follow. May be NULL. Lease thread, or the one that
     * stops it. */
    void (*on_error)(void *arg, const struct err *e);
    void *arg;
};
struct lease;
/* Strings are copied, the rest must outlive the lease. ERR_INVALID: times that do not fit together,
 * or names that are none. */
struct err *lease_start(const struct lease_options *o, struct lease **ret_lease) MUST_CHECK;
/* True while a change may be sent: held, and renewed less than the renew deadline ago, with a fifth
 * of it (2 s) as margin. Any thread, no blocking. */
bool lease_held(const struct lease *l);
/* An http_gate over lease_held(): ERR_CANCELLED, reason NotLeader. arg is the struct lease. */
struct err *lease_gate(void *lease);
/* Stops renewing and joins the threads; lease_held() is false from then on. With release a lease
 * that is held is given up (holderIdentity "", duration 1 s), so that another need not wait. Not
 * from the callbacks. */
void lease_stop(struct lease *l, bool release);
/* Accepts NULL; stops first where that was not done. */
void lease_free(struct lease *l);

#endif
