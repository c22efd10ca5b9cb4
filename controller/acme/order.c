/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/order.h"

#include <stdlib.h>
#include <string.h>

#include "acme/internal.h"
#include "acme/problem.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"

#define CERTIFICATE_MAX 95000
#define TYPE_MAX 32
#define IDENTIFIER_MAX 255
#define PEM_TYPE "application/pem-certificate-chain"
#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"

void acme_order_release(struct acme_order *o)
{
    free(o->url);
    free(o->status);
    free(o->finalize);
    free(o->certificate);
    free(o->error);
    free(o->profile);
    free(o->replaces);
    strlist_release(&o->authorizations);
    strlist_release(&o->names);
    *o = (struct acme_order){0};
}

/* ---- reading ---- */

static struct err *read_authorizations(const json_t *list, struct strlist *ret_urls)
{
    size_t count = json_count(list);
    if (count > ACME_AUTHORIZATIONS_MAX)
        return acme_invalid_answer("the order has %zu authorizations; at most %d are handled",
                                   count, ACME_AUTHORIZATIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *url = json_text(json_item(list, i));
        if (str_empty(url) || strlen(url) > ACME_URL_MAX)
            return acme_invalid_answer("authorization %zu is not a URL", i);
        strlist_add(ret_urls, url);
    }
    return NULL;
}

char *acme_identifier_text(const char *type, const char *value)
{
    char *text = x_printf("%s:%s", type, value);
    for (char *c = text; *c != '\0'; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    return text;
}

/* Nothing depends on them but which order is which. */
static void read_names(const json_t *list, struct strlist *ret_names)
{
    for (size_t i = 0; i < json_count(list); i++) {
        const char *type = JSTR(json_item(list, i), "type");
        const char *value = JSTR(json_item(list, i), "value");
        if (i == ACME_AUTHORIZATIONS_MAX || str_empty(type) || str_empty(value) ||
            strlen(type) > TYPE_MAX || strlen(value) > IDENTIFIER_MAX) {
            strlist_release(ret_names);
            return;
        }
        strlist_add_take(ret_names, acme_identifier_text(type, value));
    }
    strlist_sort(ret_names);
}

static struct err *fill_order(const struct acme_answer *a, struct acme_order *o)
{
    o->error = acme_problem_text(JGET(a->body, "error"));
    o->expires = acme_read_time(a->body, "expires");
    o->retry_at = a->retry_at;
    TRY(acme_need_text(a->body, "status", ACME_STATUS_MAX, &o->status));
    TRY(acme_need_text(a->body, "finalize", ACME_URL_MAX, &o->finalize));
    TRY(acme_read_text(a->body, "certificate", ACME_URL_MAX, &o->certificate));
    TRY(acme_read_text(a->body, "profile", ACME_URL_MAX, &o->profile));
    TRY(acme_read_text(a->body, "replaces", ACME_URL_MAX, &o->replaces));
    read_names(JGET(a->body, "identifiers"), &o->names);
    return read_authorizations(JGET(a->body, "authorizations"), &o->authorizations);
}

/* An order object; url is where it is, or NULL. */
static struct err *read_order(const struct acme_answer *a, const char *url,
                              struct acme_order *ret_order)
{
    struct acme_order o = {.url = x_strdup_or_null(url)};
    struct err *e = fill_order(a, &o);
    if (e == NULL)
        *ret_order = o;
    else
        acme_order_release(&o);
    return e;
}

/* ---- requests ---- */

static json_t *order_payload(const struct acme_order_spec *spec)
{
    json_t *list = json_new_array();
    for (size_t i = 0; i < spec->count; i++)
        json_push(list, json_build("{s:s,s:s}", "type", spec->identifiers[i].type, "value",
                                   spec->identifiers[i].value));
    json_t *payload = json_build("{s:o}", "identifiers", list);
    json_put_str(payload, "profile", spec->profile);
    json_put_str(payload, "replaces", spec->replaces);
    return payload;
}

/* RFC 9773 section 5 has alreadyReplaced and the status 409; a certificate of another account, or that the server does
 * not know, is refused in other words. */
static bool is_about_replaces(const struct err *e)
{
    return e != NULL && (e->http_status == 409 || str_eq(e->reason, "AlreadyReplaced") ||
                         str_eq(e->reason, "Malformed") || str_eq(e->reason, "Unauthorized"));
}

static struct err *replaces_refused(struct err *e)
{
    struct err *refused = err_new(ERR_CONFLICT, "ReplacesRefused", "%s", e->message);
    err_free(e);
    return refused;
}

/* By the head of the answer alone: what stands before a CA neither creates anything nor knows the CA's URLs. */
static bool is_created(const struct acme_account *account, const struct acme_answer *a)
{
    if (a->status != 201 || a->location == NULL)
        return false;
    AUTO_ERR foreign = acme_ca_check_url(account->ca, a->location);
    return foreign == NULL;
}

struct err *acme_order_new(const struct acme_account *account, const struct acme_order_spec *spec,
                           struct acme_order *ret_order)
{
    AUTO(acme_directory_release) struct acme_directory d = {0};
    TRY(acme_ca_directory(account->ca, &d));
    if (spec->replaces != NULL && d.renewal_info == NULL)
        return err_new(ERR_CONFLICT, "ReplacesRefused", "newOrder: the CA has no renewalInfo");
    json_auto_t *payload = order_payload(spec);
    AUTO(acme_answer_release) struct acme_answer a = {0};
    struct err *e = acme_post(account, "newOrder", d.new_order, payload, &a);
    if (spec->replaces != NULL && is_about_replaces(e))
        return replaces_refused(e);
    if (e == NULL && a.location == NULL)
        return acme_invalid_answer("newOrder: the answer has no Location, which is the order's "
                                   "URL");
    if (e == NULL)
        e = err_wrap(read_order(&a, a.location, ret_order), "newOrder");
    if (e != NULL && is_created(account, &a))
        ret_order->url = TAKE(a.location);
    return e;
}

struct err *acme_order_get(const struct acme_account *account, const char *url,
                           struct acme_order *ret_order)
{
    AUTO(acme_answer_release) struct acme_answer a = {0};
    TRY(acme_post(account, "order", url, NULL, &a));
    return err_wrap(read_order(&a, url, ret_order), "order %s", url);
}

struct err *acme_order_finalize(const struct acme_account *account, const char *finalize_url,
                                const void *csr_der, size_t len, struct acme_order *ret_order)
{
    auto_free char *csr = base64url_encode(csr_der, len);
    json_auto_t *payload = json_build("{s:s}", "csr", csr);
    AUTO(acme_answer_release) struct acme_answer a = {0};
    TRY(acme_post(account, "finalize", finalize_url, payload, &a));
    return err_wrap(read_order(&a, NULL, ret_order), "finalize %s", finalize_url);
}

struct err *acme_certificate_get(const struct acme_account *account, const char *url,
                                 char **ret_pem, struct strlist *ret_alternates)
{
    AUTO(acme_answer_release) struct acme_answer a = {0};
    TRY(acme_send(
        account,
        &(struct acme_message){
            .action = "certificate", .url = url, .accept = PEM_TYPE, .max_body = CERTIFICATE_MAX},
        &a));
    if (strstr(a.text, PEM_BEGIN) == NULL)
        return acme_invalid_answer("certificate %s: the answer is not a PEM certificate chain",
                                   url);
    *ret_pem = TAKE(a.text);
    if (ret_alternates == NULL)
        return NULL;
    for (size_t i = 0; i < ACME_ALTERNATES_MAX; i++) {
        const char *other = acme_links_get(&a.links, "alternate", i);
        if (other == NULL)
            break;
        strlist_add(ret_alternates, other);
    }
    return NULL;
}
