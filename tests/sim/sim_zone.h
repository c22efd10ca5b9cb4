/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS zones at a provider, in every sixth life or so: there names are proven by DNS-01. The provider speaks DigitalOcean's API,
 * as it has one value in each record; two servers show the zones, and the second one lags. Other tools write and
 * remove values at the same names, credentials are missing for a while, issuers and namespaces go and come back.
 */
#ifndef CERTROLL_TESTS_SIM_SIM_ZONE_H
#define CERTROLL_TESTS_SIM_SIM_ZONE_H

#include "net/dns.h"
#include "net/dns_ask.h"
#include "net/http.h"
#include "sim/sim_edit.h"
#include "sim/sim_tenants.h"

#define SIM_ZONE_HOST "api.digitalocean.com"

#define SIM_ZONE_LAG_MAX (3 * NS_PER_MIN) /* of the second server */

/* Decided by the seed alone, so that other lives are as they were. */
static inline bool sim_zone_is_on(const struct sim *s)
{
    return sim_is_wide(s) && s->seed % 4 == 2 && !sim_edit_is_on(s) &&
           sim_tenants(s) == SIM_TENANTS_OFF;
}

struct sim_zone *sim_zone_new(struct sim *s);
void sim_zone_free(struct sim_zone *z);

/* ---- people ---- */

/* The credentials, where life has them. */
void sim_zone_begin(struct sim_zone *z);
/* Now and then people, or another tool, do something to them, to the zone, or to what certroll needs. */
void sim_zone_happen(struct sim_zone *z);
/* What was taken away is put back when it is time. Wall time of that, or SIM_NEVER. */
void sim_zone_put_back(struct sim_zone *z);
int64_t sim_zone_next(const struct sim_zone *z);
/* Solvers of an ACME issuer: by DNS-01, but those of some names, which get the one that is given. Takes it over. */
json_t *sim_zone_solvers(const struct sim *s, json_t *other);
/* "*.", now and then, in front of a name of that Certificate; else "". */
const char *sim_zone_some_wildcard(struct sim *s, const char *certificate);

/* ---- the provider and the servers ---- */

void sim_zone_serve(struct sim_zone *z, const struct http_request *req, struct http_response *res);
/* What a resolver says. */
void sim_zone_look_up(const struct sim_zone *z, const struct dns_question *q,
                      struct dns_answer *ret_answer);
/* The resolver did not say it. */
void sim_zone_not_looked_up(struct sim_zone *z, const struct dns_question *q);
/* What the server at an address says; failing: it does not answer this time. */
void sim_zone_ask(struct sim_zone *z, const struct dns_ask *ask, const char *server, bool failing,
                  struct dns_said *ret_said);
/* Does a server show that value for the name to be proven? */
bool sim_zone_proves(struct sim_zone *z, const char *identifier, const char *value);

/* ---- rules ---- */

/* The CA is asked to look for it: each server that answers has shown it. */
void sim_zone_check_asked(struct sim_zone *z, const char *identifier, const char *value);
/* An event told that a value may be left there. */
void sim_zone_excuse(struct sim_zone *z, const char *note);
/* What is left there: a sentence, owned; NULL when nothing is. */
char *sim_zone_unfinished(const struct sim_zone *z);

#endif
