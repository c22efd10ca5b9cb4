/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DNS provider at work, without a controller around it: over production's HTTP client, for rows against a real server or
 * an emulator. Reads one JSON object,
 *
 *     {"provider": "route53", "config": {...}, "secrets": {"NAME/KEY": "..."}, "variables": {"AWS_REGION": "..."},
 *      "token": "...", "steps": [{"do": "present", "name": ..., "zone": ..., "text": ..., "id": ...}, ...]}
 *
 * and prints one line for each step (present, clean_up, settled): {"id": ...}, {"settled": true} or {"kind": ...,
 * "reason": ..., "message": ...}.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider.h"
#include "dns01/provider_memory.h"
#include "net/http_client.h"
#include "pki/key.h"

#define INPUT_MAX (1024 * 1024)

static struct err *secret(const struct dns_env *env, const struct dns_secret_ref *ref,
                          const char *field, struct secret *ret_secret)
{
    auto_free char *key = x_printf("%s/%s", ref->name, ref->key);
    const char *text = JSTR(env->ctx, "secrets", key);
    if (text == NULL)
        return err_new(ERR_NOT_FOUND, "SecretNotFound", "%s: there is no Secret %s", field, key);
    *ret_secret = secret_copy(text, strlen(text));
    return NULL;
}

static struct err *token(const struct dns_env *env, const struct dns_token_request *request,
                         struct secret *ret_token)
{
    const char *text = JSTR(env->ctx, "token");
    if (text == NULL)
        return err_new(ERR_DENIED, "Forbidden", "no token for %s", request->service_account);
    *ret_token = secret_copy(text, strlen(text));
    return NULL;
}

static const char *variable(const struct dns_env *env, const char *name)
{
    return JSTR(env->ctx, "variables", name);
}

static struct err *do_step(const struct dns_env *env, const struct dns_provider *p,
                           const void *config, const json_t *step, json_t *said)
{
    const struct dns_value v = {.name = JSTR(step, "name"),
                                .zone = JSTR(step, "zone"),
                                .text = JSTR(step, "text"),
                                .domain = JSTR(step, "zone"),
                                .id = JSTR(step, "id")};
    const char *what = str_or(JSTR(step, "do"), "");
    if (str_eq(what, "present")) {
        auto_free char *id = NULL;
        TRY(p->present(env, config, &v, &id));
        json_put_str(said, "id", id);
    } else if (str_eq(what, "settled") && p->settled != NULL) {
        bool is_settled = false;
        TRY(p->settled(env, config, &v, &is_settled));
        json_put(said, "settled", json_build("b", is_settled));
    } else if (str_eq(what, "clean_up")) {
        TRY(p->clean_up(env, config, &v));
    } else {
        return err_new(ERR_BUG, "UnknownStep", "\"%s\" is no step", what);
    }
    return NULL;
}

static void do_steps(const struct dns_env *env, const struct dns_provider *p, const void *config,
                     const json_t *steps)
{
    for (size_t i = 0; i < json_count(steps); i++) {
        json_auto_t *said = json_new_object();
        AUTO_ERR e = do_step(env, p, config, json_item(steps, i), said);
        if (e != NULL) {
            json_put_str(said, "kind", err_kind_str(e->kind));
            json_put_str(said, "reason", e->reason);
            json_put_str(said, "message", e->message);
        }
        auto_free char *line = NULL;
        err_drop(json_to_string(said, INPUT_MAX, &line)); /* as short as its parts */
        puts(str_or(line, "{}"));
    }
}

static struct err *run(json_t *input)
{
    const struct dns_provider *p = dns_provider_of(JSTR(input, "provider"));
    if (p == NULL)
        return err_new(ERR_INVALID, "InvalidSolver", "no such provider");
    auto_free void *config = NULL;
    TRY(bind_decode(p->config, JGET(input, "config"), &config));
    if (p->check != NULL)
        TRY(p->check(config));
    const struct http_client_options options = {.user_agent = "certroll/test",
                                                .allow_private = true};
    struct http_client *client = NULL;
    TRY(http_client_new(&options, &client));
    struct stop *stop = stop_new();
    const struct dns_env env = {.clock = clock_system(),
                                .rng = rng_system(),
                                .stop = stop,
                                .http = http_client_transport(client),
                                .memory = dns_memory_new(),
                                .scope = "drive",
                                .resource_namespace = "drive",
                                .ambient = true,
                                .secret = secret,
                                .token = token,
                                .variable = variable,
                                .ctx = input};
    do_steps(&env, p, config, JGET(input, "steps"));
    dns_memory_free(env.memory);
    http_client_free(client);
    stop_free(stop);
    return NULL;
}

int main(void)
{
    static char text[INPUT_MAX];
    json_room_init();
    pki_init();
    http_global_init();
    const size_t len = fread(text, 1, sizeof(text), stdin);
    json_auto_t *input = NULL;
    AUTO_ERR e = json_parse(text, len, &input);
    if (e == NULL)
        e = run(input);
    if (e != NULL)
        fprintf(stderr, "%s: %s\n", e->reason, e->message);
    return e != NULL;
}
