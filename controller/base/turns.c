/* SPDX-License-Identifier: Apache-2.0 */
#include "base/turns.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

struct turns {
    pthread_mutex_t lock;
    struct map taken; /* -> unsigned; those that nobody has are not in it */
};

struct turns *turns_new(void)
{
    struct turns *t = x_calloc(1, sizeof(*t));
    pthread_mutex_init(&t->lock, NULL);
    t->taken = MAP_INIT(free);
    return t;
}

void turns_free(struct turns *t)
{
    if (t == NULL)
        return;
    map_release(&t->taken);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

bool turns_take(struct turns *t, const char *key, unsigned most)
{
    pthread_mutex_lock(&t->lock);
    unsigned *count = map_get(&t->taken, key);
    bool free_turn = most > 0 && (count == NULL || *count < most);
    if (free_turn && count == NULL)
        map_put(&t->taken, key, count = x_calloc(1, sizeof(*count)));
    if (free_turn)
        ++*count;
    pthread_mutex_unlock(&t->lock);
    return free_turn;
}

void turns_give(struct turns *t, const char *key)
{
    pthread_mutex_lock(&t->lock);
    unsigned *count = map_get(&t->taken, key);
    if (count == NULL)
        x_abort("a turn is given back that was not taken");
    if (--*count == 0)
        map_remove(&t->taken, key);
    pthread_mutex_unlock(&t->lock);
}
