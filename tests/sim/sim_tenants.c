/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_tenants.h"

#include <stdlib.h>
#include <string.h>

#include "api/group.h"
#include "base/encode.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "http01/standing.h"
#include "reconcilers/names.h"
#include "sim/sim_ca.h"
#include "sim/sim_gateway.h"
#include "sim/sim_pki.h"
#include "sim/sim_process.h"

/* From a look at what is routed, or held, to the order: answers are late, calls time out, a replica stands still. */
#define SEEN_WITHIN (10 * NS_PER_MIN)
/* What takes longer than this to prove stands in nobody's way. */
#define PROVEN_BY (10 * NS_PER_MIN)
#define COMMON_NAMES 4
#define COMMON ".shared.test"
#define PORT 8089

static const char *const namespaces[] = {"red", "blue"};

struct sim_tenancy {
    struct map lost; /* "namespace/name" -> int64_t: when it was last routed */
    struct map held; /* name -> struct hold */
};

struct hold {
    char *ns; /* NULL: nobody has it */
    int64_t since;
};

static void hold_free(void *value)
{
    struct hold *h = value;
    free(h->ns);
    free(h);
}

struct sim_tenancy *sim_tenancy_new(void)
{
    struct sim_tenancy *t = x_calloc(1, sizeof(*t));
    t->lost = MAP_INIT(free);
    t->held = MAP_INIT(hold_free);
    return t;
}

void sim_tenancy_free(struct sim_tenancy *t)
{
    map_release(&t->lost);
    map_release(&t->held);
    free(t);
}

/* ---- what people do ---- */

static json_t *rule(const char *host)
{
    return json_build("{s:s,s:{s:[{s:s,s:s,s:{s:{s:s,s:{s:i}}}}]}}", "host", host, "http", "paths",
                      "path", "/", "pathType", "Prefix", "backend", "service", "name", "site",
                      "port", "number", 80);
}

static void put_site(struct sim *s, const char *ns, json_t *rules)
{
    sim_api_put(s->api, "ingresses",
                json_build("{s:s,s:s,s:{s:s,s:s},s:{s:o}}", "apiVersion", "networking.k8s.io/v1",
                           "kind", "Ingress", "metadata", "name", SIM_TENANTS_SITE, "namespace", ns,
                           "spec", "rules", rules),
                &sim_kubectl);
}

static const json_t *rules_of(struct sim *s, const char *ns)
{
    return JGET(sim_api_json(s->api, "ingresses", ns, SIM_TENANTS_SITE), "spec", "rules");
}

static char *common_name(struct sim *s)
{
    return x_printf("s%u" COMMON, sim_pick(s, COMMON_NAMES));
}

/* One more name, or one less. */
void sim_tenants_happen(struct sim *s)
{
    if (sim_tenants(s) == SIM_TENANTS_OFF || sim_chance(s, 500))
        return;
    const char *ns = namespaces[sim_pick(s, ARRAY_LEN(namespaces))];
    auto_free char *name = common_name(s);
    const json_t *now = rules_of(s, ns);
    json_t *rules = json_new_array();
    for (size_t i = 0; i < json_count(now); i++)
        if (!str_eq(JSTR(json_item(now, i), "host"), name))
            json_push(rules, json_incref(json_item(now, i)));
    bool adds = json_count(rules) == json_count(now);
    int64_t when = sim_now(s);
    auto_free char *key = x_printf("%s/%s", ns, name);
    if (adds)
        json_push(rules, rule(name));
    else
        map_put(&s->tenancy->lost, key, x_memdup(&when, sizeof(when)));
    sim_note(s, "%s %s %s", ns, adds ? "routes" : "does not route any more", name);
    put_site(s, ns, rules);
}

char *sim_tenants_some_name(struct sim *s)
{
    if (sim_tenants(s) == SIM_TENANTS_OFF || !sim_chance(s, 500))
        return NULL;
    if (sim_chance(s, 700))
        return common_name(s);
    /* Another's: its own Certificates may have it already. */
    return x_printf("a%u.c%u.%s.test", sim_pick(s, 4), sim_pick(s, 3),
                    namespaces[sim_pick(s, ARRAY_LEN(namespaces))]);
}

void sim_tenants_begin(struct sim *s)
{
    if (sim_tenants(s) == SIM_TENANTS_OFF)
        return;
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
        json_t *rules = json_new_array();
        sim_api_put(s->api, "namespaces",
                    json_build("{s:s,s:s,s:{s:s,s:{s:s}}}", "apiVersion", "v1", "kind", "Namespace",
                               "metadata", "name", namespaces[i], "labels", "team", namespaces[i]),
                    &sim_kubectl);
        for (unsigned n = 0; n < COMMON_NAMES; n++) {
            auto_free char *name = x_printf("s%u" COMMON, n);
            if (sim_chance(s, 400))
                json_push(rules, rule(name));
        }
        put_site(s, namespaces[i], rules);
    }
    json_t *endpoints = json_new_array();
    for (unsigned i = 0; sim_process_replica(s->process, i) != NULL; i++) {
        auto_free char *address = x_printf(SIM_TENANTS_REPLICA "%u", i);
        json_push(endpoints, json_build("{s:[s]}", "addresses", address));
    }
    sim_api_put(s->api, "endpointslices",
                json_build("{s:s,s:s,s:{s:s,s:s,s:{s:s}},s:[{s:i}],s:o}", "apiVersion",
                           "discovery.k8s.io/v1", "kind", "EndpointSlice", "metadata", "name",
                           SIM_TENANTS_SERVICE, "namespace", "certroll", "labels",
                           "kubernetes.io/service-name", SIM_TENANTS_SERVICE, "ports", "port", PORT,
                           "endpoints", endpoints),
                &sim_cluster_writer);
}

static json_t *shared_solver(const struct sim *s)
{
    if (sim_tenants(s) == SIM_TENANTS_SHARED && sim_gateway_is_on(s))
        return json_build("{s:{s:o}}", "shared", "gatewayHTTPRoute", sim_gateway_config());
    return json_build("{s:{s:s,s:b}}", "shared", "ingressClassName", "sim", "standing",
                      sim_tenants(s) == SIM_TENANTS_STANDING);
}

void sim_tenants_configure(struct sim *s, json_t *issuer_spec)
{
    if (sim_tenants(s) == SIM_TENANTS_OFF)
        return;
    json_t *allowed = json_new_array();
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
        auto_free char *below = x_printf("*.%s.test", namespaces[i]);
        json_push(allowed, json_build("{s:{s:{s:s}},s:[s,s]}", "namespaceSelector", "matchLabels",
                                      "team", namespaces[i], "names", below, "waiting.test"));
    }
    json_put(issuer_spec, "allowedNames", allowed);
    if (!sim_tenants_share(s))
        return;
    json_put(JGET(issuer_spec, "acme", "solvers", "0"), "http01", shared_solver(s));
}

/* ---- certroll's replicas ---- */

static unsigned replica_count(const struct sim *s)
{
    unsigned count = 0;
    while (sim_process_replica(s->process, count) != NULL)
        count++;
    return count;
}

int sim_tenants_answer(struct sim *s, const char *host, const char *path, struct buf *body)
{
    unsigned count = replica_count(s), first = count > 1 ? sim_pick(s, count) : 0;
    int status = 0;
    for (unsigned i = 0; i < count && status == 0; i++)
        status = sim_replica_answer(sim_process_replica(s->process, (first + i) % count), host,
                                    path, body);
    return status;
}

int sim_tenants_ask(struct sim *s, const char *address, const char *host, const char *path,
                    struct buf *body)
{
    unsigned n = (unsigned)(address[strlen(SIM_TENANTS_REPLICA)] - '0');
    const struct sim_replica *r = sim_process_replica(s->process, n);
    return r != NULL ? sim_replica_answer(r, host, path, body) : 0;
}

/* ---- who may have a name ---- */

static bool is_common(const char *name)
{
    return str_ends(name, COMMON);
}

static bool is_routed(struct sim *s, const char *ns, const char *name)
{
    const json_t *rules = rules_of(s, ns);
    for (size_t i = 0; i < json_count(rules); i++)
        if (str_eq(JSTR(json_item(rules, i), "host"), name))
            return true;
    return false;
}

static bool was_routed(struct sim *s, const char *ns, const char *name)
{
    auto_free char *key = x_printf("%s/%s", ns, name);
    const int64_t *when = map_get(&s->tenancy->lost, key);
    return when != NULL && sim_now(s) - *when <= SEEN_WITHIN;
}

/* Where solver pods answer, the route that is made for them in the namespace is grant enough. */
static bool is_granted(struct sim *s, const char *ns, const char *name)
{
    auto_free char *below = x_printf(".%s.test", ns);
    return !sim_tenants_share(s) ||
           (is_common(name) ? is_routed(s, ns, name)
                            : str_ends(name, below) || str_eq(name, "waiting.test"));
}

/* ---- who holds one ---- */

struct holder {
    const char *ns;          /* borrowed from an object */
    const char *since, *uid; /* who came first, within a second by uid */
};

static bool spec_names(const json_t *object, const char *name)
{
    const json_t *names = JGET(object, "spec", "dnsNames");
    for (size_t i = 0; i < json_count(names); i++)
        if (str_eq(json_text(json_item(names, i)), name))
            return true;
    return false;
}

static bool is_for_cluster(const json_t *object)
{
    return str_eq(JSTR(object, "spec", "issuerRef", "kind"), "ClusterIssuer");
}

static const json_t *owner_of(struct sim *s, const json_t *request)
{
    return sim_api_json(s->api, "certificates", JSTR(request, "metadata", "namespace"),
                        str_or(JSTR(request, "metadata", "ownerReferences", "0", "name"), ""));
}

/* Of what was issued for a request; 0 when nothing was. */
static int64_t expiry_of(const json_t *request, struct strlist *ret_names)
{
    const char *text = JSTR(request, "status", "certificate");
    auto_free char *pem = NULL;
    size_t len = 0;
    if (text != NULL)
        err_drop(base64_decode(text, strlen(text), &pem, &len)); /* then there is none */
    return pem != NULL ? sim_pki_read(pem, ret_names) : 0;
}

/* The Certificate that an issued request is of, when the name is its still and was not expired at that time; else NULL. */
static const json_t *certificate_of(struct sim *s, const json_t *request, const char *name,
                                    int64_t when)
{
    const json_t *crt = owner_of(s, request);
    const char *uid = JSTR(request, "metadata", "ownerReferences", "0", "uid");
    AUTO(strlist_release) struct strlist names = {0};
    if (!str_eq(JSTR(crt, "metadata", "uid"), uid) || !spec_names(crt, name))
        return NULL;
    return expiry_of(request, &names) > when && strlist_has(&names, name) ? crt : NULL;
}

/* The oldest Certificate that was issued for the name with the ClusterIssuer, of which there is one; ns is NULL for none. */
static struct holder holder_of(struct sim *s, const char *name, int64_t when)
{
    auto_free struct sim_object **all = sim_api_all(s->api, "certificaterequests");
    struct holder first = {0};
    for (size_t i = 0; all[i] != NULL; i++) {
        const json_t *r = all[i]->json;
        const json_t *crt = is_for_cluster(r) ? certificate_of(s, r, name, when) : NULL;
        const char *since = JSTR(crt, "metadata", "creationTimestamp");
        const char *uid = JSTR(crt, "metadata", "uid");
        int order = crt != NULL && first.ns != NULL ? strcmp(since, first.since) : -1;
        if (crt == NULL || order > 0 || (order == 0 && strcmp(uid, first.uid) > 0))
            continue;
        first = (struct holder){JSTR(crt, "metadata", "namespace"), since, uid};
    }
    return first;
}

/* By its request a Certificate holds names; its own status tells of the end, too, when somebody has deleted that. */
int64_t sim_tenants_next_expiry(struct sim *s)
{
    auto_free struct sim_object **all = sim_api_all(s->api, NULL);
    int64_t next = SIM_NEVER;
    for (size_t i = 0; all[i] != NULL && sim_tenants(s) != SIM_TENANTS_OFF; i++) {
        AUTO(strlist_release) struct strlist names = {0};
        const char *text = JSTR(all[i]->json, "status", "notAfter");
        int64_t at = expiry_of(all[i]->json, &names);
        if (text != NULL)
            err_drop(rfc3339_parse(text, &at)); /* ours */
        next = at > sim_now(s) && at < next ? at : next;
    }
    return next;
}

static void note_holders(struct sim *s, const json_t *crt)
{
    const json_t *names = JGET(crt, "spec", "dnsNames");
    for (size_t i = 0; i < json_count(names); i++) {
        const char *name = json_text(json_item(names, i));
        const struct holder h = holder_of(s, name, sim_now(s));
        const struct hold *old = map_get(&s->tenancy->held, name);
        if (old != NULL && str_eq(old->ns, h.ns))
            continue;
        struct hold *now = x_calloc(1, sizeof(*now));
        *now = (struct hold){.ns = x_strdup_or_null(h.ns), .since = sim_now(s)};
        map_put(&s->tenancy->held, name, now);
    }
}

void sim_tenants_note(struct sim *s, const char *plural, const json_t *old, const json_t *now)
{
    if (sim_tenants(s) == SIM_TENANTS_OFF)
        return;
    if (str_eq(plural, "certificates")) {
        note_holders(s, old);
        note_holders(s, now);
    } else if (str_eq(plural, "certificaterequests")) {
        note_holders(s, owner_of(s, now != NULL ? now : old));
    }
}

/* Its namespace; NULL also where certroll may not know yet, as the holder is another one since a write, or since a
 * certificate has expired, which a clock that is behind sees later. */
static const char *known_holder(struct sim *s, const char *name)
{
    int64_t before = sim_now(s) - SEEN_WITHIN - sim_process_greatest_skew(s->process);
    const char *ns = holder_of(s, name, sim_now(s)).ns;
    const struct hold *h = map_get(&s->tenancy->held, name);
    bool is_new = h != NULL && h->since > before && str_eq(h->ns, ns);
    return is_new || !str_eq(holder_of(s, name, before).ns, ns) ? NULL : ns;
}

/* ---- rules ---- */

void sim_tenants_check_order(struct sim *s, const json_t *old, const json_t *now)
{
    bool is_new = str_empty(JSTR(old, "status", "url")) && !str_empty(JSTR(now, "status", "url"));
    if (sim_tenants(s) == SIM_TENANTS_OFF || !is_new || !is_for_cluster(now))
        return;
    const char *ns = JSTR(now, "metadata", "namespace");
    const json_t *names = JGET(now, "spec", "dnsNames");
    for (size_t i = 0; i < json_count(names); i++) {
        const char *name = json_text(json_item(names, i));
        const char *holder = known_holder(s, name);
        if (!is_granted(s, ns, name) && !was_routed(s, ns, name))
            sim_fail(s, "namespace %s ordered %s, which nobody has granted it", ns, name);
        if (holder != NULL && !str_eq(holder, ns))
            sim_fail(s, "namespace %s ordered %s, which %s holds", ns, name, holder);
    }
}

bool sim_tenants_excuse(struct sim *s, const json_t *crt)
{
    const char *ns = JSTR(crt, "metadata", "namespace");
    const json_t *names = JGET(crt, "spec", "dnsNames");
    if (sim_tenants(s) == SIM_TENANTS_OFF || !is_for_cluster(crt))
        return false;
    for (size_t i = 0; i < json_count(names); i++) {
        const char *name = json_text(json_item(names, i));
        const struct holder h = holder_of(s, name, sim_now(s));
        if (!is_granted(s, ns, name) || (h.ns != NULL && !str_eq(h.ns, ns)))
            return true;
    }
    return false;
}

bool sim_tenants_is_told(struct sim *s, const json_t *crt)
{
    auto_free struct sim_object **all = sim_api_all(s->api, "orders");
    for (size_t i = 0; all[i] != NULL; i++) {
        const json_t *o = all[i]->json;
        const char *of = JSTR(o, "metadata", "annotations", api_names()->certificate_name);
        const char *reason = str_or(JSTR(o, "status", "reason"), "");
        if (str_eq(JSTR(o, "metadata", "namespace"), JSTR(crt, "metadata", "namespace")) &&
            str_eq(of, JSTR(crt, "metadata", "name")) &&
            (str_starts(reason, NAME_NOT_ALLOWED) || str_starts(reason, NAME_HELD_ELSEWHERE)))
            return true;
    }
    return false;
}

bool sim_tenants_take_back(struct sim *s, size_t n)
{
    auto_free struct sim_object **all = sim_api_all(s->api, "orders");
    for (size_t i = 0; all[i] != NULL && sim_tenants(s) != SIM_TENANTS_OFF; i++) {
        const json_t *o = all[i]->json;
        int64_t made = sim_now(s);
        if (sim_ca_order_number(JSTR(o, "status", "url")) != n)
            continue;
        err_drop(rfc3339_parse(JSTR(o, "metadata", "creationTimestamp"), &made)); /* ours */
        return sim_now(s) - made >= PROVEN_BY - 2 * sim_process_greatest_skew(s->process);
    }
    return false;
}

bool sim_tenants_excuse_object(struct sim *s, const json_t *object)
{
    const char *name = JSTR(object, "metadata", "annotations", api_names()->certificate_name);
    if (sim_tenants(s) == SIM_TENANTS_OFF)
        return false;
    if (name == NULL &&
        str_eq(JSTR(object, "metadata", "ownerReferences", "0", "kind"), "Certificate"))
        name = JSTR(object, "metadata", "ownerReferences", "0", "name");
    const json_t *crt = sim_api_json(s->api, "certificates", JSTR(object, "metadata", "namespace"),
                                     str_or(name, ""));
    return crt != NULL && sim_tenants_excuse(s, crt);
}

bool sim_tenants_need_route(struct sim *s, const json_t *ingress)
{
    const char *ns = JSTR(ingress, "metadata", "annotations", HTTP01_STANDING);
    const json_t *rules = JGET(ingress, "spec", "rules");
    auto_free struct sim_object **all = sim_api_all(s->api, "certificates");
    for (size_t i = 0; all[i] != NULL && ns != NULL; i++) {
        const json_t *crt = all[i]->json;
        bool needs = is_for_cluster(crt) && str_eq(JSTR(crt, "metadata", "namespace"), ns);
        for (size_t k = 0; k < json_count(rules); k++)
            needs = needs && spec_names(crt, JSTR(json_item(rules, k), "host"));
        if (needs)
            return true;
    }
    return false;
}
