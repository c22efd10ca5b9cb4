/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certroll's own replicas answer, and an Ingress in certroll's own namespace leads to them. Nobody owns it, as
 * owners are of one namespace: it carries the key of its Order, and goes with it or when it is found again.
 */
#include "http01/objects.h"
#include "http01/routes.h"

static bool configured(const struct solver_http01 *config)
{
    const struct http01_shared *shared = config->shared;
    return shared != NULL && !shared->standing && !shared->endpoint_slice &&
           shared->gateway == NULL;
}

static struct err *present(const struct http01_env *env, const struct http01_presentation *p)
{
    const struct http01_shared *shared = p->config->shared;
    const struct http01_ingress_config config = {
        .ingress_class_name = shared->ingress_class_name,
        .class_name = shared->class_name,
        .field = "shared.ingressTemplate",
        .ingress_template = shared->ingress_template,
    };
    return http01_present_moved(env, p, &config);
}

const struct http01_tier http01_tier_shared = {
    .name = "shared",
    .granted = true,
    .configured = configured,
    .host = http01_host_is_name,
    .present = present,
    .clear = http01_clear_moved,
    .places = http01_moved_places,
    .adopt = http01_adopt_moved,
};
