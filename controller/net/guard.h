/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses a URL named by a tenant may reach. Judged on the resolved address, for each
 * connection and again for each request, so neither DNS rebinding nor a connection kept open by a
 * trusted caller gets around it.
 */
#ifndef CERTROLL_NET_GUARD_H
#define CERTROLL_NET_GUARD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/err.h"

/* Immutable after guard_init(): any thread may ask. */
struct guard {
    bool allow_all;
    struct in6_addr *forbidden; /* IPv4 in its mapped form */
    size_t forbidden_count;
};

/* forbidden: IP literals, NULL-ended, may itself be NULL. ERR_INVALID for anything else. */
struct err *guard_init(struct guard *g, bool allow_all, const char *const *forbidden) MUST_CHECK;
void guard_release(struct guard *g);

/* NULL, or ERR_DENIED reason AddressForbidden for loopback, link-local, unspecified, multicast,
 * broadcast and forbidden addresses, IPv4 inside IPv6 included. Families other than IP are
 * refused. */
struct err *guard_check_sockaddr(const struct guard *g, const struct sockaddr *sa) MUST_CHECK;
/* The same for a literal such as CURLINFO_PRIMARY_IP gives. */
struct err *guard_check_literal(const struct guard *g, const char *ip) MUST_CHECK;

#endif
