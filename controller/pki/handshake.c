/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS client and server that talk to each other in memory (RFC 8446). */
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <pthread.h>

#include "pki/internal.h"

PKI_DEFINE_FREEP(SSL)
static inline void sk_X509_freep(x509_chain **p)
{
    sk_X509_free(*p); /* the members are the whole chain's */
}

/* Turns of both sides; a chain of the greatest size needs about a dozen. */
#define TURNS_MAX 64

/* The chain was checked link by link, and who trusts its root is not our question. What the client
 * still verifies is that the server owns the key of the leaf. */
static int accept_any_anchor(X509_STORE_CTX *store, void *arg)
{
    (void)store;
    (void)arg;
    return 1;
}

/* One context for all handshakes and both sides, 0.1 ms each time otherwise. It holds no certificate,
 * no key and no session, so nothing passes from one handshake to the next. */
static SSL_CTX *context;

static void make_context(void)
{
    context = SSL_CTX_new(TLS_method());
    openssl_must(context != NULL && SSL_CTX_set_num_tickets(context, 0) == 1 &&
                 SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
                 SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") == 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_cert_verify_callback(context, accept_any_anchor, NULL);
}

static SSL *new_side(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    openssl_must(pthread_once(&once, make_context) == 0);
    SSL *side = SSL_new(context);
    openssl_must(side != NULL);
    return side;
}

static void connect_sides(SSL *client, SSL *server)
{
    BIO *a = NULL, *b = NULL;
    openssl_must(BIO_new_bio_pair(&a, 0, &b, 0) == 1);
    SSL_set_bio(client, a, a);
    SSL_set_bio(server, b, b);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
}

/* One turn of a side: true when it goes on well. */
static bool turn(SSL *side)
{
    int rc = SSL_do_handshake(side);
    if (rc == 1)
        return true;
    int why = SSL_get_error(side, rc);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

static bool run(SSL *client, SSL *server)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        if (!turn(client) || !turn(server))
            return false;
        if (SSL_is_init_finished(client) && SSL_is_init_finished(server))
            return true;
    }
    return false;
}

/* What a TLS 1.2 client would do with the same bytes is the same: it reads the same chain, and verifies a signature by
 * the same key. All that a second handshake found, for 0.6 ms, is a key usage that does not let the key sign: check.c
 * looks at that. */
struct err *pki_handshake(x509_chain *chain, EVP_PKEY *key)
{
    OPENSSL_SCOPE; /* SSL_get_error() looks into the error queue */
    AUTO(SSL_freep) SSL *client = new_side();
    AUTO(SSL_freep) SSL *server = new_side();
    X509 *leaf = sk_X509_value(chain, 0);
    AUTO(sk_X509_freep) x509_chain *issuers = sk_X509_dup(chain);
    openssl_must(issuers != NULL);
    sk_X509_shift(issuers);
    if (SSL_use_cert_and_key(server, leaf, key, issuers, 1) != 1)
        return openssl_err(ERR_INVALID, "InvalidCertificate",
                           "a TLS server cannot use the certificate and its key");
    connect_sides(client, server);
    if (!run(client, server))
        return openssl_err(ERR_INVALID, "InvalidCertificate",
                           "a TLS 1.3 handshake with the certificate fails");
    const X509 *seen = SSL_get0_peer_certificate(client);
    if (seen == NULL || X509_cmp(seen, leaf) != 0)
        return err_new(ERR_INVALID, "InvalidCertificate",
                       "a TLS client sees another certificate than the first of the chain");
    return NULL;
}
