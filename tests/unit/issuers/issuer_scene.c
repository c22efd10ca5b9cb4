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
#include "api/order.h"
#include "api/tls_secret.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "support/scripted_kube.h"

void scene_prepare(void)
{
    json_room_init();
    pki_init();
    expect_ok(api_init(API_DEFAULT_GROUP));
}

/* As reconcilers/indexes.c has them. */
static void order_issuer(const void *object, void (*emit)(void *arg, const char *value), void *arg)
{
    const struct order *o = object;
    bool cluster = str_eq(issuer_ref_kind(&o->spec.issuer_ref), "ClusterIssuer");
    auto_free char *key =
        x_printf("%s/%s", cluster ? "" : o->obj.meta.namespace, o->spec.issuer_ref.name);
    emit(arg, key);
}

static void issuer_secret(const void *object, void (*emit)(void *arg, const char *value), void *arg)
{
    const struct issuer *i = object;
    char key[KUBE_KEY_MAX];
    object_key(str_or(i->obj.meta.namespace, ""), i->spec.acme->private_key_secret_ref.name, key);
    emit(arg, key);
}

static struct store scene_store(struct kube_client *kube, const struct kube_kind *kind)
{
    return (struct store){.client = kube, .cache = cache_new(kind)};
}

static void fill_empty(struct cache *c)
{
    cache_replace_begin(c);
    cache_replace_end(c, "1");
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
        .secrets = scene_store(kube, &kind_secret),
        .orders = scene_store(kube, &kind_order),
        .issuers = scene_store(kube, &kind_issuer),
        .cluster_issuers = scene_store(kube, &kind_cluster_issuer),
        .keyring = keyring_new(),
        .accounts = acme_accounts_new(),
        .cluster_resource_namespace = "certroll",
    };
    s->env.orders_by_issuer = cache_add_index(s->env.orders.cache, order_issuer);
    s->env.issuers_by_secret = cache_add_index(s->env.issuers.cache, issuer_secret);
    s->env.cluster_issuers_by_secret = cache_add_index(s->env.cluster_issuers.cache, issuer_secret);
    fill_empty(s->env.secrets.cache);
    fill_empty(s->env.orders.cache);
    fill_empty(s->env.issuers.cache);
    fill_empty(s->env.cluster_issuers.cache);
}

void scene_close(struct issuer_scene *s)
{
    cache_free(s->env.secrets.cache);
    cache_free(s->env.orders.cache);
    cache_free(s->env.issuers.cache);
    cache_free(s->env.cluster_issuers.cache);
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
    return x_printf(
        "{\"metadata\":{\"name\":\"k\",\"resourceVersion\":\"2\"},\"data\":{\"%s\":\"%s\"}}",
        data_key, text);
}
