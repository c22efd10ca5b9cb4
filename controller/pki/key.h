/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys: made, read, written, compared. The bytes leave this room only as struct secret.
 */
#ifndef CERTROLL_PKI_KEY_H
#define CERTROLL_PKI_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/secret.h"

#define PKI_KEY_PEM_MAX 13000 /* bytes; what cert-manager accepts */

/* OpenSSL's EVP_PKEY behind a name of ours; reference counted, safe to share between threads. */
struct pki_key;

enum pki_key_algorithm { PKI_RSA, PKI_ECDSA, PKI_ED25519 };
enum pki_key_encoding { PKI_PKCS1, PKI_PKCS8 }; /* PKCS1 means SEC1 for ECDSA, as in cert-manager */

struct pki_key_spec {
    enum pki_key_algorithm algorithm;
    int size; /* RSA 2048..8192; ECDSA 256, 384, 521; ignored for Ed25519; 0 = 2048 / 256 */
};

/* Once, before threads: OpenSSL, and no core dumps of it. */
void pki_init(void);
/* Gives back the memory of certificates and requests that nobody has read for 15 s. Now and then; any thread. */
void pki_trim(void);

/* ERR_INVALID for a size outside the list. RSA over 3072 bits takes seconds, of 8192 up to a minute. */
struct err *pki_key_generate(const struct pki_key_spec *spec, struct pki_key **ret_key) MUST_CHECK;
struct pki_key *pki_key_ref(struct pki_key *key);
void pki_key_free(struct pki_key *key);
void pki_key_freep(struct pki_key **key);
#define AUTO_KEY __attribute__((cleanup(pki_key_freep))) struct pki_key *

/* One PEM private key, unencrypted (PKCS#1, SEC1 or PKCS#8), at most PKI_KEY_PEM_MAX bytes. */
struct err *pki_key_parse(const void *pem, size_t len, struct pki_key **ret_key) MUST_CHECK;
/* ret_pem is to be released with secret_release(). */
struct err *pki_key_pem(const struct pki_key *key, enum pki_key_encoding encoding,
                        struct secret *ret_pem) MUST_CHECK;

/* The same public key? */
bool pki_key_equal(const struct pki_key *a, const struct pki_key *b);
/* The same algorithm and size, a size of 0 being the usual one? And does the key have them? */
bool pki_key_spec_same(const struct pki_key_spec *a, const struct pki_key_spec *b);
bool pki_key_matches(const struct pki_key *key, const struct pki_key_spec *spec);
/* Equal for the same public key, however it was written, and for no other of the same algorithm and size. */
#define PKI_KEY_ID 32
void pki_key_id(const struct pki_key *key, unsigned char out[PKI_KEY_ID]);
/* SHA-256 of the DER SubjectPublicKeyInfo, lower-case hex. */
#define PKI_SHA256_HEX 65
void pki_key_spki_sha256(const struct pki_key *key, char out[PKI_SHA256_HEX]);

/* SHA-256 of any bytes, lower-case hex; and raw. */
void pki_sha256_hex(const void *data, size_t len, char out[PKI_SHA256_HEX]);
void pki_sha256(const void *data, size_t len, unsigned char out[32]);

#endif
