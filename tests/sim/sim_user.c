/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_user.h"

#include <stdlib.h>
#include <string.h>

#include "api/group.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "sim/sim_api.h"
#include "sim/sim_ca.h"
#include "sim/sim_check.h"
#include "sim/sim_edit.h"
#include "sim/sim_gateway.h"
#include "sim/sim_issuers.h"
#include "sim/sim_net.h"
#include "sim/sim_process.h"
#include "sim/sim_requests.h"
#include "sim/sim_tenants.h"
#include "sim/sim_zone.h"

#define ACTS_MAX 12
#define LONG_ACTS 16 /* of a life of years */
#define CERTIFICATES_MAX 6
#define LONG_PAUSE_MAX (20 * NS_PER_DAY) /* between the acts of a life of years */

struct sim_user {
    struct sim *sim;
    unsigned acts; /* still to come */
    int64_t next;
    unsigned workloads;
    unsigned wishes; /* values of the renew annotation */
};

/* ---- Certificates ---- */

static json_t *some_names(struct sim_user *u, const char *ns, const char *certificate)
{
    json_t *names = json_new_array();
    for (unsigned i = 0, n = 1 + sim_pick(u->sim, 3); i < n; i++) {
        auto_free char *name = sim_tenants_some_name(u->sim);
        if (name == NULL)
            name = x_printf("%s%c%u.%s.%s.test", sim_zone_some_wildcard(u->sim, certificate),
                            'a' + (int)i, sim_pick(u->sim, 4), certificate, ns);
        json_push(names, json_new_string(name));
    }
    return names;
}

/* Now and then for a Secret that is another's. */
static char *some_secret_name(struct sim_user *u, const char *certificate)
{
    if (sim_chance(u->sim, 930))
        return x_printf("tls-%s", certificate);
    return x_printf("tls-c%u", sim_pick(u->sim, CERTIFICATES_MAX));
}

/* The name may be that of one that was deleted. */
static void create_certificate(struct sim_user *u)
{
    static const char *const durations[] = {"8h", "24h", "72h", "720h", "2160h"};
    struct sim *s = u->sim;
    auto_free char *name = x_printf("c%u", sim_pick(s, CERTIFICATES_MAX));
    auto_free char *secret = some_secret_name(u, name);
    const char *ns = sim_issuers_some_namespace(s);
    json_auto_t *issuer = sim_issuers_some_ref(s);
    if (sim_api_find(s->api, "certificates", ns, name) != NULL)
        return;
    json_t *spec = json_build(
        "{s:s,s:O,s:o,s:s,s:{s:s,s:i,s:s},s:{s:b}}", "secretName", secret, "issuerRef", issuer,
        "dnsNames", some_names(u, ns, name), "duration",
        durations[sim_pick(s, ARRAY_LEN(durations) - (sim_is_long(s) ? 0 : 1))], "privateKey",
        "algorithm", "ECDSA", "size", 256, "rotationPolicy",
        sim_chance(s, 800) ? "Always" : "Never", "rollout", "enabled", sim_chance(s, 500));
    if (sim_issuers_stages(u->sim) && sim_chance(s, 600))
        json_put(spec, "preflight", json_build("{s:{s:s}}", "issuerRef", "name", "staging"));
    sim_api_put(s->api, "certificates",
                json_build("{s:s,s:s,s:{s:s,s:s},s:o}", "apiVersion", "certroll.dev/v1", "kind",
                           "Certificate", "metadata", "name", name, "namespace", ns, "spec", spec),
                &sim_kubectl);
}

/* One of a kind, or NULL. */
static struct sim_object *some(struct sim *s, const char *plural)
{
    auto_free struct sim_object **all = sim_api_all(s->api, plural);
    unsigned n = 0;
    while (all[n] != NULL)
        n++;
    return n > 0 ? all[sim_pick(s, n)] : NULL;
}

static const char *ns_of(const json_t *o)
{
    return JSTR(o, "metadata", "namespace");
}

static const char *name_of(const json_t *o)
{
    return JSTR(o, "metadata", "name");
}

/* A copy of some object that may be changed and put back. */
static json_t *some_copy(struct sim *s, const char *plural)
{
    const struct sim_object *o = some(s, plural);
    return o != NULL ? json_copy_deep(o->json) : NULL;
}

static void disturb(struct sim *s, const json_t *crt)
{
    sim_check_disturbed(s, ns_of(crt), name_of(crt));
}

static void change_names(struct sim_user *u)
{
    json_t *crt = some_copy(u->sim, "certificates");
    if (crt == NULL)
        return;
    disturb(u->sim, crt);
    json_put(JGET(crt, "spec"), "dnsNames", some_names(u, ns_of(crt), name_of(crt)));
    sim_api_put(u->sim->api, "certificates", crt, &sim_kubectl);
}

static void change_issuer(struct sim_user *u)
{
    json_t *crt = some_copy(u->sim, "certificates");
    if (crt == NULL)
        return;
    json_t *issuer = sim_issuers_some_ref(u->sim);
    disturb(u->sim, crt);
    json_put(JGET(crt, "spec"), "issuerRef", issuer);
    sim_api_put(u->sim->api, "certificates", crt, &sim_kubectl);
}

static void toggle_preflight(struct sim_user *u)
{
    json_t *crt = some_copy(u->sim, "certificates");
    if (crt == NULL)
        return;
    disturb(u->sim, crt);
    if (JGET(crt, "spec", "preflight") != NULL)
        json_drop(JGET(crt, "spec"), "preflight");
    else
        json_put(JGET(crt, "spec"), "preflight",
                 json_build("{s:{s:s}}", "issuerRef", "name", "staging"));
    sim_api_put(u->sim->api, "certificates", crt, &sim_kubectl);
}

static void toggle_rollout(struct sim_user *u)
{
    if (sim_issuers_stages(u->sim) && sim_chance(u->sim, 500)) {
        toggle_preflight(u);
        return;
    }
    json_t *crt = some_copy(u->sim, "certificates");
    if (crt == NULL)
        return;
    json_put(JGET(crt, "spec"), "rollout",
             json_build("{s:b}", "enabled", !JBOOL(crt, "spec", "rollout", "enabled")));
    sim_api_put(u->sim->api, "certificates", crt, &sim_kubectl);
}

static void delete_certificate(struct sim_user *u)
{
    json_auto_t *crt = some_copy(u->sim, "certificates");
    if (crt == NULL)
        return;
    disturb(u->sim, crt);
    sim_api_delete(u->sim->api, "certificates", ns_of(crt), name_of(crt));
}

/* As cmctl renew does it. */
static void set_issuing(struct sim_user *u)
{
    json_t *crt = some_copy(u->sim, "certificates");
    if (crt == NULL)
        return;
    char when[RFC3339_MAX];
    rfc3339_format(sim_now(u->sim), when);
    json_t *conditions = json_new_array();
    const json_t *old = JGET(crt, "status", "conditions");
    for (size_t i = 0; i < json_count(old); i++)
        if (!str_eq(JSTR(json_item(old, i), "type"), "Issuing"))
            json_push(conditions, json_copy_deep(json_item(old, i)));
    json_push(conditions,
              json_build("{s:s,s:s,s:s,s:s,s:s}", "type", "Issuing", "status", "True", "reason",
                         "ManuallyTriggered", "message", "by hand", "lastTransitionTime", when));
    if (JGET(crt, "status") == NULL)
        json_put(crt, "status", json_new_object());
    json_put(JGET(crt, "status"), "conditions", conditions);
    sim_api_put(u->sim->api, "certificates", crt, &sim_kubectl);
}

static void annotate(json_t *object, const char *name, const char *value)
{
    if (JGET(object, "metadata", "annotations") == NULL)
        json_put(JGET(object, "metadata"), "annotations", json_new_object());
    json_put_str(JGET(object, "metadata", "annotations"), name, value);
}

static void wish_renewal(struct sim_user *u)
{
    json_t *crt = some_copy(u->sim, "certificates");
    if (crt == NULL)
        return;
    auto_free char *wish = x_printf("wish-%u", u->wishes++);
    annotate(crt, API_RENEW, wish);
    sim_api_put(u->sim->api, "certificates", crt, &sim_kubectl);
}

/* ---- Secrets ---- */

/* The Secret of some Certificate: a copy, or NULL. */
static json_t *some_secret(struct sim *s)
{
    const struct sim_object *crt = some(s, "certificates");
    if (crt == NULL)
        return NULL;
    disturb(s, crt->json);
    const json_t *secret =
        sim_api_json(s->api, "secrets", ns_of(crt->json), JSTR(crt->json, "spec", "secretName"));
    return secret != NULL ? json_copy_deep(secret) : NULL;
}

static void delete_secret(struct sim_user *u)
{
    json_auto_t *secret = some_secret(u->sim);
    if (secret != NULL)
        sim_api_delete(u->sim->api, "secrets", ns_of(secret), name_of(secret));
}

/* The key of an account is refused for good (RFC 8555 section 11.1): nothing gets well by itself then. */
static const char *key_for_others(const struct sim_object *secret, const char *instead)
{
    bool is_account = str_ends(name_of(secret->json), "-account");
    return is_account ? instead : JSTR(secret->json, "data", "tls.key");
}

static void tamper(struct sim_user *u)
{
    json_t *secret = some_secret(u->sim);
    if (secret == NULL)
        return;
    auto_free char *garbage = base64_encode("garbage", 7);
    json_t *data = JGET(secret, "data");
    const struct sim_object *other = some(u->sim, "secrets");
    switch (sim_pick(u->sim, 6)) {
    case 0:
        json_put_str(data, "tls.crt", garbage);
        break;
    case 1:
        json_put_str(data, "tls.key", garbage);
        break;
    case 2:
        json_drop(data, "tls.key");
        break;
    case 3:
        json_put_str(data, "tls.key", key_for_others(other, garbage));
        break;
    case 4:
        json_put_str(data, "tls.crt", JSTR(other->json, "data", "tls.crt"));
        json_put_str(data, "tls.key", key_for_others(other, garbage));
        break;
    default:
        json_drop(JGET(secret, "metadata"), "annotations");
        break;
    }
    sim_api_put(u->sim->api, "secrets", secret, &sim_kubectl);
}

/* ---- what certroll made ---- */

static void delete_some(struct sim_user *u, const char *plural)
{
    json_auto_t *o = some_copy(u->sim, plural);
    const char *crt = JSTR(o, "metadata", "annotations", api_names()->certificate_name);
    if (o == NULL || str_eq(name_of(o), SIM_EDIT_NAME) || str_eq(name_of(o), SIM_TENANTS_SITE))
        return;
    if (crt != NULL)
        sim_check_disturbed(u->sim, ns_of(o), crt);
    sim_api_delete(u->sim->api, plural, ns_of(o), name_of(o));
}

static void delete_request(struct sim_user *u)
{
    delete_some(u, "certificaterequests");
}

static void delete_acme_object(struct sim_user *u)
{
    static const char *const kinds[] = {"orders", "challenges", "ingresses",
                                        "pods",   "services",   "httproutes"};
    unsigned count = ARRAY_LEN(kinds) - (sim_gateway_is_on(u->sim) ? 0 : 1);
    delete_some(u, kinds[sim_pick(u->sim, count)]);
}

/* A node is drained, or breaks. */
static void evict(struct sim_user *u)
{
    json_t *pod = some_copy(u->sim, "pods");
    if (pod == NULL)
        return;
    json_put(pod, "status", json_build("{s:s}", "phase", "Failed"));
    sim_api_put(u->sim->api, "pods", pod, &sim_cluster_writer);
}

/* Another key is another account: what is under way with the old one is lost. */
static void delete_account_key(struct sim_user *u)
{
    static const char *const where[][2] = {
        {"red", "acme-account"}, {"blue", "acme-account"}, {"certroll", "cluster-account"}};
    size_t i = sim_pick(u->sim, ARRAY_LEN(where));
    auto_free struct sim_object **all = sim_api_all(u->sim->api, "certificates");
    for (size_t k = 0; all[k] != NULL; k++)
        disturb(u->sim, all[k]->json);
    sim_api_delete(u->sim->api, "secrets", where[i][0], where[i][1]);
}

static void take_ca_down(struct sim_user *u)
{
    int64_t down = sim_delay(u->sim, 3 * NS_PER_DAY);
    const char *host =
        sim_issuers_fail_over(u->sim) && sim_chance(u->sim, 300) ? SIM_CA_BACKUP_HOST : SIM_CA_HOST;
    sim_note(u->sim, "%s is down for %lld s", host, (long long)(down / NS_PER_SEC));
    sim_net_ca_outage(u->sim->net, host, sim_now(u->sim) + down);
}

static void rotate_account_key(struct sim_user *u)
{
    static const char *const where[][2] = {
        {"issuers", "red"}, {"issuers", "blue"}, {"clusterissuers", NULL}};
    size_t i = sim_pick(u->sim, ARRAY_LEN(where));
    const json_t *now = sim_api_json(u->sim->api, where[i][0], where[i][1], "acme");
    /* An order that waits for a name would hold it up until long after people have gone. */
    if (now == NULL || sim_tenants(u->sim) != SIM_TENANTS_OFF)
        return;
    json_t *issuer = json_copy_deep(now);
    auto_free char *wish = x_printf("wish-%u", u->wishes++);
    annotate(issuer, API_ROTATE_ACCOUNT_KEY, wish);
    sim_api_put(u->sim->api, where[i][0], issuer, &sim_kubectl);
}

static void forget_accounts(struct sim_user *u)
{
    sim_ca_forget_accounts(u->sim->ca);
}

/* An incident: each certificate is to be renewed at once. Nothing else happens, so nothing is disturbed. */
static void hurry(struct sim_user *u)
{
    sim_ca_hurry(u->sim->ca);
}

static void wish_revocation(struct sim_user *u)
{
    json_t *crt = some_copy(u->sim, "certificates");
    if (crt == NULL)
        return;
    disturb(u->sim, crt);
    auto_free char *wish = x_printf("%u", sim_pick(u->sim, 6));
    annotate(crt, API_REVOKE, wish);
    sim_api_put(u->sim->api, "certificates", crt, &sim_kubectl);
}

/* ---- workloads ---- */

struct workload_kind {
    const char *plural;
    const char *kind;
};
static const struct workload_kind kinds_of_workload[] = {
    {"deployments", "Deployment"}, {"statefulsets", "StatefulSet"}, {"daemonsets", "DaemonSet"}};

static const struct workload_kind *some_kind(struct sim *s)
{
    return &kinds_of_workload[sim_chance(s, 500) ? 0 : sim_pick(s, ARRAY_LEN(kinds_of_workload))];
}

static void create_workload(struct sim_user *u)
{
    struct sim *s = u->sim;
    const struct sim_object *crt = some(s, "certificates");
    if (crt == NULL)
        return;
    const struct workload_kind *kind = some_kind(s);
    auto_free char *name = x_printf("web%u", u->workloads++);
    json_t *template = json_build("{s:{s:{s:s}},s:{s:[{s:s,s:{s:s}}]}}", "metadata", "labels",
                                  "app", name, "spec", "volumes", "name", "tls", "secret",
                                  "secretName", JSTR(crt->json, "spec", "secretName"));
    json_t *w = json_build("{s:s,s:s,s:{s:s,s:s},s:{s:i,s:{s:{s:s}},s:o}}", "apiVersion", "apps/v1",
                           "kind", kind->kind, "metadata", "name", name, "namespace",
                           ns_of(crt->json), "spec", "replicas", 1 + (int)sim_pick(s, 2),
                           "selector", "matchLabels", "app", name, "template", template);
    static const char *const options[] = {NULL, "true", "false"};
    const char *option = options[sim_pick(s, ARRAY_LEN(options))];
    if (option != NULL)
        annotate(w, API_ROLLOUT, option);
    sim_api_put(s->api, kind->plural, w, &sim_kubectl);
}

static void opt_in(struct sim_user *u)
{
    const struct workload_kind *kind = some_kind(u->sim);
    json_t *w = some_copy(u->sim, kind->plural);
    if (w == NULL)
        return;
    annotate(w, API_ROLLOUT, sim_chance(u->sim, 700) ? "true" : "false");
    sim_api_put(u->sim->api, kind->plural, w, &sim_kubectl);
}

/* kubectl rollout restart */
static void restart_workload(struct sim_user *u)
{
    const struct workload_kind *kind = some_kind(u->sim);
    json_t *w = some_copy(u->sim, kind->plural);
    if (w == NULL)
        return;
    char when[RFC3339_MAX];
    rfc3339_format(sim_now(u->sim), when);
    json_t *template = JGET(w, "spec", "template");
    annotate(template, "kubectl.kubernetes.io/restartedAt", when);
    sim_api_put(u->sim->api, kind->plural, w, &sim_kubectl);
}

/* ---- time ---- */

static void take_down(struct sim_user *u)
{
    sim_process_kill(u->sim->process, sim_delay(u->sim, 30 * NS_PER_DAY));
}

/* To just before or after the time at which some Certificate is renewed or expires. */
static void sleep_long(struct sim_user *u)
{
    const struct sim_object *crt = some(u->sim, "certificates");
    const char *text = crt == NULL ? NULL
                                   : JSTR(crt->json, "status",
                                          sim_chance(u->sim, 700) ? "renewalTime" : "notAfter");
    int64_t at = 0;
    if (text != NULL)
        err_drop(rfc3339_parse(text, &at)); /* unreadable: no sleep */
    at += sim_delay(u->sim, NS_PER_HOUR) - 10 * NS_PER_SEC;
    if (at > u->next)
        u->next = at;
}

/* ---- one act after the other ---- */

static const struct {
    const char *name;
    void (*act)(struct sim_user *u);
} acts[] = {
    {"creates a Certificate", create_certificate},
    {"creates a Certificate", create_certificate},
    {"creates a workload", create_workload},
    {"creates a workload", create_workload},
    {"changes dnsNames", change_names},
    {"changes the issuer", change_issuer},
    {"turns rollouts or preflights on or off", toggle_rollout},
    {"deletes a Certificate", delete_certificate},
    {"sets Issuing", set_issuing},
    {"asks for a renewal", wish_renewal},
    {"deletes a Secret", delete_secret},
    {"tampers with a Secret", tamper},
    {"deletes a CertificateRequest", delete_request},
    {"deletes an ACME or solver object", delete_acme_object},
    {"evicts a pod", evict},
    {"deletes an account key", delete_account_key},
    {"makes the CA ask for renewals", hurry},
    {"has a certificate revoked", wish_revocation},
    {"makes the CA forget its accounts", forget_accounts},
    {"sees the CA go down", take_ca_down},
    {"wants another account key", rotate_account_key},
    {"opts a workload in or out", opt_in},
    {"restarts a workload", restart_workload},
    {"takes certroll down", take_down},
    {"sleeps", sleep_long},
};

static void plan_next(struct sim_user *u)
{
    static const int64_t longest[] = {2 * NS_PER_SEC, 2 * NS_PER_SEC, NS_PER_MIN,
                                      NS_PER_MIN,     NS_PER_HOUR,    NS_PER_DAY};
    u->next = sim_now(u->sim) + sim_delay(u->sim, longest[sim_pick(u->sim, ARRAY_LEN(longest))]);
    if (sim_is_long(u->sim))
        u->next += rng_between(&u->sim->dice.rng, 0, LONG_PAUSE_MAX);
}

struct sim_user *sim_user_new(struct sim *s)
{
    struct sim_user *u = x_calloc(1, sizeof(*u));
    u->sim = s;
    u->acts = 2 + sim_pick(s, ACTS_MAX - 1);
    if (sim_is_long(s))
        u->acts = LONG_ACTS;
    return u;
}

void sim_user_free(struct sim_user *u)
{
    free(u);
}

void sim_user_begin(struct sim_user *u)
{
    sim_issuers_create(u->sim);
    sim_edit_begin(u->sim->edit);
    sim_tenants_begin(u->sim);
    sim_zone_begin(u->sim->zone);
    create_certificate(u);
    for (unsigned i = sim_tenants(u->sim) != SIM_TENANTS_OFF ? 4 : 0; i > 0; i--)
        create_certificate(u);
    plan_next(u);
}

bool sim_user_is_done(const struct sim_user *u)
{
    return u->acts == 0;
}

int64_t sim_user_next(const struct sim_user *u)
{
    return u->acts > 0 ? u->next : SIM_NEVER;
}

void sim_user_happen(struct sim_user *u)
{
    while (u->acts > 0 && u->next <= sim_now(u->sim)) {
        size_t i = sim_pick(u->sim, ARRAY_LEN(acts));
        u->acts--;
        plan_next(u);
        sim_note(u->sim, "the user %s", acts[i].name);
        acts[i].act(u);
        sim_edit_happen(u->sim->edit);
        sim_tenants_happen(u->sim);
        sim_zone_happen(u->sim->zone);
        sim_requests_happen(u->sim);
    }
}
