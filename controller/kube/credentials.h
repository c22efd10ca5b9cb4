/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are to the API server, kept fresh: the token file is read again every minute and after a
 * 401, the CA file when it changes. Thread-safe.
 */
#ifndef CERTROLL_KUBE_CREDENTIALS_H
#define CERTROLL_KUBE_CREDENTIALS_H

#include "base/clock.h"
#include "kube/config.h"
#include "net/http.h"

struct credentials;
struct err *credentials_new(const struct kube_config *config, const struct clock *clock,
                            struct credentials **ret_credentials) MUST_CHECK;
void credentials_free(struct credentials *c);
/* "Bearer ...", or NULL when there is no token; owned, to be wiped. */
char *credentials_authorization(struct credentials *c);
/* The server said 401: the token is read again before the next use. */
void credentials_refused(struct credentials *c);
/* Valid for a quarter of an hour at least, longer than a request or a watch takes; then a CA that
 * was replaced goes. */
const struct http_tls *credentials_tls(struct credentials *c);

#endif
