/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network: an http_transport that hands requests to the API server, the CA or the ingress by host.
 * A call takes time, in which the world goes on and other reconciles run; it may fail before or after
 * it was done, and certroll may be killed in it.
 */
#ifndef CERTROLL_TESTS_SIM_SIM_NET_H
#define CERTROLL_TESTS_SIM_SIM_NET_H

#include "net/http.h"
#include "sim/sim.h"

#define SIM_API_HOST "kube.test"

struct sim_net *sim_net_new(struct sim *s);
void sim_net_free(struct sim_net *n);
const struct http_transport *sim_net_transport(const struct sim_net *n);
/* newOrder calls that were done and whose answer was lost: each leaves an order that nobody knows. */
unsigned sim_net_lost_orders(const struct sim_net *n);

#endif
