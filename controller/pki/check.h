/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last look before a Secret is written: would a TLS client accept these exact bytes?
 */
#ifndef CERTROLL_PKI_CHECK_H
#define CERTROLL_PKI_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "pki/names.h"

struct pki_check {
    const char *chain_pem; /* tls.crt, NUL-terminated */
    const void *key_pem;   /* tls.key */
    size_t key_len;
    const struct pki_names *names; /* asked for, normalized; SANs only; NULL: any */
    int64_t now;                   /* wall ns */
    bool handshake;                /* off for CA certificates, which no server presents */
    bool signs;                    /* "digital signature" is among the usages asked for */
};

/* Key belongs to the leaf, SANs answer the request, not expired (a not-before up to 5 min ahead is
 * fine: clocks differ), chain in order; then a TLS 1.3 handshake over memory BIOs with exactly these
 * bytes, in which the client sees the same leaf, whose key usage lets the key sign where it was to.
 * ERR_INVALID, reason InvalidCertificate, says which check failed. */
struct err *pki_check_pair(const struct pki_check *check) MUST_CHECK;

#endif
