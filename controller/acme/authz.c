/* SPDX-License-Identifier: Apache-2.0 */
/* Authorizations and challenges: RFC 8555 sections 7.1.4, 7.1.5, 7.5 and 8. */
#include <stdlib.h>
#include <string.h>

#include "acme/internal.h"
#include "acme/order.h"
#include "acme/problem.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/dns.h"
#include "pki/jws.h"

#define CHALLENGES_MAX 32
#define TYPE_MAX 32
#define IDENTIFIER_MAX 255
#define ISSUERS_MAX 10 /* draft-ietf-acme-dns-persist-01 section 3.1 */
#define TOKEN_MIN 16
#define TOKEN_MAX 512

static void challenge_release(struct acme_challenge *c)
{
    free(c->type);
    free(c->url);
    free(c->token);
    free(c->status);
    free(c->error);
    strlist_release(&c->issuers);
    free(c->account_uri);
    *c = (struct acme_challenge){0};
}

void acme_authz_release(struct acme_authz *a)
{
    for (size_t i = 0; i < a->challenge_count; i++)
        challenge_release(&a->challenges[i]);
    free(a->challenges);
    free(a->identifier_type);
    free(a->identifier);
    free(a->status);
    *a = (struct acme_authz){0};
}

/* Tokens become parts of URLs: nothing but base64url is let through (section 8.1). */
static bool token_is_valid(const char *token)
{
    if (token == NULL)
        return false;
    size_t len = strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
    return len >= TOKEN_MIN && len <= TOKEN_MAX && token[len] == '\0';
}

/* They become part of a record that people put into DNS: a list with anything but names is none. */
static void read_issuers(const json_t *list, struct strlist *issuers)
{
    size_t count = json_count(list);
    bool good = count <= ISSUERS_MAX;
    for (size_t i = 0; i < count && good; i++) {
        char clean[DNS_NAME_MAX + 1];
        const char *name = json_text(json_item(list, i));
        good = name != NULL && dns_name_copy(name, clean) && str_eq(name, clean) &&
               !str_starts(name, "*");
        if (good)
            strlist_add(issuers, name);
    }
    if (!good)
        strlist_release(issuers);
}

/* Types that are not known here are read like the others; some have no token. */
static struct err *fill_challenge(const json_t *object, struct acme_challenge *c)
{
    TRY(acme_need_text(object, "type", TYPE_MAX, &c->type));
    TRY(acme_need_text(object, "url", ACME_URL_MAX, &c->url));
    TRY(acme_need_text(object, "status", ACME_STATUS_MAX, &c->status));
    const char *token = JSTR(object, "token");
    if (token_is_valid(token))
        c->token = x_strdup(token);
    c->error = acme_problem_text(JGET(object, "error"));
    read_issuers(JGET(object, "issuer-domain-names"), &c->issuers);
    const char *account = JSTR(object, "accounturi");
    if (account != NULL)
        c->account_uri = x_strndup(account, ACME_URL_MAX);
    return NULL;
}

/* One that cannot be answered is left out: the others may do. */
static struct err *read_challenges(const json_t *list, struct acme_authz *a)
{
    size_t count = json_count(list);
    if (count > CHALLENGES_MAX)
        return acme_invalid_answer("%zu challenges; at most %d are handled", count, CHALLENGES_MAX);
    a->challenges = x_calloc(count + 1, sizeof(*a->challenges));
    for (size_t i = 0; i < count; i++) {
        struct acme_challenge *c = &a->challenges[a->challenge_count];
        AUTO_ERR incomplete = fill_challenge(json_item(list, i), c);
        if (incomplete == NULL)
            a->challenge_count++;
        else
            challenge_release(c);
    }
    return NULL;
}

static struct err *fill_authz(const struct acme_answer *answer, struct acme_authz *a)
{
    const json_t *body = answer->body;
    const json_t *identifier = JGET(body, "identifier");
    a->wildcard = JBOOL(body, "wildcard");
    a->expires = acme_read_time(body, "expires");
    a->retry_at = answer->retry_at;
    TRY(acme_need_text(identifier, "type", TYPE_MAX, &a->identifier_type), "identifier");
    TRY(acme_need_text(identifier, "value", IDENTIFIER_MAX, &a->identifier), "identifier");
    TRY(acme_need_text(body, "status", ACME_STATUS_MAX, &a->status));
    return read_challenges(JGET(body, "challenges"), a);
}

const struct acme_challenge *acme_authz_challenge(const struct acme_authz *a, const char *type)
{
    for (size_t i = 0; i < a->challenge_count; i++) {
        if (str_eq(a->challenges[i].type, type))
            return &a->challenges[i];
    }
    return NULL;
}

struct err *acme_authz_get(const struct acme_account *account, const char *url,
                           struct acme_authz *ret_authz)
{
    AUTO(acme_answer_release) struct acme_answer a = {0};
    TRY(acme_post(account, "authz", url, NULL, &a));
    struct acme_authz authz = {0};
    struct err *e = fill_authz(&a, &authz);
    if (e == NULL)
        *ret_authz = authz;
    else
        acme_authz_release(&authz);
    return err_wrap(e, "authz %s", url);
}

struct err *acme_authz_deactivate(const struct acme_account *account, const char *url)
{
    json_auto_t *payload = json_build("{s:s}", "status", "deactivated");
    AUTO(acme_answer_release) struct acme_answer a = {0};
    return err_wrap(acme_post(account, "authz", url, payload, &a), "deactivating authz %s", url);
}

struct err *acme_challenge_accept(const struct acme_account *account, const char *url)
{
    json_auto_t *payload = json_new_object();
    AUTO(acme_answer_release) struct acme_answer a = {0};
    return acme_post(account, "challenge", url, payload, &a);
}

char *acme_key_authorization(const struct pki_key *key, const char *token)
{
    auto_free char *thumbprint = pki_jwk_thumbprint(key);
    return x_printf("%s.%s", token, thumbprint);
}

char *acme_dns_account_label(const char *account_url)
{
    unsigned char digest[32];
    pki_sha256(account_url, strlen(account_url), digest);
    auto_free char *hash = base32_encode_lower(digest, 10);
    return x_printf("_%s", hash);
}

char *acme_dns_value(const struct pki_key *key, const char *token)
{
    unsigned char digest[32];
    auto_free char *answer = acme_key_authorization(key, token);
    pki_sha256(answer, strlen(answer), digest);
    return base64url_encode(digest, sizeof(digest));
}
