/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ours within an Ingress that is somebody else's: a path for each challenge, and the record of which Order has
 * which, put there by one write. Pure: nothing is sent here. Patches (RFC 7386) are of the version that was read and
 * refused for any other, so nothing that others write meanwhile is lost.
 */
#ifndef CERTROLL_HTTP01_EDIT_H
#define CERTROLL_HTTP01_EDIT_H

#include "http01/tier.h"

/* The label is "true" while the annotation of that name holds the record. */
#define HTTP01_PATHS "certroll.dev/http01-paths"

struct http01_edit {
    const char *order;   /* its name; its namespace is the Ingress's */
    const char *service; /* of the solver */
    const struct http01_route *routes;
    size_t count;
};

/* The patch that puts in what is not there yet; NULL when all is. A path goes into the rule that serves its name
 * already: a rule of its own would take the name's other requests from a wildcard's. ERR_TRANSIENT, reason
 * HTTP01_ROUTE_WAITS, when other Orders leave no room. Owned. */
struct err *http01_edit_add(const json_t *ingress, const struct http01_edit *edit,
                            json_t **ret_patch) MUST_CHECK;
/* The patch that takes out what the Order has there, and paths of ours that no Order has; NULL when there
 * is nothing. Owned. */
json_t *http01_edit_remove(const json_t *ingress, const char *order);

/* Does the record name the Order? */
bool http01_edit_has(const json_t *ingress, const char *order);
/* Calls fn with each Order of the record; where that cannot be read, with a name that no Order need have, so that
 * what nobody has is taken out, too. */
void http01_edit_orders(const json_t *ingress, http01_found_fn found, void *arg);

#endif
