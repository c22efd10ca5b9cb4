/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "reconcilers/solver.h"

/* By the name as it is written: for HTTP-01 an alias is followed by whoever connects, and its target's zone
 * is nobody's business. */

/* The length of the longest zone that the name is in; 0 = in none. */
static size_t zone_score(const struct solver_selector *s, const char *dns_name)
{
    size_t best = 0;
    for (size_t i = 0; i < s->dns_zones.len; i++) {
        const char *zone = s->dns_zones.items[i];
        size_t zone_len = strlen(zone);
        size_t name_len = strlen(dns_name);
        bool inside = str_eq(dns_name, zone) || (str_ends(dns_name, zone) && name_len > zone_len &&
                                                 dns_name[name_len - zone_len - 1] == '.');
        if (inside && zone_len > best)
            best = zone_len;
    }
    return best;
}

/* Higher is better; 0 = does not match. What is written must fit, names and zones alike. An exact name
 * beats every zone, a longer zone a shorter. */
static size_t name_score(const struct solver_selector *s, const char *dns_name)
{
    size_t zone = zone_score(s, dns_name);
    bool named = bind_strings_has(&s->dns_names, dns_name);
    if ((s->dns_names.len > 0 && !named) || (s->dns_zones.len > 0 && zone == 0))
        return 0;
    return 1 + zone + (named ? 1000 : 0);
}

static bool labels_match(const struct bind_map *want, const struct bind_map *have)
{
    for (size_t i = 0; i < want->len; i++)
        if (!str_eq(want->items[i].value, bind_map_get(have, want->items[i].key)))
            return false;
    return true;
}

const struct acme_solver *solver_select(const struct acme_issuer *acme, const char *dns_name,
                                        const struct bind_map *labels)
{
    const struct acme_solver *best = NULL;
    size_t best_score = 0;
    for (size_t i = 0; i < acme->solvers.len; i++) {
        const struct acme_solver *s = &acme->solvers.items[i];
        size_t score = name_score(&s->selector, dns_name);
        if (score == 0 || !labels_match(&s->selector.match_labels, labels))
            continue;
        bool better =
            best == NULL || score > best_score ||
            (score == best_score && s->selector.match_labels.len > best->selector.match_labels.len);
        if (better) {
            best = s;
            best_score = score;
        }
    }
    return best;
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
