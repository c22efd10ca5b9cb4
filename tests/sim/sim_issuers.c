/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_issuers.h"

#include "base/mem.h"
#include "sim/sim_api.h"
#include "sim/sim_ca.h"
#include "sim/sim_edit.h"
#include "sim/sim_external.h"
#include "sim/sim_gateway.h"
#include "sim/sim_hooks.h"
#include "sim/sim_tenants.h"
#include "sim/sim_zone.h"

static const char *const namespaces[] = {"red", "blue"};

/* A life of years is in one namespace: each Issuer is looked at each hour. */
static size_t namespace_count(const struct sim *s)
{
    return sim_is_long(s) ? 1 : ARRAY_LEN(namespaces);
}

static void put_issuer(struct sim *s, const char *ns, const char *name, json_t *spec)
{
    const char *plural = ns == NULL ? "clusterissuers" : "issuers";
    const json_t *now = sim_api_json(s->api, plural, ns, name);
    json_t *issuer = now != NULL
                         ? json_copy_deep(now)
                         : json_build("{s:s,s:s,s:{s:s,s:s*}}", "apiVersion", "certroll.dev/v1",
                                      "kind", ns == NULL ? "ClusterIssuer" : "Issuer", "metadata",
                                      "name", name, "namespace", ns);
    json_put(issuer, "spec", spec);
    sim_api_put(s->api, plural, issuer, &sim_kubectl);
}

static json_t *acme_spec(const struct sim *s, const char *server, const char *account)
{
    json_t *solver = json_build("{s:{s:{s:s}}}", "http01", "ingress", "ingressClassName", "sim");
    if (sim_gateway_is_on(s))
        json_put(solver, "http01", json_build("{s:o}", "gatewayHTTPRoute", sim_gateway_config()));
    json_t *spec = json_build("{s:{s:s,s:s,s:{s:s},s:o}}", "acme", "server", server, "email",
                              "ops@example.test", "privateKeySecretRef", "name", account, "solvers",
                              sim_zone_solvers(s, solver));
    json_t *limits = sim_ca_limits(s->ca);
    if (limits != NULL)
        json_put(JGET(spec, "acme"), "limits", limits);
    return spec;
}

/* An issuer, and with fails_over another one that takes over from it; in some lives it edits people's own Ingress. */
static void put_acme_issuer(struct sim *s, const char *ns, const char *account)
{
    json_t *spec = acme_spec(s, SIM_CA_DIRECTORY, account);
    if (ns != NULL && sim_edit_is_on(s))
        json_put(JGET(spec, "acme", "solvers", "0", "http01"), "ingress",
                 json_build("{s:s}", "name", SIM_EDIT_NAME));
    if (sim_issuers_fail_over(s)) {
        const char *kind = ns == NULL ? "ClusterIssuer" : "Issuer";
        json_put(JGET(spec, "acme"), "failover",
                 json_build("[{s:s,s:s}]", "name", "backup", "kind", kind));
        json_t *backup = acme_spec(s, SIM_CA_BACKUP, "backup-account");
        if (ns == NULL)
            sim_tenants_configure(s, backup);
        put_issuer(s, ns, "backup", backup);
    }
    if (sim_issuers_prepare(s))
        json_put(JGET(spec, "acme"), "prepare", sim_hooks_spec(s));
    if (ns == NULL)
        sim_tenants_configure(s, spec);
    put_issuer(s, ns, "acme", spec);
}

bool sim_issuers_stages(const struct sim *s)
{
    json_auto_t *limits = sim_ca_limits(s->ca);
    return s->seed % 3 == 0 && limits == NULL; /* both directories are of one CA */
}

bool sim_issuers_fail_over(const struct sim *s)
{
    return s->seed % 5 == 2;
}

bool sim_issuers_prepare(const struct sim *s)
{
    /* Who waits for a name that it once had keeps what was prepared. */
    return s->seed % 7 == 3 && sim_tenants(s) == SIM_TENANTS_OFF;
}

void sim_issuers_create(struct sim *s)
{
    for (size_t i = 0; i < namespace_count(s); i++) {
        put_issuer(s, namespaces[i], "self", json_build("{s:{}}", "selfSigned"));
        put_acme_issuer(s, namespaces[i], "acme-account");
    }
    for (size_t i = 0; i < namespace_count(s) && sim_issuers_stages(s); i++)
        put_issuer(s, namespaces[i], "staging", acme_spec(s, SIM_CA_STAGING, "staging-account"));
    put_acme_issuer(s, NULL, "cluster-account");
}

const char *sim_issuers_some_namespace(struct sim *s)
{
    return namespaces[sim_pick(s, (unsigned)namespace_count(s))];
}

/* ---- who issues ---- */

struct issuer_choice {
    const char *kind;
    const char *name;
    const char *group; /* or NULL */
};
#define CLUSTER_ISSUER 1
static const struct issuer_choice issuers[] = {{"Issuer", "self", NULL},
                                               {"ClusterIssuer", "acme", NULL},
                                               {"Issuer", "acme", NULL},
                                               {"ExternalIssuer", "other", SIM_EXTERNAL_GROUP}};

/* Mostly one of ours. */
static const struct issuer_choice *some_issuer(struct sim *s)
{
    if (sim_tenants(s) != SIM_TENANTS_OFF && sim_chance(s, 700))
        return &issuers[CLUSTER_ISSUER];
    return &issuers[sim_pick(s, ARRAY_LEN(issuers) - (sim_chance(s, 700) ? 1 : 0))];
}

json_t *sim_issuers_some_ref(struct sim *s)
{
    const struct issuer_choice *i = some_issuer(s);
    return json_build("{s:s,s:s,s:s*}", "kind", i->kind, "name", i->name, "group", i->group);
}
