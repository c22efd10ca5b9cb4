/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/conditions.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define ROW(type, member, name, ...) BIND_ROW(struct condition, type, member, name, __VA_ARGS__)
static const struct bind_field fields[] = {
    ROW(STRING, type, "type", .flags = BIND_REQUIRED),
    ROW(STRING, status, "status", .flags = BIND_REQUIRED),
    ROW(TIME, last_transition_time, "lastTransitionTime"),
    ROW(STRING, reason, "reason"),
    ROW(STRING, message, "message"),
    ROW(INT, observed_generation, "observedGeneration"),
};
const struct bind_table condition_table = BIND_TABLE("Condition", struct condition, fields);

void condition_set_init(struct condition_set *s, const struct condition *items, size_t len)
{
    memset(s, 0, sizeof(*s));
    s->len = len < CONDITIONS_MAX ? len : CONDITIONS_MAX;
    for (size_t i = 0; i < s->len; i++)
        s->items[i] = items[i];
}

void condition_set_release(struct condition_set *s)
{
    for (size_t i = 0; i < CONDITIONS_MAX; i++)
        free(s->owned[i]);
    memset(s, 0, sizeof(*s));
}

static size_t find(const struct condition_set *s, const char *type)
{
    size_t i = 0;
    while (i < s->len && !str_eq(s->items[i].type, type))
        i++;
    return i;
}

void condition_set_put(struct condition_set *s, const struct condition *c, int64_t now)
{
    size_t i = find(s, c->type);
    if (i == CONDITIONS_MAX)
        return; /* more types than any kind of ours has */
    bool same = i < s->len && str_eq(s->items[i].status, c->status);
    /* Whole seconds: what is read back must equal what was written. */
    int64_t since = same ? s->items[i].last_transition_time : now - now % NS_PER_SEC;
    const char *text = str_or(c->message, "");
    size_t len = strlen(text);
    char *message =
        x_strndup(text, len > CONDITION_MESSAGE_MAX ? utf8_cut(text, CONDITION_MESSAGE_MAX) : len);
    str_sanitize(message);
    free(s->owned[i]);
    s->owned[i] = message;
    s->items[i] = *c;
    s->items[i].message = message;
    s->items[i].last_transition_time = since;
    if (i == s->len)
        s->len++;
}

void condition_set_remove(struct condition_set *s, const char *type)
{
    size_t i = find(s, type);
    if (i == s->len)
        return;
    free(s->owned[i]);
    s->len--;
    memmove(&s->items[i], &s->items[i + 1], (s->len - i) * sizeof(s->items[0]));
    memmove(&s->owned[i], &s->owned[i + 1], (s->len - i) * sizeof(s->owned[0]));
    s->owned[s->len] = NULL;
}

const struct condition *condition_find(const struct condition *items, size_t len, const char *type)
{
    for (size_t i = 0; i < len; i++)
        if (str_eq(items[i].type, type))
            return &items[i];
    return NULL;
}

bool condition_is_true(const struct condition *items, size_t len, const char *type)
{
    const struct condition *c = condition_find(items, len, type);
    return c != NULL && str_eq(c->status, "True");
}
