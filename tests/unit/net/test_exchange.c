/* SPDX-License-Identifier: Apache-2.0 */
/* What one exchange does, with either transport. */
#include "net/net_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static struct net_fixture fixture;

#define EACH_TRANSPORT(t)                                                                          \
    for (int which_ = 0; which_ < NET_TRANSPORTS; which_++)                                        \
        for (const struct http_transport *t = net_transport(&fixture, which_); t != NULL; t = NULL)

static struct scripted_server *serve(scripted_script script, void *arg)
{
    return scripted_server_start(&(struct scripted_options){.script = script, .arg = arg});
}

/* Answers each request with what it was, and counts the connection in the body's first line. */
static void echo_script(struct scripted_conn *c, void *arg)
{
    struct scripted_request r;
    (void)arg;
    while (scripted_read_request(c, &r)) {
        auto_free char *agent = scripted_header(&r, "User-Agent");
        auto_free char *type = scripted_header(&r, "Content-Type");
        auto_free char *encoding = scripted_header(&r, "Accept-Encoding");
        auto_free char *custom = scripted_header(&r, "X-Custom");
        auto_free char *body =
            x_printf("conn=%u method=%s target=%s agent=%s type=%s encoding=%s custom=%s body=%s",
                     scripted_number(c), r.method, r.target, agent, type ? type : "-",
                     encoding ? encoding : "-", custom ? custom : "-", r.body);
        scripted_request_release(&r);
        if (!scripted_respond(c, 200, "X-One:  a \r\nx-ONE: b\r\nEmpty:\r\n", body))
            return;
    }
}

static void test_get_and_keep_alive(void **state)
{
    (void)state;
    struct scripted_server *s = serve(echo_script, NULL);
    auto_free char *url = scripted_server_url(s, "/p/./q?x=1&y=%20");
    unsigned before = 0;
    EACH_TRANSPORT(t)
    {
        for (int i = 0; i < 3; i++) {
            AUTO_RESPONSE r = assert_call(t, &(struct http_request){.url = url});
            assert_int_equal(r.status, 200);
            assert_non_null(strstr(buf_str(&r.body), "method=GET target=/p/./q?x=1&y=%20 "
                                                     "agent=test/1 type=- encoding=- custom=- "
                                                     "body="));
            auto_free char *one = http_header_get(&r, "x-one", 0);
            auto_free char *two = http_header_get(&r, "x-one", 1);
            auto_free char *none = http_header_get(&r, "x-one", 2);
            auto_free char *empty = http_header_get(&r, "empty", 0);
            auto_free char *prefix = http_header_get(&r, "x-on", 0);
            assert_string_equal(one, "a");
            assert_string_equal(two, "b");
            assert_null(none);
            assert_string_equal(empty, "");
            assert_null(prefix);
        }
        assert_int_equal(scripted_server_accepted(s), ++before);
    }
    scripted_server_stop(s);
}

static void test_methods_and_bodies(void **state)
{
    static const struct {
        const char *method, *body, *expect;
    } rows[] = {
        {"POST", "hello",
         "method=POST target=/ agent=test/1 type=- encoding=- custom=v body=hello"},
        {"POST", "", "method=POST target=/ agent=test/1 type=- encoding=- custom=v body="},
        {"PUT", "x", "method=PUT target=/ agent=test/1 type=- encoding=- custom=v body=x"},
        {"PATCH", "{}", "method=PATCH target=/ agent=test/1 type=- encoding=- custom=v body={}"},
        {"DELETE", "", "method=DELETE target=/ agent=test/1 type=- encoding=- custom=v body="},
        {"DELETE", "{}", "method=DELETE target=/ agent=test/1 type=- encoding=- custom=v body={}"},
    };
    (void)state;
    struct scripted_server *s = serve(echo_script, NULL);
    auto_free char *url = scripted_server_url(s, "/");
    const struct http_header headers[] = {{"X-Custom", "v"}};
    EACH_TRANSPORT(t)
    {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            AUTO_RESPONSE r = assert_call(t, &(struct http_request){
                                                 .method = rows[i].method,
                                                 .url = url,
                                                 .headers = headers,
                                                 .header_count = 1,
                                                 .body = rows[i].body,
                                                 .body_len = strlen(rows[i].body),
                                                 .flags = i % 2 == 0 ? HTTP_SECRET : 0,
                                             });
            const char *got = strstr(buf_str(&r.body), "method=");
            assert_non_null(got);
            assert_string_equal(got, rows[i].expect);
        }
    }
    scripted_server_stop(s);
}

static void test_large_upload(void **state)
{
    (void)state;
    struct scripted_server *s = serve(echo_script, NULL);
    auto_free char *url = scripted_server_url(s, "/");
    size_t len = (size_t)3 << 20;
    auto_free char *body = x_alloc(len);
    memset(body, 'u', len);
    const struct http_header type = {"Content-Type", "application/json"};
    EACH_TRANSPORT(t)
    {
        AUTO_RESPONSE r = assert_call(t, &(struct http_request){.method = "POST",
                                                                .url = url,
                                                                .headers = &type,
                                                                .header_count = 1,
                                                                .body = body,
                                                                .body_len = len,
                                                                .max_body = len + 1000});
        assert_non_null(strstr(buf_str(&r.body), "type=application/json "));
        assert_true(r.body.len > len);
    }
    scripted_server_stop(s);
}

static void test_no_reuse(void **state)
{
    (void)state;
    struct scripted_server *s = serve(echo_script, NULL);
    auto_free char *url = scripted_server_url(s, "/");
    EACH_TRANSPORT(t)
    {
        for (int i = 0; i < 2; i++) {
            AUTO_RESPONSE r =
                assert_call(t, &(struct http_request){.url = url, .flags = HTTP_NO_REUSE});
        }
    }
    assert_int_equal(scripted_server_accepted(s), 4);
    scripted_server_stop(s);
}

/* Plays the bytes of arg to each connection, then closes it. */
static void raw_script(struct scripted_conn *c, void *arg)
{
    struct scripted_request r;
    if (!scripted_read_request(c, &r))
        return;
    scripted_request_release(&r);
    scripted_puts(c, arg);
}

static void reset_script(struct scripted_conn *c, void *arg)
{
    scripted_reset_on_close(c);
    raw_script(c, arg);
}

static void test_responses(void **state)
{
    static const struct {
        const char *bytes, *method;
        int status;
        const char *body, *headers;
    } rows[] = {
        {"HTTP/1.1 204 No Content\r\nA: 1\r\n\r\n", "DELETE", 204, "", "a: 1\n"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n", "HEAD", 200, "",
         "content-length: 999999999\n"},
        {"HTTP/1.1 100 Continue\r\nEarly: 1\r\n\r\nHTTP/1.1 201 C\r\nB: 2\r\n\r\nbody", "GET", 201,
         "body", "b: 2\n"},
        {"HTTP/1.0 404 Nope\r\n\r\nold", "GET", 404, "old", ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n"
         "Trailer: t\r\n\r\n",
         "GET", 200, "abcde", "transfer-encoding: chunked\n"},
        {"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", "GET", 503, "",
         "retry-after: 7\ncontent-length: 0\n"},
        {"HTTP/1.1 302 Away\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "GET", 302, "",
         "location: /x\ncontent-length: 0\n"},
        {"HTTP/1.1 200 OK\r\nX: a\x01\x7f"
         "b\r\nContent-Length: 0\r\n\r\n",
         "GET", 200, "", "x: a??b\ncontent-length: 0\n"},
        {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nraw", "GET", 200,
         "raw", "content-encoding: gzip\ncontent-length: 3\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scripted_server *s = serve(raw_script, (void *)(uintptr_t)rows[i].bytes);
        auto_free char *url = scripted_server_url(s, "/");
        EACH_TRANSPORT(t)
        {
            AUTO_RESPONSE r =
                assert_call(t, &(struct http_request){.method = rows[i].method, .url = url});
            assert_int_equal(r.status, rows[i].status);
            assert_string_equal(buf_str(&r.body), rows[i].body);
            assert_string_equal(r.headers, rows[i].headers);
        }
        scripted_server_stop(s);
    }
}

static void test_broken_responses(void **state)
{
    static const struct {
        scripted_script script;
        const char *bytes, *reason;
    } rows[] = {
        {raw_script, "", "ConnectionLost"},
        {raw_script, "HTTP/1.1 200 OK\r\nContent-Len", "ConnectionLost"},
        {raw_script, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "ConnectionLost"},
        {raw_script, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
         "ConnectionLost"},
        {raw_script, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
         "ConnectionLost"},
        {raw_script, "SSH-2.0-OpenSSH_9.2\r\n", "ConnectionLost"},
        {raw_script, "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "ConnectionLost"},
        {reset_script, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "ConnectionLost"},
        {raw_script, "HTTP/1.1 200 OK\r\n\r\n123456789", "TooLarge"},
        {raw_script, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789", "TooLarge"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scripted_server *s = serve(rows[i].script, (void *)(uintptr_t)rows[i].bytes);
        auto_free char *url = scripted_server_url(s, "/path?secret=1");
        EACH_TRANSPORT(t)
        {
            auto_free char *message =
                assert_call_fails(t, &(struct http_request){.url = url, .max_body = 8}, NULL,
                                  ERR_TRANSIENT, rows[i].reason);
            assert_non_null(strstr(message, "GET http://127.0.0.1:"));
            assert_non_null(strstr(message, "/path: "));
            assert_null(strstr(message, "secret"));
        }
        scripted_server_stop(s);
    }
}

static void test_head_of_a_broken_body(void **state)
{
    static const struct {
        const char *bytes, *headers; /* NULL: none */
    } rows[] = {
        {"HTTP/1.1 201 Created\r\nA: b\r\nContent-Length: 8\r\n\r\nshort",
         "a: b\ncontent-length: 8\n"},
        {"HTTP/1.1 201 Created\r\nA: b\r\n\r\n123456789", "a: b\n"},
        {"HTTP/1.1 201 Created\r\nA: b\r\n", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scripted_server *s = serve(raw_script, (void *)(uintptr_t)rows[i].bytes);
        auto_free char *url = scripted_server_url(s, "/");
        EACH_TRANSPORT(t)
        {
            AUTO_RESPONSE r = {0};
            const struct http_request req = {
                .url = url, .max_body = 8, .timeout = NS_PER_MIN, .flags = HTTP_KEEP_HEAD};
            AUTO_ERR e = http_call(t, &req, NULL, &r);
            assert_non_null(e);
            assert_int_equal(r.status, rows[i].headers != NULL ? 201 : 0);
            assert_string_equal(str_or(r.headers, ""), str_or(rows[i].headers, ""));
            assert_int_equal(r.body.len, 0);
        }
        scripted_server_stop(s);
    }
}

static void test_body_of_exactly_the_maximum(void **state)
{
    (void)state;
    struct scripted_server *s = serve(
        raw_script, (void *)(uintptr_t) "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n12345678");
    auto_free char *url = scripted_server_url(s, "/");
    EACH_TRANSPORT(t)
    {
        AUTO_RESPONSE r = assert_call(t, &(struct http_request){.url = url, .max_body = 8});
        assert_int_equal(r.body.len, 8);
    }
    scripted_server_stop(s);
}

/* Header lines until the client has enough. */
static void header_flood(struct scripted_conn *c, void *arg)
{
    char line[1002];
    struct scripted_request r;
    (void)arg;
    if (!scripted_read_request(c, &r))
        return;
    scripted_request_release(&r);
    memset(line, 'h', sizeof(line));
    memcpy(line, "X: ", 3);
    memcpy(line + 1000, "\r\n", 2);
    if (!scripted_puts(c, "HTTP/1.1 200 OK\r\n"))
        return;
    for (int i = 0; i < 100 && scripted_write(c, line, sizeof(line)); i++)
        continue;
    scripted_puts(c, "\r\n");
}

static void test_headers_too_large(void **state)
{
    (void)state;
    struct scripted_server *s = serve(header_flood, NULL);
    auto_free char *url = scripted_server_url(s, "/");
    EACH_TRANSPORT(t)
    {
        auto_free char *message = assert_call_fails(t, &(struct http_request){.url = url}, NULL,
                                                    ERR_TRANSIENT, "TooLarge");
        assert_non_null(strstr(message, "headers"));
    }
    scripted_server_stop(s);
}

static void test_connect_refused(void **state)
{
    (void)state;
    struct scripted_server *s = serve(echo_script, NULL);
    auto_free char *url = scripted_server_url(s, "/");
    scripted_server_stop(s);
    EACH_TRANSPORT(t)
    {
        auto_free char *message = assert_call_fails(t, &(struct http_request){.url = url}, NULL,
                                                    ERR_TRANSIENT, "ConnectFailed");
        assert_non_null(strstr(message, url));
    }
}

static void silent_script(struct scripted_conn *c, void *arg)
{
    (void)arg;
    scripted_wait_closed(c);
}

static void test_timeout(void **state)
{
    (void)state;
    struct scripted_server *s = serve(silent_script, NULL);
    auto_free char *url = scripted_server_url(s, "/");
    EACH_TRANSPORT(t)
    {
        int64_t start = now_ns();
        auto_free char *message =
            assert_call_fails(t, &(struct http_request){.url = url, .timeout = 50 * NS_PER_MS},
                              NULL, ERR_TRANSIENT, "Timeout");
        assert_true(now_ns() - start >= 50 * NS_PER_MS);
        assert_true(now_ns() - start < 5 * NS_PER_SEC);
    }
    scripted_server_stop(s);
}

static void test_invalid_requests(void **state)
{
    (void)state;
    auto_free char *long_url = x_alloc(HTTP_URL_MAX + 2);
    memset(long_url, 'a', HTTP_URL_MAX + 1);
    long_url[HTTP_URL_MAX + 1] = '\0';
    memcpy(long_url, "http://x/", 9);
    const char *urls[] = {NULL,
                          "",
                          "ftp://h/",
                          "file:///etc/passwd",
                          "gopher://h/",
                          "http://",
                          "http://user:pw@127.0.0.1/",
                          "http://[::1/",
                          "http://h:99999/",
                          long_url};
    EACH_TRANSPORT(t)
    {
        for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
            auto_free char *message = assert_call_fails(t, &(struct http_request){.url = urls[i]},
                                                        NULL, ERR_INVALID, "InvalidURL");
            assert_null(strstr(message, "pw"));
        }
        const struct http_header bad[] = {{"A", "b\r\nC: d"}, {"A\n", "b"}, {"", "b"}, {"A:", "b"}};
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
            auto_free char *message = assert_call_fails(
                t,
                &(struct http_request){
                    .url = "http://127.0.0.1:1/", .headers = &bad[i], .header_count = 1},
                NULL, ERR_INVALID, "InvalidRequest");
        }
        auto_free char *message = assert_call_fails(
            t, &(struct http_request){.url = "http://127.0.0.1:1/", .method = "GET /x"}, NULL,
            ERR_INVALID, "InvalidRequest");
    }
}

static void test_connect_to(void **state)
{
    (void)state;
    struct scripted_server *s = serve(echo_script, NULL);
    auto_free char *dial = x_printf("127.0.0.1:%d", scripted_server_port(s));
    EACH_TRANSPORT(t)
    {
        AUTO_RESPONSE r =
            assert_call(t, &(struct http_request){.url = "http://does-not-exist.invalid/x",
                                                  .connect_to = dial});
        assert_non_null(strstr(buf_str(&r.body), "target=/x"));
    }
    scripted_server_stop(s);
}

/* The peer closes each connection after one answer without saying so. */
static void one_answer(struct scripted_conn *c, void *arg)
{
    struct scripted_request r;
    (void)arg;
    if (!scripted_read_request(c, &r))
        return;
    scripted_request_release(&r);
    scripted_respond(c, 200, "", "once");
}

static void test_stale_connection_is_replaced(void **state)
{
    (void)state;
    struct scripted_server *s = serve(one_answer, NULL);
    auto_free char *url = scripted_server_url(s, "/");
    EACH_TRANSPORT(t)
    {
        for (int i = 0; i < 20; i++) {
            AUTO_RESPONSE r = assert_call(t, &(struct http_request){.url = url});
            assert_int_equal(r.status, 200);
        }
    }
    assert_int_equal(scripted_server_accepted(s), 40);
    scripted_server_stop(s);
}

/* The first request of a connection is answered; the second is read, and the connection ends. */
static void reads_the_second(struct scripted_conn *c, void *arg)
{
    struct scripted_request r;
    _Atomic unsigned *seen = arg; /* each connection has a thread */
    for (int i = 0; i < 2 && scripted_read_request(c, &r); i++) {
        ++*seen;
        scripted_request_release(&r);
        if (i == 0)
            scripted_respond(c, 200, "", "once");
    }
}

/* It may have been carried out: whoever said HTTP_ONCE hears of it instead of sending it twice. */
static void test_sent_once(void **state)
{
    (void)state;
    _Atomic unsigned seen = 0;
    struct scripted_server *s = serve(reads_the_second, &seen);
    auto_free char *url = scripted_server_url(s, "/");
    EACH_TRANSPORT(t)
    {
        for (int once = 0; once < 2; once++) {
            struct http_request req = {.url = url, .method = "POST", .body = "x", .body_len = 1};
            AUTO_RESPONSE first = assert_call(t, &req);
            seen = 0;
            req.flags = once ? HTTP_ONCE : 0;
            if (once) {
                auto_free char *message =
                    assert_call_fails(t, &req, NULL, ERR_TRANSIENT, "ConnectionLost");
                assert_non_null(strstr(message, "not sent twice"));
                assert_int_equal(seen, 1);
            } else {
                AUTO_RESPONSE again = assert_call(t, &req);
                assert_int_equal(seen, 2);
            }
            /* What is kept now has one answer behind it: end it. */
            req.flags = HTTP_NO_REUSE;
            AUTO_RESPONSE last = assert_call(t, &req);
        }
    }
    scripted_server_stop(s);
}

static int setup(void **state)
{
    net_group_setup(state);
    struct http_client_options o = net_open_options();
    net_fixture_init(&fixture, &o);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    net_fixture_release(&fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get_and_keep_alive),
        cmocka_unit_test(test_methods_and_bodies),
        cmocka_unit_test(test_large_upload),
        cmocka_unit_test(test_no_reuse),
        cmocka_unit_test(test_responses),
        cmocka_unit_test(test_broken_responses),
        cmocka_unit_test(test_head_of_a_broken_body),
        cmocka_unit_test(test_body_of_exactly_the_maximum),
        cmocka_unit_test(test_headers_too_large),
        cmocka_unit_test(test_connect_refused),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_invalid_requests),
        cmocka_unit_test(test_connect_to),
        cmocka_unit_test(test_stale_connection_is_replaced),
        cmocka_unit_test(test_sent_once),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
