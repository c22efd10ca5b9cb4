/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/objects.h"

#include <string.h>

#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"
#include "http01/annotations.h"
#include "http01/responder.h"
#include "http01/template.h"
#include "pki/key.h"

const struct kube_resource res_pod = {"", "v1", "pods", "Pod", true};
const struct kube_resource res_service = {"", "v1", "services", "Service", true};
const struct kube_resource res_ingress = {"networking.k8s.io", "v1", "ingresses", "Ingress", true};
const struct kube_resource res_endpoint_slice = {"discovery.k8s.io", "v1", "endpointslices",
                                                 "EndpointSlice", true};

/* A well-formed token that no CA sends: the probe walks the same way as the CA's request. */
#define PROBE_PATH HTTP01_PATH "certroll-readiness-probe"

void http01_solver_name(const char *thumbprint, char out[KUBE_NAME_MAX + 1])
{
    char hex[PKI_SHA256_HEX];
    pki_sha256_hex(thumbprint, strlen(thumbprint), hex);
    hex[10] = '\0';
    str_copy(out, KUBE_NAME_MAX + 1, HTTP01_SOLVER);
    str_copy(out + strlen(out), KUBE_NAME_MAX + 1 - strlen(out), hex);
}

struct http01_pod_config http01_ingress_pod(const struct solver_http01 *config)
{
    return (struct http01_pod_config){.service_type = config->ingress->service_type,
                                      .pod_template = config->ingress->pod_template,
                                      .field = "ingress.podTemplate"};
}

json_t *http01_labels(const char *instance)
{
    json_t *labels = json_build("{s:s,s:s}", "app.kubernetes.io/name", "certroll-solver",
                                "app.kubernetes.io/instance", instance);
    json_put(labels, api_names()->http01_solver, json_build("s", "true"));
    return labels;
}

json_t *http01_metadata(const char *ns, const char *name, const char *instance, const json_t *owner)
{
    json_t *meta = json_build("{s:s,s:s,s:o}", "name", name, "namespace", ns, "labels",
                              http01_labels(instance));
    if (owner != NULL)
        json_put(meta, "ownerReferences", json_build("[O]", owner));
    return meta;
}

/* resources: the template's, or NULL. */
static json_t *container_of(const struct http01_solver *s, const json_t *resources)
{
    json_t *c =
        json_build("{s:s,s:s,s:s,s:[s,s,s,s,s],s:[{s:s,s:i}],s:{s:{s:s,s:s},s:{s:s}},s:o,s:o}",
                   "name", "solver", "image", s->image, "imagePullPolicy", "IfNotPresent", "args",
                   "solver", "--listen", ":8089", "--thumbprint", s->thumbprint, "ports", "name",
                   "http", "containerPort", HTTP01_PORT, "resources", "requests", "cpu", "1m",
                   "memory", "8Mi", "limits", "memory", "32Mi", "readinessProbe",
                   json_build("{s:{s:s,s:s},s:i}", "httpGet", "path", PROBE_PATH, "port", "http",
                              "periodSeconds", 1),
                   "securityContext",
                   json_build("{s:b,s:b,s:{s:[s]}}", "allowPrivilegeEscalation", 0,
                              "readOnlyRootFilesystem", 1, "capabilities", "drop", "ALL"));
    json_merge_patch(JGET(c, "resources"), resources);
    return c;
}

/* Whoever needs other ids, an SELinux level or a seccomp profile of the node says so, within what the
 * restricted Pod Security Standard allows; the container's own security context stays ours. */
static json_t *pod_security(const json_t *template)
{
    static const char *const members[] = {"fsGroup",   "fsGroupChangePolicy", "runAsGroup",
                                          "runAsUser", "supplementalGroups",  NULL};
    static const char *const selinux[] = {"level", NULL};
    const json_t *asked = JGET(template, "spec", "securityContext");
    const json_t *profile = JGET(asked, "seccompProfile");
    json_t *context = http01_pick(asked, members);
    if (JINT(context, 0, "runAsUser") <= 0)
        json_put(context, "runAsUser", json_build("i", 65532));
    json_put(context, "runAsNonRoot", json_build("b", 1));
    if (str_eq(JSTR(profile, "type"), "Localhost"))
        json_put(context, "seccompProfile", json_copy_deep(profile));
    else
        json_put(context, "seccompProfile", json_build("{s:s}", "type", "RuntimeDefault"));
    if (JGET(asked, "seLinuxOptions", "level") != NULL)
        json_put(context, "seLinuxOptions", http01_pick(JGET(asked, "seLinuxOptions"), selinux));
    return context;
}

/* The template has resources for the one container there is; a pod's own mean something else. */
static json_t *pod_spec(const struct http01_solver *s, const json_t *template)
{
    return json_build("{s:[o],s:s,s:b,s:b,s:o,s:{s:s},s:i}", "containers",
                      container_of(s, JGET(template, "spec", "resources")), "restartPolicy",
                      "Always", "automountServiceAccountToken", 0, "enableServiceLinks", 0,
                      "securityContext", pod_security(template), "nodeSelector", "kubernetes.io/os",
                      "linux", "terminationGracePeriodSeconds", 2);
}

static json_t *pod_from(const json_t *template)
{
    static const char *const members[] = {"affinity",
                                          "imagePullSecrets",
                                          "nodeSelector",
                                          "priorityClassName",
                                          "serviceAccountName",
                                          "tolerations",
                                          NULL};
    return json_build("{s:o,s:o}", "metadata", http01_template_metadata(template), "spec",
                      http01_pick(JGET(template, "spec"), members));
}

struct err *http01_pod(const struct http01_solver *s, json_t **ret_pod)
{
    char name[KUBE_NAME_MAX + 1];
    http01_solver_name(s->thumbprint, name);
    json_auto_t *template = NULL;
    TRY(http01_template_parse(s->config.field, s->config.pod_template, &template));
    json_auto_t *ours =
        json_build("{s:s,s:s,s:o,s:o}", "apiVersion", "v1", "kind", "Pod", "metadata",
                   http01_metadata(s->ns, name, name, s->owner), "spec", pod_spec(s, template));
    json_put(JGET(ours, "metadata"), "annotations",
             json_build("{s:s,s:s}", "sidecar.istio.io/inject", "false",
                        "cluster-autoscaler.kubernetes.io/safe-to-evict", "true"));
    json_t *pod = pod_from(template);
    json_merge_patch(pod, ours);
    *ret_pod = pod;
    return NULL;
}

struct err *http01_service(const struct http01_solver *s, json_t **ret_service)
{
    char name[KUBE_NAME_MAX + 1];
    http01_solver_name(s->thumbprint, name);
    *ret_service = json_build(
        "{s:s,s:s,s:o,s:{s:s,s:o,s:[{s:s,s:i,s:s,s:s}]}}", "apiVersion", "v1", "kind", "Service",
        "metadata", http01_metadata(s->ns, name, name, s->owner), "spec", "type",
        str_or(s->config.service_type, "ClusterIP"), "selector", http01_labels(name), "ports",
        "name", "http", "port", HTTP01_PORT, "targetPort", "http", "protocol", "TCP");
    return NULL;
}

json_t *http01_ingress_path(const struct http01_route *route, const char *service)
{
    auto_free char *path = x_printf(HTTP01_PATH "%s", str_or(route->token, ""));
    return json_build("{s:s,s:s,s:{s:{s:s,s:{s:i}}}}", "path", path, "pathType",
                      route->token != NULL ? "Exact" : "Prefix", "backend", "service", "name",
                      service, "port", "number", HTTP01_PORT);
}

/* An Ingress has no word for the host of an IP address: such a rule is for all hosts, and its path says
 * enough. */
static json_t *rule_for(const struct http01_route *route, const char *service)
{
    const char *host = http01_host_is_ip(route->host) ? NULL : route->host;
    return json_build("{s:s*,s:{s:[o]}}", "host", host, "http", "paths",
                      http01_ingress_path(route, service));
}

/* Who knows the ingress controller better says so in the template. */
static json_t *ingress_annotations(const struct http01_ingress_config *config,
                                   const json_t *template)
{
    json_t *a = http01_open_annotations();
    json_merge_patch(a, JGET(template, "metadata", "annotations"));
    if (!str_empty(config->class_name))
        json_put_str(a, "kubernetes.io/ingress.class", config->class_name);
    return a;
}

struct err *http01_ingress(const struct http01_presentation *p, const char *service,
                           const struct http01_ingress_config *config, json_t **ret_ingress)
{
    json_auto_t *template = NULL;
    TRY(http01_template_parse(config->field, config->ingress_template, &template));
    json_t *rules = json_new_array();
    for (size_t i = 0; i < p->count; i++)
        json_push(rules, rule_for(&p->routes[i], service));
    json_auto_t *ours =
        json_build("{s:s,s:s,s:o,s:{s:o}}", "apiVersion", "networking.k8s.io/v1", "kind", "Ingress",
                   "metadata", http01_metadata(p->order.ns, p->name, service, p->owner), "spec",
                   "rules", rules);
    if (!str_empty(config->ingress_class_name))
        json_put_str(JGET(ours, "spec"), "ingressClassName", config->ingress_class_name);
    json_put(JGET(ours, "metadata"), "annotations", ingress_annotations(config, template));
    json_t *ingress = json_build("{s:o}", "metadata", http01_template_metadata(template));
    json_merge_patch(ingress, ours);
    *ret_ingress = ingress;
    return NULL;
}
