/* SPDX-License-Identifier: Apache-2.0 */
/* Name servers that people run for dynamic updates, each a process of the test's own on a port of its own. */
#ifndef CERTROLL_TEST_DNS01_DNS_SERVER_H
#define CERTROLL_TEST_DNS01_DNS_SERVER_H

#include <stddef.h>

/* TSIG algorithms as BIND and Knot call them. The server has a key "<algorithm>.key" of each, which may change TXT
 * records of _acme-challenge in DNS_SERVER_ZONE and nothing else, as the providers' README advises. */
#define DNS_SERVER_ALGORITHMS 6
extern const char *const dns_server_algorithms[DNS_SERVER_ALGORITHMS];
/* Of all keys, in base64. */
#define DNS_SERVER_SECRET "bm90IHRoYXQgc2VjcmV0LCBidXQgbG9uZyBlbm91Z2g="
/* A key that may change nothing. */
#define DNS_SERVER_GUEST "guest.key"

#define DNS_SERVER_ZONE "dyn.test"
/* Nobody may change it. In it: sub is delegated, here is a DNAME to there (x.there has a text), away one to another
 * domain; below is an alias into sub, other one into DNS_SERVER_ZONE; many has DNS_SERVER_MANY texts. */
#define DNS_SERVER_STATIC_ZONE "static.test"
#define DNS_SERVER_MANY 60

enum dns_server_kind { DNS_SERVER_BIND, DNS_SERVER_KNOT };
struct dns_server;

/* Returns when it answers for its zone; aborts with its log when it never does. */
struct dns_server *dns_server_start(enum dns_server_kind kind);
void dns_server_stop(struct dns_server *s);
/* "127.0.0.1:port" */
const char *dns_server_address(const struct dns_server *s);
/* Where BIND answers over HTTPS, and the CA that knows it. */
const char *dns_server_url(const struct dns_server *s, const char **ret_ca_pem);

#endif
