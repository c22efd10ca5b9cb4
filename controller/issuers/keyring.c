/* SPDX-License-Identifier: Apache-2.0 */
#include "issuers/keyring.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

struct held_key {
    int64_t revision;
    struct pki_key *key;
};

struct keyring {
    pthread_mutex_t lock;
    struct map by_uid; /* -> struct held_key */
};

static void held_key_free(void *value)
{
    struct held_key *h = value;
    pki_key_free(h->key);
    free(h);
}

struct keyring *keyring_new(void)
{
    struct keyring *k = x_calloc(1, sizeof(*k));
    pthread_mutex_init(&k->lock, NULL);
    k->by_uid = MAP_INIT(held_key_free);
    return k;
}

void keyring_free(struct keyring *k)
{
    if (k == NULL)
        return;
    map_release(&k->by_uid);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

void keyring_put(struct keyring *k, const char *uid, int64_t revision, struct pki_key *key)
{
    struct held_key *h = x_calloc(1, sizeof(*h));
    h->revision = revision;
    h->key = pki_key_ref(key);
    pthread_mutex_lock(&k->lock);
    map_put(&k->by_uid, uid, h);
    pthread_mutex_unlock(&k->lock);
}

struct pki_key *keyring_get(struct keyring *k, const char *uid, int64_t revision)
{
    pthread_mutex_lock(&k->lock);
    const struct held_key *h = map_get(&k->by_uid, uid);
    struct pki_key *key = h != NULL && h->revision == revision ? pki_key_ref(h->key) : NULL;
    pthread_mutex_unlock(&k->lock);
    return key;
}

void keyring_drop(struct keyring *k, const char *uid)
{
    pthread_mutex_lock(&k->lock);
    map_remove(&k->by_uid, uid);
    pthread_mutex_unlock(&k->lock);
}
