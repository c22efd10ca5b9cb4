/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network: an http_transport that hands requests to the API server, the CA or the ingress by host.
 * A call takes time, in which the world goes on and other reconciles run; it may fail before or after
 * it was done, and certroll may be killed in it.
 */
#ifndef CERTROLL_TESTS_SIM_SIM_NET_H
#define CERTROLL_TESTS_SIM_SIM_NET_H

#include "net/dns.h"
#include "net/http.h"
#include "sim/sim.h"

#define SIM_API_HOST "kube.test"

struct sim_replica;

/* Who calls: the reconcilers of a replica, whose changes need the lease, or its election. */
struct sim_caller {
    struct http_transport transport;
    struct dns_transport dns; /* every name has one address; servers fail now and then */
    struct sim_net *net;
    struct sim_replica *replica;
    bool is_election;
};

struct sim_net *sim_net_new(struct sim *s);
void sim_net_free(struct sim_net *n);
/* Fills in the caller, which stays where it is while it calls. */
void sim_net_connect(struct sim_net *n, struct sim_caller *caller, struct sim_replica *r,
                     bool is_election);
/* From now on and until then (wall ns) the CA of that host, a literal, cannot be reached, or answers 503 only. */
void sim_net_ca_outage(struct sim_net *n, const char *host, int64_t until);
/* Of 1000 calls so many fail, and so many kill certroll, from now on. */
void sim_net_set_rates(struct sim_net *n, int faults, int kills);
/* newOrder calls that were done and whose answer was lost: each leaves an order that nobody knows. */
unsigned sim_net_lost_orders(const struct sim_net *n);
/* Calls so far, and those of them that went wrong. */
unsigned sim_net_calls(const struct sim_net *n);
unsigned sim_net_faults(const struct sim_net *n);
/* When the last one did, wall ns; 0 = never. */
int64_t sim_net_last_fault(const struct sim_net *n);

#endif
