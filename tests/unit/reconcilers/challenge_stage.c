/* SPDX-License-Identifier: Apache-2.0 */
#include "challenge_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "reconcilers/challenge.h"
#include "reconcilers/challenge_record.h"
#include "support/scripted_kube.h"

#define TOKEN "0123456789abcdef"
#define SOLVERS                                                                                    \
    ",\"solvers\":[{\"dns01\":{\"cloudflare\":{\"apiTokenSecretRef\":{\"name\":\"cf\",\"key\":"    \
    "\"token\"}}}}]"

char *challenge_text(int version, const char *meta, const char *status)
{
    return x_printf(
        "{\"metadata\":{\"name\":\"c\",\"namespace\":\"shop\",\"uid\":\"c\",\"resourceVersion\":"
        "\"%d\"%s,\"ownerReferences\":[{\"apiVersion\":\"acme.certroll.dev/v1\",\"kind\":\"Order\","
        "\"name\":\"o\",\"uid\":\"o\",\"controller\":true}]},\"spec\":{\"url\":\"" ACME_CA
        "/chall/1\",\"authorizationURL\":\"" ACME_CA
        "/authz/1\",\"dnsName\":\"a.test\",\"wildcard\":"
        "true,\"type\":\"DNS-01\",\"token\":\"" TOKEN
        "\",\"key\":\"k\",\"solver\":{},\"issuerRef\":"
        "{\"name\":\"acme\"}},\"status\":{%s}}",
        version, meta, status);
}

char *record_text(const char *value)
{
    return x_printf("\"state\":\"pending\",\"processing\":true,\"dns01\":{\"name\":\"" RECORD
                    "\",\"zone\":\"a.test\",\"value\":\"%s\",\"provider\":\"cloudflare\",\"since\":"
                    "\"2026-01-01T00:00:00Z\"}",
                    value);
}

void put_challenge(struct stage *t, int version, const char *meta, const char *status)
{
    auto_free char *text = challenge_text(version, meta, status);
    scene_put(&t->s.env->challenges, text);
}

void put_another(struct stage *t, const char *meta, const char *status)
{
    auto_free char *text = x_printf(
        "{\"metadata\":{\"name\":\"d\",\"namespace\":\"shop\",\"uid\":\"d\",\"resourceVersion\":"
        "\"2\"%s},\"spec\":{\"url\":\"" ACME_CA "/chall/1\",\"authorizationURL\":\"" ACME_CA
        "/authz/1\",\"dnsName\":\"a.test\",\"wildcard\":true,\"type\":\"DNS-01\",\"token\":\"" TOKEN
        "\",\"key\":\"k\",\"solver\":{},\"issuerRef\":{\"name\":\"acme\"}},\"status\":{%s}}",
        meta, status);
    scene_put(&t->s.env->challenges, text);
}

void put_order(struct stage *t, int version, const char *status)
{
    auto_free char *text = x_printf(
        "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\",\"resourceVersion\":"
        "\"%d\",\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":"
        "\"CertificateRequest\",\"name\":\"web-1\",\"uid\":\"r\",\"controller\":true}]},\"spec\":{"
        "\"request\":\"Q1NS\",\"dnsNames\":[\"*.a.test\"],\"issuerRef\":{\"name\":\"acme\"}},"
        "\"status\":{\"url\":\"" ACME_CA "/order/1\",\"authorizations\":[{\"url\":\"" ACME_CA
        "/authz/1\"}]%s}}",
        version, status);
    scene_put(&t->s.env->orders, text);
}

void stage_open(struct stage *t)
{
    stage_open_solvers(t, SOLVERS);
}

void stage_open_solvers(struct stage *t, const char *solvers)
{
    *t = (struct stage){0};
    scene_open(&t->s);
    scripted_zones_init(&t->net);
    scripted_zones_zone(&t->net, "a.test", "ns1.a.test", "192.0.2.1");
    t->s.dns.transport = t->net.transport;
    acme_scene_issuer(&t->s, solvers);
    put_order(t, 2, "");
    scene_put(&t->s.env->requests,
              "{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"r\","
              "\"resourceVersion\":\"2\"},\"spec\":{\"request\":\"Q1NS\",\"issuerRef\":{\"name\":"
              "\"acme\"}}}");
}

void stage_close(struct stage *t)
{
    free(t->value);
    scene_close(&t->s);
}
void reconcile(struct stage *t)
{
    static const struct object_name name = {.ns = "shop", .name = "c"};
    t->next = 0;
    expect_ok(challenge_reconcile((void *)(uintptr_t)t->s.env, &name, &t->next));
}

/* ---- what the world says ---- */

void plan_authz(struct stage *t, const char *status)
{
    auto_free char *body =
        x_printf("{\"status\":\"%s\",\"wildcard\":true,\"identifier\":{\"type\":\"dns\",\"value\":"
                 "\"a.test\"},\"challenges\":[{\"type\":\"http-01\",\"url\":\"" ACME_CA
                 "/chall/0\",\"token\":\"" TOKEN
                 "\",\"status\":\"%s\"},{\"type\":\"dns-01\",\"url\":\"" ACME_CA
                 "/chall/1\",\"token\":\"" TOKEN "\",\"status\":\"%s\"}]}",
                 status, status, status);
    acme_scene_post(&t->s, "/authz/1", 200, "", body);
}

void plan_status(struct stage *t, int version, const char *status)
{
    auto_free char *text = challenge_text(version, FINALIZERS, status);
    scripted_plan(&t->s.world, "PUT " CHALLENGE "/status", 200, text);
}

void plan_secret(struct stage *t)
{
    scripted_plan(&t->s.world, SECRET, 200, "{\"data\":{\"token\":\"c2VjcmV0Cg==\"}}");
}

void plan_present(struct stage *t, int status)
{
    plan_secret(t);
    scripted_plan(&t->s.world, "GET " API "/zones", 200,
                  "{\"success\":true,\"result\":[{\"id\":\"z1\",\"name\":\"a.test\",\"status\":"
                  "\"active\"}],\"result_info\":{\"total_pages\":1}}");
    scripted_plan(&t->s.world, "POST " API "/zones/z1/dns_records", status,
                  "{\"success\":true,\"result\":{\"id\":\"r1\"}}");
}

void plan_clean_up(struct stage *t, int status)
{
    auto_free char *records = x_printf("{\"success\":true,\"result\":[{\"id\":\"r1\",\"content\":"
                                       "\"\\\"%s\\\"\"}],\"result_info\":{\"total_pages\":1}}",
                                       t->value);
    scripted_plan(&t->s.world, "GET " API "/zones/z1/dns_records", status, records);
    if (status == 200)
        scripted_plan(&t->s.world, "DELETE " API "/zones/z1/dns_records/r1", 200,
                      "{\"success\":true,\"result\":{\"id\":\"r1\"}}");
}

void plan_let_go(struct stage *t, int version, const char *meta, const char *status)
{
    auto_free char *text = challenge_text(version, meta, status);
    scripted_plan(&t->s.world, "PATCH " CHALLENGE, 200, text);
}

json_t *written(struct stage *t)
{
    json_auto_t *body = scripted_json(&t->s.world, t->s.world.done - 1);
    return json_incref(JGET(body, "status"));
}

void remove_issuer(struct stage *t)
{
    AUTO_OBJECT(struct issuer) issuer = cache_peek(t->s.env->issuers.cache, "shop", "acme");
    cache_delete(t->s.env->issuers.cache, issuer);
}

void turn_page(struct stage *t)
{
    scripted_finish(&t->s.world);
    scripted_init(&t->s.world);
}

void keep_written(struct stage *t, int version)
{
    json_auto_t *status = written(t);
    auto_free char *text = NULL;
    expect_ok(json_to_string(status, 8192, &text));
    text[strlen(text) - 1] = '\0';
    put_challenge(t, version, FINALIZERS, text + 1);
}

void plan_read_again(struct stage *t)
{
    AUTO_OBJECT(struct challenge) c = cache_peek(t->s.env->challenges.cache, "shop", "c");
    const struct challenge_pass p = {.env = t->s.env, .challenge = c};
    if (clock_wall(&t->s.hands.clock) - challenge_noted(&p, NOTE_READ).time >= NS_PER_MIN)
        plan_authz(t, "pending");
}

/* ---- scenes ---- */

void go_to_recorded(struct stage *t)
{
    put_challenge(t, 2, FINALIZERS, "");
    acme_scene_directory(&t->s, "");
    plan_authz(t, "pending");
    auto_free char *placeholder = record_text(ANY_VALUE);
    plan_status(t, 3, placeholder);
    reconcile(t);
    json_auto_t *status = written(t);
    assert_string_equal(JSTR(status, "dns01", "name"), RECORD);
    assert_string_equal(JSTR(status, "dns01", "zone"), "a.test");
    assert_string_equal(JSTR(status, "dns01", "provider"), "cloudflare");
    assert_int_equal(t->next, clock_wall(&t->s.hands.clock));
    t->value = x_strdup(JSTR(status, "dns01", "value"));
    auto_free char *record = record_text(t->value);
    put_challenge(t, 4, FINALIZERS, record);
}

void go_to_presented(struct stage *t)
{
    go_to_recorded(t);
    plan_present(t, 200);
    reconcile(t);
    json_auto_t *sent = scripted_json(&t->s.world, t->s.world.done - 1);
    assert_non_null(strstr(JSTR(sent, "content"), t->value));
}
