/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API group is chosen at start (--api-group): everything that carries it is made here once.
 * Labels and annotations that cert-manager has take the prefix of the group; ours alone are always
 * certroll.dev/.
 */
#ifndef CERTROLL_API_GROUP_H
#define CERTROLL_API_GROUP_H

#include "base/err.h"

#define API_DEFAULT_GROUP "certroll.dev"

/* Names of annotations and labels, complete with prefix. */
struct api_names {
    const char *group;         /* "certroll.dev" */
    const char *acme_group;    /* "acme.certroll.dev" */
    const char *field_manager; /* of Secrets */

    const char *certificate_name; /* annotations: G/... */
    const char *certificate_revision;
    const char *private_key_secret_name;
    const char *issuer_name;
    const char *issuer_kind;
    const char *issuer_group;
    const char *common_name;
    const char *alt_names;
    const char *ip_sans;
    const char *uri_sans;
    const char *email_sans;
    const char *subject_organizations;
    const char *subject_organizational_units;
    const char *subject_countries;
    const char *subject_provinces;
    const char *subject_localities;
    const char *subject_postal_codes;
    const char *subject_street_addresses;
    const char *subject_serial_number;

    const char *next_private_key; /* label on the Secret that holds the key of a running issuance */
    const char *fao;              /* label on every Secret of a Certificate */
    const char *http01_solver;    /* label on solver pods, Services and Ingresses */
    const char *dns01_finalizer;  /* on a Challenge: a record may be in a zone */
};

#define API_FINGERPRINT "certroll.dev/fingerprint" /* on the Secret: SHA-256 of the leaf */
#define API_CERTIFICATE_ID                                                                         \
    "certroll.dev/certificate-id" /* on the Secret: RFC 9773 section 4.1; none without an AKI */
#define API_ACME_ACCOUNT "certroll.dev/acme-account" /* on the Secret: URL of who ordered it */
/* On a CertificateRequest: the certificate that the new one takes the place of (RFC 9773 section 5). */
#define API_REPLACES "certroll.dev/replaces"
/* On a CertificateRequest: the ACME profile that its Certificate asks for, and so on a Certificate
 * itself where spec.profile cannot be written. */
#define API_PROFILE "certroll.dev/profile"
/* On a Certificate: revocation_request_parse() reads it; another value is another wish. With "true" in the second
 * one, no new certificate takes the place of the revoked one. */
#define API_REVOKE "certroll.dev/revoke"
#define API_REVOKE_ONLY "certroll.dev/revoke-only"
#define API_ISSUED_AT "certroll.dev/issued-at" /* on the Secret: when it was written */
#define API_ROLLOUT "certroll.dev/rollout"     /* on a workload: "true" opts in, "false" out */
#define API_CERTIFICATES "certroll.dev/certificates" /* on a workload and its pod template */
/* On a Certificate: any new value renews. Its Secret carries the last value acted on, and a
 * CertificateRequest the one that it was made for. */
#define API_RENEW "certroll.dev/renew"
/* On a CertificateRequest whose certificate is thrown away: whose trial it is. */
#define API_PREFLIGHT "certroll.dev/preflight"
#define API_PREFLIGHT_ATTEMPT "attempt" /* the first half of a Certificate's attempt */
#define API_PREFLIGHT_COMMAND "command" /* a person's, and no part of any attempt */

/* On an Issuer: "true" gives up its ACME account for good (RFC 8555 section 7.3.6). */
#define API_DEACTIVATE_ACCOUNT "certroll.dev/deactivate-account"

/* On an Issuer: any new value gives its ACME account another key (section 7.3.5). */
#define API_ROTATE_ACCOUNT_KEY "certroll.dev/rotate-account-key"

/* Once, before threads and before any other use of this room. ERR_INVALID unless group is a DNS-1123
 * subdomain with a dot. */
struct err *api_init(const char *group) MUST_CHECK;
const struct api_names *api_names(void);

#endif
