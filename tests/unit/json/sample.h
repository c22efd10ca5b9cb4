/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kind with every type of field, in the shape of a Certificate: spec, status, lists of structs,
 * defaults inside absent objects. Shared by the unit tests and the fuzz target.
 */
#ifndef CERTROLL_TESTS_JSON_SAMPLE_H
#define CERTROLL_TESTS_JSON_SAMPLE_H

#include "json/bind.h"

struct sample_ref {
    const char *name;
    const char *kind;
};
static const struct bind_field sample_ref_fields[] = {
    BIND_ROW(struct sample_ref, STRING, name, "name", .flags = BIND_REQUIRED),
    BIND_ROW(struct sample_ref, STRING, kind, "kind", .dflt = "Issuer"),
};
static const struct bind_table sample_ref_table =
    BIND_TABLE("Ref", struct sample_ref, sample_ref_fields);

struct sample_key {
    const char *algorithm;
    int64_t size;
    bool encode_usages;
};
static const char *const sample_algorithms[] = {"RSA", "ECDSA", "Ed25519", NULL};
static const struct bind_field sample_key_fields[] = {
    BIND_ROW(struct sample_key, STRING, algorithm, "algorithm", .dflt = "RSA",
             .enumeration = sample_algorithms),
    BIND_ROW(struct sample_key, INT, size, "size"),
    BIND_ROW(struct sample_key, BOOL, encode_usages, "encodeUsages", .dflt = "true"),
};
static const struct bind_table sample_key_table =
    BIND_TABLE("Key", struct sample_key, sample_key_fields);

struct sample_store {
    bool create;
    struct sample_ref password;
};
static const struct bind_field sample_store_fields[] = {
    BIND_ROW(struct sample_store, BOOL, create, "create", .flags = BIND_REQUIRED),
    BIND_ROW(struct sample_store, OBJECT, password, "password", .table = &sample_ref_table),
};
static const struct bind_table sample_store_table =
    BIND_TABLE("Store", struct sample_store, sample_store_fields);

/* Nothing in it: only its presence counts, as in "selfSigned: {}". */
struct sample_marker {
    char unused;
};
static const struct bind_table sample_marker_table = {.name = "Marker",
                                                      .size = sizeof(struct sample_marker)};

struct sample_spec {
    bool is_ca; /* before wider members, so that alignment matters */
    const char *secret_name;
    int64_t duration;
    int64_t renew_before;
    int64_t history_limit;
    struct bind_strings dns_names;
    struct sample_key key;
    struct sample_ref issuer;
    const struct sample_store *store;
    const struct sample_marker *self_signed;
    const char *pod_template;
    BIND_LIST_OF(struct sample_key) additional_keys;
};
static const struct bind_field sample_spec_fields[] = {
    BIND_ROW(struct sample_spec, BOOL, is_ca, "isCA"),
    BIND_ROW(struct sample_spec, STRING, secret_name, "secretName", .flags = BIND_REQUIRED),
    BIND_ROW(struct sample_spec, DURATION, duration, "duration", .dflt = "2160h"),
    BIND_ROW(struct sample_spec, DURATION, renew_before, "renewBefore"),
    BIND_ROW(struct sample_spec, INT, history_limit, "revisionHistoryLimit", .dflt = "1"),
    BIND_ROW(struct sample_spec, STRINGS, dns_names, "dnsNames"),
    BIND_ROW(struct sample_spec, OBJECT, key, "privateKey", .table = &sample_key_table),
    BIND_ROW(struct sample_spec, OBJECT, issuer, "issuerRef", .flags = BIND_REQUIRED,
             .table = &sample_ref_table),
    BIND_ROW(struct sample_spec, POINTER, store, "keystore", .table = &sample_store_table),
    BIND_ROW(struct sample_spec, POINTER, self_signed, "selfSigned", .table = &sample_marker_table),
    BIND_ROW(struct sample_spec, JSON, pod_template, "podTemplate"),
    BIND_ROW(struct sample_spec, LIST, additional_keys, "additionalKeys",
             .table = &sample_key_table),
};
static const struct bind_table sample_spec_table =
    BIND_TABLE("SampleSpec", struct sample_spec, sample_spec_fields);

struct sample_condition {
    const char *type;
    const char *status;
    int64_t changed;
    int64_t generation;
    struct bind_strings hints;
};
static const struct bind_field sample_condition_fields[] = {
    BIND_ROW(struct sample_condition, STRING, type, "type", .flags = BIND_REQUIRED),
    BIND_ROW(struct sample_condition, STRING, status, "status", .flags = BIND_ALWAYS),
    BIND_ROW(struct sample_condition, TIME, changed, "lastTransitionTime"),
    BIND_ROW(struct sample_condition, INT, generation, "observedGeneration"),
    BIND_ROW(struct sample_condition, STRINGS, hints, "hints"),
};
static const struct bind_table sample_condition_table =
    BIND_TABLE("Condition", struct sample_condition, sample_condition_fields);

struct sample_status {
    BIND_LIST_OF(struct sample_condition) conditions;
    int64_t not_after;
    struct sample_ref next; /* its required name must not matter when absent */
};
static const struct bind_field sample_status_fields[] = {
    BIND_ROW(struct sample_status, LIST, conditions, "conditions",
             .table = &sample_condition_table),
    BIND_ROW(struct sample_status, TIME, not_after, "notAfter"),
    BIND_ROW(struct sample_status, OBJECT, next, "next", .table = &sample_ref_table),
};
static const struct bind_table sample_status_table =
    BIND_TABLE("SampleStatus", struct sample_status, sample_status_fields);

struct sample {
    const char *name;
    struct bind_map labels;
    struct sample_spec spec;
    struct sample_status status;
};
static const struct bind_field sample_fields[] = {
    BIND_ROW(struct sample, STRING, name, "name"),
    BIND_ROW(struct sample, MAP, labels, "labels"),
    BIND_ROW(struct sample, OBJECT, spec, "spec", .flags = BIND_REQUIRED,
             .table = &sample_spec_table),
    BIND_ROW(struct sample, OBJECT, status, "status", .table = &sample_status_table),
};
static const struct bind_table sample_table = BIND_TABLE("Sample", struct sample, sample_fields);

#endif
