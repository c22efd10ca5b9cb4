/* SPDX-License-Identifier: Apache-2.0 */
/* A resolver over HTTPS (RFC 8484) that knows what scripted zones know. */
#ifndef CERTROLL_TESTS_DNS01_FAKE_DOH_H
#define CERTROLL_TESTS_DNS01_FAKE_DOH_H

#include "net/http.h"
#include "support/scripted_zones.h"

#define FAKE_DOH_URL "https://resolver.test/dns-query"

struct fake_doh {
    struct http_transport transport;
    struct scripted_zones *net; /* borrowed */
    int status;                 /* of each answer; 0 = 200 */
    unsigned calls;
    unsigned flags; /* of the last one */
};
void fake_doh_init(struct fake_doh *d, struct scripted_zones *net);

#endif
