/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the provider's zones a value goes into: looked up once, then remembered for DNS_ZONE_KEPT. */
#ifndef CERTROLL_DNS01_PROVIDER_ZONE_H
#define CERTROLL_DNS01_PROVIDER_ZONE_H

#include "dns01/provider.h"

#define DNS_ZONE_ID_MAX 256 /* characters; longer ones are an error */

struct dns_hosted_zone {
    char name[DNS_NAME_MAX + 1];
    char id[DNS_ZONE_ID_MAX + 1];
};

/* Asks the provider for one zone by its exact name: ret_id is owned, or left NULL when the credential sees no such
 * zone. arg is the provider's own. */
typedef struct err *(*dns_zone_lookup)(void *arg, const char *zone, char **ret_id);

/* The zone that DNS shows, else the longest one above it that the provider has (split horizons). ERR_NOT_FOUND, reason
 * ZoneNotFound, names the zone. */
struct err *dns_hosted_zone_find(const struct dns_env *env, const struct dns_value *v,
                                 dns_zone_lookup lookup, void *arg,
                                 struct dns_hosted_zone *ret_zone) MUST_CHECK;

/* The error of a call that used the zone: what is remembered of it is dropped unless that was a failure that passes, since
 * the zone may have been made anew under another id. Returns e. */
struct err *dns_hosted_zone_doubt(const struct dns_env *env, const struct dns_value *v,
                                  struct err *e) MUST_CHECK;

/* For clean_up(): NULL when e says that the zone or the record is not there, which is fine; e for all else, a Secret
 * that is not found too. */
struct err *dns_hosted_zone_gone(struct err *e) MUST_CHECK;

#endif
