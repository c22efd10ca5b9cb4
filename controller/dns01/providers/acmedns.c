/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme-dns (https://github.com/joohoi/acme-dns): a small DNS server to which _acme-challenge names are delegated by CNAMEs.
 * An account writes to one name of the server's. It keeps the last two values, which suffices for a wildcard beside its
 * apex, and takes none away.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider_http.h"
#include "dns01/provider_memory.h"

#define HOST_MAX 512

struct acmedns {
    const char *host;
    struct dns_secret_ref accounts;
};
static const struct bind_field acmedns_fields[] = {
    BIND_ROW(struct acmedns, STRING, host, "host", .flags = BIND_REQUIRED),
    BIND_ROW(struct acmedns, OBJECT, accounts, "accountSecretRef", .flags = BIND_REQUIRED,
             .table = &dns_secret_ref_table),
};
static const struct bind_table acmedns_table =
    BIND_TABLE("AcmeDNS", struct acmedns, acmedns_fields);

static struct err *check(const void *config)
{
    const struct acmedns *c = config;
    const char *host = c->host;
    if ((!str_starts(host, "https://") && !str_starts(host, "http://")) ||
        strlen(host) > HOST_MAX || strpbrk(host, "?#@ ") != NULL)
        return err_new(
            ERR_INVALID, "InvalidSolver",
            "host: write the URL of the acme-dns server, such as https://auth.example.com");
    return NULL;
}

/* ---- accounts: {"example.com": {username, password, fulldomain, subdomain, allowfrom}} ---- */

struct search {
    const struct dns_value *value;
    const json_t *account; /* borrowed */
};

/* The account whose own name the CNAMEs lead to. */
static bool match_full_domain(void *arg, const char *domain, json_t *account)
{
    (void)domain;
    struct search *s = arg;
    const char *full = JSTR(account, "fulldomain");
    if (full != NULL && strcasecmp(full, s->value->name) == 0)
        s->account = account;
    return s->account == NULL;
}

static struct err *find_account(const struct acmedns *c, const struct dns_value *v,
                                const json_t *accounts, const json_t **ret_account)
{
    struct search s = {v, NULL};
    s.account = JGET(accounts, v->domain);
    if (s.account == NULL)
        json_each(accounts, match_full_domain, &s);
    if (s.account == NULL)
        return err_new(ERR_NOT_FOUND, "AccountNotFound",
                       "accountSecretRef: Secret %s, key %s has no account for %s (nor one whose "
                       "fulldomain is %s): register one at the acme-dns server, add it to the "
                       "Secret and point a CNAME from _acme-challenge.%s at its fulldomain",
                       c->accounts.name, c->accounts.key, v->domain, v->name, v->domain);
    static const char *const members[] = {"username", "password", "subdomain"};
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (str_empty(json_text(JGET(s.account, members[i]))))
            return err_new(ERR_INVALID, "InvalidSecret",
                           "accountSecretRef: Secret %s, key %s: the account for %s has no %s",
                           c->accounts.name, c->accounts.key, v->domain, members[i]);
    *ret_account = s.account;
    return NULL;
}

static struct err *read_accounts(const struct dns_env *env, const struct acmedns *c,
                                 json_t **ret_accounts)
{
    AUTO(secret_release) struct secret text = {0};
    TRY(env->secret(env, &c->accounts, "accountSecretRef", &text));
    AUTO_ERR bad = json_parse(text.data, text.len, ret_accounts);
    if (bad != NULL)
        return err_new(
            ERR_INVALID, "InvalidSecret",
            "accountSecretRef: Secret %s, key %s is not JSON: write an object of accounts "
            "by domain",
            c->accounts.name, c->accounts.key);
    return NULL;
}

/* A header's value; wiped with secret_release(). */
static struct err *header_of(const json_t *account, const char *member, struct secret *ret_value)
{
    const char *text = JSTR(account, member);
    AUTO(secret_release) struct secret plain = secret_copy(text, strlen(text));
    return dns_http_authorization(NULL, &plain, member, ret_value);
}

/* ---- what was sent: a value that is sent twice would push the other one out ---- */

/* "OLDER\nNEWER", as they are remembered. */
static bool was_sent(const struct secret *sent, const char *text)
{
    const size_t len = strlen(text);
    const char *newer = sent->len > 0 ? strchr(sent->data, '\n') : NULL;
    if (newer == NULL)
        return false;
    return str_eq(newer + 1, text) ||
           ((size_t)(newer - sent->data) == len && memcmp(sent->data, text, len) == 0);
}

static void remember(const struct dns_env *env, const char *key, const struct secret *sent,
                     const char *text)
{
    const char *newer = sent->len > 0 ? strchr(sent->data, '\n') : NULL;
    char *line = x_printf("%s\n%s", newer != NULL ? newer + 1 : "", text);
    const struct secret both = {line, strlen(line)};
    dns_memory_set(env, key, &both, clock_wall(env->clock) + DNS_ZONE_KEPT);
    free(line);
}

static struct err *send_value(const struct dns_env *env, const struct acmedns *c,
                              const struct dns_value *v, const json_t *account)
{
    AUTO(secret_release) struct secret user = {0}, password = {0};
    TRY(header_of(account, "username", &user));
    TRY(header_of(account, "password", &password));
    const struct http_header headers[] = {{"X-Api-User", user.data}, {"X-Api-Key", password.data}};
    auto_free char *url =
        x_printf("%.*s/update", (int)(strlen(c->host) - str_ends(c->host, "/")), c->host);
    const struct dns_http_request req = {
        .method = "POST", .url = url, .headers = headers, .header_count = ARRAY_LEN(headers)};
    json_auto_t *body =
        json_build("{s:s,s:s}", "subdomain", JSTR(account, "subdomain"), "txt", v->text);
    auto_free char *what = x_printf("acme-dns account for %s", v->domain);
    AUTO_DNS_HTTP_ANSWER answer = {0};
    struct err *e = dns_http_ask(env, &req, body, &answer);
    TRY(http_trust_advice(e, "for a CA that the system does not trust, set SSL_CERT_DIR or "
                             "SSL_CERT_FILE for certroll"),
        "%s", what);
    /* A tenant names the host: nothing of its answer is shown. */
    TRY(dns_http_error(env, &answer.response, what, NULL, NULL));
    if (str_eq(JSTR(answer.json, "txt"), v->text))
        return NULL;
    return err_new(ERR_TRANSIENT, "ProviderFailed",
                   "%s: the server does not say what it has stored", what);
}

static struct err *present(const struct dns_env *env, const void *config, const struct dns_value *v,
                           char **ret_id)
{
    (void)ret_id; /* values are not told apart */
    const struct acmedns *c = config;
    json_auto_t *accounts = NULL;
    const json_t *account = NULL;
    TRY(read_accounts(env, c, &accounts));
    TRY(find_account(c, v, accounts, &account));
    auto_free char *key = x_printf("acme-dns %s", JSTR(account, "subdomain"));
    AUTO(secret_release) struct secret sent = {0};
    dns_memory_get(env, key, &sent);
    if (was_sent(&sent, v->text))
        return NULL;
    TRY(send_value(env, c, v, account));
    remember(env, key, &sent, v->text);
    return NULL;
}

/* The server has no call for it: what is there stays until two other values have come. */
static struct err *clean_up(const struct dns_env *env, const void *config,
                            const struct dns_value *v)
{
    (void)env;
    (void)config;
    (void)v;
    return NULL;
}

const struct dns_provider dns_provider_acmedns = {
    .name = "acmeDNS",
    .config = &acmedns_table,
    .check = check,
    .present = present,
    .clean_up = clean_up,
};
