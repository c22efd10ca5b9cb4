/* SPDX-License-Identifier: Apache-2.0 */
#include "api/wanted.h"

#include <ctype.h>
#include <string.h>

#include "api/group.h"
#include "api/kinds.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "pki/csr.h"

#define ANNOTATIONS_MAX ((size_t)256 * 1024) /* of an object, for the API server */

static const char *const default_usages[] = {"digital signature", "key encipherment"};

static void copy_list(struct strlist *to, const struct bind_strings *from)
{
    for (size_t i = 0; i < from->len; i++)
        strlist_add(to, from->items[i]);
}

static void copy_names(const struct certificate_spec *spec, struct pki_names *n)
{
    const struct certificate_subject *s = &spec->subject;
    n->common_name = str_empty(spec->common_name) ? NULL : x_strdup(spec->common_name);
    copy_list(&n->dns, &spec->dns_names);
    copy_list(&n->ips, &spec->ip_addresses);
    copy_list(&n->uris, &spec->uris);
    copy_list(&n->emails, &spec->email_addresses);
    copy_list(&n->organizations, &s->organizations);
    copy_list(&n->countries, &s->countries);
    copy_list(&n->organizational_units, &s->organizational_units);
    copy_list(&n->localities, &s->localities);
    copy_list(&n->provinces, &s->provinces);
    copy_list(&n->street_addresses, &s->street_addresses);
    copy_list(&n->postal_codes, &s->postal_codes);
    n->serial_number = str_empty(s->serial_number) ? NULL : x_strdup(s->serial_number);
}

struct bind_strings wanted_usages(const struct certificate_spec *spec)
{
    if (spec->usages.len > 0)
        return spec->usages;
    return (struct bind_strings){default_usages, ARRAY_LEN(default_usages)};
}

static struct err *key_spec(const struct certificate_private_key *k, struct wanted *w)
{
    w->rotate = !str_eq(k->rotation_policy, "Never");
    w->encoding = str_eq(k->encoding, "PKCS8") ? PKI_PKCS8 : PKI_PKCS1;
    if (str_eq(k->algorithm, "ECDSA"))
        w->key.algorithm = PKI_ECDSA;
    else if (str_eq(k->algorithm, "Ed25519"))
        w->key.algorithm = PKI_ED25519;
    else
        w->key.algorithm = PKI_RSA;
    if (k->size < 0 || k->size > 8192)
        return err_new(ERR_INVALID, "InvalidSpec",
                       "spec.privateKey.size: %lld: write 2048 to 8192 for RSA, 256, 384 or 521 "
                       "for ECDSA",
                       (long long)k->size);
    w->key.size = (int)k->size;
    return NULL;
}

static struct err *check_times(const struct certificate_spec *spec, int64_t duration)
{
    if (duration < NS_PER_HOUR)
        return err_new(ERR_INVALID, "InvalidSpec", "spec.duration: write at least 1h");
    if (spec->renew_before != 0 && spec->renew_before >= duration)
        return err_new(ERR_INVALID, "InvalidSpec",
                       "spec.renewBefore: write less than the duration of the certificate");
    return NULL;
}

static struct err *bad_template(const char *part, const char *key, const char *what)
{
    return err_new(ERR_INVALID, "InvalidSpec", "spec.secretTemplate.%s: \"%.100s\": %s", part, key,
                   what);
}

#define WORD "at most 63 letters, digits, '-', '_' and '.', a letter or digit at both ends"

static struct err *check_labels(const struct bind_map *labels)
{
    for (size_t i = 0; i < labels->len; i++) {
        const struct bind_pair *l = &labels->items[i];
        if (!name_is_qualified(l->key))
            return bad_template("labels", l->key, "write a name such as team or example.com/team");
        if (!label_value_is_valid(l->value))
            return bad_template("labels", l->key, "write a value of " WORD);
    }
    return NULL;
}

/* As the API server judges the keys of annotations: in lower case. */
static struct err *check_annotations(const struct bind_map *annotations)
{
    size_t total = 0;
    for (size_t i = 0; i < annotations->len; i++) {
        const struct bind_pair *a = &annotations->items[i];
        auto_free char *key = x_strdup(a->key);
        for (char *c = key; *c != '\0'; c++)
            *c = (char)tolower((unsigned char)*c);
        total += strlen(a->key) + strlen(a->value);
        if (!name_is_qualified(key))
            return bad_template("annotations", a->key,
                                "write a name such as note or example.com/note");
        if (total > ANNOTATIONS_MAX)
            return bad_template("annotations", a->key, "all together are over 256 KiB");
    }
    return NULL;
}

struct err *wanted_from_spec(const struct certificate_spec *spec, struct wanted *ret_wanted)
{
    AUTO(wanted_release) struct wanted w = {0};
    copy_names(spec, &w.names);
    TRY(pki_names_to_ascii(&w.names), "spec.dnsNames");
    TRY(pki_names_normalize(&w.names), "spec");
    TRY(pki_usages_build(&spec->usages, spec->is_ca, &w.usages), "spec.usages");
    TRY(key_spec(&spec->private_key, &w));
    w.duration = spec->duration != 0 ? spec->duration : CERTIFICATE_DEFAULT_DURATION;
    TRY(check_times(spec, w.duration));
    /* The Secret would be refused when the certificate is there. */
    TRY(check_labels(&spec->secret_template.labels));
    TRY(check_annotations(&spec->secret_template.annotations));
    *ret_wanted = w;
    w = (struct wanted){0};
    return NULL;
}

void wanted_release(struct wanted *w)
{
    pki_names_release(&w->names);
    pki_usages_release(&w->usages);
}

/* ---- the request ---- */

static struct err *make_csr(const struct certificate *crt, const struct wanted *w,
                            const struct pki_key *key, char **ret_request)
{
    const struct pki_csr_spec csr = {
        .names = &w->names,
        .is_ca = crt->spec.is_ca,
        .usages = crt->spec.encode_usages_in_request ? &w->usages : NULL,
    };
    auto_free char *pem = NULL;
    TRY(pki_csr_make(&csr, key, &pem));
    *ret_request = base64_encode(pem, strlen(pem));
    return NULL;
}

/* Solvers are selected by labels: a request has those of its Certificate. The profile has no field there. */
static json_t *request_metadata(const struct certificate *crt, const char *name)
{
    const struct object_meta *meta = &crt->obj.meta;
    json_t *labels = json_new_object();
    for (size_t i = 0; i < meta->labels.len; i++)
        json_put_str(labels, meta->labels.items[i].key, meta->labels.items[i].value);
    json_t *annotations = json_build("{s:s}", api_names()->certificate_name, meta->name);
    if (*certificate_profile(crt) != '\0')
        json_put_str(annotations, API_PROFILE, certificate_profile(crt));
    return json_build("{s:s,s:s,s:o,s:o,s:[o]}", "name", name, "namespace", meta->namespace,
                      "annotations", annotations, "labels", labels, "ownerReferences",
                      owner_reference_json(&kind_certificate.res, meta));
}

struct err *wanted_request(const struct certificate *crt, const struct wanted *w,
                           const struct pki_key *key, const char *name,
                           const struct issuer_ref *issuer, json_t **ret_request)
{
    auto_free char *csr = NULL;
    TRY(make_csr(crt, w, key, &csr));
    const struct certificate_request_spec spec = {
        .request = csr,
        .issuer_ref = *issuer,
        .duration = crt->spec.duration,
        .is_ca = crt->spec.is_ca,
        .usages = wanted_usages(&crt->spec),
    };
    *ret_request = json_build("{s:o,s:o}", "metadata", request_metadata(crt, name), "spec",
                              bind_encode(&certificate_request_spec_table, &spec));
    return NULL;
}
