/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_cloud.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"

void fake_wrong(struct fake_cloud *c, const char *fmt, ...)
{
    if (c->violation[0] != '\0')
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c->violation, sizeof(c->violation), fmt, ap);
    va_end(ap);
}

/* ---- zones and records ---- */

static char *next_id(struct fake_cloud *c)
{
    return x_printf("%u", ++c->last_id);
}

struct fake_zone *fake_zone_named(struct fake_cloud *c, const char *name)
{
    for (size_t i = 0; i < c->zone_count; i++)
        if (str_eq(c->zones[i].name, name))
            return &c->zones[i];
    return NULL;
}

struct fake_zone *fake_zone_of(struct fake_cloud *c, const char *id)
{
    for (size_t i = 0; i < c->zone_count; i++)
        if (str_eq(c->zones[i].id, id))
            return &c->zones[i];
    return NULL;
}

char *fake_absolute(const struct fake_zone *zone, const char *relative)
{
    if (str_empty(relative) || str_eq(relative, "@"))
        return x_strdup(zone->name);
    return x_printf("%s.%s", relative, zone->name);
}

struct fake_record *fake_record_add(struct fake_cloud *c, const struct fake_zone *zone,
                                    const char *name, const char *text)
{
    assert_true(c->record_count < FAKE_RECORDS_MAX);
    struct fake_record *r = &c->records[c->record_count++];
    *r = (struct fake_record){
        .zone = zone, .name = x_strdup(name), .text = x_strdup(text), .id = next_id(c)};
    return r;
}

struct fake_record *fake_record_of(struct fake_cloud *c, const struct fake_zone *zone,
                                   const char *id)
{
    for (size_t i = 0; i < c->record_count; i++)
        if (c->records[i].zone == zone && str_eq(c->records[i].id, id))
            return &c->records[i];
    return NULL;
}

struct fake_record *fake_record_with(struct fake_cloud *c, const struct fake_zone *zone,
                                     const char *name, const char *text)
{
    for (size_t i = 0; i < c->record_count; i++) {
        struct fake_record *r = &c->records[i];
        if (r->zone == zone && str_eq(r->name, name) && (text == NULL || str_eq(r->text, text)))
            return r;
    }
    return NULL;
}

static void record_release(struct fake_record *r)
{
    free(r->name);
    free(r->text);
    free(r->id);
}

void fake_record_drop(struct fake_cloud *c, struct fake_record *r)
{
    record_release(r);
    size_t i = (size_t)(r - c->records);
    memmove(r, r + 1, (--c->record_count - i) * sizeof(*r));
}

struct fake_page fake_page(struct fake_cloud *c, unsigned number, unsigned size)
{
    unsigned max = c->dialect->page_max;
    if (number > 1)
        c->pages++;
    if (size == 0 || size > max)
        size = max;
    return (struct fake_page){.first = (number > 0 ? number - 1 : 0) * size, .size = size};
}

bool fake_on_page(struct fake_page *p)
{
    unsigned index = p->seen++;
    return index >= p->first && index < p->first + p->size;
}

unsigned fake_page_count(const struct fake_page *p)
{
    return p->seen == 0 ? 1 : (p->seen + p->size - 1) / p->size;
}

/* ---- requests ---- */

static int hex_digit(char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

/* Percent-decoding of len bytes; owned. */
static char *decoded(const char *text, size_t len)
{
    char *out = x_alloc(len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '%' && i + 2 < len && hex_digit(text[i + 1]) >= 0 &&
            hex_digit(text[i + 2]) >= 0) {
            out[n++] = (char)(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
            i += 2;
        } else {
            out[n++] = text[i];
        }
    }
    out[n] = '\0';
    return out;
}

static void parts_clear(struct fake_call *call)
{
    for (size_t i = 0; i < FAKE_PARTS_MAX; i++) {
        free(call->parts[i]);
        call->parts[i] = NULL;
    }
}

bool fake_path(struct fake_call *call, const char *method, const char *pattern)
{
    parts_clear(call);
    if (!str_eq(call->method, method))
        return false;
    size_t n = 0;
    const char *at = call->path;
    for (; *pattern != '\0'; pattern++) {
        if (*pattern != '*') {
            if (*at++ != *pattern)
                return false;
            continue;
        }
        size_t len = strcspn(at, "/");
        if (len == 0 || n == FAKE_PARTS_MAX)
            return false;
        call->parts[n++] = decoded(at, len);
        at += len;
    }
    return *at == '\0';
}

const char *fake_header(const struct fake_call *call, const char *name)
{
    for (size_t i = 0; i < call->req->header_count; i++)
        if (strcasecmp(call->req->headers[i].name, name) == 0)
            return call->req->headers[i].value;
    return NULL;
}

bool fake_authorized(const struct fake_cloud *c, const struct fake_call *call, const char *header,
                     const char *value)
{
    return !c->revoked && str_eq(fake_header(call, header), value);
}

char *fake_query(const struct fake_call *call, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = call->query; *at != '\0';) {
        size_t pair = strcspn(at, "&");
        if (pair > len && strncmp(at, name, len) == 0 && at[len] == '=')
            return decoded(at + len + 1, pair - len - 1);
        at += pair + (at[pair] == '&' ? 1 : 0);
    }
    return NULL;
}

unsigned fake_query_number(const struct fake_call *call, const char *name, unsigned dflt)
{
    auto_free char *text = fake_query(call, name);
    int64_t number = dflt;
    if (text != NULL)
        err_drop(str_to_i64(text, 0, 1000000, &number)); /* then the default */
    return (unsigned)number;
}

static bool is_named(const char *name, size_t len, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strlen(*names) == len && strncmp(*names, name, len) == 0)
            return true;
    return false;
}

bool fake_query_has_others(const struct fake_call *call, const char *const *names)
{
    for (const char *at = call->query; *at != '\0';) {
        if (!is_named(at, strcspn(at, "=&"), names))
            return true;
        size_t pair = strcspn(at, "&");
        at += pair + (at[pair] == '&' ? 1 : 0);
    }
    return false;
}

struct other {
    const char *const *names;
    bool found;
};

static bool look_at_member(void *arg, const char *key, json_t *value)
{
    (void)value;
    struct other *o = arg;
    o->found = !is_named(key, strlen(key), o->names);
    return !o->found;
}

bool fake_has_others(const json_t *object, const char *const *names)
{
    struct other o = {.names = names};
    json_each(object, look_at_member, &o);
    return o.found;
}

/* ---- answers ---- */

void fake_say_headers(struct fake_cloud *c, int status, const char *headers, json_t *body)
{
    http_response_release(c->reply);
    c->reply->status = status;
    c->reply->headers = x_strdup(headers);
    c->reply->body = BUF_INIT(1024 * 1024);
    if (body != NULL && json_print(body, &c->reply->body) != NULL)
        fail_msg("an answer is too long");
    json_decref(body);
}

void fake_say(struct fake_cloud *c, int status, json_t *body)
{
    fake_say_headers(c, status, "content-type: application/json\n", body);
}

void fake_refuse(struct fake_cloud *c, int status)
{
    fake_say(c, status, c->dialect->refusal(status));
}

/* What dns_http() promises of each request, and what no request may have. */
static void judge(struct fake_cloud *c, const struct http_request *req)
{
    bool reads = str_eq(req->method, "GET") || str_eq(req->method, "HEAD");
    unsigned wanted = HTTP_GUARDED | HTTP_SECRET | (reads ? 0U : HTTP_MUTATES);
    if ((req->flags & (HTTP_GUARDED | HTTP_SECRET | HTTP_MUTATES | HTTP_FOLLOW)) != wanted)
        fake_wrong(c, "%s %s has the flags %x", req->method, req->url, req->flags);
    if (!str_starts(req->url, c->dialect->base))
        fake_wrong(c, "%s is another host", req->url);
    for (const struct fake_secret *s = c->dialect->secrets; s != NULL && s->name != NULL; s++)
        if (strstr(req->url, s->value) != NULL)
            fake_wrong(c, "the URL has the secret %s", s->key);
    for (size_t i = 0; i < req->header_count; i++)
        if (strpbrk(req->headers[i].value, "\r\n") != NULL)
            fake_wrong(c, "the header %s has a line break", req->headers[i].name);
}

/* Is this the call that is to fail? */
static bool fails_now(struct fake_cloud *c)
{
    if (!c->failure.armed || c->failure.after-- > 0)
        return false;
    c->failure.armed = false;
    return true;
}

static void refuse_as_told(struct fake_cloud *c)
{
    auto_free char *headers = c->failure.retry_after == NULL
                                  ? x_strdup("content-type: application/json\n")
                                  : x_printf("retry-after: %s\n", c->failure.retry_after);
    fake_say_headers(c, c->failure.status, headers, c->dialect->refusal(c->failure.status));
}

static void answer(struct fake_cloud *c, const struct http_request *req)
{
    size_t base = strlen(c->dialect->base);
    const char *below = strlen(req->url) >= base ? req->url + base : "";
    size_t path = strcspn(below, "?");
    struct fake_call call = {.req = req, .method = str_or(req->method, "GET")};
    call.path = x_strndup(below, path);
    call.query = x_strdup(below[path] == '?' ? below + path + 1 : "");
    if (req->body_len > 0)
        err_drop(json_parse(req->body, req->body_len, &call.body)); /* NULL says it */
    c->dialect->answer(c, &call);
    if (c->reply->status == 0)
        fake_wrong(c, "%s %s was not answered", call.method, req->url);
    parts_clear(&call);
    free(call.path);
    free(call.query);
    json_decref(call.body);
}

static struct err *transport_call(void *ctx, const struct http_request *req,
                                  const struct stop *stop, struct http_response *ret)
{
    struct fake_cloud *c = ctx;
    TRY(stop_check(stop));
    c->calls++;
    c->reply = ret;
    judge(c, req);
    if (c->canned != NULL) {
        auto_free char *body = TAKE(c->canned);
        fake_say(c, 200, NULL);
        return buf_adds(&ret->body, body);
    }
    if (!fails_now(c)) {
        answer(c, req);
        return NULL;
    }
    if (c->failure.status != 0) {
        refuse_as_told(c);
        return NULL;
    }
    answer(c, req);
    http_response_release(ret);
    return err_new(ERR_TRANSIENT, "ConnectionLost", "the answer is lost");
}

/* ---- the functions of a struct provider_fake ---- */

static void values(void *state, const char *zone, const char *name, struct strlist *ret_values)
{
    struct fake_cloud *c = state;
    for (size_t i = 0; i < c->record_count; i++) {
        const struct fake_record *r = &c->records[i];
        if (str_eq(r->zone->name, zone) && str_eq(r->name, name))
            strlist_add(ret_values, r->text);
    }
}

static void add_zone(void *state, const char *name, const char *id)
{
    struct fake_cloud *c = state;
    assert_true(c->zone_count < FAKE_ZONES_MAX);
    c->zones[c->zone_count++] =
        (struct fake_zone){.name = x_strdup(name), .id = id != NULL ? x_strdup(id) : next_id(c)};
}

static void add_foreign(void *state, const char *zone, const char *name, const char *value)
{
    struct fake_cloud *c = state;
    const struct fake_zone *z = fake_zone_named(c, zone);
    assert_non_null(z);
    fake_record_add(c, z, name, value)->ttl = 3600;
}

static void fail_next(void *state, int status, const char *retry_after, unsigned after_n_calls)
{
    struct fake_cloud *c = state;
    free(c->failure.retry_after);
    c->failure.armed = true;
    c->failure.status = status;
    c->failure.after = after_n_calls;
    c->failure.retry_after = x_strdup_or_null(retry_after);
}

static void say_next(void *state, const char *body)
{
    struct fake_cloud *c = state;
    free(c->canned);
    c->canned = x_strdup(body);
}

static void revoke_credentials(void *state)
{
    ((struct fake_cloud *)state)->revoked = true;
}

static unsigned calls(void *state)
{
    return ((struct fake_cloud *)state)->calls;
}

static void settle(void *state)
{
    struct fake_cloud *c = state;
    for (size_t i = 0; i < c->record_count; i++)
        c->records[i].settles = 0;
}

static void close_cloud(void *state)
{
    struct fake_cloud *c = state;
    char violation[sizeof(c->violation)];
    str_copy(violation, sizeof(violation), c->violation);
    for (size_t i = 0; i < c->record_count; i++)
        record_release(&c->records[i]);
    for (size_t i = 0; i < c->zone_count; i++) {
        free(c->zones[i].name);
        free(c->zones[i].id);
    }
    free(c->failure.retry_after);
    free(c->canned);
    free(c);
    if (violation[0] != '\0')
        fail_msg("%s", violation);
}

struct fake_cloud *fake_cloud_open(struct provider_fake *f, const struct fake_dialect *d)
{
    struct fake_cloud *c = x_calloc(1, sizeof(*c));
    c->dialect = d;
    c->last_id = 1000;
    *f = (struct provider_fake){
        .transport = {.call = transport_call, .ctx = c},
        .state = c,
        .secrets = d->secrets,
        .values = values,
        .add_zone = add_zone,
        .add_foreign = add_foreign,
        .fail_next = fail_next,
        .say_next = say_next,
        .revoke_credentials = revoke_credentials,
        .calls = calls,
        .settle = d->unsettled ? settle : NULL,
        .close = close_cloud,
    };
    return c;
}
