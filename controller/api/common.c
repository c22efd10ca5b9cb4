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

static const char *const label_operators[] = {"In", "NotIn", "Exists", "DoesNotExist", NULL};

static const struct bind_field label_requirement_fields[] = {
    BIND_ROW(struct label_requirement, STRING, key, "key", .flags = BIND_REQUIRED),
    BIND_ROW(struct label_requirement, STRING, op, "operator", .flags = BIND_REQUIRED,
             .enumeration = label_operators),
    BIND_ROW(struct label_requirement, STRINGS, values, "values"),
};
static const struct bind_table label_requirement_table =
    BIND_TABLE("LabelRequirement", struct label_requirement, label_requirement_fields);
static const struct bind_field label_selector_fields[] = {
    BIND_ROW(struct label_selector, MAP, match_labels, "matchLabels"),
    BIND_ROW(struct label_selector, LIST, match_expressions, "matchExpressions",
             .table = &label_requirement_table),
};
const struct bind_table label_selector_table =
    BIND_TABLE("LabelSelector", struct label_selector, label_selector_fields);

static bool requirement_fits(const struct label_requirement *r, const char *value)
{
    if (str_eq(r->op, "Exists"))
        return value != NULL;
    if (str_eq(r->op, "DoesNotExist"))
        return value == NULL;
    bool listed = value != NULL && bind_strings_has(&r->values, value);
    return str_eq(r->op, "In") ? listed : str_eq(r->op, "NotIn") && !listed;
}

bool label_selector_fits(const struct label_selector *s, const struct bind_map *labels)
{
    for (size_t i = 0; i < s->match_labels.len; i++)
        if (!str_eq(s->match_labels.items[i].value,
                    bind_map_get(labels, s->match_labels.items[i].key)))
            return false;
    for (size_t i = 0; i < s->match_expressions.len; i++) {
        const struct label_requirement *r = &s->match_expressions.items[i];
        if (!requirement_fits(r, bind_map_get(labels, r->key)))
            return false;
    }
    return true;
}

static const struct bind_field metadata_template_fields[] = {
    BIND_ROW(struct metadata_template, MAP, annotations, "annotations"),
    BIND_ROW(struct metadata_template, MAP, labels, "labels"),
};
const struct bind_table metadata_template_table =
    BIND_TABLE("MetadataTemplate", struct metadata_template, metadata_template_fields);
