/* SPDX-License-Identifier: Apache-2.0 */
#include "net/guard.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "net/fake_dns.h"
#include "net/net_fixture.h"

static const char *const forbidden[] = {"10.96.0.1", "fd00::1", NULL};

static const char *const refused[] = {
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "240.0.0.1",
    "10.96.0.1",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "::ffff:10.96.0.1",
    "fe80::1",
    "febf::1",
    "ff02::1",
    "fd00::1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::10.96.0.1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
};

static const char *const let_through[] = {
    "1.2.3.4",     "126.255.255.255", "128.0.0.1",        "10.96.0.2",       "192.168.1.1",
    "223.1.1.1",   "169.253.0.1",     "169.255.0.1",      "fec0::1",         "fd00::2",
    "2001:db8::1", "::ffff:1.2.3.4",  "64:ff9b::1.2.3.4", "2002:102:304::1",
};

static struct err *check_both(const struct guard *g, const char *ip)
{
    union {
        struct sockaddr sa;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } a = {0};
    if (inet_pton(AF_INET, ip, &a.v4.sin_addr) == 1) {
        a.sa.sa_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, ip, &a.v6.sin6_addr), 1);
        a.sa.sa_family = AF_INET6;
    }
    struct err *by_literal = guard_check_literal(g, ip);
    AUTO_ERR by_address = guard_check_sockaddr(g, &a.sa);
    assert_int_equal(by_literal == NULL, by_address == NULL);
    return by_literal;
}

static void test_addresses(void **state)
{
    (void)state;
    AUTO(guard_release) struct guard g = {0};
    assert_null(guard_init(&g, false, forbidden));
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        AUTO_ERR e = check_both(&g, refused[i]);
        if (e == NULL)
            fail_msg("%s was let through", refused[i]);
        assert_int_equal(e->kind, ERR_DENIED);
        assert_string_equal(e->reason, "AddressForbidden");
    }
    for (size_t i = 0; i < ARRAY_LEN(let_through); i++) {
        AUTO_ERR e = check_both(&g, let_through[i]);
        if (e != NULL)
            fail_msg("%s: %s", let_through[i], e->message);
    }
}

static void test_not_an_address(void **state)
{
    (void)state;
    AUTO(guard_release) struct guard g = {0};
    assert_null(guard_init(&g, false, NULL));
    static const char *const texts[] = {"", "localhost", "fe80::1%eth0", "1.2.3", "/run/socket"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        AUTO_ERR e = guard_check_literal(&g, texts[i]);
        assert_true(err_is(e, ERR_DENIED));
    }
    struct sockaddr local = {.sa_family = AF_UNIX};
    AUTO_ERR e = guard_check_sockaddr(&g, &local);
    assert_true(err_is(e, ERR_DENIED));
}

static void test_allow_all_and_bad_list(void **state)
{
    (void)state;
    AUTO(guard_release) struct guard g = {0};
    assert_null(guard_init(&g, true, forbidden));
    assert_null(check_both(&g, "127.0.0.1"));
    assert_null(check_both(&g, "10.96.0.1"));
    struct guard untouched = {0};
    AUTO_ERR e = guard_init(&untouched, false, (const char *const[]){"1.2.3.4", "nope", NULL});
    assert_true(err_is(e, ERR_INVALID));
    struct http_client *client = NULL;
    struct http_client_options o = {.forbidden = (const char *const[]){"nope", NULL}};
    AUTO_ERR e2 = http_client_new(&o, &client);
    assert_true(err_is(e2, ERR_INVALID));
    assert_null(client);
    struct http_plain *plain = http_plain_new(&o);
    auto_free char *message =
        assert_call_fails(http_plain_transport(plain), &(struct http_request){.url = "http://x/"},
                          NULL, ERR_INVALID, "InvalidAddress");
    http_plain_free(plain);
}

static void hello(struct scripted_conn *c, void *arg)
{
    struct scripted_request r;
    (void)arg;
    while (scripted_read_request(c, &r)) {
        scripted_request_release(&r);
        scripted_respond(c, 200, "", "hello");
    }
}

static void test_calls(void **state)
{
    (void)state;
    struct http_client_options o = {.forbidden = forbidden};
    struct net_fixture f;
    net_fixture_init(&f, &o);
    struct scripted_server *s = scripted_server_start(&(struct scripted_options){.script = hello});
    int port = scripted_server_port(s);
    fake_dns_set("loop.test", "127.0.0.1", port);
    fake_dns_set("metadata.test", "169.254.169.254", 0);
    const char *urls[] = {
        "http://127.0.0.1:%d/", "http://2130706433:%d/",         "http://0x7f.1:%d/",
        "http://[::1]:%d/",     "http://loop.test:%d/",          "http://metadata.test:%d/latest",
        "http://localhost:%d/", "http://[::ffff:127.0.0.1]:%d/", "http://10.96.0.1:%d/api"};
    for (int which = 0; which < NET_TRANSPORTS; which++) {
        for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
            auto_free char *left = x_strndup(urls[i], (size_t)(strchr(urls[i], '%') - urls[i]));
            auto_free char *url = x_printf("%s%d%s", left, port, strchr(urls[i], '%') + 2);
            auto_free char *message = assert_call_fails(
                net_transport(&f, which), &(struct http_request){.url = url, .flags = HTTP_GUARDED},
                NULL, ERR_DENIED, "AddressForbidden");
        }
    }
    assert_int_equal(scripted_server_accepted(s), 0);
    scripted_server_stop(s);
    net_fixture_release(&f);
}

/* A connection that a trusted caller left open is no way around the guard. */
static void test_kept_connection(void **state)
{
    (void)state;
    struct http_client_options o = {0};
    struct net_fixture f;
    net_fixture_init(&f, &o);
    struct scripted_server *s = scripted_server_start(&(struct scripted_options){.script = hello});
    auto_free char *url = scripted_server_url(s, "/");
    for (int which = 0; which < NET_TRANSPORTS; which++) {
        const struct http_transport *t = net_transport(&f, which);
        AUTO_RESPONSE first = assert_call(t, &(struct http_request){.url = url});
        auto_free char *message =
            assert_call_fails(t, &(struct http_request){.url = url, .flags = HTTP_GUARDED}, NULL,
                              ERR_DENIED, "AddressForbidden");
        AUTO_RESPONSE again = assert_call(t, &(struct http_request){.url = url});
    }
    scripted_server_stop(s);
    net_fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_not_an_address),
        cmocka_unit_test(test_allow_all_and_bad_list),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_kept_connection),
    };
    return cmocka_run_group_tests(tests, net_group_setup, NULL);
}
