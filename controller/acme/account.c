/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/account.h"

#include <stdlib.h>
#include <string.h>

#include "acme/internal.h"
#include "base/mem.h"
#include "base/str.h"

#define MAILTO "mailto:"
#define CONTACT_MAX 512
#define INNER_MAX 16384 /* a JWK of 8192 bits has 1.4 KiB */

void acme_registration_release(struct acme_registration *r)
{
    free(r->url);
    free(r->status);
    free(r->email);
    free(r->orders);
    *r = (struct acme_registration){0};
}

/* contact: ["mailto:..."], or [] to remove it. */
static json_t *contact_of(const char *email)
{
    json_t *contact = json_new_array();
    if (email != NULL) {
        auto_free char *uri = x_printf(MAILTO "%s", email);
        json_push(contact, json_new_string(uri));
    }
    return contact;
}

/* The first contact's address; contacts of other kinds are not ours. */
static char *email_of(const json_t *body)
{
    const char *uri = JSTR(body, "contact", "0");
    if (uri == NULL || strlen(uri) > CONTACT_MAX || strncasecmp(uri, MAILTO, strlen(MAILTO)) != 0)
        return NULL;
    char *email = x_strdup(uri + strlen(MAILTO));
    str_sanitize(email);
    return email;
}

static struct err *not_valid(const char *url, const char *why)
{
    return err_new(ERR_DENIED, "AccountNotValid",
                   "the CA does not let the account%s%.200s of this key act any more (%s): use "
                   "another key",
                   url != NULL ? " " : "", str_or(url, ""), why);
}

static struct err *fill_registration(const struct acme_answer *a, struct acme_registration *r)
{
    if (a->location == NULL)
        return acme_invalid_answer("the answer has no Location, which is the account's URL");
    r->url = x_strdup(a->location);
    r->email = email_of(a->body);
    r->created = a->status == 201;
    TRY(acme_read_text(a->body, "orders", ACME_URL_MAX, &r->orders));
    TRY(acme_need_text(a->body, "status", ACME_STATUS_MAX, &r->status));
    return str_eq(r->status, "valid") ? NULL : not_valid(r->url, r->status);
}

static struct err *new_account(struct acme_ca *ca, struct pki_key *key, const json_t *payload,
                               struct acme_registration *ret_registration)
{
    AUTO(acme_directory_release) struct acme_directory d = {0};
    TRY(acme_ca_directory(ca, &d));
    const struct acme_account account = {.ca = ca, .key = key};
    AUTO(acme_answer_release) struct acme_answer a = {0};
    TRY(acme_post(&account, "newAccount", d.new_account, payload, &a));
    struct acme_registration r = {0};
    struct err *e = fill_registration(&a, &r);
    if (e == NULL)
        *ret_registration = r;
    else
        acme_registration_release(&r);
    return err_wrap(e, "newAccount");
}

/* The inner JWS: the account's public key, signed with what user and CA share. */
static struct err *bind(struct acme_ca *ca, const struct pki_key *key,
                        const struct acme_binding *binding, json_t *payload)
{
    AUTO(acme_directory_release) struct acme_directory d = {0};
    TRY(acme_ca_directory(ca, &d));
    json_auto_t *jwk = pki_jwk(key);
    auto_free char *text = NULL, *jws = NULL;
    TRY(json_to_string(jwk, INNER_MAX, &text));
    TRY(pki_jws_sign(&(struct pki_jws){.mac = &binding->mac,
                                       .kid = binding->key_id,
                                       .url = d.new_account,
                                       .payload = text},
                     &jws),
        "external account binding");
    json_t *inner = NULL;
    TRY(json_parse(jws, strlen(jws), &inner));
    json_put(payload, "externalAccountBinding", inner);
    return NULL;
}

struct err *acme_account_register(struct acme_ca *ca, struct pki_key *key, const char *email,
                                  const struct acme_binding *binding,
                                  struct acme_registration *ret_registration)
{
    json_auto_t *payload = json_build("{s:b}", "termsOfServiceAgreed", true);
    if (email != NULL)
        json_put(payload, "contact", contact_of(email));
    if (binding != NULL)
        TRY(bind(ca, key, binding, payload));
    return new_account(ca, key, payload, ret_registration);
}

struct err *acme_account_find(struct acme_ca *ca, struct pki_key *key,
                              struct acme_registration *ret_registration)
{
    json_auto_t *payload = json_build("{s:b}", "onlyReturnExisting", true);
    struct err *e = new_account(ca, key, payload, ret_registration);
    /* Section 7.3.6: nothing else is asked here that the CA could refuse. */
    if (e == NULL || !str_eq(e->reason, "Unauthorized"))
        return e;
    struct err *better = not_valid(NULL, e->message);
    err_free(e);
    return better;
}

struct err *acme_account_update(const struct acme_account *account, const char *email)
{
    json_auto_t *payload = json_new_object();
    json_put(payload, "contact", contact_of(email));
    AUTO(acme_answer_release) struct acme_answer a = {0};
    return acme_post(account, "account", account->url, payload, &a);
}

/* Who holds the new key says for which account it is and what the key was. */
static struct err *sign_change(const struct acme_account *account, const struct pki_key *new_key,
                               const char *url, json_t **ret_jws)
{
    json_auto_t *payload =
        json_build("{s:s,s:o}", "account", account->url, "oldKey", pki_jwk(account->key));
    auto_free char *text = NULL, *jws = NULL;
    TRY(json_to_string(payload, INNER_MAX, &text));
    TRY(pki_jws_sign(&(struct pki_jws){.key = new_key, .url = url, .payload = text}, &jws));
    return json_parse(jws, strlen(jws), ret_jws);
}

struct err *acme_account_change_key(const struct acme_account *account, struct pki_key *new_key)
{
    AUTO(acme_directory_release) struct acme_directory d = {0};
    TRY(acme_ca_directory(account->ca, &d));
    if (d.key_change == NULL)
        return err_new(ERR_INVALID, "NoKeyChange", "the CA offers no keyChange");
    json_auto_t *inner = NULL;
    TRY(sign_change(account, new_key, d.key_change, &inner), "keyChange");
    AUTO(acme_answer_release) struct acme_answer a = {0};
    return acme_post(account, "keyChange", d.key_change, inner, &a);
}

struct err *acme_account_deactivate(const struct acme_account *account)
{
    json_auto_t *payload = json_build("{s:s}", "status", "deactivated");
    AUTO(acme_answer_release) struct acme_answer a = {0};
    return acme_post(account, "account", account->url, payload, &a);
}
