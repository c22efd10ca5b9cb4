/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/selfcheck.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "http01/responder.h"
#include "net/url.h"

#define FETCH_TIMEOUT (2 * NS_PER_SEC)
#define BUDGET (5 * NS_PER_SEC) /* for all addresses; a worker waits meanwhile */
#define BODY_MAX 4096
#define REDIRECTS_MAX 10
#define ADDRESSES_MAX 16

static bool body_is(const struct buf *body, const char *expected)
{
    size_t len = body->len;
    const char *text = buf_str(body);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    return len == strlen(expected) && memcmp(text, expected, len) == 0;
}

/* ---- names to addresses ---- */

/* Resolvers turn them round at each answer: in an order of their own, what is said of them is the same each time, and
 * costs no write of status. */
static struct err *look_up(const struct http01_check *c, const char *name, enum dns_type type,
                           struct strlist *addresses, bool *ret_exists)
{
    const struct dns_question q = {
        .name = name,
        .type = type,
        .servers = c->nameservers,
        .server_count = c->nameserver_count,
        .timeout = FETCH_TIMEOUT,
        .flags = DNS_GUARDED,
    };
    AUTO_DNS_ANSWER a = {0};
    TRY(dns_query(c->dns, &q, c->stop, &a));
    *ret_exists = a.exists;
    AUTO(strlist_release) struct strlist found = {0};
    for (size_t i = 0; i < a.count; i++) {
        char text[DNS_ADDRESS_MAX];
        if (dns_address_text(&a.records[i], text))
            strlist_add(&found, text);
    }
    strlist_sort(&found);
    for (size_t i = 0; i < found.len && addresses->len < ADDRESSES_MAX; i++)
        strlist_add(addresses, found.items[i]);
    return NULL;
}

/* The CA makes do with the family that it could look up, and so does this. */
static struct err *resolve(const struct http01_check *c, const char *name,
                           struct strlist *addresses)
{
    bool exists = false;
    size_t before = addresses->len;
    AUTO_ERR v4 = look_up(c, name, DNS_A, addresses, &exists);
    if (err_is(v4, ERR_CANCELLED))
        return TAKE(v4);
    AUTO_ERR v6 = look_up(c, name, DNS_AAAA, addresses, &exists);
    if (addresses->len > before)
        return NULL;
    if (v4 != NULL || v6 != NULL)
        return v4 != NULL ? TAKE(v4) : TAKE(v6);
    return err_new(ERR_TRANSIENT, "SelfCheckFailed",
                   exists ? "self-check: %s has no A and no AAAA record"
                          : "self-check: the name %s does not exist in DNS (NXDOMAIN)",
                   name);
}

static struct err *add_place(const struct http01_check *c, const char *place,
                             struct strlist *addresses)
{
    if (!http01_host_is_ip(place))
        return resolve(c, place, addresses);
    if (addresses->len < ADDRESSES_MAX)
        strlist_add(addresses, place);
    return NULL;
}

static struct err *find_addresses(const struct http01_check *c, struct strlist *addresses)
{
    if (c->places == NULL)
        return add_place(c, c->host, addresses);
    for (size_t i = 0; i < c->places->len; i++)
        TRY(add_place(c, c->places->items[i], addresses));
    return NULL;
}

/* ---- one address ---- */

/* A request on its way through redirects. */
struct walk {
    const struct http01_check *check;
    const char *start; /* URL */
    struct url_target at;
    char *address;
    unsigned hops;
};

static void walk_release(struct walk *w)
{
    url_target_release(&w->at);
    free(w->address);
}

static struct err *fetch(const struct walk *w, struct http_response *ret_response)
{
    static const struct http_tls any = {.skip_verify = true};
    bool v6 = strchr(w->address, ':') != NULL;
    auto_free char *dial =
        x_printf("%s%s%s:%s", v6 ? "[" : "", w->address, v6 ? "]" : "", w->at.port);
    const struct http_request req = {
        .url = w->at.url,
        .tls = &any,
        .timeout = FETCH_TIMEOUT,
        .connect_timeout = FETCH_TIMEOUT,
        .max_body = BODY_MAX,
        .flags = HTTP_GUARDED | HTTP_NO_REUSE,
        .connect_to = dial,
    };
    return err_wrap(http_call(w->check->http, &req, w->check->stop, ret_response),
                    "self-check at %s", w->address);
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Another host is looked up afresh; any of its addresses will do, IPv4 first. */
static struct err *follow(struct walk *w, const char *location)
{
    struct url_target next = {0};
    if (w->hops++ == REDIRECTS_MAX)
        return err_new(ERR_TRANSIENT, "SelfCheckFailed",
                       "self-check: GET %s: more than %d redirects", w->start, REDIRECTS_MAX);
    TRY(url_follow(w->at.url, location, &next), "self-check: GET %s", w->start);
    url_target_release(&w->at);
    w->at = next;
    if (next.same_host)
        return NULL;
    AUTO(strlist_release) struct strlist addresses = {0};
    TRY(add_place(w->check, next.host, &addresses), "after a redirect");
    free(w->address);
    w->address = x_strdup(addresses.items[0]);
    return NULL;
}

static struct err *judge(const struct walk *w, const struct http_response *res)
{
    auto_free char *origin = url_shown_origin(w->at.url);
    auto_free char *how = w->hops > 0 ? x_printf(" after a redirect to %s", origin) : x_strdup("");
    if (res->status != 200)
        return err_new(
            ERR_TRANSIENT, "SelfCheckFailed",
            "self-check: GET %s%s: %s answered %d, expected 200: does the Ingress controller or "
            "web server there serve this name on port 80?",
            w->start, how, w->address, res->status);
    if (!body_is(&res->body, w->check->key_authorization))
        return err_new(
            ERR_TRANSIENT, "SelfCheckFailed",
            "self-check: GET %s%s: %s answered something else than the key authorization: "
            "another server answers for this name",
            w->start, how, w->address);
    return NULL;
}

static struct err *check_address(const struct http01_check *c, const char *url, const char *address)
{
    AUTO(walk_release)
    struct walk w = {
        .check = c,
        .start = url,
        .at = {.url = x_strdup(url), .host = x_strdup(c->host), .port = x_strdup("80")},
        .address = x_strdup(address),
    };
    for (;;) {
        AUTO_RESPONSE res = {0};
        TRY(fetch(&w, &res));
        auto_free char *location =
            is_redirect(res.status) ? http_header_get(&res, "location", 0) : NULL;
        if (location == NULL)
            return judge(&w, &res);
        TRY(follow(&w, location));
    }
}

/* ---- all of them ---- */

static bool is_unreachable_from_here(const struct err *e)
{
    return e != NULL && str_eq(e->reason, "NoRoute");
}

static struct err *check_all(const struct http01_check *c, const char *url,
                             const struct strlist *addresses)
{
    int64_t until = clock_mono(c->clock) + BUDGET;
    AUTO_ERR passed_over = NULL;
    bool answered = false;
    for (size_t i = 0; i < addresses->len; i++) {
        if (clock_mono(c->clock) >= until)
            return err_new(ERR_TRANSIENT, "SelfCheckFailed",
                           "self-check: the addresses before %s took too long to answer",
                           addresses->items[i]);
        struct err *e = check_address(c, url, addresses->items[i]);
        if (e != NULL && !is_unreachable_from_here(e))
            return e;
        answered = answered || e == NULL;
        err_free(passed_over);
        passed_over = e;
    }
    if (answered)
        return NULL;
    return err_wrap(TAKE(passed_over),
                    "no address of %s can be reached from here: use selfCheck.mode "
                    "ingressStatus, wait or none",
                    c->host);
}

struct err *http01_self_check(const struct http01_check *c)
{
    bool v6 = strchr(c->host, ':') != NULL;
    auto_free char *url =
        x_printf("http://%s%s%s" HTTP01_PATH "%s", v6 ? "[" : "", c->host, v6 ? "]" : "", c->token);
    AUTO(strlist_release) struct strlist addresses = {0};
    TRY(find_addresses(c, &addresses));
    if (addresses.len == 0)
        return err_new(ERR_TRANSIENT, "SelfCheckFailed",
                       "self-check: what routes to %s has no address in its status yet", c->host);
    return check_all(c, url, &addresses);
}

int64_t http01_self_check_delay(unsigned tries)
{
    int64_t delay = 50 * NS_PER_MS;
    for (unsigned i = 0; i < tries && delay < 2 * NS_PER_SEC; i++)
        delay = delay * 3 / 2;
    if (tries > 40)
        return 10 * NS_PER_SEC;
    return delay < 2 * NS_PER_SEC ? delay : 2 * NS_PER_SEC;
}
