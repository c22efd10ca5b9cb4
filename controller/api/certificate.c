/* SPDX-License-Identifier: Apache-2.0 */
#include "api/certificate.h"

#include "api/group.h"
#include "base/str.h"

#define SUBJECT(type, member, name, ...)                                                           \
    BIND_ROW(struct certificate_subject, type, member, name, __VA_ARGS__)
static const struct bind_field subject_fields[] = {
    SUBJECT(STRINGS, organizations, "organizations"),
    SUBJECT(STRINGS, countries, "countries"),
    SUBJECT(STRINGS, organizational_units, "organizationalUnits"),
    SUBJECT(STRINGS, localities, "localities"),
    SUBJECT(STRINGS, provinces, "provinces"),
    SUBJECT(STRINGS, street_addresses, "streetAddresses"),
    SUBJECT(STRINGS, postal_codes, "postalCodes"),
    SUBJECT(STRING, serial_number, "serialNumber"),
};
static const struct bind_table subject_table =
    BIND_TABLE("X509Subject", struct certificate_subject, subject_fields);

static const char *const rotation_policies[] = {"Always", "Never", NULL};
static const char *const encodings[] = {"PKCS1", "PKCS8", NULL};
static const char *const algorithms[] = {"RSA", "ECDSA", "Ed25519", NULL};

#define KEY(type, member, name, ...)                                                               \
    BIND_ROW(struct certificate_private_key, type, member, name, __VA_ARGS__)
static const struct bind_field private_key_fields[] = {
    KEY(STRING, rotation_policy, "rotationPolicy", .dflt = "Always",
        .enumeration = rotation_policies),
    KEY(STRING, encoding, "encoding", .dflt = "PKCS1", .enumeration = encodings),
    KEY(STRING, algorithm, "algorithm", .dflt = "RSA", .enumeration = algorithms),
    KEY(INT, size, "size"),
};
static const struct bind_table private_key_table =
    BIND_TABLE("CertificatePrivateKey", struct certificate_private_key, private_key_fields);

static const struct bind_field rollout_fields[] = {
    BIND_ROW(struct certificate_rollout, BOOL, enabled, "enabled"),
};
static const struct bind_table rollout_table =
    BIND_TABLE("CertificateRollout", struct certificate_rollout, rollout_fields);

static const struct bind_field preflight_fields[] = {
    BIND_ROW(struct certificate_preflight, OBJECT, issuer_ref, "issuerRef", .flags = BIND_REQUIRED,
             .table = &issuer_ref_table),
};
static const struct bind_table preflight_table =
    BIND_TABLE("CertificatePreflight", struct certificate_preflight, preflight_fields);

#define SPEC(type, member, name, ...)                                                              \
    BIND_ROW(struct certificate_spec, type, member, name, __VA_ARGS__)
static const struct bind_field spec_fields[] = {
    SPEC(STRING, secret_name, "secretName", .flags = BIND_REQUIRED),
    SPEC(OBJECT, secret_template, "secretTemplate", .table = &metadata_template_table),
    SPEC(OBJECT, issuer_ref, "issuerRef", .flags = BIND_REQUIRED, .table = &issuer_ref_table),
    SPEC(STRING, common_name, "commonName"),
    SPEC(STRINGS, dns_names, "dnsNames"),
    SPEC(STRINGS, ip_addresses, "ipAddresses"),
    SPEC(STRINGS, uris, "uris"),
    SPEC(STRINGS, email_addresses, "emailAddresses"),
    SPEC(OBJECT, subject, "subject", .table = &subject_table),
    SPEC(DURATION, duration, "duration"),
    SPEC(DURATION, renew_before, "renewBefore"),
    SPEC(INT, renew_before_percentage, "renewBeforePercentage"),
    SPEC(STRINGS, usages, "usages"),
    SPEC(BOOL, is_ca, "isCA"),
    SPEC(OBJECT, private_key, "privateKey", .table = &private_key_table),
    SPEC(INT, revision_history_limit, "revisionHistoryLimit", .dflt = "1"),
    SPEC(BOOL, encode_usages_in_request, "encodeUsagesInRequest", .dflt = "true"),
    SPEC(STRING, profile, "profile"),
    SPEC(OBJECT, rollout, "rollout", .table = &rollout_table),
    SPEC(POINTER, preflight, "preflight", .table = &preflight_table),
};
const struct bind_table certificate_spec_table =
    BIND_TABLE("CertificateSpec", struct certificate_spec, spec_fields);

#define ROLLOUT(type, member, name, ...)                                                           \
    BIND_ROW(struct certificate_rollout_status, type, member, name, __VA_ARGS__)
static const struct bind_field rollout_status_fields[] = {
    ROLLOUT(STRING, fingerprint, "fingerprint"),
    ROLLOUT(INT, updated, "updated"),
    ROLLOUT(INT, pending, "pending"),
};
static const struct bind_table rollout_status_table = BIND_TABLE(
    "CertificateRolloutStatus", struct certificate_rollout_status, rollout_status_fields);

#define INFO(type, member, name, ...)                                                              \
    BIND_ROW(struct certificate_renewal_info, type, member, name, __VA_ARGS__)
static const struct bind_field renewal_info_fields[] = {
    INFO(TIME, window_start, "windowStart"),         INFO(TIME, window_end, "windowEnd"),
    INFO(TIME, selected_time, "selectedTime"),       INFO(TIME, next_check, "nextCheck"),
    INFO(STRING, explanation_url, "explanationURL"), INFO(INT, early_renewals, "earlyRenewals"),
};
static const struct bind_table renewal_info_table =
    BIND_TABLE("CertificateRenewalInfo", struct certificate_renewal_info, renewal_info_fields);

#define REVOCATION(type, member, name, ...)                                                        \
    BIND_ROW(struct certificate_revocation, type, member, name, __VA_ARGS__)
static const struct bind_field revocation_fields[] = {
    REVOCATION(STRING, request, "request"), REVOCATION(STRING, serial_number, "serialNumber"),
    REVOCATION(STRING, reason, "reason"),   REVOCATION(TIME, time, "time"),
    REVOCATION(STRING, message, "message"),
};
static const struct bind_table revocation_table =
    BIND_TABLE("CertificateRevocation", struct certificate_revocation, revocation_fields);

#define STATUS(type, member, name, ...)                                                            \
    BIND_ROW(struct certificate_status, type, member, name, __VA_ARGS__)
static const struct bind_field status_fields[] = {
    STATUS(LIST, conditions, "conditions", .table = &condition_table),
    STATUS(TIME, last_failure_time, "lastFailureTime"),
    STATUS(TIME, not_before, "notBefore"),
    STATUS(TIME, not_after, "notAfter"),
    STATUS(TIME, renewal_time, "renewalTime"),
    STATUS(OBJECT, renewal_info, "renewalInfo", .table = &renewal_info_table),
    STATUS(OBJECT, revocation, "revocation", .table = &revocation_table),
    STATUS(INT, revision, "revision"),
    STATUS(STRING, next_private_key_secret_name, "nextPrivateKeySecretName"),
    STATUS(INT, failed_issuance_attempts, "failedIssuanceAttempts"),
    STATUS(INT, failed_preflights, "failedPreflights"),
    STATUS(STRING, failed_request, "failedRequestUID"),
    STATUS(STRING, fingerprint, "fingerprint"),
    STATUS(STRING, next_action, "nextAction"),
    STATUS(OBJECT, rollout, "rollout", .table = &rollout_status_table),
};
const struct bind_table certificate_status_table =
    BIND_TABLE("CertificateStatus", struct certificate_status, status_fields);

#define TOP(type, member, name, ...) BIND_ROW(struct certificate, type, member, name, __VA_ARGS__)
static const struct bind_field certificate_fields[] = {
    TOP(OBJECT, obj.meta, "metadata", .flags = BIND_REQUIRED, .table = &object_meta_table),
    TOP(OBJECT, spec, "spec", .flags = BIND_REQUIRED, .table = &certificate_spec_table),
    TOP(OBJECT, status, "status", .table = &certificate_status_table),
};
const struct bind_table certificate_table =
    BIND_TABLE("Certificate", struct certificate, certificate_fields);

const char *certificate_profile(const struct certificate *crt)
{
    const char *annotated = bind_map_get(&crt->obj.meta.annotations, API_PROFILE);
    return str_or(crt->spec.profile, str_or(annotated, ""));
}
