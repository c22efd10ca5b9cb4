/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/hosts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/group.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "http01/gateway.h"
#include "http01/objects.h"
#include "http01/responder.h"

#define FRESH (2 * NS_PER_SEC)
#define HOSTS_MAX 10000
#define NAMESPACES_MAX 256 /* that are remembered at once */

struct http01_hosts {
    pthread_mutex_t lock;
    const struct clock *clock;
    struct map by_namespace; /* -> struct seen */
};

struct seen {
    struct strlist hosts;
    int64_t at; /* mono ns, when the reading began */
};

static void seen_free(void *value)
{
    struct seen *s = value;
    strlist_release(&s->hosts);
    free(s);
}

struct http01_hosts *http01_hosts_new(const struct clock *clock)
{
    struct http01_hosts *h = x_calloc(1, sizeof(*h));
    pthread_mutex_init(&h->lock, NULL);
    h->clock = clock;
    h->by_namespace = MAP_INIT(seen_free);
    return h;
}

void http01_hosts_free(struct http01_hosts *h)
{
    if (h == NULL)
        return;
    map_release(&h->by_namespace);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

/* ---- reading ---- */

static void add(struct strlist *hosts, const char *host)
{
    if (!str_empty(host) && hosts->len < HOSTS_MAX)
        strlist_add(hosts, host);
}

static struct err *read_ingress(void *hosts, const json_t *item)
{
    const json_t *rules = JGET(item, "spec", "rules");
    for (size_t i = 0; i < json_count(rules); i++)
        add(hosts, JSTR(json_item(rules, i), "host"));
    return NULL;
}

static struct err *read_http_route(void *hosts, const json_t *item)
{
    const json_t *names = JGET(item, "spec", "hostnames");
    for (size_t i = 0; i < json_count(names); i++)
        add(hosts, json_text(json_item(names, i)));
    return NULL;
}

/* Of a Gateway or ListenerSet. */
static struct err *read_listeners(void *hosts, const json_t *item)
{
    const json_t *listeners = JGET(item, "spec", "listeners");
    for (size_t i = 0; i < json_count(listeners); i++)
        add(hosts, JSTR(json_item(listeners, i), "hostname"));
    return NULL;
}

/* Clusters without the Gateway API answer 404 to all of it, those with an older one to ListenerSets. */
static struct err *read_all(const struct http01_env *env, const char *ns, struct strlist *hosts)
{
    static const struct {
        const struct kube_resource *res;
        struct err *(*read)(void *hosts, const json_t *item);
    } kinds[] = {{&res_ingress, read_ingress},
                 {&res_http_route, read_http_route},
                 {&res_gateway, read_listeners},
                 {&res_listener_set, read_listeners}};
    auto_free char *not_ours = x_printf("!%s", api_names()->http01_solver);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct kube_ref all = {.res = kinds[i].res, .ns = ns};
        TRY(err_ignore(kube_list(env->kube, &all, not_ours, kinds[i].read, hosts), ERR_NOT_FOUND));
    }
    return NULL;
}

/* ---- remembering ---- */

static bool recall(struct http01_hosts *h, const char *ns, int64_t now, struct strlist *out)
{
    pthread_mutex_lock(&h->lock);
    const struct seen *s = map_get(&h->by_namespace, ns);
    bool fresh = s != NULL && now - s->at < FRESH;
    if (fresh)
        strlist_add_all(out, &s->hosts);
    pthread_mutex_unlock(&h->lock);
    return fresh;
}

static void remember(struct http01_hosts *h, const char *ns, int64_t now,
                     const struct strlist *hosts)
{
    struct seen *s = x_calloc(1, sizeof(*s));
    strlist_add_all(&s->hosts, hosts);
    s->at = now;
    pthread_mutex_lock(&h->lock);
    if (h->by_namespace.len >= NAMESPACES_MAX)
        map_clear(&h->by_namespace);
    map_put(&h->by_namespace, ns, s);
    pthread_mutex_unlock(&h->lock);
}

struct err *http01_hosts_of(const struct http01_env *env, const char *ns, struct strlist *ret_hosts)
{
    int64_t now = clock_mono(env->hosts->clock);
    if (recall(env->hosts, ns, now, ret_hosts))
        return NULL;
    TRY(read_all(env, ns, ret_hosts), "routes of namespace %s", ns);
    remember(env->hosts, ns, now, ret_hosts);
    return NULL;
}

bool http01_host_covers(const char *host, const char *name)
{
    if (!str_starts(host, "*.") || http01_host_is_ip(name)) /* "*.0.2.1" can be written */
        return strcasecmp(host, name) == 0;
    const char *dot = strchr(name, '.');
    return dot != NULL && dot != name && strcasecmp(host + 1, dot) == 0;
}
