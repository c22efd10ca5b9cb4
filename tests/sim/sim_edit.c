/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_edit.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "http01/edit.h"

#define AWAY_MAX (10 * NS_PER_MIN)

static const char *const namespaces[] = {"red", "blue"};

struct sim_edit {
    struct sim *sim;
    json_t *rules[ARRAY_LEN(namespaces)]; /* as people want them: without certroll's */
    unsigned paths;                       /* made so far: each is another */
    int64_t back;                         /* wall ns: when what was deleted is put back */
};

/* ---- what people want ---- */

static bool is_certrolls(const json_t *path)
{
    return str_starts(str_or(JSTR(path, "backend", "service", "name"), ""), "certroll-solver-");
}

/* People know their own: what is left of a rule without certroll's paths, if anything is. */
static json_t *theirs(const json_t *rules)
{
    json_t *all = json_new_array();
    for (size_t i = 0; i < json_count(rules); i++) {
        const json_t *paths = JGET(json_item(rules, i), "http", "paths");
        json_t *rule = json_copy_deep(json_item(rules, i)), *left = json_new_array();
        for (size_t k = 0; k < json_count(paths); k++)
            if (!is_certrolls(json_item(paths, k)))
                json_push(left, json_incref(json_item(paths, k)));
        json_put(JGET(rule, "http"), "paths", json_incref(left));
        if (json_count(left) > 0)
            json_push(all, json_incref(rule));
        json_decref(left);
        json_decref(rule);
    }
    return all;
}

/* A host of a Certificate there, a wildcard of some, or all hosts. */
static json_t *some_rule(struct sim_edit *e, const char *ns)
{
    auto_free char *path = x_printf("/%u", e->paths++);
    auto_free char *host = NULL;
    unsigned n = sim_pick(e->sim, 6);
    if (n < 3)
        host = x_printf("*.c%u.%s.test", n, ns);
    else if (n < 5)
        host = x_printf("a%u.c%u.%s.test", sim_pick(e->sim, 4), sim_pick(e->sim, 3), ns);
    return json_build("{s:s*,s:{s:[{s:s,s:s,s:{s:{s:s,s:{s:i}}}}]}}", "host", host, "http", "paths",
                      "path", path, "pathType", "Prefix", "backend", "service", "name", "site",
                      "port", "number", 80);
}

static void put(struct sim_edit *e, const char *ns, const json_t *rules)
{
    json_t *ingress = json_build(
        "{s:s,s:s,s:{s:s,s:s},s:{s:o}}", "apiVersion", "networking.k8s.io/v1", "kind", "Ingress",
        "metadata", "name", SIM_EDIT_NAME, "namespace", ns, "spec", "rules", json_copy_deep(rules));
    sim_api_put(e->sim->api, "ingresses", ingress, &sim_kubectl);
}

/* ---- what they do ---- */

static json_t *turned(const json_t *rules)
{
    json_t *out = json_new_array();
    for (size_t i = json_count(rules); i > 0; i--)
        json_push(out, json_incref(json_item(rules, i - 1)));
    return out;
}

static json_t *with(const json_t *rules, json_t *rule)
{
    json_t *out = json_new_array();
    for (size_t i = 0; i < json_count(rules); i++)
        json_push(out, json_incref(json_item(rules, i)));
    json_push(out, rule);
    return out;
}

static json_t *without(const json_t *rules, size_t which)
{
    json_t *out = json_new_array();
    for (size_t i = 0; i < json_count(rules); i++)
        if (i != which)
            json_push(out, json_incref(json_item(rules, i)));
    return out;
}

/* The first path of a rule, often certroll's, with the rule when that was all. */
static json_t *without_path(const json_t *rules, size_t which)
{
    json_t *rule = json_item(rules, which);
    const json_t *paths = JGET(rule, "http", "paths");
    if (json_count(paths) < 2)
        return without(rules, which);
    json_put(JGET(rule, "http"), "paths", without(paths, 0));
    return turned(rules);
}

static json_t *edited(struct sim_edit *e, const char *ns, const json_t *rules)
{
    size_t count = json_count(rules);
    unsigned which = sim_pick(e->sim, count > 0 ? (unsigned)count : 1);
    switch (sim_pick(e->sim, 4)) {
    case 0:
        return turned(rules);
    case 1:
        return without(rules, which);
    case 2:
        return count > 0 ? without_path(rules, which) : turned(rules);
    default:
        return with(rules, some_rule(e, ns));
    }
}

static void spoil_record(json_t *ingress)
{
    json_t *annotations = JGET(ingress, "metadata", "annotations");
    if (JSTR(annotations, HTTP01_PATHS) != NULL)
        json_put_str(annotations, HTTP01_PATHS, "{\"orders\":");
}

static void edit_one(struct sim_edit *e, size_t i)
{
    const char *ns = namespaces[i];
    const json_t *now = sim_api_json(e->sim->api, "ingresses", ns, SIM_EDIT_NAME);
    if (now == NULL)
        return;
    if (sim_chance(e->sim, 150)) {
        sim_api_delete(e->sim->api, "ingresses", ns, SIM_EDIT_NAME);
        e->back = sim_now(e->sim) + sim_delay(e->sim, AWAY_MAX);
        return;
    }
    json_t *ingress = json_copy_deep(now);
    if (sim_chance(e->sim, 150)) {
        spoil_record(ingress);
    } else {
        json_put(JGET(ingress, "spec"), "rules", edited(e, ns, JGET(ingress, "spec", "rules")));
        json_decref(e->rules[i]);
        e->rules[i] = theirs(JGET(ingress, "spec", "rules"));
    }
    sim_api_put(e->sim->api, "ingresses", ingress, &sim_kubectl);
}

/* ---- a life ---- */

struct sim_edit *sim_edit_new(struct sim *s)
{
    struct sim_edit *e = x_calloc(1, sizeof(*e));
    e->sim = s;
    e->back = SIM_NEVER;
    return e;
}

void sim_edit_free(struct sim_edit *e)
{
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++)
        json_decref(e->rules[i]);
    free(e);
}

void sim_edit_begin(struct sim_edit *e)
{
    for (size_t i = 0; i < ARRAY_LEN(namespaces) && sim_edit_is_on(e->sim); i++) {
        e->rules[i] = json_new_array();
        for (unsigned n = sim_pick(e->sim, 4); n > 0; n--)
            json_push(e->rules[i], some_rule(e, namespaces[i]));
        put(e, namespaces[i], e->rules[i]);
    }
}

void sim_edit_happen(struct sim_edit *e)
{
    if (!sim_edit_is_on(e->sim) || sim_chance(e->sim, 300))
        return;
    size_t i = sim_pick(e->sim, ARRAY_LEN(namespaces));
    sim_note(e->sim, "the user edits Ingress %s/" SIM_EDIT_NAME, namespaces[i]);
    edit_one(e, i);
}

int64_t sim_edit_next(const struct sim_edit *e)
{
    return e->back;
}

void sim_edit_put_back(struct sim_edit *e)
{
    if (e->back > sim_now(e->sim))
        return;
    e->back = SIM_NEVER;
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++)
        if (sim_api_json(e->sim->api, "ingresses", namespaces[i], SIM_EDIT_NAME) == NULL)
            put(e, namespaces[i], e->rules[i]);
}

char *sim_edit_fault(const struct sim_edit *e)
{
    for (size_t i = 0; i < ARRAY_LEN(namespaces) && sim_edit_is_on(e->sim); i++) {
        const json_t *now = sim_api_json(e->sim->api, "ingresses", namespaces[i], SIM_EDIT_NAME);
        const json_t *rules = JGET(now, "spec", "rules");
        const json_t *meta = JGET(now, "metadata");
        bool same =
            json_count(rules) == 0 ? json_count(e->rules[i]) == 0 : json_same(rules, e->rules[i]);
        if (!same)
            return x_printf("the rules of Ingress %s/" SIM_EDIT_NAME " are not what people want",
                            namespaces[i]);
        if (JSTR(meta, "labels", HTTP01_PATHS) != NULL ||
            JSTR(meta, "annotations", HTTP01_PATHS) != NULL)
            return x_printf("a record is left on Ingress %s/" SIM_EDIT_NAME, namespaces[i]);
    }
    return NULL;
}
