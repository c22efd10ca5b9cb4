/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/turns.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

struct dns_turns {
    pthread_mutex_t lock;
    struct map taken; /* -> unsigned; those that nobody has are not in it */
};

struct dns_turns *dns_turns_new(void)
{
    struct dns_turns *t = x_calloc(1, sizeof(*t));
    pthread_mutex_init(&t->lock, NULL);
    t->taken = MAP_INIT(free);
    return t;
}

void dns_turns_free(struct dns_turns *t)
{
    if (t == NULL)
        return;
    map_release(&t->taken);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

bool dns_turns_take(struct dns_turns *t, const char *key, unsigned most)
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

void dns_turns_give(struct dns_turns *t, const char *key)
{
    pthread_mutex_lock(&t->lock);
    unsigned *count = map_get(&t->taken, key);
    if (count == NULL)
        x_abort("a turn is given back that was not taken");
    if (--*count == 0)
        map_remove(&t->taken, key);
    pthread_mutex_unlock(&t->lock);
}
