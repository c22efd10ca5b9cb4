/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/renewal_info.h"

#include <stdlib.h>
#include <string.h>

#include "acme/internal.h"
#include "base/mem.h"
#include "base/str.h"

#define BODY_MAX (64 * 1024)
#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

void acme_renewal_info_release(struct acme_renewal_info *i)
{
    free(i->explanation_url);
    *i = (struct acme_renewal_info){0};
}

bool acme_certificate_id_is_valid(const char *id)
{
    if (id == NULL || strlen(id) > ACME_CERTIFICATE_ID_MAX)
        return false;
    size_t key = strspn(id, BASE64URL);
    if (key == 0 || id[key] != '.')
        return false;
    const char *serial = id + key + 1;
    size_t len = strspn(serial, BASE64URL);
    return len > 0 && serial[len] == '\0';
}

/* It is shown to people, who may follow it: what is no web address is left out. */
static char *explanation(const json_t *body)
{
    const char *url = JSTR(body, "explanationURL");
    if (url == NULL || strlen(url) > ACME_URL_MAX ||
        !(str_starts(url, "https://") || str_starts(url, "http://")))
        return NULL;
    char *copy = x_strdup(url);
    str_sanitize(copy);
    return copy;
}

static struct err *read_info(const struct acme_reply *reply, struct acme_renewal_info *ret_info)
{
    const json_t *window = JGET(reply->json, "suggestedWindow");
    int64_t start = acme_read_time(window, "start");
    int64_t end = acme_read_time(window, "end");
    if (start == 0 || end == 0)
        return acme_invalid_answer("suggestedWindow is not two times");
    if (end <= start)
        return acme_invalid_answer("suggestedWindow ends before it starts");
    *ret_info = (struct acme_renewal_info){
        .start = start,
        .end = end,
        .explanation_url = explanation(reply->json),
        .retry_at = reply->retry_at,
    };
    return NULL;
}

struct err *acme_renewal_info_get(struct acme_ca *ca, const char *certificate_id,
                                  struct acme_renewal_info *ret_info)
{
    if (!acme_certificate_id_is_valid(certificate_id))
        return err_new(ERR_INVALID, "InvalidCertificateID", "the certificate has no usable name");
    AUTO(acme_directory_release) struct acme_directory d = {0};
    TRY(acme_ca_directory(ca, &d));
    if (d.renewal_info == NULL)
        return err_new(ERR_NOT_FOUND, "NotOffered", "the CA offers no renewal information");
    size_t base = strlen(d.renewal_info);
    const char *slash = base > 0 && d.renewal_info[base - 1] == '/' ? "" : "/";
    auto_free char *url = x_printf("%s%s%s", d.renewal_info, slash, certificate_id);
    const struct acme_request r = {
        .action = "renewalInfo", .method = "GET", .url = url, .max_body = BODY_MAX};
    AUTO(acme_reply_release) struct acme_reply reply = {0};
    TRY(acme_request_send(ca, &r, &reply));
    acme_nonce_put(ca, reply.nonce);
    TRY(acme_reply_error(ca, &r, &reply));
    return err_wrap(read_info(&reply, ret_info), "renewalInfo");
}

bool acme_renewal_info_is_temporary(const struct err *e)
{
    return e->http_status >= 500 || e->kind == ERR_RATE_LIMITED ||
           (e->http_status == 0 &&
            (str_eq(e->reason, "Timeout") || str_eq(e->reason, "ConnectionLost") ||
             str_eq(e->reason, "NotAnswering")));
}
