/* SPDX-License-Identifier: Apache-2.0 */
/* X.509 version 3 extensions (RFC 5280 section 4.2), the same for requests and certificates. */
#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/str.h"
#include "pki/internal.h"

#define KEY_USAGE_BITS 9
#define OID_TEXT_MAX 128

PKI_DEFINE_FREEP(GENERAL_NAME)
PKI_DEFINE_FREEP(GENERAL_NAMES)
PKI_DEFINE_FREEP(BASIC_CONSTRAINTS)
PKI_DEFINE_FREEP(ASN1_BIT_STRING)
PKI_DEFINE_FREEP(EXTENDED_KEY_USAGE)
PKI_DEFINE_FREEP(CRL_DIST_POINTS)

static void add_extension(x509_extensions **list, int nid, void *value, bool critical)
{
    openssl_must(X509V3_add1_i2d(list, nid, value, critical, X509V3_ADD_APPEND) == 1);
}

/* An IPv4 or IPv6 address in canonical text as its 4 or 16 bytes. */
static struct err *ip_bytes(const char *text, ASN1_STRING *s)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    int len = 0;
    if (inet_pton(AF_INET, text, bytes) == 1)
        len = (int)sizeof(struct in_addr);
    else if (inet_pton(AF_INET6, text, bytes) == 1)
        len = (int)sizeof(struct in6_addr);
    else
        return err_new(ERR_BUG, "InvalidName", "an IP address was not normalized");
    openssl_must(ASN1_STRING_set(s, bytes, len) == 1);
    return NULL;
}

static struct err *add_name(GENERAL_NAMES *list, int type, const char *text)
{
    AUTO(GENERAL_NAME_freep) GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *s = type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
    openssl_must(name != NULL && s != NULL);
    GENERAL_NAME_set0_value(name, type, s);
    if (type == GEN_IPADD)
        TRY(ip_bytes(text, s));
    else
        openssl_must(ASN1_STRING_set(s, text, -1) == 1);
    openssl_must(sk_GENERAL_NAME_push(list, name) > 0);
    name = NULL;
    return NULL;
}

static bool subject_is_empty(const struct pki_names *n)
{
    for (size_t i = 0; i < PKI_SUBJECT_LISTS; i++) {
        if (pki_names_list_const(n, &pki_subject_lists[i])->len > 0)
            return false;
    }
    return n->common_name == NULL && n->serial_number == NULL;
}

static struct err *add_sans(x509_extensions **list, const struct pki_names *n)
{
    AUTO(GENERAL_NAMES_freep) GENERAL_NAMES *sans = sk_GENERAL_NAME_new_null();
    openssl_must(sans != NULL);
    for (size_t i = 0; i < PKI_SAN_LISTS; i++) {
        const struct strlist *l = pki_names_list_const(n, &pki_san_lists[i]);
        for (size_t k = 0; k < l->len; k++)
            TRY(add_name(sans, pki_san_lists[i].id, l->items[k]));
    }
    if (sk_GENERAL_NAME_num(sans) > 0) /* critical: RFC 5280 section 4.2.1.6 */
        add_extension(list, NID_subject_alt_name, sans, subject_is_empty(n));
    return NULL;
}

static void add_basic_constraints(x509_extensions **list, bool is_ca)
{
    AUTO(BASIC_CONSTRAINTS_freep) BASIC_CONSTRAINTS *bc = BASIC_CONSTRAINTS_new();
    openssl_must(bc != NULL);
    bc->ca = is_ca ? 0xff : 0;
    add_extension(list, NID_basic_constraints, bc, true);
}

static void add_key_usage(x509_extensions **list, unsigned bits)
{
    AUTO(ASN1_BIT_STRING_freep) ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();
    openssl_must(usage != NULL);
    for (int i = 0; i < KEY_USAGE_BITS; i++) {
        if ((bits >> i & 1U) != 0)
            openssl_must(ASN1_BIT_STRING_set_bit(usage, i, 1) == 1);
    }
    add_extension(list, NID_key_usage, usage, true);
}

static struct err *add_extended_key_usage(x509_extensions **list, const struct strlist *oids)
{
    AUTO(EXTENDED_KEY_USAGE_freep) EXTENDED_KEY_USAGE *usage = sk_ASN1_OBJECT_new_null();
    openssl_must(usage != NULL);
    for (size_t i = 0; i < oids->len; i++) {
        ASN1_OBJECT *oid = OBJ_txt2obj(oids->items[i], 1);
        if (oid == NULL)
            return openssl_err(ERR_BUG, "InvalidUsage", "an extended key usage is not an OID");
        openssl_must(sk_ASN1_OBJECT_push(usage, oid) > 0);
    }
    add_extension(list, NID_ext_key_usage, usage, false);
    return NULL;
}

static struct err *add_crl_distribution_points(x509_extensions **list, const struct strlist *uris)
{
    AUTO(CRL_DIST_POINTS_freep) CRL_DIST_POINTS *points = sk_DIST_POINT_new_null();
    openssl_must(points != NULL);
    for (size_t i = 0; i < uris->len; i++) {
        DIST_POINT *point = DIST_POINT_new();
        openssl_must(point != NULL && sk_DIST_POINT_push(points, point) > 0);
        point->distpoint = DIST_POINT_NAME_new();
        openssl_must(point->distpoint != NULL);
        point->distpoint->type = 0; /* fullName */
        point->distpoint->name.fullname = sk_GENERAL_NAME_new_null();
        openssl_must(point->distpoint->name.fullname != NULL);
        TRY(add_name(point->distpoint->name.fullname, GEN_URI, uris->items[i]));
    }
    add_extension(list, NID_crl_distribution_points, points, false);
    return NULL;
}

struct err *pki_extensions_build(const struct pki_extensions_spec *spec,
                                 x509_extensions **ret_extensions)
{
    AUTO(x509_extensions_freep) x509_extensions *list = sk_X509_EXTENSION_new_null();
    openssl_must(list != NULL);
    if (spec->is_ca || spec->not_ca)
        add_basic_constraints(&list, spec->is_ca);
    if (spec->usages != NULL && spec->usages->key_usage != 0)
        add_key_usage(&list, spec->usages->key_usage);
    if (spec->usages != NULL && spec->usages->extended.len > 0)
        TRY(add_extended_key_usage(&list, &spec->usages->extended));
    TRY(add_sans(&list, spec->names));
    if (spec->crl_distribution_points != NULL && spec->crl_distribution_points->len > 0)
        TRY(add_crl_distribution_points(&list, spec->crl_distribution_points));
    *ret_extensions = TAKE(list);
    return NULL;
}

/* The decoded extension, or NULL when it is absent. */
static struct err *decode(const x509_extensions *list, int nid, void **ret_value)
{
    int critical = 0;
    *ret_value = X509V3_get_d2i(list, nid, &critical, NULL);
    if (*ret_value == NULL && critical != -1)
        return openssl_err(ERR_INVALID, "InvalidExtension",
                           critical == -2 ? "an extension occurs twice"
                                          : "an extension cannot be decoded");
    return NULL;
}

static struct err *ip_text(const ASN1_STRING *s, char **ret_text)
{
    char out[INET6_ADDRSTRLEN];
    int len = ASN1_STRING_length(s);
    bool v4 = len == (int)sizeof(struct in_addr);
    if (!v4 && len != (int)sizeof(struct in6_addr))
        return err_new(ERR_INVALID, "InvalidName", "an IP address of %d bytes", len);
    inet_ntop(v4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(s), out, sizeof(out));
    *ret_text = x_strdup(out);
    return NULL;
}

static struct err *read_name(const GENERAL_NAME *name, enum pki_strictness strictness,
                             struct pki_names *n)
{
    int type = 0;
    const ASN1_STRING *s = GENERAL_NAME_get0_value(name, &type);
    for (size_t i = 0; i < PKI_SAN_LISTS; i++) {
        if (pki_san_lists[i].id != type)
            continue;
        char *text;
        TRY(type == GEN_IPADD ? ip_text(s, &text) : pki_asn1_text(s, &text));
        strlist_add_take(pki_names_list(n, &pki_san_lists[i]), text);
        return NULL;
    }
    if (strictness == PKI_LENIENT)
        return NULL;
    return err_new(ERR_INVALID, "InvalidName",
                   "a subjectAltName is none of DNS name, IP address, URI and e-mail address");
}

static struct err *read_sans(const x509_extensions *list, enum pki_strictness strictness,
                             struct pki_names *n)
{
    void *value;
    TRY(decode(list, NID_subject_alt_name, &value));
    AUTO(GENERAL_NAMES_freep) GENERAL_NAMES *sans = value;
    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++)
        TRY(read_name(sk_GENERAL_NAME_value(sans, i), strictness, n));
    return NULL;
}

static struct err *read_basic_constraints(const x509_extensions *list, bool *ret_is_ca)
{
    void *value;
    TRY(decode(list, NID_basic_constraints, &value));
    AUTO(BASIC_CONSTRAINTS_freep) BASIC_CONSTRAINTS *bc = value;
    *ret_is_ca = bc != NULL && bc->ca != 0;
    return NULL;
}

static struct err *read_key_usage(const x509_extensions *list, unsigned *ret_bits)
{
    void *value;
    TRY(decode(list, NID_key_usage, &value));
    AUTO(ASN1_BIT_STRING_freep) ASN1_BIT_STRING *usage = value;
    unsigned bits = 0;
    for (int i = 0; usage != NULL && i < KEY_USAGE_BITS; i++)
        bits |= (unsigned)ASN1_BIT_STRING_get_bit(usage, i) << i;
    *ret_bits = bits;
    return NULL;
}

static struct err *read_extended_key_usage(const x509_extensions *list, struct strlist *ret_oids)
{
    void *value;
    TRY(decode(list, NID_ext_key_usage, &value));
    AUTO(EXTENDED_KEY_USAGE_freep) EXTENDED_KEY_USAGE *usage = value;
    for (int i = 0; i < sk_ASN1_OBJECT_num(usage); i++) {
        char oid[OID_TEXT_MAX];
        int len = OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(usage, i), 1);
        if (len <= 0 || len >= (int)sizeof(oid))
            return err_new(ERR_INVALID, "InvalidUsage", "an extended key usage is too long");
        strlist_add(ret_oids, oid);
    }
    strlist_uniq(ret_oids);
    return NULL;
}

struct err *pki_extensions_read(const x509_extensions *list, enum pki_strictness strictness,
                                const struct pki_extensions *out)
{
    if (out->names != NULL)
        TRY(read_sans(list, strictness, out->names));
    if (out->is_ca != NULL)
        TRY(read_basic_constraints(list, out->is_ca));
    if (out->usages == NULL)
        return NULL;
    TRY(read_key_usage(list, &out->usages->key_usage));
    return read_extended_key_usage(list, &out->usages->extended);
}
