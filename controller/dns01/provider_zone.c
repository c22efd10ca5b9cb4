/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/provider_zone.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider_memory.h"

static char *key_of(const struct dns_value *v)
{
    return x_printf("zone %s", v->zone);
}

/* Remembered as "name id": names have no blanks. */
static bool recall(const struct dns_env *env, const char *key, struct dns_hosted_zone *ret_zone)
{
    AUTO(secret_release) struct secret text = {0};
    dns_memory_get(env, key, &text);
    const char *blank = text.len > 0 ? strchr(text.data, ' ') : NULL;
    if (blank == NULL)
        return false;
    auto_free char *name = x_strndup(text.data, (size_t)(blank - text.data));
    str_copy(ret_zone->name, sizeof(ret_zone->name), name);
    str_copy(ret_zone->id, sizeof(ret_zone->id), blank + 1);
    return true;
}

static void remember(const struct dns_env *env, const char *key, const struct dns_hosted_zone *zone)
{
    auto_free char *line = x_printf("%s %s", zone->name, zone->id);
    const struct secret text = {.data = line, .len = strlen(line)};
    dns_memory_set(env, key, &text, clock_wall(env->clock) + DNS_ZONE_KEPT);
}

struct err *dns_hosted_zone_find(const struct dns_env *env, const struct dns_value *v,
                                 dns_zone_lookup lookup, void *arg,
                                 struct dns_hosted_zone *ret_zone)
{
    auto_free char *key = key_of(v);
    if (recall(env, key, ret_zone))
        return NULL;
    for (const char *name = v->zone; name != NULL; name = dns_parent_zone(name)) {
        auto_free char *id = NULL;
        TRY(lookup(arg, name, &id));
        if (id == NULL)
            continue;
        if (*id == '\0' || strlen(id) > DNS_ZONE_ID_MAX)
            return err_new(ERR_TRANSIENT, "ProviderFailed",
                           "zone %s: its id is not what the API documents", name);
        str_copy(ret_zone->name, sizeof(ret_zone->name), name);
        str_copy(ret_zone->id, sizeof(ret_zone->id), id);
        remember(env, key, ret_zone);
        return NULL;
    }
    return err_new(ERR_NOT_FOUND, "ZoneNotFound",
                   "the credential sees no zone %s: create it at the provider, or use a credential "
                   "of the account that has it and let it read the zone",
                   v->zone);
}

struct err *dns_hosted_zone_doubt(const struct dns_env *env, const struct dns_value *v,
                                  struct err *e)
{
    if (err_is(e, ERR_NOT_FOUND) || err_is(e, ERR_DENIED) || err_is(e, ERR_INVALID)) {
        auto_free char *key = key_of(v);
        dns_memory_drop(env, key);
    }
    return e;
}

struct err *dns_hosted_zone_gone(struct err *e)
{
    const bool gone =
        err_is(e, ERR_NOT_FOUND) && (e->http_status == 404 || str_eq(e->reason, "ZoneNotFound"));
    return gone ? err_ignore(e, ERR_NOT_FOUND) : e;
}
