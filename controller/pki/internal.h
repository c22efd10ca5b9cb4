/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this room share: OpenSSL's types with owners, errors and keys. Not for other
 * rooms.
 */
#ifndef CERTROLL_PKI_INTERNAL_H
#define CERTROLL_PKI_INTERNAL_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "pki/key.h"
#include "pki/names.h"

/* Cleanup functions for AUTO(): X509_freep(&x) and so on. */
#define PKI_DEFINE_FREEP(T)                                                                        \
    static inline void T##_freep(T **p)                                                            \
    {                                                                                              \
        T##_free(*p);                                                                              \
    }
PKI_DEFINE_FREEP(BIO)
PKI_DEFINE_FREEP(EVP_MD_CTX)
PKI_DEFINE_FREEP(EVP_PKEY)
PKI_DEFINE_FREEP(X509)
PKI_DEFINE_FREEP(X509_REQ)
PKI_DEFINE_FREEP(X509_NAME)
static inline void BN_freep(BIGNUM **p)
{
    BN_free(*p);
}

typedef STACK_OF(X509) x509_chain;
typedef STACK_OF(X509_EXTENSION) x509_extensions;
static inline void x509_chain_freep(x509_chain **p)
{
    sk_X509_pop_free(*p, X509_free);
}
static inline void x509_extensions_freep(x509_extensions **p)
{
    sk_X509_EXTENSION_pop_free(*p, X509_EXTENSION_free);
}

/* OpenSSL's per-thread error queue is empty from here on, and again when the scope is left: nothing
 * leaks into the next call or into libcurl. First line of each public function that uses OpenSSL. */
#define OPENSSL_SCOPE                                                                              \
    AUTO(openssl_scope_end) int openssl_scope_ __attribute__((unused)) = openssl_scope_begin()
int openssl_scope_begin(void);
void openssl_scope_end(int *scope);

/* "what: reason", the reason being OpenSSL's fixed text of the first queued error, never input. */
struct err *openssl_err(enum err_kind kind, const char *reason, const char *what) MUST_CHECK;
/* Gives e, which may be NULL, the reason that fits what was being read. */
struct err *err_as(struct err *e, const char *reason) MUST_CHECK;
/* For calls that fail only without memory: aborts, as base/mem.h does. */
void openssl_must(bool ok);
/* The content of a memory BIO as an owned string. */
char *bio_to_string(BIO *bio);

/* A curve we use. */
struct pki_curve {
    int size;          /* as in struct pki_key_spec */
    const char *group; /* OpenSSL's name */
    const char *crv;   /* JWK, RFC 7518 section 6.2.1.1 */
    const char *alg;   /* JWS, RFC 7518 section 3.4 */
    size_t coordinate; /* bytes */
    const EVP_MD *(*digest)(void);
};

/* The curve of OpenSSL's name, or NULL. */
const struct pki_curve *pki_curve_named(const char *group);

/* Texts that follow from a key and are asked for again and again: an account's, at each step of an order. */
enum pki_memo { PKI_MEMO_THUMBPRINT, PKI_MEMO_SPKI_SHA256, PKI_MEMOS };
struct pki_memos {
    _Atomic(char *) texts[PKI_MEMOS]; /* NULL: not asked for yet */
    _Atomic(EVP_MD_CTX *) signer;     /* the same */
};

struct pki_key {
    EVP_PKEY *evp;
    _Atomic unsigned refs;
    enum pki_key_algorithm algorithm;
    int size;                      /* bits; 0 for Ed25519 */
    const struct pki_curve *curve; /* NULL unless ECDSA */
    struct pki_memos *memos;
};

/* The key's text of that kind, which lives as long as the key; make() makes it, owned, the first time. Any thread. */
const char *pki_key_memo(const struct pki_key *key, enum pki_memo which,
                         char *(*make)(const struct pki_key *key));

/* A context in which nothing is left to do but to sign with the key; owned, NULL: it cannot sign. For keys that sign
 * often: the first one stays with the key and is copied. Any thread. */
EVP_MD_CTX *pki_key_signer(const struct pki_key *key);

/* Takes a reference of its own to evp. ERR_INVALID with that reason when we do not support it. */
struct err *pki_key_wrap(EVP_PKEY *evp, const char *reason, struct pki_key **ret_key) MUST_CHECK;
/* The digest to sign with: NULL for Ed25519, which hashes by itself. */
const EVP_MD *pki_key_digest(const struct pki_key *key);
/* Writes the public key into a certificate or request. X509_set_pubkey() would encode and decode it,
 * 0.17 ms for a curve. X509_get0_pubkey() of the result is not to be asked. */
void pki_key_put(const struct pki_key *key, X509_PUBKEY *out);

/* An EC key in the usual form, owned; NULL: another kind of key or form, which OpenSSL may know (ec_private.c). */
EVP_PKEY *pki_ec_private_decode(const PKCS8_PRIV_KEY_INFO *info);
/* The same of SEC1. */
EVP_PKEY *pki_ec_sec1_decode(const unsigned char *der, size_t len);
/* Writes an ECDSA private key as PEM of PKCS#8, or of SEC1. */
void pki_ec_private_write(const struct pki_key *key, BIO *bio);
void pki_ec_sec1_write(const struct pki_key *key, BIO *bio);

/* The lists of struct pki_names, so that no code spells them out twice. */
struct pki_name_list {
    size_t offset; /* of the struct strlist */
    int id;        /* NID of the RDN, or GEN_* type of the SAN */
    const char *what;
};
#define PKI_SUBJECT_LISTS 7 /* in the order in which Go's pkix.Name writes them */
#define PKI_SAN_LISTS 4
extern const struct pki_name_list pki_subject_lists[PKI_SUBJECT_LISTS];
extern const struct pki_name_list pki_san_lists[PKI_SAN_LISTS];
struct strlist *pki_names_list(struct pki_names *n, const struct pki_name_list *l);
const struct strlist *pki_names_list_const(const struct pki_names *n,
                                           const struct pki_name_list *l);
/* The half of pki_names_normalize() that cannot fail: a certificate that exists is what it is. */
void pki_names_canonicalize(struct pki_names *n);

/* Characters of a UTF-8 text of len bytes, or -1 when it is malformed or holds control characters. */
long pki_text_length(const char *s, size_t len);

/* How much of what we cannot represent is forgiven. */
enum pki_strictness {
    PKI_STRICT,  /* a request: what we would drop silently is an error */
    PKI_LENIENT, /* a certificate: other kinds of names are skipped */
};

/* Owned, never NULL. */
X509_NAME *pki_subject_build(const struct pki_names *n);
struct err *pki_subject_read(const X509_NAME *name, enum pki_strictness strictness,
                             struct pki_names *n) MUST_CHECK;
/* ASN.1 text as owned UTF-8 without control characters, at most 1024 bytes. */
struct err *pki_asn1_text(const ASN1_STRING *s, char **ret_text) MUST_CHECK;

struct pki_extensions_spec {
    const struct pki_names *names;
    const struct pki_usages *usages; /* may be NULL */
    bool is_ca;
    bool not_ca;                                   /* write basicConstraints also to say CA:FALSE */
    const struct strlist *crl_distribution_points; /* may be NULL */
};
struct err *pki_extensions_build(const struct pki_extensions_spec *spec,
                                 x509_extensions **ret_extensions) MUST_CHECK;

/* Where to put what the extensions say (names: the SANs); NULL: not wanted. */
struct pki_extensions {
    struct pki_names *names;
    struct pki_usages *usages;
    bool *is_ca;
};
struct err *pki_extensions_read(const x509_extensions *list, enum pki_strictness strictness,
                                const struct pki_extensions *out) MUST_CHECK;

/* All certificates of a PEM text, 1 to PKI_CHAIN_MAX of them, in the order of the text. */
#define PKI_CHAIN_MAX 10
struct err *x509_chain_parse(const void *pem, size_t len, x509_chain **ret_chain) MUST_CHECK;
/* Names (normalized as far as they can be) of a certificate. names must be empty. */
struct err *x509_names_read(const X509 *cert, struct pki_names *names) MUST_CHECK;
/* The validity in wall ns, cut to what int64_t holds, and not before 1970. */
int64_t x509_not_before(const X509 *cert);
int64_t x509_not_after(const X509 *cert);
/* Did issuer sign cert, by name, key usage and signature? */
bool x509_issued_by(X509 *cert, X509 *issuer);

/* The certificate as PEM, owned. */
char *x509_pem(const X509 *cert);

/* The signature of a JWS over "protected.payload", base64url, owned (RFC 7515 section 5.1). */
struct buf;
struct pki_jws;
struct err *pki_jws_signature(const struct pki_jws *jws, const struct buf *input,
                              char **ret_base64url) MUST_CHECK;

/* A TLS 1.3 handshake with chain and key, all in memory. */
struct err *pki_handshake(x509_chain *chain, EVP_PKEY *key) MUST_CHECK;

#endif
