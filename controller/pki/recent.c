/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/recent.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* Enough for what is under way at once; a few hundred kilobytes at most. */
#define RECENT_MAX 48
#define RECENT_DER_MAX 4096 /* a hundred names */

struct entry {
    char *der; /* NULL: the place is free */
    size_t len;
    void *value;
    uint64_t used; /* the greater the later */
};

struct recent {
    pthread_mutex_t lock;
    struct entry entries[RECENT_MAX];
    uint64_t uses;
    void (*free_value)(void *value);
};

/* ---- what certificates and requests share; the lock is held ---- */

static void *find(struct recent *r, const void *der, size_t len)
{
    for (size_t i = 0; i < RECENT_MAX; i++) {
        struct entry *e = &r->entries[i];
        if (e->der == NULL || e->len != len || memcmp(e->der, der, len) != 0)
            continue;
        e->used = ++r->uses;
        return e->value;
    }
    return NULL;
}

static struct entry *oldest(struct recent *r)
{
    struct entry *e = &r->entries[0];
    for (size_t i = 1; i < RECENT_MAX; i++)
        if (r->entries[i].used < e->used)
            e = &r->entries[i];
    return e;
}

/* Takes over value. */
static void add(struct recent *r, const void *der, size_t len, void *value)
{
    if (find(r, der, len) != NULL) {
        r->free_value(value);
        return;
    }
    struct entry *e = oldest(r);
    if (e->der != NULL) {
        r->free_value(e->value);
        free(e->der);
    }
    *e = (struct entry){.der = x_memdup(der, len), .len = len, .value = value, .used = ++r->uses};
}

/* ---- certificates ---- */

static void free_cert(void *value)
{
    X509_free(value);
}

static struct recent certs = {.lock = PTHREAD_MUTEX_INITIALIZER, .free_value = free_cert};

X509 *recent_cert(const void *der, size_t len)
{
    pthread_mutex_lock(&certs.lock);
    X509 *cert = find(&certs, der, len);
    if (cert != NULL)
        openssl_must(X509_up_ref(cert) == 1);
    pthread_mutex_unlock(&certs.lock);
    return cert;
}

void recent_cert_add(const void *der, size_t len, X509 *cert)
{
    if (len > RECENT_DER_MAX)
        return;
    openssl_must(X509_up_ref(cert) == 1);
    pthread_mutex_lock(&certs.lock);
    add(&certs, der, len, cert);
    pthread_mutex_unlock(&certs.lock);
}

/* ---- requests ---- */

static void free_csr(void *value)
{
    pki_csr_release(value);
    free(value);
}

static struct recent csrs = {.lock = PTHREAD_MUTEX_INITIALIZER, .free_value = free_csr};

static void copy_names(struct pki_names *to, const struct pki_names *from)
{
    to->common_name = x_strdup_or_null(from->common_name);
    to->serial_number = x_strdup_or_null(from->serial_number);
    for (size_t i = 0; i < PKI_SUBJECT_LISTS; i++)
        strlist_add_all(pki_names_list(to, &pki_subject_lists[i]),
                        pki_names_list_const(from, &pki_subject_lists[i]));
    for (size_t i = 0; i < PKI_SAN_LISTS; i++)
        strlist_add_all(pki_names_list(to, &pki_san_lists[i]),
                        pki_names_list_const(from, &pki_san_lists[i]));
}

static struct pki_csr copy_csr(const struct pki_csr *from)
{
    struct pki_csr to = {.is_ca = from->is_ca,
                         .usages = {.key_usage = from->usages.key_usage},
                         .public_key = pki_key_ref(from->public_key),
                         .der = x_memdup(from->der, from->der_len),
                         .der_len = from->der_len};
    copy_names(&to.names, &from->names);
    strlist_add_all(&to.usages.extended, &from->usages.extended);
    return to;
}

bool recent_csr(const void *der, size_t len, struct pki_csr *ret_csr)
{
    pthread_mutex_lock(&csrs.lock);
    const struct pki_csr *csr = find(&csrs, der, len);
    if (csr != NULL)
        *ret_csr = copy_csr(csr);
    pthread_mutex_unlock(&csrs.lock);
    return csr != NULL;
}

void recent_csr_add(const void *der, size_t len, const struct pki_csr *csr)
{
    if (len > RECENT_DER_MAX)
        return;
    struct pki_csr *kept = x_alloc(sizeof(*kept));
    *kept = copy_csr(csr);
    pthread_mutex_lock(&csrs.lock);
    add(&csrs, der, len, kept);
    pthread_mutex_unlock(&csrs.lock);
}
