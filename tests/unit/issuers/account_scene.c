/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "account_scene.h"
#include "base/encode.h"
#include "base/mem.h"
#include "support/scripted_kube.h"

void subject_init(struct subject *s)
{
    *s = (struct subject){
        .acme = {.server = CA "/dir",
                 .email = "a@b.test",
                 .private_key_secret_ref = {.name = "account"}},
        .issuer = {.obj.meta = {.name = "ca", .namespace = "shop", .uid = "issuer"}},
    };
    s->issuer.spec.acme = &s->acme;
}

void adopt(struct subject *s, const struct issuer_readiness *r)
{
    s->issuer.status.acme = r->acme;
}

/* ---- the script ---- */

void plan_key(struct issuer_scene *s, const struct pki_key *key)
{
    auto_free char *secret = scene_key_secret(key, "tls.key");
    scripted_plan(&s->world, GET_KEY, 200, secret);
}

void plan_directory_meta(struct issuer_scene *s, const char *ca, const char *meta)
{
    auto_free char *get = x_printf("GET %s/dir", ca);
    auto_free char *terms = x_printf("{\"termsOfService\":\"%s/terms\"}", ca);
    auto_free char *body = x_printf("{\"newNonce\":\"%s/nonce\",\"newAccount\":\"%s/account\","
                                    "\"newOrder\":\"%s/order\",\"keyChange\":\"%s/key\","
                                    "\"meta\":%s}",
                                    ca, ca, ca, ca, meta != NULL ? meta : terms);
    scripted_plan_headers(&s->world, get, 200, JSON, body);
    auto_free char *head = x_printf("HEAD %s/nonce", ca);
    scripted_plan_headers(&s->world, head, 200, "replay-nonce: nonce-0123456789\n", "");
}

void plan_directory(struct issuer_scene *s, const char *ca)
{
    plan_directory_meta(s, ca, NULL);
}

void plan_account(struct issuer_scene *s, const char *ca, int status, const char *body)
{
    auto_free char *post = x_printf("POST %s/account", ca);
    auto_free char *headers =
        x_printf(JSON "location: %s/acct/1\nreplay-nonce: nonce-abcdefghij\n", ca);
    scripted_plan_headers(&s->world, post, status, headers, body);
}

json_t *payload(const struct issuer_scene *s, size_t i)
{
    json_auto_t *jws = scripted_json(&s->world, i);
    const char *text = JSTR(jws, "payload");
    auto_free char *raw = NULL;
    size_t len = 0;
    expect_ok(base64url_decode(text, strlen(text), &raw, &len));
    return parsed(raw);
}

void ensured(struct issuer_scene *s, const struct subject *x, struct issuer_readiness *r)
{
    issuer_readiness_release(r);
    expect_ok(acme_account_ensure(&s->env, &x->issuer, r));
    assert_true(r->ready);
}

void registered(struct issuer_scene *s, struct subject *x, const struct pki_key *key,
                struct issuer_readiness *r)
{
    plan_key(s, key);
    plan_directory(s, CA);
    plan_account(s, CA, 201, "{\"status\":\"valid\"}");
    ensured(s, x, r);
    adopt(x, r);
    assert_true(scripted_seen(&s->world, 1)->flags & HTTP_GUARDED);
}
