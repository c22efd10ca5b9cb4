/* SPDX-License-Identifier: Apache-2.0 */
/* Named servers, each asked for what it knows itself, and messages as they are. */
#include "net/dns_ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/dns_client.h"
#include "net/dns_peer.h"
#include "support/expect.h"

#define AA 0x0400
#define TC 0x0200
#define FORGE_ALL                                                                                  \
    (DNS_FORGE_SOURCE | DNS_FORGE_ID | DNS_FORGE_KIND | DNS_FORGE_QUESTION | DNS_FORGE_LENGTH)
#define NAME "_acme-challenge.a.test"

static struct dns_client *open_client(void)
{
    struct dns_client *c = NULL;
    expect_ok(dns_client_new(
        &(struct dns_client_options){.rng = rng_system(), .allow_private = true}, &c));
    return c;
}

#define MAX 6
struct asked {
    struct dns_said said[MAX];
    int64_t took;
};
static void asked_release(struct asked *a)
{
    for (size_t i = 0; i < MAX; i++)
        dns_said_release(&a->said[i]);
}
#define ASKED AUTO(asked_release) struct asked

/* Each of the servers, NULL-ended, at once. */
static void ask(struct dns_client *c, const char *const *servers, int64_t timeout,
                struct asked *ret_asked)
{
    size_t count = 0;
    while (servers[count] != NULL)
        count++;
    const struct dns_ask question = {.name = NAME,
                                     .type = DNS_TXT,
                                     .servers = servers,
                                     .server_count = count,
                                     .timeout = timeout};
    int64_t before = clock_mono(clock_system());
    expect_ok(dns_ask(dns_client_transport(c), &question, NULL, ret_asked->said));
    ret_asked->took = clock_mono(clock_system()) - before;
}

static void expect_said(const struct dns_said *s, const char *value)
{
    if (s->failed != NULL)
        fail_msg("%s", s->failed->message);
    assert_int_equal(s->answer.count, 1);
    auto_free char *text = dns_txt_text(&s->answer.records[0]);
    assert_string_equal(text, value);
}

static void expect_failed(const struct dns_said *s, enum err_kind kind, const char *reason,
                          const char *text)
{
    expect_err(err_dup(s->failed), kind, reason, text);
}

/* ---- servers ---- */

/* What servers are given to say. */
static char word_one[] = "one", word_two[] = "two", word_long[] = "long", word_old[] = "old",
            word_late[] = "late", word_value[] = "value";

/* What a server of the zone says; the value is the argument. */
static void primary(void *arg, unsigned number, bool tcp, const unsigned char *query, size_t len,
                    struct dns_bytes *answer)
{
    (void)number;
    (void)tcp;
    char name[256];
    dns_bytes_question(query, len, name);
    bool recursing = (query[2] & 0x01) != 0;
    dns_bytes_reply(answer, query, len, recursing ? 5 : 0);
    dns_bytes_set_flag(answer, AA);
    dns_bytes_txt(answer, name, arg, 60);
}

static void without_value(void *arg, unsigned number, bool tcp, const unsigned char *query,
                          size_t len, struct dns_bytes *answer)
{
    (void)arg;
    (void)number;
    (void)tcp;
    dns_bytes_reply(answer, query, len, 3);
    dns_bytes_set_flag(answer, AA);
    dns_bytes_soa(answer, "a.test", 60, 30);
}

static void referring(void *arg, unsigned number, bool tcp, const unsigned char *query, size_t len,
                      struct dns_bytes *answer)
{
    (void)arg;
    (void)number;
    (void)tcp;
    dns_bytes_reply(answer, query, len, 0);
    dns_bytes_target(answer, &(struct dns_bytes_record){2, "a.test", DNS_NS, 60}, "ns1.b.test");
    dns_bytes_target(answer, &(struct dns_bytes_record){2, "a.test", DNS_NS, 60}, "ns2.b.test");
}

static void lame(void *arg, unsigned number, bool tcp, const unsigned char *query, size_t len,
                 struct dns_bytes *answer)
{
    (void)arg;
    (void)number;
    (void)tcp;
    dns_bytes_reply(answer, query, len, 5);
}

static void silent(void *arg, unsigned number, bool tcp, const unsigned char *query, size_t len,
                   struct dns_bytes *answer)
{
    (void)number;
    (void)tcp;
    (void)query;
    (void)len;
    (void)answer;
    if (arg != NULL)
        stop_set(arg);
}

static void truncating(void *arg, unsigned number, bool tcp, const unsigned char *query, size_t len,
                       struct dns_bytes *answer)
{
    primary(arg, number, tcp, query, len, answer);
    if (!tcp) {
        dns_bytes_reply(answer, query, len, 0);
        dns_bytes_set_flag(answer, TC);
    }
}

static void truncating_always(void *arg, unsigned number, bool tcp, const unsigned char *query,
                              size_t len, struct dns_bytes *answer)
{
    (void)arg;
    (void)number;
    (void)tcp;
    dns_bytes_reply(answer, query, len, 0);
    dns_bytes_set_flag(answer, TC);
}

/* Without EDNS, and only over TCP: both fall-backs after each other. */
static void old(void *arg, unsigned number, bool tcp, const unsigned char *query, size_t len,
                struct dns_bytes *answer)
{
    if (query[11] == 1) {
        dns_bytes_reply(answer, query, len, 1);
        answer->data[5] = 0;
        answer->len = 12;
        return;
    }
    truncating(arg, number, tcp, query, len, answer);
}

static void slow_to_start(void *arg, unsigned number, bool tcp, const unsigned char *query,
                          size_t len, struct dns_bytes *answer)
{
    if (number > 0)
        primary(arg, number, tcp, query, len, answer);
}

/* ---- questions ---- */

static void each_server_has_its_own_say(void **state)
{
    (void)state;
    struct dns_peer *has = dns_peer_start(primary, word_one);
    struct dns_peer *other = dns_peer_start_v6(primary, word_two);
    struct dns_peer *none = dns_peer_start(without_value, NULL);
    struct dns_peer *above = dns_peer_start(referring, NULL);
    struct dns_client *c = open_client();
    const char *const servers[] = {dns_peer_address(has), dns_peer_address(other),
                                   dns_peer_address(none), dns_peer_address(above), NULL};
    ASKED a = {0};
    ask(c, servers, 0, &a);
    expect_said(&a.said[0], "one");
    assert_true(a.said[0].authoritative);
    expect_said(&a.said[1], "two");
    assert_false(a.said[2].answer.exists);
    assert_true(a.said[2].authoritative);
    assert_string_equal(a.said[2].zone, "a.test");
    assert_false(a.said[3].authoritative);
    assert_string_equal(a.said[3].zone, "a.test");
    assert_int_equal(a.said[3].nameservers.len, 2);
    assert_string_equal(a.said[3].nameservers.items[1], "ns2.b.test");
    dns_client_free(c);
    dns_peer_stop(has);
    dns_peer_stop(other);
    dns_peer_stop(none);
    dns_peer_stop(above);
}

static void silence_costs_the_time_once(void **state)
{
    (void)state;
    struct dns_peer *has = dns_peer_start(primary, word_one);
    struct dns_peer *refuses = dns_peer_start(lame, NULL);
    struct dns_peer *says_nothing = dns_peer_start(silent, NULL);
    struct dns_client *c = open_client();
    const char *quiet = dns_peer_address(says_nothing);
    const char *const servers[] = {
        quiet, quiet, quiet, quiet, dns_peer_address(refuses), dns_peer_address(has), NULL};
    ASKED a = {0};
    ask(c, servers, 500 * NS_PER_MS, &a);
    assert_true(a.took >= 500 * NS_PER_MS && a.took < 1500 * NS_PER_MS);
    for (size_t i = 0; i < 4; i++)
        expect_failed(&a.said[i], ERR_TRANSIENT, "Timeout", quiet);
    expect_failed(&a.said[4], ERR_TRANSIENT, "DNSFailed", "answered REFUSED");
    expect_said(&a.said[5], "one");
    /* Nobody listens there: no time is lost. */
    dns_peer_stop(has);
    const char *const gone[] = {"127.0.0.253:9", NULL};
    ASKED g = {0};
    ask(c, gone, 0, &g);
    expect_failed(&g.said[0], ERR_TRANSIENT, "DNSFailed", "127.0.0.253:9");
    dns_client_free(c);
    dns_peer_stop(refuses);
    dns_peer_stop(says_nothing);
}

static void fall_backs_are_each_servers_own(void **state)
{
    (void)state;
    struct dns_peer *long_answers = dns_peer_start(truncating, word_long);
    struct dns_peer *old_server = dns_peer_start(old, word_old);
    struct dns_peer *lossy = dns_peer_start(slow_to_start, word_late);
    struct dns_peer *broken = dns_peer_start(truncating_always, NULL);
    struct dns_client *c = open_client();
    const char *const servers[] = {dns_peer_address(long_answers), dns_peer_address(old_server),
                                   dns_peer_address(lossy), dns_peer_address(broken), NULL};
    ASKED a = {0};
    ask(c, servers, 0, &a);
    expect_said(&a.said[0], "long");
    expect_said(&a.said[1], "old");
    expect_said(&a.said[2], "late");
    expect_failed(&a.said[3], ERR_TRANSIENT, "DNSFailed", "malformed");
    assert_int_equal(dns_peer_queries(long_answers), 2);
    assert_int_equal(dns_peer_queries(old_server), 3);
    assert_int_equal(dns_peer_queries(lossy), 2);
    dns_client_free(c);
    dns_peer_stop(long_answers);
    dns_peer_stop(old_server);
    dns_peer_stop(lossy);
    dns_peer_stop(broken);
}

static void forgeries_are_not_looked_at(void **state)
{
    (void)state;
    struct dns_peer *p = dns_peer_start(primary, word_value);
    struct dns_peer *p6 = dns_peer_start_v6(primary, word_value);
    dns_peer_forge(p, FORGE_ALL);
    dns_peer_forge(p6, FORGE_ALL);
    struct dns_client *c = open_client();
    const char *const servers[] = {dns_peer_address(p), dns_peer_address(p6), NULL};
    ASKED a = {0};
    ask(c, servers, 0, &a);
    expect_said(&a.said[0], "value");
    expect_said(&a.said[1], "value");
    dns_client_free(c);
    dns_peer_stop(p);
    dns_peer_stop(p6);
}

static void a_server_we_may_not_ask_does_not_hold_up_others(void **state)
{
    (void)state;
    struct dns_peer *p = dns_peer_start(primary, word_one);
    struct dns_client *c = NULL;
    expect_ok(dns_client_new(&(struct dns_client_options){.rng = rng_system()}, &c));
    struct dns_ask question = {
        .name = NAME,
        .type = DNS_TXT,
        .servers = (const char *const[]){dns_peer_address(p), "[fe80::1]"},
        .server_count = 2,
        .flags = DNS_GUARDED,
    };
    ASKED a = {0};
    expect_ok(dns_ask(dns_client_transport(c), &question, NULL, a.said));
    expect_failed(&a.said[0], ERR_DENIED, "AddressForbidden", dns_peer_address(p));
    expect_failed(&a.said[1], ERR_DENIED, "AddressForbidden", "[fe80::1]");
    assert_int_equal(dns_peer_queries(p), 0);
    question.flags = 0;
    question.server_count = 1;
    ASKED open = {0};
    expect_ok(dns_ask(dns_client_transport(c), &question, NULL, open.said));
    expect_said(&open.said[0], "one");
    dns_client_free(c);
    dns_peer_stop(p);
}

static void what_cannot_be_asked_is_an_error(void **state)
{
    (void)state;
    struct dns_client *c = open_client();
    const char *servers[DNS_ASK_SERVERS_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(servers); i++)
        servers[i] = "192.0.2.1";
    struct dns_ask question = {
        .name = "no name", .type = DNS_TXT, .servers = servers, .server_count = 1};
    struct dns_said said[DNS_ASK_SERVERS_MAX] = {0};
    const struct dns_transport *t = dns_client_transport(c);
    expect_err(dns_ask(t, &question, NULL, said), ERR_INVALID, "InvalidName", "no name");
    question.name = NAME;
    question.server_count = ARRAY_LEN(servers);
    expect_err(dns_ask(t, &question, NULL, said), ERR_INVALID, "InvalidServer", "at most 32");
    servers[1] = "dns.example";
    question.server_count = 2;
    expect_err(dns_ask(t, &question, NULL, said), ERR_INVALID, "InvalidServer",
               NAME " TXT: nameserver \"dns.example\"");
    question.server_count = 0;
    expect_ok(dns_ask(t, &question, NULL, said));
    dns_client_free(c);
}

static void stopping_ends_it(void **state)
{
    (void)state;
    struct stop *stop = stop_new();
    struct dns_peer *quiet = dns_peer_start(silent, stop);
    struct dns_peer *refuses = dns_peer_start(lame, NULL);
    struct dns_client *c = open_client();
    const struct dns_ask question = {
        .name = NAME,
        .type = DNS_TXT,
        .servers = (const char *const[]){dns_peer_address(refuses), dns_peer_address(quiet)},
        .server_count = 2,
    };
    struct dns_said said[2] = {0};
    const struct dns_transport *t = dns_client_transport(c);
    int64_t before = clock_mono(clock_system());
    expect_err(dns_ask(t, &question, stop, said), ERR_CANCELLED, "Cancelled", "stopping");
    assert_true(clock_mono(clock_system()) - before < 2 * NS_PER_SEC);
    expect_err(dns_ask(t, &question, stop, said), ERR_CANCELLED, NULL, NULL);
    dns_client_free(c);
    dns_peer_stop(quiet);
    dns_peer_stop(refuses);
    stop_free(stop);
}

/* ---- messages as they are ---- */

/* Says the message back, with QR set; TC over UDP where the argument says so. */
static void echo(void *arg, unsigned number, bool tcp, const unsigned char *query, size_t len,
                 struct dns_bytes *answer)
{
    (void)number;
    memcpy(answer->data, query, len);
    answer->len = len;
    answer->data[2] |= 0x80;
    if (arg != NULL && !tcp)
        answer->data[2] |= 0x02;
    answer->data[len - 1] = tcp ? 'T' : 'U';
}

static void a_message_goes_as_it_is(void **state)
{
    (void)state;
    static const struct {
        bool cuts;
        bool tcp;
        size_t len;
        char over;
        unsigned queries;
    } rows[] = {
        {false, false, 40, 'U', 1},  {false, true, 40, 'T', 1},   {true, false, 40, 'T', 2},
        {false, false, 512, 'U', 1}, {false, false, 513, 'T', 1},
    };
    struct dns_client *c = open_client();
    const struct dns_transport *t = dns_client_transport(c);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static char cut[] = "cut";
        struct dns_peer *p = dns_peer_start(echo, rows[i].cuts ? cut : NULL);
        /* An update of a.test. */
        unsigned char data[600] = "\x12\x34\x28\0\0\1\0\0\0\0\0\0\1a\4test\0\0\6\0\1";
        dns_peer_forge(p, DNS_FORGE_SOURCE | DNS_FORGE_ID | DNS_FORGE_KIND | DNS_FORGE_QUESTION);
        const struct dns_message m = {
            .server = dns_peer_address(p), .data = data, .len = rows[i].len, .tcp = rows[i].tcp};
        AUTO(buf_release) struct buf reply = BUF_INIT(0);
        expect_ok(t->exchange(t->ctx, &m, NULL, &reply));
        assert_int_equal(reply.len, rows[i].len);
        assert_memory_equal(reply.data, "\x12\x34\xa8", 3);
        assert_int_equal(reply.data[reply.len - 1], rows[i].over);
        assert_int_equal(dns_peer_queries(p), rows[i].queries);
        dns_peer_stop(p);
    }
    dns_client_free(c);
}

static void a_message_fails_like_a_question(void **state)
{
    (void)state;
    struct stop *stop = stop_new();
    struct dns_peer *quiet = dns_peer_start(silent, stop);
    struct dns_client *c = open_client();
    const struct dns_transport *t = dns_client_transport(c);
    struct dns_message m = {.server = dns_peer_address(quiet),
                            .data = "\x12\x34\x28\0\0\0\0\0\0\0\0\0",
                            .len = 12,
                            .timeout = 200 * NS_PER_MS};
    struct buf reply = BUF_INIT(0);
    expect_err(t->exchange(t->ctx, &m, NULL, &reply), ERR_TRANSIENT, "Timeout", "in time");
    m.timeout = 0;
    expect_err(t->exchange(t->ctx, &m, stop, &reply), ERR_CANCELLED, NULL, NULL);
    m.server = "ns.test";
    expect_err(t->exchange(t->ctx, &m, NULL, &reply), ERR_INVALID, "InvalidServer", "ns.test");
    dns_client_free(c);
    dns_peer_stop(quiet);
    expect_ok(dns_client_new(&(struct dns_client_options){.rng = rng_system()}, &c));
    t = dns_client_transport(c);
    m.server = "127.0.0.1";
    m.flags = DNS_GUARDED;
    expect_err(t->exchange(t->ctx, &m, NULL, &reply), ERR_DENIED, "AddressForbidden", "127.0.0.1");
    dns_client_free(c);
    stop_free(stop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_server_has_its_own_say),
        cmocka_unit_test(silence_costs_the_time_once),
        cmocka_unit_test(fall_backs_are_each_servers_own),
        cmocka_unit_test(forgeries_are_not_looked_at),
        cmocka_unit_test(a_server_we_may_not_ask_does_not_hold_up_others),
        cmocka_unit_test(what_cannot_be_asked_is_an_error),
        cmocka_unit_test(stopping_ends_it),
        cmocka_unit_test(a_message_goes_as_it_is),
        cmocka_unit_test(a_message_fails_like_a_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
