/* SPDX-License-Identifier: Apache-2.0 */
/* A provider at work on a new fake, and what is looked at after each call. */
#include "contract.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "support/expect.h"

static struct err *secret(const struct dns_env *env, const struct dns_secret_ref *ref,
                          const char *field, struct secret *ret_secret)
{
    const struct contract_scene *s = env->ctx;
    for (const struct fake_secret *known = s->fake.secrets; known->name != NULL; known++) {
        if (!str_eq(known->name, ref->name) || !str_eq(known->key, ref->key))
            continue;
        if (s->secrets_gone)
            break;
        const char *value = s->secret_value != NULL ? s->secret_value : known->value;
        *ret_secret = secret_copy(value, strlen(value));
        return NULL;
    }
    return err_new(ERR_NOT_FOUND, "SecretNotFound", "%s: there is no Secret test/%s with a key %s",
                   field, ref->name, ref->key);
}

static struct err *token(const struct dns_env *env, const struct dns_token_request *request,
                         struct secret *ret_token)
{
    const struct contract_scene *s = env->ctx;
    if (s->fake.token == NULL)
        return err_new(ERR_DENIED, "Forbidden", "no token for %s", request->service_account);
    *ret_token = secret_copy(s->fake.token, strlen(s->fake.token));
    return NULL;
}

static const char *variable(const struct dns_env *env, const char *name)
{
    const struct contract_scene *s = env->ctx;
    const struct fake_variable *v = s->fake.variables;
    for (; env->ambient && v != NULL && v->name != NULL; v++)
        if (str_eq(v->name, name))
            return v->value;
    return NULL;
}

void scene_open(struct contract_scene *s, void **state)
{
    *s = (struct contract_scene){.contract = *state};
    s->provider = dns_provider_of(s->contract->provider);
    if (s->provider == NULL)
        fail_msg("there is no provider %s", s->contract->provider);
    s->contract->open(&s->fake);
    clock_manual_init(&s->clock, CONTRACT_NOW);
    rng_seeded_init(&s->rng, 1);
    s->memory = dns_memory_new();
    s->env = (struct dns_env){
        .clock = &s->clock.clock,
        .rng = &s->rng.rng,
        .http = &s->fake.transport,
        .dns = s->fake.dns,
        .memory = s->memory,
        .scope = "test",
        .resource_namespace = "test",
        .ambient = true,
        .secret = secret,
        .token = token,
        .variable = variable,
        .ctx = s,
    };
    expect_ok(scene_configure(s, s->contract->config));
    if ((s->contract->without & CONTRACT_NO_ZONES) == 0)
        s->fake.add_zone(s->fake.state, "example.com", NULL);
}

struct err *scene_configure(struct contract_scene *s, const char *config)
{
    json_auto_t *json = NULL;
    TRY(json_parse(config, strlen(config), &json));
    free(s->config);
    s->config = NULL;
    TRY(bind_decode(s->provider->config, json, &s->config));
    return s->provider->check != NULL ? s->provider->check(s->config) : NULL;
}

void scene_close(struct contract_scene *s)
{
    dns_memory_free(s->memory);
    free(s->config);
    s->fake.close(s->fake.state);
}

struct dns_value scene_value(const char *name, const char *zone, const char *text)
{
    return (struct dns_value){.name = name, .zone = zone, .text = text, .domain = "example.com"};
}

/* A secret in an error would be in a status, an Event and a log line. */
static struct err *searched(struct contract_scene *s, struct err *e)
{
    const struct fake_secret *known = s->fake.secrets;
    for (; e != NULL && known != NULL && known->name != NULL; known++)
        if (strstr(e->message, known->value) != NULL)
            fail_msg("the secret %s is in an error", known->key);
    if (e != NULL && s->fake.token != NULL && strstr(e->message, s->fake.token) != NULL)
        fail_msg("the token is in an error");
    return e;
}

struct err *scene_present(struct contract_scene *s, const struct dns_value *v, char **ret_id)
{
    auto_free char *id = NULL;
    struct err *e = s->provider->present(&s->env, s->config, v, &id);
    if (id != NULL && (*id == '\0' || strlen(id) > DNS_RECORD_ID_MAX))
        fail_msg("the id has %zu characters", strlen(id));
    if (e == NULL && ret_id != NULL)
        *ret_id = TAKE(id);
    return searched(s, e);
}

struct err *scene_clean_up(struct contract_scene *s, const struct dns_value *v)
{
    return searched(s, s->provider->clean_up(&s->env, s->config, v));
}

void expect_values(struct contract_scene *s, const char *zone, const char *name,
                   const char *expected)
{
    AUTO(strlist_release) struct strlist found = {0};
    s->fake.values(s->fake.state, zone, name, &found);
    strlist_sort(&found);
    auto_free char *text = strlist_join(&found, ", ", 0);
    assert_string_equal(text, expected);
}
