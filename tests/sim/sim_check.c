/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_check.h"

#include <stdlib.h>
#include <string.h>

#include "api/group.h"
#include "api/order.h"
#include "base/encode.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "http01/standing.h"
#include "sim/sim_ca.h"
#include "sim/sim_cluster.h"
#include "sim/sim_edit.h"
#include "sim/sim_failover.h"
#include "sim/sim_hooks.h"
#include "sim/sim_orders.h"
#include "sim/sim_pace.h"
#include "sim/sim_pki.h"
#include "sim/sim_process.h"
#include "sim/sim_requests.h"
#include "sim/sim_tenants.h"
#include "sim/sim_years.h"
#include "sim/sim_zone.h"

/* A change is known to certroll after this at the latest: streams lag, calls time out. */
#define SEEN_AFTER NS_PER_MIN

struct sim_check {
    struct sim *sim;
    struct map orders;    /* number of the CA's order -> uid of the request, owned */
    struct map requests;  /* uid -> number of the CA's order, owned */
    struct map delivered; /* PEM chains that certroll wrote into a Secret -> int64_t, when first */
    struct map disturbed; /* "ns/certificate" -> int64_t, when */
    struct map passed; /* uid of a Certificate -> names that its preflight has passed for, owned */
    unsigned torn;     /* Orders that were deleted before their URL could be stored */
    unsigned writes;
    bool resting;
};

struct sim_check *sim_check_new(struct sim *s)
{
    struct sim_check *c = x_calloc(1, sizeof(*c));
    c->sim = s;
    c->orders = MAP_INIT(free);
    c->requests = MAP_INIT(free);
    c->delivered = MAP_INIT(free);
    c->disturbed = MAP_INIT(free);
    c->passed = MAP_INIT(free);
    return c;
}

void sim_check_free(struct sim_check *c)
{
    map_release(&c->orders);
    map_release(&c->requests);
    map_release(&c->delivered);
    map_release(&c->disturbed);
    map_release(&c->passed);
    free(c);
}

unsigned sim_check_writes(const struct sim_check *c)
{
    return c->writes;
}

void sim_check_rest(struct sim_check *c)
{
    c->resting = true;
}

/* ---- conditions ---- */

/* Said of the present generation. */
static bool condition_is(const json_t *object, const char *type, const char *status)
{
    const json_t *c = sim_condition(object, type);
    return str_eq(JSTR(c, "status"), status) &&
           JINT(c, 0, "observedGeneration") == JINT(object, 0, "metadata", "generation");
}

/* ---- orders at the CA ---- */

static const char *controller_uid(const json_t *object)
{
    return str_or(JSTR(object, "metadata", "ownerReferences", "0", "uid"), "");
}

/* Each Order's URL is written before it is used, and a request has but one. */
static void check_order(struct sim *s, const json_t *now)
{
    struct sim_check *c = s->check;
    const char *url = JSTR(now, "status", "url");
    if (str_empty(url))
        return;
    const char *uid = controller_uid(now);
    auto_free char *number = x_printf("%zu", sim_ca_order_number(url));
    const char *known = map_get(&c->requests, uid);
    if (known != NULL && !str_eq(known, number))
        sim_fail(s, "the request %s has a second order: %s after %s", uid, number, known);
    sim_orders_check_alone(s, now);
    map_put(&c->requests, uid, x_strdup(number));
    map_put(&c->orders, number, x_strdup(uid));
}

/* A user or the garbage collector: the next Order is a new order. */
static void check_order_gone(struct sim *s, const json_t *old)
{
    map_remove(&s->check->requests, controller_uid(old));
    if (str_empty(JSTR(old, "status", "url")))
        s->check->torn++;
}

bool sim_check_order_is_stored(struct sim *s, size_t n)
{
    auto_free char *number = x_printf("%zu", n);
    return map_has(&s->check->orders, number);
}

void sim_check_order_used(struct sim *s, size_t n)
{
    if (!sim_check_order_is_stored(s, n))
        sim_fail(s, "order %zu was used before its URL was stored", n);
    sim_hooks_check_used(s, n);
}

/* ---- Secrets ---- */

/* data[key] as text; owned, NULL when absent or unreadable. */
static char *secret_text(const json_t *secret, const char *key)
{
    const char *text = JSTR(secret, "data", key);
    char *raw = NULL;
    size_t len = 0;
    if (text != NULL)
        err_drop(base64_decode(text, strlen(text), &raw, &len)); /* unreadable: NULL */
    return raw;
}

static void check_secret(struct sim *s, const json_t *now)
{
    auto_free char *crt = secret_text(now, "tls.crt");
    auto_free char *key = secret_text(now, "tls.key");
    const char *name = JSTR(now, "metadata", "name");
    if (crt == NULL)
        return;
    int64_t when = sim_now(s);
    if (!map_has(&s->check->delivered, crt))
        map_put(&s->check->delivered, crt, x_memdup(&when, sizeof(when)));
    if (key == NULL || !sim_pki_pair_matches(crt, key))
        sim_fail(s, "certroll wrote Secret %s with a key that is not the certificate's", name);
}

/* ---- what the CA issued is not thrown away, but for preflights ---- */

static bool is_trial(const json_t *request)
{
    return JSTR(request, "metadata", "annotations", API_PREFLIGHT) != NULL;
}

static bool was_disturbed(struct sim *s, const json_t *request)
{
    auto_free char *key = x_printf(
        "%s/%s", JSTR(request, "metadata", "namespace"),
        str_or(JSTR(request, "metadata", "annotations", api_names()->certificate_name), ""));
    int64_t made = 0;
    err_drop(rfc3339_parse(JSTR(request, "metadata", "creationTimestamp"), &made)); /* ours */
    const int64_t *when = map_get(&s->check->disturbed, key);
    return (when != NULL && *when + SEEN_AFTER >= made) ||
           !sim_api_has_uid(s->api, controller_uid(request));
}

static void check_request_gone(struct sim *s, const json_t *old)
{
    const char *number = map_get(&s->check->requests, JSTR(old, "metadata", "uid"));
    sim_requests_check_gone(s, old);
    auto_free char *url = x_printf("https://" SIM_CA_HOST "/order/%s", str_or(number, "none"));
    const char *issued = sim_ca_issued(s->ca, url);
    AUTO(strlist_release) struct strlist names = {0};
    bool expired = issued != NULL && sim_pki_read(issued, &names) <= sim_now(s);
    if (issued == NULL || expired || was_disturbed(s, old) || is_trial(old) ||
        sim_ca_order_is_lost(s->ca, url) || sim_failover_gives_up(s, url))
        return;
    if (!map_has(&s->check->delivered, issued))
        sim_fail(s,
                 "certroll deleted CertificateRequest %s, whose certificate the CA has issued "
                 "and which is in no Secret",
                 JSTR(old, "metadata", "name"));
}

void sim_check_disturbed(struct sim *s, const char *ns, const char *certificate)
{
    auto_free char *key = x_printf("%s/%s", ns, certificate);
    int64_t now = sim_now(s);
    map_put(&s->check->disturbed, key, x_memdup(&now, sizeof(now)));
}

/* ---- preflights ---- */

static char *names_of(const json_t *object)
{
    AUTO(strlist_release) struct strlist names = {0};
    const json_t *dns = JGET(object, "spec", "dnsNames");
    for (size_t i = 0; i < json_count(dns); i++)
        strlist_add(&names, json_text(json_item(dns, i)));
    strlist_sort(&names);
    json_auto_t *list = json_from_strlist(&names);
    char *text = NULL;
    err_drop(json_to_string(list, 65536, &text)); /* far below */
    return text;
}

static void check_trial(struct sim *s, const json_t *request)
{
    const json_t *crt = sim_api_json(
        s->api, "certificates", JSTR(request, "metadata", "namespace"),
        str_or(JSTR(request, "metadata", "annotations", api_names()->certificate_name), ""));
    if (is_trial(request) && JSTR(request, "status", "certificate") != NULL &&
        str_eq(controller_uid(request), JSTR(crt, "metadata", "uid")))
        map_put(&s->check->passed, controller_uid(request), names_of(crt));
}

/* The real CA hears nothing of what the staging CA has not issued since the last attempt. */
static void check_new_order(struct sim *s, const json_t *order)
{
    const char *ns = JSTR(order, "metadata", "namespace");
    const json_t *request =
        sim_api_json(s->api, "certificaterequests", ns,
                     str_or(JSTR(order, "metadata", "ownerReferences", "0", "name"), ""));
    const json_t *crt = sim_api_json(
        s->api, "certificates", ns,
        str_or(JSTR(order, "metadata", "annotations", api_names()->certificate_name), ""));
    if (request == NULL || is_trial(request) || JGET(crt, "spec", "preflight") == NULL ||
        was_disturbed(s, request))
        return;
    auto_free char *names = names_of(order);
    if (!str_eq(map_get(&s->check->passed, JSTR(crt, "metadata", "uid")), names))
        sim_fail(s, "Order %s was made before its preflight has passed",
                 JSTR(order, "metadata", "name"));
}

static void check_attempt_over(struct sim *s, const json_t *old, const json_t *now)
{
    static const char *const counts[] = {"revision", "failedIssuanceAttempts"};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        if (JINT(now, 0, "status", counts[i]) > JINT(old, 0, "status", counts[i]))
            map_remove(&s->check->passed, JSTR(now, "metadata", "uid"));
}

/* ---- Certificates and workloads ---- */

static void check_certificate(struct sim *s, const json_t *old, const json_t *now)
{
    check_attempt_over(s, old, now);
    int64_t was = JINT(old, 0, "status", "revision");
    int64_t is = JINT(now, 0, "status", "revision");
    if (is < was || is > was + 1)
        sim_fail(s, "Certificate %s: revision %lld after %lld", JSTR(now, "metadata", "name"),
                 (long long)is, (long long)was);
}

static int64_t issued_at(struct sim *s, const char *ns, const char *secret)
{
    const json_t *json = sim_api_json(s->api, "secrets", ns, secret);
    const char *text = JSTR(json, "metadata", "annotations", API_ISSUED_AT);
    int64_t at = 0;
    if (text != NULL)
        err_drop(rfc3339_parse(text, &at)); /* unreadable: 0 */
    return at;
}

static const char *secret_of(const json_t *workload)
{
    return JSTR(workload, "spec", "template", "spec", "volumes", "0", "secret", "secretName");
}

static const char *rolled_for(const json_t *workload)
{
    return str_or(JSTR(workload, "spec", "template", "metadata", "annotations", API_CERTIFICATES),
                  "");
}

/* Pods are replaced only when the workload was seen with another certificate, or one of them is older
 * than what is in the Secret. */
static void check_rollout(struct sim *s, const json_t *old, const json_t *now)
{
    /* Written by a clock that was ahead, a time of issuance means nothing. */
    if (sim_process_greatest_skew(s->process) > 0 || str_eq(rolled_for(old), rolled_for(now)))
        return;
    bool seen = JSTR(old, "metadata", "annotations", API_CERTIFICATES) != NULL;
    int64_t issued = issued_at(s, JSTR(now, "metadata", "namespace"), secret_of(now));
    /* 0: somebody has just deleted the Secret. */
    if (!seen && issued != 0 && sim_cluster_oldest_container(s, now) > issued)
        sim_fail(s, "workload %s was rolled though all its containers are newer than the Secret",
                 JSTR(now, "metadata", "name"));
}

/* ---- all writes ---- */

/* An account that the CA lost while users were about may be missed any time: once a day. */
static bool is_of_lost_account(struct sim *s, const json_t *old)
{
    const char *uri = JSTR(old, "status", "acme", "uri");
    return uri != NULL && !sim_ca_knows_account(s->ca, uri);
}

static void count_write(struct sim *s, const char *what, const json_t *old, const json_t *object)
{
    s->check->writes++;
    if (s->check->resting && !is_of_lost_account(s, old))
        sim_fail(s, "at rest certroll wrote %s %s", what, JSTR(object, "metadata", "name"));
}

/* What the CA says of a certificate for the first time, or anew, is worth a write also at rest. */
static bool is_news_of_ca(const json_t *old, const json_t *now)
{
    const char *drawn = JSTR(now, "status", "renewalInfo", "selectedTime");
    return drawn != NULL && !str_eq(drawn, JSTR(old, "status", "renewalInfo", "selectedTime"));
}

void sim_check_write(struct sim *s, const struct sim_resource *res, const json_t *old,
                     const json_t *now, const struct sim_writer *writer)
{
    const char *kind = res->plural;
    sim_tenants_note(s, kind, old, now);
    if (now != NULL && str_eq(kind, "orders")) {
        check_order(s, now);
        sim_hooks_check_order(s, old, now);
        sim_tenants_check_order(s, old, now);
    }
    if (now == NULL && !writer->ours && str_eq(kind, "orders"))
        check_order_gone(s, old);
    if (!writer->ours || str_eq(kind, "leases"))
        return;
    if (!is_news_of_ca(old, now))
        count_write(s, kind, old, now != NULL ? now : old);
    if (now != NULL && str_eq(kind, "secrets"))
        sim_years_check_secret(s, old, now);
    if (old == NULL && str_eq(kind, "certificaterequests"))
        sim_failover_check_request(s, now);
    if (old == NULL && str_eq(kind, "orders"))
        check_new_order(s, now);
    else if (now != NULL && str_eq(kind, "certificaterequests"))
        check_trial(s, now);
    else if (now == NULL && str_eq(kind, "certificaterequests"))
        check_request_gone(s, old);
    else if (now != NULL && str_eq(kind, "secrets"))
        check_secret(s, now);
    else if (now != NULL && str_eq(kind, "certificates"))
        check_certificate(s, old, now);
    else if (now != NULL && sim_resource_is_workload(res))
        check_rollout(s, old, now);
}

void sim_check_no_change(struct sim *s, const struct sim_object *o)
{
    sim_fail(s, "a status was written that is what it was: %s %s", o->res->kind,
             JSTR(o->json, "metadata", "name"));
}

/* ---- at the end ---- */

int64_t sim_check_next_renewal(struct sim *s)
{
    auto_free struct sim_object **all = sim_api_all(s->api, "certificates");
    int64_t next = SIM_NEVER;
    for (size_t i = 0; all[i] != NULL; i++) {
        const char *text = JSTR(all[i]->json, "status", "renewalTime");
        int64_t at = SIM_NEVER;
        if (text != NULL)
            err_drop(rfc3339_parse(text, &at)); /* unreadable: never */
        if (at <= sim_now(s) && sim_tenants_excuse(s, all[i]->json))
            at = SIM_NEVER;
        next = at < next ? at : next;
    }
    return next;
}

/* Why the Secret does not serve the Certificate, or NULL. */
static const char *secret_fault(struct sim *s, const json_t *crt, const json_t *secret)
{
    auto_free char *pem = secret_text(secret, "tls.crt");
    auto_free char *key = secret_text(secret, "tls.key");
    AUTO(strlist_release) struct strlist wanted = {0};
    AUTO(strlist_release) struct strlist names = {0};
    const json_t *dns = JGET(crt, "spec", "dnsNames");
    for (size_t i = 0; i < json_count(dns); i++)
        strlist_add(&wanted, json_text(json_item(dns, i)));
    strlist_sort(&wanted);
    strlist_uniq(&wanted);
    if (pem == NULL || key == NULL)
        return "has no certificate or key";
    if (!sim_pki_pair_matches(pem, key))
        return "has a key that is not the certificate's";
    if (sim_pki_read(pem, &names) <= sim_now(s))
        return "has expired";
    if (!strlist_equal(&wanted, &names))
        return "has other names";
    if (sim_ca_has_revoked(s->ca, pem))
        return "was revoked";
    return sim_pki_chain_verifies(pem, sim_now(s)) ? NULL : "does not verify";
}

/* Two Certificates that name one Secret: one has it, the other says so. */
static bool belongs_to_rival(struct sim *s, const json_t *crt, const json_t *secret)
{
    const char *ns = JSTR(crt, "metadata", "namespace");
    const char *owner = JSTR(secret, "metadata", "annotations", api_names()->certificate_name);
    if (owner == NULL || str_eq(owner, JSTR(crt, "metadata", "name")))
        return false;
    const json_t *rival = sim_api_json(s->api, "certificates", ns, owner);
    return rival != NULL &&
           str_eq(JSTR(rival, "spec", "secretName"), JSTR(crt, "spec", "secretName"));
}

/* Is one to be issued? */
static bool is_due(struct sim *s, const json_t *crt)
{
    const char *text = JSTR(crt, "status", "renewalTime");
    int64_t at = 0;
    if (text != NULL)
        err_drop(rfc3339_parse(text, &at)); /* unreadable: now */
    return at <= sim_now(s) || !condition_is(crt, "Ready", "True") ||
           condition_is(crt, "Issuing", "True");
}

/* Another Certificate is to write the Secret, and waits for a name. */
static bool is_behind_waiting_rival(struct sim *s, const json_t *crt)
{
    auto_free struct sim_object **all = sim_api_all(s->api, "certificates");
    if (!str_eq(JSTR(sim_condition(crt, "Ready"), "reason"), "SecretNameInUse"))
        return false;
    for (size_t i = 0; all[i] != NULL; i++) {
        const json_t *o = all[i]->json;
        if (o != crt && str_eq(JSTR(o, "spec", "secretName"), JSTR(crt, "spec", "secretName")) &&
            str_eq(JSTR(o, "metadata", "namespace"), JSTR(crt, "metadata", "namespace")) &&
            sim_tenants_excuse(s, o))
            return true;
    }
    return false;
}

/* What waits for a name is not heard of while it waits, and only the Certificate that has the Secret asks. */
static bool is_unheard(struct sim *s, const json_t *crt, int64_t before)
{
    const char *ns = JSTR(crt, "metadata", "namespace");
    const json_t *secret = sim_api_json(s->api, "secrets", ns, JSTR(crt, "spec", "secretName"));
    auto_free char *pem = secret_text(secret, "tls.crt");
    int64_t begin = pem != NULL ? sim_ca_renew_at(s->ca, pem) : SIM_NEVER;
    char text[RFC3339_MAX];
    bool waits = is_due(s, crt) && sim_tenants_excuse(s, crt);
    if (begin >= before || waits || belongs_to_rival(s, crt, secret) ||
        is_behind_waiting_rival(s, crt))
        return false;
    rfc3339_format(begin, text);
    return !str_eq(JSTR(crt, "status", "renewalInfo", "windowStart"), text);
}

const char *sim_check_unheard(struct sim *s, int64_t before)
{
    auto_free struct sim_object **all = sim_api_all(s->api, "certificates");
    for (size_t i = 0; all[i] != NULL; i++)
        if (is_unheard(s, all[i]->json, before))
            return JSTR(all[i]->json, "metadata", "name");
    return NULL;
}

static char *unfinished_certificate(struct sim *s, const json_t *crt)
{
    const char *ns = JSTR(crt, "metadata", "namespace");
    const char *name = JSTR(crt, "metadata", "name");
    const char *secret = JSTR(crt, "spec", "secretName");
    const json_t *json = sim_api_json(s->api, "secrets", ns, secret);
    bool waits = sim_tenants_excuse(s, crt);
    if (is_behind_waiting_rival(s, crt))
        return NULL;
    if (waits && is_due(s, crt) && !belongs_to_rival(s, crt, json) && !sim_tenants_is_told(s, crt))
        return x_printf("Certificate %s: no Order says which name it waits for", name);
    if (!condition_is(crt, "Ready", "True") && (waits || belongs_to_rival(s, crt, json)))
        return NULL;
    if (!condition_is(crt, "Ready", "True"))
        return x_printf("Certificate %s is not ready: %s", name,
                        str_or(JSTR(crt, "status", "nextAction"), "no reason given"));
    if (condition_is(crt, "Issuing", "True") && !waits)
        return x_printf("Certificate %s is still being issued", name);
    const json_t *revocation = JGET(crt, "status", "revocation");
    if (JSTR(revocation, "serialNumber") != NULL && JSTR(revocation, "time") == NULL)
        return x_printf("Certificate %s is still to be revoked", name);
    const char *fault = json == NULL ? "does not exist" : secret_fault(s, crt, json);
    if (fault != NULL)
        return x_printf("Certificate %s is ready and its Secret %s", name, fault);
    if (!str_eq(JSTR(json, "metadata", "annotations", API_FINGERPRINT),
                JSTR(crt, "status", "fingerprint")))
        return x_printf("Certificate %s: status has another fingerprint than the Secret", name);
    return NULL;
}

static bool is_followed(struct sim *s, const json_t *workload, const json_t **ret_secret)
{
    const char *ns = JSTR(workload, "metadata", "namespace");
    const char *opt = JSTR(workload, "metadata", "annotations", API_ROLLOUT);
    *ret_secret = sim_api_json(s->api, "secrets", ns, str_or(secret_of(workload), ""));
    const char *owner = JSTR(*ret_secret, "metadata", "annotations", api_names()->certificate_name);
    const json_t *crt = owner != NULL ? sim_api_json(s->api, "certificates", ns, owner) : NULL;
    if (str_eq(opt, "false") || owner == NULL)
        return false;
    return str_eq(opt, "true") || JBOOL(crt, "spec", "rollout", "enabled");
}

static char *unfinished_workload(struct sim *s, const json_t *workload)
{
    const json_t *secret = NULL;
    if (!is_followed(s, workload, &secret))
        return NULL;
    /* A Secret that was deleted may be written again with the certificate that pods run with. */
    auto_free char *crt = secret_text(secret, "tls.crt");
    const int64_t *delivered = crt != NULL ? map_get(&s->check->delivered, crt) : NULL;
    int64_t issued =
        issued_at(s, JSTR(secret, "metadata", "namespace"), JSTR(secret, "metadata", "name")) -
        sim_process_greatest_skew(s->process);
    if (delivered != NULL && *delivered < issued)
        issued = *delivered;
    issued -= issued % NS_PER_SEC; /* as containers say it */
    int64_t oldest = sim_cluster_oldest_container(s, workload);
    if (oldest < issued)
        return x_printf("workload %s has containers that are %lld s older than the Secret",
                        JSTR(workload, "metadata", "name"),
                        (long long)((issued - oldest) / NS_PER_SEC));
    return NULL;
}

/* What is there only while something is under way. */
static const char *leftover(struct sim *s, const struct sim_object *o)
{
    const json_t *labels = JGET(o->json, "metadata", "labels");
    if (str_eq(o->res->plural, "challenges"))
        return "a Challenge";
    if (JSTR(labels, HTTP01_STANDING) != NULL)
        return sim_tenants_need_route(s, o->json) ? NULL : "a standing route";
    if (JSTR(labels, api_names()->http01_solver) != NULL)
        return "a solver object";
    if (JSTR(labels, api_names()->next_private_key) != NULL)
        return "a key Secret";
    if (str_eq(o->res->plural, "jobs") &&
        json_count(JGET(o->json, "metadata", "ownerReferences")) > 0)
        return "a Job that prepares";
    if (str_eq(o->res->plural, "orders") && !order_state_is_final(JSTR(o->json, "status", "state")))
        return "an unfinished Order";
    if (JSTR(o->json, "metadata", "annotations", API_PREFLIGHT) != NULL &&
        JSTR(o->json, "status", "failureTime") == NULL)
        return "a preflight"; /* failed ones stay to be read, as other requests do */
    if (json_count(JGET(o->json, "metadata", "finalizers")) > 0)
        return "a finalizer";
    return o->collect_at != SIM_NEVER ? "garbage" : NULL;
}

static char *unfinished_object(struct sim *s, const struct sim_object *o)
{
    const char *what = leftover(s, o);
    if (sim_tenants_excuse_object(s, o->json))
        return NULL;
    if (what != NULL)
        return x_printf("%s is left: %s", what, JSTR(o->json, "metadata", "name"));
    if (str_eq(o->res->plural, "certificates"))
        return unfinished_certificate(s, o->json);
    if (str_ends(o->res->plural, "issuers") && !condition_is(o->json, "Ready", "True"))
        return x_printf("%s %s is not ready", o->res->kind, JSTR(o->json, "metadata", "name"));
    if (sim_resource_is_workload(o->res))
        return unfinished_workload(s, o->json);
    return NULL;
}

char *sim_check_unfinished(struct sim *s)
{
    auto_free struct sim_object **all = sim_api_all(s->api, NULL);
    for (size_t i = 0; all[i] != NULL; i++) {
        char *why = unfinished_object(s, all[i]);
        if (why != NULL)
            return why;
    }
    char *why = sim_edit_fault(s->edit);
    if (why == NULL)
        why = sim_hooks_unfinished(s);
    if (why == NULL)
        why = sim_zone_unfinished(s->zone);
    if (why == NULL)
        why = sim_requests_unfinished(s);
    if (why == NULL)
        why = sim_pace_unfinished(s);
    if (why == NULL)
        sim_orders_check_stored(s, s->check->torn);
    return why;
}
