/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/propagation.h"

#include <string.h>

#include "base/backoff.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/dns_ask.h"
#include "net/dns_https.h"

#define LOOK_TIME (3 * NS_PER_SEC)
#define NAMED_MAX 3 /* servers that a message names */

/* ---- one answer ---- */

static enum dns_persist_fit best_of(const struct dns_look *look, const struct dns_answer *a)
{
    enum dns_persist_fit best = DNS_PERSIST_OTHER;
    for (size_t i = 0; i < a->count; i++) {
        auto_free char *held = dns_txt_text(&a->records[i]);
        enum dns_persist_fit fit = dns_persist_judge(look->persist, held);
        best = fit > best ? fit : best;
    }
    return best;
}

static bool answer_has(const struct dns_look *look, const struct dns_answer *a)
{
    if (look->persist != NULL)
        return best_of(look, a) == DNS_PERSIST_FITS;
    bool has = false;
    for (size_t i = 0; i < a->count && !has; i++) {
        auto_free char *held = dns_txt_text(&a->records[i]);
        has = str_eq(held, look->text);
    }
    return has;
}

/* ---- what is missing where ---- */

struct lacks {
    struct strlist servers; /* "192.0.2.1 has another value" */
    int64_t retry_at;
};

static void lacks_release(struct lacks *l)
{
    strlist_release(&l->servers);
}

static void add_lack(struct lacks *l, const struct dns_look *look, const char *server,
                     const struct dns_answer *a)
{
    const char *has = "no such record";
    if (a->count > 0)
        has = look->persist == NULL ? "another value" : dns_persist_lack(best_of(look, a));
    strlist_add_take(&l->servers, x_printf("%s has %s", server, has));
}

static struct err *tell(const struct lacks *l, const struct dns_place *place, size_t servers)
{
    if (l->servers.len == 0)
        return NULL;
    auto_free char *list = strlist_join(&l->servers, ", ", NAMED_MAX);
    struct err *e = err_new(ERR_TRANSIENT, "NotPropagated",
                            "%s: %zu of %zu servers do not show the value yet: %s", place->name,
                            l->servers.len, servers, list);
    e->retry_at = l->retry_at;
    return e;
}

/* ---- authoritative ---- */

struct authorities {
    const char *items[DNS_ASK_SERVERS_MAX];
    struct dns_said said[DNS_ASK_SERVERS_MAX];
    size_t len;
};

static void authorities_release(struct authorities *a)
{
    for (size_t i = 0; i < a->len; i++)
        dns_said_release(&a->said[i]);
}

/* Those that have not answered for a while are left alone, unless there are no others. */
static size_t whom_to_ask(const struct dns_finder *f, const struct dns_place *place,
                          const char **out)
{
    int64_t now = clock_mono(f->clock);
    size_t n = 0;
    for (size_t i = 0; i < place->servers.len && n < DNS_ASK_SERVERS_MAX; i++)
        if (!dns_zones_is_silent(f->zones, place->servers.items[i], now))
            out[n++] = place->servers.items[i];
    for (size_t i = 0; n == 0 && i < place->servers.len && i < DNS_ASK_SERVERS_MAX; i++)
        out[i] = place->servers.items[i];
    return n > 0 ? n : place->servers.len;
}

static bool answers(const struct dns_said *s)
{
    return s->failed == NULL && s->authoritative;
}

/* A server that knows nothing of its zone is none, and whoever is silent for long does not hold the others up. */
static void judge(const struct dns_finder *f, const struct authorities *a,
                  const struct dns_look *look, struct lacks *l)
{
    int64_t now = clock_mono(f->clock);
    bool any = false;
    for (size_t i = 0; i < a->len; i++)
        any = any || answers(&a->said[i]);
    for (size_t i = 0; i < a->len; i++) {
        const struct dns_said *s = &a->said[i];
        unsigned silent = dns_zones_heard(f->zones, a->items[i], answers(s), now);
        if (answers(s) && !answer_has(look, &s->answer))
            add_lack(l, look, a->items[i], &s->answer);
        else if (!answers(s) && !(any && silent >= DNS_SILENT_LOOKS))
            strlist_add_take(&l->servers,
                             x_printf("%s %s", a->items[i],
                                      s->failed != NULL ? "does not answer"
                                                        : "is not authoritative for the zone"));
    }
}

static struct err *look_at_authorities(const struct dns_finder *f, const struct dns_look *look)
{
    AUTO(authorities_release) struct authorities a = {0};
    AUTO(lacks_release) struct lacks l = {0};
    struct dns_ask ask = {
        .name = look->place->name,
        .type = DNS_TXT,
        .servers = a.items,
        .timeout = LOOK_TIME,
        .flags = DNS_GUARDED,
    };
    ask.server_count = whom_to_ask(f, look->place, a.items);
    TRY(dns_ask(f->dns, &ask, f->stop, a.said));
    a.len = ask.server_count;
    judge(f, &a, look, &l);
    return tell(&l, look->place, a.len);
}

/* ---- resolvers ---- */

/* What it says that does not have the value, it says until its TTL is over. */
static struct err *look_at_one(const struct dns_finder *f, const struct dns_look *look,
                               const char *server, size_t count, struct lacks *l)
{
    AUTO_DNS_ANSWER a = {0};
    const struct dns_question q = {
        .name = look->place->name,
        .type = DNS_TXT,
        .servers = &server,
        .server_count = 1,
        .timeout = LOOK_TIME / (int64_t)count,
        .flags = DNS_GUARDED,
    };
    AUTO_ERR e = look->config->mode == DNS_CHECK_HTTPS
                     ? dns_https_query(f->http, server, &q, f->stop, &a)
                     : dns_query(f->dns, &q, f->stop, &a);
    if (err_is(e, ERR_CANCELLED) || err_is(e, ERR_CONFLICT))
        return TAKE(e);
    if (e != NULL) {
        strlist_add_take(&l->servers, x_printf("%s does not answer", server));
    } else if (!answer_has(look, &a)) {
        int64_t until = clock_wall(f->clock) + a.ttl;
        l->retry_at = until > l->retry_at ? until : l->retry_at;
        add_lack(l, look, server, &a);
    }
    return NULL;
}

static struct err *look_at_resolvers(const struct dns_finder *f, const struct dns_look *look)
{
    const struct dns_config *c = look->config;
    bool https = c->mode == DNS_CHECK_HTTPS;
    size_t count = https ? 1 : c->nameservers.len;
    AUTO(lacks_release) struct lacks l = {0};
    for (size_t i = 0; i < count; i++)
        TRY(look_at_one(f, look, https ? c->url : c->nameservers.items[i], count, &l));
    return tell(&l, look->place, count);
}

/* ---- a look ---- */

static struct err *wait_out(const struct dns_finder *f, const struct dns_look *look)
{
    int64_t until = look->since + look->config->wait;
    if (clock_wall(f->clock) >= until)
        return NULL;
    struct err *e = err_new(ERR_TRANSIENT, "NotPropagated",
                            "%s: the solver waits instead of looking", look->place->name);
    e->retry_at = until;
    return e;
}

struct err *dns_look(const struct dns_finder *f, const struct dns_look *look)
{
    switch (look->config->mode) {
    case DNS_CHECK_AUTHORITATIVE:
        return look_at_authorities(f, look);
    case DNS_CHECK_RESOLVERS:
    case DNS_CHECK_HTTPS:
        return look_at_resolvers(f, look);
    case DNS_CHECK_WAIT:
        return wait_out(f, look);
    case DNS_CHECK_NONE:
        return NULL;
    }
    return NULL;
}

int64_t dns_look_delay(unsigned tries)
{
    static const struct backoff b = {.base = 100 * NS_PER_MS, .cap = 10 * NS_PER_SEC};
    return backoff_delay(&b, tries, NULL);
}
