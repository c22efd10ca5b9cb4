/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rest of the cluster: the garbage collector, kubelets, the controllers of workloads, and an
 * ingress controller that learns of its objects late.
 */
#ifndef CERTROLL_TESTS_SIM_SIM_CLUSTER_H
#define CERTROLL_TESTS_SIM_SIM_CLUSTER_H

#include "base/buf.h"
#include "sim/sim_api.h"

struct sim_cluster *sim_cluster_new(struct sim *s);
void sim_cluster_free(struct sim_cluster *c);

/* The store tells of each new version; old is NULL for a new object. */
void sim_cluster_changed(struct sim *s, struct sim_object *o, const json_t *old);
int64_t sim_cluster_next(struct sim_cluster *c);
void sim_cluster_happen(struct sim_cluster *c);

/* GET http://host/path from outside: the HTTP status; the body of a 200. */
int sim_cluster_fetch(struct sim_cluster *c, const char *host, const char *path, struct buf *body);

/* When the first of the running containers of a workload started; SIM_NEVER when none runs. */
int64_t sim_cluster_oldest_container(struct sim *s, const json_t *workload);

#endif
