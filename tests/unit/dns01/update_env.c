/* SPDX-License-Identifier: Apache-2.0 */
#include "update_env.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

extern const struct dns_provider dns_provider_rfc2136;

static struct err *get_secret(const struct dns_env *env, const struct dns_secret_ref *ref,
                              const char *field, struct secret *ret_secret)
{
    const struct update_env *u = env->ctx;
    if (u->secret == NULL || !str_eq(ref->name, "tsig") || !str_eq(ref->key, "key"))
        return err_new(ERR_NOT_FOUND, "SecretNotFound", "%s: no Secret %s", field, ref->name);
    *ret_secret = secret_copy(u->secret, strlen(u->secret));
    return NULL;
}

void update_env_init(struct update_env *u, const struct dns_transport *dns, const char *secret)
{
    *u = (struct update_env){.secret = secret};
    clock_manual_init(&u->clock, clock_wall(clock_system()));
    u->env = (struct dns_env){
        .clock = &u->clock.clock, .rng = rng_system(), .dns = dns, .secret = get_secret, .ctx = u};
}

void update_env_release(struct update_env *u)
{
    free(u->config);
}

struct err *update_configure(struct update_env *u, const char *json)
{
    json_t *object = NULL;
    void *config = NULL;
    TRY(json_parse(json, strlen(json), &object));
    struct err *e = bind_decode(dns_provider_rfc2136.config, object, &config);
    json_decref(object);
    TRY(e);
    free(u->config);
    u->config = config;
    return dns_provider_rfc2136.check(config);
}

struct err *update_value(struct update_env *u, const struct dns_value *v, bool remove)
{
    char *id = NULL;
    if (remove)
        return dns_provider_rfc2136.clean_up(&u->env, u->config, v);
    struct err *e = dns_provider_rfc2136.present(&u->env, u->config, v, &id);
    if (id != NULL)
        x_abort("an update has no id");
    return e;
}

struct err *update_present(struct update_env *u, const char *text)
{
    const struct dns_value v = {.name = UPDATE_NAME, .zone = UPDATE_ZONE, .text = text};
    return update_value(u, &v, false);
}

struct err *update_clean_up(struct update_env *u, const char *text)
{
    const struct dns_value v = {.name = UPDATE_NAME, .zone = UPDATE_ZONE, .text = text};
    return update_value(u, &v, true);
}
