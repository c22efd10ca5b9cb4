/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A controller of the Gateway API, in every fifth wide life: there HTTPRoutes lead to what answers the CA. It learns of
 * its objects late. Other lives' clusters do not know these kinds.
 */
#ifndef CERTROLL_TESTS_SIM_SIM_GATEWAY_H
#define CERTROLL_TESTS_SIM_SIM_GATEWAY_H

#include "sim/sim_api.h"

#define SIM_GATEWAY_GROUP "gateway.networking.k8s.io"

static inline bool sim_gateway_is_on(const struct sim *s)
{
    return sim_is_wide(s) && s->seed % 5 == 3;
}

struct sim_gateway *sim_gateway_new(struct sim *s);
void sim_gateway_free(struct sim_gateway *g);
int64_t sim_gateway_next(struct sim_gateway *g);
void sim_gateway_happen(struct sim_gateway *g);

/* gatewayHTTPRoute of a solver, owned. */
json_t *sim_gateway_config(void);
/* Where requests for http://host/path go: a Service, borrowed. Nowhere: nothing is changed. */
void sim_gateway_find(const struct sim_gateway *g, const char *host, const char *path,
                      const char **ret_ns, const char **ret_service);

#endif
