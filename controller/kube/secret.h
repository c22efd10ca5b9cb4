/* SPDX-License-Identifier: Apache-2.0 */
/* Single data keys of Secrets, read when needed and wiped after. */
#ifndef CERTROLL_KUBE_SECRET_H
#define CERTROLL_KUBE_SECRET_H

#include "base/secret.h"
#include "kube/client.h"

#define KUBE_SECRET_VALUE_MAX (1024 * 1024)

extern const struct kube_resource res_secret;

/* The decoded value of data[key] of a Secret's JSON: ERR_NOT_FOUND, reason MissingData, when it
 * has no such key or it is empty. Release with secret_release(). */
struct err *secret_json_value(const json_t *secret, const char *key, struct secret *ret_value)
    MUST_CHECK;

/* GET and secret_json_value(): ERR_NOT_FOUND also when there is no such Secret. */
struct err *kube_secret_value(struct kube_client *c, const char *ns, const char *name,
                              const char *key, struct secret *ret_value) MUST_CHECK;

/* Puts base64 of len bytes under data[key] of an object under construction. */
void secret_json_put(json_t *data, const char *key, const void *value, size_t len);

#endif
