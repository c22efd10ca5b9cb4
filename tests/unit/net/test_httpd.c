/* SPDX-License-Identifier: Apache-2.0 */
#include "net/httpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "net/net_fixture.h"

static struct http_client *client;
static struct httpd *httpd;
static atomic_int handled;

static void handler(void *arg, const struct httpd_request *req, struct httpd_reply *reply)
{
    assert_ptr_equal(arg, &handled);
    atomic_fetch_add(&handled, 1);
    if (str_eq(req->path, "/livez")) {
        reply->status = 200;
        buf_puts(&reply->body, "ok");
    } else if (str_eq(req->path, "/moved")) {
        reply->status = 301;
        memset(reply->location, 'x', HTTPD_LOCATION_MAX - 1);
        reply->location[HTTPD_LOCATION_MAX - 1] = '\0';
    } else if (str_eq(req->path, "/empty")) {
        reply->status = 204;
    } else if (str_eq(req->path, "/json")) {
        reply->status = 503;
        reply->content_type = "application/json";
        buf_puts(&reply->body, "{}");
    } else if (str_starts(req->path, "/echo")) {
        reply->status = 200;
        buf_putf(&reply->body, "path=%s host=%s", req->path, req->host);
    } else if (str_eq(req->path, "/large")) {
        reply->status = 200;
        for (int i = 0; i < 1 << 10; i++)
            buf_putf(&reply->body, "%01023d\n", i);
    }
}

static char *url_of(const char *path)
{
    return x_printf("http://127.0.0.1:%d%s", httpd_port(httpd), path);
}

static struct http_response get(const char *method, const char *path, size_t max_body)
{
    auto_free char *url = url_of(path);
    return assert_call(http_client_transport(client),
                       &(struct http_request){.method = method, .url = url, .max_body = max_body});
}

static void test_routes(void **state)
{
    static const struct {
        const char *path;
        int status;
        const char *type, *body;
    } rows[] = {
        {"/livez", 200, "text/plain", "ok"},
        {"/livez?verbose=1&x=/a", 200, "text/plain", "ok"},
        {"/empty", 204, "text/plain", ""},
        {"/json", 503, "application/json", "{}"},
        {"/none", 404, "text/plain", ""},
        {"/", 404, "text/plain", ""},
        {"/echo/a.b_c-D~9", 200, "text/plain", "path=/echo/a.b_c-D~9 host=127.0.0.1"},
        /* As it was sent. */
        {"/echo/../a%2F%00//b;c&d", 200, "text/plain",
         "path=/echo/../a%2F%00//b;c&d host=127.0.0.1"},
        {"/%6civez", 404, "text/plain", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_RESPONSE r = get("GET", rows[i].path, 0);
        auto_free char *type = http_header_get(&r, "content-type", 0);
        auto_free char *sniff = http_header_get(&r, "x-content-type-options", 0);
        assert_int_equal(r.status, rows[i].status);
        assert_string_equal(type, rows[i].type);
        assert_string_equal(sniff, "nosniff");
        assert_string_equal(buf_str(&r.body), rows[i].body);
    }
}

static void test_redirect(void **state)
{
    (void)state;
    AUTO_RESPONSE r = get("GET", "/moved", 0);
    auto_free char *location = http_header_get(&r, "location", 0);
    assert_int_equal(r.status, 301);
    assert_int_equal(strlen(location), HTTPD_LOCATION_MAX - 1);
    assert_int_equal(strspn(location, "x"), HTTPD_LOCATION_MAX - 1);
    AUTO_RESPONSE other = get("GET", "/livez", 0);
    auto_free char *none = http_header_get(&other, "location", 0);
    assert_null(none);
}

static void test_head(void **state)
{
    (void)state;
    AUTO_RESPONSE r = get("HEAD", "/livez", 0);
    auto_free char *len = http_header_get(&r, "content-length", 0);
    assert_int_equal(r.status, 200);
    assert_string_equal(len, "2");
    assert_int_equal(r.body.len, 0);
    AUTO_RESPONSE next = get("GET", "/livez", 0);
    assert_string_equal(buf_str(&next.body), "ok");
}

static void test_other_methods(void **state)
{
    static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    (void)state;
    auto_free char *url = url_of("/livez");
    int before = atomic_load(&handled);
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        bool body = i < 3;
        AUTO_RESPONSE r = assert_call(
            http_client_transport(client),
            &(struct http_request){
                .method = methods[i], .url = url, .body = "abc", .body_len = body ? 3 : 0});
        auto_free char *allow = http_header_get(&r, "allow", 0);
        assert_int_equal(r.status, 405);
        assert_string_equal(allow, "GET, HEAD");
    }
    assert_int_equal(atomic_load(&handled), before);
}

static void test_large_body(void **state)
{
    (void)state;
    AUTO_RESPONSE r = get("GET", "/large", 2 << 20);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body.len, 1 << 20);
    for (size_t i = 0; i < 1 << 10; i++)
        assert_int_equal(strtoul(r.body.data + (i << 10), NULL, 10), i);
}

static void test_long_paths(void **state)
{
    (void)state;
    char path[1026];
    memset(path, 'a', sizeof(path));
    memcpy(path, "/echo", 5);
    path[1024] = '\0';
    AUTO_RESPONSE r = get("GET", path, 0);
    assert_int_equal(r.status, 200);
    path[1024] = 'a';
    path[1025] = '\0';
    AUTO_RESPONSE longer = get("GET", path, 0);
    assert_int_equal(longer.status, 414);
}

/* ---- raw bytes -------------------------------------------------------------------------------- */

static int dial_port(int family, int port)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)port),
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int rc = family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof(v4))
                               : connect(fd, (struct sockaddr *)&v6, sizeof(v6));
    if (rc != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int dial(void)
{
    int fd = dial_port(AF_INET, httpd_port(httpd));
    assert_true(fd >= 0);
    return fd;
}

/* Reads until what came ends with end, the server closes, or nothing came for ms; true when it closed. */
static bool read_to(int fd, const char *end, char *out, size_t size, int ms)
{
    size_t len = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    bool closed = false;
    *out = '\0';
    while (!closed && !(end != NULL && str_ends(out, end)) && len < size - 1 &&
           poll(&p, 1, ms) > 0) {
        ssize_t n = recv(fd, out + len, size - 1 - len, 0);
        closed = n <= 0;
        len += n > 0 ? (size_t)n : 0;
        out[len] = '\0';
    }
    return closed;
}

static bool read_all(int fd, char *out, size_t size, int ms)
{
    return read_to(fd, NULL, out, size, ms);
}

static void say(int fd, const char *bytes)
{
    (void)send(fd, bytes, strlen(bytes), MSG_NOSIGNAL);
}

static void test_hosts(void **state)
{
    static const struct {
        const char *host, *expect;
    } rows[] = {
        {"Host: Example.COM\r\n", "host=example.com"},
        {"Host: example.com:8080\r\n", "host=example.com"},
        {"Host: [::1]:8080\r\n", "host=[::1]"},
        {"Host: [::1]\r\n", "host=[::1]"},
        {"Host: Example.COM.\r\n", "host=example.com."},
        {"Content-Length: 0\r\nHost: a\r\n", "host=a"},
        {"Host: *.example.com\r\n", " 400 "},
        {"Host: a b\r\n", " 400 "},
        {"Host: a/b\r\n", " 400 "},
        {"Host: caf\xc3\xa9\r\n", " 400 "},
        {"Host: a\r\nHost: b\r\n", " 400 "},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *bytes =
            x_printf("GET /echo HTTP/1.1\r\n%sConnection: close\r\n\r\n", rows[i].host);
        char answer[4096];
        int fd = dial();
        say(fd, bytes);
        read_all(fd, answer, sizeof(answer), 5000);
        close(fd);
        if (strstr(answer, rows[i].expect) == NULL)
            fail_msg("%s gave %s", rows[i].host, answer);
    }
    char answer[4096];
    int fd = dial();
    say(fd, "GET /echo HTTP/1.0\r\n\r\n");
    assert_true(read_all(fd, answer, sizeof(answer), 5000));
    close(fd);
    size_t len = strlen(answer);
    assert_true(len > 6);
    assert_string_equal(answer + len - 5, "host=");
}

static void assert_alive(void)
{
    AUTO_RESPONSE r = get("GET", "/livez", 0);
    assert_string_equal(buf_str(&r.body), "ok");
}

/* A connection is for one request: what follows may be another one's, whom a proxy has let in by mistake. */
static void test_pipelining(void **state)
{
    (void)state;
    char answer[8192];
    int before = atomic_load(&handled);
    int fd = dial();
    say(fd, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /json HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(read_all(fd, answer, sizeof(answer), 5000));
    close(fd);
    assert_true(str_starts(answer, "HTTP/1.1 200 "));
    assert_non_null(strstr(answer, "\r\nconnection: close\r\n"));
    assert_true(str_ends(answer, "\r\n\r\nok"));
    assert_int_equal(atomic_load(&handled), before + 1);
}

/* In pieces of a byte. */
static void test_pieces(void **state)
{
    (void)state;
    static const char bytes[] = "GET /echo/a HTTP/1.1\r\nHost: a\r\n\r\n";
    char answer[1024];
    int fd = dial(), on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
        assert_int_equal(send(fd, bytes + i, 1, MSG_NOSIGNAL), 1);
        poll(NULL, 0, 2);
    }
    assert_true(read_all(fd, answer, sizeof(answer), 5000));
    close(fd);
    assert_true(str_ends(answer, "path=/echo/a host=a"));
}

/* None of these reach the handler, and the connection ends. */
static void test_garbage(void **state)
{
    (void)state;
    auto_free char *flood = x_alloc(200001);
    memset(flood, 'A', 200000);
    flood[200000] = '\0';
    auto_free char *long_header =
        x_printf("GET /livez HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n", flood);
    const char *rows[] = {
        "\r\n\r\n\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01garbage\r\n\r\n",
        "GET\r\n\r\n",
        "BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET  /livez HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a/livez HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /livez HTTP/1.1\r\n\r\n",
        "GET /livez\r\n\r\n",
        "get /livez HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        "HTTP2-Settings: AAMAAABk\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        flood,
        long_header,
    };
    int before = atomic_load(&handled);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char answer[8192];
        int fd = dial();
        say(fd, rows[i]);
        if (!read_all(fd, answer, sizeof(answer), 15000))
            fail_msg("row %zu is not closed: %s", i, answer);
        close(fd);
        assert_null(strstr(answer, " 200 "));
        assert_null(strstr(answer, " 101 "));
    }
    assert_int_equal(atomic_load(&handled), before);
    assert_alive();
}

/* Whatever follows is no request: a proxy would take its answer for that of somebody else's. */
static void test_bodies(void **state)
{
    (void)state;
#define INNER "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
    static const char *const rows[] = {
        "Content-Length: 35\r\n\r\n" INNER,
        "Content-Length: 00\r\n\r\n" INNER,
        "Content-Length: 0, 35\r\n\r\n" INNER,
        "Content-Length: 0\r\nContent-Length: 35\r\n\r\n" INNER,
        "Content-Length: -1\r\n\r\n" INNER,
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" INNER,
        "Transfer-Encoding: chunked\r\n\r\n23\r\n" INNER "\r\n0\r\n\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n" INNER,
        "Content-Length : 35\r\n\r\n" INNER,
        "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n" INNER,
        "X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" INNER,
        "X: a\r\n Content-Length: 35\r\n\r\n" INNER,
        "transfer-encoding: identity\r\n\r\n" INNER,
    };
    int before = atomic_load(&handled);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static const char *const methods[] = {"GET", "HEAD"};
        auto_free char *bytes =
            x_printf("%s /livez HTTP/1.1\r\nHost: a\r\n%s", methods[i % 2], rows[i]);
        char answer[4096];
        int fd = dial();
        say(fd, bytes);
        if (!read_all(fd, answer, sizeof(answer), 15000))
            fail_msg("row %zu is not closed: %s", i, answer);
        close(fd);
        const char *first = strstr(answer, "HTTP/1.");
        if (first == NULL || strstr(answer, " 400 ") == NULL ||
            strstr(first + 1, "HTTP/1.") != NULL)
            fail_msg("row %zu: %s", i, answer);
    }
    assert_int_equal(atomic_load(&handled), before);
    assert_alive();
}

/* Head and body together, so that whoever asked is woken once. */
static void test_one_piece(void **state)
{
    (void)state;
    int fd = dial();
    say(fd, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    char answer[1024] = "";
    ssize_t n = recv(fd, answer, sizeof(answer) - 1, 0);
    assert_true(n > 0);
    assert_non_null(strstr(answer, "\r\n\r\nok"));
    close(fd);
}

/* A peer that asks on and on and reads no answer loses its connection, and costs nothing until then. */
static void test_greedy_peer(void **state)
{
    (void)state;
    int fd = dial();
    char path[1000];
    memset(path, 'a', sizeof(path));
    auto_free char *ask =
        x_printf("GET /echo%.*s HTTP/1.1\r\nHost: a\r\n\r\n", (int)sizeof(path), path);
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    bool lost = false;
    while (!lost && poll(&p, 1, 20000) > 0)
        lost = send(fd, ask, strlen(ask), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN;
    assert_true(lost);
    close(fd);
    assert_alive();
}

/* Peers that send a request a byte at a time, or nothing at all, lose their connection. */
static void test_slow_peers(void **state)
{
    (void)state;
    int silent = dial();
    int slow = dial();
    const char *bytes =
        "GET /livez HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    char answer[1024];
    bool closed = false;
    int64_t start = now_ns();
    for (size_t i = 0; !closed && i < strlen(bytes); i++) {
        (void)send(slow, bytes + i, 1, MSG_NOSIGNAL);
        closed = read_all(slow, answer, sizeof(answer), 500);
    }
    assert_true(closed);
    assert_true(now_ns() - start < 20 * NS_PER_SEC);
    assert_true(read_all(silent, answer, sizeof(answer), 20000));
    close(slow);
    close(silent);
    assert_alive();
}

/* More connections than there is room for: those within the limit are served, the server survives
 * and serves again once they are gone. */
static void test_too_many_connections(void **state)
{
    (void)state;
    enum { MANY = 300 };
    int fds[MANY];
    int served = 0;
    for (int i = 0; i < MANY; i++)
        fds[i] = dial();
    for (int i = 0; i < MANY; i++)
        say(fds[i], "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < MANY; i++) {
        char answer[1024];
        read_to(fds[i], "\r\n\r\nok", answer, sizeof(answer), i < 200 ? 5000 : 50);
        served += strstr(answer, "200 OK") != NULL;
    }
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    assert_true(served >= 200);
    for (int64_t until = now_ns() + 20 * NS_PER_SEC; now_ns() < until;) {
        auto_free char *url = url_of("/livez");
        AUTO_RESPONSE r = {0};
        AUTO_ERR e =
            http_call(http_client_transport(client), &(struct http_request){.url = url}, NULL, &r);
        if (e == NULL)
            return;
    }
    fail_msg("the server does not come back");
}

static void *load_thread(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++)
        assert_alive();
    return NULL;
}

static void test_parallel(void **state)
{
    (void)state;
    pthread_t threads[8];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, load_thread, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
}

/* ---- addresses -------------------------------------------------------------------------------- */

static void test_addresses(void **state)
{
    static const struct {
        const char *listen;
        bool v4, v6;
    } rows[] = {{":0", true, true}, {"127.0.0.1:0", true, false}, {"[::1]:0", false, true}};
    (void)state;
    int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool has_v6 = probe >= 0 && bind(probe, (struct sockaddr *)&loopback, sizeof(loopback)) == 0;
    if (probe >= 0)
        close(probe);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!rows[i].v4 && !has_v6)
            continue;
        struct httpd *h;
        assert_null(httpd_start(rows[i].listen, handler, &handled, &h));
        assert_in_range(httpd_port(h), 1, 65535);
        int v4 = dial_port(AF_INET, httpd_port(h));
        int v6 = has_v6 ? dial_port(AF_INET6, httpd_port(h)) : -1;
        assert_int_equal(v4 >= 0, rows[i].v4);
        assert_int_equal(v6 >= 0, rows[i].v6 && has_v6);
        httpd_stop(h);
        if (v4 >= 0)
            close(v4);
        if (v6 >= 0)
            close(v6);
    }
    httpd_stop(NULL);
}

static void test_bad_addresses(void **state)
{
    static const char *const bad[] = {"",
                                      "9402",
                                      ":",
                                      ":65536",
                                      ":-1",
                                      ":http",
                                      "localhost:1",
                                      "1.2.3:1",
                                      "::1:80",
                                      "[::1]",
                                      "[127.0.0.1]:1",
                                      "[::1:80",
                                      "]:1",
                                      "[]:1",
                                      " :1",
                                      "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18:1"};
    (void)state;
    struct httpd *h = NULL;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_ERR e = httpd_start(bad[i], handler, NULL, &h);
        if (!err_is(e, ERR_INVALID))
            fail_msg("\"%s\" was not refused", bad[i]);
    }
    auto_free char *taken = x_printf("127.0.0.1:%d", httpd_port(httpd));
    AUTO_ERR e = httpd_start(taken, handler, NULL, &h);
    assert_true(err_is(e, ERR_TRANSIENT));
    assert_non_null(strstr(e->message, taken));
    assert_non_null(strstr(e->message, "Address already in use"));
    AUTO_ERR foreign = httpd_start("192.0.2.77:0", handler, NULL, &h);
    assert_true(err_is(foreign, ERR_TRANSIENT));
    assert_non_null(strstr(foreign->message, "Cannot assign requested address"));
    assert_null(h);
}

static int setup(void **state)
{
    net_group_setup(state);
    struct http_client_options o = net_open_options();
    assert_null(http_client_new(&o, &client));
    assert_null(httpd_start("127.0.0.1:0", handler, &handled, &httpd));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_client_free(client);
    httpd_stop(httpd);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_redirect),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_other_methods),
        cmocka_unit_test(test_large_body),
        cmocka_unit_test(test_long_paths),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_pipelining),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_one_piece),
        cmocka_unit_test(test_greedy_peer),
        cmocka_unit_test(test_slow_peers),
        cmocka_unit_test(test_too_many_connections),
        cmocka_unit_test(test_parallel),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_bad_addresses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
