/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rolling the workloads that use a certificate's Secret. Level-triggered: the fingerprints a workload
 * was seen with are on the workload, those in the Secrets are the truth, and a difference is rolled,
 * whenever it arose.
 */
#ifndef CERTROLL_RECONCILERS_ROLLOUT_H
#define CERTROLL_RECONCILERS_ROLLOUT_H

#include "reconcilers/env.h"

/* One per workload kind: the reconciler's context. */
struct rollout_ctx {
    const struct env *env;
    size_t kind; /* into workload_kinds */
};
struct err *rollout_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
    MUST_CHECK;

/* How far the workloads that follow this Certificate are, for its status. */
struct err *rollout_progress(const struct env *env, const struct certificate *crt,
                             const char *fingerprint, struct certificate_rollout_status *ret_status)
    MUST_CHECK;

#endif
