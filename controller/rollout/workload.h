/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deployments, StatefulSets and DaemonSets as certroll sees them: which Secrets their pods use, what
 * they were last rolled for, and how far a rollout is. Everything else is dropped when decoding.
 */
#ifndef CERTROLL_ROLLOUT_WORKLOAD_H
#define CERTROLL_ROLLOUT_WORKLOAD_H

#include "kube/client.h"
#include "kube/object.h"

struct workload {
    struct kube_object obj; /* metadata without labels and annotations */
    struct bind_strings
        secrets;        /* names used by volumes, projected, env, envFrom; sorted, once each */
    const char *opt;    /* certroll.dev/rollout: "true", "false" or NULL */
    const char *seen;   /* certroll.dev/certificates on the workload */
    const char *rolled; /* certroll.dev/certificates on the pod template */
    int64_t observed_generation;
    int64_t replicas; /* wanted */
    int64_t existing; /* pods of all revisions; 0 for a DaemonSet, which has at most one a node */
    int64_t updated;
    int64_t available;
};

/* Deployment, StatefulSet, DaemonSet. */
#define WORKLOAD_KINDS 3
extern struct kube_kind workload_kinds[WORKLOAD_KINDS];

/* Have all pods been replaced since the template last changed, and are they available? */
bool workload_is_rolled_out(const struct workload *w);

/* The workload's annotation: "secret=fingerprint,...", 16 hex digits each, in the order of the names.
 * The fingerprint of one Secret in it, or false. */
#define ROLLOUT_PRINT_LEN 16
bool rollout_seen(const char *annotation, const char *secret, char out[ROLLOUT_PRINT_LEN + 1]);

/* The body that sets the annotation on the workload and, unless template is NULL, on its pod template.
 * Owned. */
json_t *rollout_patch(const struct kube_resource *res, const struct object_meta *meta,
                      const char *workload_value, const char *template_value);

/* Does a container of the workload run since before that time (wall ns)? Then it has an older
 * certificate. Reads the workload's selector and lists its pods. */
struct err *rollout_runs_since_before(struct kube_client *client, const struct kube_resource *res,
                                      const struct object_meta *meta, int64_t when, bool *ret_older)
    MUST_CHECK;

#endif
