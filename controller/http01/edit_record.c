/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/edit_record.h"

#include <stdlib.h>
#include <string.h>

#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"
#include "http01/responder.h"

/* An object's annotations have 256 KiB together, and the Ingress 1.5 MiB. */
#define TEXT_MAX ((size_t)96 * 1024)
#define TOKENS_MAX 1000

/* Another certroll, of another API group, may serve the same Ingress. */
static char *key_of(const char *order)
{
    return x_printf("%s/%s", api_names()->group, order);
}

/* ---- reading ---- */

struct reading {
    json_t *to;
    size_t tokens;
};

static bool key_is_valid(const char *key)
{
    char group[KUBE_NAME_MAX + 1];
    const char *slash = strchr(key, '/');
    size_t len = slash != NULL ? (size_t)(slash - key) : 0;
    if (len == 0 || len > KUBE_NAME_MAX || !name_is_subdomain(slash + 1))
        return false;
    memcpy(group, key, len);
    group[len] = '\0';
    return name_is_subdomain(group);
}

static bool read_order(void *arg, const char *key, json_t *value)
{
    struct reading *r = arg;
    json_auto_t *tokens = json_new_array();
    for (size_t i = 0; i < json_count(value) && r->tokens < TOKENS_MAX; i++) {
        const char *token = json_text(json_item(value, i));
        if (token != NULL && http01_token_is_valid(token)) {
            json_push(tokens, json_new_string(token));
            r->tokens++;
        }
    }
    if (json_count(tokens) > 0 && key_is_valid(key))
        json_put(r->to, key, TAKE(tokens));
    return true;
}

json_t *edit_record_read(const json_t *ingress)
{
    json_t *record = json_build("{s:{},s:[]}", "orders", "bare");
    const char *text = JSTR(ingress, "metadata", "annotations", HTTP01_PATHS);
    if (text == NULL || strlen(text) > TEXT_MAX)
        return record;
    json_auto_t *found = NULL;
    AUTO_ERR bad = json_parse(text, strlen(text), &found);
    if (bad != NULL)
        return record;
    struct reading r = {.to = JGET(record, "orders")};
    json_each(JGET(found, "orders"), read_order, &r);
    const json_t *bare = JGET(found, "bare");
    for (size_t i = 0; i < json_count(bare) && i < TOKENS_MAX; i++)
        if (json_text(json_item(bare, i)) != NULL)
            edit_record_add_bare(record, json_text(json_item(bare, i)));
    return record;
}

/* ---- asking ---- */

static bool has_text(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_count(list); i++)
        if (str_eq(json_text(json_item(list, i)), text))
            return true;
    return false;
}

const json_t *edit_record_tokens(const json_t *record, const char *order)
{
    auto_free char *key = key_of(order);
    return JGET(record, "orders", key);
}

struct search {
    const char *token;
    bool found;
};

static bool look_for(void *arg, const char *key, json_t *tokens)
{
    struct search *s = arg;
    (void)key;
    s->found = has_text(tokens, s->token);
    return !s->found;
}

bool edit_record_knows(const json_t *record, const char *token)
{
    struct search s = {.token = token};
    json_each(JGET(record, "orders"), look_for, &s);
    return s.found;
}

bool edit_record_is_bare(const json_t *record, const char *host)
{
    return has_text(JGET(record, "bare"), str_or(host, ""));
}

/* ---- changing ---- */

void edit_record_add(json_t *record, const char *order, const char *token)
{
    auto_free char *key = key_of(order);
    json_t *orders = JGET(record, "orders");
    if (JGET(orders, key) == NULL)
        json_put(orders, key, json_new_array());
    if (!has_text(JGET(orders, key), token))
        json_push(JGET(orders, key), json_new_string(token));
}

void edit_record_drop(json_t *record, const char *order)
{
    auto_free char *key = key_of(order);
    json_drop(JGET(record, "orders"), key);
}

void edit_record_add_bare(json_t *record, const char *host)
{
    if (!edit_record_is_bare(record, host))
        json_push(JGET(record, "bare"), json_new_string(str_or(host, "")));
}

void edit_record_drop_bare(json_t *record, const char *host)
{
    const json_t *bare = JGET(record, "bare");
    json_t *left = json_new_array();
    for (size_t i = 0; i < json_count(bare); i++)
        if (!str_eq(json_text(json_item(bare, i)), str_or(host, "")))
            json_push(left, json_incref(json_item(bare, i)));
    json_put(record, "bare", left);
}

static bool count_tokens(void *arg, const char *key, json_t *tokens)
{
    size_t *count = arg;
    (void)key;
    *count += json_count(tokens);
    return true;
}

struct err *edit_record_text(const json_t *record, char **ret_text)
{
    size_t tokens = 0;
    json_each(JGET(record, "orders"), count_tokens, &tokens);
    *ret_text = NULL;
    if (tokens == 0)
        return NULL;
    struct err *e = json_to_string(record, TEXT_MAX, ret_text);
    if (e == NULL && tokens <= TOKENS_MAX)
        return NULL;
    err_free(e);
    free(*ret_text);
    *ret_text = NULL;
    return err_new(
        ERR_TRANSIENT, HTTP01_ROUTE_WAITS,
        "there are paths for %zu challenges, and an Ingress is given %d at most: those of other "
        "orders have to go first, or one order has too many names",
        tokens, TOKENS_MAX);
}

/* ---- whose they are ---- */

bool http01_edit_has(const json_t *ingress, const char *order)
{
    json_auto_t *record = edit_record_read(ingress);
    return edit_record_tokens(record, order) != NULL;
}

struct telling {
    http01_found_fn found;
    void *arg;
    const char *ns;
    bool told;
};

static bool tell(void *arg, const char *key, json_t *tokens)
{
    struct telling *t = arg;
    const char *slash = strchr(key, '/');
    (void)tokens;
    t->told = true;
    if (str_starts(key, api_names()->group) && slash == key + strlen(api_names()->group))
        t->found(t->arg, t->ns, slash + 1);
    return true;
}

void http01_edit_orders(const json_t *ingress, http01_found_fn found, void *arg)
{
    const char *ns = JSTR(ingress, "metadata", "namespace");
    const char *name = JSTR(ingress, "metadata", "name");
    if (str_empty(ns) || str_empty(name))
        return;
    json_auto_t *record = edit_record_read(ingress);
    struct telling t = {.found = found, .arg = arg, .ns = ns};
    json_each(JGET(record, "orders"), tell, &t);
    if (!t.told)
        found(arg, ns, name);
}
