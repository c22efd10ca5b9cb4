/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_issued.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "pki/cert.h"
#include "sim/sim.h"
#include "sim/sim_pki.h"

void issued_release(struct issued_list *l)
{
    for (size_t i = 0; i < l->len; i++) {
        free(l->items[i].id);
        free(l->items[i].der);
    }
    free(l->items);
    *l = (struct issued_list){0};
}

/* Owned; NULL for what is no certificate. */
static char *der_of(const char *pem)
{
    auto_free unsigned char *der = NULL;
    size_t len = 0;
    AUTO_ERR e = pki_cert_der(pem, strlen(pem), &der, &len);
    return e == NULL ? base64url_encode(der, len) : NULL;
}

void issued_add(struct issued_list *l, const char *pem, size_t account, int64_t renew_at,
                int64_t window)
{
    l->items = x_realloc(l->items, (l->len + 1) * sizeof(*l->items));
    l->items[l->len++] = (struct issued){.id = sim_pki_renewal_id(pem),
                                         .der = der_of(pem),
                                         .account = account,
                                         .renew_at = renew_at,
                                         .window = window};
}

static struct issued *find(const struct issued_list *l, const char *id, const char *der)
{
    for (size_t i = 0; i < l->len; i++)
        if ((id != NULL && str_eq(l->items[i].id, id)) ||
            (der != NULL && str_eq(l->items[i].der, der)))
            return &l->items[i];
    return NULL;
}

json_t *issued_window(const struct issued_list *l, const char *id)
{
    const struct issued *i = find(l, id, NULL);
    char start[RFC3339_MAX], end[RFC3339_MAX];
    if (i == NULL)
        return NULL;
    rfc3339_format(i->renew_at, start);
    rfc3339_format(i->renew_at + i->window, end);
    return json_build("{s:{s:s,s:s}}", "suggestedWindow", "start", start, "end", end);
}

void issued_hurry(struct issued_list *l, int64_t renew_at)
{
    for (size_t i = 0; i < l->len; i++)
        l->items[i].renew_at = renew_at;
}

const char *issued_replace(struct issued_list *l, const char *id, size_t account)
{
    struct issued *i = find(l, id, NULL);
    if (id == NULL)
        return NULL;
    if (i == NULL || i->account != account)
        return "unauthorized";
    if (i->replaced)
        return "alreadyReplaced";
    i->replaced = true;
    return NULL;
}

const char *issued_revoke(struct issued_list *l, const char *der, size_t account, int64_t renew_at)
{
    struct issued *i = find(l, NULL, der);
    if (i == NULL)
        return "malformed";
    if (account != ISSUED_TO_KEY && i->account != account)
        return "unauthorized";
    if (i->revoked)
        return "alreadyRevoked";
    i->revoked = true;
    i->renew_at = renew_at;
    return NULL;
}

static const struct issued *find_pem(const struct issued_list *l, const char *pem)
{
    auto_free char *der = der_of(pem);
    return der != NULL ? find(l, NULL, der) : NULL;
}

int64_t issued_renew_at(const struct issued_list *l, const char *pem)
{
    const struct issued *i = find_pem(l, pem);
    return i != NULL ? i->renew_at : SIM_NEVER;
}

bool issued_is_revoked(const struct issued_list *l, const char *pem)
{
    const struct issued *i = find_pem(l, pem);
    return i != NULL && i->revoked;
}

size_t issued_account(const struct issued_list *l, const char *pem)
{
    const struct issued *i = find_pem(l, pem);
    return i != NULL ? i->account : SIZE_MAX;
}

int64_t issued_window_length(const struct issued_list *l, const char *pem)
{
    const struct issued *i = find_pem(l, pem);
    return i != NULL ? i->window : 0;
}
