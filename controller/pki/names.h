/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a certificate or a request says about its holder: names, subject, usages. One struct for what
 * is asked, what a CSR carries and what a CA answered, so that they can be compared.
 */
#ifndef CERTROLL_PKI_NAMES_H
#define CERTROLL_PKI_NAMES_H

#include <stdbool.h>

#include "base/err.h"
#include "base/list.h"
#include "json/bind.h"

struct pki_names {
    char *common_name; /* NULL when absent */
    struct strlist dns;
    struct strlist ips; /* canonical text, RFC 5952 */
    struct strlist uris;
    struct strlist emails;
    struct strlist organizations;
    struct strlist countries;
    struct strlist organizational_units;
    struct strlist localities;
    struct strlist provinces;
    struct strlist street_addresses;
    struct strlist postal_codes;
    char *serial_number; /* of the subject, X.520 */
};

void pki_names_release(struct pki_names *n);

/* Canonical form: lower-case DNS names, canonical IP text, every list sorted without repeats (the
 * values of a subject attribute are a SET in DER, so their order is not kept anyway). ERR_INVALID
 * names the bad one (reason InvalidSpec). */
struct err *pki_names_normalize(struct pki_names *n) MUST_CHECK;
/* DNS names as people write them become those of certificates: U-labels to A-labels (IDNA2008 with the
 * mapping of UTS 46, not transitional), also a common name that is one of them. For what a person wrote, never for
 * what a request or certificate holds. ERR_INVALID names the bad one (reason InvalidSpec). */
struct err *pki_names_to_ascii(struct pki_names *n) MUST_CHECK;
/* "192.0.2.1", "2001:db8::1" in canonical text, an IPv4-mapped address as IPv4. Owned. */
struct err *pki_ip_canonical(const char *text, char **ret_text) MUST_CHECK;
/* Has a person written that name or address, which is canonical, in any case, in U-labels or another form of IPv6? */
bool pki_name_is(const char *written, const char *name);

/* NULL when have answers want (both normalized), else words that name the first difference, owned:
 * SANs must be equal as sets (a common name that is a host name counts as a DNS name, wherever the CA
 * put it), the rest of the subject equal. */
char *pki_names_difference(const struct pki_names *want, const struct pki_names *have);
/* The same for the SANs alone: public CAs drop or add the rest of the subject. */
char *pki_names_sans_difference(const struct pki_names *want, const struct pki_names *have);

/* Key usages as cert-manager spells them ("digital signature", "server auth", ...). */
struct pki_usages {
    unsigned key_usage;      /* bits of RFC 5280 section 4.2.1.3, bit 0 = digitalSignature */
    struct strlist extended; /* dotted OIDs, sorted */
};
void pki_usages_release(struct pki_usages *u);
/* ERR_INVALID names the unknown one. */
struct err *pki_usages_add(struct pki_usages *u, const char *usage) MUST_CHECK;
/* What a certificate of the API carries: the usages named, "digital signature" and "key encipherment"
 * when there are none, and for a CA always "cert sign", without which it could sign nothing. The one
 * rule for requests, their validation and issuers. ERR_INVALID names the unknown one. */
struct err *pki_usages_build(const struct bind_strings *names, bool is_ca,
                             struct pki_usages *ret_usages) MUST_CHECK;
/* Is "digital signature" among them? */
bool pki_usages_sign(const struct pki_usages *u);
bool pki_usages_equal(const struct pki_usages *a, const struct pki_usages *b);

#endif
