/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/memo.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

#define MEMO_MAX 65536

struct memo {
    pthread_mutex_t lock;
    struct map entries; /* -> struct entry */
};

struct entry {
    struct memo_entry numbers;
    char *text;
};

static void entry_free(void *value)
{
    struct entry *e = value;
    free(e->text);
    free(e);
}

struct memo *memo_new(void)
{
    struct memo *m = x_calloc(1, sizeof(*m));
    pthread_mutex_init(&m->lock, NULL);
    m->entries = MAP_INIT(entry_free);
    return m;
}

void memo_free(struct memo *m)
{
    if (m == NULL)
        return;
    map_release(&m->entries);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* Full means that 65,536 objects wait at once: starting over costs each of them one early poll. */
static struct entry *entry_of(struct memo *m, const char *key)
{
    struct entry *e = map_get(&m->entries, key);
    if (e != NULL)
        return e;
    if (m->entries.len >= MEMO_MAX)
        map_clear(&m->entries);
    e = x_calloc(1, sizeof(*e));
    map_put(&m->entries, key, e);
    return e;
}

struct memo_entry memo_count(struct memo *m, const char *key, int64_t now)
{
    pthread_mutex_lock(&m->lock);
    struct memo_entry *e = &entry_of(m, key)->numbers;
    struct memo_entry before = *e;
    e->count++;
    e->time = now;
    pthread_mutex_unlock(&m->lock);
    return before;
}

void memo_set(struct memo *m, const char *key, int64_t time)
{
    pthread_mutex_lock(&m->lock);
    entry_of(m, key)->numbers.time = time;
    pthread_mutex_unlock(&m->lock);
}

int64_t memo_since(struct memo *m, const char *key, int64_t now)
{
    pthread_mutex_lock(&m->lock);
    int64_t *time = &entry_of(m, key)->numbers.time;
    if (*time == 0)
        *time = now;
    int64_t since = *time;
    pthread_mutex_unlock(&m->lock);
    return since;
}

void memo_mark(struct memo *m, const char *key, unsigned marks)
{
    pthread_mutex_lock(&m->lock);
    entry_of(m, key)->numbers.marks |= marks;
    pthread_mutex_unlock(&m->lock);
}

struct memo_entry memo_get(struct memo *m, const char *key)
{
    pthread_mutex_lock(&m->lock);
    const struct entry *e = map_get(&m->entries, key);
    struct memo_entry found = e != NULL ? e->numbers : (struct memo_entry){0};
    pthread_mutex_unlock(&m->lock);
    return found;
}

void memo_set_text(struct memo *m, const char *key, const char *text)
{
    pthread_mutex_lock(&m->lock);
    struct entry *e = entry_of(m, key);
    free(e->text);
    e->text = x_strdup_or_null(text);
    pthread_mutex_unlock(&m->lock);
}

char *memo_text(struct memo *m, const char *key)
{
    pthread_mutex_lock(&m->lock);
    const struct entry *e = map_get(&m->entries, key);
    char *text = e != NULL ? x_strdup_or_null(e->text) : NULL;
    pthread_mutex_unlock(&m->lock);
    return text;
}

void memo_drop(struct memo *m, const char *key)
{
    pthread_mutex_lock(&m->lock);
    map_remove(&m->entries, key);
    pthread_mutex_unlock(&m->lock);
}

void memo_unmark(struct memo *m, const char *key, unsigned marks)
{
    pthread_mutex_lock(&m->lock);
    struct entry *e = map_get(&m->entries, key);
    if (e != NULL)
        e->numbers.marks &= ~marks;
    if (e != NULL && e->numbers.marks == 0)
        map_remove(&m->entries, key);
    pthread_mutex_unlock(&m->lock);
}
