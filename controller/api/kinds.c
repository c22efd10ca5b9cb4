/* SPDX-License-Identifier: Apache-2.0 */
#include "api/kinds.h"

#include "api/certificate.h"
#include "api/certificate_request.h"
#include "api/challenge.h"
#include "api/issuer.h"
#include "api/order.h"

#define KIND(plural_, kind_, namespaced_, table_)                                                  \
    {                                                                                              \
        .res = {.version = "v1",                                                                   \
                .plural = (plural_),                                                               \
                .kind = (kind_),                                                                   \
                .namespaced = (namespaced_)},                                                      \
        .table = (table_)                                                                          \
    }

struct kube_kind kind_certificate = KIND("certificates", "Certificate", true, &certificate_table);
struct kube_kind kind_certificate_request =
    KIND("certificaterequests", "CertificateRequest", true, &certificate_request_table);
struct kube_kind kind_issuer = KIND("issuers", "Issuer", true, &issuer_table);
struct kube_kind kind_cluster_issuer =
    KIND("clusterissuers", "ClusterIssuer", false, &issuer_table);
struct kube_kind kind_order = KIND("orders", "Order", true, &order_table);
struct kube_kind kind_challenge = KIND("challenges", "Challenge", true, &challenge_table);

struct kube_kind *const api_kinds[] = {
    &kind_certificate, &kind_certificate_request, &kind_issuer, &kind_cluster_issuer,
    &kind_order,       &kind_challenge,           NULL,
};

void kinds_set_group(const char *group, const char *acme_group)
{
    kind_certificate.res.group = group;
    kind_certificate_request.res.group = group;
    kind_issuer.res.group = group;
    kind_cluster_issuer.res.group = group;
    kind_order.res.group = acme_group;
    kind_challenge.res.group = acme_group;
}
