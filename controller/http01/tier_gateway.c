/* SPDX-License-Identifier: Apache-2.0 */
/* A solver Pod in the namespace, and HTTPRoutes there that lead to it. */
#include "http01/gateway.h"
#include "http01/objects.h"

static bool configured(const struct solver_http01 *config)
{
    return config->gateway != NULL;
}

static struct http01_pod_config pod(const struct solver_http01 *config)
{
    return (struct http01_pod_config){.service_type = config->gateway->service_type,
                                      .pod_template = config->gateway->pod_template,
                                      .field = "gatewayHTTPRoute.podTemplate"};
}

static struct err *present(const struct http01_env *env, const struct http01_presentation *p)
{
    char service[KUBE_NAME_MAX + 1];
    http01_solver_name(p->thumbprint, service);
    const struct http01_backend backend = {.service = service};
    return http01_present_gateway(env, p, p->config->gateway, &backend);
}

const struct http01_tier http01_tier_gateway = {
    .name = "gateway",
    .configured = configured,
    .pod = pod,
    .present = present,
    .clear = http01_clear_gateway,
    .places = http01_gateway_places,
    .adopt = http01_adopt_gateway,
};
