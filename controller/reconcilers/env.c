/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/env.h"

#include "base/str.h"

void issuer_key(const struct issuer_ref *ref, const char *ns, char out[KUBE_KEY_MAX + 1])
{
    bool cluster = str_eq(issuer_ref_kind(ref), "ClusterIssuer");
    out[0] = '\0';
    str_copy(out, KUBE_NAMESPACE_MAX + 1, cluster ? "" : ns);
    size_t len = strlen(out);
    str_copy(out + len, KUBE_KEY_MAX + 1 - len, "/");
    str_copy(out + len + 1, KUBE_KEY_MAX - len, ref->name);
}

struct err *env_issuer(const struct env *env, const struct issuer_ref *ref, const char *ns,
                       const struct issuer **ret_issuer)
{
    if (str_eq(issuer_ref_kind(ref), "ClusterIssuer"))
        return store_get(&env->cluster_issuers, NULL, ref->name, (const void **)ret_issuer);
    if (str_eq(issuer_ref_kind(ref), "Issuer"))
        return store_get(&env->issuers, ns, ref->name, (const void **)ret_issuer);
    return err_new(ERR_INVALID, "InvalidSpec",
                   "spec.issuerRef.kind: \"%s\": write Issuer or ClusterIssuer",
                   issuer_ref_kind(ref));
}

bool issuer_is_ready(const struct issuer *issuer)
{
    const condition_list *c = &issuer->status.conditions;
    return condition_is_true(c->items, c->len, "Ready");
}

void env_event(const struct env *env, const struct kube_kind *kind, const void *object,
               bool warning, const char *reason, const char *note)
{
    const struct event e = {
        .res = &kind->res,
        .regarding = &((const struct kube_object *)object)->meta,
        .warning = warning,
        .reason = reason,
        .action = "Reconciling",
        .note = note,
    };
    event_emit(env->events, &e);
}

int64_t earlier(int64_t a, int64_t b)
{
    if (a == 0 || b == 0)
        return a == 0 ? b : a;
    return a < b ? a : b;
}
