/* SPDX-License-Identifier: Apache-2.0 */
/* The text of objects, events and lists, as the API server writes it. */
#ifndef CERTROLL_KUBE_OBJECT_TEXT_H
#define CERTROLL_KUBE_OBJECT_TEXT_H

#include "base/err.h"
#include "json/json.h"
#include "kube/object.h"

/* Parses it. metadata.managedFields, who wrote which field, are half of most objects and as hundreds of small values
 * most of the work; they are left out, but of Secrets. Any thread. */
struct err *object_text_parse(const struct kube_resource *res, const char *text, size_t len,
                              json_t **ret_value) MUST_CHECK;

#endif
