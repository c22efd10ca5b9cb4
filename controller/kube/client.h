/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The REST verbs (API conventions): each call is one request with a bounded answer. A Kubernetes
 * Status becomes an error here and nowhere else:
 *   400, 405, 413, 415, 422 -> ERR_INVALID    401, 403 -> ERR_DENIED      404, 410 -> ERR_NOT_FOUND
 *   409 -> ERR_CONFLICT (reason AlreadyExists or Conflict)                429 -> ERR_RATE_LIMITED
 *   5xx and what it never says -> ERR_TRANSIENT; retry_at from Retry-After where given.
 *   any, when the namespace is being deleted -> ERR_CANCELLED, reason NamespaceTerminating
 * Reason is the Status's; the message names verb, resource, namespace/name and the server's words.
 * 401 re-reads the token and tries once more. Thread-safe.
 */
#ifndef CERTROLL_KUBE_CLIENT_H
#define CERTROLL_KUBE_CLIENT_H

#include "base/clock.h"
#include "base/err.h"
#include "base/stop.h"
#include "json/json.h"
#include "kube/config.h"
#include "kube/object.h"
#include "net/http.h"

struct kube_client;
/* The config's content is copied; transport, clock and stop must outlive the client. */
struct err *kube_client_new(const struct kube_config *config,
                            const struct http_transport *transport, const struct clock *clock,
                            const struct stop *stop, struct kube_client **ret_client) MUST_CHECK;
void kube_client_free(struct kube_client *c);
/* Of each request, in ns; 30 s unless set. Before threads share the client. */
void kube_client_set_timeout(struct kube_client *c, int64_t timeout);

struct kube_ref {
    const struct kube_resource *res;
    const char *ns;          /* NULL or "" for cluster-scoped resources */
    const char *name;        /* NULL for collections */
    const char *subresource; /* "status", or NULL */
};

enum kube_flag {
    KUBE_SECRET = 1 << 0,   /* bodies hold private data: wiped after use */
    KUBE_METADATA = 1 << 1, /* ask for PartialObjectMetadata */
};

/* The namespace is being deleted and takes nothing new: what is still to be undone there by making something never will
 * be. NULL is never. */
bool kube_namespace_is_ending(const struct err *e);
extern const struct kube_resource res_namespace;

/* ret_object may be NULL where the answer is of no interest; else owned. Creating a subresource ("token") is a POST to
 * that of the object. */
struct err *kube_get(struct kube_client *c, const struct kube_ref *ref, unsigned flags,
                     json_t **ret_object) MUST_CHECK;
struct err *kube_create(struct kube_client *c, const struct kube_ref *ref, unsigned flags,
                        const json_t *object, json_t **ret_object) MUST_CHECK;
/* PUT with the body's resourceVersion; subresource "status" for own kinds. */
struct err *kube_update(struct kube_client *c, const struct kube_ref *ref, const json_t *object,
                        json_t **ret_object) MUST_CHECK;
/* Server-side apply (KEP-555), force=true. */
struct err *kube_apply(struct kube_client *c, const struct kube_ref *ref, unsigned flags,
                       const char *field_manager, const json_t *object, json_t **ret_object)
    MUST_CHECK;
/* JSON merge patch (RFC 7386). */
struct err *kube_merge_patch(struct kube_client *c, const struct kube_ref *ref, const json_t *patch,
                             json_t **ret_object) MUST_CHECK;
/* Background propagation; uid is a precondition when not NULL. Absent is success. */
struct err *kube_delete(struct kube_client *c, const struct kube_ref *ref, const char *uid)
    MUST_CHECK;
/* Calls fn for each item of a collection (pages of 500, or fewer where these are too big; at most
 * 50,000 items); fn borrows item and returns an error to stop. selector may be NULL. When a page
 * has expired (410) the list cannot go on: ERR_TRANSIENT. */
struct err *kube_list(struct kube_client *c, const struct kube_ref *ref, const char *label_selector,
                      struct err *(*fn)(void *arg, const json_t *item), void *arg) MUST_CHECK;
/* POST to any path, for aggregated APIs: any status is success; *ret_reply is owned, NULL for what is no JSON. */
struct err *kube_raw_post(struct kube_client *c, const char *path, const json_t *body,
                          int *ret_status, json_t **ret_reply) MUST_CHECK;

/* For streams: the absolute URL of a path, TLS settings and the Authorization header now in force
 * ("" = none; owned). kube_client_unauthorized() is told of a 401 and re-reads the token. */
char *kube_client_url(const struct kube_client *c, const char *path_and_query);
const struct http_tls *kube_client_tls(const struct kube_client *c);
char *kube_client_authorization(struct kube_client *c);
void kube_client_unauthorized(struct kube_client *c);

/* "/apis/certroll.dev/v1/namespaces/x/certificates/y/status", owned; names are checked, so nothing
 * can climb out of the path. */
struct err *kube_path(const struct kube_ref *ref, char **ret_path) MUST_CHECK;

#endif
