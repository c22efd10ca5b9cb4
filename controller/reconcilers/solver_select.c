/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "http01/responder.h"
#include "json/json.h"
#include "pki/names.h"
#include "reconcilers/solver.h"

/* By the name as it is written, and for DNS-01 by where its _acme-challenge leads when nothing better fits: that is where
 * the value goes, so whoever writes there is who can prove it. For HTTP-01 an alias is followed by whoever connects, and its
 * target's zone is nobody's business. */

/* What fits any name scores this; names and zones score more. */
#define FITS 1
#define NAMED 1000

static bool has_name(const struct bind_strings *written, const char *dns_name)
{
    for (size_t i = 0; i < written->len; i++)
        if (pki_name_is(written->items[i], dns_name))
            return true;
    return false;
}

/* The length of the longest zone that the name is in; 0 = in none. */
static size_t zone_score(const struct solver_selector *s, const char *dns_name)
{
    const char *zone = dns_name;
    while (!has_name(&s->dns_zones, zone)) {
        zone = strchr(zone, '.');
        if (zone == NULL)
            return 0;
        zone++;
    }
    return strlen(zone);
}

static bool labels_match(const struct bind_map *want, const struct bind_map *have)
{
    for (size_t i = 0; i < want->len; i++)
        if (!str_eq(want->items[i].value, bind_map_get(have, want->items[i].key)))
            return false;
    return true;
}

/* Labels and names, whatever the zones. */
static bool is_for(const struct solver_selector *s, const char *dns_name,
                   const struct bind_map *labels)
{
    return labels_match(&s->match_labels, labels) &&
           (s->dns_names.len == 0 || has_name(&s->dns_names, dns_name));
}

/* Higher is better; 0 = does not match. What is written must fit, names and zones alike. An exact name
 * beats every zone, a longer zone a shorter. within: what has to be in a zone. */
static size_t score(const struct solver_selector *s, const char *dns_name, const char *within,
                    const struct bind_map *labels)
{
    size_t zone = zone_score(s, within);
    if (!is_for(s, dns_name, labels) || (s->dns_zones.len > 0 && zone == 0))
        return 0;
    return FITS + zone + (s->dns_names.len > 0 ? NAMED : 0);
}

/* Is its record put where an alias leads, and is it meant for some zones only? */
static bool is_by_alias(const struct acme_solver *s)
{
    if (s->dns01 == NULL || s->selector.dns_zones.len == 0)
        return false;
    json_auto_t *dns01 = NULL;
    err_drop(json_parse(s->dns01, strlen(s->dns01), &dns01)); /* then it is refused when chosen */
    return dns01 != NULL && !str_eq(JSTR(dns01, "cnameStrategy"), "None");
}

/* A wildcard is proven by DNS alone (RFC 8555 section 8.3), an address by HTTP alone (RFC 8738 section 7). */
static bool can_prove(const struct acme_solver *s, const char *dns_name)
{
    bool by_http = s->http01 != NULL;
    return str_starts(dns_name, "*.") ? !by_http : by_http || !http01_host_is_ip(dns_name);
}

struct choice {
    const struct acme_solver *solver; /* NULL = none fits */
    size_t score;
};

static struct choice choose_of(const struct acme_issuer *acme, const char *dns_name,
                               const char *within, const struct bind_map *labels, bool any)
{
    struct choice best = {0};
    bool aliased = within != dns_name;
    for (size_t i = 0; i < acme->solvers.len; i++) {
        const struct acme_solver *s = &acme->solvers.items[i];
        const struct solver_selector *by = &s->selector;
        size_t got = score(by, dns_name, within, labels);
        bool tie = best.solver != NULL && got == best.score;
        if (got == 0 || got < best.score || (!any && !can_prove(s, dns_name)) ||
            (tie && by->match_labels.len <= best.solver->selector.match_labels.len))
            continue;
        if (!aliased || is_by_alias(s))
            best = (struct choice){s, got};
    }
    return best;
}

/* Of those that can prove it; of all where none can, so that whoever is told hears of the one that fits. */
static struct choice choose(const struct acme_issuer *acme, const char *dns_name,
                            const char *within, const struct bind_map *labels)
{
    struct choice best = choose_of(acme, dns_name, within, labels, false);
    return best.solver != NULL ? best : choose_of(acme, dns_name, within, labels, true);
}

/* Then nobody asks where an alias leads. */
static bool is_chosen_by_name(struct choice c, const char *dns_name)
{
    return c.score > FITS && can_prove(c.solver, dns_name);
}

const struct acme_solver *solver_select(const struct acme_issuer *acme, const char *dns_name,
                                        const char *alias, const struct bind_map *labels)
{
    struct choice by_name = choose(acme, dns_name, dns_name, labels);
    if (alias == NULL || is_chosen_by_name(by_name, dns_name))
        return by_name.solver;
    struct choice by_alias = choose(acme, dns_name, alias, labels);
    return by_alias.solver != NULL ? by_alias.solver : by_name.solver;
}

size_t solver_by_alias(const struct acme_issuer *acme, const char *dns_name,
                       const struct bind_map *labels, const struct acme_solver **out)
{
    size_t n = 0;
    if (is_chosen_by_name(choose(acme, dns_name, dns_name, labels), dns_name))
        return 0;
    for (size_t i = 0; i < acme->solvers.len; i++) {
        const struct acme_solver *s = &acme->solvers.items[i];
        if (is_for(&s->selector, dns_name, labels) && is_by_alias(s))
            out[n++] = s;
    }
    return n;
}

struct err *solver_check(const struct issuer *issuer, const struct solver_http01 *http01)
{
    const char *field = NULL;
    if (issuer->obj.meta.namespace == NULL || http01 == NULL)
        return NULL;
    const struct http01_shared *shared = http01->shared;
    if (shared != NULL && shared->ingress_template != NULL && !shared->endpoint_slice)
        field = "shared";
    else if (http01->redirect != NULL && http01->redirect->ingress_template != NULL)
        field = "redirect";
    if (field == NULL)
        return NULL;
    return err_new(
        ERR_INVALID, "InvalidSolver",
        "spec.acme.solvers[].http01.%s.ingressTemplate: that Ingress is in certroll's own "
        "namespace, where only a ClusterIssuer may annotate it: remove it from Issuer %s",
        field, issuer->obj.meta.name);
}
