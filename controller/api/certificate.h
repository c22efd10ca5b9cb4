/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate, in cert-manager's v1 shape plus rollout, fingerprint and nextAction. */
#ifndef CERTROLL_API_CERTIFICATE_H
#define CERTROLL_API_CERTIFICATE_H

#include "api/common.h"
#include "base/clock.h"

struct certificate_subject {
    struct bind_strings organizations;
    struct bind_strings countries;
    struct bind_strings organizational_units;
    struct bind_strings localities;
    struct bind_strings provinces;
    struct bind_strings street_addresses;
    struct bind_strings postal_codes;
    const char *serial_number;
};

struct certificate_private_key {
    const char *rotation_policy; /* "Always" (default) or "Never" */
    const char *encoding;        /* "PKCS1" (default) or "PKCS8" */
    const char *algorithm;       /* "RSA" (default), "ECDSA", "Ed25519" */
    int64_t size;                /* 0 = 2048 for RSA, 256 for ECDSA */
};

struct certificate_rollout {
    bool enabled;
};

struct certificate_preflight {
    struct issuer_ref issuer_ref; /* of a staging CA: asked first, its certificate is thrown away */
};

struct certificate_spec {
    const char *secret_name;
    struct metadata_template secret_template;
    struct issuer_ref issuer_ref;
    const char *common_name;
    struct bind_strings dns_names;
    struct bind_strings ip_addresses;
    struct bind_strings uris;
    struct bind_strings email_addresses;
    struct certificate_subject subject;
    int64_t duration;                /* ns; 0 = 90 days */
    int64_t renew_before;            /* ns; 0 = by percentage or 2/3 of life */
    int64_t renew_before_percentage; /* 0 = unset */
    struct bind_strings usages;      /* empty = digital signature, key encipherment */
    bool is_ca;
    struct certificate_private_key private_key;
    int64_t revision_history_limit;
    bool encode_usages_in_request;
    const char *profile; /* of the ACME CA; read it with certificate_profile() */
    struct certificate_rollout rollout;
    const struct certificate_preflight *preflight; /* NULL = none */
};

struct certificate_rollout_status {
    const char *fingerprint; /* of the leaf that workloads were rolled to */
    int64_t updated;         /* workloads whose pods all run since */
    int64_t pending;
};

/* RFC 9773: what the CA said of the certificate in the Secret, and the moment drawn from it. */
struct certificate_renewal_info {
    int64_t window_start;
    int64_t window_end;
    int64_t selected_time; /* 0: nothing was drawn */
    int64_t next_check;    /* may be behind: it rides on other writes */
    const char *explanation_url;
    int64_t early_renewals; /* in a row, on the CA's word alone */
};

/* The last wish to revoke. Written first without a time: from then on it is about that serial number. */
struct certificate_revocation {
    const char *request; /* value of the annotation */
    const char *serial_number;
    const char *reason;
    int64_t time;        /* when it was settled, 0 = not yet */
    const char *message; /* why it was not done; NULL = it was */
};

struct certificate_status {
    condition_list conditions;
    int64_t last_failure_time;
    int64_t not_before;
    int64_t not_after;
    int64_t renewal_time;
    struct certificate_renewal_info renewal_info;
    struct certificate_revocation revocation;
    int64_t revision;
    const char *next_private_key_secret_name;
    int64_t failed_issuance_attempts;
    int64_t failed_preflights;  /* of these: at the staging CA */
    const char *failed_request; /* uid of the CertificateRequest that was counted last */
    const char *fingerprint;    /* SHA-256 of the leaf in the Secret, hex */
    const char *next_action;
    struct certificate_rollout_status rollout;
};

struct certificate {
    struct kube_object obj;
    struct certificate_spec spec;
    struct certificate_status status;
};
extern const struct bind_table certificate_table;
extern const struct bind_table certificate_spec_table;
extern const struct bind_table certificate_status_table;

/* The ACME profile that the Certificate asks for: spec.profile, or its annotation, which clients that do
 * not know the field keep; "" leaves it to the issuer. Borrowed. */
const char *certificate_profile(const struct certificate *crt);

#define CERTIFICATE_DEFAULT_DURATION (90 * NS_PER_DAY)

#endif
