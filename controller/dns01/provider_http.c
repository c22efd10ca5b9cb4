/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/provider_http.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"

#define USER_AGENT "certroll/" CERTROLL_VERSION
#define BODY_MAX (1024 * 1024)
#define TOKEN_MAX 4096
#define CODE_SHOWN 64
#define MESSAGE_SHOWN 200

/* What was asked before may be asked again, and what overwrites may overwrite again; a POST that is repeated by itself
 * would make two records. */
static unsigned flags_of(const char *method)
{
    unsigned flags = HTTP_GUARDED | HTTP_SECRET;
    if (str_eq(method, "GET") || str_eq(method, "HEAD"))
        return flags;
    return flags | HTTP_MUTATES | (str_eq(method, "POST") ? HTTP_ONCE : 0U);
}

struct err *dns_http(const struct dns_env *env, const struct dns_http_request *r,
                     struct http_response *ret_response)
{
    struct http_header headers[DNS_HTTP_HEADERS_MAX + 3] = {
        {"User-Agent", USER_AGENT},
        {"Accept", "application/json"},
    };
    size_t count = 2;
    if (r->body != NULL)
        headers[count++] =
            (struct http_header){"Content-Type", str_or(r->content_type, "application/json")};
    if (r->header_count > DNS_HTTP_HEADERS_MAX)
        x_abort("dns_http: too many headers");
    for (size_t i = 0; i < r->header_count; i++)
        headers[count++] = r->headers[i];
    const struct http_request req = {
        .method = r->method,
        .url = r->url,
        .headers = headers,
        .header_count = count,
        .body = r->body,
        .body_len = r->body_len,
        .tls = r->tls,
        .timeout = DNS_HTTP_TIMEOUT,
        .max_body = BODY_MAX,
        .flags = flags_of(r->method),
    };
    return http_call(env->http, &req, env->stop, ret_response);
}

void dns_http_answer_release(struct dns_http_answer *a)
{
    http_response_release(&a->response);
    json_decref(a->json);
    *a = (struct dns_http_answer){0};
}

static bool is_success(const struct http_response *r)
{
    return r->status >= 200 && r->status < 300;
}

struct err *dns_http_ask(const struct dns_env *env, const struct dns_http_request *r,
                         const json_t *body, struct dns_http_answer *ret_answer)
{
    AUTO(buf_release) struct buf text = BUF_INIT_SECRET(BODY_MAX);
    struct dns_http_request with_body = *r;
    if (body != NULL) {
        TRY(json_print(body, &text));
        with_body.body = buf_str(&text);
        with_body.body_len = text.len;
    }
    AUTO_RESPONSE response = {0};
    TRY(dns_http(env, &with_body, &response));
    json_t *json = NULL;
    if (response.body.len > 0)
        err_drop(json_parse(response.body.data, response.body.len, &json)); /* judged below */
    if (is_success(&response) && response.body.len > 0 && json == NULL)
        return err_new(ERR_TRANSIENT, "ProviderFailed", "the answer is not JSON");
    *ret_answer = (struct dns_http_answer){.response = response, .json = json};
    response = (struct http_response){0};
    return NULL;
}

struct err *dns_http_json(const struct dns_env *env, const struct dns_http_request *r,
                          const json_t *body, const char *what, json_t **ret_reply)
{
    AUTO_DNS_HTTP_ANSWER answer = {0};
    TRY(dns_http_ask(env, r, body, &answer), "%s", what);
    TRY(dns_http_error(env, &answer.response, what, NULL, NULL));
    *ret_reply = TAKE(answer.json);
    return NULL;
}

/* ---- answers as errors ---- */

struct verdict {
    int status;
    enum err_kind kind;
    const char *reason;
    const char *advice;
};

static const struct verdict verdicts[] = {
    {401, ERR_DENIED, "Unauthorized",
     "the provider does not accept the credential: look at the Secret that the issuer names"},
    {403, ERR_DENIED, "Unauthorized",
     "the credential may not do this: give it the permissions that the provider's section of the "
     "documentation lists"},
    {404, ERR_NOT_FOUND, "RecordNotFound", "it is not there"},
    {408, ERR_TRANSIENT, "ProviderFailed", "the provider was too slow"},
    {409, ERR_CONFLICT, DNS_HTTP_CHANGED, "somebody else has changed it meanwhile"},
    {412, ERR_CONFLICT, DNS_HTTP_CHANGED, "somebody else has changed it meanwhile"},
    {423, ERR_CONFLICT, DNS_HTTP_CHANGED, "somebody else is changing it"},
    {429, ERR_RATE_LIMITED, "RateLimited", "the provider wants fewer requests"},
};

static const struct verdict refused = {0, ERR_INVALID, "InvalidRequest",
                                       "the provider refuses the request"};
static const struct verdict failed = {0, ERR_TRANSIENT, "ProviderFailed", "the provider fails"};

static const struct verdict *verdict_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
        if (verdicts[i].status == status)
            return &verdicts[i];
    return status >= 400 && status < 500 ? &refused : &failed;
}

/* At most max characters, and none but printable ASCII. */
static void shown(char *out, size_t max, const char *text)
{
    size_t n = 0;
    for (const char *c = str_or(text, ""); *c != '\0' && n < max; c++)
        if (*c >= ' ' && *c <= '~')
            out[n++] = *c;
    out[n] = '\0';
}

static int64_t retry_at(const struct dns_env *env, const struct http_response *r)
{
    auto_free char *text =
        r->status == 429 || r->status == 503 ? http_header_get(r, "retry-after", 0) : NULL;
    int64_t at = 0;
    if (text != NULL)
        err_drop(retry_after_parse(text, clock_wall(env->clock), &at)); /* then as if absent */
    return at;
}

struct err *dns_http_error(const struct dns_env *env, const struct http_response *r,
                           const char *what, const char *code, const char *message)
{
    if (is_success(r))
        return NULL;
    char code_shown[CODE_SHOWN + 1];
    char message_shown[MESSAGE_SHOWN + 1];
    shown(code_shown, CODE_SHOWN, code);
    shown(message_shown, MESSAGE_SHOWN, message);
    const struct verdict *v = verdict_of(r->status);
    struct err *e = err_new(v->kind, v->reason, "%s: %s (HTTP %d%s%s%s%s)", what, v->advice,
                            r->status, *code_shown != '\0' ? ", " : "", code_shown,
                            *message_shown != '\0' ? ": " : "", message_shown);
    e->http_status = r->status;
    e->retry_at = retry_at(env, r);
    return e;
}

struct err *dns_http_expect(const json_t *value, json_type type, const char *what)
{
    if (value != NULL && json_typeof(value) == type)
        return NULL;
    return err_new(ERR_TRANSIENT, "ProviderFailed",
                   "%s: the provider's answer is not what its API documents", what);
}

struct err *dns_http_quota(const char *what, const char *said)
{
    char text[MESSAGE_SHOWN + 1];
    shown(text, MESSAGE_SHOWN, said);
    return err_new(ERR_DENIED, "QuotaReached",
                   "%s: the provider takes no more records (%s): remove some, or have the limit "
                   "raised",
                   what, text);
}

/* ---- what requests are made of ---- */

struct err *dns_http_authorization(const char *scheme, const struct secret *token,
                                   const char *field, struct secret *ret_value)
{
    for (size_t i = 0; i < token->len; i++)
        if (token->data[i] < ' ' || token->data[i] > '~')
            return err_new(ERR_INVALID, "InvalidSecret",
                           "%s: the Secret's value has characters that are not printable ASCII: "
                           "store the token alone",
                           field);
    if (token->len == 0 || token->len > TOKEN_MAX)
        return err_new(ERR_INVALID, "InvalidSecret",
                       "%s: the Secret's value has %zu bytes, not 1 to %d", field, token->len,
                       TOKEN_MAX);
    AUTO(buf_release) struct buf value = BUF_INIT_SECRET(TOKEN_MAX + 64);
    if (scheme != NULL)
        TRY(buf_addf(&value, "%s ", scheme));
    TRY(buf_add(&value, token->data, token->len));
    *ret_value = secret_copy(value.data, value.len);
    return NULL;
}

struct err *dns_http_secret(const struct dns_env *env, const struct dns_secret_ref *ref,
                            const char *field, struct secret *ret_value)
{
    AUTO(secret_release) struct secret text = {0};
    TRY(env->secret(env, ref, field, &text));
    return dns_http_authorization(NULL, &text, field, ret_value);
}

void dns_session_release(struct dns_session *s)
{
    secret_release(&s->value);
    *s = (struct dns_session){0};
}

struct err *dns_session_open(const struct dns_env *env, const struct dns_credential *c,
                             struct dns_session *ret_session)
{
    AUTO(secret_release) struct secret bytes = {0};
    TRY(env->secret(env, c->ref, c->field, &bytes));
    struct dns_session s = {.env = env, .header_count = 1};
    TRY(dns_http_authorization(c->scheme, &bytes, c->field, &s.value));
    s.headers[0] = (struct http_header){str_or(c->header, "Authorization"), s.value.data};
    *ret_session = s;
    return NULL;
}

static const struct bind_field token_config_fields[] = {
    BIND_ROW(struct dns_token_config, OBJECT, token, "tokenSecretRef", .flags = BIND_REQUIRED,
             .table = &dns_secret_ref_table),
};
const struct bind_table dns_token_config_table =
    BIND_TABLE("DNSTokenConfig", struct dns_token_config, token_config_fields);

struct err *dns_session_open_token(const struct dns_env *env, const void *config,
                                   const char *scheme, dns_refusal refusal,
                                   struct dns_session *ret_session)
{
    const struct dns_token_config *c = config;
    const struct dns_credential token = {&c->token, "tokenSecretRef", NULL, scheme};
    TRY(dns_session_open(env, &token, ret_session));
    ret_session->refusal = refusal;
    return NULL;
}

struct err *dns_session_call(const struct dns_session *s, const char *method, const char *url,
                             const json_t *body, const char *what, json_t **ret_reply)
{
    const struct dns_http_request r = {
        .method = method, .url = url, .headers = s->headers, .header_count = s->header_count};
    AUTO_DNS_HTTP_ANSWER a = {0};
    TRY(dns_http_ask(s->env, &r, body, &a), "%s", what);
    if (a.response.status == 404 && a.json == NULL)
        return err_new(
            ERR_TRANSIENT, "ProviderFailed",
            "%s: HTTP 404 that is not the API's: look at what stands between certroll and "
            "the provider",
            what);
    if (!is_success(&a.response))
        TRY(s->refusal != NULL ? s->refusal(s->env, &a, what)
                               : dns_http_error(s->env, &a.response, what, NULL, NULL));
    if (ret_reply != NULL)
        *ret_reply = TAKE(a.json);
    return NULL;
}

struct err *dns_session_delete(const struct dns_session *s, const char *url, const char *what)
{
    return err_ignore(dns_session_call(s, "DELETE", url, NULL, what, NULL), ERR_NOT_FOUND);
}

const json_t *dns_record_with(const json_t *records, const char *member, const char *text)
{
    for (size_t i = 0; i < json_count(records); i++) {
        const json_t *record = json_item(records, i);
        if (dns_text_is(JSTR(record, member), text))
            return record;
    }
    return NULL;
}

struct err *dns_record_ids(const json_t *records, const char *member, const char *text,
                           struct strlist *ret_ids)
{
    for (size_t i = 0; i < json_count(records); i++) {
        const json_t *record = json_item(records, i);
        if (!dns_text_is(JSTR(record, member), text))
            continue;
        TRY(dns_http_expect(JGET(record, "id"), JSON_INTEGER, "record"));
        if (ret_ids->len == DNS_RECORD_IDS_MAX)
            return err_new(ERR_TRANSIENT, "ProviderFailed",
                           "the value is there more than %d times: remove what is too much",
                           DNS_RECORD_IDS_MAX);
        strlist_add_take(ret_ids, x_printf("%" PRId64, JINT(record, 0, "id")));
    }
    return NULL;
}

/* The others of a list, in their order. */
static json_t *others(const json_t *values, const char *text, bool *ret_found)
{
    json_t *list = json_new_array();
    for (size_t i = 0; i < json_count(values); i++) {
        bool ours = dns_text_is(json_text(json_item(values, i)), text);
        *ret_found = *ret_found || ours;
        if (!ours)
            json_push(list, json_incref(json_item(values, i)));
    }
    return list;
}

json_t *dns_values_with(const json_t *values, const char *text)
{
    bool found = false;
    json_auto_t *list = others(values, text, &found);
    if (found)
        return NULL;
    auto_free char *quoted = dns_text_quoted(text);
    json_push(list, json_new_string(quoted));
    return TAKE(list);
}

json_t *dns_values_without(const json_t *values, const char *text)
{
    bool found = false;
    json_auto_t *list = others(values, text, &found);
    return found ? TAKE(list) : NULL;
}
