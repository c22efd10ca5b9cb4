/* SPDX-License-Identifier: Apache-2.0 */
#include "net/proxy.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "net/net_fixture.h"

/* ---- what the operator writes ---- */

static void test_settings(void **state)
{
    static const struct {
        const char *url, *taken;
    } rows[] = {
        {NULL, NULL},
        {"", NULL},
        {"http://proxy:3128", "http://proxy:3128"},
        {"https://user:pw@proxy", "https://user:pw@proxy"},
        {"proxy:3128", "http://proxy:3128"},
        {"user:pw@10.0.0.1:1", "http://user:pw@10.0.0.1:1"},
    };
    static const char *const wrong[] = {"socks5://proxy", "ftp://proxy", "http://", "http://a b",
                                        "file:///etc/passwd"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct proxy p;
        assert_null(proxy_init(&p, rows[i].url, NULL));
        assert_true(str_eq(p.url, rows[i].taken));
        proxy_release(&p);
    }
    char long_url[PROXY_URL_MAX + 2] = "http://";
    memset(long_url + 7, 'a', sizeof(long_url) - 8);
    for (size_t i = 0; i <= ARRAY_LEN(wrong); i++) {
        struct proxy p;
        AUTO_ERR e = proxy_init(&p, i < ARRAY_LEN(wrong) ? wrong[i] : long_url, NULL);
        assert_true(err_is(e, ERR_INVALID));
        assert_string_equal(e->reason, "InvalidProxy");
        assert_null(strstr(e->message, "passwd")); /* may be a secret */
        assert_null(p.url);
    }
}

static void test_what_goes_past(void **state)
{
    static const struct {
        const char *except, *url;
        bool applies;
    } rows[] = {
        {NULL, "https://ca.test/dir", true},
        {"*", "https://ca.test/dir", false},
        {"ca.test", "https://ca.test/dir", false},
        {"CA.test", "https://Ca.TEST:14000/dir", false},
        {"ca.test", "https://a.ca.test/dir", false},
        {".ca.test", "https://a.ca.test/dir", false},
        {".ca.test", "https://ca.test/dir", false},
        {"*.ca.test", "https://a.ca.test/dir", false},
        {"ca.test", "https://xca.test/dir", true},
        {"ca.test", "https://ca.test.evil/dir", true},
        {"a.ca.test", "https://ca.test/dir", true},
        {"x, .svc\t,ca.test", "https://ca.test/dir", false},
        {" ,,", "https://ca.test/dir", true},
        {".", "https://ca.test/dir", true},
        {"10.0.0.0/8", "https://10.255.0.1/dir", false},
        {"10.0.0.0/8", "https://11.0.0.1/dir", true},
        {"10.128.0.0/9", "https://10.127.0.1/dir", true},
        {"10.128.0.0/9", "https://10.129.0.1/dir", false},
        {"10.1.2.3", "https://10.1.2.3/dir", false},
        {"10.0.0.0/33", "https://10.0.0.0/dir", true},
        {"10.0.0.0/x", "https://10.0.0.0/dir", true},
        {"0.0.0.0/0", "https://10.0.0.0/dir", false},
        {"fd00::/8", "https://[fd12::1]/dir", false},
        {"fd00::/8", "https://[fe80::1]/dir", true},
        {"10.0.0.0/8", "https://[fd12::1]/dir", true},
        {NULL, "not a URL", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct proxy p;
        assert_null(proxy_init(&p, "http://proxy:1", rows[i].except));
        if (proxy_applies(&p, rows[i].url) != rows[i].applies)
            fail_msg("NO_PROXY=%s %s", str_or(rows[i].except, ""), rows[i].url);
        proxy_release(&p);
    }
    struct proxy none;
    assert_null(proxy_init(&none, NULL, "x"));
    assert_false(proxy_applies(&none, "https://ca.test/dir"));
}

static void test_guard(void **state)
{
    static const char *const forbidden[] = {"10.96.0.1", NULL};
    static const struct {
        const char *url;
        bool good;
    } rows[] = {
        {"https://ca.test/dir", true},
        {"https://192.0.2.1/dir", true},
        {"https://127.0.0.1/dir", false},
        {"https://127.1/dir", false},
        {"https://0x7f000001/dir", false},
        {"https://[::1]/dir", false},
        {"https://169.254.169.254/", false},
        {"https://10.96.0.1/api", false},
        {"https://localhost/dir", false},
        {"https://LOCALHOST:1/dir", false},
        {"https://a.localhost/dir", false},
        {"https://localhost./dir", false},
        {"https://localhost.test/dir", true},
        {"https://[::ffff:127.0.0.1]/", false},
        {"https://", false},
    };
    (void)state;
    struct guard g, open;
    assert_null(guard_init(&g, false, forbidden));
    assert_null(guard_init(&open, true, forbidden));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_ERR e = proxy_guard(&g, rows[i].url);
        if ((e == NULL) != rows[i].good)
            fail_msg("%s", rows[i].url);
    }
    assert_null(proxy_guard(&open, "https://127.0.0.1/dir"));
    guard_release(&g);
    guard_release(&open);
}

/* ---- on the wire ---- */

#define REQUESTS_MAX 8

/* A proxy that plays the server behind it, too. */
struct peer {
    int answer; /* to CONNECT */
    char *heads[REQUESTS_MAX];
    _Atomic unsigned count; /* each connection has a thread */
};

static void play(struct scripted_conn *c, void *arg)
{
    struct peer *p = arg;
    struct scripted_request r;
    while (p->count < REQUESTS_MAX && scripted_read_request(c, &r)) {
        bool connect = str_eq(r.method, "CONNECT");
        unsigned n = p->count;
        p->heads[n] = x_strdup(r.head);
        p->count = n + 1; /* what is counted can be read */
        scripted_request_release(&r);
        if (connect && p->answer == 200)
            scripted_puts(c, "HTTP/1.1 200 yes\r\nX-Proxy: 1\r\n\r\n");
        else
            scripted_respond(c, connect ? p->answer : 201, "X-Server: 1\r\n", "hello");
    }
}

static void peer_release(struct peer *p)
{
    for (unsigned i = 0; i < p->count; i++)
        free(p->heads[i]);
}

static const struct http_header secret = {"Authorization", "Bearer s3cret"};

/* Both transports; a name that only the proxy knows, guarded though the proxy is on loopback. */
static void test_through_the_proxy(void **state)
{
    (void)state;
    AUTO(peer_release) struct peer peer = {.answer = 200};
    struct scripted_server *s =
        scripted_server_start(&(struct scripted_options){.script = play, .arg = &peer});
    auto_free char *proxy = x_printf("http://us%%65r:pw@127.0.0.1:%d", scripted_server_port(s));
    struct net_fixture f;
    net_fixture_init(&f, &(struct http_client_options){.proxy = proxy});
    for (int i = 0; i < NET_TRANSPORTS; i++) {
        const struct http_request req = {.url = "http://ca.invalid:14000/dir",
                                         .headers = &secret,
                                         .header_count = 1,
                                         .flags = HTTP_PROXIED | HTTP_GUARDED};
        AUTO_RESPONSE r = assert_call(net_transport(&f, i), &req);
        assert_int_equal(r.status, 201);
        assert_string_equal(buf_str(&r.body), "hello");
        auto_free char *of_proxy = http_header_get(&r, "x-proxy", 0);
        auto_free char *of_server = http_header_get(&r, "x-server", 0);
        assert_null(of_proxy);
        assert_string_equal(of_server, "1");
    }
    net_fixture_release(&f);
    scripted_server_stop(s);
    assert_int_equal(peer.count, 2 * NET_TRANSPORTS);
    for (unsigned i = 0; i < peer.count; i += 2) {
        assert_true(str_starts(peer.heads[i], "CONNECT ca.invalid:14000 HTTP/1.1\r\n"));
        assert_non_null(strstr(peer.heads[i], "Proxy-Authorization: Basic dXNlcjpwdw=="));
        assert_null(strstr(peer.heads[i], "s3cret"));
        assert_true(str_starts(peer.heads[i + 1], "GET /dir HTTP/1.1\r\n"));
        assert_non_null(strstr(peer.heads[i + 1], "s3cret"));
        assert_null(strstr(peer.heads[i + 1], "Proxy-"));
    }
}

static void expect_message(const struct http_client_options *o, const struct http_request *req,
                           enum err_kind kind, const char *reason, const char *text)
{
    struct net_fixture f;
    net_fixture_init(&f, o);
    for (int i = 0; i < NET_TRANSPORTS; i++) {
        auto_free char *message = assert_call_fails(net_transport(&f, i), req, NULL, kind, reason);
        if (strstr(message, text) == NULL || strstr(message, "s3cret") != NULL)
            fail_msg("%s", message);
    }
    net_fixture_release(&f);
}

static void test_proxy_that_refuses(void **state)
{
    static const int answers[] = {403, 407, 502};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        AUTO(peer_release) struct peer peer = {.answer = answers[i]};
        struct scripted_server *s =
            scripted_server_start(&(struct scripted_options){.script = play, .arg = &peer});
        auto_free char *proxy = x_printf("http://u:s3cret@127.0.0.1:%d", scripted_server_port(s));
        auto_free char *text =
            x_printf("the proxy of HTTPS_PROXY refuses the connection (HTTP %d)", answers[i]);
        const struct http_request req = {.url = "https://ca.invalid/dir", .flags = HTTP_PROXIED};
        expect_message(&(struct http_client_options){.proxy = proxy}, &req, ERR_TRANSIENT,
                       "ConnectFailed", text);
        scripted_server_stop(s);
    }
}

static void test_proxy_that_is_not_there(void **state)
{
    (void)state;
    const struct http_request req = {.url = "https://ca.invalid/dir", .flags = HTTP_PROXIED};
    expect_message(&(struct http_client_options){.proxy = "http://u:s3cret@127.0.0.1:1"}, &req,
                   ERR_TRANSIENT, "ConnectFailed", "the proxy of HTTPS_PROXY cannot be reached");
    expect_message(&(struct http_client_options){.proxy = "http://u:s3cret@proxy.invalid:1"}, &req,
                   ERR_TRANSIENT, "ConnectFailed", "the proxy of HTTPS_PROXY cannot be reached");
}

/* The guard holds where the proxy is asked, and where it is not. */
static void test_guarded(void **state)
{
    (void)state;
    const struct http_client_options o = {.proxy = "http://127.0.0.1:1", .no_proxy = "localhost"};
    static const char *const urls[] = {"https://127.0.0.1:2/x", "https://169.254.169.254/x",
                                       "https://[::1]/x", "https://localhost:2/x"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        const struct http_request req = {.url = urls[i], .flags = HTTP_PROXIED | HTTP_GUARDED};
        expect_message(&o, &req, ERR_DENIED, "AddressForbidden", "");
    }
}

/* The API server, self-checks and hooks never take it, whatever the environment says. */
static void test_past_the_proxy(void **state)
{
    (void)state;
    AUTO(peer_release) struct peer peer = {0};
    struct scripted_server *s =
        scripted_server_start(&(struct scripted_options){.script = play, .arg = &peer});
    auto_free char *url = scripted_server_url(s, "/x");
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    static const struct {
        const char *no_proxy;
        unsigned flags;
    } rows[] = {{NULL, 0}, {"127.0.0.0/8", HTTP_PROXIED}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct net_fixture f;
        net_fixture_init(&f, &(struct http_client_options){.allow_private = true,
                                                           .proxy = "http://127.0.0.1:1",
                                                           .no_proxy = rows[i].no_proxy});
        for (int n = 0; n < NET_TRANSPORTS; n++) {
            const struct http_request req = {.url = url, .flags = rows[i].flags};
            AUTO_RESPONSE r = assert_call(net_transport(&f, n), &req);
            assert_int_equal(r.status, 201);
        }
        net_fixture_release(&f);
    }
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    scripted_server_stop(s);
}

/* no_proxy of the environment is not heard either: what goes past is what we were told. */
static void test_environment_is_not_asked(void **state)
{
    (void)state;
    setenv("no_proxy", "*", 1);
    const struct http_request req = {.url = "https://ca.invalid/dir", .flags = HTTP_PROXIED};
    expect_message(&(struct http_client_options){.proxy = "http://127.0.0.1:1"}, &req,
                   ERR_TRANSIENT, "ConnectFailed", "the proxy of HTTPS_PROXY cannot be reached");
    unsetenv("no_proxy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_what_goes_past),
        cmocka_unit_test(test_guard),
        cmocka_unit_test(test_through_the_proxy),
        cmocka_unit_test(test_proxy_that_refuses),
        cmocka_unit_test(test_proxy_that_is_not_there),
        cmocka_unit_test(test_guarded),
        cmocka_unit_test(test_past_the_proxy),
        cmocka_unit_test(test_environment_is_not_asked),
    };
    return cmocka_run_group_tests(tests, net_group_setup, NULL);
}
