/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/account.h"

#include <stdlib.h>
#include <string.h>

#include "acme/internal.h"
#include "base/mem.h"
#include "base/str.h"

#define MAILTO "mailto:"
#define CONTACT_MAX 512

void acme_registration_release(struct acme_registration *r)
{
    free(r->url);
    free(r->status);
    free(r->email);
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

static struct err *fill_registration(const struct acme_answer *a, struct acme_registration *r)
{
    if (a->location == NULL)
        return acme_invalid_answer("the answer has no Location, which is the account's URL");
    r->url = x_strdup(a->location);
    r->email = email_of(a->body);
    r->created = a->status == 201;
    TRY(acme_need_text(a->body, "status", ACME_STATUS_MAX, &r->status));
    if (!str_eq(r->status, "valid"))
        return err_new(ERR_DENIED, "AccountNotValid",
                       "the account %.200s of this key is %s: use another key", r->url, r->status);
    return NULL;
}

struct err *acme_account_register(struct acme_ca *ca, struct pki_key *key, const char *email,
                                  struct acme_registration *ret_registration)
{
    AUTO(acme_directory_release) struct acme_directory d = {0};
    TRY(acme_ca_directory(ca, &d));
    json_auto_t *payload = json_build("{s:b}", "termsOfServiceAgreed", true);
    if (email != NULL)
        json_put(payload, "contact", contact_of(email));
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

struct err *acme_account_update(const struct acme_account *account, const char *email)
{
    json_auto_t *payload = json_new_object();
    json_put(payload, "contact", contact_of(email));
    AUTO(acme_answer_release) struct acme_answer a = {0};
    return acme_post(account, "account", account->url, payload, &a);
}
