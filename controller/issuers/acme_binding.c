/* SPDX-License-Identifier: Apache-2.0 */
#include "issuers/acme_binding.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/secret.h"

#define TEXT_MAX 1024 /* the keys of CAs have 32 to 64 bytes */
#define FIELD "spec.acme.externalAccountBinding"

void acme_issuer_binding_release(struct acme_issuer_binding *b)
{
    secret_release(&b->mac_key);
    *b = (struct acme_issuer_binding){0};
}

/* Without what may stand behind the characters that count. */
static size_t trimmed(const char *text, size_t len, const char *tail)
{
    while (len > 0 && strchr(tail, text[len - 1]) != NULL && text[len - 1] != '\0')
        len--;
    return len;
}

/* CAs hand the key out in base64url without padding; people paste what their tools made of it. */
static struct err *decode(const struct secret *text, struct secret *ret_key)
{
    size_t len = trimmed(text->data, text->len, " \t\r\n");
    len = trimmed(text->data, len, "=");
    if (len == 0 || len > TEXT_MAX)
        return err_new(ERR_INVALID, "InvalidKey", "a MAC key has 1 to %d characters", TEXT_MAX);
    AUTO(secret_release) struct secret url = secret_copy(text->data, len);
    bool plain = memchr(url.data, '+', len) != NULL || memchr(url.data, '/', len) != NULL;
    for (size_t i = 0; plain && i < len; i++) {
        if (url.data[i] == '-' || url.data[i] == '_')
            url.data[i] = '?'; /* one alphabet or the other */
        else if (url.data[i] == '+' || url.data[i] == '/')
            url.data[i] = url.data[i] == '+' ? '-' : '_';
    }
    char *raw = NULL;
    size_t raw_len = 0;
    TRY(base64url_decode(url.data, len, &raw, &raw_len), "write the key as the CA shows it, in "
                                                         "base64url or base64");
    *ret_key = secret_copy(raw, raw_len);
    x_wipe_free(raw, raw_len);
    return NULL;
}

static int bits_of(const char *algorithm)
{
    if (str_eq(algorithm, "HS384"))
        return 384;
    return str_eq(algorithm, "HS512") ? 512 : 256;
}

struct err *acme_binding_read(const struct issuer_env *env, const struct issuer *issuer,
                              struct acme_issuer_binding *ret_binding)
{
    const struct acme_external_account *x = issuer->spec.acme->external_account_binding;
    if (x == NULL)
        return NULL;
    const char *ns = issuer_secret_namespace(env, issuer);
    const struct secret_key_selector *ref = &x->key_secret_ref;
    AUTO(secret_release) struct secret text = {0};
    TRY(kube_secret_value(env->kube, ns, ref->name, str_or(ref->key, ""), &text),
        FIELD ".keySecretRef: put the MAC key of the CA into Secret %s/%s", ns, ref->name);
    TRY(decode(&text, &ret_binding->mac_key), FIELD ".keySecretRef, Secret %s/%s, data[\"%s\"]", ns,
        ref->name, str_or(ref->key, ""));
    ret_binding->binding = (struct acme_binding){
        .key_id = x->key_id,
        .mac = {bits_of(x->key_algorithm), ret_binding->mac_key.data, ret_binding->mac_key.len},
    };
    return NULL;
}
