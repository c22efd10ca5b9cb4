/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Akamai Edge DNS v2 (https://techdocs.akamai.com/edge-dns/reference); EdgeGrid signatures are recomputed with OpenSSL alone.
 * The Secret "akamai" has the three tokens.
 */
#ifndef CERTROLL_TEST_DNS01_FAKE_AKAMAI_H
#define CERTROLL_TEST_DNS01_FAKE_AKAMAI_H

#include "fake_cloud.h"

#define FAKE_AKAMAI_HOST "akab-baseurl-xxxxxxxxxxx.luna.akamaiapis.net"

void fake_akamai_open(struct provider_fake *f);

/* What a request has to be signed with: base64 of an HMAC, owned. path is with the query; header all of
 * Authorization before "signature=". */
struct fake_edgegrid {
    const char *secret, *method, *host, *path, *body, *stamp, *header;
};
char *fake_edgegrid_signature(const struct fake_edgegrid *r);

#endif
