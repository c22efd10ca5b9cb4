/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/replicas.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"
#include "http01/objects.h"
#include "http01/responder.h"

#define FRESH NS_PER_SEC
#define REPLICAS_MAX 64
#define ASK_TIMEOUT (2 * NS_PER_SEC)
#define ASK_CONNECT_TIMEOUT (500 * NS_PER_MS)
#define ASK_BODY_MAX 1024

struct http01_replicas {
    pthread_mutex_t lock;
    const struct clock *clock;
    struct strlist addresses; /* "10.0.0.1:8089", "[fd00::1]:8089" */
    int64_t read_at;          /* mono ns, 0 = never */
};

struct http01_replicas *http01_replicas_new(const struct clock *clock)
{
    struct http01_replicas *r = x_calloc(1, sizeof(*r));
    pthread_mutex_init(&r->lock, NULL);
    r->clock = clock;
    return r;
}

void http01_replicas_free(struct http01_replicas *r)
{
    if (r == NULL)
        return;
    strlist_release(&r->addresses);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* ---- who they are ---- */

static struct err *read_slice(void *arg, const json_t *slice)
{
    struct strlist *addresses = arg;
    int64_t port = JINT(slice, 0, "ports", "0", "port");
    const json_t *endpoints = JGET(slice, "endpoints");
    for (size_t i = 0; i < json_count(endpoints) && addresses->len < REPLICAS_MAX; i++) {
        const json_t *e = json_item(endpoints, i);
        const json_t *ready = JGET(e, "conditions", "ready");
        const char *address = JSTR(e, "addresses", "0");
        if (address == NULL || port <= 0 || (ready != NULL && !json_truth(ready)))
            continue;
        bool v6 = strchr(address, ':') != NULL;
        auto_free char *where = x_printf(v6 ? "[%s]:%d" : "%s:%d", address, (int)port);
        strlist_add(addresses, where);
    }
    return NULL;
}

static struct err *read_addresses(const struct http01_env *env, struct strlist *ret_addresses)
{
    auto_free char *selector = x_printf("kubernetes.io/service-name=%s", env->responder.service);
    const struct kube_ref all = {.res = &res_endpoint_slice, .ns = env->responder.ns};
    return kube_list(env->kube, &all, selector, read_slice, ret_addresses);
}

static bool copy_fresh(struct http01_replicas *r, int64_t now, struct strlist *out)
{
    pthread_mutex_lock(&r->lock);
    bool fresh = r->read_at != 0 && now - r->read_at < FRESH;
    if (fresh)
        strlist_add_all(out, &r->addresses);
    pthread_mutex_unlock(&r->lock);
    return fresh;
}

/* Asked before the list is read: what is told may be older than it is taken for, never newer. */
static struct err *addresses(const struct http01_env *env, struct strlist *ret_addresses)
{
    struct http01_replicas *r = env->replicas;
    int64_t now = clock_mono(r->clock);
    if (copy_fresh(r, now, ret_addresses))
        return NULL;
    TRY(read_addresses(env, ret_addresses), "certroll's own replicas");
    pthread_mutex_lock(&r->lock);
    strlist_release(&r->addresses);
    strlist_add_all(&r->addresses, ret_addresses);
    r->read_at = now;
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* ---- what they say ---- */

static struct err *ask(const struct http_transport *t, const struct stop *stop,
                       const struct http01_question *q, const char *address)
{
    bool v6 = strchr(q->host, ':') != NULL;
    auto_free char *url =
        x_printf("http://%s%s%s" HTTP01_PATH "%s", v6 ? "[" : "", q->host, v6 ? "]" : "", q->token);
    const struct http_request req = {
        .url = url,
        .connect_to = address,
        .timeout = ASK_TIMEOUT,
        .connect_timeout = ASK_CONNECT_TIMEOUT,
        .max_body = ASK_BODY_MAX,
    };
    AUTO_RESPONSE res = {0};
    struct err *e = http_call(t, &req, stop, &res);
    if (err_is(e, ERR_CANCELLED))
        return e;
    if (e != NULL) {
        err_free(e);
        return NULL;
    }
    if (res.status == 200 && str_eq(buf_str(&res.body), q->key_authorization))
        return NULL;
    return err_new(ERR_TRANSIENT, "ReplicaBehind",
                   "certroll's replica at %s does not know the challenge for %s yet (it answers "
                   "%d): its watch is behind",
                   address, q->host, res.status);
}

struct err *http01_replicas_answer(const struct http01_env *env, const struct http_transport *t,
                                   const struct stop *stop, const struct http01_question *q)
{
    AUTO(strlist_release) struct strlist all = {0};
    TRY(addresses(env, &all));
    if (all.len == 0)
        return err_new(ERR_TRANSIENT, "ReplicaBehind",
                       "no replica of certroll is ready behind Service %s/%s", env->responder.ns,
                       env->responder.service);
    for (size_t i = 0; i < all.len; i++)
        TRY(ask(t, stop, q, all.items[i]));
    return NULL;
}
