/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_cluster.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "sim/sim_gateway.h"
#include "sim/sim_store.h"
#include "sim/sim_stream.h"
#include "sim/sim_tenants.h"

#define KUBELET_DELAY_MAX (5 * NS_PER_SEC)
#define ROLLOUT_DELAY_MAX (20 * NS_PER_SEC)
#define INGRESS_LAG_MAX (8 * NS_PER_SEC)

struct sim_cluster {
    struct sim *sim;
    struct sim_stream ingresses;
    json_t *routes; /* "ns/name" -> Ingress, as the ingress controller has it */
};

/* ---- the ingress controller ---- */

static void learn_route(void *arg, const struct sim_event *e)
{
    struct sim_cluster *c = arg;
    auto_free char *key = x_printf("%s/%s", JSTR(e->object, "metadata", "namespace"),
                                   JSTR(e->object, "metadata", "name"));
    if (e->change == SIM_DELETED)
        json_drop(c->routes, key);
    else
        json_put(c->routes, key, json_incref(e->object));
}

struct sim_cluster *sim_cluster_new(struct sim *s)
{
    struct sim_cluster *c = x_calloc(1, sizeof(*c));
    c->sim = s;
    c->routes = json_new_object();
    c->ingresses =
        (struct sim_stream){.lag_max = INGRESS_LAG_MAX, .deliver = learn_route, .arg = c};
    sim_stream_open(&c->ingresses, s, sim_resource("ingresses"));
    return c;
}

void sim_cluster_free(struct sim_cluster *c)
{
    json_decref(c->routes);
    free(c);
}

struct lookup {
    const char *host;
    const char *path;
    unsigned nearest; /* of the rules for the host: no other is looked at */
    bool exact;       /* a path of its own was found, which goes before what begins like it */
    const char *ns;   /* of the Ingress found, with its Service */
    const char *service;
};

/* How near a rule comes to a host: 3 is the host itself, 2 a wildcard, 1 all hosts, 0 none of them. */
static unsigned nearness(const json_t *rule, const char *host)
{
    const char *of = JSTR(rule, "host"), *parent = strchr(host, '.');
    if (of == NULL)
        return 1;
    if (str_eq(of, host))
        return 3;
    return parent != NULL && str_starts(of, "*.") && str_eq(of + 1, parent) ? 2 : 0;
}

/* Of sites, which lead from "/" on, nobody is asked here. */
static bool leads_to(const json_t *rule_path, const char *type, const char *path)
{
    const char *of = str_or(JSTR(rule_path, "path"), "/");
    if (!str_eq(JSTR(rule_path, "pathType"), type))
        return false;
    return str_eq(type, "Exact") ? str_eq(of, path) : !str_eq(of, "/") && str_starts(path, of);
}

static void look_at_rule(struct lookup *l, const json_t *ingress, const json_t *rule)
{
    const json_t *paths = JGET(rule, "http", "paths");
    unsigned near = nearness(rule, l->host);
    if (near > l->nearest) {
        l->nearest = near;
        l->exact = false;
        l->service = NULL;
    }
    for (size_t i = 0; i < json_count(paths) && near > 0 && near == l->nearest; i++) {
        const json_t *path = json_item(paths, i);
        bool exact = leads_to(path, "Exact", l->path);
        if (!exact && (l->exact || !leads_to(path, "Prefix", l->path)))
            continue;
        l->exact = exact;
        l->ns = JSTR(ingress, "metadata", "namespace");
        l->service = JSTR(path, "backend", "service", "name");
    }
}

static bool look_at_route(void *arg, const char *key, json_t *ingress)
{
    const json_t *rules = JGET(ingress, "spec", "rules");
    (void)key;
    for (size_t i = 0; i < json_count(rules); i++)
        look_at_rule(arg, ingress, json_item(rules, i));
    return true;
}

struct match {
    const json_t *labels;
    bool all;
};

static bool label_matches(void *arg, const char *key, json_t *value)
{
    struct match *m = arg;
    m->all = str_eq(JSTR(m->labels, key), json_text(value));
    return m->all;
}

static bool selects(const json_t *selector, const json_t *pod)
{
    struct match m = {.labels = JGET(pod, "metadata", "labels"), .all = json_count(selector) > 0};
    json_each(selector, label_matches, &m);
    return m.all;
}

static bool is_serving(const json_t *pod)
{
    return str_eq(JSTR(pod, "status", "phase"), "Running") &&
           JSTR(pod, "metadata", "deletionTimestamp") == NULL;
}

/* The pod that a Service leads to, or NULL. */
static const json_t *endpoint(struct sim *s, const char *ns, const json_t *service)
{
    auto_free struct sim_object **pods = sim_api_all(s->api, "pods");
    for (size_t i = 0; pods[i] != NULL; i++)
        if (str_eq(JSTR(pods[i]->json, "metadata", "namespace"), ns) && is_serving(pods[i]->json) &&
            selects(JGET(service, "spec", "selector"), pods[i]->json))
            return pods[i]->json;
    return NULL;
}

/* What `certroll solver --thumbprint T` answers, from the arguments that the pod was given. */
static int solver_answer(const json_t *pod, const char *path, struct buf *body)
{
    const json_t *args = JGET(pod, "spec", "containers", "0", "args");
    for (size_t i = 0; i + 1 < json_count(args); i++) {
        if (!str_eq(json_text(json_item(args, i)), "--thumbprint"))
            continue;
        buf_putf(body, "%s.%s", strrchr(path, '/') + 1, json_text(json_item(args, i + 1)));
        return 200;
    }
    return 502;
}

int sim_cluster_fetch(struct sim_cluster *c, const char *host, const char *path, struct buf *body)
{
    struct lookup l = {.host = host, .path = path};
    json_each(c->routes, look_at_route, &l);
    if (!l.exact)
        sim_gateway_find(c->sim->gateway, host, path, &l.ns, &l.service);
    if (l.service == NULL)
        return 404;
    if (str_eq(l.ns, "certroll") && str_eq(l.service, SIM_TENANTS_SERVICE)) {
        int status = sim_tenants_answer(c->sim, host, path, body);
        return status != 0 ? status : 503;
    }
    const json_t *service = sim_api_json(c->sim->api, "services", l.ns, l.service);
    const json_t *pod = service != NULL ? endpoint(c->sim, l.ns, service) : NULL;
    return pod != NULL ? solver_answer(pod, path, body) : 503;
}

/* ---- kubelets ---- */

static void start_pod(struct sim *s, const struct sim_object *o)
{
    char when[RFC3339_MAX];
    rfc3339_format(sim_now(s), when);
    json_t *pod = json_copy_deep(o->json);
    json_put(pod, "status",
             json_build("{s:s,s:[{s:{s:{s:s}}}]}", "phase", "Running", "containerStatuses", "state",
                        "running", "startedAt", when));
    sim_api_put(s->api, "pods", pod, &sim_cluster_writer);
}

static void look_at_pod(struct sim *s, struct sim_object *o)
{
    if (JSTR(o->json, "metadata", "deletionTimestamp") != NULL)
        sim_store_remove(s->api, o, &sim_cluster_writer);
    else if (JSTR(o->json, "status", "phase") == NULL)
        start_pod(s, o);
}

/* ---- workloads: Deployments, StatefulSets, DaemonSets (on a cluster of one node) ---- */

static bool is_daemon(const json_t *workload)
{
    return str_eq(JSTR(workload, "kind"), "DaemonSet");
}

static int64_t wanted_pods(const json_t *workload)
{
    return is_daemon(workload) ? 1 : JINT(workload, 1, "spec", "replicas");
}

static bool runs_here(const json_t *pod, const json_t *workload)
{
    return str_eq(JSTR(pod, "metadata", "namespace"), JSTR(workload, "metadata", "namespace")) &&
           str_eq(JSTR(pod, "metadata", "labels", "app"), JSTR(workload, "metadata", "name"));
}

int64_t sim_cluster_oldest_container(struct sim *s, const json_t *workload)
{
    auto_free struct sim_object **pods = sim_api_all(s->api, "pods");
    int64_t oldest = SIM_NEVER;
    for (size_t i = 0; pods[i] != NULL; i++) {
        const char *text = JSTR(pods[i]->json, "status", "containerStatuses", "0", "state",
                                "running", "startedAt");
        int64_t at = SIM_NEVER;
        if (text != NULL && runs_here(pods[i]->json, workload))
            err_drop(rfc3339_parse(text, &at)); /* we wrote it */
        oldest = at < oldest ? at : oldest;
    }
    return oldest;
}

static void put_status(struct sim *s, const struct sim_resource *res, const json_t *workload,
                       int64_t updated)
{
    json_t *now = json_copy_deep(workload);
    json_int_t seen = JINT(workload, 0, "metadata", "generation");
    json_t *status =
        is_daemon(workload)
            ? json_build("{s:I,s:I,s:I,s:I}", "observedGeneration", seen, "desiredNumberScheduled",
                         (json_int_t)1, "updatedNumberScheduled", updated, "numberAvailable",
                         updated)
            : json_build("{s:I,s:I,s:I,s:I}", "observedGeneration", seen, "replicas", updated,
                         "updatedReplicas", updated, "availableReplicas", updated);
    json_put(now, "status", status);
    sim_api_put(s->api, res->plural, now, &sim_cluster_writer);
}

static void remove_pods(struct sim *s, const json_t *workload)
{
    auto_free struct sim_object **pods = sim_api_all(s->api, "pods");
    for (size_t i = 0; pods[i] != NULL; i++)
        if (runs_here(pods[i]->json, workload))
            sim_store_remove(s->api, pods[i], &sim_cluster_writer);
}

static const char *mounted_secret(const json_t *workload)
{
    return JSTR(workload, "spec", "template", "spec", "volumes", "0", "secret", "secretName");
}

/* All pods at once: how carefully they are replaced is not what is tested. They start when their
 * volume can be mounted. */
static void replace_pods(struct sim *s, struct sim_object *o)
{
    const struct sim_resource *res = o->res;
    json_auto_t *workload = json_incref(o->json);
    const char *ns = JSTR(workload, "metadata", "namespace");
    const char *name = JSTR(workload, "metadata", "name");
    if (sim_api_find(s->api, "secrets", ns, mounted_secret(workload)) == NULL)
        return;
    remove_pods(s, workload);
    auto_free char *version = sim_api_version(s->api);
    for (int64_t i = 0; i < wanted_pods(workload); i++) {
        auto_free char *pod = x_printf("%s-%s-%lld", name, version, (long long)i);
        char when[RFC3339_MAX];
        rfc3339_format(sim_now(s), when);
        json_t *json = json_build(
            "{s:s,s:s,s:{s:s,s:s,s:{s:s}},s:{s:s,s:[{s:{s:{s:s}}}]}}", "apiVersion", "v1", "kind",
            "Pod", "metadata", "name", pod, "namespace", ns, "labels", "app", name, "status",
            "phase", "Running", "containerStatuses", "state", "running", "startedAt", when);
        sim_api_put(s->api, "pods", json, &sim_cluster_writer);
    }
    put_status(s, res, workload, wanted_pods(workload));
}

static bool is_observed(const json_t *workload)
{
    return JINT(workload, 0, "status", "observedGeneration") ==
           JINT(workload, 0, "metadata", "generation");
}

static bool is_rolled(const json_t *workload)
{
    const char *field = is_daemon(workload) ? "numberAvailable" : "availableReplicas";
    return is_observed(workload) && JINT(workload, 0, "status", field) == wanted_pods(workload);
}

static void look_at_workload(struct sim *s, struct sim_object *o)
{
    if (!is_observed(o->json))
        put_status(s, o->res, o->json, 0);
    else if (!is_rolled(o->json))
        replace_pods(s, o);
}

/* ---- due work ---- */

/* Pods wait for a Secret. */
static void wake_pods(struct sim *s, const json_t *secret)
{
    for (size_t i = 0; i < s->api->len; i++) {
        struct sim_object *o = s->api->objects[i];
        if (sim_resource_is_workload(o->res) && !is_rolled(o->json) &&
            str_eq(JSTR(o->json, "metadata", "namespace"), JSTR(secret, "metadata", "namespace")) &&
            str_eq(mounted_secret(o->json), JSTR(secret, "metadata", "name")))
            o->due = sim_now(s) + sim_delay(s, ROLLOUT_DELAY_MAX);
    }
}

void sim_cluster_changed(struct sim *s, struct sim_object *o, const json_t *old)
{
    if (str_eq(o->res->plural, "secrets") && old == NULL)
        wake_pods(s, o->json);
    if (str_eq(o->res->plural, "pods") && JSTR(o->json, "status", "phase") == NULL)
        o->due = sim_now(s) + sim_delay(s, KUBELET_DELAY_MAX);
    if (sim_resource_is_workload(o->res) && !is_rolled(o->json))
        o->due = sim_now(s) + sim_delay(s, ROLLOUT_DELAY_MAX);
}

int64_t sim_cluster_next(struct sim_cluster *c)
{
    int64_t next = sim_stream_next(&c->ingresses);
    const struct sim_api *a = c->sim->api;
    for (size_t i = 0; i < a->len; i++) {
        const struct sim_object *o = a->objects[i];
        next = o->due < next ? o->due : next;
        next = o->collect_at < next ? o->collect_at : next;
    }
    return next;
}

/* One object at a time: looking at it may change the list. */
static bool look_at_one(struct sim_cluster *c)
{
    struct sim *s = c->sim;
    const int64_t now = sim_now(s);
    for (size_t i = 0; i < s->api->len; i++) {
        struct sim_object *o = s->api->objects[i];
        if (o->collect_at <= now) {
            sim_note(s, "the garbage collector removes %s %s", o->res->kind,
                     JSTR(o->json, "metadata", "name"));
            o->collect_at = SIM_NEVER;
            if (sim_store_is_held(o))
                sim_store_delete(s->api, o, &sim_cluster_writer);
            else
                sim_store_remove(s->api, o, &sim_cluster_writer);
            return true;
        }
        if (o->due > now)
            continue;
        o->due = SIM_NEVER;
        if (str_eq(o->res->plural, "pods"))
            look_at_pod(s, o);
        else
            look_at_workload(s, o);
        return true;
    }
    return false;
}

void sim_cluster_happen(struct sim_cluster *c)
{
    while (look_at_one(c))
        ;
    sim_stream_happen(&c->ingresses);
}
