/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory (RFC 8555 section 7.1.1). Callers that find it old at the same time each fetch it:
 * that is rare, and nobody waits for somebody else's exchange.
 */
#include <stdlib.h>
#include <string.h>

#include "acme/internal.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/dns.h"

#define MAX_AGE NS_PER_HOUR
#define PROFILES_MAX 64
#define PROFILE_NAME_MAX 255
#define IDENTITIES_MAX 16

/* Endpoints by name; the first three must be there. */
static const struct {
    const char *name;
    size_t offset;
    bool required;
} endpoints[] = {
    {"newNonce", offsetof(struct acme_directory, new_nonce), true},
    {"newAccount", offsetof(struct acme_directory, new_account), true},
    {"newOrder", offsetof(struct acme_directory, new_order), true},
    {"revokeCert", offsetof(struct acme_directory, revoke_cert), false},
    {"keyChange", offsetof(struct acme_directory, key_change), false},
    {"renewalInfo", offsetof(struct acme_directory, renewal_info), false},
};

static char **endpoint(struct acme_directory *d, size_t i)
{
    return (char **)(void *)((char *)d + endpoints[i].offset);
}

void acme_directory_release(struct acme_directory *d)
{
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++)
        free(*endpoint(d, i));
    free(d->terms_of_service);
    strlist_release(&d->profiles);
    strlist_release(&d->caa_identities);
    *d = (struct acme_directory){0};
}

/* ---- parsing ---- */

static struct err *read_endpoint(const json_t *body, size_t i, struct acme_directory *d,
                                 struct strlist *origins)
{
    const char *url = JSTR(body, endpoints[i].name);
    if (url == NULL && !endpoints[i].required)
        return NULL;
    if (url == NULL)
        return acme_invalid_answer("%s is missing: is this the URL of an ACME directory?",
                                   endpoints[i].name);
    struct acme_url parsed;
    AUTO_ERR e = acme_url_parse(url, &parsed);
    if (e != NULL)
        return acme_invalid_answer("%s: %s", endpoints[i].name, e->message);
    *endpoint(d, i) = x_strdup(url);
    auto_free char *origin = acme_url_origin(&parsed);
    if (!strlist_has(origins, origin))
        strlist_add(origins, origin);
    return NULL;
}

static bool add_profile(void *arg, const char *name, json_t *description)
{
    struct strlist *profiles = arg;
    (void)description;
    if (strlen(name) <= PROFILE_NAME_MAX)
        strlist_add(profiles, name);
    return profiles->len < PROFILES_MAX;
}

/* What is no host name can be in no CAA record. */
static void read_identities(const json_t *list, struct strlist *identities)
{
    for (size_t i = 0; i < json_count(list) && identities->len < IDENTITIES_MAX; i++) {
        char name[DNS_NAME_MAX + 1];
        if (dns_name_copy(json_text(json_item(list, i)), name))
            strlist_add(identities, name);
    }
}

static struct err *read_directory(const json_t *body, struct acme_directory *d,
                                  struct strlist *origins)
{
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++)
        TRY(read_endpoint(body, i, d, origins));
    const json_t *meta = JGET(body, "meta");
    TRY(acme_read_text(meta, "termsOfService", ACME_URL_MAX, &d->terms_of_service));
    d->external_account_required = JBOOL(meta, "externalAccountRequired");
    json_each(JGET(meta, "profiles"), add_profile, &d->profiles);
    read_identities(JGET(meta, "caaIdentities"), &d->caa_identities);
    return NULL;
}

/* ---- the cache ---- */

static void keep(struct acme_ca *ca, struct acme_directory *d, struct strlist *origins)
{
    pthread_mutex_lock(&ca->lock);
    struct acme_directory old = ca->directory;
    struct strlist old_origins = ca->origins;
    ca->directory = *d;
    ca->origins = *origins;
    ca->fetched = clock_mono(ca->clock);
    pthread_mutex_unlock(&ca->lock);
    *d = old;
    *origins = old_origins;
}

static struct err *fetch(struct acme_ca *ca)
{
    struct acme_url parsed;
    TRY(acme_url_parse(ca->directory_url, &parsed), "ACME server %.200s", ca->directory_url);
    const struct acme_request r = {
        .action = "directory", .method = "GET", .url = ca->directory_url};
    AUTO(acme_reply_release) struct acme_reply reply = {0};
    TRY(acme_request_send(ca, &r, &reply));
    acme_nonce_put(ca, reply.nonce);
    TRY(acme_reply_error(ca, &r, &reply));
    AUTO(acme_directory_release) struct acme_directory d = {0};
    AUTO(strlist_release) struct strlist origins = {0};
    TRY(read_directory(reply.json, &d, &origins), "directory %.200s", ca->directory_url);
    keep(ca, &d, &origins);
    return NULL;
}

struct err *acme_directory_ensure(struct acme_ca *ca)
{
    pthread_mutex_lock(&ca->lock);
    bool fresh = ca->fetched != 0 && clock_mono(ca->clock) - ca->fetched < MAX_AGE;
    pthread_mutex_unlock(&ca->lock);
    return fresh ? NULL : fetch(ca);
}

void acme_directory_doubt(struct acme_ca *ca, const char *url)
{
    pthread_mutex_lock(&ca->lock);
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        if (str_eq(*endpoint(&ca->directory, i), url))
            ca->fetched = 0;
    }
    pthread_mutex_unlock(&ca->lock);
}

static void copy(struct acme_directory *from, struct acme_directory *to)
{
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++)
        *endpoint(to, i) = x_strdup_or_null(*endpoint(from, i));
    to->terms_of_service = x_strdup_or_null(from->terms_of_service);
    to->external_account_required = from->external_account_required;
    strlist_add_all(&to->profiles, &from->profiles);
    strlist_add_all(&to->caa_identities, &from->caa_identities);
}

struct err *acme_ca_directory(struct acme_ca *ca, struct acme_directory *ret_directory)
{
    TRY(acme_directory_ensure(ca));
    struct acme_directory d = {0};
    pthread_mutex_lock(&ca->lock);
    copy(&ca->directory, &d);
    pthread_mutex_unlock(&ca->lock);
    *ret_directory = d;
    return NULL;
}
