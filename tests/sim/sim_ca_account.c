/* SPDX-License-Identifier: Apache-2.0 */
/* What every request to the CA needs, and its accounts. */
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "pki/key.h"
#include "sim/sim_ca_internal.h"
#include "sim/sim_memo.h"

/* Of a list of orders. */
#define PAGE 5
#define PAGES 1000

void ca_add_header(struct ca_call *c, const char *name, const char *value)
{
    buf_putf(&c->headers, "%s: %s\n", name, value);
}

void ca_answer(struct ca_call *c, int status, json_t *body)
{
    c->res->status = status;
    c->res->body = BUF_INIT(BODY_MAX);
    err_drop(sim_memo_print(body, &c->res->body)); /* far below the maximum */
}

void ca_refuse(struct ca_call *c, int status, const char *type, const char *detail)
{
    auto_free char *name = x_printf(PROBLEM "%s", type);
    json_auto_t *body = json_build("{s:s,s:s}", "type", name, "detail", detail);
    ca_add_header(c, "content-type", "application/problem+json");
    ca_answer(c, status, body);
}

const char *ca_base_of(const char *url)
{
    return str_starts(url, SIM_CA_BACKUP_BASE "/") ? SIM_CA_BACKUP_BASE : BASE;
}

size_t ca_number_in(const char *url, const char *what)
{
    auto_free char *prefix = x_printf("%s/%s/", ca_base_of(url), what);
    int64_t n = -1;
    if (str_starts(url, prefix))
        err_drop(str_to_i64(url + strlen(prefix), 0, 1000000, &n)); /* then it is none */
    return n < 0 ? SIZE_MAX : (size_t)n;
}

json_t *ca_decode_part(const json_t *jws, const char *name)
{
    const char *text = str_or(JSTR(jws, name), "");
    auto_free char *raw = NULL;
    size_t len = 0;
    json_t *json = NULL;
    if (*text != '\0') {
        err_drop(base64url_decode(text, strlen(text), &raw, &len)); /* then there is none */
        if (raw != NULL)
            err_drop(json_parse(raw, len, &json)); /* the same */
    }
    return json;
}

/* ---- accounts ---- */

static char *thumbprint_of(const json_t *jwk)
{
    auto_free char *text =
        x_printf("{\"crv\":\"%s\",\"kty\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}", JSTR(jwk, "crv"),
                 JSTR(jwk, "kty"), JSTR(jwk, "x"), JSTR(jwk, "y"));
    unsigned char hash[32];
    pki_sha256(text, strlen(text), hash);
    return base64url_encode(hash, sizeof(hash));
}

static size_t find_account(const struct sim_ca *ca, const char *thumbprint)
{
    size_t i = ca->forgotten;
    while (i < ca->accounts.len && !str_eq(ca->accounts.items[i], thumbprint))
        i++;
    return i;
}

void sim_ca_forget_accounts(struct sim_ca *ca)
{
    ca->forgotten = ca->accounts.len;
}

bool sim_ca_knows_account(const struct sim_ca *ca, const char *url)
{
    size_t n = ca_number_in(str_or(url, ""), "account");
    return n >= ca->forgotten && n < ca->accounts.len;
}

/* Each CA has its own account, with its own key. */
void ca_check_front(struct ca_call *c, size_t account)
{
    if (account < c->ca->fronts.len && !str_eq(c->ca->fronts.items[account], c->base))
        sim_fail(c->ca->sim, "%s: account %zu is of another CA", c->req->url, account);
}

void ca_show_account(struct ca_call *c, size_t n, int status)
{
    const char *contact = c->ca->contacts.items[n];
    json_auto_t *body = json_build("{s:s}", "status", "valid");
    if (*contact != '\0')
        json_put(body, "contact", json_build("[s]", contact));
    auto_free char *orders = x_printf("%s/orders/%zu", c->base, n * PAGES);
    json_put_str(body, "orders", c->ca->lists != LISTS_NONE ? orders : NULL);
    ca_answer(c, status, body);
}

void ca_new_account(struct ca_call *c)
{
    auto_free char *thumbprint = thumbprint_of(JGET(c->header, "jwk"));
    size_t n = find_account(c->ca, thumbprint);
    bool is_new = n == c->ca->accounts.len;
    if (is_new && JBOOL(c->payload, "onlyReturnExisting")) {
        ca_refuse(c, 400, "accountDoesNotExist", "no account has this key");
        return;
    }
    if (is_new) {
        strlist_add(&c->ca->accounts, thumbprint);
        strlist_add(&c->ca->fronts, c->base);
        strlist_add(&c->ca->contacts, str_or(JSTR(c->payload, "contact", "0"), ""));
        json_push(c->ca->keys, json_copy_deep(JGET(c->header, "jwk")));
    }
    ca_check_front(c, n);
    auto_free char *url = x_printf("%s/account/%zu", c->base, n);
    ca_add_header(c, "location", url);
    ca_show_account(c, n, is_new ? 201 : 200);
}

/* Section 7.1.2.1: without invalid ones, a few on each page. */
void ca_list_orders(struct ca_call *c, size_t n)
{
    const struct sim_ca *ca = c->ca;
    if (ca->lists == LISTS_NONE || n / PAGES != c->account) {
        ca_refuse(c, 403, "unauthorized", "the list is of another account");
        return;
    }
    size_t skip = n % PAGES * PAGE, left = PAGE;
    json_t *urls = json_new_array();
    for (size_t i = 0; i < ca->order_count; i++) {
        size_t at = ca->lists == LISTS_NEWEST_FIRST ? ca->order_count - 1 - i : i;
        const struct order *o = &ca->orders[at];
        if (o->account != c->account || str_eq(ca_order_status(ca, o), "invalid"))
            continue;
        if (skip > 0) {
            skip--;
            continue;
        }
        if (left-- == 0) {
            auto_free char *next = x_printf("<%s/orders/%zu>;rel=\"next\"", c->base, n + 1);
            ca_add_header(c, "link", next);
            break;
        }
        auto_free char *url = x_printf("%s/order/%zu", c->base, at);
        json_push(urls, json_new_string(url));
    }
    json_auto_t *body = json_build("{s:o}", "orders", urls);
    ca_answer(c, 200, body);
}

/* RFC 8555 section 7.3.5. */
void ca_change_key(struct ca_call *c)
{
    json_auto_t *header = ca_decode_part(c->payload, "protected");
    json_auto_t *says = ca_decode_part(c->payload, "payload");
    auto_free char *old = thumbprint_of(JGET(says, "oldKey"));
    auto_free char *now = thumbprint_of(JGET(header, "jwk"));
    char **known = &c->ca->accounts.items[c->account];
    if (!str_eq(old, *known) || !str_eq(JSTR(header, "url"), c->req->url)) {
        ca_refuse(c, 400, "malformed", "the old key or the url is another");
        return;
    }
    if (find_account(c->ca, now) < c->ca->accounts.len) {
        ca_refuse(c, 409, "malformed", "another account has this key");
        return;
    }
    free(*known);
    *known = x_strdup(now);
    json_auto_t *keys = TAKE(c->ca->keys);
    c->ca->keys = json_new_array();
    for (size_t i = 0; i < json_count(keys); i++)
        json_push(c->ca->keys,
                  json_copy_deep(i == c->account ? JGET(header, "jwk") : json_item(keys, i)));
    c->ca->key_changes++;
    ca_show_account(c, c->account, 200);
}
