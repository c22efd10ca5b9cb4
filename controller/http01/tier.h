/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tier of HTTP-01 is to certroll: a way for the CA's request to reach an answer. A new tier is one
 * file in this folder that ends in a `const struct http01_tier http01_tier_<name>`; the build finds it.
 */
#ifndef CERTROLL_HTTP01_TIER_H
#define CERTROLL_HTTP01_TIER_H

#include "api/issuer.h"
#include "base/err.h"
#include "base/list.h"
#include "json/json.h"
#include "kube/client.h"
#include "net/dns.h"

/* Where certroll's own replicas answer: its namespace and the Service before them (port HTTP01_PORT). */
struct http01_responder {
    const char *ns;
    const char *service; /* NULL = they do not */
};

struct http01_replicas;
struct http01_hosts;
struct http01_grants;

/* What tiers may use. */
struct http01_env {
    struct kube_client *kube;
    const char *namespace; /* the only one that is watched, NULL for all */
    struct http01_responder responder;
    struct http01_replicas *replicas;
    struct http01_hosts *hosts;
    struct http01_grants *grants;
};

/* Whose names are to be answered for. */
struct http01_order {
    const char *ns;
    const char *name;
    const char *uid; /* NULL when the Order is gone */
    bool one_name;   /* is known to have one: of each kind it has one route, named after it */
};

struct http01_route {
    const char *host;  /* a DNS name or an IP address */
    const char *token; /* NULL = whatever the token */
};

/* The names of an Order that share a solver config. All borrowed. */
struct http01_presentation {
    struct http01_order order;
    const char *name;       /* for the route: no other presentation in the namespace has it */
    const json_t *owner;    /* ownerReference to the Order */
    const char *thumbprint; /* of the account key */
    const struct solver_http01 *config; /* the Issuer's */
    const struct http01_route *routes;
    size_t count;
};

/* How the Issuer wants the solver Pod and its Service. */
struct http01_pod_config {
    const char *service_type; /* NULL = ClusterIP */
    const char *pod_template; /* JSON or NULL */
    const char *field;        /* of pod_template, for messages: "ingress.podTemplate"; static */
};

/* Told of each Order for which something was found. */
typedef void (*http01_found_fn)(void *arg, const char *ns, const char *name);

#define HTTP01_ROUTE_WAITS "RouteWaits"

struct http01_tier {
    const char *name; /* a word without spaces */
    /* Nothing in the Certificate's namespace shows that the name is its: a ClusterIssuer issues only for
     * names that are granted (reconcilers/names.h). */
    bool granted;
    bool (*configured)(const struct solver_http01 *config);
    /* A Pod and a Service in the Order's namespace must be up; who needs none has NULL here. */
    struct http01_pod_config (*pod)(const struct solver_http01 *config);
    /* The Host with which certroll's own replicas are asked about a name; NULL where others answer. */
    void (*host)(const struct solver_http01 *config, const char *name, char out[DNS_NAME_MAX + 1]);
    /* Makes the routes; idempotent, called again now and then while names are pending. ERR_INVALID for
     * a config that cannot work; ERR_TRANSIENT, reason HTTP01_ROUTE_WAITS, for what others have to make. */
    struct err *(*present)(const struct http01_env *env, const struct http01_presentation *p);
    /* Removes all that present() ever made for the Order; nothing there is success. NULL where that is to
     * stay. */
    struct err *(*clear)(const struct http01_env *env, const struct http01_order *order);
    /* Where requests for the host enter, as the status of what present() made says: IP addresses and names
     * are added. NULL where a tier makes nothing that has a status. */
    struct err *(*places)(const struct http01_env *env, const struct http01_order *order,
                          const char *host, struct strlist *places);
    /* Finds what an earlier process has left behind. */
    struct err *(*adopt)(const struct http01_env *env, http01_found_fn found, void *arg);
    /* Removes what Orders share and none has needed for that long (ns); ret_next: wall ns when there may be more to
     * remove, 0 = nothing is there. Called after each present(). NULL where Orders share nothing. */
    struct err *(*sweep)(const struct http01_env *env, int64_t linger, int64_t *ret_next);
};

/* All tiers, NULL-terminated; generated from the files of this folder. The functions at the end are
 * NULL where a tier makes nothing. */
extern const struct http01_tier *const http01_tiers[];

/* The tier that the config names, or NULL: one that this version does not know. */
const struct http01_tier *http01_tier_of(const struct solver_http01 *config);
/* tier->host() where the name itself is asked for. */
void http01_host_is_name(const struct solver_http01 *config, const char *name,
                         char out[DNS_NAME_MAX + 1]);
/* One bit of its own for each tier, while the process lives. */
unsigned http01_tier_mark(const struct http01_tier *tier);

#endif
