/* SPDX-License-Identifier: Apache-2.0 */
/* CertificateRequest: one attempt at one certificate; the seam for approvers and other issuers. */
#ifndef CERTROLL_API_CERTIFICATE_REQUEST_H
#define CERTROLL_API_CERTIFICATE_REQUEST_H

#include "api/common.h"

struct certificate_request_spec {
    const char *request; /* base64 of the PEM CSR, as on the wire */
    struct issuer_ref issuer_ref;
    int64_t duration;
    bool is_ca;
    struct bind_strings usages;
    const char *username;
    const char *uid;
    struct bind_strings groups;
    const char *extra; /* JSON */
};

struct certificate_request_status {
    condition_list conditions;
    const char *certificate; /* base64 of the PEM chain */
    const char *ca;          /* base64 of the PEM root */
    int64_t failure_time;
};

struct certificate_request {
    struct kube_object obj;
    struct certificate_request_spec spec;
    struct certificate_request_status status;
};
extern const struct bind_table certificate_request_table;
extern const struct bind_table certificate_request_spec_table;
extern const struct bind_table certificate_request_status_table;

/* Ready=True with a certificate. */
bool request_is_issued(const struct certificate_request *request);
/* Denied, invalid or failed; ret_message (borrowed) says why. */
bool request_has_failed(const struct certificate_request *request, const char **ret_message);
/* Its certificate is thrown away: it is no attempt, and has no revision. */
bool certificate_request_is_preflight(const struct certificate_request *r);

#endif
