/* SPDX-License-Identifier: Apache-2.0 */
/* The selfSigned issuer: each certificate is signed by its own key. */
#include <string.h>

#include "api/certificate.h"
#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"
#include "issuers/issuer.h"
#include "kube/secret.h"
#include "pki/cert.h"

static bool configured(const struct issuer_spec *spec)
{
    return spec->self_signed != NULL;
}

static struct err *ensure_ready(const struct issuer_env *env, const struct issuer *issuer,
                                struct issuer_readiness *ret_readiness)
{
    (void)env;
    (void)issuer;
    ret_readiness->ready = true;
    ret_readiness->reason = "IsReady";
    ret_readiness->message = x_strdup("selfSigned needs nothing from outside");
    return NULL;
}

/* The key of a request that a person made is in the Secret that its annotation names, in its own
 * namespace. */
static struct err *key_from_annotation(const struct issuer_env *env,
                                       const struct certificate_request *request,
                                       struct pki_key **ret_key)
{
    if (certificate_request_is_preflight(request))
        return err_new(ERR_INVALID, "InvalidPreflight",
                       "a selfSigned issuer signs with the key of the request, which a preflight "
                       "does not keep: name the issuer of a CA");
    const char *annotation = api_names()->private_key_secret_name;
    const char *name = bind_map_get(&request->obj.meta.annotations, annotation);
    if (str_empty(name))
        return err_new(ERR_INVALID, "MissingAnnotation",
                       "a selfSigned request needs the annotation %s: the name of the Secret that "
                       "holds the private key under tls.key",
                       annotation);
    AUTO(secret_release) struct secret pem = {0};
    TRY(kube_secret_value(env->kube, request->obj.meta.namespace, name, "tls.key", &pem));
    return pki_key_parse(pem.data, pem.len, ret_key);
}

/* A restart took the key of a request that a Certificate made: that Certificate makes both anew. */
static bool key_is_lost(const struct issuance *issuance)
{
    const struct bind_map *annotations = &issuance->request->obj.meta.annotations;
    return issuance->certificate_uid != NULL &&
           str_empty(bind_map_get(annotations, api_names()->private_key_secret_name));
}

/* No key and no error: it is lost. */
static struct err *find_key(const struct issuer_env *env, const struct issuance *issuance,
                            struct pki_key **ret_key)
{
    if (issuance->certificate_uid != NULL) {
        *ret_key = keyring_get(env->keyring, issuance->certificate_uid, issuance->revision);
        if (*ret_key != NULL || key_is_lost(issuance))
            return NULL;
    }
    return key_from_annotation(env, issuance->request, ret_key);
}

static struct strlist borrowed_list(const struct bind_strings *s)
{
    struct strlist l = {0};
    for (size_t i = 0; i < s->len; i++)
        strlist_add(&l, s->items[i]);
    return l;
}

static struct err *issue(const struct issuer_env *env, const struct issuance *issuance,
                         struct issuance_result *ret_result)
{
    AUTO_KEY key = NULL;
    TRY(find_key(env, issuance, &key));
    if (key == NULL) {
        ret_result->state = ISSUANCE_PENDING;
        ret_result->message = x_strdup("Waiting for the Certificate to make its key anew");
        return NULL;
    }
    if (!pki_csr_is_for(issuance->csr, key)) {
        ret_result->state = ISSUANCE_FAILED;
        ret_result->message = x_strdup("the private key does not belong to the request");
        return NULL;
    }
    const struct certificate_request_spec *spec = &issuance->request->spec;
    AUTO(pki_usages_release) struct pki_usages usages = {0};
    TRY(pki_usages_build(&spec->usages, spec->is_ca, &usages), "spec.usages");
    AUTO(strlist_release)
    struct strlist crl =
        borrowed_list(&issuance->issuer->spec.self_signed->crl_distribution_points);
    int64_t now = clock_wall(env->clock);
    int64_t end;
    if (__builtin_add_overflow(now, issuance->duration, &end))
        end = INT64_MAX; /* in 2262 */
    const struct pki_self_sign_spec sign = {
        .csr = issuance->csr,
        .key = key,
        .usages = &usages,
        .is_ca = spec->is_ca,
        .not_before = now,
        .not_after = end,
        .crl_distribution_points = &crl,
    };
    TRY(pki_cert_self_sign(&sign, &ret_result->chain_pem));
    ret_result->ca_pem = x_strdup(ret_result->chain_pem);
    ret_result->state = ISSUANCE_ISSUED;
    ret_result->message = x_strdup("Certificate signed by its own key");
    return NULL;
}

const struct issuer_driver issuer_driver_selfsigned = {
    .name = "selfSigned",
    .in_process = true,
    .configured = configured,
    .ensure_ready = ensure_ready,
    .issue = issue,
};
