/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that AWS lends for some hours: what is remembered of them, and who lends them to the pod or node that certroll is. */
#ifndef CERTROLL_DNS01_PROVIDER_AWS_LENT_H
#define CERTROLL_DNS01_PROVIDER_AWS_LENT_H

#include "dns01/provider_sigv4.h"

/* As AWS answers; borrowed, NULL where the answer lacks one. */
struct aws_lent {
    const char *id, *secret, *session;
    const char *until; /* RFC 3339 */
};
/* Keys of the answer of whom what names; with remember they are kept until 5 minutes before they end. ERR_TRANSIENT
 * ProviderFailed when one of them is missing. */
struct err *aws_lent_take(const struct dns_env *env, const struct aws_lent *lent, bool remember,
                          const char *what, struct sigv4_keys *ret_keys) MUST_CHECK;

/* What is remembered; false when there is nothing. */
bool aws_lent_known(const struct dns_env *env, struct sigv4_keys *ret_keys);
void aws_lent_forget(const struct dns_env *env);

/* Keys of the role that certroll's pod has by EKS Pod Identity (AWS_CONTAINER_CREDENTIALS_FULL_URI), else of the role of its
 * node (EC2's instance metadata, version 2, unless AWS_EC2_METADATA_DISABLED). ERR_DENIED, reason CredentialsMissing,
 * unless env->ambient and when neither is there. */
struct err *aws_lent_to_machine(const struct dns_env *env, bool remember,
                                struct sigv4_keys *ret_keys) MUST_CHECK;

#endif
