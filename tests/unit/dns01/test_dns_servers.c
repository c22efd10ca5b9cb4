/* SPDX-License-Identifier: Apache-2.0 */
/* What BIND 9 and Knot say when they are asked without recursion, read by net/dns_ask.h; and BIND over HTTPS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "dns_server.h"
#include "net/dns_ask.h"
#include "net/dns_client.h"
#include "net/dns_https.h"
#include "net/http_client.h"
#include "support/expect.h"

#define ZONE DNS_SERVER_STATIC_ZONE
#define PATIENCE (60 * NS_PER_SEC) /* under valgrind a handshake alone takes seconds */

static struct dns_server *servers[2];
static struct dns_client *client;

static int start(void **state)
{
    (void)state;
    http_global_init();
    servers[DNS_SERVER_BIND] = dns_server_start(DNS_SERVER_BIND);
    servers[DNS_SERVER_KNOT] = dns_server_start(DNS_SERVER_KNOT);
    expect_ok(dns_client_new(
        &(struct dns_client_options){.rng = rng_system(), .allow_private = true}, &client));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(servers); i++)
        dns_server_stop(servers[i]);
    dns_client_free(client);
    return 0;
}

/* Both at once. */
static void ask(const char *name, enum dns_type type, struct dns_said said[2])
{
    const char *const addresses[] = {dns_server_address(servers[0]),
                                     dns_server_address(servers[1])};
    const struct dns_ask question = {
        .name = name, .type = type, .servers = addresses, .server_count = 2, .timeout = PATIENCE};
    expect_ok(dns_ask(dns_client_transport(client), &question, NULL, said));
}

static const struct {
    const char *name;
    enum dns_type type;
    bool is_referral; /* else it is authoritative */
    bool is_absent;   /* no such name */
    size_t count;
    const char *end;  /* NULL = the name itself */
    const char *zone; /* "" = none */
} rows[] = {
    {ZONE, DNS_SOA, .count = 1, .zone = ""},
    {ZONE, DNS_NS, .count = 1, .zone = ""},
    {"www." ZONE, DNS_SOA, .is_absent = true, .zone = ZONE},
    {"ns." ZONE, DNS_TXT, .zone = ZONE},
    {"_acme-challenge.sub." ZONE, DNS_TXT, .is_referral = true, .zone = "sub." ZONE},
    {"sub." ZONE, DNS_SOA, .is_referral = true, .zone = "sub." ZONE},
    {"x.here." ZONE, DNS_TXT, .count = 1, .end = "x.there." ZONE, .zone = ""},
    {"y.here." ZONE, DNS_TXT, .is_absent = true, .end = "y.there." ZONE, .zone = ZONE},
    {"here." ZONE, DNS_DNAME, .count = 1, .zone = ""},
    {"x.away." ZONE, DNS_TXT, .end = "x.elsewhere.example", .zone = ""},
    {"below." ZONE, DNS_CNAME, .count = 1, .zone = ""},
    {"many." ZONE, DNS_TXT, .count = DNS_SERVER_MANY, .zone = ""},
};

static void both_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_said said[2] = {0};
        ask(rows[i].name, rows[i].type, said);
        for (size_t k = 0; k < 2; k++) {
            struct dns_said *s = &said[k];
            expect_ok(TAKE(s->failed));
            if (s->authoritative == rows[i].is_referral || s->answer.exists == rows[i].is_absent ||
                s->answer.count != rows[i].count ||
                !str_eq(s->answer.name, str_or(rows[i].end, rows[i].name)) ||
                !str_eq(s->zone, rows[i].zone))
                fail_msg("%s %s at %zu: %d %d %zu %s \"%s\"", rows[i].name,
                         dns_type_str(rows[i].type), k, s->authoritative, s->answer.exists,
                         s->answer.count, s->answer.name, s->zone);
            assert_int_equal(s->nameservers.len, rows[i].is_referral ? 2 : 0);
            dns_said_release(s);
        }
    }
}

/* Some follow an alias into what they delegate or have beside it, some leave that to the asker. */
static void aliases_lead_where_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *end;
    } aliases[] = {{"below." ZONE, "x.sub." ZONE}, {"other." ZONE, "x." DNS_SERVER_ZONE}};
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
        struct dns_said said[2] = {0};
        ask(aliases[i].name, DNS_TXT, said);
        for (size_t k = 0; k < 2; k++) {
            expect_ok(TAKE(said[k].failed));
            assert_string_equal(said[k].answer.name, aliases[i].end);
            assert_int_equal(said[k].answer.count, 0);
            dns_said_release(&said[k]);
        }
    }
}

static void names_and_texts_are_read(void **state)
{
    (void)state;
    struct dns_said soa[2] = {0}, text[2] = {0}, dname[2] = {0};
    ask(ZONE, DNS_SOA, soa);
    ask("x.there." ZONE, DNS_TXT, text);
    ask("here." ZONE, DNS_DNAME, dname);
    for (size_t k = 0; k < 2; k++) {
        char name[DNS_NAME_MAX + 1];
        assert_true(dns_record_name(&soa[k].answer.records[0], name));
        assert_string_equal(name, "ns." ZONE);
        assert_true(dns_record_name(&dname[k].answer.records[0], name));
        assert_string_equal(name, "there." ZONE);
        auto_free char *joined = dns_txt_text(&text[k].answer.records[0]);
        assert_string_equal(joined, "one text");
        dns_said_release(&soa[k]);
        dns_said_release(&text[k]);
        dns_said_release(&dname[k]);
    }
}

static void who_is_not_responsible_refuses(void **state)
{
    (void)state;
    struct dns_said said[2] = {0};
    ask("_acme-challenge.other.test", DNS_TXT, said);
    for (size_t k = 0; k < 2; k++) {
        expect_err(TAKE(said[k].failed), ERR_TRANSIENT, "DNSFailed", "answered REFUSED");
        dns_said_release(&said[k]);
    }
}

/* A transport that knows the CA of the test, and is patient. */
struct trusting {
    struct http_transport transport;
    const struct http_transport *below;
    struct http_tls tls;
};

static struct err *call_trusting(void *ctx, const struct http_request *req,
                                 const struct stop *token, struct http_response *ret_response)
{
    const struct trusting *t = ctx;
    struct http_request with_ca = *req;
    with_ca.tls = &t->tls;
    with_ca.timeout = with_ca.connect_timeout = PATIENCE;
    return http_call(t->below, &with_ca, token, ret_response);
}

static void ask_over_https(const struct http_transport *below)
{
    struct trusting t = {.below = below};
    t.transport = (struct http_transport){.call = call_trusting, .ctx = &t};
    const char *url = dns_server_url(servers[DNS_SERVER_BIND], &t.tls.ca_pem);
    static const struct {
        const char *name;
        size_t count;
        bool is_absent;
    } questions[] = {
        {"many." ZONE, DNS_SERVER_MANY, false}, {"x.here." ZONE, 1, false}, {"www." ZONE, 0, true}};
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        const struct dns_question q = {.name = questions[i].name, .type = DNS_TXT};
        AUTO_DNS_ANSWER answer = {0};
        expect_ok(dns_https_query(&t.transport, url, &q, NULL, &answer));
        assert_int_equal(answer.count, questions[i].count);
        assert_int_equal(answer.exists, !questions[i].is_absent);
    }
    const struct dns_question elsewhere = {.name = "other.test", .type = DNS_TXT};
    struct dns_answer none = {0};
    expect_err(dns_https_query(&t.transport, url, &elsewhere, NULL, &none), ERR_TRANSIENT,
               "DNSFailed", "answered REFUSED");
}

/* BIND speaks HTTP/2 only. */
static void bind_answers_over_https(void **state)
{
    (void)state;
    const struct http_client_options options = {.user_agent = "test/1", .allow_private = true};
    struct http_plain *plain = http_plain_new(&options);
    struct http_client *production = NULL;
    expect_ok(http_client_new(&options, &production));
    ask_over_https(http_plain_transport(plain));
    ask_over_https(http_client_transport(production));
    http_plain_free(plain);
    http_client_free(production);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_are_understood),
        cmocka_unit_test(aliases_lead_where_they_say),
        cmocka_unit_test(names_and_texts_are_read),
        cmocka_unit_test(who_is_not_responsible_refuses),
        cmocka_unit_test(bind_answers_over_https),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
