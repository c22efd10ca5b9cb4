/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all Kubernetes objects share: the resource they are served under, metadata, and the header
 * that makes a cached object one frozen, reference-counted block.
 */
#ifndef CERTROLL_KUBE_OBJECT_H
#define CERTROLL_KUBE_OBJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "json/bind.h"

#define KUBE_NAME_MAX 253
#define KUBE_NAMESPACE_MAX 63
#define KUBE_KEY_MAX (KUBE_NAMESPACE_MAX + 1 + KUBE_NAME_MAX + 1)

struct kube_resource {
    const char *group; /* "" for core */
    const char *version;
    const char *plural;
    const char *kind;
    bool namespaced;
};

struct owner_reference {
    const char *api_version;
    const char *kind;
    const char *name;
    const char *uid;
    bool controller;
    bool block_owner_deletion;
};

struct object_meta {
    const char *name;
    const char *namespace; /* NULL for cluster-scoped objects */
    const char *uid;
    const char *resource_version;
    int64_t generation;
    int64_t creation_timestamp;
    int64_t deletion_timestamp; /* 0 = not being deleted */
    struct bind_map labels;
    struct bind_map annotations;
    BIND_LIST_OF(struct owner_reference) owner_references;
    struct bind_strings finalizers;
};
extern const struct bind_table object_meta_table;

/* First member of every cached struct. Frozen once published; readers hold a reference. */
struct kube_object {
    _Atomic uint32_t refs;
    struct object_meta meta;
};

/* Adds a reference and returns the object; NULL stays NULL. Any thread. */
const void *object_ref(const void *object);
/* Drops a reference; frees the block with the last one. Accepts NULL. */
void object_unref(const void *object);
void object_unrefp(void *pointer_to_pointer);
/* AUTO_OBJECT(struct certificate) crt = ...; */
#define AUTO_OBJECT(T) __attribute__((cleanup(object_unrefp))) const T *

/* How one kind is read: by its field table, or by a function of its own (compact foreign kinds). */
struct kube_kind {
    struct kube_resource res;
    const struct bind_table *table; /* the struct starts with struct kube_object */
    /* NULL = by table. Returns one block as bind_decode does. */
    struct err *(*decode)(const json_t *object, struct kube_object **ret_object);
    bool metadata_only; /* listed and watched as PartialObjectMetadata */
};

/* Decodes with one reference. */
struct err *object_decode(const struct kube_kind *kind, const json_t *object,
                          const void **ret_object) MUST_CHECK;

/* "ns/name", or "name" without a namespace. */
void object_key(const char *ns, const char *name, char out[KUBE_KEY_MAX]);
void object_key_of(const void *object, char out[KUBE_KEY_MAX]);
/* Splits a key; ns is "" for cluster-scoped ones. */
struct object_name {
    char ns[KUBE_NAMESPACE_MAX + 1];
    char name[KUBE_NAME_MAX + 1];
};
struct object_name object_name_parse(const char *key);

/* The owner with controller: true, or NULL. */
const struct owner_reference *object_controller(const void *object);
/* An ownerReference for a child of this object: apiVersion, kind, name, uid, controller and
 * blockOwnerDeletion true. Owned. */
json_t *owner_reference_json(const struct kube_resource *res, const struct object_meta *owner);
/* "certroll.dev/v1" or "v1". */
void resource_api_version(const struct kube_resource *res, char out[KUBE_NAME_MAX]);

/* Compares resourceVersions as unsigned decimals (KEP-5504): <0, 0, >0. NULL is oldest. */
int resource_version_compare(const char *a, const char *b);

/* DNS-1123 label and subdomain. */
bool name_is_label(const char *s);
bool name_is_subdomain(const char *s);
/* A key of labels and annotations: "team" or "example.com/team"; and what a label may say, "" too. */
bool name_is_qualified(const char *s);
bool label_value_is_valid(const char *s);
/* Joins prefix-suffix, cut to max bytes with a hash when too long, still a DNS-1123 name: always the same answer for
 * the same input. out holds max + 1 bytes. */
void name_join(const char *prefix, const char *suffix, size_t max, char *out);

#endif
