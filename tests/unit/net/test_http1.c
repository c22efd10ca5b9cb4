/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define GET_A "GET /a HTTP/1.1\r\nHost: h\r\n"

static void what_is_asked_is_read_as_it_was_sent(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *path, *host;
        bool has_query, head_only;
    } rows[] = {
        {GET_A "\r\n", "/a", "h", false, false},
        {"HEAD /a HTTP/1.1\r\nhost:h\r\n\r\n", "/a", "h", false, true},
        {"GET /a HTTP/1.0\r\n\r\n", "/a", "", false, false},
        {"GET /a? HTTP/1.1\r\nHost: H:80 \r\n\r\n", "/a", "h", true, false},
        {"GET /a?b?c HTTP/1.1\r\nHOST:\t[::1]:80\r\n\r\n", "/a", "[::1]", true, false},
        {"GET //a/../%2e;x&y HTTP/1.1\r\nHost: a.test.\r\n\r\n", "//a/../%2e;x&y", "a.test.", false,
         false},
        {GET_A "Content-Length: 0\r\nX: caf\xc3\xa9 \t b\r\nY:\r\n\r\n", "/a", "h", false, false},
        {GET_A "\r\nGET /b HTTP/1.1\r\n", "/a", "h", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http1_request r;
        if (http1_request_read(rows[i].bytes, strlen(rows[i].bytes), &r) != HTTP1_WHOLE ||
            !str_eq(r.path, rows[i].path) || !str_eq(r.host, rows[i].host) ||
            r.has_query != rows[i].has_query || r.head_only != rows[i].head_only)
            fail_msg("%s: %s, %s", rows[i].bytes, r.path, r.host);
    }
}

static void expect(const char *bytes, size_t len, int want)
{
    struct http1_request r;
    int status = http1_request_read(bytes, len, &r);
    if (status != want)
        fail_msg("%.*s: %d, not %d", (int)len, bytes, status, want);
}

static void what_could_be_read_in_two_ways_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int status;
    } rows[] = {
        {"\r\n\r\n", 400},
        {"GET\r\n\r\n", 400},
        {"GET /a\r\n\r\n", 400},
        {"GET /a HTTP/1.2\r\nHost: h\r\n\r\n", 400},
        {"GET /a HTTP/2.0\r\nHost: h\r\n\r\n", 400},
        {"GET /a http/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET /a HTTP/1.1 \r\nHost: h\r\n\r\n", 400},
        {"GET  /a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {" GET /a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET http://h/a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET /a\tb HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"G(T /a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"get /a HTTP/1.1\r\nHost: h\r\n\r\n", 405},
        {"POST /a HTTP/1.1\r\nHost: h\r\n\r\n", 405},
        {"GET /a HTTP/1.1\r\n\r\n", 400},
        {GET_A "Host: h\r\n\r\n", 400},
        {"GET /a HTTP/1.1\r\nHost: h/\r\n\r\n", 400},
        {"GET /a HTTP/1.1\r\nHost: h h\r\n\r\n", 400},
        {GET_A " X: folded\r\n\r\n", 400},
        {GET_A "X : a\r\n\r\n", 400},
        {GET_A ": a\r\n\r\n", 400},
        {GET_A "X\r\n\r\n", 400},
        {GET_A "X: a\nY: b\r\n\r\n", 400},
        {GET_A "X: a\rb\r\n\r\n", 400},
        {GET_A "X: \x7f\r\n\r\n", 400},
        {GET_A "Content-Length: 1\r\n\r\n", 400},
        {GET_A "Content-Length: 00\r\n\r\n", 400},
        {GET_A "Content-Length: 0\r\nContent-Length: 1\r\n\r\n", 400},
        {GET_A "Content-Length:\r\n\r\n", 400},
        {GET_A "TRANSFER-ENCODING: identity\r\n\r\n", 400},
        {GET_A "Upgrade: websocket\r\n\r\n", 400},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        expect(rows[i].bytes, strlen(rows[i].bytes), rows[i].status);
    static const char nul[] = "GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n";
    expect(nul, sizeof(nul) - 1, 400);
    static const char nul_in_host[] = "GET /a HTTP/1.1\r\nHost: h\0x\r\n\r\n";
    expect(nul_in_host, sizeof(nul_in_host) - 1, 400);
}

static void what_is_not_whole_is_waited_for(void **state)
{
    (void)state;
    static const char bytes[] = GET_A "\r\n";
    for (size_t len = 0; len < sizeof(bytes) - 1; len++)
        expect(bytes, len, HTTP1_MORE);
    expect(bytes, sizeof(bytes) - 1, HTTP1_WHOLE);
}

/* A head of exactly the limit is read, with a path of exactly its own. */
static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    char a[HTTP1_HEAD_MAX];
    memset(a, 'a', sizeof(a));
    const int rest = HTTP1_HEAD_MAX - (int)strlen("GET / HTTP/1.0\r\nX: \r\n\r\n");
    auto_free char *fits = x_printf("GET / HTTP/1.0\r\nX: %.*s\r\n\r\n", rest, a);
    expect(fits, strlen(fits), HTTP1_WHOLE);
    auto_free char *large = x_printf("GET / HTTP/1.0\r\nX: %.*s\r\n\r\n", rest + 1, a);
    expect(large, strlen(large), 431);
    expect(large, HTTP1_HEAD_MAX - 1, HTTP1_MORE);
    auto_free char *path = x_printf("GET /%.*s HTTP/1.0\r\n\r\n", HTTP1_PATH_MAX - 1, a);
    expect(path, strlen(path), HTTP1_WHOLE);
    auto_free char *longer = x_printf("GET /%.*s HTTP/1.0\r\n\r\n", HTTP1_PATH_MAX, a);
    expect(longer, strlen(longer), 414);
    auto_free char *hosts =
        x_printf("GET /a HTTP/1.1\r\nHost: %.*s\r\n\r\n", HTTP1_HOST_MAX + 1, a);
    expect(hosts, strlen(hosts), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_is_read_as_it_was_sent),
        cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
        cmocka_unit_test(what_is_not_whole_is_waited_for),
        cmocka_unit_test(what_is_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
