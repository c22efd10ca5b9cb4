/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API server: objects, versions, conflicts, subresources, field ownership, owner references, and a
 * log of events from which streams are fed. What it does is what a real one does, as far as certroll
 * can see it.
 */
#ifndef CERTROLL_TESTS_SIM_SIM_API_H
#define CERTROLL_TESTS_SIM_SIM_API_H

#include "json/json.h"
#include "net/http.h"
#include "sim/sim.h"

struct sim_resource {
    const char *group; /* "" for core */
    const char *version;
    const char *plural;
    const char *kind;
    bool has_status;     /* a subresource: other writes do not touch it */
    bool tracks_updates; /* field owners of plain writes are kept, not only of applies */
};
/* By plural, which is unique here; NULL when there is none. */
const struct sim_resource *sim_resource(const char *plural);
/* Deployment, StatefulSet, DaemonSet. */
bool sim_resource_is_workload(const struct sim_resource *res);

/* What is stored, and its present version. */
struct sim_object {
    const struct sim_resource *res;
    json_t *json;
    char *ns; /* "" for none; owned, as are: */
    char *name;
    char *uid;
    int64_t due;        /* wall ns: when the cluster looks at it next; SIM_NEVER */
    int64_t collect_at; /* its owner is gone: collected then; SIM_NEVER */
};

enum sim_change { SIM_ADDED, SIM_MODIFIED, SIM_DELETED };
struct sim_event {
    enum sim_change change;
    const struct sim_resource *res;
    json_t *object;
    int64_t at; /* wall ns */
};

/* Who writes, and how field ownership names it. */
struct sim_writer {
    const char *manager;
    bool ours; /* certroll */
};
extern const struct sim_writer sim_kubectl;        /* users */
extern const struct sim_writer sim_cluster_writer; /* kubelet, controllers of the cluster */

struct sim_api *sim_api_new(struct sim *s);
void sim_api_free(struct sim_api *a);

/* Serves one request of certroll; fills the response like a server. */
void sim_api_serve(struct sim_api *a, const struct http_request *req, struct http_response *res);

/* The present version, borrowed until the next write; NULL when absent. */
struct sim_object *sim_api_find(const struct sim_api *a, const char *plural, const char *ns,
                                const char *name);
/* Its JSON, or NULL. */
const json_t *sim_api_json(const struct sim_api *a, const char *plural, const char *ns,
                           const char *name);
/* The condition of that type, borrowed; NULL when there is none. */
const json_t *sim_condition(const json_t *object, const char *type);
/* All objects of a kind, or of all kinds (NULL), in the order of their keys; borrowed and ended by NULL.
 * The array is the caller's. */
struct sim_object **sim_api_all(const struct sim_api *a, const char *plural);
/* Is there an object with this uid? */
bool sim_api_has_uid(const struct sim_api *a, const char *uid);

/* Writes of users and of the cluster. put creates or replaces (with status, too) and takes over the
 * object. delete is immediate. */
void sim_api_put(struct sim_api *a, const char *plural, json_t *object,
                 const struct sim_writer *writer);
void sim_api_delete(struct sim_api *a, const char *plural, const char *ns, const char *name);

/* The log: events from 0, without end. NULL beyond the last. */
const struct sim_event *sim_api_event(const struct sim_api *a, size_t i);
size_t sim_api_event_count(const struct sim_api *a);
/* The version of the whole store. Owned. */
char *sim_api_version(const struct sim_api *a);

#endif
