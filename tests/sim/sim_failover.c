/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_failover.h"

#include <stdlib.h>
#include <string.h>

#include "api/group.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "sim/sim_api.h"
#include "sim/sim_ca.h"
#include "sim/sim_issuers.h"
#include "sim/sim_net.h"
#include "sim/sim_process.h"

#define NAME "waiting"
#define DNS_NAME NAME ".test"
#define OUTAGE_MAX (5 * NS_PER_DAY)
/* The default of failoverAfterOutage. */
#define SILENCE (10 * NS_PER_MIN)
/* And what a back-off, a look and the other CA take. */
#define TAKEN_OVER_MAX (SILENCE + 20 * NS_PER_MIN)
/* The default of failoverAfterAttempts. */
#define ATTEMPTS 3
/* A silence that nobody breaks is remembered for an hour. */
#define REMEMBERED (NS_PER_HOUR + 10 * NS_PER_MIN)
/* After that nobody remembers the outage. */
#define FORGOTTEN (2 * NS_PER_HOUR)
/* A directory is kept for an hour. */
#define READ_AGAIN (NS_PER_HOUR + NS_PER_MIN)
/* What an attempt with nothing in its way takes, and more. */
#define ISSUED_MAX (20 * NS_PER_SEC)
#define RENEWED_MAX (30 * NS_PER_MIN)

/* ---- for a reason ---- */

void sim_failover_check_request(struct sim *s, const json_t *request)
{
    const json_t *ref = JGET(request, "spec", "issuerRef");
    const char *ns = JSTR(request, "metadata", "namespace");
    bool cluster = str_eq(JSTR(ref, "kind"), "ClusterIssuer");
    if (!str_eq(JSTR(ref, "name"), "backup"))
        return;
    const json_t *crt = sim_api_json(
        s->api, "certificates", ns,
        str_or(JSTR(request, "metadata", "annotations", api_names()->certificate_name), ""));
    const json_t *first =
        sim_api_json(s->api, cluster ? "clusterissuers" : "issuers", cluster ? NULL : ns, "acme");
    if (JINT(crt, 0, "status", "failedIssuanceAttempts") < ATTEMPTS &&
        !sim_ca_is_forbidden(s->ca, JSTR(crt, "spec", "dnsNames", "0")) &&
        str_eq(JSTR(sim_condition(first, "Ready"), "status"), "True") &&
        sim_now(s) - sim_net_last_fault(s->net) > REMEMBERED)
        sim_fail(s, "CertificateRequest %s is for the CA that takes over, without a reason",
                 JSTR(request, "metadata", "name"));
}

bool sim_failover_gives_up(struct sim *s, const char *order_url)
{
    int64_t silence = SILENCE - 2 * sim_process_greatest_skew(s->process);
    return sim_issuers_fail_over(s) && sim_now(s) - sim_ca_last_heard(s->ca, order_url) >= silence;
}

/* ---- taking over and giving back ---- */

static void put_certificate(struct sim *s, const char *ns)
{
    sim_api_put(s->api, "certificates",
                json_build("{s:s,s:s,s:{s:s,s:s},s:{s:s,s:{s:s,s:s},s:[s],s:{s:s,s:i}}}",
                           "apiVersion", "certroll.dev/v1", "kind", "Certificate", "metadata",
                           "name", NAME, "namespace", ns, "spec", "secretName", "tls-" NAME,
                           "issuerRef", "kind", sim_chance(s, 500) ? "Issuer" : "ClusterIssuer",
                           "name", "acme", "dnsNames", DNS_NAME, "privateKey", "algorithm", "ECDSA",
                           "size", 256),
                &sim_kubectl);
}

static void ask_renewal(struct sim *s, const char *ns, const char *wish)
{
    json_t *crt = json_copy_deep(sim_api_json(s->api, "certificates", ns, NAME));
    json_put(JGET(crt, "metadata"), "annotations", json_build("{s:s}", API_RENEW, wish));
    sim_api_put(s->api, "certificates", crt, &sim_kubectl);
}

/* The certificate that is served; owned, NULL without one. */
static char *served(struct sim *s, const char *ns)
{
    const char *text = JSTR(sim_api_json(s->api, "secrets", ns, "tls-" NAME), "data", "tls.crt");
    char *pem = NULL;
    size_t len = 0;
    if (text != NULL)
        err_drop(base64_decode(text, strlen(text), &pem, &len)); /* unreadable: none */
    return pem;
}

/* Waits for another certificate than that; owned, NULL when none came in time. */
static char *wait_for_other(struct sim *s, const char *ns, const char *old, int64_t patience)
{
    int64_t until = sim_now(s) + patience;
    char *pem = served(s, ns);
    while (str_eq(pem, old) && sim_now(s) < until && !sim_failed(s)) {
        sim_live(s, sim_now(s) + NS_PER_MIN);
        free(pem);
        pem = served(s, ns);
    }
    if (!str_eq(pem, old))
        return pem;
    free(pem);
    return NULL;
}

/* CAA is set right while nothing is wanted, and each CA is known by it. */
static void forbid(struct sim *s)
{
    sim_ca_forbid(s->ca, DNS_NAME);
    sim_live(s, sim_now(s) + READ_AGAIN);
}

/* Days without the first CA, which begin while the certificate is on its way or before, or one that fails each
 * attempt, or that CAA forbids; until when. */
static int64_t trouble(struct sim *s, const char *ns, bool *ret_under_way)
{
    bool away = sim_chance(s, 500);
    bool under_way = *ret_under_way = away && sim_chance(s, 500);
    bool forbidden = !away && sim_chance(s, 500);
    if (forbidden)
        forbid(s);
    if (under_way) {
        put_certificate(s, ns);
        sim_live(s, sim_now(s) + sim_delay(s, ISSUED_MAX));
    }
    int64_t until = sim_now(s) + 2 * TAKEN_OVER_MAX + sim_delay(s, OUTAGE_MAX);
    sim_note(s, "%s is %s, and a certificate is wanted", SIM_CA_HOST,
             away        ? "away for days"
             : forbidden ? "forbidden by CAA"
                         : "not content with the name");
    if (away)
        sim_net_ca_outage(s->net, SIM_CA_HOST, until);
    else if (!forbidden)
        sim_ca_shun(s->ca, DNS_NAME);
    if (!under_way)
        put_certificate(s, ns);
    return until;
}

/* The first certificate of the other CA; owned, NULL when none came in time. One that was under way may have been there
 * before the trouble: then it is the next one. */
static char *wait_for_backup(struct sim *s, const char *ns, bool under_way)
{
    char *pem = wait_for_other(s, ns, NULL, TAKEN_OVER_MAX);
    if (pem != NULL && under_way && !sim_ca_is_of_backup(s->ca, pem) && !sim_failed(s)) {
        auto_free char *early = pem;
        ask_renewal(s, ns, "away");
        pem = wait_for_other(s, ns, early, TAKEN_OVER_MAX);
    }
    if (pem != NULL && sim_ca_is_of_backup(s->ca, pem))
        return pem;
    free(pem);
    return NULL;
}

void sim_failover_see(struct sim *s)
{
    const char *ns = sim_issuers_some_namespace(s);
    bool under_way = false;
    int64_t back = trouble(s, ns, &under_way);
    auto_free char *first = sim_failed(s) ? NULL : wait_for_backup(s, ns, under_way);
    if (sim_failed(s))
        return;
    if (first == NULL) {
        sim_fail(s, "the first CA could not issue for %lld min, and the next one has not",
                 (long long)(TAKEN_OVER_MAX / NS_PER_MIN));
        return;
    }
    sim_live(s, back);
    if (sim_ca_is_forbidden(s->ca, DNS_NAME))
        sim_ca_forbid(s->ca, NULL);
    sim_live(s, back + FORGOTTEN);
    sim_ca_shun(s->ca, NULL);
    if (!sim_failed(s))
        sim_converge(s); /* an attempt that has failed so often goes on where it is */
    if (sim_failed(s))
        return;
    auto_free char *before = served(s, ns);
    ask_renewal(s, ns, "back");
    auto_free char *second = wait_for_other(s, ns, before, RENEWED_MAX);
    if (!sim_failed(s) && (second == NULL || sim_ca_is_of_backup(s->ca, second)))
        sim_fail(s, "the first CA is back, and a renewal is %s",
                 second == NULL ? "late" : "not its");
}
