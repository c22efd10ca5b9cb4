/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_gateway.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "sim/sim_stream.h"

#define LAG_MAX (8 * NS_PER_SEC)

enum kind { ROUTES, GRANTS, KINDS };
static const char *const plurals[KINDS] = {"httproutes", "referencegrants"};

struct seen {
    struct sim_stream stream;
    json_t *objects; /* "ns/name" -> object */
};

struct sim_gateway {
    struct seen seen[KINDS];
};

static void learn(void *arg, const struct sim_event *e)
{
    struct seen *s = arg;
    auto_free char *key = x_printf("%s/%s", JSTR(e->object, "metadata", "namespace"),
                                   JSTR(e->object, "metadata", "name"));
    if (e->change == SIM_DELETED)
        json_drop(s->objects, key);
    else
        json_put(s->objects, key, json_copy_deep(e->object));
}

struct sim_gateway *sim_gateway_new(struct sim *s)
{
    struct sim_gateway *g = x_calloc(1, sizeof(*g));
    for (size_t i = 0; i < KINDS; i++) {
        struct seen *seen = &g->seen[i];
        seen->objects = json_new_object();
        seen->stream = (struct sim_stream){.lag_max = LAG_MAX, .deliver = learn, .arg = seen};
        sim_stream_open(&seen->stream, s, sim_resource(plurals[i]));
    }
    return g;
}

void sim_gateway_free(struct sim_gateway *g)
{
    for (size_t i = 0; i < KINDS; i++)
        json_decref(g->seen[i].objects);
    free(g);
}

int64_t sim_gateway_next(struct sim_gateway *g)
{
    int64_t routes = sim_stream_next(&g->seen[ROUTES].stream);
    int64_t grants = sim_stream_next(&g->seen[GRANTS].stream);
    return routes < grants ? routes : grants;
}

void sim_gateway_happen(struct sim_gateway *g)
{
    for (size_t i = 0; i < KINDS; i++)
        sim_stream_happen(&g->seen[i].stream);
}

json_t *sim_gateway_config(void)
{
    return json_build("{s:[{s:s}]}", "parentRefs", "name", "gate");
}

/* ---- where a request goes ---- */

struct search {
    const char *host, *path;
    const char *route_ns; /* of what was found */
    const char *ns, *service;
    bool granted;
};

static bool has_host(const json_t *route, const char *host)
{
    const json_t *hosts = JGET(route, "spec", "hostnames");
    for (size_t i = 0; i < json_count(hosts); i++)
        if (str_eq(json_text(json_item(hosts, i)), host))
            return true;
    return false;
}

static bool look_at_route(void *arg, const char *key, json_t *route)
{
    struct search *s = arg;
    const json_t *rule = JGET(route, "spec", "rules", "0");
    const json_t *matches = JGET(rule, "matches");
    const json_t *backend = JGET(rule, "backendRefs", "0");
    (void)key;
    for (size_t i = 0; i < json_count(matches) && has_host(route, s->host); i++) {
        if (!str_eq(JSTR(json_item(matches, i), "path", "value"), s->path))
            continue;
        s->route_ns = JSTR(route, "metadata", "namespace");
        s->ns = str_or(JSTR(backend, "namespace"), s->route_ns);
        s->service = JSTR(backend, "name");
    }
    return s->service == NULL;
}

static bool look_at_grant(void *arg, const char *key, json_t *grant)
{
    struct search *s = arg;
    (void)key;
    s->granted = str_eq(JSTR(grant, "metadata", "namespace"), s->ns) &&
                 str_eq(JSTR(grant, "spec", "from", "0", "namespace"), s->route_ns) &&
                 str_eq(JSTR(grant, "spec", "to", "0", "name"), s->service);
    return !s->granted;
}

void sim_gateway_find(const struct sim_gateway *g, const char *host, const char *path,
                      const char **ret_ns, const char **ret_service)
{
    struct search s = {.host = host, .path = path};
    json_each(g->seen[ROUTES].objects, look_at_route, &s);
    if (s.service == NULL)
        return;
    s.granted = str_eq(s.ns, s.route_ns);
    if (!s.granted)
        json_each(g->seen[GRANTS].objects, look_at_grant, &s);
    if (!s.granted)
        return;
    *ret_ns = s.ns;
    *ret_service = s.service;
}
