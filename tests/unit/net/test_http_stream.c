/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net_fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define QUOTA ((size_t)64 << 10)
#define MAX_LINE ((size_t)16 << 10)

static struct http_client *client;
static struct http_inbox *inbox;
static struct scripted_server *server; /* played by the test */
static char *server_url;

static struct http_stream *open_stream(const char *url, int64_t idle_timeout)
{
    return http_stream_open(client, &(struct http_request){.url = url}, HTTP_LINES, idle_timeout,
                            inbox, NULL);
}

static struct http_message next(void)
{
    struct http_message m;
    if (!http_inbox_next(inbox, now_ns() + 20 * NS_PER_SEC, &m))
        fail_msg("no message for 20 s");
    return m;
}

static void expect_head(int status)
{
    struct http_message m = next();
    if (m.type == HTTP_MSG_END)
        fail_msg("ended: %s", m.err != NULL ? m.err->message : "by the peer");
    assert_int_equal(m.type, HTTP_MSG_HEAD);
    assert_int_equal(m.status, status);
    http_message_release(&m);
}

static void expect_line(const char *line)
{
    struct http_message m = next();
    assert_int_equal(m.type, HTTP_MSG_DATA);
    assert_string_equal(m.data, line);
    http_message_release(&m);
}

static void expect_end(const char *reason)
{
    struct http_message m = next();
    assert_int_equal(m.type, HTTP_MSG_END);
    if (reason == NULL && m.err != NULL)
        fail_msg("%s", m.err->message);
    if (reason != NULL) {
        assert_non_null(m.err);
        assert_string_equal(m.err->reason, reason);
    }
    http_message_release(&m);
}

/* The server's end of a stream that was just opened, its request read. */
static struct scripted_conn *accept_stream(void)
{
    struct scripted_conn *c = scripted_accept(server);
    assert_non_null(c);
    struct scripted_request r;
    assert_true(scripted_read_request(c, &r));
    assert_string_equal(r.method, "GET");
    scripted_request_release(&r);
    return c;
}

static void test_watch(void **state)
{
    (void)state;
    static const char line[] = "{\"type\":\"ADDED\"}\n";
    struct http_stream *s = open_stream(server_url, NS_PER_MIN);
    struct scripted_conn *c = accept_stream();
    assert_true(scripted_stream_head(c, 200, ""));
    expect_head(200);
    for (size_t i = 0; i < strlen(line); i++)
        assert_true(scripted_stream_chunk(c, line + i, 1));
    expect_line("{\"type\":\"ADDED\"}");
    assert_true(scripted_stream_chunk(c, "a\nb\nc", 5));
    expect_line("a");
    expect_line("b");
    assert_true(scripted_stream_chunk(c, "c\nlast", 6));
    expect_line("cc");
    assert_true(scripted_stream_end(c));
    expect_line("last");
    expect_end(NULL);
    http_stream_close(s);
    scripted_close(c);
}

/* The whole exchange in packets of every size. */
static void test_packets(void **state)
{
    (void)state;
    static const char bytes[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "6\r\none\ntw\r\n7\r\no\nthree\r\n1\r\n\n\r\n0\r\n\r\n";
    for (size_t piece = 1; piece < sizeof(bytes); piece += 3) {
        struct http_stream *s = open_stream(server_url, NS_PER_MIN);
        struct scripted_conn *c = accept_stream();
        assert_true(scripted_write_pieces(c, bytes, strlen(bytes), piece));
        expect_head(200);
        expect_line("one");
        expect_line("two");
        expect_line("three");
        expect_end(NULL);
        http_stream_close(s);
        scripted_close(c);
    }
}

static void test_error_statuses(void **state)
{
    (void)state;
    struct http_stream *s = open_stream(server_url, NS_PER_MIN);
    struct scripted_conn *c = accept_stream();
    assert_true(scripted_respond(c, 429, "Retry-After: 3\r\n", "{\"kind\":\"Status\"}"));
    struct http_message m = next();
    assert_int_equal(m.type, HTTP_MSG_HEAD);
    assert_int_equal(m.status, 429);
    assert_string_equal(m.retry_after, "3");
    assert_ptr_equal(m.stream, s);
    http_message_release(&m);
    expect_line("{\"kind\":\"Status\"}");
    expect_end(NULL);
    http_stream_close(s);
    scripted_close(c);
}

static void test_broken(void **state)
{
    (void)state;
    struct http_stream *s = open_stream("http://127.0.0.1:1/", NS_PER_MIN);
    expect_end("ConnectFailed");
    http_stream_close(s);
    s = open_stream("ftp://h/", NS_PER_MIN);
    expect_end("InvalidURL");
    http_stream_close(s);
    for (int reset = 0; reset < 2; reset++) {
        s = open_stream(server_url, NS_PER_MIN);
        struct scripted_conn *c = accept_stream();
        assert_true(scripted_stream_head(c, 200, ""));
        assert_true(scripted_stream_chunk(c, "one\ntw", 6));
        expect_head(200);
        expect_line("one");
        if (reset)
            scripted_reset_on_close(c);
        scripted_close(c);
        expect_end("ConnectionLost");
        http_stream_close(s);
    }
}

static void test_overlong_line(void **state)
{
    (void)state;
    auto_free char *line = x_calloc(1, MAX_LINE + 2);
    memset(line, 'l', MAX_LINE);
    struct http_stream *s = open_stream(server_url, NS_PER_MIN);
    struct scripted_conn *c = accept_stream();
    assert_true(scripted_stream_head(c, 200, ""));
    expect_head(200);
    line[MAX_LINE] = '\n';
    assert_true(scripted_stream_chunk(c, line, MAX_LINE + 1));
    struct http_message m = next();
    assert_int_equal(m.len, MAX_LINE);
    http_message_release(&m);
    line[MAX_LINE] = 'l';
    assert_true(scripted_stream_chunk(c, line, MAX_LINE + 1));
    expect_end("TooLarge");
    assert_true(scripted_wait_closed(c));
    http_stream_close(s);
    scripted_close(c);
}

static void test_idle(void **state)
{
    (void)state;
    const int64_t idle = 200 * NS_PER_MS;
    for (int with_head = 0; with_head < 2; with_head++) {
        int64_t start = now_ns();
        struct http_stream *s = open_stream(server_url, idle);
        struct scripted_conn *c = accept_stream();
        if (with_head) {
            assert_true(scripted_stream_head(c, 200, ""));
            expect_head(200);
            start = now_ns();
        }
        expect_end("Idle");
        assert_true(now_ns() - start >= idle * 9 / 10);
        assert_true(scripted_wait_closed(c));
        http_stream_close(s);
        scripted_close(c);
    }
}

/* Bytes that arrive push the end away. */
static void test_not_idle(void **state)
{
    (void)state;
    const int64_t idle = NS_PER_SEC;
    struct http_stream *s = open_stream(server_url, idle);
    struct scripted_conn *c = accept_stream();
    assert_true(scripted_stream_head(c, 200, ""));
    expect_head(200);
    int64_t start = now_ns();
    struct http_message none;
    for (int i = 0; i < 6; i++) {
        assert_false(http_inbox_next(inbox, now_ns() + idle / 4, &none));
        assert_true(scripted_stream_chunk(c, "tick\n", 5));
        expect_line("tick");
    }
    assert_true(now_ns() - start > idle);
    expect_end("Idle");
    http_stream_close(s);
    scripted_close(c);
}

/* The consumer stands still: the peer is stopped by TCP, nothing is lost, and being paused is not
 * being idle. */
static void test_slow_consumer(void **state)
{
    (void)state;
    enum { TOTAL = 256 << 20, LINE = 4096 };
    char *flood = x_alloc(TOTAL);
    for (size_t i = 0; i < TOTAL / LINE; i++) {
        memset(flood + i * LINE, 'f', LINE - 1);
        snprintf(flood + i * LINE, 16, "%zu", i);
        flood[i * LINE + LINE - 1] = '\n';
    }
    struct scripted_server *small =
        scripted_server_start(&(struct scripted_options){.send_buffer = 65536});
    auto_free char *url = scripted_server_url(small, "/");
    struct http_stream *s = open_stream(url, NS_PER_SEC);
    struct scripted_conn *c = scripted_accept(small);
    assert_true(scripted_puts(c, "HTTP/1.1 200 OK\r\n\r\n"));
    expect_head(200);
    size_t pushed = scripted_push(c, flood, TOTAL, 1500);
    assert_true(pushed > QUOTA);
    assert_true(pushed < TOTAL / 2);
    size_t whole = pushed / LINE;
    for (size_t i = 0; i < whole; i++) {
        struct http_message m = next();
        if (m.type != HTTP_MSG_DATA)
            fail_msg("ended after %zu of %zu lines: %s", i, whole, m.err ? m.err->message : "-");
        assert_int_equal(m.len, LINE - 1);
        assert_int_equal(strtoull(m.data, NULL, 10), i);
        http_message_release(&m);
    }
    free(flood);
    http_stream_close(s);
    scripted_close(c);
    scripted_server_stop(small);
}

static void flood_script(struct scripted_conn *c, void *arg)
{
    static const char lines[] = "some line of text\nanother one\n";
    struct scripted_request r;
    atomic_int *ended = arg;
    if (!scripted_read_request(c, &r))
        return;
    scripted_request_release(&r);
    scripted_stream_head(c, 200, "");
    while (scripted_stream_chunk(c, lines, sizeof(lines) - 1))
        continue;
    atomic_fetch_add(ended, 1);
}

static void test_close_in_the_flood(void **state)
{
    (void)state;
    atomic_int ended = 0;
    struct scripted_server *s =
        scripted_server_start(&(struct scripted_options){.script = flood_script, .arg = &ended});
    auto_free char *url = scripted_server_url(s, "/");
    for (int i = 0; i < 30; i++) {
        struct http_stream *stream = open_stream(url, NS_PER_MIN);
        /* At once, while data arrive, when paused. */
        for (int k = 0; k < i * 5; k++) {
            struct http_message m = next();
            assert_int_not_equal(m.type, HTTP_MSG_END);
            assert_ptr_equal(m.stream, stream);
            if (k == i)
                http_stream_close(TAKE(stream)); /* before the release of its message */
            http_message_release(&m);
            if (stream == NULL)
                break;
        }
        if (stream != NULL)
            http_stream_close(stream);
        struct http_message none;
        assert_false(http_inbox_next(inbox, 0, &none));
    }
    scripted_server_stop(s);
}

#define STREAMS 200
#define LINES_EACH 100

static void lines_script(struct scripted_conn *c, void *arg)
{
    struct scripted_request r;
    (void)arg;
    while (scripted_read_request(c, &r)) {
        bool watch = str_starts(r.target, "/watch");
        scripted_request_release(&r);
        if (!watch) {
            scripted_respond(c, 200, "", "hello");
            continue;
        }
        scripted_stream_head(c, 200, "");
        char line[64];
        for (int i = 0; i < LINES_EACH; i++) {
            int n = snprintf(line, sizeof(line), "line %d\n", i);
            scripted_stream_chunk(c, line, (size_t)n);
        }
        scripted_stream_end(c);
    }
}

struct watched {
    struct http_stream *stream;
    int lines;
    bool head, ended;
};

static void note_message(struct http_message *m)
{
    struct watched *w = m->arg;
    assert_ptr_equal(m->stream, w->stream);
    assert_false(w->ended);
    switch (m->type) {
    case HTTP_MSG_HEAD:
        w->head = true;
        break;
    case HTTP_MSG_DATA:
        assert_true(w->head);
        assert_int_equal(strtol(m->data + 5, NULL, 10), w->lines);
        w->lines++;
        break;
    case HTTP_MSG_END:
        if (m->err != NULL)
            fail_msg("%s", m->err->message);
        w->ended = true;
        break;
    }
}

static void test_many_streams(void **state)
{
    (void)state;
    struct scripted_server *s =
        scripted_server_start(&(struct scripted_options){.script = lines_script});
    auto_free char *url = scripted_server_url(s, "/watch");
    auto_free char *call_url = scripted_server_url(s, "/call");
    static struct watched watched[STREAMS];
    for (int i = 0; i < STREAMS; i++)
        watched[i].stream = http_stream_open(client, &(struct http_request){.url = url}, HTTP_LINES,
                                             NS_PER_MIN, inbox, &watched[i]);
    for (int ended = 0; ended < STREAMS;) {
        struct http_message m = next();
        note_message(&m);
        ended += m.type == HTTP_MSG_END;
        http_message_release(&m);
        if (ended == STREAMS / 2) { /* calls go on meanwhile */
            AUTO_RESPONSE r =
                assert_call(http_client_transport(client), &(struct http_request){.url = call_url});
            assert_int_equal(r.status, 200);
        }
    }
    for (int i = 0; i < STREAMS; i++) {
        assert_int_equal(watched[i].lines, LINES_EACH);
        http_stream_close(watched[i].stream);
    }
    scripted_server_stop(s);
}

/* Opens streams whose peers say nothing, and frees the client right after closing them. */
static void test_close_all_then_free(void **state)
{
    (void)state;
    struct http_client_options o = net_open_options();
    struct http_client *c;
    assert_null(http_client_new(&o, &c));
    struct http_stream *streams[20];
    for (size_t i = 0; i < ARRAY_LEN(streams); i++)
        streams[i] = http_stream_open(c, &(struct http_request){.url = server_url}, HTTP_CHUNKS,
                                      NS_PER_MIN, inbox, NULL);
    for (size_t i = 0; i < ARRAY_LEN(streams); i++)
        http_stream_close(streams[i]);
    http_client_free(c);
    http_stream_close(NULL);
}

static int setup(void **state)
{
    net_group_setup(state);
    struct http_client_options o = net_open_options();
    assert_null(http_client_new(&o, &client));
    inbox = http_inbox_new(QUOTA, MAX_LINE);
    server = scripted_server_start(&(struct scripted_options){0});
    server_url = scripted_server_url(server, "/watch");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_client_free(client);
    http_inbox_free(inbox);
    scripted_server_stop(server);
    free(server_url);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watch),
        cmocka_unit_test(test_packets),
        cmocka_unit_test(test_error_statuses),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_overlong_line),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_not_idle),
        cmocka_unit_test(test_slow_consumer),
        cmocka_unit_test(test_close_in_the_flood),
        cmocka_unit_test(test_many_streams),
        cmocka_unit_test(test_close_all_then_free),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
