/* SPDX-License-Identifier: Apache-2.0 */
/* Where the API server is and who we are: in-cluster files or a kubeconfig. */
#ifndef CERTROLL_KUBE_CONFIG_H
#define CERTROLL_KUBE_CONFIG_H

#include <stdbool.h>

#include "base/err.h"
#include "base/list.h"
#include "base/secret.h"

#define KUBE_CONFIG_NAMESPACE_MAX 253

struct kube_config {
    char *server;  /* https://host:port, no trailing slash */
    char *ca_pem;  /* NULL = the system's anchors */
    char *ca_file; /* re-read on change; NULL when inline */
    char *cert_pem;
    struct secret key_pem;
    char *token_file; /* re-read every minute and on 401; NULL when inline or none */
    struct secret token;
    char *namespace; /* of the context or the pod; "default" when neither says */
    bool insecure;
};

/* The service account's files under /var/run/secrets/kubernetes.io/serviceaccount and
 * KUBERNETES_SERVICE_HOST/PORT (IPv6 is bracketed). ERR_NOT_FOUND outside a pod. */
struct err *kube_config_in_cluster(struct kube_config *ret_config) MUST_CHECK;
/* path NULL: KUBECONFIG (first existing file of the list; merging is kubectl's), without it
 * ~/.kube/config. context NULL: the current one. Client certificates, tokens and token files; what
 * is not supported (exec plugins, proxies, impersonation) is refused by name. */
struct err *kube_config_load(const char *path, const char *context, struct kube_config *ret_config)
    MUST_CHECK;
/* kube_config_in_cluster() with the account's files in another directory. */
struct err *kube_config_from_account(const char *dir, struct kube_config *ret_config) MUST_CHECK;
void kube_config_release(struct kube_config *c);

/* The API server's addresses as IP literals, for the guard (net/guard.h). A name is looked up once, so what is told
 * is what it leads to now; blocks. ERR_TRANSIENT, reason UnknownHost, when it leads nowhere. */
struct err *kube_config_addresses(const struct kube_config *c, struct strlist *ret_addresses)
    MUST_CHECK;

#endif
