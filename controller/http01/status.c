/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/status.h"

#include "base/str.h"
#include "http01/responder.h"
#include "net/dns.h"

#define PLACES_MAX 16

/* The rule for an IP address has no host: see objects.c. */
static bool has_rule_for(const json_t *ingress, const char *host)
{
    const char *want = http01_host_is_ip(host) ? NULL : host;
    const json_t *rules = JGET(ingress, "spec", "rules");
    for (size_t i = 0; i < json_count(rules); i++)
        if (str_eq(JSTR(json_item(rules, i), "host"), want))
            return true;
    return false;
}

static void add(const char *place, struct strlist *places)
{
    char name[DNS_NAME_MAX + 1];
    bool usable = place != NULL && (http01_host_is_ip(place) || dns_name_copy(place, name));
    if (usable && places->len < PLACES_MAX && !strlist_has(places, place))
        strlist_add(places, place);
}

void http01_gateway_addresses(const json_t *gateway, struct strlist *places)
{
    const json_t *addresses = JGET(gateway, "status", "addresses");
    for (size_t i = 0; i < json_count(addresses); i++)
        add(JSTR(json_item(addresses, i), "value"), places);
}

void http01_ingress_entries(const json_t *ingress, struct strlist *places)
{
    const json_t *entries = JGET(ingress, "status", "loadBalancer", "ingress");
    for (size_t i = 0; i < json_count(entries); i++) {
        add(JSTR(json_item(entries, i), "ip"), places);
        add(JSTR(json_item(entries, i), "hostname"), places);
    }
}

void http01_ingress_places(const json_t *ingress, const char *host, struct strlist *places)
{
    if (has_rule_for(ingress, host))
        http01_ingress_entries(ingress, places);
}
