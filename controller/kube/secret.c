/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/secret.h"

#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"

#define BASE64_MAX ((KUBE_SECRET_VALUE_MAX + 2) / 3 * 4)

const struct kube_resource res_secret = {"", "v1", "secrets", "Secret", true};

struct err *secret_json_value(const json_t *secret, const char *key, struct secret *ret_value)
{
    char object[KUBE_KEY_MAX];
    object_key(JSTR(secret, "metadata", "namespace"), str_or(JSTR(secret, "metadata", "name"), ""),
               object);
    const char *text = JSTR(secret, "data", key);
    if (str_empty(text))
        return err_new(ERR_NOT_FOUND, "MissingData", "Secret %s has no value under data[\"%s\"]",
                       object, key);
    size_t len = strlen(text);
    if (len > BASE64_MAX)
        return err_new(ERR_INVALID, "TooLarge", "Secret %s: data[\"%s\"] is over %d bytes", object,
                       key, KUBE_SECRET_VALUE_MAX);
    char *raw = NULL;
    size_t raw_len = 0;
    TRY(base64_decode(text, len, &raw, &raw_len), "Secret %s: data[\"%s\"]", object, key);
    *ret_value = secret_copy(raw, raw_len);
    x_wipe_free(raw, raw_len);
    return NULL;
}

struct err *kube_secret_value(struct kube_client *c, const char *ns, const char *name,
                              const char *key, struct secret *ret_value)
{
    const struct kube_ref ref = {.res = &res_secret, .ns = ns, .name = name};
    json_auto_t *secret = NULL;
    TRY(kube_get(c, &ref, KUBE_SECRET, &secret));
    return secret_json_value(secret, key, ret_value);
}

void secret_json_put(json_t *data, const char *key, const void *value, size_t len)
{
    char *text = base64_encode(value, len);
    json_put_str(data, key, text);
    x_wipe_free(text, strlen(text));
}
