/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/provider_token.h"

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider_memory.h"

#define TOKEN_MAX 8000
#define TOKEN_EARLY (5 * NS_PER_MIN)
#define LIFE_DEFAULT 600 /* s, where the answer does not tell */
#define LIFE_MAX 86400
#define MACHINE_TIMEOUT (2 * NS_PER_SEC)
#define MACHINE_BODY_MAX 65536

struct err *dns_form_add(struct buf *form, const char *name, const char *value)
{
    auto_free char *escaped = percent_encode(value);
    struct err *e = buf_addf(form, "%s%s=%s", form->len > 0 ? "&" : "", name, escaped);
    wipe(escaped, strlen(escaped)); /* it may be a secret */
    return e;
}

static const struct bind_field service_account_ref_fields[] = {
    BIND_ROW(struct dns_service_account_ref, STRING, name, "name", .flags = BIND_REQUIRED),
    BIND_ROW(struct dns_service_account_ref, STRINGS, audiences, "audiences"),
};
const struct bind_table dns_service_account_ref_table =
    BIND_TABLE("DNSServiceAccountRef", struct dns_service_account_ref, service_account_ref_fields);

struct err *dns_service_account_token(const struct dns_env *env,
                                      const struct dns_service_account_ref *ref,
                                      const char *usual_audience, struct secret *ret_token)
{
    const struct dns_token_request request = {
        .service_account = ref->name,
        .audiences = ref->audiences.len > 0 ? ref->audiences.items : &usual_audience,
        .audience_count = ref->audiences.len > 0 ? ref->audiences.len : 1,
    };
    return env->token(env, &request, ret_token);
}

bool dns_token_known(const struct dns_env *env, const char *key, struct secret *ret_token)
{
    struct secret token = {0};
    dns_memory_get(env, key, &token);
    if (token.len == 0)
        return false;
    *ret_token = token;
    return true;
}

/* Seconds; Azure's metadata server writes a string. */
static int64_t life_of(const json_t *answer)
{
    int64_t life = JINT(answer, 0, "expires_in");
    const char *text = JSTR(answer, "expires_in");
    if (text != NULL)
        err_drop(str_to_i64(text, 0, LIFE_MAX, &life)); /* then the default */
    return life > 0 && life <= LIFE_MAX ? life : LIFE_DEFAULT;
}

static struct err *take_token(const struct dns_env *env, const struct dns_token_source *source,
                              const json_t *answer, struct secret *ret_token)
{
    const char *text = JSTR(answer, "access_token");
    if (str_empty(text) || strlen(text) > TOKEN_MAX)
        return err_new(ERR_TRANSIENT, "ProviderFailed", "%s: the answer has no access token",
                       source->what);
    const struct secret token = secret_copy(text, strlen(text));
    const int64_t life = life_of(answer) * NS_PER_SEC;
    if (life > TOKEN_EARLY)
        dns_memory_set(env, source->key, &token, clock_wall(env->clock) + life - TOKEN_EARLY);
    *ret_token = token;
    return NULL;
}

struct err *dns_token_fetch(const struct dns_env *env, const struct dns_token_source *source,
                            struct secret *ret_token)
{
    const struct dns_http_request req = {
        .method = "POST",
        .url = source->url,
        .content_type = DNS_FORM,
        .body = source->form->data,
        .body_len = source->form->len,
    };
    AUTO_DNS_HTTP_ANSWER answer = {0};
    TRY(dns_http_ask(env, &req, NULL, &answer), "%s", source->what);
    struct http_response seen =
        answer.response; /* RFC 6749 section 5.2: 400 for wrong credentials */
    if (seen.status == 400)
        seen.status = 401;
    TRY(dns_http_error(env, &seen, source->what, JSTR(answer.json, "error"),
                       JSTR(answer.json, "error_description")));
    return take_token(env, source, answer.json, ret_token);
}

struct err *dns_machine_ask(const struct dns_env *env, const struct dns_machine_request *r,
                            struct http_response *ret_response)
{
    if (!env->ambient)
        return err_new(ERR_DENIED, "CredentialsMissing",
                       "%s: this issuer names no credentials and may not use those of certroll "
                       "itself: name a Secret",
                       r->what);
    const struct http_request req = {
        .method = r->method,
        .url = r->url,
        .headers = &r->header,
        .header_count = 1,
        .timeout = MACHINE_TIMEOUT,
        .connect_timeout = MACHINE_TIMEOUT,
        .max_body = MACHINE_BODY_MAX,
        .flags = HTTP_SECRET | HTTP_NO_REUSE,
    };
    AUTO_RESPONSE res = {0};
    TRY(http_call(env->http, &req, env->stop, &res), "%s: the metadata server", r->what);
    TRY(dns_http_error(env, &res, r->what, NULL, NULL));
    *ret_response = res;
    res = (struct http_response){0};
    return NULL;
}

struct err *dns_token_of_machine(const struct dns_env *env, const struct dns_token_source *source,
                                 const struct http_header *header, struct secret *ret_token)
{
    const struct dns_machine_request r = {"GET", source->url, source->what, *header};
    AUTO_RESPONSE res = {0};
    TRY(dns_machine_ask(env, &r, &res));
    json_auto_t *answer = NULL;
    TRY(json_parse(buf_str(&res.body), res.body.len, &answer), "%s", source->what);
    return take_token(env, source, answer, ret_token);
}
