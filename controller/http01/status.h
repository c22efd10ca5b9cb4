/* SPDX-License-Identifier: Apache-2.0 */
/* What the status of a route says about where requests enter: for self-checks in mode ingressStatus. */
#ifndef CERTROLL_HTTP01_STATUS_H
#define CERTROLL_HTTP01_STATUS_H

#include "base/list.h"
#include "json/json.h"

/* Adds the addresses and names of an Ingress's status.loadBalancer; what is no address and no DNS name is
 * left out, and more than 16 are. */
void http01_ingress_entries(const json_t *ingress, struct strlist *places);
/* The same when a rule of it is for the host. */
void http01_ingress_places(const json_t *ingress, const char *host, struct strlist *places);
/* The same for a Gateway's status.addresses, whatever its listeners are for. */
void http01_gateway_addresses(const json_t *gateway, struct strlist *places);

#endif
