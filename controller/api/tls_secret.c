/* SPDX-License-Identifier: Apache-2.0 */
#include "api/tls_secret.h"

#include <string.h>

#include "api/group.h"
#include "base/str.h"

#define META(type, member, name, ...) BIND_ROW(struct object_meta, type, member, name, __VA_ARGS__)
static const struct bind_field foreign_meta_fields[] = {
    META(STRING, name, "name", .flags = BIND_REQUIRED),
    META(STRING, namespace, "namespace"),
    META(STRING, resource_version, "resourceVersion"),
};
static const struct bind_table foreign_meta_table =
    BIND_TABLE("ObjectMeta", struct object_meta, foreign_meta_fields);

static const struct bind_field foreign_fields[] = {
    BIND_ROW(struct tls_secret, OBJECT, obj.meta, "metadata", .flags = BIND_REQUIRED,
             .table = &foreign_meta_table),
};
static const struct bind_table foreign_table =
    BIND_TABLE("Secret", struct tls_secret, foreign_fields);

static const struct bind_field our_fields[] = {
    BIND_ROW(struct tls_secret, OBJECT, obj.meta, "metadata", .flags = BIND_REQUIRED,
             .table = &object_meta_table),
};
static const struct bind_table our_table = BIND_TABLE("Secret", struct tls_secret, our_fields);

static bool is_ours(const json_t *object)
{
    const struct api_names *n = api_names();
    const json_t *annotations = JGET(object, "metadata", "annotations");
    const json_t *labels = JGET(object, "metadata", "labels");
    return JSTR(annotations, n->certificate_name) != NULL || JSTR(labels, n->fao) != NULL ||
           JSTR(labels, n->next_private_key) != NULL;
}

/* Managed fields tell whether somebody else has written or removed our keys since we applied them:
 * then, and only then, the annotations prove nothing and the Secret must be read. */
static bool is_sole_owner(const json_t *object)
{
    const json_t *managed = JGET(object, "metadata", "managedFields");
    bool whole = false;
    for (size_t i = 0; i < json_count(managed); i++) {
        const json_t *entry = json_item(managed, i);
        const json_t *data = JGET(entry, "fieldsV1", "f:data");
        bool crt = JGET(data, "f:tls.crt") != NULL;
        bool key = JGET(data, "f:tls.key") != NULL;
        if (!crt && !key)
            continue;
        if (!str_eq(JSTR(entry, "manager"), api_names()->field_manager) ||
            !str_eq(JSTR(entry, "operation"), "Apply"))
            return false;
        whole = crt && key;
    }
    return whole;
}

static struct err *decode(const json_t *object, struct kube_object **ret_object)
{
    bool ours = is_ours(object);
    void *block = NULL;
    TRY(bind_decode(ours ? &our_table : &foreign_table, object, &block));
    struct tls_secret *s = block;
    s->ours = ours;
    s->sole_owner = ours && is_sole_owner(object);
    *ret_object = &s->obj;
    return NULL;
}

struct kube_kind kind_secret = {
    .res =
        {.group = "", .version = "v1", .plural = "secrets", .kind = "Secret", .namespaced = true},
    .decode = decode,
    .metadata_only = true,
};

const char *tls_secret_annotation(const struct tls_secret *s, const char *name)
{
    return s == NULL ? NULL : bind_map_get(&s->obj.meta.annotations, name);
}
