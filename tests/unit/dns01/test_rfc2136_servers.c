/* SPDX-License-Identifier: Apache-2.0 */
/* The rfc2136 provider against BIND 9 and Knot: each algorithm, values side by side, and what they refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "dns_server.h"
#include "net/dns_ask.h"
#include "net/dns_client.h"
#include "support/expect.h"
#include "update_env.h"

struct scene {
    enum dns_server_kind kind;
    struct dns_server *server;
    struct dns_client *client;
};
static struct scene scenes[] = {{.kind = DNS_SERVER_BIND}, {.kind = DNS_SERVER_KNOT}};

static int start_servers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scenes); i++) {
        scenes[i].server = dns_server_start(scenes[i].kind);
        expect_ok(
            dns_client_new(&(struct dns_client_options){.rng = rng_system(), .allow_private = true},
                           &scenes[i].client));
    }
    return 0;
}

static int stop_servers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scenes); i++) {
        dns_server_stop(scenes[i].server);
        dns_client_free(scenes[i].client);
    }
    return 0;
}

static void open_env(const struct scene *s, struct update_env *u)
{
    update_env_init(u, dns_client_transport(s->client), DNS_SERVER_SECRET "\n");
}

/* algorithm is an Issuer's, "HMACSHA256". */
static void configure(const struct scene *s, struct update_env *u, const char *key_name,
                      const char *algorithm, const char *protocol)
{
    auto_free char *config =
        x_printf("{\"nameserver\":\"%s\",\"protocol\":\"%s\",\"tsigKeyName\":\"%s\","
                 "\"tsigAlgorithm\":\"%s\","
                 "\"tsigSecretSecretRef\":{\"name\":\"tsig\",\"key\":\"key\"}}",
                 dns_server_address(s->server), protocol, key_name, algorithm);
    expect_ok(update_configure(u, config));
}

/* What the server has at UPDATE_NAME, sorted, with spaces between. */
static char *values(const struct scene *s)
{
    const char *const servers[] = {dns_server_address(s->server)};
    const struct dns_ask ask = {
        .name = UPDATE_NAME, .type = DNS_TXT, .servers = servers, .server_count = 1};
    AUTO(dns_said_release) struct dns_said said = {0};
    expect_ok(dns_ask(dns_client_transport(s->client), &ask, NULL, &said));
    expect_ok(TAKE(said.failed));
    assert_true(said.authoritative);
    AUTO(strlist_release) struct strlist texts = {0};
    for (size_t i = 0; i < said.answer.count; i++)
        strlist_add_take(&texts, dns_txt_text(&said.answer.records[i]));
    strlist_sort(&texts);
    if (texts.len == 0)
        assert_string_equal(said.zone, DNS_SERVER_ZONE);
    return strlist_join(&texts, " ", 0);
}

static void expect_values(const struct scene *s, const char *want)
{
    auto_free char *have = values(s);
    assert_string_equal(have, want);
}

/* ---- tests ---- */

static void each_algorithm_signs(void **state)
{
    const struct scene *s = *state;
    static const char *const names[] = {"HMACMD5",    "HMACSHA1",   "HMACSHA224",
                                        "HMACSHA256", "HMACSHA384", "HMACSHA512"};
    static const char *const protocols[] = {"UDP", "TCP"};
    for (size_t i = 0; i < 2 * DNS_SERVER_ALGORITHMS; i++) {
        UPDATE_ENV u;
        open_env(s, &u);
        auto_free char *key_name = x_printf("%s.key", dns_server_algorithms[i / 2]);
        configure(s, &u, key_name, names[i / 2], protocols[i % 2]);
        expect_ok(update_present(&u, names[i / 2]));
        expect_values(s, names[i / 2]);
        expect_ok(update_clean_up(&u, names[i / 2]));
        expect_values(s, "");
    }
}

static void values_come_and_go_one_by_one(void **state)
{
    const struct scene *s = *state;
    UPDATE_ENV u;
    open_env(s, &u);
    configure(s, &u, "hmac-sha256.key", "HMACSHA256", "UDP");
    char longest[256];
    memset(longest, 'x', sizeof(longest));
    longest[255] = '\0';
    static const struct {
        bool remove;
        const char *text;
        const char *after;
    } steps[] = {
        {false, "one", "one"}, {false, "two", "one two"}, {false, "two", "one two"},
        {true, "one", "two"},  {true, "one", "two"},      {true, "One", "two"},
        {true, "two", ""},     {true, "two", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        expect_ok(steps[i].remove ? update_clean_up(&u, steps[i].text)
                                  : update_present(&u, steps[i].text));
        expect_values(s, steps[i].after);
    }
    /* Too long for a datagram: it goes over TCP by itself. */
    const struct dns_value v = {.name = UPDATE_NAME, .zone = UPDATE_ZONE, .text = longest};
    expect_ok(update_value(&u, &v, false));
    expect_values(s, longest);
    expect_ok(update_value(&u, &v, true));
    expect_values(s, "");
}

static const struct {
    const char *what;
    const char *key_name;
    const char *algorithm;
    const char *secret; /* NULL = the right one */
    int64_t skew;
    const char *zone; /* NULL = UPDATE_ZONE */
    const char *name; /* NULL = UPDATE_NAME */
    enum err_kind kind;
    const char *reason;
    const char *knot_reason; /* with ERR_DENIED; NULL = as BIND */
} wrongs[] = {
    {.what = "another secret",
     .secret = "YW5vdGhlciBzZWNyZXQ=",
     .kind = ERR_DENIED,
     .reason = "BadSignature"},
    {.what = "another algorithm",
     .algorithm = "HMACSHA512",
     .kind = ERR_DENIED,
     .reason = "BadKey"},
    {.what = "no such key", .key_name = "x.key", .kind = ERR_DENIED, .reason = "BadKey"},
    {.what = "slow clock", .skew = -NS_PER_HOUR, .kind = ERR_DENIED, .reason = "BadTime"},
    {.what = "fast clock", .skew = NS_PER_HOUR, .kind = ERR_DENIED, .reason = "BadTime"},
    {.what = "a guest",
     .key_name = DNS_SERVER_GUEST,
     .kind = ERR_DENIED,
     .reason = "Refused",
     .knot_reason = "BadKey"},
    {.what = "another name",
     .name = "_acme-challenge.www.dyn.test",
     .kind = ERR_DENIED,
     .reason = "Refused",
     .knot_reason = "BadKey"},
    {.what = "a static zone",
     .zone = DNS_SERVER_STATIC_ZONE,
     .name = "_acme-challenge." DNS_SERVER_STATIC_ZONE,
     .kind = ERR_DENIED,
     .reason = "Refused",
     .knot_reason = "BadKey"},
    {.what = "no zone of theirs",
     .zone = "other.test",
     .name = "_acme-challenge.other.test",
     .kind = ERR_NOT_FOUND,
     .reason = "ZoneNotFound",
     .knot_reason = "NotAuthorized"},
    {.what = "another zone's name",
     .name = "_acme-challenge.other.test",
     .kind = ERR_NOT_FOUND,
     .reason = "NotZone",
     .knot_reason = "BadKey"},
};

static void what_is_wrong_is_said(void **state)
{
    const struct scene *s = *state;
    for (size_t i = 0; i < ARRAY_LEN(wrongs); i++) {
        UPDATE_ENV u;
        open_env(s, &u);
        configure(s, &u, str_or(wrongs[i].key_name, "hmac-sha256.key"),
                  str_or(wrongs[i].algorithm, "HMACSHA256"), "UDP");
        if (wrongs[i].secret != NULL)
            u.secret = wrongs[i].secret;
        clock_manual_advance(&u.clock, wrongs[i].skew);
        const struct dns_value v = {.name = str_or(wrongs[i].name, UPDATE_NAME),
                                    .zone = str_or(wrongs[i].zone, UPDATE_ZONE),
                                    .text = "value"};
        AUTO_ERR e = update_value(&u, &v, false);
        bool by_knot = s->kind == DNS_SERVER_KNOT && wrongs[i].knot_reason != NULL;
        const char *reason = by_knot ? wrongs[i].knot_reason : wrongs[i].reason;
        enum err_kind kind = by_knot ? ERR_DENIED : wrongs[i].kind;
        /* All that Knot says since 3.4. */
        if (s->kind == DNS_SERVER_KNOT && str_eq(reason, "BadKey") && e != NULL &&
            strstr(e->message, "NOTAUTH, not signed") != NULL)
            reason = "NotAuthorized";
        if (e == NULL || e->kind != kind || !str_eq(e->reason, reason) ||
            strstr(e->message, v.zone) == NULL ||
            strstr(e->message, dns_server_address(s->server)) == NULL)
            fail_msg("%s: %s: %s", wrongs[i].what, e == NULL ? "done" : e->reason,
                     e == NULL ? "" : e->message);
        if (wrongs[i].skew != 0)
            assert_non_null(strstr(e->message, "the server's clock is 60 minutes "));
    }
    expect_values(s, "");
}

static void unsigned_updates_are_refused(void **state)
{
    const struct scene *s = *state;
    UPDATE_ENV u;
    open_env(s, &u);
    auto_free char *config = x_printf("{\"nameserver\":\"%s\"}", dns_server_address(s->server));
    expect_ok(update_configure(&u, config));
    AUTO_ERR e = update_present(&u, "value");
    assert_true(err_is(e, ERR_DENIED) || err_is(e, ERR_NOT_FOUND));
    assert_non_null(strstr(e->message, "updates without a key"));
    expect_values(s, "");
}

static void the_guard_is_asked(void **state)
{
    const struct scene *s = *state;
    struct dns_client *guarded = NULL;
    expect_ok(dns_client_new(&(struct dns_client_options){.rng = rng_system()}, &guarded));
    UPDATE_ENV u;
    open_env(s, &u);
    u.env.dns = dns_client_transport(guarded);
    configure(s, &u, "hmac-sha256.key", "HMACSHA256", "UDP");
    expect_err(update_present(&u, "value"), ERR_DENIED, "AddressForbidden",
               dns_server_address(s->server));
    dns_client_free(guarded);
}

#define ROW(fn, scene) cmocka_unit_test_prestate(fn, &scenes[scene])
#define ROWS(fn) ROW(fn, 0), ROW(fn, 1)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROWS(each_algorithm_signs),  ROWS(values_come_and_go_one_by_one),
        ROWS(what_is_wrong_is_said), ROWS(unsigned_updates_are_refused),
        ROWS(the_guard_is_asked),
    };
    return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
