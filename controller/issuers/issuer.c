/* SPDX-License-Identifier: Apache-2.0 */
#include "issuers/issuer.h"

#include <stdlib.h>

#include "base/str.h"
#include "issuers_registry.inc"

const struct issuer_driver *const issuer_drivers[] = {
#define X(driver) &driver,
#include "issuers_registry.inc"
#undef X
    NULL,
};

void issuance_result_release(struct issuance_result *r)
{
    free(r->message);
    free(r->chain_pem);
    free(r->ca_pem);
    *r = (struct issuance_result){0};
}

void issuer_readiness_release(struct issuer_readiness *r)
{
    free(r->message);
    free((char *)(uintptr_t)r->acme.uri);
    free((char *)(uintptr_t)r->acme.last_registered_email);
    free((char *)(uintptr_t)r->acme.last_private_key_hash);
    free((char *)(uintptr_t)r->acme.thumbprint);
    free((char *)(uintptr_t)r->acme.terms_of_service);
    free((char *)(uintptr_t)r->acme.key_rotation);
    *r = (struct issuer_readiness){0};
}

const struct issuer_driver *issuer_driver_of(const struct issuer_spec *spec)
{
    for (size_t i = 0; issuer_drivers[i] != NULL; i++)
        if (issuer_drivers[i]->configured(spec))
            return issuer_drivers[i];
    return NULL;
}

const char *issuer_secret_namespace(const struct issuer_env *env, const struct issuer *issuer)
{
    return str_or(issuer->obj.meta.namespace, env->cluster_resource_namespace);
}
