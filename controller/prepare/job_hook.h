/* SPDX-License-Identifier: Apache-2.0 */
/* A prepare hook that is a batch/v1 Job, and the one that undoes it. */
#ifndef CERTROLL_PREPARE_JOB_HOOK_H
#define CERTROLL_PREPARE_JOB_HOOK_H

#include "kube/client.h"
#include "prepare/http_hook.h"

enum job_state { JOB_ABSENT, JOB_RUNNING, JOB_READY, JOB_COMPLETE, JOB_FAILED };

/* The Job of that name in the order's namespace: READY when a pod of it is ready, COMPLETE or FAILED when it ended.
 * Another's Job of that name is ERR_INVALID, reason NameTaken. */
struct err *prepare_job_state(struct kube_client *kube, const struct prepare_order *order,
                              const char *name, const char *owner_uid, enum job_state *ret_state)
    MUST_CHECK;
/* Makes it from a template ({metadata, spec}, JSON text), with the names in CERTROLL_NAMES of each container; owner is
 * taken over and may be NULL: then it is removed an hour after it ended. There already is success. ERR_INVALID, reason
 * InvalidHook or BadJSON, for a template of another shape. */
struct err *prepare_job_create(struct kube_client *kube, const struct prepare_order *order,
                               const char *name, const char *template, json_t *owner,
                               const char *owner_uid) MUST_CHECK;
/* Would a template be refused for its size? ERR_INVALID, reason InvalidHook. */
struct err *prepare_job_check(const char *template) MUST_CHECK;
/* With its pods; absent is success. */
struct err *prepare_job_delete(struct kube_client *kube, const char *ns, const char *name)
    MUST_CHECK;

#endif
