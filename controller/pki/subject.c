/* SPDX-License-Identifier: Apache-2.0 */
/* Distinguished names: struct pki_names to and from X.501 (RFC 5280 section 4.1.2.6). */
#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <string.h>

#include "base/str.h"
#include "pki/internal.h"

#define TEXT_MAX 1024

/* PrintableString where it can be, else UTF8String: what Go's encoder chooses. */
static int string_type(const char *s)
{
    for (; *s != '\0'; s++) {
        bool alnum =
            (*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z');
        if (!alnum && strchr(" '()+,-./:=?", *s) == NULL)
            return V_ASN1_UTF8STRING;
    }
    return V_ASN1_PRINTABLESTRING;
}

/* set 0 starts a new RDN, -1 joins the one before. */
static void add_value(X509_NAME *name, int nid, const char *value, int set)
{
    openssl_must(X509_NAME_add_entry_by_NID(name, nid, string_type(value),
                                            (const unsigned char *)value, -1, -1, set) == 1);
}

X509_NAME *pki_subject_build(const struct pki_names *n)
{
    X509_NAME *name = X509_NAME_new();
    openssl_must(name != NULL);
    for (size_t i = 0; i < PKI_SUBJECT_LISTS; i++) {
        const struct strlist *l = pki_names_list_const(n, &pki_subject_lists[i]);
        for (size_t k = 0; k < l->len; k++)
            add_value(name, pki_subject_lists[i].id, l->items[k], k == 0 ? 0 : -1);
    }
    if (n->common_name != NULL)
        add_value(name, NID_commonName, n->common_name, 0);
    if (n->serial_number != NULL)
        add_value(name, NID_serialNumber, n->serial_number, 0);
    return name;
}

struct err *pki_asn1_text(const ASN1_STRING *s, char **ret_text)
{
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, s);
    if (len < 0)
        return openssl_err(ERR_INVALID, "InvalidName", "a name is not a character string");
    bool ok = len <= TEXT_MAX && pki_text_length((const char *)utf8, (size_t)len) >= 0;
    if (ok)
        *ret_text = x_strndup((const char *)utf8, (size_t)len);
    OPENSSL_free(utf8);
    if (!ok)
        return err_new(ERR_INVALID, "InvalidName",
                       "a name is longer than %d bytes or holds control characters", TEXT_MAX);
    return NULL;
}

static struct strlist *list_of_nid(struct pki_names *n, int nid)
{
    for (size_t i = 0; i < PKI_SUBJECT_LISTS; i++) {
        if (pki_subject_lists[i].id == nid)
            return pki_names_list(n, &pki_subject_lists[i]);
    }
    return NULL;
}

static struct err *read_single(const char *what, enum pki_strictness strictness, char *text,
                               char **field)
{
    if (*field != NULL && strictness == PKI_STRICT) {
        free(text);
        return err_new(ERR_INVALID, "InvalidName", "the subject has more than one %s", what);
    }
    free(*field);
    *field = text; /* the last one counts, as in Go */
    return NULL;
}

static struct err *read_entry(const X509_NAME_ENTRY *entry, enum pki_strictness strictness,
                              struct pki_names *n)
{
    int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    struct strlist *l = list_of_nid(n, nid);
    if (l == NULL && nid != NID_commonName && nid != NID_serialNumber) {
        if (strictness == PKI_LENIENT)
            return NULL;
        return err_new(ERR_INVALID, "InvalidName",
                       "the subject has the attribute %s, which is not supported: use C, O, OU, L, "
                       "ST, street, postalCode, CN and serialNumber",
                       nid != NID_undef ? OBJ_nid2sn(nid) : "of an unknown type");
    }
    char *text;
    TRY(pki_asn1_text(X509_NAME_ENTRY_get_data(entry), &text));
    if (l == NULL)
        return nid == NID_commonName
                   ? read_single("common name", strictness, text, &n->common_name)
                   : read_single("serial number", strictness, text, &n->serial_number);
    strlist_add_take(l, text);
    return NULL;
}

struct err *pki_subject_read(const X509_NAME *name, enum pki_strictness strictness,
                             struct pki_names *n)
{
    int count = X509_NAME_entry_count(name);
    for (int i = 0; i < count; i++)
        TRY(read_entry(X509_NAME_get_entry(name, i), strictness, n));
    return NULL;
}
