/* SPDX-License-Identifier: Apache-2.0 */
#include "api/common.h"

#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"

static const struct bind_field issuer_ref_fields[] = {
    BIND_ROW(struct issuer_ref, STRING, name, "name", .flags = BIND_REQUIRED),
    BIND_ROW(struct issuer_ref, STRING, kind, "kind"),
    BIND_ROW(struct issuer_ref, STRING, group, "group"),
};
const struct bind_table issuer_ref_table =
    BIND_TABLE("IssuerRef", struct issuer_ref, issuer_ref_fields);

const char *issuer_ref_kind(const struct issuer_ref *ref)
{
    return str_or(ref->kind, "Issuer");
}

const char *issuer_ref_group(const struct issuer_ref *ref)
{
    return str_or(ref->group, api_names()->group);
}

bool issuer_ref_is_ours(const struct issuer_ref *ref)
{
    return str_eq(issuer_ref_group(ref), api_names()->group);
}

bool issuer_ref_equal(const struct issuer_ref *a, const struct issuer_ref *b)
{
    return str_eq(a->name, b->name) && str_eq(issuer_ref_kind(a), issuer_ref_kind(b)) &&
           str_eq(issuer_ref_group(a), issuer_ref_group(b));
}

static const struct bind_field secret_key_selector_fields[] = {
    BIND_ROW(struct secret_key_selector, STRING, name, "name", .flags = BIND_REQUIRED),
    BIND_ROW(struct secret_key_selector, STRING, key, "key"),
};
const struct bind_table secret_key_selector_table =
    BIND_TABLE("SecretKeySelector", struct secret_key_selector, secret_key_selector_fields);

static const struct bind_field metadata_template_fields[] = {
    BIND_ROW(struct metadata_template, MAP, annotations, "annotations"),
    BIND_ROW(struct metadata_template, MAP, labels, "labels"),
};
const struct bind_table metadata_template_table =
    BIND_TABLE("MetadataTemplate", struct metadata_template, metadata_template_fields);
