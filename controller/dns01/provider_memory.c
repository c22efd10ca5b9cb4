/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/provider_memory.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

#define TEXTS_MAX 4096
#define TEXT_MAX 8192

struct dns_memory {
    pthread_mutex_t lock;
    struct map texts; /* "scope\nkey" -> struct text */
};

struct text {
    struct secret bytes;
    int64_t until; /* wall ns */
};

static void text_free(void *value)
{
    struct text *t = value;
    secret_release(&t->bytes);
    free(t);
}

struct dns_memory *dns_memory_new(void)
{
    struct dns_memory *m = x_calloc(1, sizeof(*m));
    pthread_mutex_init(&m->lock, NULL);
    m->texts = MAP_INIT(text_free);
    return m;
}

void dns_memory_free(struct dns_memory *m)
{
    if (m == NULL)
        return;
    map_release(&m->texts);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* A line break stands in no scope, so that no scope and key are those of another. */
static char *scoped(const struct dns_env *env, const char *key)
{
    return x_printf("%s\n%s", env->scope, key);
}

void dns_memory_get(const struct dns_env *env, const char *key, struct secret *ret_text)
{
    auto_free char *name = scoped(env, key);
    int64_t now = clock_wall(env->clock);
    *ret_text = (struct secret){0};
    pthread_mutex_lock(&env->memory->lock);
    const struct text *t = map_get(&env->memory->texts, name);
    if (t != NULL && t->until > now)
        *ret_text = secret_copy(t->bytes.data, t->bytes.len);
    else
        map_remove(&env->memory->texts, name);
    pthread_mutex_unlock(&env->memory->lock);
}

struct first {
    const char *key;
    int64_t until;
};

static bool ends_earlier(void *arg, const char *key, void *value)
{
    struct first *first = arg;
    const struct text *t = value;
    if (first->key == NULL || t->until < first->until)
        *first = (struct first){key, t->until};
    return true;
}

/* Lock held. */
static void make_room(struct dns_memory *m)
{
    struct first first = {0};
    map_each(&m->texts, ends_earlier, &first);
    auto_free char *key = x_strdup(first.key); /* the map's own goes with the entry */
    map_remove(&m->texts, key);
}

void dns_memory_set(const struct dns_env *env, const char *key, const struct secret *text,
                    int64_t until)
{
    if (text->len > TEXT_MAX || until <= clock_wall(env->clock)) {
        dns_memory_drop(env, key);
        return;
    }
    auto_free char *name = scoped(env, key);
    struct text *t = x_calloc(1, sizeof(*t));
    t->bytes = secret_copy(text->data, text->len);
    t->until = until;
    pthread_mutex_lock(&env->memory->lock);
    if (env->memory->texts.len >= TEXTS_MAX && !map_has(&env->memory->texts, name))
        make_room(env->memory);
    map_put(&env->memory->texts, name, t);
    pthread_mutex_unlock(&env->memory->lock);
}

void dns_memory_drop(const struct dns_env *env, const char *key)
{
    auto_free char *name = scoped(env, key);
    pthread_mutex_lock(&env->memory->lock);
    map_remove(&env->memory->texts, name);
    pthread_mutex_unlock(&env->memory->lock);
}
