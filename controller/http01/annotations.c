/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/annotations.h"

#include "base/mem.h"

/*
 * The class of an Ingress does not tell which project serves it, as everybody names classes as they like: each Ingress
 * carries all. Only what is documented, and only what turns off what an administrator may have turned on for
 * all Ingresses; with no documented word for it (a login that is forced for all by haproxy-ingress, HAProxy
 * Technologies' controller, Traefik's entry points or a global plugin of Kong) a name needs another tier.
 */
static const struct {
    const char *name;
    const char *value;
} table[] = {
    /* ingress-nginx: redirects where the host has TLS, or everywhere; global-auth-url; an allow-list for all. */
    {"nginx.ingress.kubernetes.io/ssl-redirect", "false"},
    {"nginx.ingress.kubernetes.io/force-ssl-redirect", "false"},
    {"nginx.ingress.kubernetes.io/enable-global-auth", "false"},
    {"nginx.ingress.kubernetes.io/whitelist-source-range", "0.0.0.0/0,::/0"},
    /* haproxy-ingress: redirects unless told otherwise, where no-tls-redirect-locations lacks our path. */
    {"haproxy-ingress.github.io/ssl-redirect", "false"},
    /* HAProxy Technologies: redirects where the Ingress has TLS, or where the ConfigMap says so. */
    {"haproxy.org/ssl-redirect", "false"},
    /* haproxy-ingress to 0.10, and NGINX's own controller. */
    {"ingress.kubernetes.io/ssl-redirect", "false"},
    /* Contour, Kong. */
    {"ingress.kubernetes.io/force-ssl-redirect", "false"},
    /* Kong: a route for https alone answers 426. */
    {"konghq.com/protocols", "http,https"},
    /* Traefik: the longest rule is first unless another has a priority; the most that it takes everywhere. */
    {"traefik.ingress.kubernetes.io/router.priority", "2147482647"},
};

json_t *http01_open_annotations(void)
{
    json_t *annotations = json_new_object();
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        json_put_str(annotations, table[i].name, table[i].value);
    return annotations;
}
