/* SPDX-License-Identifier: Apache-2.0 */
/* The step Revoked: the wish of the annotation certroll.dev/revoke, on its way into status and to the CA. */
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcilers/certificate.h"
#include "reconcilers/revocation.h"

#define REQUEST_MAX 256

/* The serial number of what the Secret holds, from its name for renewal information; "" when unknown. */
static void held_serial(const struct certificate_pass *p, char out[REVOCATION_SERIAL_MAX])
{
    const char *dot = strchr(held_certificate_id(p), '.');
    auto_free char *octets = NULL;
    size_t len = 0;
    out[0] = '\0';
    if (dot == NULL)
        return;
    AUTO_ERR unreadable = base64url_decode(dot + 1, strlen(dot + 1), &octets, &len);
    if (unreadable != NULL)
        return;
    size_t zeros = 0;
    while (zeros + 1 < len && octets[zeros] == '\0')
        zeros++;
    auto_free char *hex = hex_encode(octets + zeros, len - zeros);
    str_copy(out, REVOCATION_SERIAL_MAX, hex);
}

static void settle(struct certificate_pass *p, const char *message)
{
    struct certificate_revocation *r = &p->status.revocation;
    r->time = p->now - p->now % NS_PER_SEC;
    free(p->revocation_message);
    p->revocation_message = str_empty(message) ? NULL : x_strdup(message);
    if (p->revocation_message != NULL && strlen(message) > CONDITION_MESSAGE_MAX)
        p->revocation_message[utf8_cut(message, CONDITION_MESSAGE_MAX)] = '\0';
    r->message = p->revocation_message;
    bool done = r->message == NULL;
    auto_free char *note =
        done ? x_printf("Certificate %s was revoked: %s", r->serial_number, r->reason)
             : x_printf("Not revoked: %s", r->message);
    env_event(p->env, &kind_certificate, p->crt, !done, done ? "Revoked" : "RevocationFailed",
              note);
}

/* Revoked once is revoked for good, and for the reason that the CA has: it is not asked again, as its answer could only
 * make that forgotten. True when this wish, too, is about that certificate. */
static bool is_done_already(const struct certificate_pass *p)
{
    const struct certificate_revocation *was = &p->crt->status.revocation;
    return was->time != 0 && str_empty(was->message) && !str_empty(was->serial_number) &&
           str_eq(was->serial_number, p->revocation.serial);
}

/* The wish is bound to a serial number before the CA hears of it: a new certificate that comes in between is not
 * meant. */
static void accept_wish(struct certificate_pass *p, const char *wish)
{
    struct certificate_revocation *r = &p->status.revocation;
    memo_drop(p->env->revoked, p->crt->obj.meta.uid);
    *r = (struct certificate_revocation){.request = wish};
    AUTO_ERR bad = revocation_request_parse(wish, &p->revocation);
    if (bad == NULL && p->revocation.serial[0] == '\0')
        held_serial(p, p->revocation.serial);
    if (bad == NULL && p->revocation.serial[0] == '\0')
        bad = err_new(ERR_INVALID, "NotRevocable",
                      "Secret %s holds no certificate of an ACME issuer", p->crt->spec.secret_name);
    if (bad != NULL) {
        settle(p, bad->message);
        return;
    }
    if (is_done_already(p)) {
        *r = p->crt->status.revocation;
        r->request = wish;
        return;
    }
    r->reason = revocation_reason_name(p->revocation.reason);
    r->serial_number = p->revocation.serial;
    p->next = p->now; /* once that is written */
}

static void follow_wish(struct certificate_pass *p)
{
    const struct object_meta *meta = &p->crt->obj.meta;
    auto_free char *end = revocation_end(p->env, p->crt);
    if (end == NULL)
        controller_enqueue(p->env->controllers.revocation, meta->namespace, meta->name);
    else
        settle(p, end);
}

/* An annotation may be longer than anything that makes sense, and than what status takes. */
static char *wish_of(const struct certificate *crt)
{
    const char *text = str_or(bind_map_get(&crt->obj.meta.annotations, API_REVOKE), "");
    size_t len = strnlen(text, REQUEST_MAX + 1);
    return x_strndup(text, len > REQUEST_MAX ? utf8_cut(text, REQUEST_MAX) : len);
}

struct err *ensure_revoked(struct certificate_pass *p)
{
    const struct certificate_revocation *was = &p->crt->status.revocation;
    p->revocation_request = wish_of(p->crt);
    const char *wish = p->revocation_request;
    const char *only = bind_map_get(&p->crt->obj.meta.annotations, API_REVOKE_ONLY);
    if (*wish != '\0' && !str_eq(wish, was->request))
        accept_wish(p, wish);
    else if (revocation_is_open(p->crt))
        follow_wish(p);
    else if (was->time != 0)
        memo_drop(p->env->revoked, p->crt->obj.meta.uid);
    /* Only what is in status already counts: else a crash might find the next certificate under the wish. */
    char serial[REVOCATION_SERIAL_MAX];
    held_serial(p, serial);
    p->revoked = was->time != 0 && str_empty(was->message) && str_eq(was->serial_number, serial);
    if (p->revoked && p->violation.reason == NULL)
        pass_violation(p, "Revoked", "The certificate in Secret %s is revoked: %s",
                       p->crt->spec.secret_name, str_or(was->reason, "no reason"));
    if (p->revoked && str_eq(only, "true"))
        pass_wait(p, 0, "the annotation " API_REVOKE_ONLY " to go: the certificate is revoked");
    return NULL;
}
