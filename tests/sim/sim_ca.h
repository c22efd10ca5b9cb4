/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ACME CA (RFC 8555): accounts, orders, authorizations, HTTP-01 as seen through the simulated
 * ingress, certificates. Slow, and when faults are on it refuses nonces and fails validations.
 */
#ifndef CERTROLL_TESTS_SIM_SIM_CA_H
#define CERTROLL_TESTS_SIM_SIM_CA_H

#include "json/json.h"
#include "net/http.h"
#include "sim/sim.h"

#define SIM_CA_HOST "acme.test"
#define SIM_CA_DIRECTORY "https://" SIM_CA_HOST "/dir"
/* Another one of the same CA, for Issuers that are asked for a preflight. */
#define SIM_CA_STAGING "https://" SIM_CA_HOST "/staging"
/* Another CA, which takes over: with accounts and outages of its own, but in one store with the first. */
#define SIM_CA_BACKUP_HOST "backup.test"
#define SIM_CA_BACKUP "https://" SIM_CA_BACKUP_HOST "/dir"

/* Profiles of both: certificates of 45, and of 6 days. */
#define SIM_CA_PROFILE_45 "classic45"
#define SIM_CA_PROFILE_6 "shortlived"

struct sim_ca *sim_ca_new(struct sim *s);
void sim_ca_free(struct sim_ca *ca);

void sim_ca_serve(struct sim_ca *ca, const struct http_request *req, struct http_response *res);
int64_t sim_ca_next(const struct sim_ca *ca);
void sim_ca_happen(struct sim_ca *ca);

/* The first CA, not the one that takes over, finds this name, a literal, invalid whatever is served; NULL: none. */
void sim_ca_shun(struct sim_ca *ca, const char *name);

/* CAA lets only the CA that takes over issue for this name, a literal; NULL: no more. From the first time on each CA says in
 * its directory who it is. */
void sim_ca_forbid(struct sim_ca *ca, const char *name);
bool sim_ca_is_forbidden(const struct sim_ca *ca, const char *name);

/* No account is known any more (RFC 8555 section 7.3, accountDoesNotExist); orders stay. */
void sim_ca_forget_accounts(struct sim_ca *ca);

/* Renewal information (RFC 9773) of all that was issued so far: renew now. */
void sim_ca_hurry(struct sim_ca *ca);
/* When its window for this certificate, the first of a PEM text, begins; SIM_NEVER when it would not say. */
int64_t sim_ca_renew_at(const struct sim_ca *ca, const char *pem);
/* And how long that window is, ns. */
int64_t sim_ca_window(const struct sim_ca *ca, const char *pem);
/* Was this certificate, the first of a PEM text, revoked? */
bool sim_ca_has_revoked(const struct sim_ca *ca, const char *pem);
/* Is this certificate, the first of a PEM text, of the CA that takes over? */
bool sim_ca_is_of_backup(const struct sim_ca *ca, const char *pem);
/* Is there still an account at this URL? */
bool sim_ca_knows_account(const struct sim_ca *ca, const char *url);

/* Orders that were made. */
size_t sim_ca_order_count(const struct sim_ca *ca);
/* The certificate of an order, borrowed; NULL while it is not issued or there is no such order. */
const char *sim_ca_issued(const struct sim_ca *ca, const char *order_url);
/* certroll has an answer of the CA, and not a 5xx, to a request for this URL. */
void sim_ca_heard(struct sim_ca *ca, const char *url);
/* When it last had one about this order, wall ns; 0 = there is no such order. */
int64_t sim_ca_last_heard(const struct sim_ca *ca, const char *order_url);
/* Was it of an account that the CA has forgotten? Then nobody can fetch what came of it. */
bool sim_ca_order_is_lost(const struct sim_ca *ca, const char *order_url);
/* Was the order of this number asked for when it had expired, at a CA that does not find those any more? */
bool sim_ca_order_is_gone(const struct sim_ca *ca, size_t n);
/* The number of an order in its URL, or SIZE_MAX. */
size_t sim_ca_order_number(const char *order_url);

/* The rate limits as spec.acme.limits has them, owned; NULL for none. */
json_t *sim_ca_limits(const struct sim_ca *ca);

#endif
