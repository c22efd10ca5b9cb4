/* SPDX-License-Identifier: Apache-2.0 */
/* Production's DNS: queries of any number of threads, each waiting in its own. */
#ifndef CERTROLL_NET_DNS_CLIENT_H
#define CERTROLL_NET_DNS_CLIENT_H

#include "base/rand.h"
#include "net/dns.h"

struct dns_client_options {
    const struct rng *rng;
    const char *servers;     /* with commas between them: instead of resolv.conf's; may be NULL */
    const char *resolv_conf; /* NULL = /etc/resolv.conf; read again for each query */
    bool allow_private;      /* the guard lets everything through */
    const char *const *forbidden; /* IP literals the guard refuses, NULL-ended */
};

struct dns_client;
/* Copies what it needs. ERR_INVALID for a bad address. */
struct err *dns_client_new(const struct dns_client_options *o, struct dns_client **ret_client)
    MUST_CHECK;
/* After the last query; accepts NULL. */
void dns_client_free(struct dns_client *c);
/* Valid as long as the client. Any thread. */
const struct dns_transport *dns_client_transport(struct dns_client *c);

#endif
