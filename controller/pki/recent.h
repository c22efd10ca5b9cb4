/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last certificates and requests that were decoded. OpenSSL takes 0.25 ms to decode a public key,
 * and one issuance reads the same request and the same leaf several times, and every chain the same
 * issuers. Nothing private is kept, and nothing that was not verified as its reader verifies it.
 * Thread-safe.
 */
#ifndef CERTROLL_PKI_RECENT_H
#define CERTROLL_PKI_RECENT_H

#include "pki/csr.h"
#include "pki/internal.h"

/* The certificate of exactly these bytes, a reference, or NULL when it is not among them. */
X509 *recent_cert(const void *der, size_t len);
/* Remembers it, with a reference of its own; what is big is not kept. */
void recent_cert_add(const void *der, size_t len, X509 *cert);

/* The same for a request that was parsed and whose signature was verified; fills ret_csr. */
bool recent_csr(const void *der, size_t len, struct pki_csr *ret_csr);
void recent_csr_add(const void *der, size_t len, const struct pki_csr *csr);

/* Forgets what was last used before that time of the system's monotonic clock. What has been unused for 15 s goes
 * when another one is added, and with pki_trim(). */
void recent_forget(int64_t since);

#endif
