/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Certificate's spec asks for, in the terms of pki/, and the CertificateRequest that asks an
 * issuer for it: the same for the controller's attempts and for whoever only tries.
 */
#ifndef CERTROLL_API_WANTED_H
#define CERTROLL_API_WANTED_H

#include "api/certificate.h"
#include "api/certificate_request.h"
#include "pki/key.h"
#include "pki/names.h"

struct wanted {
    struct pki_names names; /* normalized */
    struct pki_usages usages;
    struct pki_key_spec key;
    enum pki_key_encoding encoding;
    bool rotate; /* rotationPolicy Always */
    int64_t duration;
};
/* ERR_INVALID, reason InvalidSpec, names the field and what to write. */
struct err *wanted_from_spec(const struct certificate_spec *spec, struct wanted *ret_wanted)
    MUST_CHECK;
void wanted_release(struct wanted *w);
/* The usages as the CertificateRequest lists them: the spec's, or the defaults. Borrowed. */
struct bind_strings wanted_usages(const struct certificate_spec *spec);

/* metadata and spec of a CertificateRequest by that name, signed by key and owned by the Certificate: its labels, and
 * the annotation certificate-name, beside which the caller puts its own. Owned. */
struct err *wanted_request(const struct certificate *crt, const struct wanted *w,
                           const struct pki_key *key, const char *name,
                           const struct issuer_ref *issuer, json_t **ret_request) MUST_CHECK;

#endif
