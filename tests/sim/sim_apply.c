/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field ownership. A field is a path of member names joined by line feeds; the values of lists count as
 * one field. A set of fields is a strlist; managedFields has it as a tree.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "sim/sim_store.h"

#define DEPTH_MAX 16

/* ---- paths ---- */

/* Splits in place; the parts borrow from path. */
static void split(char *path, const char *parts[DEPTH_MAX + 1])
{
    size_t n = 0;
    for (char *at = path; at != NULL && n < DEPTH_MAX; n++) {
        parts[n] = at;
        at = strchr(at, '\n');
        if (at != NULL)
            *at++ = '\0';
    }
    parts[n] = NULL;
}

static json_t *get_at(const json_t *object, const char *path)
{
    auto_free char *copy = x_strdup(path);
    const char *parts[DEPTH_MAX + 1];
    split(copy, parts);
    return json_path(object, parts);
}

/* The member that holds the path's last part, made when it is missing (with create). */
static json_t *parent_of(json_t *object, const char *parts[DEPTH_MAX + 1], bool create,
                         const char **ret_last)
{
    size_t i = 0;
    for (; parts[i + 1] != NULL; i++) {
        json_t *next = json_path(object, (const char *const[]){parts[i], NULL});
        if (!json_is_object(next)) {
            if (!create)
                return NULL;
            json_put(object, parts[i], json_new_object());
            next = json_path(object, (const char *const[]){parts[i], NULL});
        }
        object = next;
    }
    *ret_last = parts[i];
    return object;
}

static void put_at(json_t *object, const char *path, json_t *value)
{
    auto_free char *copy = x_strdup(path);
    const char *parts[DEPTH_MAX + 1];
    const char *last;
    split(copy, parts);
    json_t *parent = parent_of(object, parts, true, &last);
    json_put(parent, last, value);
}

static void drop_at(json_t *object, const char *path)
{
    auto_free char *copy = x_strdup(path);
    const char *parts[DEPTH_MAX + 1];
    const char *last;
    split(copy, parts);
    json_t *parent = parent_of(object, parts, false, &last);
    if (parent != NULL)
        json_drop(parent, last);
}

/* ---- sets ---- */

struct walk {
    struct strlist *out;
    const char *prefix;
    size_t skip; /* bytes of each name: "f:" in a tree */
};

static bool visit(void *arg, const char *key, json_t *value)
{
    const struct walk *w = arg;
    auto_free char *path =
        x_printf("%s%s%s", w->prefix, *w->prefix != '\0' ? "\n" : "", key + w->skip);
    if (json_is_object(value) && json_count(value) > 0)
        json_each(value, visit, &(struct walk){w->out, path, w->skip});
    else
        strlist_add(w->out, path);
    return true;
}

/* What an object says, but its identity. */
static void fields_of(const json_t *object, struct strlist *out)
{
    static const char *const identity[] = {
        "name",       "namespace",         "uid",           "resourceVersion",
        "generation", "creationTimestamp", "managedFields", "deletionTimestamp"};
    if (object == NULL)
        return;
    json_auto_t *rest = sim_store_copy(object);
    json_drop(rest, "apiVersion");
    json_drop(rest, "kind");
    for (size_t i = 0; i < ARRAY_LEN(identity); i++)
        json_drop(JGET(rest, "metadata"), identity[i]);
    if (json_count(JGET(rest, "metadata")) == 0)
        json_drop(rest, "metadata");
    json_each(rest, visit, &(struct walk){out, "", 0});
}

static void fields_in(const json_t *entry, struct strlist *out)
{
    json_each(JGET(entry, "fieldsV1"), visit, &(struct walk){out, "", 2});
}

static json_t *tree_of(const struct strlist *fields)
{
    json_t *tree = json_new_object();
    for (size_t i = 0; i < fields->len; i++) {
        AUTO(strlist_release) struct strlist parts = {0};
        const char *at = fields->items[i];
        for (const char *end; at != NULL; at = *end == '\0' ? NULL : end + 1) {
            end = strchrnul(at, '\n');
            auto_free char *part = x_strndup(at, (size_t)(end - at));
            strlist_add_take(&parts, x_printf("f:%s", part));
        }
        auto_free char *path = strlist_join(&parts, "\n", 0);
        put_at(tree, path, json_new_object());
    }
    return tree;
}

static void push_entry(json_t *list, const char *manager, const char *operation,
                       const struct strlist *fields)
{
    if (fields->len > 0)
        json_push(list, json_build("{s:s,s:s,s:s,s:o}", "manager", manager, "operation", operation,
                                   "fieldsType", "FieldsV1", "fieldsV1", tree_of(fields)));
}

static bool is_entry(const json_t *entry, const char *manager, const char *operation)
{
    return str_eq(JSTR(entry, "manager"), manager) && str_eq(JSTR(entry, "operation"), operation);
}

/* ---- apply ---- */

static bool owned_by_others(const json_t *managed, const char *manager, const char *field)
{
    for (size_t i = 0; i < json_count(managed); i++) {
        const json_t *entry = json_item(managed, i);
        AUTO(strlist_release) struct strlist fields = {0};
        fields_in(entry, &fields);
        if (!is_entry(entry, manager, "Apply") && strlist_has(&fields, field))
            return true;
    }
    return false;
}

/* Force: others lose what the apply gives another value. */
static void take_from_others(const json_t *managed, const char *manager,
                             const struct strlist *taken, json_t *list)
{
    for (size_t i = 0; i < json_count(managed); i++) {
        const json_t *entry = json_item(managed, i);
        if (is_entry(entry, manager, "Apply"))
            continue;
        AUTO(strlist_release) struct strlist fields = {0};
        AUTO(strlist_release) struct strlist left = {0};
        fields_in(entry, &fields);
        for (size_t k = 0; k < fields.len; k++)
            if (!strlist_has(taken, fields.items[k]))
                strlist_add(&left, fields.items[k]);
        push_entry(list, JSTR(entry, "manager"), JSTR(entry, "operation"), &left);
    }
}

static void drop_unclaimed(json_t *now, const json_t *managed, const char *manager,
                           const struct strlist *mine)
{
    AUTO(strlist_release) struct strlist before = {0};
    for (size_t i = 0; i < json_count(managed); i++)
        if (is_entry(json_item(managed, i), manager, "Apply"))
            fields_in(json_item(managed, i), &before);
    for (size_t i = 0; i < before.len; i++)
        if (!strlist_has(mine, before.items[i]) &&
            !owned_by_others(managed, manager, before.items[i]))
            drop_at(now, before.items[i]);
}

json_t *sim_apply_merge(const json_t *old, const json_t *body, const char *manager)
{
    json_t *now = old != NULL ? json_copy_deep(old) : json_copy_deep(body);
    const json_t *managed = JGET(old, "metadata", "managedFields");
    AUTO(strlist_release) struct strlist mine = {0};
    AUTO(strlist_release) struct strlist changed = {0};
    fields_of(body, &mine);
    drop_unclaimed(now, managed, manager, &mine);
    for (size_t i = 0; i < mine.len; i++) {
        const json_t *value = get_at(body, mine.items[i]);
        const json_t *was = get_at(old, mine.items[i]);
        if (was == NULL || !json_same(was, value)) {
            strlist_add(&changed, mine.items[i]);
            put_at(now, mine.items[i], json_copy_deep(value));
        }
    }
    json_t *list = json_new_array();
    take_from_others(managed, manager, &changed, list);
    push_entry(list, manager, "Apply", &mine);
    json_put(JGET(now, "metadata"), "managedFields", list);
    return now;
}

/* ---- plain writes ---- */

void sim_apply_note_update(const json_t *old, json_t *now, const char *manager)
{
    AUTO(strlist_release) struct strlist fields = {0};
    AUTO(strlist_release) struct strlist mine = {0};
    fields_of(now, &fields);
    for (size_t i = 0; i < fields.len; i++) {
        const json_t *was = get_at(old, fields.items[i]);
        if (was == NULL || !json_same(was, get_at(now, fields.items[i])))
            strlist_add(&mine, fields.items[i]);
    }
    const json_t *managed = JGET(old, "metadata", "managedFields");
    json_t *list = json_new_array();
    AUTO(strlist_release) struct strlist changed = {0};
    for (size_t i = 0; i < mine.len; i++)
        strlist_add(&changed, mine.items[i]);
    for (size_t i = 0; i < json_count(managed); i++) {
        const json_t *entry = json_item(managed, i);
        AUTO(strlist_release) struct strlist left = {0};
        AUTO(strlist_release) struct strlist had = {0};
        fields_in(entry, &had);
        bool me = is_entry(entry, manager, "Update");
        for (size_t k = 0; k < had.len; k++)
            if (strlist_has(&fields, had.items[k]) && !strlist_has(&changed, had.items[k]))
                strlist_add(me ? &mine : &left, had.items[k]);
        push_entry(list, JSTR(entry, "manager"), JSTR(entry, "operation"), &left);
    }
    push_entry(list, manager, "Update", &mine);
    json_put(JGET(now, "metadata"), "managedFields", list);
}
