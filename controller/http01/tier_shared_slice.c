/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certroll's own replicas answer, and an Ingress in the Certificate's namespace leads to them: by a Service there
 * without selector, whose EndpointSlice holds the cluster IP of certroll's own Service. Its pods come and go behind that,
 * so that nothing has to follow them. The Order owns Ingress and Service, and the Service its EndpointSlice.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "http01/objects.h"
#include "http01/owned.h"
#include "http01/routes.h"

static bool configured(const struct solver_http01 *config)
{
    return config->shared != NULL && config->shared->endpoint_slice;
}

/* ---- where certroll's own Service is ---- */

/* "10.96.0.7"; what is not there yet is waited for: the chart may be about to make it. Owned. */
static struct err *cluster_ip(const struct http01_env *env, char **ret_address)
{
    const struct http01_responder *r = &env->responder;
    const struct kube_ref ref = {.res = &res_service, .ns = r->ns, .name = r->service};
    json_auto_t *service = NULL;
    TRY(err_ignore(kube_get(env->kube, &ref, 0, &service), ERR_NOT_FOUND));
    const char *address = JSTR(service, "spec", "clusterIP");
    if (str_empty(address) || str_eq(address, "None"))
        return err_new(ERR_TRANSIENT, HTTP01_ROUTE_WAITS,
                       "certroll's own Service %s/%s %s: EndpointSlices need one with a cluster IP",
                       r->ns, r->service, service == NULL ? "is not there" : "has none");
    *ret_address = x_strdup(address);
    return NULL;
}

/* ---- building ---- */

static json_t *service_body(const struct http01_presentation *p, const char *name)
{
    return json_build("{s:s,s:s,s:o,s:{s:[{s:s,s:i,s:s}]}}", "apiVersion", "v1", "kind", "Service",
                      "metadata", http01_metadata(p->order.ns, name, name, p->owner), "spec",
                      "ports", "name", "http", "port", HTTP01_PORT, "protocol", "TCP");
}

static json_t *slice_body(const char *ns, const char *name, const char *service_uid,
                          const char *address)
{
    json_auto_t *owner = json_build("{s:s,s:s,s:s,s:s}", "apiVersion", "v1", "kind", "Service",
                                    "name", name, "uid", service_uid);
    json_t *meta = http01_metadata(ns, name, name, owner);
    json_put_str(JGET(meta, "labels"), "kubernetes.io/service-name", name);
    json_put_str(JGET(meta, "labels"), "endpointslice.kubernetes.io/managed-by", "certroll.dev");
    return json_build("{s:s,s:s,s:o,s:s,s:[{s:s,s:i,s:s}],s:[{s:[s],s:{s:b}}]}", "apiVersion",
                      "discovery.k8s.io/v1", "kind", "EndpointSlice", "metadata", meta,
                      "addressType", strchr(address, ':') != NULL ? "IPv6" : "IPv4", "ports",
                      "name", "http", "port", HTTP01_PORT, "protocol", "TCP", "endpoints",
                      "addresses", address, "conditions", "ready", 1);
}

/* ---- presenting ---- */

static struct err *present_service(const struct http01_env *env,
                                   const struct http01_presentation *p, const char *name,
                                   json_t **ret_service)
{
    const struct kube_ref ref = {.res = &res_service, .ns = p->order.ns, .name = name};
    TRY(err_ignore(kube_get(env->kube, &ref, 0, ret_service), ERR_NOT_FOUND));
    if (*ret_service != NULL)
        return NULL;
    json_auto_t *body = service_body(p, name);
    return kube_create(env->kube, &ref, 0, body, ret_service);
}

static struct err *present_slice(const struct http01_env *env, const struct http01_presentation *p,
                                 const char *name)
{
    auto_free char *address = NULL;
    json_auto_t *service = NULL;
    TRY(cluster_ip(env, &address));
    TRY(present_service(env, p, name, &service), "Service");
    json_auto_t *body = slice_body(p->order.ns, name, JSTR(service, "metadata", "uid"), address);
    const struct kube_ref ref = {.res = &res_endpoint_slice, .ns = p->order.ns, .name = name};
    struct err *e = kube_apply(env->kube, &ref, 0, HTTP01_FIELD_MANAGER, body, NULL);
    if (err_is(e, ERR_DENIED))
        return err_wrap(e, "the chart's responder.endpointSlices.enabled lets certroll make it");
    return err_wrap(e, "EndpointSlice");
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
    TRY(http01_need_responder(env));
    char service[KUBE_NAME_MAX + 1];
    http01_moved_name(p, service); /* short enough for a Service, whatever the Order is called */
    json_auto_t *body = NULL;
    TRY(http01_ingress(p, service, &config, &body));
    TRY(present_slice(env, p, service));
    const struct kube_ref ref = {.res = &res_ingress, .ns = p->order.ns, .name = p->name};
    return kube_apply(env->kube, &ref, 0, HTTP01_FIELD_MANAGER, body, NULL);
}

/* ---- finding and removing ---- */

static struct err *clear(const struct http01_env *env, const struct http01_order *order)
{
    TRY(http01_clear_owned(env, &res_ingress, order));
    return http01_clear_owned(env, &res_service, order);
}

/* There is a Service wherever there is an Ingress. */
static struct err *adopt(const struct http01_env *env, http01_found_fn found, void *arg)
{
    return http01_adopt_owned(env, &res_service, found, arg);
}

const struct http01_tier http01_tier_shared_slice = {
    .name = "shared-endpointslice",
    .granted = true,
    .configured = configured,
    .host = http01_host_is_name,
    .present = present,
    .clear = clear,
    .places = http01_owned_places,
    .adopt = adopt,
};
