/* SPDX-License-Identifier: Apache-2.0 */
/* The text of objects, events and lists, as the API server writes it. */
#ifndef CERTROLL_KUBE_OBJECT_TEXT_H
#define CERTROLL_KUBE_OBJECT_TEXT_H

#include "base/err.h"
#include "json/json.h"
#include "kube/object.h"

#define OBJECT_TEXT_VERSION_MAX 32

/* Parses it. metadata.managedFields, who wrote which field, are half of most objects and as hundreds of small values
 * most of the work; they are left out, but of Secrets. Any thread. */
struct err *object_text_parse(const struct kube_resource *res, const char *text, size_t len,
                              json_t **ret_value) MUST_CHECK;

/* What names an object and its version. */
struct object_text_id {
    char ns[KUBE_NAMESPACE_MAX + 1]; /* "" when there is none */
    char name[KUBE_NAME_MAX + 1];
    char resource_version[OBJECT_TEXT_VERSION_MAX];
};
/* Reads it from the text of an object, which may be followed by anything, without parsing the rest. False when that
 * cannot be told so: then the parser has to say. Any thread. */
bool object_text_identify(const char *text, size_t len, struct object_text_id *ret_id);

#endif
