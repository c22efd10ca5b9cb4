/* SPDX-License-Identifier: Apache-2.0 */
#include "reconciler_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "support/scripted_kube.h"

static void emit(void *ctx, const struct event *e)
{
    struct scene *s = ctx;
    (void)e;
    s->told++;
}

void scene_prepare(void)
{
    json_room_init();
    pki_init();
    expect_ok(api_init(API_DEFAULT_GROUP));
}

void scene_open(struct scene *s)
{
    scripted_init(&s->world);
    scripted_dns_init(&s->dns);
    clock_manual_init(&s->hands, SCENE_NOW);
    s->kube = scripted_kube(&s->world);
    s->events = (struct event_sink){.emit = emit, .ctx = s};
    s->all = reconcilers_new(&(struct reconcilers_options){
        .config = {.cluster_resource_namespace = "certroll",
                   .own_namespace = "certroll",
                   .solver_image = "certroll:1",
                   .solver_linger = 30 * NS_PER_SEC,
                   .failure_backoff_min = NS_PER_HOUR,
                   .failure_backoff_max = 32 * NS_PER_HOUR,
                   .renewal_jitter = 12 * NS_PER_HOUR},
        .clock = &s->hands.clock,
        .rng = rng_system(),
        .kube = s->kube,
        .outside = &s->world.transport,
        .dns = &s->dns.transport,
        .events = &s->events,
    });
    s->env = reconcilers_env(s->all);
    for (struct cache *const *c = reconcilers_caches(s->all); *c != NULL; c++) {
        cache_replace_begin(*c);
        cache_replace_end(*c, "1");
    }
}

void scene_close(struct scene *s)
{
    reconcilers_free(s->all);
    kube_client_free(s->kube);
    scripted_finish(&s->world);
}

const void *scene_object(const struct kube_kind *kind, const char *text)
{
    json_auto_t *json = parsed(text);
    const void *object = NULL;
    expect_ok(object_decode(kind, json, &object));
    return object;
}

void scene_put(const struct store *store, const char *text)
{
    cache_put(store->cache, scene_object(cache_kind(store->cache), text));
}

static void note(void *arg, const char *value)
{
    struct buf *b = arg;
    buf_putf(b, "%s%s", b->len > 0 ? " " : "", value);
}

char *scene_indexed(void (*index)(const void *object, void (*emit)(void *arg, const char *value),
                                  void *arg),
                    const void *object)
{
    struct buf b = BUF_INIT(4096);
    index(object, note, &b);
    return buf_take(&b);
}
