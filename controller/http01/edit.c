/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/edit.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "http01/edit_record.h"
#include "http01/objects.h"
#include "http01/responder.h"

/* ---- which path is ours, and which rule serves a name ---- */

/* The token of a path that certroll has made, or NULL. */
static const char *token_of(const json_t *path)
{
    const char *text = JSTR(path, "path");
    const json_t *service = JGET(path, "backend", "service");
    if (!str_eq(JSTR(path, "pathType"), "Exact") || !str_starts(str_or(text, ""), HTTP01_PATH) ||
        !str_starts(str_or(JSTR(service, "name"), ""), HTTP01_SOLVER) ||
        JINT(service, 0, "port", "number") != HTTP01_PORT)
        return NULL;
    const char *token = text + strlen(HTTP01_PATH);
    return http01_token_is_valid(token) ? token : NULL;
}

/* How near a rule's host comes to a name: the host itself, "*." and its parent, no host. */
enum fit { FITS_NOT, FITS_ALL, FITS_WILDCARD, FITS_EXACTLY };

static enum fit fit_of(const json_t *rule, const char *name)
{
    const char *host = JSTR(rule, "host");
    const char *parent = strchr(name, '.');
    if (str_empty(host))
        return FITS_ALL;
    if (http01_host_is_ip(name))
        return FITS_NOT;
    if (strcasecmp(host, name) == 0)
        return FITS_EXACTLY;
    bool below = str_starts(host, "*.") && parent != NULL && strcasecmp(host + 1, parent) == 0;
    return below ? FITS_WILDCARD : FITS_NOT;
}

static json_t *find_path(const json_t *rule, const char *text)
{
    const json_t *paths = JGET(rule, "http", "paths");
    for (size_t i = 0; i < json_count(paths); i++)
        if (str_eq(JSTR(json_item(paths, i), "path"), text) &&
            str_eq(JSTR(json_item(paths, i), "pathType"), "Exact"))
            return json_item(paths, i);
    return NULL;
}

/* Of the rules that fit best: the one that has the path, else one that leads somewhere, else the first. */
static json_t *rule_of(const json_t *rules, const char *name, const char *path)
{
    json_t *best = NULL;
    enum fit best_fit = FITS_NOT;
    int best_rank = 0;
    for (size_t i = 0; i < json_count(rules); i++) {
        json_t *rule = json_item(rules, i);
        enum fit fit = fit_of(rule, name);
        int rank = find_path(rule, path) != NULL ? 2 : json_count(JGET(rule, "http", "paths")) > 0;
        if (fit == FITS_NOT || fit < best_fit ||
            (fit == best_fit && rank <= best_rank && best != NULL))
            continue;
        best = rule;
        best_fit = fit;
        best_rank = rank;
    }
    return best;
}

/* ---- putting in ---- */

struct adding {
    const struct http01_edit *edit;
    bool has_default; /* the Ingress has a default backend */
    json_t *rules;    /* a copy, owned */
    json_t *record;   /* owned */
    bool changed;     /* the rules */
};

static void adding_release(struct adding *a)
{
    json_decref(a->rules);
    json_decref(a->record);
}

/* Some ingress controllers take the first that fits. */
static json_t *with_first(json_t *item, const json_t *list)
{
    json_t *out = json_new_array();
    json_push(out, item);
    for (size_t i = 0; i < json_count(list); i++)
        json_push(out, json_incref(json_item(list, i)));
    return out;
}

/* Beside a default backend a rule without host takes nothing from it. */
static void add_rule(struct adding *a, const struct http01_route *route, json_t *path)
{
    bool any = a->has_default || http01_host_is_ip(route->host);
    edit_record_drop_bare(a->record, any ? NULL : route->host);
    json_t *rule =
        json_build("{s:s*,s:{s:[o]}}", "host", any ? NULL : route->host, "http", "paths", path);
    json_t *rules = with_first(rule, a->rules);
    json_decref(a->rules);
    a->rules = rules;
}

static void add_path(struct adding *a, json_t *rule, json_t *path)
{
    if (json_count(JGET(rule, "http", "paths")) == 0) {
        edit_record_add_bare(a->record, JSTR(rule, "host"));
        json_put(rule, "http", json_build("{s:[]}", "paths"));
    }
    json_t *http = JGET(rule, "http");
    json_put(http, "paths", with_first(path, JGET(http, "paths")));
}

/* A path that a user has made answers for itself; one of ours may lead to the solver of an earlier account key. */
static void add_route(struct adding *a, const struct http01_route *route)
{
    json_auto_t *path = http01_ingress_path(route, a->edit->service);
    const char *text = JSTR(path, "path");
    json_t *rule = rule_of(a->rules, route->host, text);
    json_t *there = find_path(rule, text);
    if (there != NULL && token_of(there) == NULL)
        return;
    edit_record_add(a->record, a->edit->order, route->token);
    if (json_same(there, path))
        return;
    a->changed = true;
    if (there != NULL)
        json_put(there, "backend", json_incref(JGET(path, "backend")));
    else if (rule == NULL)
        add_rule(a, route, TAKE(path));
    else
        add_path(a, rule, TAKE(path));
}

/* rules NULL: they stay. */
static json_t *patch_of(const json_t *ingress, const char *record, json_t *rules)
{
    json_t *patch = json_build("{s:{s:s,s:{s:s?},s:{s:s?}}}", "metadata", "resourceVersion",
                               JSTR(ingress, "metadata", "resourceVersion"), "labels", HTTP01_PATHS,
                               record != NULL ? "true" : NULL, "annotations", HTTP01_PATHS, record);
    if (rules != NULL && json_count(rules) == 0)
        json_put(patch, "spec", json_build("{s:n}", "rules"));
    else if (rules != NULL)
        json_put(patch, "spec", json_build("{s:O}", "rules", rules));
    return patch;
}

static bool is_recorded(const json_t *ingress, const char *record)
{
    return str_eq(JSTR(ingress, "metadata", "annotations", HTTP01_PATHS), record) &&
           str_eq(JSTR(ingress, "metadata", "labels", HTTP01_PATHS),
                  record != NULL ? "true" : NULL);
}

static json_t *rules_copy(const json_t *ingress)
{
    const json_t *rules = JGET(ingress, "spec", "rules");
    return json_count(rules) > 0 ? json_copy_deep(rules) : json_new_array();
}

struct err *http01_edit_add(const json_t *ingress, const struct http01_edit *edit,
                            json_t **ret_patch)
{
    AUTO(adding_release)
    struct adding a = {.edit = edit,
                       .has_default = JGET(ingress, "spec", "defaultBackend") != NULL,
                       .rules = rules_copy(ingress),
                       .record = edit_record_read(ingress)};
    for (size_t i = 0; i < edit->count; i++)
        add_route(&a, &edit->routes[i]);
    auto_free char *text = NULL;
    TRY(edit_record_text(a.record, &text));
    *ret_patch = NULL;
    if (a.changed || !is_recorded(ingress, text))
        *ret_patch = patch_of(ingress, text, a.changed ? a.rules : NULL);
    return NULL;
}

/* ---- taking out ---- */

/* The rule's paths without those that no Order has any more. */
static json_t *paths_left(const json_t *rule, const json_t *record)
{
    const json_t *paths = JGET(rule, "http", "paths");
    json_t *left = json_new_array();
    for (size_t i = 0; i < json_count(paths); i++) {
        const char *token = token_of(json_item(paths, i));
        if (token == NULL || edit_record_knows(record, token))
            json_push(left, json_incref(json_item(paths, i)));
    }
    return left;
}

/* Adds to rules what is left of a rule: all, or nothing where certroll has made it; has something been taken out? */
static bool keep_rule(json_t *rules, json_t *rule, const json_t *record)
{
    json_auto_t *left = paths_left(rule, record);
    size_t count = json_count(left);
    if (count == json_count(JGET(rule, "http", "paths"))) {
        json_push(rules, json_incref(rule));
        return false;
    }
    if (count > 0)
        json_put(JGET(rule, "http"), "paths", TAKE(left));
    else if (edit_record_is_bare(record, JSTR(rule, "host")))
        json_drop(rule, "http");
    else
        return true;
    json_push(rules, json_incref(rule));
    return true;
}

json_t *http01_edit_remove(const json_t *ingress, const char *order)
{
    json_auto_t *record = edit_record_read(ingress);
    json_auto_t *rules = rules_copy(ingress);
    json_auto_t *left = json_new_array();
    bool changed = false;
    edit_record_drop(record, order);
    for (size_t i = 0; i < json_count(rules); i++)
        changed = keep_rule(left, json_item(rules, i), record) || changed;
    auto_free char *text = NULL;
    err_drop(edit_record_text(record, &text)); /* it has become shorter than it was */
    if (!changed && is_recorded(ingress, text))
        return NULL;
    return patch_of(ingress, text, changed ? left : NULL);
}
