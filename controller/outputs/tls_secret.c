/* SPDX-License-Identifier: Apache-2.0 */
#include "outputs/tls_secret.h"

#include <string.h>

#include "api/group.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "kube/secret.h"

#define ANNOTATION_MAX (200 * 1024) /* of one list: the API server takes 256 KiB for all of them */

/* ---- annotations ---- */

/* encoding/csv's rule: a field with a comma, quote or line break, or a leading space, is quoted, and so is
 * what some readers take for the end of the data. */
static struct err *csv_add(struct buf *b, const char *field)
{
    if (strpbrk(field, ",\"\r\n") == NULL && *field != ' ' && !str_eq(field, "\\."))
        return buf_adds(b, field);
    TRY(buf_adds(b, "\""));
    for (const char *c = field; *c != '\0'; c++)
        TRY(buf_add(b, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1));
    return buf_adds(b, "\"");
}

static struct err *put_list(json_t *annotations, const char *name, const struct strlist *l,
                            bool even_empty)
{
    if (l->len == 0 && !even_empty)
        return NULL;
    AUTO(buf_release) struct buf b = BUF_INIT(ANNOTATION_MAX);
    for (size_t i = 0; i < l->len; i++) {
        if (i > 0)
            TRY(buf_adds(&b, ","));
        TRY(csv_add(&b, l->items[i]));
    }
    json_put_str(annotations, name, buf_str(&b));
    return NULL;
}

/* The four that are always there, even empty, then those that are when they say something. */
static struct err *put_names(json_t *a, const struct pki_names *names)
{
    const struct api_names *n = api_names();
    const struct {
        const char *name;
        const struct strlist *list;
        bool even_empty;
    } rows[] = {
        {n->alt_names, &names->dns, true},
        {n->ip_sans, &names->ips, true},
        {n->uri_sans, &names->uris, true},
        {n->email_sans, &names->emails, false},
        {n->subject_organizations, &names->organizations, false},
        {n->subject_organizational_units, &names->organizational_units, false},
        {n->subject_countries, &names->countries, false},
        {n->subject_provinces, &names->provinces, false},
        {n->subject_localities, &names->localities, false},
        {n->subject_postal_codes, &names->postal_codes, false},
        {n->subject_street_addresses, &names->street_addresses, false},
    };
    json_put_str(a, n->common_name, str_or(names->common_name, ""));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        TRY(put_list(a, rows[i].name, rows[i].list, rows[i].even_empty), "annotation %s",
            rows[i].name);
    json_put_str(a, n->subject_serial_number, names->serial_number);
    return NULL;
}

static json_t *json_from_map(const struct bind_map *m)
{
    json_t *o = json_new_object();
    for (size_t i = 0; i < m->len; i++)
        json_put_str(o, m->items[i].key, m->items[i].value);
    return o;
}

static struct err *annotations_of(const struct tls_secret_content *c, const struct pki_cert *leaf,
                                  json_t **ret_annotations)
{
    const struct api_names *n = api_names();
    const struct issuer_ref *issuer = c->issuer != NULL ? c->issuer : &c->crt->spec.issuer_ref;
    char issued_at[RFC3339_MAX];
    rfc3339_format(c->issued_at, issued_at);
    json_auto_t *a = json_from_map(&c->crt->spec.secret_template.annotations);
    json_put_str(a, n->certificate_name, c->crt->obj.meta.name);
    json_put_str(a, n->issuer_name, issuer->name);
    json_put_str(a, n->issuer_kind, issuer_ref_kind(issuer));
    json_put_str(a, n->issuer_group, issuer_ref_group(issuer));
    json_put_str(a, API_FINGERPRINT, leaf->fingerprint);
    json_put_str(a, API_ISSUED_AT, issued_at);
    json_put_str(a, API_CERTIFICATE_ID, leaf->ari_id);
    json_put_str(a, API_ACME_ACCOUNT, c->account);
    json_put_str(a, API_RENEW, c->renew);
    TRY(put_names(a, &leaf->names));
    *ret_annotations = TAKE(a);
    return NULL;
}

/* ---- the body ---- */

struct err *tls_secret_build(const struct tls_secret_content *c, json_t **ret_body)
{
    AUTO(pki_cert_release) struct pki_cert read = {0};
    if (c->leaf == NULL)
        TRY(pki_cert_parse(c->chain, strlen(c->chain), &read));
    json_t *annotations = NULL;
    TRY(annotations_of(c, c->leaf != NULL ? c->leaf : &read, &annotations));
    json_t *labels = json_from_map(&c->crt->spec.secret_template.labels);
    json_put_str(labels, api_names()->fao, "true");
    json_t *data = json_new_object();
    secret_json_put(data, "tls.crt", c->chain, strlen(c->chain));
    secret_json_put(data, "tls.key", c->key->data, c->key->len);
    if (!str_empty(c->ca))
        secret_json_put(data, "ca.crt", c->ca, strlen(c->ca));
    *ret_body =
        json_build("{s:s,s:s,s:s,s:{s:s,s:s,s:o,s:o},s:o}", "apiVersion", "v1", "kind", "Secret",
                   "type", str_or(c->type, "kubernetes.io/tls"), "metadata", "name",
                   c->crt->spec.secret_name, "namespace", c->crt->obj.meta.namespace, "annotations",
                   annotations, "labels", labels, "data", data);
    return NULL;
}

struct presence {
    const json_t *other;
    bool complete;
};

static bool has_same(void *arg, const char *key, json_t *value)
{
    struct presence *p = arg;
    p->complete = str_eq(JSTR(p->other, key), json_text(value));
    return p->complete;
}

/* A key of managedFields is "f:" and the name. */
static bool is_wanted(void *arg, const char *key, json_t *value)
{
    (void)value;
    struct presence *p = arg;
    p->complete = !str_starts(key, "f:") || JGET(p->other, key + 2) != NULL;
    return p->complete;
}

/* What we applied once and no longer want is still there under our name. */
static bool has_leftovers(const json_t *secret, const json_t *body, const char *part)
{
    auto_free char *field = x_printf("f:%s", part);
    const json_t *managed = JGET(secret, "metadata", "managedFields");
    struct presence p = {JGET(body, "metadata", part), true};
    for (size_t i = 0; i < json_count(managed) && p.complete; i++) {
        const json_t *entry = json_item(managed, i);
        if (str_eq(JSTR(entry, "manager"), api_names()->field_manager) &&
            str_eq(JSTR(entry, "operation"), "Apply"))
            json_each(JGET(entry, "fieldsV1", "f:metadata", field), is_wanted, &p);
    }
    return !p.complete;
}

bool tls_secret_metadata_is_current(const json_t *secret, const json_t *body)
{
    static const char *const parts[] = {"annotations", "labels"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        struct presence p = {JGET(secret, "metadata", parts[i]), true};
        json_each(JGET(body, "metadata", parts[i]), has_same, &p);
        if (!p.complete || has_leftovers(secret, body, parts[i]))
            return false;
    }
    return true;
}

struct err *tls_secret_apply(const struct store *secrets, const struct object_meta *crt,
                             const char *name, const json_t *body)
{
    const struct kube_ref ref = {.res = &res_secret, .ns = crt->namespace, .name = name};
    json_auto_t *answer = NULL;
    TRY(kube_apply(secrets->client, &ref, KUBE_SECRET | KUBE_METADATA, api_names()->field_manager,
                   body, &answer));
    return cache_note_write(secrets->cache, answer);
}
