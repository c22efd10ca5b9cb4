/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_pending.h"

#include <stdlib.h>

#include "api/group.h"
#include "api/order.h"
#include "base/mem.h"
#include "base/str.h"
#include "sim/sim_api.h"
#include "sim/sim_external.h"
#include "sim/sim_process.h"

/* Looking at all objects takes as long as a reconcile. */
#define LOOKS_PERMILLE 50

struct look {
    struct sim *sim;
    struct sim_replica *replica; /* that leads */
};

static bool is_true(const json_t *object, const char *type)
{
    return str_eq(JSTR(sim_condition(object, type), "status"), "True");
}

static bool is_planned(const struct look *l, const char *controller, const json_t *object)
{
    auto_free char *key = x_printf("%s/%s", str_or(JSTR(object, "metadata", "namespace"), ""),
                                   JSTR(object, "metadata", "name"));
    return sim_replica_plans(l->replica, controller, key);
}

/* An issuer that is not there or not ready wakes whoever waits for it. */
static bool is_absent(const struct look *l, const json_t *object, const json_t *ref)
{
    bool cluster = str_eq(JSTR(ref, "kind"), "ClusterIssuer");
    const json_t *issuer =
        sim_api_json(l->sim->api, cluster ? "clusterissuers" : "issuers",
                     cluster ? NULL : JSTR(object, "metadata", "namespace"), JSTR(ref, "name"));
    return issuer == NULL || !is_true(issuer, "Ready");
}

/* Each of them wakes the Certificate when it becomes ready. */
static bool waits_for_issuer(const struct look *l, const json_t *object)
{
    const json_t *staging = JGET(object, "spec", "preflight", "issuerRef");
    return is_absent(l, object, JGET(object, "spec", "issuerRef")) ||
           (staging != NULL && is_absent(l, object, staging));
}

static bool is_answered(const json_t *request)
{
    const char *reason = JSTR(sim_condition(request, "Ready"), "reason");
    return is_true(request, "Ready") || is_true(request, "Denied") ||
           is_true(request, "InvalidRequest") || str_eq(reason, "Failed") ||
           str_eq(reason, "Denied");
}

/* The first unfinished object of a kind whose controller is that one, or NULL. */
static const json_t *unfinished_child(const struct look *l, const char *plural, const json_t *owner)
{
    auto_free struct sim_object **all = sim_api_all(l->sim->api, plural);
    const char *uid = JSTR(owner, "metadata", "uid");
    for (size_t i = 0; all[i] != NULL; i++) {
        const json_t *o = all[i]->json;
        bool final = str_eq(plural, "orders") ? order_state_is_final(JSTR(o, "status", "state"))
                                              : is_answered(o);
        if (!final && str_eq(JSTR(o, "metadata", "ownerReferences", "0", "uid"), uid))
            return o;
    }
    return NULL;
}

static bool owner_is_planned(const struct look *l, const char *controller, const json_t *object)
{
    auto_free char *key =
        x_printf("%s/%s", JSTR(object, "metadata", "namespace"),
                 str_or(JSTR(object, "metadata", "ownerReferences", "0", "name"), ""));
    return sim_replica_plans(l->replica, controller, key);
}

/* A Certificate that waits for another issuer than this request's makes the key anew, or drops the request, when it is
 * there. */
static bool owner_waits_for_issuer(const struct look *l, const json_t *request)
{
    const json_t *crt =
        sim_api_json(l->sim->api, "certificates", JSTR(request, "metadata", "namespace"),
                     str_or(JSTR(request, "metadata", "ownerReferences", "0", "name"), ""));
    return crt != NULL && waits_for_issuer(l, crt);
}

static bool request_is_waiting(const struct look *l, const json_t *r)
{
    return str_eq(JSTR(r, "spec", "issuerRef", "group"), SIM_EXTERNAL_GROUP) || is_answered(r) ||
           is_planned(l, "certificaterequest", r) || waits_for_issuer(l, r) ||
           unfinished_child(l, "orders", r) != NULL || owner_waits_for_issuer(l, r) ||
           owner_is_planned(l, "certificate", r); /* which makes its key anew */
}

/* A Certificate at rest is looked at again at its renewal; without that it would never be renewed. */
static bool certificate_is_waiting(const struct look *l, const json_t *crt)
{
    return is_planned(l, "certificate", crt) || waits_for_issuer(l, crt) ||
           str_eq(JSTR(sim_condition(crt, "Ready"), "reason"), "InvalidSpec") ||
           unfinished_child(l, "certificaterequests", crt) != NULL;
}

static bool is_waiting(const struct look *l, const struct sim_object *o)
{
    const char *plural = o->res->plural;
    bool gone = o->collect_at != SIM_NEVER; /* its owner is, and takes it along */
    if (gone)
        return true;
    if (str_eq(plural, "certificates"))
        return certificate_is_waiting(l, o->json);
    if (str_eq(plural, "certificaterequests"))
        return request_is_waiting(l, o->json);
    bool held = json_count(JGET(o->json, "metadata", "finalizers")) > 0;
    bool final = order_state_is_final(JSTR(o->json, "status", "state")) && !held;
    if (str_eq(plural, "orders"))
        return final || is_planned(l, "order", o->json);
    /* An Order that is over removes its Challenges. */
    if (str_eq(plural, "challenges"))
        return (!final && is_planned(l, "challenge", o->json)) ||
               owner_is_planned(l, "order", o->json);
    return true;
}

void sim_check_pending(struct sim *s, bool always)
{
    if (!always && !sim_chance(s, LOOKS_PERMILLE))
        return;
    struct look l = {.sim = s};
    for (unsigned i = 0; sim_process_replica(s->process, i) != NULL; i++)
        if (sim_replica_is_up_to_date(sim_process_replica(s->process, i)))
            l.replica = sim_process_replica(s->process, i);
    if (l.replica == NULL)
        return;
    auto_free struct sim_object **all = sim_api_all(s->api, NULL);
    for (size_t i = 0; all[i] != NULL; i++)
        if (!is_waiting(&l, all[i]))
            sim_fail(s, "%s %s/%s is not finished, and nothing will wake it", all[i]->res->kind,
                     str_or(JSTR(all[i]->json, "metadata", "namespace"), ""),
                     JSTR(all[i]->json, "metadata", "name"));
}
