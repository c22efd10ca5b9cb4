/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/workload.h"

#include <string.h>

#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"

#define META(type, member, name, ...) BIND_ROW(struct object_meta, type, member, name, __VA_ARGS__)
static const struct bind_field meta_fields[] = {
    META(STRING, name, "name", .flags = BIND_REQUIRED),
    META(STRING, namespace, "namespace"),
    META(STRING, uid, "uid"),
    META(STRING, resource_version, "resourceVersion"),
    META(INT, generation, "generation"),
    META(TIME, deletion_timestamp, "deletionTimestamp"),
};
static const struct bind_table meta_table =
    BIND_TABLE("ObjectMeta", struct object_meta, meta_fields);

#define ROW(type, member, name, ...) BIND_ROW(struct workload, type, member, name, __VA_ARGS__)
/* The members of the digest that decode() makes. */
static const struct bind_field fields[] = {
    ROW(OBJECT, obj.meta, "metadata", .flags = BIND_REQUIRED, .table = &meta_table),
    ROW(STRINGS, secrets, "secrets"),
    ROW(STRING, opt, "opt"),
    ROW(STRING, seen, "seen"),
    ROW(STRING, rolled, "rolled"),
    ROW(INT, observed_generation, "observedGeneration"),
    ROW(INT, replicas, "replicas"),
    ROW(INT, existing, "existing"),
    ROW(INT, updated, "updated"),
    ROW(INT, available, "available"),
};
static const struct bind_table workload_table = BIND_TABLE("Workload", struct workload, fields);

/* ---- which Secrets a pod template uses ---- */

static void add_name(struct strlist *l, const char *name)
{
    if (!str_empty(name))
        strlist_add(l, name);
}

static void add_volumes(struct strlist *l, const json_t *volumes)
{
    for (size_t i = 0; i < json_count(volumes); i++) {
        const json_t *v = json_item(volumes, i);
        add_name(l, JSTR(v, "secret", "secretName"));
        const json_t *sources = JGET(v, "projected", "sources");
        for (size_t k = 0; k < json_count(sources); k++)
            add_name(l, JSTR(json_item(sources, k), "secret", "name"));
    }
}

static void add_containers(struct strlist *l, const json_t *containers)
{
    for (size_t i = 0; i < json_count(containers); i++) {
        const json_t *c = json_item(containers, i);
        const json_t *env = JGET(c, "env");
        for (size_t k = 0; k < json_count(env); k++)
            add_name(l, JSTR(json_item(env, k), "valueFrom", "secretKeyRef", "name"));
        const json_t *from = JGET(c, "envFrom");
        for (size_t k = 0; k < json_count(from); k++)
            add_name(l, JSTR(json_item(from, k), "secretRef", "name"));
    }
}

static json_t *secrets_of(const json_t *pod_spec)
{
    AUTO(strlist_release) struct strlist l = {0};
    add_volumes(&l, JGET(pod_spec, "volumes"));
    add_containers(&l, JGET(pod_spec, "containers"));
    add_containers(&l, JGET(pod_spec, "initContainers"));
    strlist_uniq(&l);
    return json_from_strlist(&l);
}

/* A DaemonSet counts nodes where the others count replicas. */
static void put_progress(json_t *digest, const json_t *object)
{
    const json_t *status = JGET(object, "status");
    int64_t wanted = JINT(status, -1, "desiredNumberScheduled");
    bool daemon = wanted >= 0;
    if (!daemon)
        wanted = JINT(object, 1, "spec", "replicas");
    const char *updated = daemon ? "updatedNumberScheduled" : "updatedReplicas";
    const char *available = daemon ? "numberAvailable" : "availableReplicas";
    json_put(digest, "replicas", json_build("I", wanted));
    json_put(digest, "existing", json_build("I", JINT(status, 0, "replicas")));
    json_put(digest, "updated", json_build("I", JINT(status, 0, updated)));
    json_put(digest, "available", json_build("I", JINT(status, 0, available)));
    json_put(digest, "observedGeneration", json_build("I", JINT(status, 0, "observedGeneration")));
}

static struct err *decode(const json_t *object, struct kube_object **ret_object)
{
    const json_t *annotations = JGET(object, "metadata", "annotations");
    const json_t *pod = JGET(object, "spec", "template");
    json_auto_t *digest = json_build("{s:O*,s:o}", "metadata", JGET(object, "metadata"), "secrets",
                                     secrets_of(JGET(pod, "spec")));
    json_put_str(digest, "opt", JSTR(annotations, API_ROLLOUT));
    json_put_str(digest, "seen", JSTR(annotations, API_CERTIFICATES));
    json_put_str(digest, "rolled", JSTR(pod, "metadata", "annotations", API_CERTIFICATES));
    put_progress(digest, object);
    void *block = NULL;
    TRY(bind_decode(&workload_table, digest, &block));
    *ret_object = block;
    return NULL;
}

#define KIND(plural_, kind_)                                                                       \
    {                                                                                              \
        .res = {.group = "apps",                                                                   \
                .version = "v1",                                                                   \
                .plural = (plural_),                                                               \
                .kind = (kind_),                                                                   \
                .namespaced = true},                                                               \
        .decode = decode                                                                           \
    }
struct kube_kind workload_kinds[WORKLOAD_KINDS] = {
    KIND("deployments", "Deployment"),
    KIND("statefulsets", "StatefulSet"),
    KIND("daemonsets", "DaemonSet"),
};

/* While a pod of an older revision exists, the available ones may be the old ones. */
bool workload_is_rolled_out(const struct workload *w)
{
    return w->observed_generation >= w->obj.meta.generation && w->updated >= w->replicas &&
           w->existing <= w->updated && w->available >= w->replicas;
}

/* ---- the annotation ---- */

bool rollout_seen(const char *annotation, const char *secret, char out[ROLLOUT_PRINT_LEN + 1])
{
    size_t len = strlen(secret);
    for (const char *at = annotation; !str_empty(at);) {
        const char *end = strchrnul(at, ',');
        if ((size_t)(end - at) == len + 1 + ROLLOUT_PRINT_LEN && memcmp(at, secret, len) == 0 &&
            at[len] == '=') {
            str_copy(out, ROLLOUT_PRINT_LEN + 1, at + len + 1);
            return true;
        }
        at = *end == ',' ? end + 1 : NULL;
    }
    return false;
}

json_t *rollout_patch(const struct kube_resource *res, const struct object_meta *meta,
                      const char *workload_value, const char *template_value)
{
    char version[KUBE_NAME_MAX];
    resource_api_version(res, version);
    json_t *body = json_build("{s:s,s:s,s:{s:s,s:s,s:{s:s}}}", "apiVersion", version, "kind",
                              res->kind, "metadata", "name", meta->name, "namespace",
                              meta->namespace, "annotations", API_CERTIFICATES, workload_value);
    if (template_value != NULL)
        json_put(body, "spec",
                 json_build("{s:{s:{s:{s:s}}}}", "template", "metadata", "annotations",
                            API_CERTIFICATES, template_value));
    return body;
}
