/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/revoke.h"

#include "acme/internal.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"

struct err *acme_revoke(const struct acme_account *signer, const void *der, size_t len, int reason)
{
    AUTO(acme_directory_release) struct acme_directory d = {0};
    TRY(acme_ca_directory(signer->ca, &d));
    if (d.revoke_cert == NULL)
        return err_new(ERR_INVALID, "NotOffered", "the CA's directory has no revokeCert");
    auto_free char *certificate = base64url_encode(der, len);
    json_auto_t *payload = json_build("{s:s,s:i}", "certificate", certificate, "reason", reason);
    AUTO(acme_answer_release) struct acme_answer a = {0};
    struct err *e = acme_post(signer, "revokeCert", d.revoke_cert, payload, &a);
    if (e == NULL || !str_eq(e->reason, "AlreadyRevoked"))
        return e;
    err_free(e);
    return NULL;
}
