/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/provider_aws.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "dns01/provider_aws_lent.h"
#include "dns01/provider_token.h"

#define REGION_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-"
#define REGION_MAX 32
#define TOKEN_FILE_MAX 16384
#define CHANGE_BATCH "InvalidChangeBatch"
#define SESSION_MAX 7000 /* of an answer of STS */

/* ---- where ---- */

static const struct {
    const char *prefix; /* of the region's name */
    const char *domain;
    const char *global_region, *global_label;
} partitions[] = {
    {"cn-", "amazonaws.com.cn", "cn-northwest-1", ""},
    {"us-gov-", "amazonaws.com", "us-gov-west-1", ".us-gov"},
    {"", "amazonaws.com", "us-east-1", ""},
};

struct endpoint {
    char *base;       /* "https://route53.amazonaws.com": no path */
    const char *host; /* points into base */
    char region[REGION_MAX + 1];
};

static void endpoint_release(struct endpoint *e)
{
    free(e->base);
}

static struct err *find_region(const struct dns_env *env, const char *wanted,
                               char ret_region[REGION_MAX + 1])
{
    const char *region = str_or(wanted, env->variable(env, "AWS_REGION"));
    region = str_or(str_or(region, env->variable(env, "AWS_DEFAULT_REGION")), "us-east-1");
    if (strlen(region) > REGION_MAX || strspn(region, REGION_CHARS) != strlen(region))
        return err_new(ERR_INVALID, "InvalidSolver", "region: write one such as us-east-1");
    str_copy(ret_region, REGION_MAX + 1, region);
    return NULL;
}

static struct err *find_endpoint(const struct dns_env *env, const struct aws_service *service,
                                 const char *wanted_region, struct endpoint *ret_endpoint)
{
    TRY(find_region(env, wanted_region, ret_endpoint->region));
    char *region = ret_endpoint->region;
    size_t i = 0;
    while (!str_starts(region, partitions[i].prefix))
        i++;
    const char *own =
        str_or(env->variable(env, service->variable), env->variable(env, "AWS_ENDPOINT_URL"));
    auto_free char *base = NULL;
    if (!str_empty(own))
        base = x_strndup(own, strlen(own) - str_ends(own, "/"));
    else if (service->global)
        base = x_printf("https://%s%s.%s", service->name, partitions[i].global_label,
                        partitions[i].domain);
    else
        base = x_printf("https://%s.%s.%s", service->name, region, partitions[i].domain);
    if (service->global)
        str_copy(region, REGION_MAX + 1, partitions[i].global_region);
    const char *host = strstr(base, "://");
    if (host == NULL || strpbrk(host + 3, "/?#@") != NULL)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "%s: write it as http://host:port without a path", service->variable);
    ret_endpoint->host = host + 3;
    ret_endpoint->base = TAKE(base);
    return NULL;
}

/* ---- answers ---- */

static bool is_throttling(const char *code)
{
    static const char *const codes[] = {"Throttling", "ThrottlingException", "RequestLimitExceeded",
                                        "PriorRequestNotComplete", "TooManyRequestsException"};
    for (size_t i = 0; code != NULL && i < ARRAY_LEN(codes); i++)
        if (str_eq(code, codes[i]))
            return true;
    return false;
}

/* Codes that mean the keys themselves; the message of the first quotes what was signed, a session token too. */
static bool is_about_keys(const char *code)
{
    static const char *const codes[] = {"SignatureDoesNotMatch",       "ExpiredToken",
                                        "ExpiredTokenException",       "InvalidClientTokenId",
                                        "UnrecognizedClientException", "IncompleteSignature",
                                        "InvalidIdentityToken"};
    for (size_t i = 0; code != NULL && i < ARRAY_LEN(codes); i++)
        if (str_eq(code, codes[i]))
            return true;
    return false;
}

/* A set or zone that is full makes a change that does not fit, too: no code tells them apart, only the words. */
static bool is_about_limits(const char *code, const char *message)
{
    static const char *const words[] = {"Cannot have more than", "limit of ", "limit on "};
    bool found = str_eq(code, "LimitsExceeded");
    for (size_t i = 0; i < ARRAY_LEN(words) && !found; i++)
        found = str_eq(code, CHANGE_BATCH) && strstr(str_or(message, ""), words[i]) != NULL;
    return found;
}

/* A change that does not fit what is there has a shape of its own. */
static char *code_of(const struct xml *body)
{
    struct xml rest = *body, ignored;
    char *code = xml_text(body, "Code", 64);
    return code == NULL && xml_next(&rest, CHANGE_BATCH, &ignored) ? x_strdup(CHANGE_BATCH) : code;
}

static struct err *answer_error(const struct dns_env *env, const struct http_response *r,
                                const char *what)
{
    if (r->status >= 200 && r->status < 300)
        return NULL;
    const struct xml body = {buf_str(&r->body), r->body.len};
    auto_free char *code = code_of(&body);
    auto_free char *message = xml_text(&body, "Message", 4096);
    if (is_about_limits(code, message))
        return dns_http_quota(what, message);
    if (is_about_keys(code))
        aws_lent_forget(env);
    struct http_response seen = *r; /* the same answer with the status that says what it means */
    if (is_throttling(code))
        seen.status = 429;
    else if (is_about_keys(code))
        seen.status = 403;
    return dns_http_error(env, &seen, what, code,
                          str_eq(code, "SignatureDoesNotMatch")
                              ? "the secret access key is not that of the access key id"
                              : message);
}

struct exchange {
    const struct aws_call *call;
    const struct endpoint *endpoint;
    const struct sigv4_keys *keys; /* NULL: not signed */
};

static struct err *send_call(const struct dns_env *env, const struct exchange *x,
                             struct http_response *ret_response)
{
    const struct aws_call *c = x->call;
    const char *query = str_or(c->query, "");
    auto_free char *url =
        x_printf("%s%s%s%s", x->endpoint->base, c->path, *query != '\0' ? "?" : "", query);
    struct dns_http_request req = {.method = c->method, .url = url};
    struct http_header headers[3];
    req.headers = headers;
    req.content_type = c->content_type;
    req.body = c->body != NULL ? c->body->data : NULL;
    req.body_len = c->body != NULL ? c->body->len : 0;
    AUTO(sigv4_headers_release) struct sigv4_headers signature = {0};
    if (x->keys != NULL) {
        const struct sigv4_request r = {.service = c->service->name,
                                        .region = x->endpoint->region,
                                        .method = c->method,
                                        .host = x->endpoint->host,
                                        .path = c->path,
                                        .query = query,
                                        .content_type = c->content_type,
                                        .body = req.body,
                                        .body_len = req.body_len};
        TRY(sigv4_sign(x->keys, &r, clock_wall(env->clock), &signature));
        headers[req.header_count++] = (struct http_header){"X-Amz-Date", signature.date};
        headers[req.header_count++] =
            (struct http_header){"Authorization", signature.authorization};
        if (x->keys->session.len > 0)
            headers[req.header_count++] =
                (struct http_header){"X-Amz-Security-Token", x->keys->session.data};
    }
    return dns_http(env, &req, ret_response);
}

/* ---- temporary keys ---- */

static const struct aws_service sts = {"sts", "AWS_ENDPOINT_URL_STS", false};

static void wiped_text_free(char **text)
{
    if (*text != NULL)
        x_wipe_free(*text, strlen(*text));
}
#define AUTO_WIPED AUTO(wiped_text_free) char *

/* What STS answered; remembered for the last role only. */
static struct err *take_keys(const struct dns_env *env, const struct http_response *r, bool last,
                             struct sigv4_keys *ret_keys)
{
    struct xml rest = {buf_str(&r->body), r->body.len}, in;
    bool found = xml_next(&rest, "Credentials", &in);
    AUTO_WIPED id = found ? xml_text(&in, "AccessKeyId", 128) : NULL;
    AUTO_WIPED secret = found ? xml_text(&in, "SecretAccessKey", 256) : NULL;
    AUTO_WIPED session = found ? xml_text(&in, "SessionToken", SESSION_MAX) : NULL;
    auto_free char *until = found ? xml_text(&in, "Expiration", RFC3339_MAX) : NULL;
    const struct aws_lent lent = {id, secret, session, until};
    return aws_lent_take(env, &lent, last, "STS", ret_keys);
}

struct role {
    const char *arn;
    bool last;                     /* it is the one that works: its keys are remembered */
    const struct sigv4_keys *keys; /* who assumes it, or: */
    const struct secret *token;
};

static struct err *assume_role(const struct dns_env *env, const struct aws_identity *identity,
                               const struct role *role, struct sigv4_keys *ret_keys)
{
    AUTO(endpoint_release) struct endpoint at = {0};
    TRY(find_endpoint(env, &sts, identity->region, &at));
    AUTO(buf_release) struct buf form = BUF_INIT_SECRET(DNS_FORM_MAX);
    TRY(buf_addf(&form, "Action=AssumeRole%s&Version=2011-06-15&RoleSessionName=certroll",
                 role->token != NULL ? "WithWebIdentity" : ""));
    TRY(dns_form_add(&form, "RoleArn", role->arn));
    if (role->token != NULL)
        TRY(dns_form_add(&form, "WebIdentityToken", role->token->data));
    auto_free char *what = x_printf("role %s", role->arn);
    const struct aws_call call = {.service = &sts,
                                  .method = "POST",
                                  .path = "/",
                                  .content_type = DNS_FORM,
                                  .body = &form,
                                  .what = what};
    AUTO_RESPONSE res = {0};
    TRY(send_call(env, &(struct exchange){&call, &at, role->keys}, &res), "%s", what);
    TRY(answer_error(env, &res, what));
    return take_keys(env, &res, role->last, ret_keys);
}

/* ---- who ---- */

static struct err *keys_of_secrets(const struct dns_env *env, const struct aws_identity *identity,
                                   struct sigv4_keys *ret_keys)
{
    if (!str_empty(identity->key_id))
        ret_keys->id = secret_copy(identity->key_id, strlen(identity->key_id));
    else
        TRY(env->secret(env, &identity->key_id_ref, "accessKeyIDSecretRef", &ret_keys->id));
    return env->secret(env, &identity->secret_ref, "secretAccessKeySecretRef", &ret_keys->secret);
}

static struct err *keys_of_service_account(const struct dns_env *env,
                                           const struct aws_identity *identity,
                                           struct sigv4_keys *ret_keys)
{
    AUTO(secret_release) struct secret token = {0};
    TRY(dns_service_account_token(env, &identity->service_account, "sts.amazonaws.com", &token));
    const struct role role = {.arn = identity->role, .last = true, .token = &token};
    return assume_role(env, identity, &role, ret_keys);
}

/* What the process was given, and a role of the identity on top of it. */
static struct err *ambient_keys(const struct dns_env *env, const struct aws_identity *identity,
                                struct sigv4_keys *ret_keys)
{
    const char *id = env->variable(env, "AWS_ACCESS_KEY_ID");
    const char *secret = env->variable(env, "AWS_SECRET_ACCESS_KEY");
    const char *session = str_or(env->variable(env, "AWS_SESSION_TOKEN"), "");
    const char *file = env->variable(env, "AWS_WEB_IDENTITY_TOKEN_FILE");
    const char *arn = env->variable(env, "AWS_ROLE_ARN");
    if (!str_empty(id) && !str_empty(secret)) {
        *ret_keys =
            (struct sigv4_keys){secret_copy(id, strlen(id)), secret_copy(secret, strlen(secret)),
                                secret_copy(session, strlen(session))};
        return NULL;
    }
    if (str_empty(file) || str_empty(arn))
        return aws_lent_to_machine(env, str_empty(identity->role), ret_keys);
    AUTO(secret_release) struct secret token = {0};
    TRY(file_read_secret(file, TOKEN_FILE_MAX, &token), "AWS_WEB_IDENTITY_TOKEN_FILE");
    const struct role role = {.arn = arn, .last = str_empty(identity->role), .token = &token};
    return assume_role(env, identity, &role, ret_keys);
}

static bool has_static_keys(const struct aws_identity *identity)
{
    return !str_empty(identity->secret_ref.name);
}

static struct err *find_keys(const struct dns_env *env, const struct aws_identity *identity,
                             struct sigv4_keys *ret_keys)
{
    if (aws_lent_known(env, ret_keys))
        return NULL;
    if (!str_empty(identity->service_account.name))
        return keys_of_service_account(env, identity, ret_keys);
    AUTO_SIGV4_KEYS own = {0};
    TRY(has_static_keys(identity) ? keys_of_secrets(env, identity, &own)
                                  : ambient_keys(env, identity, &own));
    if (str_empty(identity->role)) {
        *ret_keys = own;
        own = (struct sigv4_keys){0};
        return NULL;
    }
    return assume_role(env, identity, &(struct role){identity->role, true, &own, NULL}, ret_keys);
}

struct err *aws_identity_check(const struct aws_identity *identity)
{
    const bool id = !str_empty(identity->key_id), ref = !str_empty(identity->key_id_ref.name);
    if (id && ref)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "write one of accessKeyID and accessKeyIDSecretRef, not both");
    if ((id || ref) != has_static_keys(identity))
        return err_new(ERR_INVALID, "InvalidSolver",
                       "accessKeyID (or accessKeyIDSecretRef) and secretAccessKeySecretRef belong "
                       "together: write both, or none");
    if (!str_empty(identity->service_account.name) && (str_empty(identity->role) || id || ref))
        return err_new(
            ERR_INVALID, "InvalidSolver",
            "auth.kubernetes.serviceAccountRef: write the role that its token may assume "
            "in role, and no access keys");
    return NULL;
}

struct err *aws_call(const struct dns_env *env, const struct aws_call *call,
                     struct http_response *ret_response)
{
    AUTO(endpoint_release) struct endpoint at = {0};
    TRY(find_endpoint(env, call->service, call->identity->region, &at));
    AUTO_SIGV4_KEYS keys = {0};
    TRY(find_keys(env, call->identity, &keys));
    AUTO_RESPONSE res = {0};
    TRY(send_call(env, &(struct exchange){call, &at, &keys}, &res), "%s", call->what);
    TRY(answer_error(env, &res, call->what));
    *ret_response = res;
    res = (struct http_response){0};
    return NULL;
}
