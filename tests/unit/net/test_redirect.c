/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "net/fake_dns.h"
#include "net/net_fixture.h"

static struct net_fixture fixture;
static struct scripted_server *server;

#define EACH_TRANSPORT(t)                                                                          \
    for (int which_ = 0; which_ < NET_TRANSPORTS; which_++)                                        \
        for (const struct http_transport *t = net_transport(&fixture, which_); t != NULL; t = NULL)

static void answer(struct scripted_conn *c, const struct scripted_request *r)
{
    auto_free char *location = NULL;
    if (str_starts(r->target, "/chain/")) {
        long left = strtol(r->target + 7, NULL, 10);
        if (left > 0)
            location = x_printf("Location: %ld\r\n", left - 1);
    } else if (str_starts(r->target, "/loop")) {
        location = x_strdup("Location: /loop\r\n");
    } else if (str_starts(r->target, "/to/")) {
        location = x_printf("Location: %s\r\n", r->target + 4);
    }
    if (location != NULL) {
        scripted_respond(c, 302, location, "moved");
        return;
    }
    auto_free char *token = scripted_header(r, "Authorization");
    auto_free char *host = scripted_header(r, "Host");
    auto_free char *body = x_printf("%s host=%s token=%s", r->method, host, token ? token : "-");
    scripted_respond(c, 200, "", body);
}

static void script(struct scripted_conn *c, void *arg)
{
    struct scripted_request r;
    (void)arg;
    while (scripted_read_request(c, &r)) {
        answer(c, &r);
        scripted_request_release(&r);
    }
}

static const struct http_header token = {"Authorization", "Bearer x"};

static struct http_request follow(const char *url)
{
    return (struct http_request){
        .url = url, .headers = &token, .header_count = 1, .flags = HTTP_FOLLOW};
}

static void test_followed(void **state)
{
    static const struct {
        const char *url, *body;
    } rows[] = {
        {"http://a.test/chain/0", "GET host=a.test token=Bearer x"},
        {"http://a.test/chain/1", "GET host=a.test token=Bearer x"},
        {"http://a.test/chain/10", "GET host=a.test token=Bearer x"},
        {"http://a.test/to//x", "GET host=a.test token=Bearer x"},
        {"http://a.test/to/http://a.test:80/x", "GET host=a.test token=Bearer x"},
        {"http://a.test/to/http://b.test/x", "GET host=b.test token=-"},
        /* once away, always away */
        {"http://a.test/to/http://b.test/to/http://a.test/x", "GET host=a.test token=-"},
        {"http://a.test/to/http://b.test:443/x", "GET host=b.test:443 token=-"},
    };
    (void)state;
    EACH_TRANSPORT(t)
    {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            struct http_request req = follow(rows[i].url);
            AUTO_RESPONSE r = assert_call(t, &req);
            assert_int_equal(r.status, 200);
            assert_string_equal(buf_str(&r.body), rows[i].body);
            assert_null(strstr(r.headers, "location"));
        }
        struct http_request req = follow("http://a.test/to//x");
        req.method = "HEAD";
        req.flags |= HTTP_NO_REUSE; /* this server answers HEAD with a body */
        AUTO_RESPONSE head = assert_call(t, &req);
        assert_int_equal(head.status, 200);
    }
}

static void test_not_followed(void **state)
{
    (void)state;
    EACH_TRANSPORT(t)
    {
        struct http_request req = follow("http://a.test/chain/1");
        req.flags = 0;
        AUTO_RESPONSE plain = assert_call(t, &req);
        assert_int_equal(plain.status, 302);
        assert_string_equal(buf_str(&plain.body), "moved");
        req = follow("http://a.test/chain/1");
        req.method = "POST";
        AUTO_RESPONSE post = assert_call(t, &req);
        assert_int_equal(post.status, 302);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *url;
        enum err_kind kind;
        const char *reason;
    } rows[] = {
        {"http://a.test/loop", ERR_TRANSIENT, "TooManyRedirects"},
        {"http://a.test/chain/11", ERR_TRANSIENT, "TooManyRedirects"},
        {"http://a.test/to/http://a.test:8080/", ERR_DENIED, "RedirectForbidden"},
        {"http://a.test/to/http://a.test:22/", ERR_DENIED, "RedirectForbidden"},
        {"http://a.test/to/ftp://a.test/x", ERR_DENIED, "RedirectForbidden"},
        {"http://a.test/to/file:///etc/passwd", ERR_DENIED, "RedirectForbidden"},
        {"http://a.test/to/gopher://a.test/", ERR_DENIED, "RedirectForbidden"},
        {"http://a.test/to/http://u:p@a.test/", ERR_DENIED, "RedirectForbidden"},
        {"http://a.test/to/https://b.test/", ERR_TRANSIENT, "TLSFailed"},
    };
    (void)state;
    EACH_TRANSPORT(t)
    {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            struct http_request req = follow(rows[i].url);
            auto_free char *m = assert_call_fails(t, &req, NULL, rows[i].kind, rows[i].reason);
            assert_null(strstr(m, "redirected to http://u:p"));
            assert_null(strstr(m, "/loop: after a redirect to http://a.test/"));
        }
    }
}

static void test_connect_to_is_for_the_first_host(void **state)
{
    (void)state;
    auto_free char *dial = x_printf("127.0.0.1:%d", scripted_server_port(server));
    EACH_TRANSPORT(t)
    {
        struct http_request req = follow("http://unknown.invalid/to//x");
        req.connect_to = dial;
        AUTO_RESPONSE same = assert_call(t, &req);
        assert_string_equal(buf_str(&same.body), "GET host=unknown.invalid token=Bearer x");
        req.url = "http://unknown.invalid/to/http://b.test/x";
        AUTO_RESPONSE other = assert_call(t, &req);
        assert_string_equal(buf_str(&other.body), "GET host=b.test token=-");
        /* Another port of the same host: dialled there too, and no TLS is spoken. */
        req.url = "http://unknown.invalid/to/https://unknown.invalid/x";
        req.connect_to = "a.test:80";
        auto_free char *m443 = assert_call_fails(t, &req, NULL, ERR_TRANSIENT, "TLSFailed");
        req.url = "http://unknown.invalid/to/http://other.invalid/x";
        auto_free char *m = assert_call_fails(t, &req, NULL, ERR_TRANSIENT, "ConnectFailed");
    }
}

/* An address of this machine that is not loopback, or false. */
static bool own_address(char ip[INET_ADDRSTRLEN])
{
    struct ifaddrs *all;
    bool found = false;
    if (getifaddrs(&all) != 0)
        return false;
    for (struct ifaddrs *a = all; a != NULL && !found; a = a->ifa_next) {
        if (a->ifa_addr == NULL || a->ifa_addr->sa_family != AF_INET)
            continue;
        struct sockaddr_in in;
        memcpy(&in, a->ifa_addr, sizeof(in));
        inet_ntop(AF_INET, &in.sin_addr, ip, INET_ADDRSTRLEN);
        found = !str_starts(ip, "127.") && !str_starts(ip, "169.254.");
    }
    freeifaddrs(all);
    return found;
}

static void test_guard_at_each_hop(void **state)
{
    (void)state;
    char ip[INET_ADDRSTRLEN];
    if (!own_address(ip))
        skip();
    fake_dns_set("own.test", ip, scripted_server_port(server));
    struct http_client_options o = {0};
    struct net_fixture f;
    net_fixture_init(&f, &o);
    for (int which = 0; which < NET_TRANSPORTS; which++) {
        struct http_request req = follow("http://own.test/to//x");
        req.flags |= HTTP_GUARDED;
        AUTO_RESPONSE r = assert_call(net_transport(&f, which), &req);
        assert_int_equal(r.status, 200);
        const char *urls[] = {"http://own.test/to/http://a.test/x",
                              "http://own.test/to/http://169.254.169.254/latest",
                              "http://own.test/to/http://[::1]/"};
        for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
            req.url = urls[i];
            auto_free char *m = assert_call_fails(net_transport(&f, which), &req, NULL, ERR_DENIED,
                                                  "AddressForbidden");
        }
    }
    net_fixture_release(&f);
}

/* ---- gate ------------------------------------------------------------------------------------- */

static atomic_int gate_asked;
static atomic_bool gate_open;

static struct err *gate(void *arg)
{
    assert_ptr_equal(arg, &gate_asked);
    atomic_fetch_add(&gate_asked, 1);
    return atomic_load(&gate_open) ? NULL
                                   : err_new(ERR_CANCELLED, "NotLeader", "the lease is not ours");
}

static void count_script(struct scripted_conn *c, void *arg)
{
    struct scripted_request r;
    atomic_int *requests = arg;
    while (scripted_read_request(c, &r)) {
        scripted_request_release(&r);
        atomic_fetch_add(requests, 1);
        scripted_respond(c, 200, "", "");
    }
}

static void test_gate(void **state)
{
    (void)state;
    atomic_int requests = 0;
    struct scripted_server *s =
        scripted_server_start(&(struct scripted_options){.script = count_script, .arg = &requests});
    auto_free char *url = scripted_server_url(s, "/");
    struct http_client_options o = {.allow_private = true, .gate = gate, .gate_arg = &gate_asked};
    struct net_fixture f;
    net_fixture_init(&f, &o);
    for (int which = 0; which < NET_TRANSPORTS; which++) {
        const struct http_transport *t = net_transport(&f, which);
        struct http_request req = {.method = "POST", .url = url, .body = "x", .body_len = 1};
        atomic_store(&requests, 0);
        atomic_store(&gate_asked, 0);
        atomic_store(&gate_open, false);
        AUTO_RESPONSE reads = assert_call(t, &req);
        assert_int_equal(atomic_load(&gate_asked), 0);
        req.flags = HTTP_MUTATES; /* on the kept connection */
        auto_free char *m = assert_call_fails(t, &req, NULL, ERR_CANCELLED, "NotLeader");
        req.flags = HTTP_MUTATES | HTTP_NO_REUSE;
        auto_free char *m2 = assert_call_fails(t, &req, NULL, ERR_CANCELLED, "NotLeader");
        assert_int_equal(atomic_load(&gate_asked), 2);
        assert_int_equal(atomic_load(&requests), 1);
        atomic_store(&gate_open, true);
        AUTO_RESPONSE writes = assert_call(t, &req);
        assert_int_equal(atomic_load(&requests), 2);
    }
    net_fixture_release(&f);
    scripted_server_stop(s);
}

static int setup(void **state)
{
    net_group_setup(state);
    struct http_client_options o = net_open_options();
    net_fixture_init(&fixture, &o);
    server =
        scripted_server_start(&(struct scripted_options){.script = script, .all_addresses = true});
    fake_dns_set("a.test", "127.0.0.1", scripted_server_port(server));
    fake_dns_set("b.test", "127.0.0.1", scripted_server_port(server));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    net_fixture_release(&fixture);
    scripted_server_stop(server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_followed),
        cmocka_unit_test(test_not_followed),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_connect_to_is_for_the_first_host),
        cmocka_unit_test(test_guard_at_each_hop),
        cmocka_unit_test(test_gate),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
