/* SPDX-License-Identifier: Apache-2.0 */
/* A Kubernetes Status (API conventions, "Response Status Kind") becomes an error here, nowhere
 * else. */
#ifndef CERTROLL_KUBE_STATUS_H
#define CERTROLL_KUBE_STATUS_H

#include <stdint.h>

#include "base/err.h"
#include "json/json.h"

/* Never NULL. Kinds as in kube/client.h; the error's http_status is set. what: what was asked for,
 * for the message. status: the parsed body, NULL when there was none; its reason is kept when it
 * is a CamelCase word, with ResourceVersionTooLarge lifted from the causes; its message is quoted.
 * retry_at: wall ns from Retry-After, 0 = none. */
struct err *kube_status_error(const char *what, int http_status, const json_t *status,
                              int64_t retry_at) MUST_CHECK;

#endif
