/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/zone.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/dns_ask.h"
#include "net/dns_https.h"

#define ENTRIES_MAX 4096
#define KEPT_MIN NS_PER_MIN
#define KEPT_MAX NS_PER_HOUR
#define SILENCE NS_PER_MIN         /* a server that does not answer is tried again after this */
#define IN_A_ROW (10 * NS_PER_MIN) /* failed looks further apart say nothing together */
#define FIND_TIME (5 * NS_PER_SEC)
#define ASK_TIME (2 * NS_PER_SEC)
#define NAMESERVERS_MAX 13
#define ASKED_MAX 3 /* servers that are asked where a name is: one answer is enough */
#define REFERRALS_MAX 8

/* ---- what was found ---- */

struct known {
    char name[DNS_NAME_MAX + 1]; /* of a place: where the aliases end */
    char zone[DNS_NAME_MAX + 1];
    struct strlist servers;
    int64_t until; /* mono */
};
struct silence {
    unsigned looks;
    int64_t since; /* mono, of the last one */
};

struct dns_zones {
    pthread_mutex_t lock;
    struct map known;  /* "name|mode resolvers": its zone, "=name|...": its place -> struct known */
    struct map silent; /* address -> struct silence */
};

static void known_free(void *value)
{
    struct known *k = value;
    strlist_release(&k->servers);
    free(k);
}

struct dns_zones *dns_zones_new(void)
{
    struct dns_zones *z = x_calloc(1, sizeof(*z));
    pthread_mutex_init(&z->lock, NULL);
    z->known = MAP_INIT(known_free);
    z->silent = MAP_INIT(free);
    return z;
}

void dns_zones_free(struct dns_zones *z)
{
    if (z == NULL)
        return;
    map_release(&z->known);
    map_release(&z->silent);
    pthread_mutex_destroy(&z->lock);
    free(z);
}

void dns_place_release(struct dns_place *p)
{
    strlist_release(&p->servers);
    *p = (struct dns_place){0};
}

static const char *parent_of(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot == NULL ? NULL : dot + 1;
}

/* From where the zone of a name is looked for. A resolver that is asked for "_acme-challenge.a.test" when nothing is
 * there remembers that nothing is below it either (RFC 8020), where dns-account-01 has its value. */
static const char *above(const char *name)
{
    const char *at = str_or(parent_of(name), name);
    while (*at == '_' && parent_of(at) != NULL)
        at = parent_of(at);
    return at;
}

/* What one issuer's resolvers say is nothing to another's. */
static char *known_key(const struct dns_config *c, const char *mark, const char *name)
{
    const struct strlist resolvers = {
        .items = (char **)(uintptr_t)c->nameservers.items,
        .len = c->nameservers.len,
    };
    auto_free char *list = strlist_join(&resolvers, ",", 0);
    return x_printf("%s%s|%d%d %s %s", mark, name, c->mode, c->follow, list, str_or(c->url, ""));
}

struct forgetting {
    const char *zone;
    const char *place;
    struct strlist keys;
};

static bool note_key(void *arg, const char *key, void *value)
{
    struct forgetting *f = arg;
    (void)value;
    if (str_starts(key, f->zone) || str_starts(key, f->place))
        strlist_add(&f->keys, key);
    return true;
}

void dns_zones_forget(struct dns_zones *z, const char *name)
{
    auto_free char *zone = x_printf("%s|", above(name));
    auto_free char *place = x_printf("=%s|", name);
    struct forgetting f = {.zone = zone, .place = place};
    pthread_mutex_lock(&z->lock);
    map_each(&z->known, note_key, &f);
    for (size_t i = 0; i < f.keys.len; i++)
        map_remove(&z->known, f.keys.items[i]);
    pthread_mutex_unlock(&z->lock);
    strlist_release(&f.keys);
}

/* place is as it was when nothing is known. */
static bool recall(struct dns_zones *z, const char *key, int64_t now, struct dns_place *place)
{
    pthread_mutex_lock(&z->lock);
    const struct known *k = map_get(&z->known, key);
    bool fresh = k != NULL && k->until > now;
    if (fresh) {
        str_copy(place->name, sizeof(place->name), k->name);
        str_copy(place->zone, sizeof(place->zone), k->zone);
        strlist_release(&place->servers);
        strlist_add_all(&place->servers, &k->servers);
    }
    pthread_mutex_unlock(&z->lock);
    return fresh;
}

static void remember(struct dns_zones *z, const char *key, const struct dns_place *place,
                     int64_t until)
{
    struct known *k = x_calloc(1, sizeof(*k));
    str_copy(k->name, sizeof(k->name), place->name);
    str_copy(k->zone, sizeof(k->zone), place->zone);
    strlist_add_all(&k->servers, &place->servers);
    k->until = until;
    pthread_mutex_lock(&z->lock);
    if (z->known.len >= ENTRIES_MAX)
        map_clear(&z->known);
    map_put(&z->known, key, k);
    pthread_mutex_unlock(&z->lock);
}

unsigned dns_zones_heard(struct dns_zones *z, const char *server, bool answered, int64_t mono)
{
    unsigned looks = 0;
    pthread_mutex_lock(&z->lock);
    struct silence *s = map_get(&z->silent, server);
    if (answered) {
        map_remove(&z->silent, server);
    } else {
        if (s == NULL && z->silent.len >= ENTRIES_MAX)
            map_clear(&z->silent);
        if (s == NULL)
            map_put(&z->silent, server, s = x_calloc(1, sizeof(*s)));
        looks = s->looks = mono - s->since > IN_A_ROW ? 1 : s->looks + 1;
        s->since = mono;
    }
    pthread_mutex_unlock(&z->lock);
    return looks;
}

bool dns_zones_is_silent(struct dns_zones *z, const char *server, int64_t mono)
{
    pthread_mutex_lock(&z->lock);
    const struct silence *s = map_get(&z->silent, server);
    bool silent = s != NULL && s->looks >= DNS_SILENT_LOOKS && mono - s->since < SILENCE;
    pthread_mutex_unlock(&z->lock);
    return silent;
}

/* ---- asking ---- */

struct search {
    const struct dns_finder *f;
    const struct dns_config *config;
    int64_t deadline; /* mono */
    int64_t ttl;      /* of all answers together */
    struct err
        *unheard; /* owned: of the first name server whose addresses could not be looked up */
};

static struct err *time_left(const struct search *s, const char *name, int64_t most,
                             int64_t *ret_left)
{
    int64_t left = s->deadline - clock_mono(s->f->clock);
    if (left <= 0)
        return err_new(ERR_TRANSIENT, "Timeout",
                       "looking for the zone of %s took more than %d s: its servers, or certroll's "
                       "resolver, are slow",
                       name, (int)(FIND_TIME / NS_PER_SEC));
    *ret_left = left < most ? left : most;
    return NULL;
}

static struct err *resolve(struct search *s, const char *name, enum dns_type type,
                           struct dns_answer *ret_answer)
{
    struct dns_question q = {
        .name = name,
        .type = type,
        .servers = s->config->nameservers.items,
        .server_count = s->config->nameservers.len,
        .flags = s->config->nameservers.len > 0 ? DNS_GUARDED : 0,
    };
    TRY(time_left(s, name, FIND_TIME, &q.timeout));
    if (s->config->mode == DNS_CHECK_HTTPS) {
        q.flags = DNS_GUARDED;
        TRY(dns_https_query(s->f->http, s->config->url, &q, s->f->stop, ret_answer));
    } else {
        TRY(dns_query(s->f->dns, &q, s->f->stop, ret_answer));
    }
    if (ret_answer->ttl < s->ttl)
        s->ttl = ret_answer->ttl;
    return NULL;
}

/* From name upwards. An alias on the way is another zone's business. */
static struct err *climb(struct search *s, const char *name, char zone[DNS_NAME_MAX + 1])
{
    for (const char *at = name; at != NULL; at = parent_of(at)) {
        AUTO_DNS_ANSWER a = {0};
        TRY(resolve(s, at, DNS_SOA, &a));
        if (a.count == 0 || !str_eq(a.name, at))
            continue;
        str_copy(zone, DNS_NAME_MAX + 1, at);
        return NULL;
    }
    return err_new(ERR_NOT_FOUND, "ZoneNotFound",
                   "no zone is found for %s: neither it nor any name above has an SOA record; if "
                   "others see one, let selfCheck.nameservers be resolvers that do",
                   name);
}

/* A look-up that fails once must not leave out a server that a CA would ask; one that always does holds nobody up.
 * Takes over e. */
static void note_look_up(struct search *s, const char *host, enum dns_type type, struct err *e)
{
    auto_free char *key = x_printf("%s %s", host, dns_type_str(type));
    unsigned looks = dns_zones_heard(s->f->zones, key, e == NULL, clock_mono(s->f->clock));
    if (e != NULL && s->unheard == NULL && looks < DNS_SILENT_LOOKS)
        s->unheard = e;
    else
        err_free(e);
}

/* A server without an address is no reason to give up: another may have one. */
static struct err *add_addresses(struct search *s, const char *host, struct strlist *servers)
{
    static const enum dns_type types[] = {DNS_A, DNS_AAAA};
    for (size_t t = 0; t < ARRAY_LEN(types); t++) {
        AUTO_DNS_ANSWER a = {0};
        struct err *e = resolve(s, host, types[t], &a);
        if (err_is(e, ERR_CANCELLED))
            return e;
        note_look_up(s, host, types[t], e);
        for (size_t i = 0; i < a.count && servers->len < DNS_ASK_SERVERS_MAX; i++) {
            char text[DNS_ADDRESS_MAX];
            if (dns_address_text(&a.records[i], text) && !strlist_has(servers, text))
                strlist_add(servers, text);
        }
    }
    return NULL;
}

/* Resolvers turn them round at each answer: in an order of their own, what is said of them is the same each time. */
static struct err *check_servers(struct search *s, const char *zone, struct strlist *servers)
{
    int64_t left = 0;
    strlist_sort(servers);
    if (servers->len > 0)
        return err_wrap(TAKE(s->unheard), "an address of the name servers of zone %s", zone);
    TRY(time_left(s, zone, FIND_TIME, &left));
    return err_new(ERR_TRANSIENT, "LameDelegation",
                   "no name server of zone %s has an address: see its NS records", zone);
}

static struct err *servers_of(struct search *s, const char *zone, struct strlist *servers)
{
    AUTO_DNS_ANSWER a = {0};
    TRY(resolve(s, zone, DNS_NS, &a));
    for (size_t i = 0; i < a.count && i < NAMESERVERS_MAX; i++) {
        char host[DNS_NAME_MAX + 1];
        if (dns_record_name(&a.records[i], host))
            TRY(add_addresses(s, host, servers));
    }
    return check_servers(s, zone, servers);
}

/* ---- authoritative servers ---- */

static bool is_within(const char *name, const char *zone)
{
    size_t n = strlen(name);
    size_t z = strlen(zone);
    return str_eq(name, zone) || (n > z && z > 0 && name[n - z - 1] == '.' && str_ends(name, zone));
}

struct saids {
    struct dns_said items[ASKED_MAX];
    size_t len;
};

static void saids_release(struct saids *l)
{
    for (size_t i = 0; i < l->len; i++)
        dns_said_release(&l->items[i]);
}

static bool is_of_use(const struct dns_said *d)
{
    return d->failed == NULL && (d->authoritative || d->nameservers.len > 0);
}

static struct err *lame(const struct saids *l, const char *const *asked,
                        const struct dns_place *place)
{
    const struct err *why = l->items[0].failed;
    return err_new(ERR_TRANSIENT, "LameDelegation",
                   "no server of zone %s answers for it: %s%s; if certroll cannot reach port 53 of "
                   "the servers of a zone, set selfCheck.mode to resolvers, https, wait or none",
                   place->zone, why != NULL ? "" : asked[0],
                   why != NULL ? why->message : ": it is not authoritative");
}

/* Those that did not answer lately come last. */
static size_t choose_servers(const struct search *s, const struct strlist *all,
                             const char *out[ASKED_MAX])
{
    int64_t now = clock_mono(s->f->clock);
    size_t n = 0;
    for (int silent = 0; silent <= 1; silent++)
        for (size_t i = 0; i < all->len && n < ASKED_MAX; i++)
            if (dns_zones_is_silent(s->f->zones, all->items[i], now) == (silent == 1))
                out[n++] = all->items[i];
    return n;
}

/* ret_at: the first of them that is of use. */
static struct err *ask_where(struct search *s, const struct dns_place *place, const char *name,
                             struct saids *l, size_t *ret_at)
{
    const char *asked[ASKED_MAX];
    struct dns_ask ask = {.name = name, .type = DNS_SOA, .servers = asked, .flags = DNS_GUARDED};
    ask.server_count = choose_servers(s, &place->servers, asked);
    TRY(time_left(s, name, ASK_TIME, &ask.timeout));
    TRY(dns_ask(s->f->dns, &ask, s->f->stop, l->items));
    l->len = ask.server_count;
    int64_t now = clock_mono(s->f->clock);
    size_t at = 0;
    for (size_t i = 0; i < l->len; i++)
        dns_zones_heard(s->f->zones, asked[i], l->items[i].failed == NULL, now);
    while (at < l->len && !is_of_use(&l->items[at]))
        at++;
    *ret_at = at;
    return at < l->len ? NULL : lame(l, asked, place);
}

/* A zone below that the same servers answer for. */
static struct err *move_to(struct search *s, const char *zone, struct dns_place *place)
{
    str_copy(place->zone, sizeof(place->zone), zone);
    strlist_release(&place->servers);
    return servers_of(s, place->zone, &place->servers);
}

/* A zone below that others answer for. */
static struct err *descend(struct search *s, const struct dns_said *said, struct dns_place *place)
{
    str_copy(place->zone, sizeof(place->zone), said->zone);
    strlist_release(&place->servers);
    for (size_t i = 0; i < said->nameservers.len && i < NAMESERVERS_MAX; i++)
        TRY(add_addresses(s, said->nameservers.items[i], &place->servers));
    return check_servers(s, place->zone, &place->servers);
}

/* The SOA record of the name itself, or that beside its absence, or an alias. */
static struct err *take_answer(struct search *s, const struct dns_said *said, const char *name,
                               struct dns_place *place, char alias[DNS_NAME_MAX + 1])
{
    if (!str_eq(said->answer.name, name)) {
        str_copy(alias, DNS_NAME_MAX + 1, said->answer.name);
        return NULL;
    }
    const char *zone = said->answer.count > 0 ? name : said->zone;
    bool deeper = is_within(name, zone) && strlen(zone) > strlen(place->zone);
    return deeper ? move_to(s, zone, place) : NULL;
}

/* One question tells all; who does not know says who does. */
static struct err *ask_servers(struct search *s, const char *name, struct dns_place *place,
                               char alias[DNS_NAME_MAX + 1])
{
    for (unsigned i = 0; i < REFERRALS_MAX; i++) {
        AUTO(saids_release) struct saids l = {0};
        size_t at = 0;
        TRY(ask_where(s, place, name, &l, &at));
        const struct dns_said *said = &l.items[at];
        if (said->authoritative)
            return take_answer(s, said, name, place, alias);
        if (!is_within(name, said->zone) || strlen(said->zone) <= strlen(place->zone))
            break;
        TRY(descend(s, said, place));
    }
    return err_new(ERR_TRANSIENT, "LameDelegation",
                   "the servers of zone %s send on to others for %s, and these to nobody who knows",
                   place->zone, name);
}

static int64_t kept_until(const struct search *s)
{
    int64_t ttl = s->ttl < KEPT_MIN ? KEPT_MIN : s->ttl;
    return clock_mono(s->f->clock) + (ttl > KEPT_MAX ? KEPT_MAX : ttl);
}

/* The zone that what is above the name is in, and its servers. */
static struct err *find_zone(struct search *s, const char *name, struct dns_place *place)
{
    const char *from = above(name);
    auto_free char *key = known_key(s->config, "", from);
    struct dns_place known = {0};
    if (!recall(s->f->zones, key, clock_mono(s->f->clock), &known)) {
        int64_t ttl = s->ttl;
        s->ttl = KEPT_MAX;
        TRY(climb(s, from, place->zone));
        strlist_release(&place->servers);
        TRY(servers_of(s, place->zone, &place->servers));
        remember(s->f->zones, key, place, kept_until(s));
        s->ttl = s->ttl < ttl ? s->ttl : ttl;
        return NULL;
    }
    str_copy(place->zone, sizeof(place->zone), known.zone);
    strlist_release(&place->servers);
    place->servers = known.servers;
    return NULL;
}

static struct err *locate_by_servers(struct search *s, const char *name, struct dns_place *place,
                                     char alias[DNS_NAME_MAX + 1])
{
    TRY(find_zone(s, name, place));
    struct err *e = ask_servers(s, name, place, alias);
    if (e != NULL)
        dns_zones_forget(s->f->zones, name);
    return e;
}

/* The name is asked for only where an alias would be followed: its absence is remembered there. */
static struct err *locate_by_resolvers(struct search *s, const char *name, struct dns_place *place,
                                       char alias[DNS_NAME_MAX + 1])
{
    if (s->config->follow) {
        AUTO_DNS_ANSWER a = {0};
        TRY(resolve(s, name, DNS_SOA, &a));
        if (!str_eq(a.name, name)) {
            str_copy(alias, DNS_NAME_MAX + 1, a.name);
            return NULL;
        }
        if (a.count > 0) {
            str_copy(place->zone, sizeof(place->zone), name);
            return NULL;
        }
    }
    return climb(s, str_or(parent_of(name), name), place->zone);
}

static struct err *find(struct search *s, const char *name, struct dns_place *place)
{
    bool direct = s->config->mode == DNS_CHECK_AUTHORITATIVE;
    str_copy(place->name, sizeof(place->name), name);
    for (unsigned i = 0; i <= DNS_ALIASES_MAX; i++) {
        char alias[DNS_NAME_MAX + 1] = "";
        TRY(direct ? locate_by_servers(s, place->name, place, alias)
                   : locate_by_resolvers(s, place->name, place, alias));
        if (alias[0] == '\0' || !s->config->follow)
            return NULL;
        str_copy(place->name, sizeof(place->name), alias);
    }
    return err_new(ERR_TRANSIENT, "AliasLoop",
                   "%s: more than %d aliases in a row, the last of them %s: see the CNAME records",
                   name, DNS_ALIASES_MAX, place->name);
}

struct err *dns_place_find(const struct dns_finder *f, const struct dns_config *config,
                           const char *name, struct dns_place *ret_place)
{
    char lower[DNS_NAME_MAX + 1];
    if (!dns_name_copy(name, lower))
        return err_new(ERR_INVALID, "InvalidName", "%.253s is not a name that DNS can hold", name);
    struct search s = {
        .f = f, .config = config, .deadline = clock_mono(f->clock) + FIND_TIME, .ttl = KEPT_MAX};
    AUTO(dns_place_release) struct dns_place place = {0};
    struct err *e = find(&s, lower, &place);
    err_free(s.unheard); /* of a zone that was left for another */
    if (e != NULL)
        return e;
    auto_free char *key = known_key(config, "=", lower);
    remember(f->zones, key, &place, kept_until(&s));
    *ret_place = place;
    place = (struct dns_place){0};
    return NULL;
}

bool dns_place_recall(const struct dns_finder *f, const struct dns_config *config, const char *name,
                      struct dns_place *ret_place)
{
    auto_free char *key = known_key(config, "=", name);
    struct dns_place place = {0};
    if (!recall(f->zones, key, clock_mono(f->clock), &place))
        return false;
    *ret_place = place;
    return true;
}
