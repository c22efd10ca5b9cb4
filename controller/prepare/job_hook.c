/* SPDX-License-Identifier: Apache-2.0 */
#include "prepare/job_hook.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define TEMPLATE_MAX (64 * 1024)
#define OF_ORDER "certroll.dev/prepare-order"
#define KEPT_SECONDS 3600

static const struct kube_resource res_job = {"batch", "v1", "jobs", "Job", true};

static struct kube_ref ref_of(const char *ns, const char *name)
{
    return (struct kube_ref){.res = &res_job, .ns = ns, .name = name};
}

static bool has_condition(const json_t *job, const char *type)
{
    const json_t *all = JGET(job, "status", "conditions");
    for (size_t i = 0; i < json_count(all); i++)
        if (str_eq(JSTR(json_item(all, i), "type"), type) &&
            str_eq(JSTR(json_item(all, i), "status"), "True"))
            return true;
    return false;
}

static enum job_state state_of(const json_t *job)
{
    if (has_condition(job, "Failed"))
        return JOB_FAILED;
    if (has_condition(job, "Complete"))
        return JOB_COMPLETE;
    return JINT(job, 0, "status", "ready") > 0 ? JOB_READY : JOB_RUNNING;
}

struct err *prepare_job_state(struct kube_client *kube, const struct prepare_order *order,
                              const char *name, const char *owner_uid, enum job_state *ret_state)
{
    const struct kube_ref ref = ref_of(order->ns, name);
    json_auto_t *job = NULL;
    *ret_state = JOB_ABSENT;
    TRY(err_ignore(kube_get(kube, &ref, 0, &job), ERR_NOT_FOUND));
    if (job == NULL || JSTR(job, "metadata", "deletionTimestamp") != NULL)
        return NULL;
    if (!str_eq(JSTR(job, "metadata", "annotations", OF_ORDER), owner_uid))
        return err_new(ERR_INVALID, "NameTaken",
                       "Job %s/%s exists and was not made for this order: delete it", order->ns,
                       name);
    *ret_state = state_of(job);
    return NULL;
}

/* ---- making one ---- */

static struct err *bad_shape(const char *field, const char *expected)
{
    return err_new(ERR_INVALID, "InvalidHook", "the Job's template: %s: expected %s", field,
                   expected);
}

/* The member, made when it is not there; the schema lets any JSON stand there. Borrowed. */
static struct err *child(json_t *object, const char *key, const char *field, json_t **ret_child)
{
    json_t *found = JGET(object, key);
    if (found == NULL || json_is_null(found))
        json_put(object, key, json_new_object());
    else if (!json_is_object(found))
        return bad_shape(field, "an object");
    *ret_child = JGET(object, key);
    return NULL;
}

static struct err *set_metadata(json_t *job, const struct prepare_order *order, const char *name,
                                const char *owner_uid)
{
    json_t *meta = NULL, *annotations = NULL;
    TRY(child(job, "metadata", "metadata", &meta));
    TRY(child(meta, "annotations", "metadata.annotations", &annotations));
    json_put_str(job, "apiVersion", "batch/v1");
    json_put_str(job, "kind", "Job");
    json_put_str(meta, "name", name);
    json_put_str(meta, "namespace", order->ns);
    json_put_str(annotations, OF_ORDER, owner_uid);
    json_drop(meta, "ownerReferences");
    json_drop(meta, "finalizers");
    return NULL;
}

/* Without an owner it has an end. */
static struct err *set_end(json_t *job, const json_t *owner)
{
    json_t *spec = NULL;
    if (owner != NULL) {
        json_put(JGET(job, "metadata"), "ownerReferences", json_build("[O]", owner));
        return NULL;
    }
    TRY(child(job, "spec", "spec", &spec));
    if (JGET(spec, "ttlSecondsAfterFinished") == NULL)
        json_put(spec, "ttlSecondsAfterFinished", json_build("i", KEPT_SECONDS));
    return NULL;
}

static struct err *add_names(json_t *job, const char *names)
{
    json_t *containers = JGET(job, "spec", "template", "spec", "containers");
    for (size_t i = 0; i < json_count(containers); i++) {
        json_t *c = json_item(containers, i);
        auto_free char *field = x_printf("spec.template.spec.containers[%zu]", i);
        auto_free char *env = x_printf("%s.env", field);
        if (!json_is_object(c))
            return bad_shape(field, "an object");
        if (JGET(c, "env") == NULL || json_is_null(JGET(c, "env")))
            json_put(c, "env", json_new_array());
        if (!json_is_array(JGET(c, "env")))
            return bad_shape(env, "a list");
        json_push(JGET(c, "env"),
                  json_build("{s:s,s:s}", "name", "CERTROLL_NAMES", "value", names));
    }
    return NULL;
}

struct err *prepare_job_check(const char *template)
{
    if (strnlen(template, TEMPLATE_MAX + 1) <= TEMPLATE_MAX)
        return NULL;
    return err_new(ERR_INVALID, "InvalidHook", "the Job's template is over %d bytes", TEMPLATE_MAX);
}

struct err *prepare_job_create(struct kube_client *kube, const struct prepare_order *order,
                               const char *name, const char *template, json_t *owner,
                               const char *owner_uid)
{
    json_auto_t *owned = owner;
    json_auto_t *job = NULL;
    TRY(prepare_job_check(template));
    TRY(json_parse(template, strlen(template), &job), "the Job's template");
    if (!json_is_object(job))
        return err_new(ERR_INVALID, "InvalidHook",
                       "the Job's template: expected an object with metadata and spec");
    auto_free char *names = strlist_join(order->names, " ", 0);
    TRY(set_metadata(job, order, name, owner_uid));
    TRY(set_end(job, owned));
    TRY(add_names(job, names));
    const struct kube_ref ref = ref_of(order->ns, name);
    struct err *e = kube_create(kube, &ref, 0, job, NULL);
    return e != NULL && str_eq(e->reason, "AlreadyExists") ? err_ignore(e, ERR_CONFLICT) : e;
}

struct err *prepare_job_delete(struct kube_client *kube, const char *ns, const char *name)
{
    const struct kube_ref ref = ref_of(ns, name);
    return kube_delete(kube, &ref, NULL);
}
