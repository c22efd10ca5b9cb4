/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two tenants on one ClusterIssuer, who want each other's names, in every sixth wide life. In a third of these lives
 * solver pods prove the names, in the others certroll's own replicas answer, over routes that come and go or that stand.
 */
#ifndef CERTROLL_TESTS_SIM_SIM_TENANTS_H
#define CERTROLL_TESTS_SIM_SIM_TENANTS_H

#include "base/buf.h"
#include "sim/sim_api.h"
#include "sim/sim_edit.h"
#include "sim/sim_issuers.h"

/* The tenants' own Ingress, in each namespace: it routes names that both may want. */
#define SIM_TENANTS_SITE "site"
/* The Service before certroll's replicas, in certroll's namespace and of the same name. */
#define SIM_TENANTS_SERVICE "certroll"
/* An address before the number of a replica. */
#define SIM_TENANTS_REPLICA "10.0.0."

enum sim_tenants { SIM_TENANTS_OFF, SIM_TENANTS_PODS, SIM_TENANTS_SHARED, SIM_TENANTS_STANDING };
/* By the seed alone, so that other lives are as they were. Not where people's own Ingress is edited: the name that
 * their site routes is then routed elsewhere; and not where another CA takes over: who holds a name is looked up by issuer. */
static inline enum sim_tenants sim_tenants(const struct sim *s)
{
    bool off = !sim_is_wide(s) || s->seed % 6 != 4 || sim_edit_is_on(s) || sim_issuers_fail_over(s);
    return off ? SIM_TENANTS_OFF : (enum sim_tenants)(SIM_TENANTS_PODS + s->seed / 6 % 3);
}
/* Do certroll's replicas answer? */
static inline bool sim_tenants_share(const struct sim *s)
{
    return sim_tenants(s) >= SIM_TENANTS_SHARED;
}

/* What only these lives have: an opinion of who has routed which names, and since when no more; who holds which. */
struct sim_tenancy;
struct sim_tenancy *sim_tenancy_new(void);
void sim_tenancy_free(struct sim_tenancy *t);

/* What there is before people come: namespaces, their sites, the EndpointSlice of certroll's replicas. */
void sim_tenants_begin(struct sim *s);
/* Now and then tenants change what their sites route. */
void sim_tenants_happen(struct sim *s);
/* In the place of a name of a Certificate's own, one that both may want, or NULL; owned. */
char *sim_tenants_some_name(struct sim *s);
/* What the ClusterIssuer has instead of a solver of its own, and of allowedNames; into its spec. */
void sim_tenants_configure(struct sim *s, json_t *issuer_spec);

/* What any of certroll's replicas, or the one at that address, answers: the HTTP status, 0 when none does. */
int sim_tenants_answer(struct sim *s, const char *host, const char *path, struct buf *body);
int sim_tenants_ask(struct sim *s, const char *address, const char *host, const char *path,
                    struct buf *body);

/* With each write: who holds the names of that object from now on? Either version may be NULL. */
void sim_tenants_note(struct sim *s, const char *plural, const json_t *old, const json_t *now);
/* When an Order has been placed at the CA: may its namespace have its names? old may be NULL. */
void sim_tenants_check_order(struct sim *s, const json_t *old, const json_t *now);
/* May this Certificate wait without end, as a name of it is not granted or another namespace's? */
bool sim_tenants_excuse(struct sim *s, const json_t *certificate);
/* And does its Order say so? */
bool sim_tenants_is_told(struct sim *s, const json_t *certificate);
/* The same of whatever was made for one. */
bool sim_tenants_excuse_object(struct sim *s, const json_t *object);
/* When what was issued next expires: a name is held no longer, and whoever may not have it again says so. */
int64_t sim_tenants_next_expiry(struct sim *s);
/* May authorizations of the CA's n-th order be deactivated while it needs them? What a namespace could not prove for long is
 * taken back for another one. */
bool sim_tenants_take_back(struct sim *s, size_t n);
/* May this standing route stand? */
bool sim_tenants_need_route(struct sim *s, const json_t *ingress);

#endif
