/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "sim/sim_check.h"
#include "sim/sim_cluster.h"
#include "sim/sim_gateway.h"
#include "sim/sim_store.h"

#define GC_DELAY_MAX (20 * NS_PER_SEC)
#define GRACE_PERIOD (2 * NS_PER_SEC)

#define OURS "certroll.dev"
#define OUR_ACME "acme.certroll.dev"

static const struct sim_resource resources[] = {
    {OURS, "v1", "certificates", "Certificate", true, false},
    {OURS, "v1", "certificaterequests", "CertificateRequest", true, false},
    {OURS, "v1", "issuers", "Issuer", true, false},
    {OURS, "v1", "clusterissuers", "ClusterIssuer", true, false},
    {OUR_ACME, "v1", "orders", "Order", true, false},
    {OUR_ACME, "v1", "challenges", "Challenge", true, false},
    {"coordination.k8s.io", "v1", "leases", "Lease", false, false},
    {"", "v1", "secrets", "Secret", false, true},
    {"", "v1", "configmaps", "ConfigMap", false, false},
    {"", "v1", "pods", "Pod", true, false},
    {"", "v1", "services", "Service", true, false},
    {"networking.k8s.io", "v1", "ingresses", "Ingress", true, false},
    {"apps", "v1", "deployments", "Deployment", true, true},
    {"apps", "v1", "statefulsets", "StatefulSet", true, true},
    {"apps", "v1", "daemonsets", "DaemonSet", true, true},
    {SIM_GATEWAY_GROUP, "v1", "gateways", "Gateway", true, false},
    {SIM_GATEWAY_GROUP, "v1", "httproutes", "HTTPRoute", true, false},
    {SIM_GATEWAY_GROUP, "v1beta1", "referencegrants", "ReferenceGrant", false, false},
    {"batch", "v1", "jobs", "Job", true, false},
    {"", "v1", "namespaces", "Namespace", true, false},
    {"discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", false, false},
};

const struct sim_writer sim_kubectl = {"kubectl", false};
const struct sim_writer sim_cluster_writer = {"kube-controller-manager", false};

const struct sim_resource *sim_resource(const char *plural)
{
    for (size_t i = 0; i < ARRAY_LEN(resources); i++)
        if (str_eq(resources[i].plural, plural))
            return &resources[i];
    return NULL;
}

bool sim_resource_is_workload(const struct sim_resource *res)
{
    return str_eq(res->group, "apps");
}

struct sim_api *sim_api_new(struct sim *s)
{
    struct sim_api *a = x_calloc(1, sizeof(*a));
    a->sim = s;
    a->version = 1000;
    return a;
}

static void object_free(struct sim_object *o)
{
    json_decref(o->json);
    free(o->ns);
    free(o->name);
    free(o->uid);
    free(o);
}

void sim_api_free(struct sim_api *a)
{
    for (size_t i = 0; i < a->len; i++)
        object_free(a->objects[i]);
    for (size_t i = 0; i < a->event_len; i++)
        json_decref(a->events[i].object);
    free(a->objects);
    free(a->events);
    free(a);
}

/* ---- looking ---- */

static int order_of(const struct sim_object *o, const struct sim_resource *res, const char *ns,
                    const char *name)
{
    if (o->res != res)
        return o->res < res ? -1 : 1;
    int order = strcmp(o->ns, str_or(ns, ""));
    return order != 0 ? order : strcmp(o->name, name);
}

/* The first place that is not before the key. */
static size_t place_of(const struct sim_api *a, const struct sim_resource *res, const char *ns,
                       const char *name)
{
    size_t lo = 0, hi = a->len;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (order_of(a->objects[mid], res, ns, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct sim_object *sim_api_find(const struct sim_api *a, const char *plural, const char *ns,
                                const char *name)
{
    const struct sim_resource *res = sim_resource(plural);
    size_t i = place_of(a, res, ns, name);
    return i < a->len && order_of(a->objects[i], res, ns, name) == 0 ? a->objects[i] : NULL;
}

const json_t *sim_api_json(const struct sim_api *a, const char *plural, const char *ns,
                           const char *name)
{
    const struct sim_object *o = sim_api_find(a, plural, ns, name);
    return o != NULL ? o->json : NULL;
}

const json_t *sim_condition(const json_t *object, const char *type)
{
    const json_t *all = JGET(object, "status", "conditions");
    for (size_t i = 0; i < json_count(all); i++)
        if (str_eq(JSTR(json_item(all, i), "type"), type))
            return json_item(all, i);
    return NULL;
}

struct sim_object **sim_api_all(const struct sim_api *a, const char *plural)
{
    struct sim_object **all = x_calloc(a->len + 1, sizeof(*all));
    size_t n = 0;
    for (size_t i = 0; i < a->len; i++)
        if (plural == NULL || str_eq(a->objects[i]->res->plural, plural))
            all[n++] = a->objects[i];
    return all;
}

bool sim_api_has_uid(const struct sim_api *a, const char *uid)
{
    for (size_t i = 0; i < a->len; i++)
        if (str_eq(a->objects[i]->uid, uid))
            return true;
    return false;
}

const struct sim_event *sim_api_event(const struct sim_api *a, size_t i)
{
    return i < a->event_len ? &a->events[i] : NULL;
}

size_t sim_api_event_count(const struct sim_api *a)
{
    return a->event_len;
}

char *sim_api_version(const struct sim_api *a)
{
    return x_printf("%llu", (unsigned long long)a->version);
}

/* ---- writing ---- */

/* Takes over the new version, and returns the old one. */
static json_t *exchange(struct sim_object *o, json_t *now)
{
    json_t *old = o->json;
    o->json = now;
    return old;
}

static void log_event(struct sim_api *a, enum sim_change change, const struct sim_object *o)
{
    if (a->event_len == a->event_cap) {
        a->event_cap = a->event_cap > 0 ? a->event_cap * 2 : 256;
        a->events = x_realloc(a->events, a->event_cap * sizeof(*a->events));
    }
    a->events[a->event_len++] = (struct sim_event){
        .change = change, .res = o->res, .object = json_incref(o->json), .at = sim_now(a->sim)};
}

static void set_version(struct sim_api *a, json_t *object)
{
    auto_free char *text = x_printf("%llu", (unsigned long long)++a->version);
    json_put_str(JGET(object, "metadata"), "resourceVersion", text);
}

static struct sim_object *insert(struct sim_api *a, const struct sim_resource *res, json_t *json)
{
    const char *ns = JSTR(json, "metadata", "namespace");
    const char *name = JSTR(json, "metadata", "name");
    size_t at = place_of(a, res, ns, name);
    if (a->len == a->cap) {
        a->cap = a->cap > 0 ? a->cap * 2 : 64;
        a->objects = x_realloc(a->objects, a->cap * sizeof(struct sim_object *));
    }
    memmove(&a->objects[at + 1], &a->objects[at], (a->len - at) * sizeof(struct sim_object *));
    struct sim_object *o = x_calloc(1, sizeof(*o));
    *o = (struct sim_object){.res = res,
                             .json = json,
                             .ns = x_strdup(str_or(ns, "")),
                             .name = x_strdup(name),
                             .uid = x_strdup(JSTR(json, "metadata", "uid")),
                             .due = SIM_NEVER,
                             .collect_at = SIM_NEVER};
    a->objects[at] = o;
    a->len++;
    return o;
}

static void add_identity(struct sim_api *a, json_t *object)
{
    char when[RFC3339_MAX];
    rfc3339_format(sim_now(a->sim), when);
    auto_free char *uid =
        x_printf("00000000-0000-4000-8000-%012llx", (unsigned long long)++a->uids);
    json_t *meta = JGET(object, "metadata");
    json_put_str(meta, "uid", uid);
    json_put_str(meta, "creationTimestamp", when);
    json_put(meta, "generation", json_build("i", 1));
}

/* An owner that is not there: the garbage collector will see it. */
static void plan_collection(struct sim_api *a, struct sim_object *o)
{
    const json_t *owners = JGET(o->json, "metadata", "ownerReferences");
    if (json_count(owners) == 0 || JSTR(o->json, "metadata", "deletionTimestamp") != NULL)
        return;
    for (size_t i = 0; i < json_count(owners); i++)
        if (sim_api_has_uid(a, JSTR(json_item(owners, i), "uid")))
            return;
    if (o->collect_at == SIM_NEVER)
        o->collect_at = sim_now(a->sim) + sim_delay(a->sim, GC_DELAY_MAX);
}

struct comparison {
    const json_t *other;
    bool same;
};

static bool is_same(void *arg, const char *key, json_t *value)
{
    struct comparison *c = arg;
    if (!str_eq(key, "metadata") && !str_eq(key, "status"))
        c->same = json_same(value, JGET(c->other, key));
    return c->same;
}

/* Did the part change whose changes count as a new generation? */
static bool spec_differs(const json_t *was, const json_t *is)
{
    struct comparison forth = {is, true}, back = {was, true};
    json_each(was, is_same, &forth);
    json_each(is, is_same, &back);
    return !forth.same || !back.same;
}

static void carry_identity(const json_t *old, json_t *now)
{
    static const char *const kept[] = {"uid", "creationTimestamp", "resourceVersion",
                                       "deletionTimestamp", "generation"};
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        json_t *value = JGET(old, "metadata", kept[i]);
        if (value != NULL)
            json_put(JGET(now, "metadata"), kept[i], json_incref(value));
        else
            json_drop(JGET(now, "metadata"), kept[i]);
    }
}

static struct sim_object *replace(struct sim_api *a, struct sim_object *o, json_t *now,
                                  const struct sim_writer *writer)
{
    carry_identity(o->json, now);
    if (json_same(o->json, now)) {
        json_decref(now);
        return o;
    }
    if (spec_differs(o->json, now))
        json_put(JGET(now, "metadata"), "generation",
                 json_build("I", JINT(now, 0, "metadata", "generation") + 1));
    set_version(a, now);
    json_auto_t *old = exchange(o, now);
    log_event(a, SIM_MODIFIED, o);
    sim_check_write(a->sim, o->res, old, now, writer);
    sim_cluster_changed(a->sim, o, old);
    return o;
}

struct sim_object *sim_store(struct sim_api *a, const struct sim_resource *res, json_t *now,
                             const struct sim_writer *writer)
{
    const char *ns = JSTR(now, "metadata", "namespace");
    struct sim_object *o = sim_api_find(a, res->plural, ns, JSTR(now, "metadata", "name"));
    if (o != NULL)
        return replace(a, o, now, writer);
    add_identity(a, now);
    set_version(a, now);
    o = insert(a, res, now);
    log_event(a, SIM_ADDED, o);
    plan_collection(a, o);
    sim_check_write(a->sim, res, NULL, now, writer);
    sim_cluster_changed(a->sim, o, NULL);
    return o;
}

static bool share(void *arg, const char *key, json_t *value)
{
    json_t *copy = arg;
    json_put(copy, key, str_eq(key, "metadata") ? json_copy_deep(value) : json_incref(value));
    return true;
}

json_t *sim_store_copy(const json_t *object)
{
    json_t *copy = json_new_object();
    json_each(object, share, copy);
    return copy;
}

void sim_store_remove(struct sim_api *a, struct sim_object *o, const struct sim_writer *writer)
{
    size_t at = 0;
    while (a->objects[at] != o)
        at++;
    a->len--;
    memmove(&a->objects[at], &a->objects[at + 1], (a->len - at) * sizeof(struct sim_object *));
    json_auto_t *old = exchange(o, sim_store_copy(o->json));
    set_version(a, o->json);
    log_event(a, SIM_DELETED, o);
    for (size_t i = 0; i < a->len; i++)
        plan_collection(a, a->objects[i]);
    sim_check_write(a->sim, o->res, old, NULL, writer);
    object_free(o);
}

bool sim_store_is_held(const struct sim_object *o)
{
    return json_count(JGET(o->json, "metadata", "finalizers")) > 0;
}

void sim_store_delete(struct sim_api *a, struct sim_object *o, const struct sim_writer *writer)
{
    bool graceful =
        str_eq(o->res->plural, "pods") && str_eq(JSTR(o->json, "status", "phase"), "Running");
    if (!graceful && !sim_store_is_held(o)) {
        sim_store_remove(a, o, writer);
        return;
    }
    if (JSTR(o->json, "metadata", "deletionTimestamp") != NULL)
        return;
    char when[RFC3339_MAX];
    rfc3339_format(sim_now(a->sim) + (graceful ? GRACE_PERIOD : 0), when);
    json_t *now = sim_store_copy(o->json);
    json_put_str(JGET(now, "metadata"), "deletionTimestamp", when);
    set_version(a, now);
    json_auto_t *old = exchange(o, now);
    log_event(a, SIM_MODIFIED, o);
    if (graceful)
        o->due = sim_now(a->sim) + sim_delay(a->sim, GRACE_PERIOD);
    sim_check_write(a->sim, o->res, old, now, writer);
}

/* ---- users and the cluster ---- */

void sim_api_put(struct sim_api *a, const char *plural, json_t *object,
                 const struct sim_writer *writer)
{
    const struct sim_resource *res = sim_resource(plural);
    const char *ns = JSTR(object, "metadata", "namespace");
    const json_t *old = sim_api_json(a, plural, ns, JSTR(object, "metadata", "name"));
    if (res->tracks_updates)
        sim_apply_note_update(old, object, writer->manager);
    sim_store(a, res, object, writer);
}

void sim_api_delete(struct sim_api *a, const char *plural, const char *ns, const char *name)
{
    struct sim_object *o = sim_api_find(a, plural, ns, name);
    if (o != NULL)
        sim_store_delete(a, o, &sim_kubectl);
}
