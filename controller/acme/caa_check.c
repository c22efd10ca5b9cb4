/* SPDX-License-Identifier: Apache-2.0 */
/* From a name up its tree (RFC 8659 section 3), over answers that are kept for a while. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "acme/caa.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#define QUERY_TIMEOUT (2 * NS_PER_SEC)
/* For a name: no query begins later, however many labels it has. */
#define PATIENCE (5 * NS_PER_SEC)
#define KEEP_MIN NS_PER_MIN
#define KEEP_MAX NS_PER_HOUR
#define KEPT_MAX 4096
/* Of one name: sets of the web have a few hundred bytes. */
#define RECORDS_MAX 32
#define BYTES_MAX 2048
#define URL_SHOWN_MAX 200

struct kept {
    int64_t until; /* mono ns */
    size_t count;
    struct dns_record records[];
};

struct acme_caa {
    const struct dns_transport *dns;
    const struct clock *clock;
    pthread_mutex_t lock;
    struct map by_name;
};

static void kept_free(void *value)
{
    struct kept *k = value;
    for (size_t i = 0; i < k->count; i++)
        free(k->records[i].data);
    free(k);
}

struct acme_caa *acme_caa_new(const struct dns_transport *dns, const struct clock *clock)
{
    struct acme_caa *c = x_calloc(1, sizeof(*c));
    c->dns = dns;
    c->clock = clock;
    pthread_mutex_init(&c->lock, NULL);
    c->by_name = MAP_INIT(kept_free);
    return c;
}

void acme_caa_free(struct acme_caa *c)
{
    if (c == NULL)
        return;
    map_release(&c->by_name);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* ---- the records of one name ---- */

static struct kept *kept_new(const struct dns_record *records, size_t count, int64_t until)
{
    struct kept *k = x_calloc(1, sizeof(*k) + count * sizeof(*records));
    k->until = until;
    for (size_t i = 0; i < count; i++)
        k->records[k->count++] =
            (struct dns_record){x_memdup(records[i].data, records[i].len), records[i].len};
    return k;
}

/* A copy of what is kept; NULL when nothing is. */
static struct kept *recall(struct acme_caa *c, const char *name)
{
    int64_t now = clock_mono(c->clock);
    pthread_mutex_lock(&c->lock);
    const struct kept *k = map_get(&c->by_name, name);
    struct kept *copy =
        k != NULL && now < k->until ? kept_new(k->records, k->count, k->until) : NULL;
    pthread_mutex_unlock(&c->lock);
    return copy;
}

static struct kept *keep(struct acme_caa *c, const char *name, const struct dns_answer *a)
{
    int64_t ttl = a->ttl < KEEP_MIN ? KEEP_MIN : a->ttl > KEEP_MAX ? KEEP_MAX : a->ttl;
    int64_t until = clock_mono(c->clock) + ttl;
    pthread_mutex_lock(&c->lock);
    if (c->by_name.len >= KEPT_MAX)
        map_clear(&c->by_name);
    map_put(&c->by_name, name, kept_new(a->records, a->count, until));
    pthread_mutex_unlock(&c->lock);
    return kept_new(a->records, a->count, until);
}

/* A tenant's zone may answer with 64 KiB for each name; of a part of a set nothing follows. */
static bool is_too_much(const struct dns_answer *a)
{
    size_t bytes = 0;
    for (size_t i = 0; i < a->count; i++)
        bytes += a->records[i].len;
    return a->count > RECORDS_MAX || bytes > BYTES_MAX;
}

static struct err *records_of(struct acme_caa *c, const struct stop *stop, const char *name,
                              struct kept **ret_kept)
{
    *ret_kept = recall(c, name);
    if (*ret_kept != NULL)
        return NULL;
    const struct dns_question q = {.name = name, .type = DNS_CAA, .timeout = QUERY_TIMEOUT};
    AUTO_DNS_ANSWER a = {0};
    TRY(dns_query(c->dns, &q, stop, &a));
    if (is_too_much(&a))
        return err_new(ERR_INVALID, "TooLarge", "%s has more CAA records than are looked at", name);
    *ret_kept = keep(c, name, &a);
    return NULL;
}

/* ---- the tree ---- */

/* Owned. */
static char *what_to_do(enum acme_caa_verdict verdict, const struct acme_caa_ask *ask)
{
    switch (verdict) {
    case ACME_CAA_CRITICAL:
        return x_strdup("it is critical and not known here, and a CA that does not know it must "
                        "not issue: correct its tag, take the critical flag (128) away, or remove "
                        "it");
    case ACME_CAA_OTHER_USER:
        return x_printf("it names this CA for another account: write one accounturi=%.*s into it, "
                        "or add a record for this account",
                        URL_SHOWN_MAX, str_or(ask->account_url, ""));
    case ACME_CAA_OTHER_PROOF:
        return x_printf("it names this CA for other validationmethods: add %s to them, or use a "
                        "solver for one of them",
                        ask->method);
    case ACME_CAA_MALFORMED:
        return x_strdup("it names this CA, and what follows is not well-formed (RFC 8659 section "
                        "4.2): write its parameters as name=value, with ; before each");
    default:
        return x_printf("add a record %s \"%s\" there", ask->wildcard ? "0 issuewild" : "0 issue",
                        ask->identities->items[0]);
    }
}

static struct err *forbidden(const struct acme_caa *c, const struct kept *k, const char *name,
                             const char *at, const struct acme_caa_ask *ask)
{
    auto_free char *why = NULL;
    enum acme_caa_verdict verdict = acme_caa_judge(k->records, k->count, ask, &why);
    if (verdict == ACME_CAA_PERMITS)
        return NULL;
    auto_free char *advice = what_to_do(verdict, ask);
    struct err *e =
        err_new(ERR_DENIED, "CAAForbids",
                "the CAA record %s at %s keeps this CA from issuing for %s%s: %s, or set "
                "spec.acme.caa: off on the issuer if the CA %s",
                why, at, ask->wildcard ? "*." : "", name, advice,
                verdict == ACME_CAA_CRITICAL ? "knows it" : "sees other records");
    e->retry_at = clock_wall(c->clock) + (k->until - clock_mono(c->clock));
    return e;
}

struct err *acme_caa_check(struct acme_caa *c, const struct stop *stop, const char *name,
                           const struct acme_caa_ask *ask)
{
    char clean[DNS_NAME_MAX + 1];
    if (!dns_name_copy(name, clean))
        return NULL;
    int64_t until = clock_mono(c->clock) + PATIENCE;
    for (const char *at = clean; at != NULL && clock_mono(c->clock) < until;) {
        struct kept *k = NULL;
        AUTO_ERR unknown = records_of(c, stop, at, &k);
        if (unknown != NULL)
            return unknown->kind == ERR_CANCELLED ? TAKE(unknown) : NULL;
        bool found = k->count > 0;
        struct err *e = found ? forbidden(c, k, clean, at, ask) : NULL;
        kept_free(k);
        if (found)
            return e;
        const char *dot = strchr(at, '.');
        at = dot != NULL ? dot + 1 : NULL;
    }
    return NULL;
}
