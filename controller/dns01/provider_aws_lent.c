/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/provider_aws_lent.h"

#include <string.h>
#include <strings.h>

#include "base/encode.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "dns01/provider_memory.h"
#include "dns01/provider_token.h"

#define KEYS_MAX 8000 /* what is remembered of an answer */
#define KEYS_EARLY (5 * NS_PER_MIN)
#define MEMORY_KEYS "aws-keys"
#define TOKEN_FILE_MAX 16384
#define POD_URI "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define POD_TOKEN "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
#define POD "EKS Pod Identity (" POD_URI ")"
#define NODE "EC2's instance metadata"
#define NODE_URL "http://169.254.169.254/latest/"
#define NODE_ROLES NODE_URL "meta-data/iam/security-credentials/"
#define ROLE_MAX 64

/* ---- memory ---- */

/* "ID\nSECRET\nSESSION", as they are remembered. */
static bool split_keys(const struct secret *text, struct sigv4_keys *ret_keys)
{
    const char *first = text->len > 0 ? strchr(text->data, '\n') : NULL;
    const char *second = first != NULL ? strchr(first + 1, '\n') : NULL;
    if (second == NULL)
        return false;
    ret_keys->id = secret_copy(text->data, (size_t)(first - text->data));
    ret_keys->secret = secret_copy(first + 1, (size_t)(second - first - 1));
    ret_keys->session = secret_copy(second + 1, strlen(second + 1));
    return true;
}

bool aws_lent_known(const struct dns_env *env, struct sigv4_keys *ret_keys)
{
    AUTO(secret_release) struct secret known = {0};
    dns_memory_get(env, MEMORY_KEYS, &known);
    return split_keys(&known, ret_keys);
}

void aws_lent_forget(const struct dns_env *env)
{
    dns_memory_drop(env, MEMORY_KEYS);
}

struct err *aws_lent_take(const struct dns_env *env, const struct aws_lent *lent, bool remember,
                          const char *what, struct sigv4_keys *ret_keys)
{
    int64_t end = 0;
    AUTO_ERR bad = rfc3339_parse(str_or(lent->until, ""), &end);
    if (str_empty(lent->id) || str_empty(lent->secret) || str_empty(lent->session) || bad != NULL)
        return err_new(ERR_TRANSIENT, "ProviderFailed", "%s answered without keys", what);
    AUTO(buf_release) struct buf b = BUF_INIT_SECRET(KEYS_MAX);
    TRY(buf_addf(&b, "%s\n%s\n%s", lent->id, lent->secret, lent->session), "keys from %s", what);
    const struct secret text = {b.data, b.len};
    if (remember && end - KEYS_EARLY > clock_wall(env->clock))
        dns_memory_set(env, MEMORY_KEYS, &text, end - KEYS_EARLY);
    return split_keys(&text, ret_keys) ? NULL : err_new(ERR_BUG, "ProviderFailed", "no keys");
}

/* ---- who lends to a pod or a node ---- */

static struct err *take_answer(const struct dns_env *env, const struct dns_machine_request *r,
                               bool remember, struct sigv4_keys *ret_keys)
{
    AUTO_RESPONSE res = {0};
    TRY(dns_machine_ask(env, r, &res));
    json_auto_t *answer = NULL;
    err_drop(json_parse(buf_str(&res.body), res.body.len, &answer)); /* then it has no keys */
    const struct aws_lent lent = {JSTR(answer, "AccessKeyId"), JSTR(answer, "SecretAccessKey"),
                                  JSTR(answer, "Token"), JSTR(answer, "Expiration")};
    return aws_lent_take(env, &lent, remember, r->what, ret_keys);
}

/* The pod's token goes there: by TLS, or to the addresses that Amazon has for it. */
static bool may_have_token(const char *uri)
{
    static const char *const starts[] = {"https://", "http://169.254.170.23/",
                                         "http://[fd00:ec2::23]/"};
    for (size_t i = 0; i < ARRAY_LEN(starts); i++)
        if (str_starts(uri, starts[i]))
            return true;
    return false;
}

static struct err *lent_to_pod(const struct dns_env *env, const char *uri, bool remember,
                               struct sigv4_keys *ret_keys)
{
    if (!may_have_token(uri))
        return err_new(ERR_INVALID, "InvalidSolver",
                       POD_URI " of certroll's environment: it is neither https nor an address of "
                               "EKS Pod Identity");
    const char *file = env->variable(env, POD_TOKEN);
    if (str_empty(file))
        return err_new(ERR_DENIED, "CredentialsMissing",
                       POD_TOKEN " is not in certroll's environment, and " POD_URI " is");
    AUTO(secret_release) struct secret text = {0}, token = {0};
    TRY(file_read_secret(file, TOKEN_FILE_MAX, &text), POD_TOKEN);
    TRY(dns_http_authorization(NULL, &text, POD_TOKEN, &token));
    const struct dns_machine_request r = {"GET", uri, POD, {"Authorization", token.data}};
    return take_answer(env, &r, remember, ret_keys);
}

/* The metadata server answers only who has fetched a token by PUT, which no redirect and no open proxy of a pod does. */
static struct err *open_node(const struct dns_env *env, struct secret *ret_token)
{
    static const struct dns_machine_request r = {
        "PUT", NODE_URL "api/token", NODE, {"X-aws-ec2-metadata-token-ttl-seconds", "60"}};
    AUTO_RESPONSE res = {0};
    AUTO_ERR e = dns_machine_ask(env, &r, &res);
    if (e != NULL)
        return err_new(ERR_DENIED, "CredentialsMissing",
                       "no credentials: write accessKeyID and secretAccessKeySecretRef, or "
                       "auth.kubernetes.serviceAccountRef and role; the environment of certroll "
                       "has none either, and " NODE " lends none (%s)",
                       e->message);
    const struct secret text = {res.body.data, res.body.len};
    return dns_http_authorization(NULL, &text, NODE, ret_token);
}

static struct err *lent_to_node(const struct dns_env *env, bool remember,
                                struct sigv4_keys *ret_keys)
{
    AUTO(secret_release) struct secret token = {0};
    TRY(open_node(env, &token));
    struct dns_machine_request r = {
        "GET", NODE_ROLES, NODE ": the node's role", {"X-aws-ec2-metadata-token", token.data}};
    AUTO_RESPONSE res = {0};
    TRY(dns_machine_ask(env, &r, &res));
    const char *names = buf_str(&res.body);
    size_t len = strcspn(names, "\r\n");
    if (len == 0 || len > ROLE_MAX)
        return err_new(ERR_TRANSIENT, "ProviderFailed", NODE " names no role of the node");
    auto_free char *name = x_strndup(names, len);
    auto_free char *role = percent_encode(name);
    auto_free char *url = x_printf(NODE_ROLES "%s", role);
    r.url = url;
    return take_answer(env, &r, remember, ret_keys);
}

struct err *aws_lent_to_machine(const struct dns_env *env, bool remember,
                                struct sigv4_keys *ret_keys)
{
    const char *uri = env->variable(env, POD_URI);
    const char *disabled = str_or(env->variable(env, "AWS_EC2_METADATA_DISABLED"), "");
    if (!str_empty(uri))
        return lent_to_pod(env, uri, remember, ret_keys);
    if (!env->ambient || strcasecmp(disabled, "true") == 0)
        return err_new(ERR_DENIED, "CredentialsMissing",
                       "no credentials: write accessKeyID and secretAccessKeySecretRef, or "
                       "auth.kubernetes.serviceAccountRef and role%s",
                       env->ambient ? "; the environment of certroll has none either" : "");
    return lent_to_node(env, remember, ret_keys);
}
