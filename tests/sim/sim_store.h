/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of the API server, for sim_api.c, sim_rest.c and sim_apply.c. */
#ifndef CERTROLL_TESTS_SIM_SIM_STORE_H
#define CERTROLL_TESTS_SIM_SIM_STORE_H

#include "sim/sim_api.h"

struct sim_api {
    struct sim *sim;
    struct sim_object **objects; /* in the order of resource, namespace, name */
    size_t len, cap;
    struct sim_event *events;
    size_t event_len, event_cap;
    uint64_t version;
    uint64_t uids;
};

/* Stores the next version of an object, or the first (old NULL), with what a server adds; takes over
 * now. Equal to the old one: nothing happens. Returns what is stored. */
struct sim_object *sim_store(struct sim_api *a, const struct sim_resource *res, json_t *now,
                             const struct sim_writer *writer);
/* For the next version of what is stored: metadata of its own, and all else shared, as nothing that is stored is changed
 * in place. Owned. */
json_t *sim_store_copy(const json_t *object);
/* As a DELETE: at once, or a running pod after its grace period, or what has finalizers without them. */
void sim_store_delete(struct sim_api *a, struct sim_object *o, const struct sim_writer *writer);
/* Does a finalizer keep it? */
bool sim_store_is_held(const struct sim_object *o);
/* At once. */
void sim_store_remove(struct sim_api *a, struct sim_object *o, const struct sim_writer *writer);

/* Who owns which field (KEP-555): lists are owned whole. old may be NULL. These change
 * now.metadata.managedFields. */

/* What an apply of that body makes of an object: fields that the manager applied before and leaves out
 * now are removed, unless somebody else owns them. Owned. */
json_t *sim_apply_merge(const json_t *old, const json_t *body, const char *manager);
/* After a plain write: what changed belongs to the writer, and to nobody else. */
void sim_apply_note_update(const json_t *old, json_t *now, const char *manager);

#endif
