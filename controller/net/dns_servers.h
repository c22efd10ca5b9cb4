/* SPDX-License-Identifier: Apache-2.0 */
/* Whom to ask: addresses as users write them, and those of resolv.conf. Internal to this room. */
#ifndef CERTROLL_NET_DNS_SERVERS_H
#define CERTROLL_NET_DNS_SERVERS_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "net/dns.h"

union dns_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};
struct dns_servers {
    union dns_address items[DNS_SERVERS_MAX];
    size_t len;
};

/* "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:53"; ERR_INVALID, reason InvalidServer. */
struct err *dns_server_parse(const char *text, union dns_address *ret_address) MUST_CHECK;
/* "192.0.2.1:53" */
#define DNS_SERVER_TEXT_MAX (DNS_ADDRESS_MAX + 8)
void dns_server_text(const union dns_address *a, char out[DNS_SERVER_TEXT_MAX]);

/* The nameserver lines of a resolv.conf(5), what is no address left out. */
void dns_servers_from_resolv_conf(const char *text, struct dns_servers *ret_servers);

#endif
