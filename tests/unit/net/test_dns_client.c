/* SPDX-License-Identifier: Apache-2.0 */
/* The stub resolver against servers that behave, lie, or say nothing. */
#include "net/dns_client.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/dns_peer.h"
#include "support/expect.h"
#include "support/temp.h"

static struct dns_client *open_client(void)
{
    struct dns_client *c = NULL;
    expect_ok(dns_client_new(
        &(struct dns_client_options){.rng = rng_system(), .allow_private = true}, &c));
    return c;
}

static struct err *ask_stop(struct dns_client *c, const char *name, const char *const *servers,
                            const struct stop *stop, struct dns_answer *ret_answer)
{
    size_t count = 0;
    while (servers != NULL && servers[count] != NULL)
        count++;
    const struct dns_question q = {.name = name,
                                   .type = DNS_A,
                                   .servers = servers,
                                   .server_count = count,
                                   .timeout = 4 * NS_PER_SEC,
                                   .flags = DNS_GUARDED};
    return dns_query(dns_client_transport(c), &q, stop, ret_answer);
}

static struct err *ask(struct dns_client *c, const char *name, const char *server,
                       struct dns_answer *ret_answer)
{
    return ask_stop(c, name, (const char *const[]){server, NULL}, NULL, ret_answer);
}

/* ---- servers ---- */

static void plain(void *arg, unsigned number, bool tcp, const unsigned char *query, size_t len,
                  struct dns_bytes *answer)
{
    (void)arg;
    (void)number;
    (void)tcp;
    char name[256];
    dns_bytes_question(query, len, name);
    dns_bytes_reply(answer, query, len, str_starts(name, "none.") ? 3 : 0);
    if (str_starts(name, "alias"))
        dns_bytes_cname(answer, name, str_eq(name, "alias.test") ? "alias2.test" : "a.test", 60);
    else if (str_eq(name, "loop.test"))
        dns_bytes_cname(answer, name, "pool.test", 60);
    else if (str_eq(name, "pool.test"))
        dns_bytes_cname(answer, name, "loop.test", 60);
    else if (!str_starts(name, "none."))
        dns_bytes_a(answer, name, "192.0.2.1", 60);
}

static void truncating(void *arg, unsigned number, bool tcp, const unsigned char *query, size_t len,
                       struct dns_bytes *answer)
{
    (void)arg;
    (void)number;
    dns_bytes_reply(answer, query, len, 0);
    for (size_t i = 0; tcp && i < 100; i++)
        dns_bytes_a(answer, "a.test", "192.0.2.1", 60);
    if (!tcp)
        dns_bytes_set_flag(answer, 0x0200);
}

static void without_edns(void *arg, unsigned number, bool tcp, const unsigned char *query,
                         size_t len, struct dns_bytes *answer)
{
    bool offered = query[11] == 1;
    (void)arg;
    (void)number;
    (void)tcp;
    dns_bytes_reply(answer, query, len, offered ? 1 : 0);
    if (offered) { /* the bare header */
        answer->data[5] = 0;
        answer->len = 12;
    } else {
        dns_bytes_a(answer, "a.test", "192.0.2.1", 60);
    }
}

static void failing(void *arg, unsigned number, bool tcp, const unsigned char *query, size_t len,
                    struct dns_bytes *answer)
{
    (void)number;
    (void)tcp;
    dns_bytes_reply(answer, query, len, *(const unsigned *)arg);
}

/* The first datagram is a forgery with another id. */
static void slow_to_start(void *arg, unsigned number, bool tcp, const unsigned char *query,
                          size_t len, struct dns_bytes *answer)
{
    (void)arg;
    (void)tcp;
    if (number == 0)
        return;
    dns_bytes_reply(answer, query, len, 0);
    dns_bytes_a(answer, "a.test", "192.0.2.1", 60);
}

static void forging(void *arg, unsigned number, bool tcp, const unsigned char *query, size_t len,
                    struct dns_bytes *answer)
{
    (void)arg;
    (void)number;
    (void)tcp;
    dns_bytes_reply(answer, query, len, 0);
    dns_bytes_a(answer, "a.test", "192.0.2.66", 60);
    answer->data[0] ^= 1;
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

/* ---- tests ---- */

static void addresses_aliases_and_absence(void **state)
{
    (void)state;
    struct dns_peer *p = dns_peer_start(plain, NULL);
    struct dns_client *c = open_client();
    static const struct {
        const char *name;
        const char *end;
        size_t count;
        bool exists;
    } rows[] = {
        {"a.test", "a.test", 1, true},           {"A.TEST.", "a.test", 1, true},
        {"alias.test", "a.test", 1, true},       {"none.test", "none.test", 0, false},
        {"x.localhost", "x.localhost", 1, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_DNS_ANSWER a = {0};
        expect_ok(ask(c, rows[i].name, dns_peer_address(p), &a));
        assert_string_equal(a.name, rows[i].end);
        assert_int_equal(a.count, rows[i].count);
        assert_int_equal(a.exists, rows[i].exists);
    }
    struct dns_answer a = {0};
    expect_err(ask(c, "loop.test", dns_peer_address(p), &a), ERR_TRANSIENT, "DNSFailed", "CNAMEs");
    dns_client_free(c);
    dns_peer_stop(p);
}

static void what_does_not_fit_comes_over_tcp(void **state)
{
    (void)state;
    struct dns_peer *p = dns_peer_start(truncating, NULL);
    struct dns_client *c = open_client();
    AUTO_DNS_ANSWER a = {0};
    expect_ok(ask(c, "a.test", dns_peer_address(p), &a));
    assert_int_equal(a.count, 100);
    assert_int_equal(dns_peer_queries(p), 2);
    dns_client_free(c);
    dns_peer_stop(p);
}

static void old_servers_are_asked_without_edns(void **state)
{
    (void)state;
    struct dns_peer *p = dns_peer_start(without_edns, NULL);
    struct dns_client *c = open_client();
    AUTO_DNS_ANSWER a = {0};
    expect_ok(ask(c, "a.test", dns_peer_address(p), &a));
    assert_int_equal(a.count, 1);
    dns_client_free(c);
    dns_peer_stop(p);
}

static void a_failing_server_is_passed_over(void **state)
{
    (void)state;
    unsigned servfail = 2, refused = 5;
    struct dns_peer *bad = dns_peer_start(failing, &servfail);
    struct dns_peer *worse = dns_peer_start(failing, &refused);
    struct dns_peer *good = dns_peer_start(plain, NULL);
    struct dns_client *c = open_client();
    AUTO_DNS_ANSWER a = {0};
    const char *const one_is_good[] = {dns_peer_address(bad), dns_peer_address(good), NULL};
    expect_ok(ask_stop(c, "a.test", one_is_good, NULL, &a));
    assert_int_equal(a.count, 1);
    const char *const none_is[] = {dns_peer_address(bad), dns_peer_address(worse), NULL};
    struct dns_answer none = {0};
    expect_err(ask_stop(c, "a.test", none_is, NULL, &none), ERR_TRANSIENT, "DNSFailed",
               "answered REFUSED");
    assert_int_equal(dns_peer_queries(worse), 1);
    dns_client_free(c);
    dns_peer_stop(bad);
    dns_peer_stop(worse);
    dns_peer_stop(good);
}

static void a_lost_datagram_is_sent_again(void **state)
{
    (void)state;
    struct dns_peer *p = dns_peer_start(slow_to_start, NULL);
    struct dns_client *c = open_client();
    AUTO_DNS_ANSWER a = {0};
    expect_ok(ask(c, "a.test", dns_peer_address(p), &a));
    assert_int_equal(a.count, 1);
    dns_client_free(c);
    dns_peer_stop(p);
}

static void a_forgery_is_not_looked_at(void **state)
{
    (void)state;
    struct dns_peer *p = dns_peer_start(forging, NULL);
    struct dns_client *c = open_client();
    const struct dns_question q = {.name = "a.test",
                                   .type = DNS_A,
                                   .servers = (const char *const[]){dns_peer_address(p)},
                                   .server_count = 1,
                                   .timeout = 200 * NS_PER_MS};
    struct dns_answer a = {0};
    expect_err(dns_query(dns_client_transport(c), &q, NULL, &a), ERR_TRANSIENT, "Timeout",
               "no answer in time");
    dns_client_free(c);
    dns_peer_stop(p);
}

static void stopping_ends_a_query(void **state)
{
    (void)state;
    struct stop *stop = stop_new();
    struct dns_peer *p = dns_peer_start(silent, stop);
    struct dns_client *c = open_client();
    struct dns_answer a = {0};
    const char *const servers[] = {dns_peer_address(p), NULL};
    int64_t before = clock_mono(clock_system());
    expect_err(ask_stop(c, "a.test", servers, stop, &a), ERR_CANCELLED, "Cancelled", "stopping");
    assert_true(clock_mono(clock_system()) - before < 900 * NS_PER_MS);
    expect_err(ask_stop(c, "a.test", servers, stop, &a), ERR_CANCELLED, NULL, NULL);
    dns_client_free(c);
    dns_peer_stop(p);
    stop_free(stop);
}

static void servers_of_tenants_are_guarded(void **state)
{
    (void)state;
    struct dns_client *c = NULL;
    static const char *const forbidden[] = {"10.96.0.1", NULL};
    expect_ok(dns_client_new(
        &(struct dns_client_options){.rng = rng_system(), .forbidden = forbidden}, &c));
    static const char *const refused[] = {"127.0.0.1", "169.254.169.254", "[::1]:53", "10.96.0.1"};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct dns_answer a = {0};
        expect_err(ask(c, "a.test", refused[i], &a), ERR_DENIED, "AddressForbidden", "nameserver");
    }
    dns_client_free(c);
    expect_err(dns_client_new(&(struct dns_client_options){.servers = "192.0.2.1,x"}, &c),
               ERR_INVALID, "InvalidServer", "\"x\"");
    expect_err(dns_client_new(&(struct dns_client_options){.servers = "1.1.1.1,1.1.1.1,1.1.1.1,"
                                                                      "1.1.1.1,1.1.1.1,1.1.1.1,"
                                                                      "1.1.1.1,1.1.1.1,1.1.1.1"},
                              &c),
               ERR_INVALID, "InvalidServer", "at most 8");
}

static void the_systems_servers_are_those_of_resolv_conf(void **state)
{
    (void)state;
    struct dns_peer *p = dns_peer_start(plain, NULL);
    struct dns_client *c = NULL;
    expect_ok(dns_client_new(
        &(struct dns_client_options){.rng = rng_system(), .servers = dns_peer_address(p)}, &c));
    AUTO_DNS_ANSWER a = {0};
    expect_ok(ask_stop(c, "a.test", NULL, NULL, &a));
    assert_int_equal(a.count, 1);
    dns_client_free(c);
    dns_peer_stop(p);
    /* Nobody listens on port 53 of the address in the file: refused at once. */
    struct temp t;
    temp_init(&t);
    auto_free char *path = temp_puts(&t, "resolv.conf", "nameserver 127.0.0.253\n");
    expect_ok(
        dns_client_new(&(struct dns_client_options){.rng = rng_system(), .resolv_conf = path}, &c));
    struct dns_answer none = {0};
    expect_err(ask_stop(c, "a.test", NULL, NULL, &none), ERR_TRANSIENT, "DNSFailed",
               "127.0.0.253:53");
    dns_client_free(c);
    temp_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_aliases_and_absence),
        cmocka_unit_test(what_does_not_fit_comes_over_tcp),
        cmocka_unit_test(old_servers_are_asked_without_edns),
        cmocka_unit_test(a_failing_server_is_passed_over),
        cmocka_unit_test(a_lost_datagram_is_sent_again),
        cmocka_unit_test(a_forgery_is_not_looked_at),
        cmocka_unit_test(stopping_ends_a_query),
        cmocka_unit_test(servers_of_tenants_are_guarded),
        cmocka_unit_test(the_systems_servers_are_those_of_resolv_conf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
