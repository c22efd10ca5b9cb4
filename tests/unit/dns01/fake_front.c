/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_front.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"

static struct http_transport cloud;
static fake_front_answer answer_first;
static unsigned answered;

void front_say_text(struct http_response *ret, int status, const char *text)
{
    ret->status = status;
    ret->headers = x_strdup("");
    ret->body = BUF_INIT(1024 * 1024);
    buf_puts(&ret->body, text);
}

void front_say(struct http_response *ret, int status, json_t *body)
{
    auto_free char *text = NULL;
    if (json_to_string(body, 65536, &text) != NULL)
        fail_msg("an answer is too long");
    json_decref(body);
    front_say_text(ret, status, text);
}

json_t *front_xml(char *text)
{
    json_t *wrapped = json_build("{s:s}", "xml", text);
    free(text);
    return wrapped;
}

/* What front_xml() wrapped becomes the body. */
static void unwrap(struct http_response *ret)
{
    json_auto_t *body = NULL;
    if (!str_starts(buf_str(&ret->body), "{\"xml\":"))
        return;
    if (json_parse(ret->body.data, ret->body.len, &body) != NULL)
        fail_msg("no JSON");
    buf_clear(&ret->body);
    buf_puts(&ret->body, JSTR(body, "xml"));
}

static struct err *front_call(void *ctx, const struct http_request *req, const struct stop *stop,
                              struct http_response *ret)
{
    struct http_response mine = {0};
    TRY(stop_check(stop));
    if (answer_first != NULL && answer_first(ctx, req, &mine)) {
        answered++;
        *ret = mine;
        return NULL;
    }
    TRY(cloud.call(cloud.ctx, req, stop, ret));
    unwrap(ret);
    return NULL;
}

void fake_front_open(struct provider_fake *f, fake_front_answer answer)
{
    cloud = f->transport;
    answer_first = answer;
    answered = 0;
    f->transport = (struct http_transport){.call = front_call, .ctx = f->state};
}

unsigned fake_front_answered(void)
{
    return answered;
}

const char *front_header(const struct http_request *req, const char *name)
{
    for (size_t i = 0; i < req->header_count; i++)
        if (strcasecmp(req->headers[i].name, name) == 0)
            return req->headers[i].value;
    return NULL;
}

char *front_form(const struct http_request *req, const char *name)
{
    auto_free char *form = x_strndup(req->body_len > 0 ? req->body : "", req->body_len);
    const struct fake_call call = {.query = form};
    return fake_query(&call, name);
}

/* ---- record sets ---- */

json_t *fake_set(const struct fake_cloud *c, const struct fake_zone *zone, const char *name)
{
    json_t *set = json_new_array();
    for (size_t i = 0; i < c->record_count; i++) {
        const struct fake_record *r = &c->records[i];
        if (r->zone != zone || !str_eq(r->name, name))
            continue;
        auto_free char *quoted = x_printf("\"%s\"", r->text);
        json_push(set, json_new_string(quoted));
    }
    return set;
}

int64_t fake_set_ttl(const struct fake_cloud *c, const struct fake_zone *zone, const char *name)
{
    for (size_t i = 0; i < c->record_count; i++)
        if (c->records[i].zone == zone && str_eq(c->records[i].name, name))
            return c->records[i].ttl;
    return 0;
}

static void add_texts(const json_t *array, struct strlist *texts)
{
    for (size_t i = 0; i < json_count(array); i++)
        strlist_add(texts, str_or(json_text(json_item(array, i)), ""));
    strlist_sort(texts);
}

bool fake_set_is(const struct fake_cloud *c, const struct fake_zone *zone, const char *name,
                 const json_t *quoted)
{
    AUTO(strlist_release) struct strlist a = {0}, b = {0};
    json_auto_t *set = fake_set(c, zone, name);
    add_texts(set, &a);
    add_texts(quoted, &b);
    return strlist_equal(&a, &b);
}

static bool are_quoted(const json_t *texts)
{
    for (size_t i = 0; i < json_count(texts); i++) {
        const char *text = json_text(json_item(texts, i));
        size_t len = text != NULL ? strlen(text) : 0;
        if (len < 3 || text[0] != '"' || text[len - 1] != '"')
            return false;
    }
    return true;
}

bool fake_set_put(struct fake_cloud *c, const struct fake_zone *zone, const char *name,
                  const json_t *quoted, int64_t ttl)
{
    struct fake_record *old;
    if (!are_quoted(quoted))
        return false;
    while ((old = fake_record_with(c, zone, name, NULL)) != NULL)
        fake_record_drop(c, old);
    for (size_t i = 0; i < json_count(quoted); i++) {
        const char *text = json_text(json_item(quoted, i));
        auto_free char *bare = x_strndup(text + 1, strlen(text) - 2);
        fake_record_add(c, zone, name, bare)->ttl = ttl;
    }
    return true;
}
