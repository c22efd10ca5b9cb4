/* SPDX-License-Identifier: Apache-2.0 */
/* Who we are to AWS: static keys, a role, a ServiceAccount's token, or what the process was given; and signed calls. */
#ifndef CERTROLL_DNS01_PROVIDER_AWS_H
#define CERTROLL_DNS01_PROVIDER_AWS_H

#include "dns01/provider_sigv4.h"
#include "dns01/provider_token.h"
#include "dns01/provider_xml.h"

/* As in an Issuer; all may be NULL or empty. */
struct aws_identity {
    const char *key_id; /* or: */
    struct dns_secret_ref key_id_ref;
    struct dns_secret_ref secret_ref;
    const char *role; /* ARN, assumed with the above, with the token or with what is ambient */
    struct dns_service_account_ref service_account; /* whose token is shown */
    const char *region; /* of STS; AWS_REGION, then us-east-1, when empty */
};

/* ERR_INVALID, reason InvalidSolver: halves of a pair, or a role that is missing. No I/O. */
struct err *aws_identity_check(const struct aws_identity *identity) MUST_CHECK;

/* Where a service is: "https://route53.amazonaws.com" and the region to sign for. The environment's AWS_ENDPOINT_URL_<ID>
 * and AWS_ENDPOINT_URL come first, where they may be used. */
struct aws_service {
    const char *name;     /* as signatures call it: "route53" */
    const char *variable; /* "AWS_ENDPOINT_URL_ROUTE_53" */
    bool global;          /* one endpoint per partition, not one per region */
};

struct aws_call {
    const struct aws_service *service;
    const struct aws_identity *identity;
    const char *method, *path; /* see struct sigv4_request */
    const char *query;         /* NULL = none */
    const char *content_type;  /* NULL = no body */
    const struct buf *body;
    const char *what; /* for messages: "zone example.com" */
};
/* A signed call. A status other than 2xx is an error as dns01/provider_http.h has them, with AWS's own code and message;
 * throttling is ERR_RATE_LIMITED whatever its status. Temporary keys are remembered until 5 minutes before they end,
 * and forgotten when they are refused. */
struct err *aws_call(const struct dns_env *env, const struct aws_call *call,
                     struct http_response *ret_response) MUST_CHECK;

#endif
