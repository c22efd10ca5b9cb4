/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/fresh_keys.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#define PLACES 4096 /* one Secret each, some 400 bytes with a key on a curve */
#define KEPT (2 * NS_PER_MIN)

struct fresh_key {
    char *uid, *version;
    struct secret pem;
    int64_t until; /* mono */
};

struct fresh_keys {
    pthread_mutex_t lock;
    const struct clock *clock;
    struct fresh_key *places[PLACES]; /* by hash of the uid: who comes later has it */
};

static void forget(struct fresh_key **place)
{
    struct fresh_key *key = TAKE(*place);
    if (key == NULL)
        return;
    secret_release(&key->pem);
    free(key->uid);
    free(key->version);
    free(key);
}

struct fresh_keys *fresh_keys_new(const struct clock *clock)
{
    struct fresh_keys *k = x_calloc(1, sizeof(*k));
    pthread_mutex_init(&k->lock, NULL);
    k->clock = clock;
    return k;
}

void fresh_keys_free(struct fresh_keys *k)
{
    if (k == NULL)
        return;
    for (size_t i = 0; i < PLACES; i++)
        forget(&k->places[i]);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

static struct fresh_key **place_of(struct fresh_keys *k, const char *uid)
{
    return &k->places[map_hash(uid, strlen(uid)) % PLACES];
}

void fresh_keys_put(struct fresh_keys *k, const char *uid, const char *version,
                    const struct secret *pem)
{
    if (uid == NULL || version == NULL)
        return;
    struct fresh_key *key = x_alloc(sizeof(*key));
    *key = (struct fresh_key){.uid = x_strdup(uid),
                              .version = x_strdup(version),
                              .pem = secret_copy(pem->data, pem->len),
                              .until = clock_mono(k->clock) + KEPT};
    pthread_mutex_lock(&k->lock);
    struct fresh_key **place = place_of(k, uid);
    forget(place);
    *place = key;
    pthread_mutex_unlock(&k->lock);
}

bool fresh_keys_take(struct fresh_keys *k, const char *uid, const char *version,
                     struct secret *ret_pem)
{
    bool found = false;
    pthread_mutex_lock(&k->lock);
    struct fresh_key **place = place_of(k, uid), *key = *place;
    if (key != NULL && str_eq(key->uid, uid)) {
        found = str_eq(key->version, version) && clock_mono(k->clock) < key->until;
        if (found) {
            *ret_pem = key->pem;
            key->pem = (struct secret){0};
        }
        forget(place);
    }
    pthread_mutex_unlock(&k->lock);
    return found;
}

void fresh_keys_trim(struct fresh_keys *k)
{
    int64_t now = clock_mono(k->clock);
    pthread_mutex_lock(&k->lock);
    for (size_t i = 0; i < PLACES; i++) {
        if (k->places[i] != NULL && k->places[i]->until <= now)
            forget(&k->places[i]);
    }
    pthread_mutex_unlock(&k->lock);
}
