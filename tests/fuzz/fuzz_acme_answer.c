/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any answer of an ACME server: "<what> <status>\n", header lines, an empty line, the body. It is
 * refused with a clean message, or what is read from it keeps the limits that acme/ promises.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "acme/account.h"
#include "acme/order.h"
#include "acme/order_list.h"
#include "acme/renewal_info.h"
#include "base/mem.h"
#include "base/str.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOST "https://ca.test"
static const char directory[] = "{\"newNonce\":\"" HOST "/n\",\"newAccount\":\"" HOST "/a\","
                                "\"newOrder\":\"" HOST "/o\",\"renewalInfo\":\"" HOST "/r\"}";

#define LISTED "{\"status\":\"valid\",\"orders\":\"" HOST "/orders\"}"

struct server {
    char what;
    int status;
    char *headers;
    const char *body;
    size_t body_len;
    unsigned posts;
};

static struct pki_key *key;

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

/* ---- the server ---- */

static void respond(struct http_response *r, int status, const char *headers, const char *body,
                    size_t len)
{
    *r = (struct http_response){.status = status, .body = BUF_INIT((size_t)1 << 20)};
    r->headers = x_strdup(headers);
    AUTO_ERR e = buf_add(&r->body, body, len);
    MUST(e == NULL);
}

static struct err *call(void *ctx, const struct http_request *req, const struct stop *stop,
                        struct http_response *ret_response)
{
    struct server *s = ctx;
    (void)stop;
    bool for_directory = str_eq(req->url, HOST "/dir");
    bool for_account = s->what == 'l' && str_eq(req->url, HOST "/account");
    if (str_eq(req->method, "HEAD"))
        respond(ret_response, 200, "replay-nonce: abc\n", "", 0);
    else if (for_directory && s->what != 'd')
        respond(ret_response, 200, "", directory, strlen(directory));
    else if (for_account)
        respond(ret_response, 200, "", LISTED, strlen(LISTED));
    else
        respond(ret_response, s->status, s->headers, s->body, s->body_len);
    s->posts += str_eq(req->method, "POST");
    MUST(s->posts <= (s->what == 'l' ? 21 + 20 : 21)); /* the account, 20 pages, nonces refused */
    return NULL;
}

/* ---- what is promised ---- */

static void check_text(const char *s, size_t max)
{
    if (s == NULL)
        return;
    size_t len = strlen(s);
    MUST(len <= max);
    for (size_t n = 0; len > 0; s += n, len -= n) {
        n = utf8_char(s, len);
        MUST(n > 0 && !utf8_is_control(s, n));
    }
}

static void check_error(const struct err *e)
{
    check_text(e->reason, ERR_REASON_MAX);
    check_text(e->message, ERR_MESSAGE_MAX);
    MUST(e->kind != ERR_BUG && e->kind != ERR_CANCELLED && *e->reason >= 'A' && *e->reason <= 'Z');
    MUST(e->reason[strspn(e->reason, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789")] == '\0');
    MUST((e->http_status != 429 && e->http_status < 500) || e->kind == ERR_TRANSIENT ||
         e->kind == ERR_RATE_LIMITED);
}

static void check_order(const struct acme_order *o)
{
    check_text(o->status, 32);
    check_text(o->finalize, 2048);
    check_text(o->certificate, 2048);
    check_text(o->error, 1024);
    MUST(!str_empty(o->status) && !str_empty(o->finalize));
    MUST(o->authorizations.len <= ACME_AUTHORIZATIONS_MAX);
}

static void check_authz(const struct acme_authz *a)
{
    check_text(a->identifier, 255);
    check_text(a->status, 32);
    MUST(!str_empty(a->identifier) && !str_empty(a->status) && a->challenge_count <= 32);
    for (size_t i = 0; i < a->challenge_count; i++) {
        const struct acme_challenge *c = &a->challenges[i];
        check_text(c->type, 32);
        check_text(c->url, 2048);
        check_text(c->status, 32);
        check_text(c->error, 1024);
        MUST(!str_empty(c->type) && !str_empty(c->url) && !str_empty(c->status));
        MUST(c->token == NULL ||
             (strlen(c->token) >= 16 && strpbrk(c->token, "/.%+= \r\n") == NULL));
    }
}

/* ---- the calls ---- */

static struct err *get_directory(const struct acme_account *account)
{
    AUTO(acme_directory_release) struct acme_directory d = {0};
    TRY(acme_ca_directory(account->ca, &d));
    MUST(str_starts(d.new_nonce, "https://") || strncasecmp(d.new_nonce, "https://", 8) == 0);
    MUST(d.new_account != NULL && d.new_order != NULL);
    check_text(d.new_order, 2048);
    check_text(d.terms_of_service, 2048);
    return acme_ca_check_url(account->ca, d.new_order);
}

static struct err *register_account(const struct acme_account *account)
{
    AUTO(acme_registration_release) struct acme_registration r = {0};
    TRY(acme_account_register(account->ca, account->key, NULL, NULL, &r));
    MUST(!str_empty(r.url) && str_eq(r.status, "valid"));
    check_text(r.email, 512);
    return NULL;
}

static struct err *make_order(const struct acme_account *account)
{
    AUTO(acme_order_release) struct acme_order o = {0};
    const struct acme_identifier id = {"dns", "a.test"};
    const struct acme_order_spec spec = {.identifiers = &id, .count = 1};
    TRY(acme_order_new(account, &spec, &o));
    MUST(!str_empty(o.url));
    check_order(&o);
    return NULL;
}

static struct err *get_order(const struct acme_account *account)
{
    AUTO(acme_order_release) struct acme_order o = {0};
    TRY(acme_order_get(account, HOST "/o/1", &o));
    check_order(&o);
    for (size_t i = 0; i < o.names.len; i++)
        check_text(o.names.items[i], 512);
    check_text(o.profile, 2048);
    check_text(o.replaces, 2048);
    return NULL;
}

static struct err *list_orders(const struct acme_account *account)
{
    AUTO(strlist_release) struct strlist urls = {0};
    TRY(acme_order_list(account, &urls));
    MUST(urls.len <= ACME_ORDER_LIST_MAX);
    for (size_t i = 0; i < urls.len; i++)
        check_text(urls.items[i], 2048);
    return NULL;
}

static struct err *finalize(const struct acme_account *account)
{
    AUTO(acme_order_release) struct acme_order o = {0};
    TRY(acme_order_finalize(account, HOST "/f", "csr", 3, &o));
    MUST(o.url == NULL);
    check_order(&o);
    return NULL;
}

static struct err *get_authz(const struct acme_account *account)
{
    AUTO(acme_authz_release) struct acme_authz a = {0};
    TRY(acme_authz_get(account, HOST "/z", &a));
    check_authz(&a);
    return NULL;
}

static struct err *get_certificate(const struct acme_account *account)
{
    auto_free char *pem = NULL;
    AUTO(strlist_release) struct strlist others = {0};
    TRY(acme_certificate_get(account, HOST "/c", &pem, &others));
    MUST(others.len <= ACME_ALTERNATES_MAX);
    for (size_t i = 0; i < others.len; i++)
        check_text(others.items[i], 2048);
    MUST(strstr(pem, "-----BEGIN CERTIFICATE-----") != NULL);
    return NULL;
}

static struct err *get_renewal_info(const struct acme_account *account)
{
    AUTO(acme_renewal_info_release) struct acme_renewal_info i = {0};
    TRY(acme_renewal_info_get(account->ca, "aYhba4dG.AIdlQyE", &i));
    MUST(i.start > 0 && i.start < i.end);
    check_text(i.explanation_url, 2048);
    return NULL;
}

static const struct {
    char what;
    struct err *(*call)(const struct acme_account *account);
} calls[] = {
    {'d', get_directory},    {'a', register_account}, {'o', make_order},
    {'f', finalize},         {'z', get_authz},        {'c', get_certificate},
    {'r', get_renewal_info}, {'g', get_order},        {'l', list_orders},
};

/* ---- input ---- */

/* Cleans header lines as net/ does. */
static char *header_lines(const char *text, size_t len)
{
    char *lines = x_strndup(text, len);
    for (char *line = lines; *line != '\0';) {
        char *end = strchrnul(line, '\n');
        bool last = *end == '\0';
        *end = '\0';
        str_sanitize(line);
        if (last)
            break;
        *end = '\n';
        line = end + 1;
    }
    return lines;
}

static bool read_input(const char *text, size_t len, struct server *s)
{
    const char *head = memchr(text, '\n', len);
    if (head == NULL || head - text < 5)
        return false;
    for (int i = 2; i < 5; i++)
        s->status = s->status * 10 + (text[i] >= '0' && text[i] <= '9' ? text[i] - '0' : 0);
    size_t left = len - (size_t)(head - text);
    const char *blank = memmem(head, left, "\n\n", 2);
    if (blank == NULL)
        return false;
    s->headers = header_lines(head + 1, (size_t)(blank - head));
    s->body = blank + 2;
    s->body_len = len - (size_t)(s->body - text);
    return true;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    json_room_init();
    pki_init();
    AUTO_ERR e = pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA}, &key);
    MUST(e == NULL);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct server s = {0};
    if (size == 0 || !read_input((const char *)data, size, &s))
        return 0;
    s.what = (char)data[0];
    const struct http_transport transport = {.call = call, .ctx = &s};
    struct acme_ca *ca = acme_ca_new(&(struct acme_ca_options){
        .directory_url = HOST "/dir", .transport = &transport, .clock = clock_system()});
    const struct acme_account account = {.ca = ca, .key = key, .url = HOST "/account"};
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        if (calls[i].what != (char)data[0])
            continue;
        AUTO_ERR e = calls[i].call(&account);
        if (e != NULL)
            check_error(e);
    }
    acme_ca_free(ca);
    free(s.headers);
    return 0;
}
