/* SPDX-License-Identifier: Apache-2.0 */
/* What people and their other tools do to zones, and to what certroll needs for them. */
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "sim/sim_check.h"
#include "sim/sim_issuers.h"
#include "sim/sim_zone_internal.h"

#define SECRET "dns-token"
#define AWAY_MAX NS_PER_HOUR
#define WAIT "10s"

/* Where issuers' Secrets are: the last one is that of ClusterIssuers. */
static const char *const homes[] = {"red", "blue", "certroll"};

/* ---- what there is ---- */

json_t *sim_zone_solvers(const struct sim *s, json_t *other)
{
    if (!sim_zone_is_on(s))
        return json_build("[o]", other);
    json_t *dns01 = json_build("{s:{s:{s:s,s:s}}}", "digitalocean", "tokenSecretRef", "name",
                               SECRET, "key", "token");
    if (s->zone->waits)
        json_put(dns01, "selfCheck", json_build("{s:s,s:s}", "mode", "wait", "wait", WAIT));
    json_put(other, "selector", json_build("{s:[s,s]}", "dnsZones", "c1.red.test", "c1.blue.test"));
    return json_build("[{s:o},o]", "dns01", dns01, other);
}

const char *sim_zone_some_wildcard(struct sim *s, const char *certificate)
{
    return sim_zone_is_on(s) && !str_eq(certificate, "c1") && sim_chance(s, 300) ? "*." : "";
}

static void put_secret(struct sim_zone *z, const char *ns)
{
    auto_free char *token = x_printf("token-%u\n", z->token);
    auto_free char *data = base64_encode(token, strlen(token));
    sim_api_put(z->sim->api, "secrets",
                json_build("{s:s,s:s,s:{s:s,s:s},s:s,s:{s:s}}", "apiVersion", "v1", "kind",
                           "Secret", "metadata", "name", SECRET, "namespace", ns, "type", "Opaque",
                           "data", "token", data),
                &sim_kubectl);
}

void sim_zone_begin(struct sim_zone *z)
{
    for (size_t i = 0; i < ARRAY_LEN(homes) && sim_zone_is_on(z->sim); i++)
        put_secret(z, homes[i]);
}

/* ---- what they do ---- */

static struct zone_record *some_record(struct sim_zone *z)
{
    return z->len > 0 ? &z->records[sim_pick(z->sim, (unsigned)z->len)] : NULL;
}

static void write_beside(struct sim_zone *z)
{
    const struct zone_record *r = some_record(z);
    auto_free char *text = x_printf("theirs-%zu", z->len);
    auto_free char *name = r != NULL ? x_strdup(r->name) : NULL;
    if (name != NULL)
        zone_add(z, name, text, true);
}

static void remove_ours(struct sim_zone *z)
{
    struct zone_record *r = some_record(z);
    if (r == NULL || r->theirs || r->gone != SIM_NEVER)
        return;
    sim_note(z->sim, "another tool removes TXT %s of %s", r->text, r->name);
    r->gone = sim_now(z->sim);
}

static void delete_secret(struct sim_zone *z)
{
    sim_api_delete(z->sim->api, "secrets", homes[sim_pick(z->sim, ARRAY_LEN(homes))], SECRET);
}

/* The Secrets have the new one later. */
static void rotate_token(struct sim_zone *z)
{
    z->token++;
}

static void silence_server(struct sim_zone *z)
{
    z->silent_until[sim_pick(z->sim, ZONE_SERVERS)] = sim_now(z->sim) + sim_delay(z->sim, AWAY_MAX);
}

static void disturb_all(struct sim_zone *z)
{
    auto_free struct sim_object **all = sim_api_all(z->sim->api, "certificates");
    for (size_t i = 0; all[i] != NULL; i++)
        sim_check_disturbed(z->sim, JSTR(all[i]->json, "metadata", "namespace"),
                            JSTR(all[i]->json, "metadata", "name"));
}

static void delete_issuer(struct sim_zone *z)
{
    size_t i = sim_pick(z->sim, ARRAY_LEN(homes));
    bool cluster = i == ARRAY_LEN(homes) - 1;
    disturb_all(z);
    sim_api_delete(z->sim->api, cluster ? "clusterissuers" : "issuers", cluster ? NULL : homes[i],
                   "acme");
}

/* Without DNS-01, for a while. */
static void change_issuer(struct sim_zone *z)
{
    const json_t *now =
        sim_api_json(z->sim->api, "issuers", homes[sim_pick(z->sim, ARRAY_LEN(homes) - 1)], "acme");
    if (now == NULL)
        return;
    json_t *issuer = json_copy_deep(now);
    json_t *solvers = JGET(issuer, "spec", "acme", "solvers");
    disturb_all(z);
    json_put(JGET(issuer, "spec", "acme"), "solvers",
             json_build("[O]", json_item(solvers, json_count(solvers) - 1)));
    sim_api_put(z->sim->api, "issuers", issuer, &sim_kubectl);
}

/* kubectl delete namespace, of all but workloads: in no order, and what has a finalizer waits for it. */
static void empty_namespace(struct sim_zone *z)
{
    static const char *const kinds[] = {
        "issuers",   "secrets", "certificates", "certificaterequests", "orders", "challenges",
        "ingresses", "pods",    "services"};
    const char *ns = homes[sim_pick(z->sim, ARRAY_LEN(homes) - 1)];
    sim_note(z->sim, "namespace %s is emptied", ns);
    disturb_all(z);
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        auto_free struct sim_object **all = sim_api_all(z->sim->api, kinds[k]);
        for (size_t i = 0; all[i] != NULL; i++) {
            auto_free char *name = x_strdup(JSTR(all[i]->json, "metadata", "name"));
            if (str_eq(JSTR(all[i]->json, "metadata", "namespace"), ns))
                sim_api_delete(z->sim->api, kinds[k], ns, name);
        }
    }
}

static const struct {
    const char *name;
    void (*act)(struct sim_zone *z);
} acts[] = {
    {"another tool writes beside certroll", write_beside},
    {"another tool tidies up", remove_ours},
    {"the provider's token is deleted", delete_secret},
    {"the provider's token is another", rotate_token},
    {"a name server is silent", silence_server},
    {"an issuer is deleted", delete_issuer},
    {"an issuer is changed", change_issuer},
    {"a namespace is emptied", empty_namespace},
};

void sim_zone_happen(struct sim_zone *z)
{
    if (!sim_zone_is_on(z->sim) || sim_chance(z->sim, 500))
        return;
    size_t i = sim_pick(z->sim, ARRAY_LEN(acts));
    sim_note(z->sim, "%s", acts[i].name);
    acts[i].act(z);
    int64_t back = sim_now(z->sim) + sim_delay(z->sim, AWAY_MAX);
    z->back = back < z->back ? back : z->back;
}

void sim_zone_put_back(struct sim_zone *z)
{
    if (z->sim->calm)
        memset(z->silent_until, 0, sizeof(z->silent_until));
    if (z->back == SIM_NEVER || (sim_now(z->sim) < z->back && !z->sim->calm))
        return;
    z->back = SIM_NEVER;
    sim_note(z->sim, "issuers and credentials are put back");
    sim_zone_begin(z);
    sim_issuers_create(z->sim);
}

int64_t sim_zone_next(const struct sim_zone *z)
{
    return z->back;
}
