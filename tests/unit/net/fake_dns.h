/* SPDX-License-Identifier: Apache-2.0 */
/* Names of tests: this program's getaddrinfo() answers for them, and passes all others on. */
#ifndef CERTROLL_TESTS_NET_FAKE_DNS_H
#define CERTROLL_TESTS_NET_FAKE_DNS_H

/* From now on name is that address, and when port is not 0 that port, whatever the URL says. */
void fake_dns_set(const char *name, const char *ip, int port);
/* Queries for the name hang until fake_dns_release(); asked tells how many do. */
void fake_dns_hang(const char *name);
void fake_dns_release(void);
/* Waits until that many queries hang. */
void fake_dns_wait_hanging(unsigned count);

#endif
