/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_hooks.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "sim/sim_api.h"
#include "sim/sim_ca.h"
#include "sim/sim_issuers.h"
#include "sim/sim_stream.h"

/* Until a Job is ready, or has ended. */
#define JOB_MAX NS_PER_MIN

/* A query is not recorded in Orders: it may be a secret. The first two by the seed; people change to the other ones. */
static const char *const gates[] = {
    "https://" SIM_HOOKS_HOST "/gate", "https://" SIM_HOOKS_HOST "/gate?token=t",
    "https://" SIM_HOOKS_HOST "/wall", "https://" SIM_HOOKS_HOST "/wall?token=u"};

struct hook {
    bool open;
    size_t gate; /* open: which */
    bool given_up;
    bool ordered;
    size_t number; /* ordered: of the CA's order */
};

struct sim_hooks {
    struct sim *sim;
    struct map orders; /* "namespace/Order" -> struct hook */
    struct map by_uid; /* of an Order that a Job was made for -> struct hook, borrowed */
    struct sim_stream jobs;
};

static void look_at_job(void *arg, const struct sim_event *e);

struct sim_hooks *sim_hooks_new(struct sim *s)
{
    struct sim_hooks *h = x_calloc(1, sizeof(*h));
    h->sim = s;
    h->orders = MAP_INIT(free);
    h->by_uid = MAP_INIT(NULL);
    h->jobs = (struct sim_stream){.lag_max = JOB_MAX, .deliver = look_at_job, .arg = h};
    sim_stream_open(&h->jobs, s, sim_resource("jobs"));
    return h;
}

void sim_hooks_free(struct sim_hooks *h)
{
    map_release(&h->by_uid);
    map_release(&h->orders);
    free(h);
}

int64_t sim_hooks_next(struct sim_hooks *h)
{
    return sim_stream_next(&h->jobs);
}

void sim_hooks_happen(struct sim_hooks *h)
{
    sim_stream_happen(&h->jobs);
}

json_t *sim_hooks_spec(const struct sim *s)
{
    if (sim_hooks_by(s) == SIM_HOOKS_BY_CALL)
        return json_build("{s:{s:s}}", "http", "url", gates[s->seed / 21 % 2]);
    json_t *template =
        json_build("{s:{s:{s:{s:[{s:s,s:s}],s:s}}}}", "spec", "template", "spec", "containers",
                   "name", "gate", "image", "gate:sim", "restartPolicy", "Never");
    json_t *spec = json_build("{s:{s:o}}", "job", "template", template);
    if (sim_hooks_by(s) == SIM_HOOKS_BY_JOBS)
        json_put(JGET(spec, "job"), "undo", json_copy_deep(template));
    return spec;
}

static struct hook *hook_of(struct sim_hooks *h, const char *ns, const char *order)
{
    auto_free char *key = x_printf("%s/%s", ns, order);
    struct hook *hook = map_get(&h->orders, key);
    if (hook == NULL) {
        hook = x_calloc(1, sizeof(*hook));
        map_put(&h->orders, key, hook);
    }
    return hook;
}

static size_t gate_of(const char *url)
{
    for (size_t i = 0; i < ARRAY_LEN(gates); i++)
        if (str_eq(gates[i], url))
            return i;
    return 0;
}

static void edit(struct sim *s, const char *plural, const char *ns, const char *url)
{
    const json_t *now = sim_api_json(s->api, plural, ns, "acme");
    if (now == NULL)
        return;
    json_t *issuer = json_copy_deep(now);
    json_put_str(JGET(issuer, "spec", "acme", "prepare", "http"), "url", url);
    sim_api_put(s->api, plural, issuer, &sim_kubectl);
}

/* In every other life people write another gate while one is open. */
static void change_gate(struct sim *s, const char *ns, size_t from)
{
    if (s->seed / 42 % 2 == 0 || s->calm || !sim_chance(s, 300))
        return;
    sim_note(s, "issuers have another hook");
    edit(s, "issuers", ns, gates[(from + 2) % 4]);
    edit(s, "clusterissuers", NULL, gates[(from + 2) % 4]);
}

/* Repeats are as good as the first. */
void sim_hooks_serve(struct sim_hooks *h, const struct http_request *req, struct http_response *res)
{
    json_auto_t *body = NULL;
    err_drop(json_parse(req->body, req->body_len, &body)); /* then it says nothing */
    const char *action = JSTR(body, "action"), *order = str_or(JSTR(body, "order"), "");
    res->status = 200;
    if (!str_eq(action, "prepare") && !str_eq(action, "undo"))
        sim_fail(h->sim, "%s: the hook is called without an action", req->url);
    if (!h->sim->calm && sim_chance(h->sim, 50)) {
        res->status = 403;
        return;
    }
    struct hook *hook = hook_of(h, JSTR(body, "namespace"), order);
    size_t gate = gate_of(req->url);
    if (hook->open && !hook->given_up && hook->gate != gate)
        sim_fail(h->sim, "%s: %s of %s, which has opened %s", req->url, action, order,
                 gates[hook->gate]);
    hook->open = str_eq(action, "prepare");
    hook->gate = gate;
    hook->given_up = false;
    sim_note(h->sim, "the hook of %s: %s", order, action);
    if (hook->open)
        change_gate(h->sim, JSTR(body, "namespace"), gate);
}

/* ---- Jobs ---- */

/* Only what is there for an Order alone has it for an owner. */
static bool prepares(const json_t *job)
{
    return json_count(JGET(job, "metadata", "ownerReferences")) > 0;
}

static struct hook *hook_of_job(struct sim_hooks *h, const json_t *job)
{
    const char *uid =
        str_or(JSTR(job, "metadata", "annotations", "certroll.dev/prepare-order"), "");
    const char *order = JSTR(job, "metadata", "ownerReferences", "0", "name");
    if (order != NULL)
        map_put(&h->by_uid, uid, hook_of(h, JSTR(job, "metadata", "namespace"), order));
    return map_get(&h->by_uid, uid);
}

/* A Job that only prepares may run on: then it is ready. */
static void end_job(struct sim_hooks *h, const json_t *job)
{
    struct sim *s = h->sim;
    bool fails = !s->calm && sim_chance(s, 50);
    bool runs = prepares(job) && sim_chance(s, 300);
    json_t *now = json_copy_deep(job);
    json_put(now, "status",
             runs && !fails ? json_build("{s:i}", "ready", 1)
                            : json_build("{s:[{s:s,s:s}]}", "conditions", "type",
                                         fails ? "Failed" : "Complete", "status", "True"));
    sim_note(s, "Job %s %s", JSTR(job, "metadata", "name"),
             fails  ? "fails"
             : runs ? "is ready"
                    : "is complete");
    struct hook *hook = hook_of_job(h, job);
    if (hook != NULL && !fails)
        hook->open = prepares(job);
    sim_api_put(s->api, "jobs", now, &sim_cluster_writer);
}

static void look_at_job(void *arg, const struct sim_event *e)
{
    struct sim_hooks *h = arg;
    const json_t *meta = JGET(e->object, "metadata");
    const json_t *now =
        sim_api_json(h->sim->api, "jobs", JSTR(meta, "namespace"), JSTR(meta, "name"));
    bool same = now != NULL && str_eq(JSTR(now, "metadata", "uid"), JSTR(meta, "uid"));
    struct hook *hook = hook_of_job(h, e->object);
    if (e->change == SIM_ADDED && same && JGET(now, "status") == NULL)
        end_job(h, now);
    else if (e->change == SIM_DELETED && prepares(e->object) && hook != NULL &&
             sim_hooks_by(h->sim) == SIM_HOOKS_BY_ONE_JOB)
        hook->open = false;
}

void sim_hooks_excuse(struct sim_hooks *h, const char *ns, const char *order)
{
    hook_of(h, ns, order)->given_up = true;
}

/* ---- rules ---- */

static bool is_hooked(const struct sim *s, const json_t *order)
{
    return sim_issuers_prepare(s) && str_eq(JSTR(order, "spec", "issuerRef", "name"), "acme");
}

static struct hook *hook_of_order(struct sim *s, const json_t *order)
{
    return hook_of(s->hooks, JSTR(order, "metadata", "namespace"), JSTR(order, "metadata", "name"));
}

/* That a Job is deleted is heard later. */
static void check_undone(struct sim *s, const json_t *old, const json_t *now)
{
    bool is_new = !str_eq(JSTR(old, "status", "prepare", "state"), "Undone") &&
                  str_eq(JSTR(now, "status", "prepare", "state"), "Undone");
    if (is_new && sim_hooks_by(s) != SIM_HOOKS_BY_ONE_JOB && hook_of_order(s, now)->open)
        sim_fail(s, "Order %s says that its hook is undone", JSTR(now, "metadata", "name"));
}

void sim_hooks_check_order(struct sim *s, const json_t *old, const json_t *now)
{
    const char *url = JSTR(now, "status", "url");
    bool is_new = str_empty(JSTR(old, "status", "url")) && !str_empty(url);
    check_undone(s, old, now);
    if (!is_new || !is_hooked(s, now))
        return;
    struct hook *hook = hook_of_order(s, now);
    if (!hook->open)
        sim_fail(s, "Order %s was ordered without its hook", JSTR(now, "metadata", "name"));
    hook->ordered = true;
    hook->number = sim_ca_order_number(url);
}

struct user {
    size_t number;
    bool found;
};

static bool look_for_user(void *arg, const char *key, void *value)
{
    (void)key;
    struct user *user = arg;
    const struct hook *hook = value;
    user->found = hook->open && hook->ordered && hook->number == user->number;
    return !user->found;
}

/* A CA may lend an order of an Order that is over to the next one, which has a hook of its own, open also when that Order
 * was deleted a moment ago. */
void sim_hooks_check_used(struct sim *s, size_t order)
{
    auto_free struct sim_object **all = sim_api_all(s->api, "orders");
    const char *closed = NULL;
    struct user user = {.number = order};
    for (size_t i = 0; all[i] != NULL; i++) {
        const json_t *o = all[i]->json;
        if (sim_ca_order_number(JSTR(o, "status", "url")) != order || !is_hooked(s, o) ||
            JSTR(o, "metadata", "deletionTimestamp") != NULL)
            continue;
        if (!hook_of_order(s, o)->open)
            closed = JSTR(o, "metadata", "name");
    }
    map_each(&s->hooks->orders, look_for_user, &user);
    if (closed != NULL && !user.found)
        sim_fail(s, "the CA was asked to validate Order %s when its hook was undone", closed);
}

struct search {
    char *found;
};

static bool look(void *arg, const char *key, void *value)
{
    struct search *search = arg;
    const struct hook *hook = value;
    if (hook->open && !hook->given_up)
        search->found = x_printf("what was prepared for Order %s is not undone", key);
    return search->found == NULL;
}

char *sim_hooks_unfinished(const struct sim *s)
{
    struct search search = {NULL};
    map_each(&s->hooks->orders, look, &search);
    return search.found;
}
