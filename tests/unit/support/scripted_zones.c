/* SPDX-License-Identifier: Apache-2.0 */
#include "scripted_zones.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/dns_ask.h"

#define FOLLOW_MAX 20

/* ---- records ---- */

static size_t put_name(const char *name, unsigned char *out)
{
    size_t len = 0;
    for (const char *at = name; *at != '\0';) {
        size_t label = strcspn(at, ".");
        out[len++] = (unsigned char)label;
        memcpy(out + len, at, label);
        len += label;
        at += label + (at[label] == '.');
    }
    out[len++] = 0;
    return len;
}

static size_t put_data(enum dns_type type, const char *text, unsigned char *out)
{
    size_t len = strlen(text);
    switch (type) {
    case DNS_A:
        return inet_pton(AF_INET, text, out) == 1 ? sizeof(struct in_addr) : 0;
    case DNS_AAAA:
        return inet_pton(AF_INET6, text, out) == 1 ? sizeof(struct in6_addr) : 0;
    case DNS_TXT:
        out[0] = (unsigned char)len;
        memcpy(out + 1, text, len);
        return len + 1;
    default:
        return put_name(text, out);
    }
}

static void add_record(struct dns_answer *a, enum dns_type type, const char *text)
{
    unsigned char data[512];
    size_t len = put_data(type, text, data);
    if (a->records == NULL)
        a->records = x_calloc(SCRIPTED_RECORDS_MAX, sizeof(*a->records));
    a->records[a->count++] = (struct dns_record){x_memdup(data, len), len};
}

static bool is_within(const char *name, const char *zone)
{
    size_t n = strlen(name), z = strlen(zone);
    return str_eq(name, zone) || (n > z && str_ends(name, zone) && name[n - z - 1] == '.');
}

/* The text of the i-th record of a name that this server has (NULL = any), or NULL. */
static const char *find(const struct scripted_zones *z, const char *server, const char *name,
                        enum dns_type type, size_t i)
{
    for (size_t n = 0; n < z->count; n++) {
        bool seen =
            z->records[n].only == NULL || server == NULL || str_eq(z->records[n].only, server);
        if (seen && z->records[n].type == type && str_eq(z->records[n].name, name) && i-- == 0)
            return z->records[n].text;
    }
    return NULL;
}

/* The longest zone; server NULL = of all. */
static const char *zone_of(const struct scripted_zones *z, const char *server, const char *name)
{
    const char *best = NULL;
    for (size_t n = 0; n < z->count; n++) {
        const char *zone = z->records[n].name;
        if (z->records[n].type != DNS_SOA || !is_within(name, zone) ||
            (best != NULL && strlen(zone) <= strlen(best)))
            continue;
        bool serves = server == NULL;
        const char *host = NULL;
        for (size_t i = 0; !serves && (host = find(z, NULL, zone, DNS_NS, i)) != NULL; i++)
            serves = str_eq(find(z, NULL, host, DNS_A, 0), server) ||
                     str_eq(find(z, NULL, host, DNS_AAAA, 0), server);
        if (serves)
            best = zone;
    }
    return best;
}

static bool exists(const struct scripted_zones *z, const char *server, const char *name)
{
    for (size_t n = 0; n < z->count; n++)
        if (is_within(z->records[n].name, name) &&
            (z->records[n].only == NULL || server == NULL || str_eq(z->records[n].only, server)))
            return true;
    return false;
}

static void fill(const struct scripted_zones *z, const char *server, const char *name,
                 enum dns_type type, struct dns_answer *a)
{
    const char *text = NULL;
    a->ttl = z->ttl != 0 ? z->ttl : 60 * NS_PER_SEC;
    str_copy(a->name, sizeof(a->name), name);
    a->exists = exists(z, server, name);
    for (size_t i = 0; (text = find(z, server, name, type, i)) != NULL; i++)
        add_record(a, type, text);
}

/* ---- resolvers ---- */

static struct err *query(void *ctx, const struct dns_question *q, const struct stop *stop,
                         struct dns_answer *ret_answer)
{
    struct scripted_zones *z = ctx;
    TRY(stop_check(stop));
    z->queries++;
    if (z->takes > 0)
        clock_manual_advance(z->hands, z->takes);
    z->flags = q->flags;
    str_copy(z->resolver, sizeof(z->resolver), q->server_count > 0 ? q->servers[0] : "");
    char name[DNS_NAME_MAX + 1];
    if (!dns_name_copy(q->name, name))
        return err_new(ERR_INVALID, "InvalidName", "%s", q->name);
    if (str_starts(name, "_acme-challenge"))
        str_copy(z->asked_first, sizeof(z->asked_first), name);
    for (size_t i = 0; i < z->server_count; i++)
        if (z->servers[i].silent && str_eq(z->servers[i].address, z->resolver))
            return err_new(ERR_TRANSIENT, "Timeout", "%s did not answer", z->resolver);
    if (str_eq(name, z->broken))
        return err_new(ERR_TRANSIENT, "DNSFailed", "answered SERVFAIL");
    const char *end = NULL;
    for (int i = 0; i < FOLLOW_MAX && (end = find(z, NULL, name, DNS_CNAME, 0)) != NULL; i++)
        dns_name_copy(end, name);
    struct dns_answer a = {0};
    fill(z, NULL, name, q->type, &a);
    *ret_answer = a;
    return NULL;
}

/* ---- servers ---- */

static void refer(const struct scripted_zones *z, const char *zone, struct dns_said *said)
{
    const char *host = NULL;
    str_copy(said->zone, sizeof(said->zone), zone);
    for (size_t i = 0; (host = find(z, NULL, zone, DNS_NS, i)) != NULL; i++)
        strlist_add(&said->nameservers, host);
}

static void answer(const struct scripted_zones *z, const char *server, const struct dns_ask *ask,
                   struct dns_said *said)
{
    char name[DNS_NAME_MAX + 1];
    dns_name_copy(ask->name, name);
    const char *zone = zone_of(z, server, name);
    const char *deepest = zone_of(z, NULL, name);
    for (size_t i = 0; i < z->server_count; i++) {
        bool it = str_eq(z->servers[i].address, server);
        if (it && z->servers[i].silent)
            said->failed = err_new(ERR_TRANSIENT, "Timeout", "no answer");
        if (it && z->servers[i].lame)
            zone = NULL;
    }
    if (said->failed != NULL || zone == NULL)
        return;
    if (!str_eq(zone, deepest)) {
        refer(z, deepest, said);
        return;
    }
    said->authoritative = true;
    const char *end = NULL;
    for (int i = 0; i < FOLLOW_MAX && is_within(name, zone) &&
                    (end = find(z, server, name, DNS_CNAME, 0)) != NULL;
         i++)
        dns_name_copy(end, name);
    fill(z, server, name, ask->type, &said->answer);
    if (said->answer.count == 0)
        str_copy(said->zone, sizeof(said->zone), zone);
}

static struct err *ask(void *ctx, const struct dns_ask *ask, const struct stop *stop,
                       struct dns_said *ret_said)
{
    struct scripted_zones *z = ctx;
    TRY(stop_check(stop));
    z->asks++;
    z->flags = ask->flags;
    for (size_t i = 0; i < ask->server_count; i++) {
        ret_said[i] = (struct dns_said){0};
        answer(z, ask->servers[i], ask, &ret_said[i]);
    }
    return NULL;
}

/* ---- the script ---- */

void scripted_zones_init(struct scripted_zones *z)
{
    *z = (struct scripted_zones){.transport = {.query = query, .ask = ask, .ctx = z}};
}

void scripted_zones_add_at(struct scripted_zones *z, const char *server, const char *name,
                           enum dns_type type, const char *text)
{
    if (z->count == SCRIPTED_RECORDS_MAX)
        x_abort("too much for scripted zones");
    z->records[z->count].name = name;
    z->records[z->count].type = type;
    z->records[z->count].text = text;
    z->records[z->count++].only = server;
}

void scripted_zones_add(struct scripted_zones *z, const char *name, enum dns_type type,
                        const char *text)
{
    scripted_zones_add_at(z, NULL, name, type, text);
}

void scripted_zones_zone(struct scripted_zones *z, const char *zone, const char *host,
                         const char *address)
{
    bool v6 = strchr(address, ':') != NULL;
    if (find(z, NULL, zone, DNS_SOA, 0) == NULL)
        scripted_zones_add(z, zone, DNS_SOA, host);
    scripted_zones_add(z, zone, DNS_NS, host);
    if (find(z, NULL, host, v6 ? DNS_AAAA : DNS_A, 0) == NULL)
        scripted_zones_add(z, host, v6 ? DNS_AAAA : DNS_A, address);
}

void scripted_zones_remove(struct scripted_zones *z, const char *name, enum dns_type type)
{
    size_t kept = 0;
    for (size_t i = 0; i < z->count; i++)
        if (z->records[i].type != type || !str_eq(z->records[i].name, name))
            z->records[kept++] = z->records[i];
    z->count = kept;
}

void scripted_zones_server(struct scripted_zones *z, const char *address, bool silent, bool lame)
{
    size_t i = 0;
    while (i < z->server_count && !str_eq(z->servers[i].address, address))
        i++;
    if (i == SCRIPTED_SERVERS_MAX)
        x_abort("too many servers");
    z->servers[i].address = address;
    z->servers[i].silent = silent;
    z->servers[i].lame = lame;
    z->server_count += i == z->server_count;
}
