/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP in front of the API server's store: paths, verbs, preconditions and Status answers. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "sim/sim_check.h"
#include "sim/sim_gateway.h"
#include "sim/sim_memo.h"
#include "sim/sim_store.h"

#define BODY_MAX (4 * 1024 * 1024)
#define PART_MAX 12

struct target {
    const struct sim_resource *res;
    const char *ns;
    const char *name; /* NULL for a collection */
    const char *sub;  /* NULL, or "status" */
    const char *query;
};

struct call {
    struct sim_api *api;
    const struct http_request *req;
    struct target target;
    json_t *body; /* NULL without one */
    bool metadata_only;
    struct http_response *res;
};

static const struct sim_writer certroll = {"certroll", true};

/* ---- answers ---- */

static void answer(struct call *c, int status, json_t *body)
{
    c->res->status = status;
    c->res->body = BUF_INIT(BODY_MAX);
    err_drop(sim_memo_print(body, &c->res->body)); /* far below the maximum */
}

static void refuse(struct call *c, int status, const char *reason, const char *message)
{
    json_auto_t *body =
        json_build("{s:s,s:s,s:s,s:s,s:s,s:i}", "apiVersion", "v1", "kind", "Status", "status",
                   "Failure", "reason", reason, "message", message, "code", status);
    answer(c, status, body);
}

/* For printing: shares what it can with the store. */
static json_t *shown(const struct call *c, json_t *object)
{
    if (!c->metadata_only)
        return json_incref(object);
    return json_build("{s:s,s:s,s:O}", "apiVersion", "meta.k8s.io/v1", "kind",
                      "PartialObjectMetadata", "metadata", JGET(object, "metadata"));
}

static void answer_object(struct call *c, int status, struct sim_object *o)
{
    json_auto_t *body = shown(c, o->json);
    answer(c, status, body);
}

/* ---- requests ---- */

/* Splits "/apis/g/v/namespaces/ns/plural/name/sub?query" in place. */
static bool parse_path(char *path, struct target *t)
{
    char *query = strchr(path, '?');
    if (query != NULL)
        *query++ = '\0';
    const char *part[PART_MAX + 1] = {NULL};
    size_t n = 0;
    for (char *at = path; at != NULL && n < PART_MAX; n++) {
        *at++ = '\0';
        part[n] = at;
        at = strchr(at, '/');
    }
    size_t i = str_eq(part[0], "api") ? 2 : 3;
    *t = (struct target){.query = str_or(query, "")};
    if (i + 1 < n && str_eq(part[i], "namespaces") && i + 2 < n) {
        t->ns = part[i + 1];
        i += 2;
    }
    t->res = i < n ? sim_resource(part[i]) : NULL;
    t->name = i + 1 < n ? part[i + 1] : NULL;
    t->sub = i + 2 < n ? part[i + 2] : NULL;
    const char *group = str_eq(part[0], "api") ? "" : part[1];
    return t->res != NULL && str_eq(t->res->group, group);
}

static char *percent_decode(const char *text, size_t len)
{
    char *out = x_strndup(text, len);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '%' && i + 2 < len) {
            const char hex[] = {text[i + 1], text[i + 2], '\0'};
            out[n++] = (char)strtoul(hex, NULL, 16);
            i += 2;
        } else {
            out[n++] = text[i];
        }
    }
    out[n] = '\0';
    return out;
}

/* The value of a query parameter; owned, NULL when absent. */
static char *query_get(const char *query, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = query; !str_empty(at);) {
        const char *end = strchrnul(at, '&');
        if (strncmp(at, name, len) == 0 && at[len] == '=')
            return percent_decode(at + len + 1, (size_t)(end - at) - len - 1);
        at = *end == '&' ? end + 1 : NULL;
    }
    return NULL;
}

/* "a=b", "a" or "!a" */
static bool fits(const json_t *object, const char *requirement)
{
    bool absent = *requirement == '!';
    const char *eq = strchr(requirement, '=');
    size_t len = eq != NULL ? (size_t)(eq - requirement) : strlen(requirement + absent);
    auto_free char *key = x_strndup(requirement + absent, len);
    const char *value = JSTR(object, "metadata", "labels", key);
    return eq != NULL ? str_eq(value, eq + 1) : (value == NULL) == absent;
}

/* All that certroll uses, comma-separated. */
static bool selected(const json_t *object, const char *selector)
{
    for (const char *at = selector; !str_empty(at);) {
        const char *end = strchrnul(at, ',');
        auto_free char *requirement = x_strndup(at, (size_t)(end - at));
        if (!fits(object, requirement))
            return false;
        at = *end == ',' ? end + 1 : NULL;
    }
    return true;
}

/* ---- verbs ---- */

static void list(struct call *c)
{
    auto_free char *selector = query_get(c->target.query, "labelSelector");
    auto_free struct sim_object **all = sim_api_all(c->api, c->target.res->plural);
    auto_free char *version = sim_api_version(c->api);
    json_t *items = json_new_array();
    for (size_t i = 0; all[i] != NULL; i++) {
        const char *ns = JSTR(all[i]->json, "metadata", "namespace");
        if ((c->target.ns == NULL || str_eq(ns, c->target.ns)) && selected(all[i]->json, selector))
            json_push(items, shown(c, all[i]->json));
    }
    json_auto_t *body = json_build("{s:s,s:{s:s},s:o}", "kind", "List", "metadata",
                                   "resourceVersion", version, "items", items);
    answer(c, 200, body);
}

static void create(struct call *c)
{
    const char *name = JSTR(c->body, "metadata", "name");
    if (sim_api_find(c->api, c->target.res->plural, c->target.ns, name) != NULL) {
        refuse(c, 409, "AlreadyExists", "it already exists");
        return;
    }
    json_t *object = json_incref(c->body); /* it is ours alone */
    if (c->target.res->has_status)
        json_drop(object, "status");
    if (c->target.res->tracks_updates)
        sim_apply_note_update(NULL, object, certroll.manager);
    answer_object(c, 201, sim_store(c->api, c->target.res, object, &certroll));
}

/* PUT: of everything, or of the status alone; both with the version that was read. */
static void update(struct call *c, struct sim_object *o)
{
    const char *version = JSTR(c->body, "metadata", "resourceVersion");
    const char *uid = JSTR(c->body, "metadata", "uid");
    bool stale = version != NULL && !str_eq(version, JSTR(o->json, "metadata", "resourceVersion"));
    if (stale || (uid != NULL && !str_eq(uid, JSTR(o->json, "metadata", "uid")))) {
        refuse(c, 409, "Conflict", "the object has been modified");
        return;
    }
    bool status = str_eq(c->target.sub, "status");
    json_t *now = status ? sim_store_copy(o->json) : json_incref(c->body); /* it is ours alone */
    json_t *part = JGET(status ? c->body : o->json, "status");
    if (part != NULL && (status || c->target.res->has_status))
        json_put(now, "status", json_incref(part));
    if (status && json_same(o->json, now))
        sim_check_no_change(c->api->sim, o);
    answer_object(c, 200, sim_store(c->api, c->target.res, now, &certroll));
}

/* Does the request name another object, or another version of it, than there is? */
static bool is_stale(struct call *c, const struct sim_object *o)
{
    static const char *const names[] = {"uid", "resourceVersion"};
    bool stale = false;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *meant = JSTR(c->body, "metadata", names[i]);
        stale = stale || (meant != NULL &&
                          (o == NULL || !str_eq(meant, JSTR(o->json, "metadata", names[i]))));
    }
    return stale;
}

static void apply(struct call *c, const struct sim_object *o)
{
    if (is_stale(c, o)) {
        refuse(c, 409, "Conflict", "the object has been modified");
        return;
    }
    auto_free char *manager = query_get(c->target.query, "fieldManager");
    json_auto_t *body = json_incref(c->body); /* it is ours alone */
    if (c->target.res->has_status)
        json_drop(body, "status");
    json_t *now = sim_apply_merge(o != NULL ? o->json : NULL, body, manager);
    const struct sim_writer writer = {.manager = manager, .ours = true};
    answer_object(c, o != NULL ? 200 : 201, sim_store(c->api, c->target.res, now, &writer));
}

static void merge(struct call *c, struct sim_object *o)
{
    bool was_held = sim_store_is_held(o);
    if (is_stale(c, o)) {
        refuse(c, 409, "Conflict", "the object has been modified");
        return;
    }
    json_t *now = json_copy_deep(o->json);
    json_merge_patch(now, c->body);
    if (c->target.res->has_status && JGET(o->json, "status") != NULL)
        json_put(now, "status", json_incref(JGET(o->json, "status")));
    if (c->target.res->tracks_updates)
        sim_apply_note_update(o->json, now, certroll.manager);
    answer_object(c, 200, sim_store(c->api, c->target.res, now, &certroll));
    if (was_held && !sim_store_is_held(o) && JSTR(o->json, "metadata", "deletionTimestamp") != NULL)
        sim_store_remove(c->api, o, &sim_cluster_writer);
}

static void delete (struct call *c, struct sim_object *o)
{
    const char *uid = JSTR(c->body, "preconditions", "uid");
    if (uid != NULL && !str_eq(uid, JSTR(o->json, "metadata", "uid"))) {
        refuse(c, 409, "Conflict", "the UID in the precondition does not match");
        return;
    }
    sim_store_delete(c->api, o, &certroll);
    json_auto_t *body = json_build("{s:s,s:s}", "kind", "Status", "status", "Success");
    answer(c, 200, body);
}

/* ---- dispatch ---- */

static bool header_has(const struct http_request *req, const char *name, const char *text)
{
    for (size_t i = 0; i < req->header_count; i++)
        if (strcasecmp(req->headers[i].name, name) == 0)
            return strstr(req->headers[i].value, text) != NULL;
    return false;
}

static void dispatch(struct call *c)
{
    const struct target *t = &c->target;
    const char *method = c->req->method;
    if (t->name == NULL && str_eq(method, "GET")) {
        list(c);
        return;
    }
    if (t->name == NULL) {
        create(c);
        return;
    }
    struct sim_object *o = sim_api_find(c->api, t->res->plural, t->ns, t->name);
    bool is_apply = header_has(c->req, "Content-Type", "apply-patch");
    if (o == NULL && !is_apply)
        refuse(c, 404, "NotFound", "it does not exist");
    else if (str_eq(method, "GET"))
        answer_object(c, 200, o);
    else if (str_eq(method, "PUT"))
        update(c, o);
    else if (str_eq(method, "DELETE"))
        delete (c, o);
    else if (is_apply)
        apply(c, o);
    else
        merge(c, o);
}

/* Does this life's cluster have the kind? */
static bool is_known(const struct sim_api *a, const struct sim_resource *res)
{
    return sim_gateway_is_on(a->sim) || !str_eq(res->group, SIM_GATEWAY_GROUP);
}

void sim_api_serve(struct sim_api *a, const struct http_request *req, struct http_response *res)
{
    struct call c = {.api = a,
                     .req = req,
                     .metadata_only = header_has(req, "Accept", "PartialObjectMetadata"),
                     .res = res};
    auto_free char *path = x_strdup(strchr(req->url + strlen("https://"), '/'));
    AUTO_ERR bad = req->body_len > 0 ? json_parse(req->body, req->body_len, &c.body) : NULL;
    if (bad != NULL)
        refuse(&c, 400, "BadRequest", bad->message);
    else if (!parse_path(path, &c.target) || !is_known(a, c.target.res))
        refuse(&c, 404, "NotFound", "the server could not find the requested resource");
    else
        dispatch(&c);
    json_decref(c.body);
}
