/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question put to one server: UDP, and TCP when the answer does not fit. Sockets never block; the
 * calling thread waits for them, for the stop token and for the deadline at once. Internal to this room.
 */
#ifndef CERTROLL_NET_DNS_EXCHANGE_H
#define CERTROLL_NET_DNS_EXCHANGE_H

#include "net/dns_servers.h"
#include "net/dns_wire.h"

struct dns_wait {
    int wake_fd;      /* readable = give up; -1 = nobody says so */
    int64_t deadline; /* mono ns */
};

/* A verdict other than DNS_NOT_OURS, DNS_TRUNCATED, or an error: ERR_TRANSIENT (DNSFailed, Timeout) or
 * ERR_CANCELLED. A fresh socket and so a fresh source port each time; what comes from elsewhere or answers
 * another question is not looked at. */
struct err *dns_exchange(const union dns_address *server, const struct dns_wire_query *query,
                         const struct dns_wait *wait, struct dns_reply *ret_reply) MUST_CHECK;

#endif
