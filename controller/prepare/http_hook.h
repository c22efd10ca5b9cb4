/* SPDX-License-Identifier: Apache-2.0 */
/* A prepare hook that is an HTTP call. */
#ifndef CERTROLL_PREPARE_HTTP_HOOK_H
#define CERTROLL_PREPARE_HTTP_HOOK_H

#include "api/issuer.h"
#include "base/list.h"
#include "kube/client.h"
#include "net/http.h"

#define PREPARE_HEADERS_LABEL "certroll.dev/prepare-headers"

/* What a hook is told; all borrowed. */
struct prepare_order {
    const char *ns;
    const char *name;
    const char *issuer;
    const char *secret_ns;       /* where the issuer's Secrets are */
    const struct strlist *names; /* all that are ordered */
};

/* One call; a 2xx is success. Blocks for spec->timeout (10 s unless set). ERR_INVALID
 * for headers that cannot be sent or a Secret without the label, ERR_TRANSIENT for what is not 2xx (reason HookFailed). */
struct err *prepare_http(struct kube_client *kube, const struct http_transport *t,
                         const struct stop *stop, const struct acme_prepare_http *spec,
                         const char *action, const struct prepare_order *order) MUST_CHECK;

#endif
