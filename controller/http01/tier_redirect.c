/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name's own web server sends the CA on to a central host, whose Ingress is in certroll's namespace and leads
 * to certroll's own replicas: hosts outside the cluster need a line of configuration, and nothing in the cluster.
 */
#include "base/mem.h"
#include "base/str.h"
#include "http01/objects.h"
#include "http01/responder.h"
#include "http01/routes.h"

static bool configured(const struct solver_http01 *config)
{
    return config->redirect != NULL;
}

/* Host names are compared in lower case. */
static void host(const struct solver_http01 *config, const char *name, char out[DNS_NAME_MAX + 1])
{
    char text[DNS_NAME_MAX + 1];
    (void)name;
    http01_forward_host(config->redirect->url, text);
    if (!dns_name_copy(text, out))
        out[0] = '\0';
}

/* All tokens are for the one host. */
static struct err *present(const struct http01_env *env, const struct http01_presentation *p)
{
    const struct http01_redirect *redirect = p->config->redirect;
    struct err *bad = http01_forward_check(redirect->url);
    if (bad != NULL)
        return err_wrap(bad, "spec.acme.solvers[].http01.redirect.url");
    char central[DNS_NAME_MAX + 1];
    host(p->config, NULL, central);
    auto_free struct http01_route *routes = x_calloc(p->count + 1, sizeof(*routes));
    for (size_t i = 0; i < p->count; i++)
        routes[i] = (struct http01_route){.host = central, .token = p->routes[i].token};
    struct http01_presentation sent_on = *p;
    sent_on.routes = routes;
    const struct http01_ingress_config config = {
        .ingress_class_name = redirect->ingress_class_name,
        .field = "redirect.ingressTemplate",
        .ingress_template = redirect->ingress_template,
    };
    return http01_present_moved(env, &sent_on, &config);
}

/* The shared tier finds what both have made. */
const struct http01_tier http01_tier_redirect = {
    .name = "redirect",
    .configured = configured,
    .granted = true,
    .host = host,
    .present = present,
    .clear = http01_clear_moved,
};
