/* SPDX-License-Identifier: Apache-2.0 */
/* DNS over HTTPS (RFC 8484): for those whom a firewall leaves no other way to a resolver. */
#ifndef CERTROLL_NET_DNS_HTTPS_H
#define CERTROLL_NET_DNS_HTTPS_H

#include "net/dns.h"
#include "net/http.h"

/* One POST to that resolver, which is to follow CNAMEs itself; of the question its servers are not looked at, and
 * DNS_GUARDED means HTTP_GUARDED. ERR_INVALID (InvalidName, InvalidServer for what is no https URL), ERR_TRANSIENT
 * (DNSFailed) for another status than 200 and what is no sane answer, and what net/http.h says. Any thread. */
struct err *dns_https_query(const struct http_transport *http, const char *url,
                            const struct dns_question *q, const struct stop *stop,
                            struct dns_answer *ret_answer) MUST_CHECK;

#endif
