/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/gateway.h"

#include "base/mem.h"
#include "base/str.h"
#include "http01/objects.h"
#include "http01/owned.h"
#include "http01/responder.h"
#include "http01/status.h"

const struct kube_resource res_http_route = {HTTP01_GATEWAY_GROUP, "v1", "httproutes", "HTTPRoute",
                                             true};
const struct kube_resource res_gateway = {HTTP01_GATEWAY_GROUP, "v1", "gateways", "Gateway", true};
const struct kube_resource res_listener_set = {HTTP01_GATEWAY_GROUP, "v1", "listenersets",
                                               "ListenerSet", true};

/* ---- building ---- */

static json_t *parents_of(const struct http01_gateway *config)
{
    json_t *parents = json_new_array();
    for (size_t i = 0; i < config->parent_refs.len; i++) {
        const struct gateway_parent_ref *ref = &config->parent_refs.items[i];
        json_t *parent = json_build("{s:s*,s:s*,s:s*,s:s,s:s*}", "group", ref->group, "kind",
                                    ref->kind, "namespace", ref->namespace, "name", ref->name,
                                    "sectionName", ref->section_name);
        if (ref->port != 0)
            json_put(parent, "port", json_build("I", (json_int_t)ref->port));
        json_push(parents, parent);
    }
    return parents;
}

/* Each host goes with each path: what answers looks at both, or all of an account have the same answer. */
static json_t *spec_of(const struct http01_presentation *p, const struct http01_gateway *config,
                       const struct http01_backend *backend)
{
    json_t *hosts = json_new_array();
    json_t *matches = json_new_array();
    for (size_t i = 0; i < p->count; i++) {
        auto_free char *path = x_printf(HTTP01_PATH "%s", p->routes[i].token);
        if (!http01_host_is_ip(p->routes[i].host))
            json_push(hosts, json_new_string(p->routes[i].host));
        json_push(matches, json_build("{s:{s:s,s:s}}", "path", "type", "Exact", "value", path));
    }
    json_t *spec =
        json_build("{s:o,s:[{s:o,s:[{s:s*,s:s,s:i}]}]}", "parentRefs", parents_of(config), "rules",
                   "matches", matches, "backendRefs", "namespace", backend->ns, "name",
                   backend->service, "port", HTTP01_PORT);
    json_put(spec, "hostnames", hosts);
    if (json_count(hosts) == 0)
        json_drop(spec, "hostnames");
    return spec;
}

json_t *http01_http_route(const struct http01_presentation *p, const struct http01_gateway *config,
                          const struct http01_backend *backend)
{
    json_t *labels = json_new_object();
    for (size_t i = 0; i < config->labels.len; i++)
        json_put_str(labels, config->labels.items[i].key, config->labels.items[i].value);
    json_auto_t *ours = json_build(
        "{s:s,s:s,s:o,s:o}", "apiVersion", HTTP01_GATEWAY_GROUP "/v1", "kind", "HTTPRoute",
        "metadata", http01_metadata(p->order.ns, p->name, backend->service, p->owner), "spec",
        spec_of(p, config, backend));
    json_t *route = json_build("{s:{s:o}}", "metadata", "labels", labels);
    json_merge_patch(route, ours);
    return route;
}

/* ---- presenting ---- */

struct err *http01_gateway_apply(const struct http01_env *env, const struct kube_ref *ref,
                                 const json_t *body)
{
    struct err *e = kube_apply(env->kube, ref, 0, HTTP01_FIELD_MANAGER, body, NULL);
    if (err_is(e, ERR_DENIED))
        return err_wrap(e, "the chart's gatewayAPI.enabled lets certroll make it");
    if (!err_is(e, ERR_NOT_FOUND))
        return e;
    err_free(e);
    return err_new(ERR_INVALID, "InvalidSolver",
                   "the cluster has no %s (" HTTP01_GATEWAY_GROUP
                   "/%s): install the Gateway API, or use a solver "
                   "that makes an Ingress",
                   ref->res->kind, ref->res->version);
}

static struct err *apply(const struct http01_env *env, const struct http01_presentation *p,
                         const struct http01_gateway *config, const struct http01_backend *backend)
{
    const struct kube_ref ref = {.res = &res_http_route, .ns = p->order.ns, .name = p->name};
    json_auto_t *body = http01_http_route(p, config, backend);
    return http01_gateway_apply(env, &ref, body);
}

/* Names first, then addresses: the two do not fit into one HTTPRoute. */
static size_t sort_routes(const struct http01_presentation *p, struct http01_route *out)
{
    size_t names = 0;
    size_t last = p->count;
    for (size_t i = 0; i < p->count; i++)
        if (http01_host_is_ip(p->routes[i].host))
            out[--last] = p->routes[i];
        else
            out[names++] = p->routes[i];
    return names;
}

struct err *http01_present_gateway(const struct http01_env *env,
                                   const struct http01_presentation *p,
                                   const struct http01_gateway *config,
                                   const struct http01_backend *backend)
{
    auto_free struct http01_route *routes = x_calloc(p->count + 1, sizeof(*routes));
    size_t names = sort_routes(p, routes);
    size_t end;
    for (size_t from = 0; from < p->count; from = end) {
        end = from < names ? names : p->count;
        if (end - from > HTTP01_ROUTE_HOSTS)
            end = from + HTTP01_ROUTE_HOSTS;
        struct http01_presentation part = *p;
        auto_free char *suffix = x_printf("h%zu", from);
        char name[KUBE_NAME_MAX + 1];
        name_join(p->name, suffix, KUBE_NAME_MAX, name);
        part.name = from == 0 ? p->name : name;
        part.routes = routes + from;
        part.count = end - from;
        TRY(apply(env, &part, config, backend), "HTTPRoute");
    }
    return NULL;
}

/* ---- finding and removing ---- */

struct err *http01_gateway_absent(struct err *e)
{
    if (e == NULL || (e->http_status != 403 && e->http_status != 404))
        return e;
    err_free(e);
    return NULL;
}

struct err *http01_clear_gateway(const struct http01_env *env, const struct http01_order *order)
{
    return http01_gateway_absent(http01_clear_owned(env, &res_http_route, order));
}

struct err *http01_adopt_gateway(const struct http01_env *env, http01_found_fn found, void *arg)
{
    return http01_gateway_absent(http01_adopt_owned(env, &res_http_route, found, arg));
}

/* ---- where requests enter ---- */

struct looking {
    const struct http01_env *env;
    const char *host;
    struct strlist *places;
};

static bool has_host(const json_t *route, const char *host)
{
    const json_t *hosts = JGET(route, "spec", "hostnames");
    if (json_count(hosts) == 0)
        return http01_host_is_ip(host);
    for (size_t i = 0; i < json_count(hosts); i++)
        if (str_eq(json_text(json_item(hosts, i)), host))
            return true;
    return false;
}

/* A ListenerSet has the addresses of the Gateway that it belongs to. */
static struct err *read_parent(const struct looking *l, const char *ns, const json_t *ref)
{
    const char *in = str_or(JSTR(ref, "namespace"), ns);
    json_auto_t *set = NULL;
    if (str_eq(JSTR(ref, "kind"), "ListenerSet")) {
        const struct kube_ref r = {.res = &res_listener_set, .ns = in, .name = JSTR(ref, "name")};
        TRY(err_ignore(kube_get(l->env->kube, &r, 0, &set), ERR_NOT_FOUND));
        ref = JGET(set, "spec", "parentRef");
        in = str_or(JSTR(ref, "namespace"), in);
    }
    if (JSTR(ref, "name") == NULL || !str_eq(str_or(JSTR(ref, "kind"), "Gateway"), "Gateway"))
        return NULL;
    const struct kube_ref r = {.res = &res_gateway, .ns = in, .name = JSTR(ref, "name")};
    json_auto_t *gateway = NULL;
    TRY(err_ignore(kube_get(l->env->kube, &r, 0, &gateway), ERR_NOT_FOUND));
    http01_gateway_addresses(gateway, l->places);
    return NULL;
}

static struct err *read_places(void *arg, const json_t *route)
{
    const struct looking *l = arg;
    const json_t *parents = JGET(route, "spec", "parentRefs");
    if (!has_host(route, l->host))
        return NULL;
    for (size_t i = 0; i < json_count(parents); i++)
        TRY(read_parent(l, JSTR(route, "metadata", "namespace"), json_item(parents, i)));
    return NULL;
}

struct err *http01_gateway_places(const struct http01_env *env, const struct http01_order *order,
                                  const char *host, struct strlist *places)
{
    struct looking l = {env, host, places};
    return http01_owned_each(env, &res_http_route, order, read_places, &l);
}
