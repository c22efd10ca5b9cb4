/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/names.h"

#include <arpa/inet.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "pki/internal.h"

#define COMMON_NAME_MAX 64   /* characters, ub-common-name */
#define SUBJECT_TEXT_MAX 256 /* bytes */
#define DNS_NAME_MAX 253
#define DNS_LABEL_MAX 63
#define EMAIL_MAX 254
#define URI_MAX 2048

const struct pki_name_list pki_subject_lists[PKI_SUBJECT_LISTS] = {
    {offsetof(struct pki_names, countries), NID_countryName, "country"},
    {offsetof(struct pki_names, organizations), NID_organizationName, "organization"},
    {offsetof(struct pki_names, organizational_units), NID_organizationalUnitName,
     "organizational unit"},
    {offsetof(struct pki_names, localities), NID_localityName, "locality"},
    {offsetof(struct pki_names, provinces), NID_stateOrProvinceName, "province"},
    {offsetof(struct pki_names, street_addresses), NID_streetAddress, "street address"},
    {offsetof(struct pki_names, postal_codes), NID_postalCode, "postal code"},
};

const struct pki_name_list pki_san_lists[PKI_SAN_LISTS] = {
    {offsetof(struct pki_names, dns), GEN_DNS, "DNS name"},
    {offsetof(struct pki_names, ips), GEN_IPADD, "IP address"},
    {offsetof(struct pki_names, uris), GEN_URI, "URI"},
    {offsetof(struct pki_names, emails), GEN_EMAIL, "e-mail address"},
};

struct strlist *pki_names_list(struct pki_names *n, const struct pki_name_list *l)
{
    return (struct strlist *)(void *)((char *)n + l->offset);
}

const struct strlist *pki_names_list_const(const struct pki_names *n, const struct pki_name_list *l)
{
    return (const struct strlist *)(const void *)((const char *)n + l->offset);
}

void pki_names_release(struct pki_names *n)
{
    free(n->common_name);
    free(n->serial_number);
    for (size_t i = 0; i < PKI_SUBJECT_LISTS; i++)
        strlist_release(pki_names_list(n, &pki_subject_lists[i]));
    for (size_t i = 0; i < PKI_SAN_LISTS; i++)
        strlist_release(pki_names_list(n, &pki_san_lists[i]));
    *n = (struct pki_names){0};
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void lower(char *s)
{
    for (; *s != '\0'; s++)
        *s = to_lower(*s);
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (to_lower(c) >= 'a' && to_lower(c) <= 'z');
}

/* Visible ASCII: no blanks, no control characters, nothing above 0x7e. */
static bool is_graphic(const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s <= ' ' || *s > '~')
            return false;
    }
    return true;
}

static bool label_ok(const char *s, size_t len)
{
    if (len == 0 || len > DNS_LABEL_MAX || s[0] == '-' || s[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_alnum(s[i]) && s[i] != '-' && s[i] != '_')
            return false;
    }
    return true;
}

/* A host name, or "*." and a host name; not an IPv4 address. */
static bool is_dns_name(const char *s)
{
    struct in_addr v4;
    if (strlen(s) > DNS_NAME_MAX || inet_pton(AF_INET, s, &v4) == 1)
        return false;
    if (str_starts(s, "*."))
        s += 2;
    for (;;) {
        size_t len = strcspn(s, ".");
        if (!label_ok(s, len))
            return false;
        if (s[len] == '\0')
            return true;
        s += len + 1;
    }
}

static bool is_email(const char *s)
{
    const char *at = strchr(s, '@');
    return at != NULL && at != s && at[1] != '\0' && strchr(at + 1, '@') == NULL &&
           strlen(s) <= EMAIL_MAX && is_graphic(s);
}

static bool is_uri(const char *s)
{
    if (!is_alnum(s[0]) || (s[0] >= '0' && s[0] <= '9') || strlen(s) > URI_MAX)
        return false;
    size_t scheme = 1;
    while (is_alnum(s[scheme]) || (s[scheme] != '\0' && strchr("+-.", s[scheme]) != NULL))
        scheme++;
    return s[scheme] == ':' && s[scheme + 1] != '\0' && is_graphic(s);
}

struct err *pki_ip_canonical(const char *text, char **ret_text)
{
    char out[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET6, text, &v6) == 1) {
        /* Go, and so cert-manager and most CAs, put a mapped IPv4 address as IPv4. */
        if (IN6_IS_ADDR_V4MAPPED(&v6))
            inet_ntop(AF_INET, &v6.s6_addr[12], out, sizeof(out));
        else
            inet_ntop(AF_INET6, &v6, out, sizeof(out));
    } else if (inet_pton(AF_INET, text, &v4) == 1) {
        inet_ntop(AF_INET, &v4, out, sizeof(out));
    } else {
        return err_new(ERR_INVALID, "InvalidSpec",
                       "IP address \"%.64s\": write it like 192.0.2.1 or 2001:db8::1", text);
    }
    *ret_text = x_strdup(out);
    return NULL;
}

void pki_names_canonicalize(struct pki_names *n)
{
    for (size_t i = 0; i < n->dns.len; i++)
        lower(n->dns.items[i]);
    for (size_t i = 0; i < n->ips.len; i++) {
        char *text;
        AUTO_ERR e = pki_ip_canonical(n->ips.items[i], &text);
        if (e != NULL)
            continue; /* normalize has refused it, or it came from four or sixteen bytes */
        free(n->ips.items[i]);
        n->ips.items[i] = text;
    }
    for (size_t i = 0; i < PKI_SAN_LISTS; i++)
        strlist_uniq(pki_names_list(n, &pki_san_lists[i]));
    /* The values of one attribute are a SET in DER: they have no order to keep. */
    for (size_t i = 0; i < PKI_SUBJECT_LISTS; i++)
        strlist_uniq(pki_names_list(n, &pki_subject_lists[i]));
}

long pki_text_length(const char *s, size_t len)
{
    long n = 0;
    while (len > 0) {
        size_t used = utf8_char(s, len);
        if (used == 0 || utf8_is_control(s, used))
            return -1;
        s += used;
        len -= used;
        n++;
    }
    return n;
}

static struct err *check_subject_text(const char *what, const char *s, long max)
{
    if (*s == '\0')
        return err_new(ERR_INVALID, "InvalidSpec", "subject %s: empty; leave it out", what);
    size_t len = strlen(s);
    long n = len <= SUBJECT_TEXT_MAX ? pki_text_length(s, len) : -1;
    if (n < 0 || n > max)
        return err_new(ERR_INVALID, "InvalidSpec",
                       "subject %s \"%.64s\": use at most %ld characters, no control characters",
                       what, s, max);
    return NULL;
}

static struct err *check_subject(const struct pki_names *n)
{
    if (n->common_name != NULL)
        TRY(check_subject_text("common name", n->common_name, COMMON_NAME_MAX));
    if (n->serial_number != NULL)
        TRY(check_subject_text("serial number", n->serial_number, SUBJECT_TEXT_MAX));
    for (size_t i = 0; i < PKI_SUBJECT_LISTS; i++) {
        const struct strlist *l = pki_names_list_const(n, &pki_subject_lists[i]);
        for (size_t k = 0; k < l->len; k++)
            TRY(check_subject_text(pki_subject_lists[i].what, l->items[k], SUBJECT_TEXT_MAX));
    }
    return NULL;
}

static struct err *bad_name(const char *what, const char *s, const char *help)
{
    return err_new(ERR_INVALID, "InvalidSpec", "%s \"%.64s\": %s", what, s, help);
}

static struct err *check_sans(const struct pki_names *n)
{
    for (size_t i = 0; i < n->dns.len; i++) {
        if (!is_dns_name(n->dns.items[i]))
            return bad_name("DNS name", n->dns.items[i],
                            "not a host name, or \"*.\" and a host name (no dot at the end)");
    }
    for (size_t i = 0; i < n->ips.len; i++) {
        auto_free char *text = NULL;
        TRY(pki_ip_canonical(n->ips.items[i], &text));
    }
    for (size_t i = 0; i < n->uris.len; i++) {
        if (!is_uri(n->uris.items[i]))
            return bad_name("URI", n->uris.items[i], "not like spiffe://example.org/name in ASCII");
    }
    for (size_t i = 0; i < n->emails.len; i++) {
        if (!is_email(n->emails.items[i]))
            return bad_name("e-mail address", n->emails.items[i], "not like name@example.org");
    }
    return NULL;
}

/* "" in a single-valued field means absent, as in Go's types. */
static void drop_empty(char **s)
{
    if (*s != NULL && **s == '\0')
        free(TAKE(*s));
}

struct err *pki_names_normalize(struct pki_names *n)
{
    drop_empty(&n->common_name);
    drop_empty(&n->serial_number);
    TRY(check_subject(n));
    TRY(check_sans(n));
    pki_names_canonicalize(n);
    return NULL;
}

/* "DNS name "x" is missing", fit for a condition though a long name is cut. */
static char *sentence(const char *what, const char *name, const char *verdict)
{
    char *text = x_printf("%s \"%.300s\" %s", what, name, verdict);
    str_sanitize(text);
    return text;
}

static char *missing(const char *what, const char *name)
{
    return sentence(what, name, "is missing");
}

static char *unwanted(const char *what, const char *name)
{
    return sentence(what, name, "was not asked for");
}

/* The first item that only one of two sorted lists has, as a sentence; NULL when there is none. */
static char *list_difference(const char *what, const struct strlist *want,
                             const struct strlist *have)
{
    size_t w = 0, h = 0;
    while (w < want->len || h < have->len) {
        int order = w == want->len ? 1 : -1;
        if (w < want->len && h < have->len)
            order = strcmp(want->items[w], have->items[h]);
        if (order < 0)
            return missing(what, want->items[w]);
        if (order > 0)
            return unwanted(what, have->items[h]);
        w++;
        h++;
    }
    return NULL;
}

static bool common_name_is_dns(const struct pki_names *n)
{
    return n->common_name != NULL && is_dns_name(n->common_name);
}

/* CAs move names between the common name and the SANs: both count. */
static struct strlist dns_and_common_name(const struct pki_names *n)
{
    struct strlist all = {0};
    for (size_t i = 0; i < n->dns.len; i++)
        strlist_add(&all, n->dns.items[i]);
    if (common_name_is_dns(n)) {
        char *cn = x_strdup(n->common_name);
        lower(cn);
        strlist_add_take(&all, cn);
    }
    strlist_uniq(&all);
    return all;
}

static char *text_difference(const char *what, const char *want, const char *have)
{
    if (str_eq(want, have))
        return NULL;
    return want == NULL ? unwanted(what, have) : missing(what, want);
}

/* A common name that is a host name has been compared with the DNS names. */
static char *common_name_difference(const struct pki_names *want, const struct pki_names *have)
{
    const char *w = common_name_is_dns(want) ? NULL : want->common_name;
    const char *h = common_name_is_dns(have) ? NULL : have->common_name;
    return text_difference("subject common name", w, h);
}

static char *subject_difference(const struct pki_names *want, const struct pki_names *have)
{
    for (size_t i = 0; i < PKI_SUBJECT_LISTS; i++) {
        const struct pki_name_list *l = &pki_subject_lists[i];
        auto_free char *what = x_printf("subject %s", l->what);
        char *diff =
            list_difference(what, pki_names_list_const(want, l), pki_names_list_const(have, l));
        if (diff != NULL)
            return diff;
    }
    return text_difference("subject serial number", want->serial_number, have->serial_number);
}

char *pki_names_sans_difference(const struct pki_names *want, const struct pki_names *have)
{
    AUTO(strlist_release) struct strlist w = dns_and_common_name(want);
    AUTO(strlist_release) struct strlist h = dns_and_common_name(have);
    char *diff = list_difference("DNS name", &w, &h);
    for (size_t i = 0; i < PKI_SAN_LISTS && diff == NULL; i++) {
        const struct pki_name_list *l = &pki_san_lists[i];
        if (l->id != GEN_DNS)
            diff = list_difference(l->what, pki_names_list_const(want, l),
                                   pki_names_list_const(have, l));
    }
    return diff;
}

char *pki_names_difference(const struct pki_names *want, const struct pki_names *have)
{
    char *diff = pki_names_sans_difference(want, have);
    if (diff == NULL)
        diff = common_name_difference(want, have);
    if (diff == NULL)
        diff = subject_difference(want, have);
    return diff;
}
