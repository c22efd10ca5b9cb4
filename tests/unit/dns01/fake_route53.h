/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amazon Route 53 (https://docs.aws.amazon.com/Route53/latest/APIReference) and STS, as far as hosted zones, record sets and
 * roles go; signatures are recomputed with OpenSSL alone. Its account has one access key, whose secret is in the Secret
 * "aws"; STS trusts that key, and the token of the fake, with the role that it is. Zones whose id starts with "PRIV" are
 * private. The value "routed" makes a name's record set one of a routing policy.
 */
#ifndef CERTROLL_TEST_DNS01_FAKE_ROUTE53_H
#define CERTROLL_TEST_DNS01_FAKE_ROUTE53_H

#include "fake_cloud.h"

#define FAKE_AWS_KEY "AKIAIOSFODNN7EXAMPLE"
#define FAKE_AWS_SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define FAKE_AWS_ROLE "arn:aws:iam::123456789012:role/dns"
#define FAKE_AWS_TOKEN "eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl"
#define FAKE_AWS_POD "http://169.254.170.23/v1/credentials" /* lends for FAKE_AWS_TOKEN */

void fake_route53_open(struct provider_fake *f);
/* From now on it is a node with a role whose metadata server answers. */
void fake_route53_be_node(void);
/* Before the next change is carried out somebody else adds that value to its name. */
void fake_route53_rival(const char *value);
/* From now on keys that STS has lent before are refused: ExpiredToken. */
void fake_route53_expire(void);

#endif
