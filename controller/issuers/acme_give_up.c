/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an account, when a person asks for it. */
#include "acme/account.h"
#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"
#include "issuers/acme_pass.h"

bool acme_is_given_up(const struct issuer *issuer)
{
    return str_eq(bind_map_get(&issuer->obj.meta.annotations, API_DEACTIVATE_ACCOUNT), "true");
}

/* By the key, not by the URL in the status: another key may be in the Secret by now. */
static struct err *deactivate(struct acme_pass *p)
{
    TRY(acme_keys_read(p->env, p->issuer, &p->keys),
        "the account cannot be deactivated without its key");
    TRY(acme_pass_connect(p));
    TRY(acme_rotation_settle(p));
    AUTO(acme_registration_release) struct acme_registration reg = {0};
    struct err *e = acme_account_find(p->ca, p->keys.key, &reg);
    if (e == NULL)
        e = acme_account_deactivate(
            &(struct acme_account){.ca = p->ca, .key = p->keys.key, .url = reg.url});
    if (!acme_account_is_gone(e))
        return e;
    err_free(e); /* somebody has done it already */
    return NULL;
}

/* An empty uri in the status says that it is done: nobody signs with that key any more. */
struct err *acme_give_up(struct acme_pass *p, struct issuer_readiness *ret_readiness)
{
    if (!str_empty(p->issuer->status.acme.uri))
        TRY(deactivate(p), "deactivating the account");
    ret_readiness->reason = "AccountDeactivated";
    ret_readiness->message =
        x_printf("The ACME account was given up, as the annotation " API_DEACTIVATE_ACCOUNT
                 " asks. To begin anew with another account, delete Secret %s/%s, then remove the "
                 "annotation",
                 issuer_secret_namespace(p->env, p->issuer), p->acme->private_key_secret_ref.name);
    ret_readiness->has_acme = true;
    return NULL;
}
