/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/provider.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "dns01_providers_registry.inc"

const struct dns_provider *const dns_providers[] = {
#define X(provider) &provider,
#include "dns01_providers_registry.inc"
#undef X
    NULL,
};

static const struct bind_field secret_ref_fields[] = {
    BIND_ROW(struct dns_secret_ref, STRING, name, "name", .flags = BIND_REQUIRED),
    BIND_ROW(struct dns_secret_ref, STRING, key, "key", .flags = BIND_REQUIRED),
};
const struct bind_table dns_secret_ref_table =
    BIND_TABLE("DNSSecretRef", struct dns_secret_ref, secret_ref_fields);

static const struct bind_field secret_ref_or_none_fields[] = {
    BIND_ROW(struct dns_secret_ref, STRING, name, "name"),
    BIND_ROW(struct dns_secret_ref, STRING, key, "key"),
};
const struct bind_table dns_secret_ref_or_none_table =
    BIND_TABLE("DNSSecretRefOrNone", struct dns_secret_ref, secret_ref_or_none_fields);

const struct dns_provider *dns_provider_of(const char *name)
{
    for (size_t i = 0; dns_providers[i] != NULL; i++)
        if (str_eq(dns_providers[i]->name, name))
            return dns_providers[i];
    return NULL;
}

char *dns_relative_name(const char *name, const char *zone)
{
    size_t name_len = strlen(name);
    size_t zone_len = strlen(zone);
    if (str_eq(name, zone))
        return x_strdup("@");
    if (name_len < zone_len + 2 || !str_ends(name, zone) || name[name_len - zone_len - 1] != '.')
        return NULL;
    return x_strndup(name, name_len - zone_len - 1);
}

const char *dns_parent_zone(const char *zone)
{
    const char *dot = strchr(zone, '.');
    return dot != NULL && strchr(dot + 1, '.') != NULL ? dot + 1 : NULL;
}

bool dns_text_is(const char *content, const char *text)
{
    auto_free char *quoted = dns_text_quoted(text);
    return content != NULL && (str_eq(content, text) || str_eq(content, quoted));
}

char *dns_text_quoted(const char *text)
{
    return x_printf("\"%s\"", text);
}
