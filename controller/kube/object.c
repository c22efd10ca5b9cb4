/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/object.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define OWNER(type, member, name, ...)                                                             \
    BIND_ROW(struct owner_reference, type, member, name, __VA_ARGS__)
static const struct bind_field owner_fields[] = {
    OWNER(STRING, api_version, "apiVersion", .flags = BIND_REQUIRED),
    OWNER(STRING, kind, "kind", .flags = BIND_REQUIRED),
    OWNER(STRING, name, "name", .flags = BIND_REQUIRED),
    OWNER(STRING, uid, "uid", .flags = BIND_REQUIRED),
    OWNER(BOOL, controller, "controller", .flags = 0),
    OWNER(BOOL, block_owner_deletion, "blockOwnerDeletion", .flags = 0),
};
static const struct bind_table owner_table =
    BIND_TABLE("OwnerReference", struct owner_reference, owner_fields);

#define META(type, member, name, ...) BIND_ROW(struct object_meta, type, member, name, __VA_ARGS__)
static const struct bind_field meta_fields[] = {
    META(STRING, name, "name", .flags = 0),
    META(STRING, namespace, "namespace", .flags = 0),
    META(STRING, uid, "uid", .flags = 0),
    META(STRING, resource_version, "resourceVersion", .flags = 0),
    META(INT, generation, "generation", .flags = 0),
    META(TIME, creation_timestamp, "creationTimestamp", .flags = 0),
    META(TIME, deletion_timestamp, "deletionTimestamp", .flags = 0),
    META(MAP, labels, "labels", .flags = 0),
    META(MAP, annotations, "annotations", .flags = 0),
    META(LIST, owner_references, "ownerReferences", .table = &owner_table),
    META(STRINGS, finalizers, "finalizers", .flags = 0),
};
const struct bind_table object_meta_table =
    BIND_TABLE("ObjectMeta", struct object_meta, meta_fields);

/* ---- references ------------------------------------------------------------------------------ */

/* Published objects are const to everyone but their counter. */
static struct kube_object *counted(const void *object)
{
    return (struct kube_object *)(uintptr_t)object;
}

const void *object_ref(const void *object)
{
    if (object != NULL)
        atomic_fetch_add_explicit(&counted(object)->refs, 1, memory_order_relaxed);
    return object;
}

void object_unref(const void *object)
{
    if (object == NULL)
        return;
    struct kube_object *o = counted(object);
    if (atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) == 1)
        free(o);
}

void object_unrefp(void *pointer_to_pointer)
{
    const void *object;
    memcpy(&object, pointer_to_pointer, sizeof(object));
    object_unref(object);
}

/* ---- decoding -------------------------------------------------------------------------------- */

/* Fits into a key (KUBE_KEY_MAX) and can be split from it again; the API server allows no slash. */
static bool is_key_part(const char *s, size_t max)
{
    return strlen(s) <= max && strchr(s, '/') == NULL;
}

static struct err *check_meta(const struct kube_kind *kind, const struct object_meta *m)
{
    if (str_empty(m->name) || !is_key_part(m->name, KUBE_NAME_MAX))
        return err_new(ERR_INVALID, "InvalidField",
                       "%s: metadata.name: expected 1 to %d characters, and no slash",
                       kind->res.kind, KUBE_NAME_MAX);
    if (m->namespace != NULL && !is_key_part(m->namespace, KUBE_NAMESPACE_MAX))
        return err_new(ERR_INVALID, "InvalidField",
                       "%s %s: metadata.namespace: expected at most %d characters, and no slash",
                       kind->res.kind, m->name, KUBE_NAMESPACE_MAX);
    return NULL;
}

struct err *object_decode(const struct kube_kind *kind, const json_t *object,
                          const void **ret_object)
{
    auto_free struct kube_object *o = NULL;
    if (kind->decode != NULL) {
        TRY(kind->decode(object, &o));
    } else {
        void *block = NULL;
        TRY(bind_decode(kind->table, object, &block), "%s %s/%s", kind->res.kind,
            str_or(JSTR(object, "metadata", "namespace"), ""),
            str_or(JSTR(object, "metadata", "name"), ""));
        o = block;
    }
    TRY(check_meta(kind, &o->meta));
    atomic_init(&o->refs, 1);
    *ret_object = TAKE(o);
    return NULL;
}

/* ---- keys ------------------------------------------------------------------------------------ */

void object_key(const char *ns, const char *name, char out[KUBE_KEY_MAX])
{
    size_t ns_len = ns == NULL ? 0 : strnlen(ns, KUBE_NAMESPACE_MAX);
    size_t name_len = strnlen(name, KUBE_NAME_MAX);
    if (ns_len > 0) {
        memcpy(out, ns, ns_len);
        out[ns_len++] = '/';
    }
    memcpy(out + ns_len, name, name_len);
    out[ns_len + name_len] = '\0';
}

void object_key_of(const void *object, char out[KUBE_KEY_MAX])
{
    const struct object_meta *m = &((const struct kube_object *)object)->meta;
    object_key(m->namespace, m->name, out);
}

struct object_name object_name_parse(const char *key)
{
    struct object_name n = {0};
    const char *slash = strchr(key, '/');
    if (slash != NULL) {
        size_t len = (size_t)(slash - key);
        memcpy(n.ns, key, len < KUBE_NAMESPACE_MAX ? len : KUBE_NAMESPACE_MAX);
    }
    str_copy(n.name, sizeof(n.name), slash != NULL ? slash + 1 : key);
    return n;
}

/* ---- owners ---------------------------------------------------------------------------------- */

const struct owner_reference *object_controller(const void *object)
{
    const struct object_meta *m = &((const struct kube_object *)object)->meta;
    for (size_t i = 0; i < m->owner_references.len; i++)
        if (m->owner_references.items[i].controller)
            return &m->owner_references.items[i];
    return NULL;
}

void resource_api_version(const struct kube_resource *res, char out[KUBE_NAME_MAX])
{
    if (str_empty(res->group))
        str_copy(out, KUBE_NAME_MAX, res->version);
    else
        snprintf(out, KUBE_NAME_MAX, "%s/%s", res->group, res->version);
}

json_t *owner_reference_json(const struct kube_resource *res, const struct object_meta *owner)
{
    char api_version[KUBE_NAME_MAX];
    resource_api_version(res, api_version);
    return bind_encode(&owner_table, &(struct owner_reference){
                                         .api_version = api_version,
                                         .kind = res->kind,
                                         .name = owner->name,
                                         .uid = owner->uid,
                                         .controller = true,
                                         .block_owner_deletion = true,
                                     });
}

/* ---- resourceVersions and names -------------------------------------------------------------- */

int resource_version_compare(const char *a, const char *b)
{
    a = str_or(a, "");
    b = str_or(b, "");
    a += strspn(a, "0");
    b += strspn(b, "0");
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    if (a_len != b_len)
        return a_len < b_len ? -1 : 1;
    return strcmp(a, b);
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Length of the leading DNS-1123 label of s, 0 when there is none. */
static size_t label_len(const char *s)
{
    size_t len = 0;
    while (is_alnum(s[len]) || s[len] == '-')
        len++;
    return len > 0 && is_alnum(s[0]) && is_alnum(s[len - 1]) ? len : 0;
}

bool name_is_label(const char *s)
{
    if (s == NULL)
        return false;
    size_t len = label_len(s);
    return len > 0 && len <= KUBE_NAMESPACE_MAX && s[len] == '\0';
}

bool name_is_subdomain(const char *s)
{
    if (s == NULL || strlen(s) > KUBE_NAME_MAX)
        return false;
    for (;;) {
        size_t len = label_len(s);
        if (len == 0)
            return false;
        if (s[len] == '\0')
            return true;
        if (s[len] != '.')
            return false;
        s += len + 1;
    }
}

/* Letters, digits, "-", "_" and ".", and at both ends one of the former. */
static bool is_label_word(const char *s)
{
    size_t len = 0;
    bool ends = false;
    for (; s[len] != '\0'; len++) {
        ends = is_alnum(s[len]) || (s[len] >= 'A' && s[len] <= 'Z');
        if (len == KUBE_NAMESPACE_MAX || (!ends && (len == 0 || strchr("-_.", s[len]) == NULL)))
            return false;
    }
    return ends;
}

bool name_is_qualified(const char *s)
{
    const char *slash = s != NULL ? strchr(s, '/') : NULL;
    if (slash == NULL)
        return s != NULL && is_label_word(s);
    auto_free char *prefix = x_strndup(s, (size_t)(slash - s));
    return name_is_subdomain(prefix) && is_label_word(slash + 1);
}

bool label_value_is_valid(const char *s)
{
    return s != NULL && (*s == '\0' || is_label_word(s));
}

/* FNV-1a: must be the same on every machine and in every release. */
static uint64_t stable_hash(const char *s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
    return h;
}

#define HASH_LEN 17 /* "-" and 16 hex digits */

void name_join(const char *prefix, const char *suffix, size_t max, char *out)
{
    auto_free char *joined = x_printf("%s-%s", prefix, suffix);
    if (strlen(joined) <= max) {
        str_copy(out, max + 1, joined);
        return;
    }
    if (max <= HASH_LEN)
        x_abort("name_join: no room for a hash");
    size_t keep = max - HASH_LEN;
    while (keep > 0 && !is_alnum(joined[keep - 1]))
        keep--;
    snprintf(out, max + 1, "%.*s-%016" PRIx64, (int)keep, joined, stable_hash(joined));
}
