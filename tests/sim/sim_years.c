/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_years.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"
#include "sim/sim_api.h"
#include "sim/sim_ca.h"
#include "sim/sim_check.h"
#include "sim/sim_net.h"
#include "sim/sim_pki.h"

#define YEARS (3 * 365 * NS_PER_DAY)
#define OUTAGE_MAX NS_PER_DAY
#define BETWEEN_OUTAGES (20 * NS_PER_DAY)
#define FAULTS 10 /* of 1000 calls */
#define KILLS 1
/* From what the CA or the plan says to the new certificate: an outage, what is failing then, a clock that is wrong. */
#define LATE_MAX (OUTAGE_MAX + 12 * NS_PER_HOUR)
#define EARLY_MAX (10 * NS_PER_MIN)
/* Of one renewal, objects of its order and solver included; and what goes on beside: accounts, outages. */
#define WRITES_PER_RENEWAL 40
#define WRITES_BESIDE 2000

static const struct {
    const char *name;
    const char *profile;
} certificates[] = {{"y45", SIM_CA_PROFILE_45}, {"y6", SIM_CA_PROFILE_6}};

/* ---- rules ---- */

static char *chain_of(const json_t *secret)
{
    const char *text = JSTR(secret, "data", "tls.crt");
    char *pem = NULL;
    size_t len = 0;
    if (text != NULL)
        err_drop(base64_decode(text, strlen(text), &pem, &len)); /* unreadable: none */
    return pem;
}

void sim_years_check_secret(struct sim *s, const json_t *old, const json_t *now)
{
    auto_free char *before = chain_of(old), *after = chain_of(now);
    if (!s->in_years || before == NULL || str_eq(before, after))
        return;
    AUTO(strlist_release) struct strlist names = {0};
    const char *name = JSTR(now, "metadata", "name");
    int64_t window = sim_ca_renew_at(s->ca, before);
    s->renewals++;
    if (sim_pki_read(before, &names) <= sim_now(s))
        sim_fail(s, "Secret %s: the certificate expired before it was renewed", name);
    if (window != SIM_NEVER && sim_now(s) + EARLY_MAX < window)
        sim_fail(s, "Secret %s: renewed before the window that the CA suggested", name);
    if (window != SIM_NEVER && sim_now(s) > window + sim_ca_window(s->ca, before) + LATE_MAX)
        sim_fail(s, "Secret %s: renewed long after the window that the CA suggested", name);
}

/* ---- the years ---- */

static void delete_all(struct sim *s)
{
    auto_free struct sim_object **all = sim_api_all(s->api, "certificates");
    for (size_t i = 0; all[i] != NULL; i++) {
        json_auto_t *crt = json_copy_deep(all[i]->json);
        const char *ns = JSTR(crt, "metadata", "namespace"), *name = JSTR(crt, "metadata", "name");
        sim_check_disturbed(s, ns, name);
        sim_api_delete(s->api, "certificates", ns, name);
    }
}

static void put_certificate(struct sim *s, const char *name, const char *profile)
{
    auto_free char *dns = x_printf("%s.test", name);
    sim_api_put(s->api, "certificates",
                json_build("{s:s,s:s,s:{s:s,s:s},s:{s:s,s:{s:s},s:[s],s:s,s:{s:s,s:i}}}",
                           "apiVersion", "certroll.dev/v1", "kind", "Certificate", "metadata",
                           "name", name, "namespace", "red", "spec", "secretName", name,
                           "issuerRef", "name", "acme", "dnsNames", dns, "profile", profile,
                           "privateKey", "algorithm", "ECDSA", "size", 256),
                &sim_kubectl);
}

void sim_years_see(struct sim *s)
{
    sim_note(s, "years without people");
    delete_all(s);
    for (size_t i = 0; i < ARRAY_LEN(certificates); i++)
        put_certificate(s, certificates[i].name, certificates[i].profile);
    sim_converge(s);
    s->in_years = true;
    s->calm = false;
    sim_net_set_rates(s->net, FAULTS, KILLS);
    unsigned writes = sim_check_writes(s->check);
    for (int64_t until = sim_now(s) + YEARS; sim_now(s) < until && !sim_failed(s);) {
        sim_net_ca_outage(s->net, SIM_CA_HOST, sim_now(s) + sim_delay(s, OUTAGE_MAX));
        sim_live(s, sim_now(s) + BETWEEN_OUTAGES);
    }
    s->in_years = false;
    writes = sim_check_writes(s->check) - writes;
    sim_note(s, "%u renewals, %u writes", s->renewals, writes);
    if (writes > s->renewals * WRITES_PER_RENEWAL + WRITES_BESIDE)
        sim_fail(s, "%u writes for %u renewals", writes, s->renewals);
}
