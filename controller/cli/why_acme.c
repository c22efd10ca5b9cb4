/* SPDX-License-Identifier: Apache-2.0 */
/* The ACME part of `why`: Order, Challenges, and who answers them (http01/objects.h names the objects). */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/why.h"
#include "http01/objects.h"
#include "http01/responder.h"

#define CHALLENGES_SAID 5

/* ---- the Order ---- */

static void conclude_no_order(struct why *w)
{
    const struct certificate_request *r = w->chain->request;
    why_conclude(w, (struct verdict){
                        .waits_for = x_strdup("the issuer to answer the CertificateRequest"),
                        .since = r != NULL ? r->obj.meta.creation_timestamp : 0,
                        .to_do = x_strdup("if this lasts, look at the controller's log"),
                    });
}

void why_order(struct why *w)
{
    const struct err *e = w->chain->errs[CHAIN_ORDER];
    const struct order *o = w->chain->order;
    if (e != NULL)
        why_say(w, "The Order cannot be read: %s.", e->message);
    if (o == NULL) {
        conclude_no_order(w);
        return;
    }
    const char *state = str_or(o->status.state, "new");
    char since[WHY_SINCE_MAX];
    why_since(w, o->obj.meta.creation_timestamp, since);
    why_say(w, "Order %s is %s%s%s%s", o->obj.meta.name, state, since,
            str_empty(o->status.reason) ? "" : ": ", str_or(o->status.reason, ""));
    if (!order_state_is_final(state))
        return;
    if (str_eq(state, "valid"))
        why_conclude(w, (struct verdict){
                            .waits_for = x_strdup("the controller to take the certificate"),
                            .since = o->obj.meta.creation_timestamp,
                            .to_do = x_strdup("if this lasts, look at the controller's log"),
                        });
    else
        why_conclude_failed(w, o->status.failure_time, "mend what the CA says");
}

/* ---- Challenges ---- */

static bool is_open(const struct challenge *c)
{
    return !str_eq(c->status.state, "valid");
}

static void say_challenge(struct why *w, const struct challenge *c)
{
    why_say(w, "The challenge for %s%s is %s%s%s", c->spec.wildcard ? "*." : "", c->spec.dns_name,
            str_or(c->status.state, "new"), str_empty(c->status.reason) ? "" : ": ",
            str_or(c->status.reason, ""));
    if (order_state_is_final(c->status.state))
        why_conclude_failed(w, c->obj.meta.creation_timestamp,
                            str_eq(c->spec.type, "HTTP-01")
                                ? "mend what the CA says: it must reach the name on port 80"
                                : "mend what the CA says");
}

static const struct challenge *first_open(const struct chain *chain)
{
    for (size_t i = 0; i < chain->challenges.len; i++)
        if (is_open(chain->challenges.items[i]))
            return chain->challenges.items[i];
    return NULL;
}

static void conclude_all_proven(struct why *w)
{
    const struct order *o = w->chain->order;
    bool is_new = str_empty(o->status.url);
    why_conclude(w, (struct verdict){
                        .waits_for = x_strdup(
                            str_or(o->status.next_action,
                                   is_new ? "the CA to accept the order" : "the CA to issue")),
                        .since = o->obj.meta.creation_timestamp,
                        .to_do = x_strdup("nothing; if this lasts, look at the controller's log "
                                          "and the CA's status page"),
                    });
}

void why_challenges(struct why *w)
{
    const struct err *e = w->chain->errs[CHAIN_CHALLENGES];
    if (e != NULL)
        why_say(w, "The Challenges cannot be read: %s.", e->message);
    size_t open = 0;
    for (size_t i = 0; i < w->chain->challenges.len; i++) {
        const struct challenge *c = w->chain->challenges.items[i];
        if (is_open(c) && open++ < CHALLENGES_SAID)
            say_challenge(w, c);
    }
    if (open > CHALLENGES_SAID)
        why_say(w, "%zu more names are not proven yet.", open - CHALLENGES_SAID);
    if (open == 0)
        conclude_all_proven(w);
}

/* ---- the solver ---- */

static void conclude_solver(struct why *w, const struct challenge *c, char *waits_for,
                            const char *to_do)
{
    why_conclude(w, (struct verdict){
                        .waits_for = waits_for,
                        .since = c->obj.meta.creation_timestamp,
                        .to_do = x_strdup(to_do),
                    });
}

/* NULL when it is absent or cannot be read; then that was said, and absence is the cause. */
static json_t *get_part(struct why *w, const struct challenge *c, const struct kube_resource *res,
                        const char *name)
{
    const struct kube_ref ref = {.res = res, .ns = c->obj.meta.namespace, .name = name};
    json_t *object = NULL;
    AUTO_ERR e = kube_get(w->cli->kube, &ref, 0, &object);
    if (err_is(e, ERR_NOT_FOUND)) {
        why_say(w, "%s %s does not exist.", res->kind, name);
        conclude_solver(
            w, c, x_printf("%s %s to be created", res->kind, name),
            "if this lasts, look at the controller's log: it may lack a permission, or a "
            "quota or an admission policy stands in the way");
    } else if (e != NULL) {
        why_say(w, "%s %s cannot be read: %s.", res->kind, name, e->message);
    }
    return object;
}

static const json_t *pod_condition(const json_t *pod, const char *type)
{
    const json_t *list = JGET(pod, "status", "conditions");
    for (size_t i = 0; i < json_count(list); i++)
        if (str_eq(JSTR(json_item(list, i), "type"), type))
            return json_item(list, i);
    return NULL;
}

static void why_pod(struct why *w, const struct challenge *c, const char *name)
{
    json_auto_t *pod = get_part(w, c, &res_pod, name);
    if (pod == NULL || str_eq(JSTR(pod_condition(pod, "Ready"), "status"), "True"))
        return;
    const json_t *waiting = JGET(pod, "status", "containerStatuses", "0", "state", "waiting");
    const json_t *scheduled = pod_condition(pod, "PodScheduled");
    bool is_placed = !str_eq(JSTR(scheduled, "status"), "False");
    const json_t *cause = is_placed ? waiting : scheduled;
    const char *reason = str_or(JSTR(cause, "reason"), JSTR(pod, "status", "phase"));
    const char *message = JSTR(cause, "message");
    why_say(w, "Pod %s, which answers the CA, is not ready: %s%s%s", name,
            str_or(reason, "no status yet"), str_empty(message) ? "" : ": ", str_or(message, ""));
    auto_free char *to_do =
        is_placed
            ? x_printf("see `kubectl -n %s describe pod %s`; if its image is missing, correct "
                       "the controller's --solver-image",
                       c->obj.meta.namespace, name)
            : x_strdup("make room for the Pod, or change the solver's podTemplate");
    conclude_solver(w, c, x_printf("Pod %s to be ready", name), to_do);
}

static void why_ingress(struct why *w, const struct challenge *c)
{
    const char *name = w->chain->order->obj.meta.name;
    json_auto_t *ingress = get_part(w, c, &res_ingress, name);
    if (ingress == NULL || json_count(JGET(ingress, "status", "loadBalancer", "ingress")) > 0)
        return;
    const char *class = JSTR(ingress, "spec", "ingressClassName");
    why_say(w, "No ingress controller has given Ingress %s (class %s) an address yet.", name,
            str_or(class, "of the cluster's default"));
}

/* All is in place as far as the API tells: what is left is the way from the CA to the Pod. */
static void conclude_route(struct why *w, const struct challenge *c)
{
    auto_free char *to_do =
        x_printf("see that http://%s" HTTP01_PATH "%s answers: %s must resolve to the ingress "
                 "controller, which must serve Ingress %s on port 80",
                 c->spec.dns_name, c->spec.token, c->spec.dns_name, w->chain->order->obj.meta.name);
    const char *next = c->status.next_action;
    conclude_solver(w, c,
                    x_strdup(str_or(next, c->status.presented ? "the CA to validate the name"
                                                              : "the answer to be seen")),
                    to_do);
}

/* A record in DNS, which certroll or somebody puts there: the Challenge says all that is known. */
static void conclude_record(struct why *w, const struct challenge *c)
{
    const struct challenge_persist *wanted = &c->status.dns_persist01;
    auto_free char *to_do =
        str_empty(wanted->name)
            ? x_strdup("what the challenge says, if it says something; certroll tries again by "
                       "itself")
            : x_printf("put this TXT record into DNS, where it stays: %s \"%s\"", wanted->name,
                       wanted->value);
    conclude_solver(w, c, x_strdup(str_or(c->status.next_action, "the TXT record to be seen")),
                    to_do);
}

/* Pod and Service are named by the thumbprint, which is the second half of the key authorization. */
void why_solver(struct why *w)
{
    const struct challenge *c = first_open(w->chain);
    bool http01 = c != NULL && str_eq(c->spec.type, "HTTP-01");
    const char *dot = http01 ? strchr(c->spec.key, '.') : NULL;
    if (c != NULL && !http01)
        conclude_record(w, c);
    if (dot == NULL)
        return;
    char name[KUBE_NAME_MAX + 1];
    http01_solver_name(dot + 1, name);
    why_pod(w, c, name);
    json_auto_t *service = get_part(w, c, &res_service, name);
    why_ingress(w, c);
    conclude_route(w, c);
}
