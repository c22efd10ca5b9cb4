/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <endian.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"

#define MIN_BUCKETS 8

struct map_entry {
    struct map_entry *next;
    void *value;
    size_t hash;
    char key[];
};

static struct {
    pthread_once_t once;
    uint64_t k0, k1;
} seed = {.once = PTHREAD_ONCE_INIT};

static void draw_seed(void)
{
    seed.k0 = rng_u64(rng_system());
    seed.k1 = rng_u64(rng_system());
}

void map_fix_seed(uint64_t k0, uint64_t k1)
{
    pthread_once(&seed.once, draw_seed);
    seed.k0 = k0;
    seed.k1 = k1;
}

static uint64_t rotl(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] = rotl(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] = rotl(v[2], 32);
}

static void sip_compress(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* SipHash-1-3 of Aumasson and Bernstein: one round a word, three at the end. */
static uint64_t siphash13(const unsigned char *p, size_t len, uint64_t k0, uint64_t k1)
{
    uint64_t v[4] = {
        k0 ^ UINT64_C(0x736f6d6570736575),
        k1 ^ UINT64_C(0x646f72616e646f6d),
        k0 ^ UINT64_C(0x6c7967656e657261),
        k1 ^ UINT64_C(0x7465646279746573),
    };
    uint64_t last = (uint64_t)len << 56;
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof(word));
        sip_compress(v, le64toh(word));
    }
    for (size_t i = 0; i < len; i++)
        last |= (uint64_t)p[i] << (8 * i);
    sip_compress(v, last);
    v[2] ^= 0xFF;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

size_t map_hash(const void *data, size_t len)
{
    pthread_once(&seed.once, draw_seed);
    return (size_t)siphash13(data, len, seed.k0, seed.k1);
}

static void free_value(const struct map *m, void *value)
{
    if (m->free_value != NULL && value != NULL)
        m->free_value(value);
}

/* The link that points to the entry, or the NULL link at the end of its chain. */
static struct map_entry **find(const struct map *m, const char *key, size_t hash)
{
    struct map_entry **link = &m->buckets[hash & (m->bucket_count - 1)];
    while (*link != NULL && ((*link)->hash != hash || strcmp((*link)->key, key) != 0))
        link = &(*link)->next;
    return link;
}

static struct map_entry *lookup(const struct map *m, const char *key)
{
    if (m->len == 0)
        return NULL;
    return *find(m, key, map_hash(key, strlen(key)));
}

static void grow(struct map *m)
{
    size_t count = m->bucket_count > 0 ? m->bucket_count * 2 : MIN_BUCKETS;
    struct map_entry **buckets = x_calloc(count, sizeof(struct map_entry *));
    for (size_t i = 0; i < m->bucket_count; i++) {
        struct map_entry *next;
        for (struct map_entry *e = m->buckets[i]; e != NULL; e = next) {
            next = e->next;
            e->next = buckets[e->hash & (count - 1)];
            buckets[e->hash & (count - 1)] = e;
        }
    }
    free(m->buckets);
    m->buckets = buckets;
    m->bucket_count = count;
}

void map_release(struct map *m)
{
    map_clear(m);
    free(m->buckets);
    m->buckets = NULL;
    m->bucket_count = 0;
}

void map_clear(struct map *m)
{
    for (size_t i = 0; i < m->bucket_count; i++) {
        struct map_entry *next;
        for (struct map_entry *e = m->buckets[i]; e != NULL; e = next) {
            next = e->next;
            free_value(m, e->value);
            free(e);
        }
        m->buckets[i] = NULL;
    }
    m->len = 0;
}

void *map_get(const struct map *m, const char *key)
{
    const struct map_entry *e = lookup(m, key);
    return e != NULL ? e->value : NULL;
}

bool map_has(const struct map *m, const char *key)
{
    return lookup(m, key) != NULL;
}

void map_put(struct map *m, const char *key, void *value)
{
    if (m->len >= m->bucket_count)
        grow(m);
    size_t len = strlen(key);
    size_t hash = map_hash(key, len);
    struct map_entry **link = find(m, key, hash);
    if (*link != NULL) {
        void *old = (*link)->value;
        (*link)->value = value;
        if (old != value)
            free_value(m, old);
        return;
    }
    struct map_entry *e = x_alloc(sizeof(*e) + len + 1);
    e->next = NULL;
    e->value = value;
    e->hash = hash;
    memcpy(e->key, key, len + 1);
    *link = e;
    m->len++;
}

void *map_take(struct map *m, const char *key)
{
    if (m->len == 0)
        return NULL;
    struct map_entry **link = find(m, key, map_hash(key, strlen(key)));
    struct map_entry *e = *link;
    if (e == NULL)
        return NULL;
    void *value = e->value;
    *link = e->next;
    free(e);
    m->len--;
    return value;
}

void map_remove(struct map *m, const char *key)
{
    free_value(m, map_take(m, key));
}

void map_each(const struct map *m, bool (*fn)(void *arg, const char *key, void *value), void *arg)
{
    for (size_t i = 0; i < m->bucket_count; i++) {
        for (const struct map_entry *e = m->buckets[i]; e != NULL; e = e->next) {
            if (!fn(arg, e->key, e->value))
                return;
        }
    }
}
