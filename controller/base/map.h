/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map: string -> pointer, hashed with a seed drawn at start so that tenants cannot pick collisions.
 * Keys are copied; values are the caller's unless free_value is set. Not thread-safe.
 */
#ifndef CERTROLL_BASE_MAP_H
#define CERTROLL_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_entry;

struct map {
    struct map_entry **buckets;
    size_t bucket_count;
    size_t len;
    void (*free_value)(void *value); /* may be NULL */
};

#define MAP_INIT(free_value_) ((struct map){.free_value = (free_value_)})

/* Frees keys, table and (with free_value) values; the map is empty and usable again. */
void map_release(struct map *m);
/* The same, keeping the table for more of the same size. */
void map_clear(struct map *m);
/* NULL when absent. */
void *map_get(const struct map *m, const char *key);
/* Tells a NULL value from an absent one. */
bool map_has(const struct map *m, const char *key);
/* Replaces (and frees) an earlier value. */
void map_put(struct map *m, const char *key, void *value);
/* Removes and returns the value without freeing it; NULL when absent. */
void *map_take(struct map *m, const char *key);
/* Removes and frees the value; harmless when absent. */
void map_remove(struct map *m, const char *key);
/* Calls fn for each entry, in no order; fn may not change the map. Stops when fn returns false. */
void map_each(const struct map *m, bool (*fn)(void *arg, const char *key, void *value), void *arg);

/* The seeded hash itself (bytes), for other tables. */
size_t map_hash(const void *data, size_t len);

/* Replaces the drawn seed, so that map_each() visits in the same order in each run of the
 * simulator. Only before the first map holds anything. */
void map_fix_seed(uint64_t k0, uint64_t k1);

#endif
