/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "api/group.h"
#include "api/kinds.h"
#include "base/encode.h"
#include "base/mem.h"
#include "support/scripted_kube.h"

void scene_prepare(void)
{
    json_room_init();
    pki_init();
    expect_ok(api_init(API_DEFAULT_GROUP));
}

void scene_open(struct issuer_scene *s)
{
    scripted_init(&s->world);
    clock_manual_init(&s->hands, SCENE_NOW);
    struct kube_client *kube = scripted_kube(&s->world);
    s->env = (struct issuer_env){
        .clock = &s->hands.clock,
        .rng = rng_system(),
        .kube = kube,
        .outside = &s->world.transport,
        .orders = {.client = kube, .cache = cache_new(&kind_order)},
        .keyring = keyring_new(),
        .accounts = acme_accounts_new(),
        .cluster_resource_namespace = "certroll",
    };
    cache_replace_begin(s->env.orders.cache);
    cache_replace_end(s->env.orders.cache, "1");
}

void scene_close(struct issuer_scene *s)
{
    cache_free(s->env.orders.cache);
    keyring_free(s->env.keyring);
    acme_accounts_free(s->env.accounts);
    kube_client_free(s->env.kube);
    scripted_finish(&s->world);
}

const void *scene_object(const struct kube_kind *kind, const char *text)
{
    json_auto_t *json = parsed(text);
    const void *object = NULL;
    expect_ok(object_decode(kind, json, &object));
    return object;
}

void scene_put(struct cache *c, const char *text)
{
    cache_put(c, scene_object(cache_kind(c), text));
}

struct pki_key *scene_key(void)
{
    struct pki_key *key = NULL;
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}, &key));
    return key;
}

struct pki_csr scene_csr(struct pki_names *names, const struct pki_key *key, bool is_ca)
{
    auto_free char *pem = NULL;
    struct pki_csr csr = {0};
    expect_ok(pki_names_normalize(names));
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = names, .is_ca = is_ca}, key, &pem));
    expect_ok(pki_csr_parse(pem, strlen(pem), &csr));
    pki_names_release(names);
    return csr;
}

char *scene_key_secret(const struct pki_key *key, const char *data_key)
{
    AUTO(secret_release) struct secret pem = {0};
    expect_ok(pki_key_pem(key, PKI_PKCS8, &pem));
    auto_free char *text = base64_encode(pem.data, pem.len);
    return x_printf("{\"metadata\":{\"name\":\"k\"},\"data\":{\"%s\":\"%s\"}}", data_key, text);
}
