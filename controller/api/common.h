/* SPDX-License-Identifier: Apache-2.0 */
/* Structs that several kinds share. */
#ifndef CERTROLL_API_COMMON_H
#define CERTROLL_API_COMMON_H

#include "json/bind.h"
#include "kube/conditions.h"
#include "kube/object.h"

struct issuer_ref {
    const char *name;
    const char *kind;  /* "" means Issuer: read it with issuer_ref_kind() */
    const char *group; /* "" means our own */
};
extern const struct bind_table issuer_ref_table;
const char *issuer_ref_kind(const struct issuer_ref *ref);
const char *issuer_ref_group(const struct issuer_ref *ref);
/* Is the issuer one of ours? Others belong to external issuers. */
bool issuer_ref_is_ours(const struct issuer_ref *ref);
bool issuer_ref_equal(const struct issuer_ref *a, const struct issuer_ref *b);

struct secret_key_selector {
    const char *name;
    const char *key;
};
extern const struct bind_table secret_key_selector_table;

/* As metav1.LabelSelector: all that is written must fit; nothing written fits everything. */
struct label_requirement {
    const char *key;
    const char *op; /* "In", "NotIn", "Exists", "DoesNotExist" */
    struct bind_strings values;
};
struct label_selector {
    struct bind_map match_labels;
    BIND_LIST_OF(struct label_requirement) match_expressions;
};
extern const struct bind_table label_selector_table;
bool label_selector_fits(const struct label_selector *s, const struct bind_map *labels);

/* metadata{annotations,labels} of templates. */
struct metadata_template {
    struct bind_map annotations;
    struct bind_map labels;
};
extern const struct bind_table metadata_template_table;

#endif
