/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/recent.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

/* A leaf is read several times within moments, and its issuers are the same for all. A request is read at each step
 * of an order, and hundreds of orders may be under way: some 1.3 kB each with its names. */
#define CERTS_MAX 48
#define CSRS_MAX 2048
#define CSRS_BYTES_MAX (512 * 1024) /* of DER */
#define RECENT_DER_MAX 4096         /* a hundred names */
#define KEPT (15 * NS_PER_SEC)      /* unused: who issues reads it each few seconds */

#define BUCKETS 512

struct entry {
    struct entry *next;          /* in its bucket */
    struct entry *older, *newer; /* by last use */
    void *value;
    size_t len;
    uint32_t hash;
    int64_t used; /* mono, the last time */
    char der[];
};

struct recent {
    pthread_mutex_t lock;
    struct entry *buckets[BUCKETS];
    struct entry *oldest, *newest;
    size_t count, max;
    size_t bytes, bytes_max; /* of the DER of all entries */
    void (*free_value)(void *value);
};

/* ---- what certificates and requests share; the lock is held ---- */

/* FNV-1a. */
static uint32_t hash_of(const void *der, size_t len)
{
    const unsigned char *p = der;
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ p[i]) * 16777619U;
    return hash;
}

static void append(struct recent *r, struct entry *e)
{
    e->older = r->newest;
    e->newer = NULL;
    *(r->newest != NULL ? &r->newest->newer : &r->oldest) = e;
    r->newest = e;
}

static void unlink_entry(struct recent *r, const struct entry *e)
{
    *(e->older != NULL ? &e->older->newer : &r->oldest) = e->newer;
    *(e->newer != NULL ? &e->newer->older : &r->newest) = e->older;
}

/* It is the latest from then on. */
static void *find(struct recent *r, const void *der, size_t len)
{
    uint32_t hash = hash_of(der, len);
    struct entry *e = r->buckets[hash % BUCKETS];
    while (e != NULL && (e->hash != hash || e->len != len || memcmp(e->der, der, len) != 0))
        e = e->next;
    if (e == NULL)
        return NULL;
    unlink_entry(r, e);
    append(r, e);
    e->used = clock_mono(clock_system());
    return e->value;
}

static void forget_oldest(struct recent *r)
{
    struct entry *e = r->oldest;
    struct entry **link = &r->buckets[e->hash % BUCKETS];
    while (*link != e)
        link = &(*link)->next;
    *link = e->next;
    unlink_entry(r, e);
    r->count--;
    r->bytes -= e->len;
    r->free_value(e->value);
    free(e);
}

static void forget_unused(struct recent *r, int64_t since)
{
    while (r->oldest != NULL && r->oldest->used < since)
        forget_oldest(r);
}

/* Takes over value. */
static void add(struct recent *r, const void *der, size_t len, void *value)
{
    if (find(r, der, len) != NULL) {
        r->free_value(value);
        return;
    }
    int64_t now = clock_mono(clock_system());
    forget_unused(r, now - KEPT);
    while (r->count == r->max || r->bytes + len > r->bytes_max)
        forget_oldest(r);
    struct entry *e = x_alloc(sizeof(*e) + len);
    *e = (struct entry){.value = value, .len = len, .hash = hash_of(der, len), .used = now};
    memcpy(e->der, der, len);
    e->next = r->buckets[e->hash % BUCKETS];
    r->buckets[e->hash % BUCKETS] = e;
    append(r, e);
    r->count++;
    r->bytes += len;
}

/* ---- certificates ---- */

static void free_cert(void *value)
{
    X509_free(value);
}

static struct recent certs = {.lock = PTHREAD_MUTEX_INITIALIZER,
                              .max = CERTS_MAX,
                              .bytes_max = CERTS_MAX * RECENT_DER_MAX,
                              .free_value = free_cert};

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

static struct recent csrs = {.lock = PTHREAD_MUTEX_INITIALIZER,
                             .max = CSRS_MAX,
                             .bytes_max = CSRS_BYTES_MAX,
                             .free_value = free_csr};

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
                         .key_spec = from->key_spec,
                         .der = x_memdup(from->der, from->der_len),
                         .der_len = from->der_len};
    memcpy(to.key_id, from->key_id, sizeof(to.key_id));
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

void recent_forget(int64_t since)
{
    struct recent *const all[] = {&certs, &csrs};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        pthread_mutex_lock(&all[i]->lock);
        forget_unused(all[i], since);
        pthread_mutex_unlock(&all[i]->lock);
    }
}

void pki_trim(void)
{
    recent_forget(clock_mono(clock_system()) - KEPT);
}
