/* SPDX-License-Identifier: Apache-2.0 */
#include "net/inbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/net_fixture.h"

static int resumed;
static int aborted;

static void on_resume(struct inflow *f)
{
    (void)f;
    resumed++;
}

static void on_abort(struct inflow *f)
{
    (void)f;
    aborted++;
}

static struct inflow *flow_new(struct http_inbox *in, enum http_framing framing, void *arg)
{
    struct inflow *f = inflow_new(in);
    f->framing = framing;
    f->arg = arg;
    f->resume = on_resume;
    f->abort = on_abort;
    resumed = aborted = 0;
    return f;
}

/* The next message must be there already. */
static struct http_message must_next(struct http_inbox *in)
{
    struct http_message m;
    assert_true(http_inbox_next(in, 0, &m));
    return m;
}

static void assert_nothing(struct http_inbox *in)
{
    struct http_message m;
    assert_false(http_inbox_next(in, 0, &m));
}

static void expect_data(struct http_inbox *in, const char *text)
{
    struct http_message m = must_next(in);
    assert_int_equal(m.type, HTTP_MSG_DATA);
    assert_int_equal(m.len, strlen(text));
    assert_string_equal(m.data, text);
    http_message_release(&m);
}

static void expect_end(struct http_inbox *in, const char *reason)
{
    struct http_message m = must_next(in);
    assert_int_equal(m.type, HTTP_MSG_END);
    if (reason == NULL)
        assert_null(m.err);
    else
        assert_string_equal(m.err->reason, reason);
    http_message_release(&m);
}

static void put(struct inflow *f, const char *data, size_t len)
{
    assert_int_equal(inflow_data(f, data, len), INFLOW_TAKEN);
}

static const char text[] = "alpha\n\nbeta\r\n{\"a\":1}\ngamma delta\nlast";
static const char *const lines[] = {"alpha", "", "beta\r", "{\"a\":1}", "gamma delta", "last"};

static void expect_lines(struct http_inbox *in)
{
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        expect_data(in, lines[i]);
    expect_end(in, NULL);
    assert_nothing(in);
}

static void test_every_split(void **state)
{
    (void)state;
    struct http_inbox *in = http_inbox_new(65536, 64);
    size_t len = strlen(text);
    for (size_t a = 1; a < len; a++) {
        for (size_t b = a; b < len; b++) {
            struct inflow *f = flow_new(in, HTTP_LINES, NULL);
            put(f, text, a);
            if (b > a)
                put(f, text + a, b - a);
            put(f, text + b, len - b);
            inflow_end(f, NULL);
            expect_lines(in);
            assert_int_equal(f->queued, 0);
            inflow_close(f);
        }
    }
    http_inbox_free(in);
}

/* The same while the consumer looks after each byte. */
static void test_byte_by_byte(void **state)
{
    (void)state;
    struct http_inbox *in = http_inbox_new(65536, 64);
    struct inflow *f = flow_new(in, HTTP_LINES, NULL);
    size_t line = 0;
    for (size_t i = 0; i < strlen(text); i++) {
        put(f, text + i, 1);
        if (text[i] == '\n')
            expect_data(in, lines[line++]);
        assert_nothing(in);
    }
    inflow_end(f, NULL);
    expect_data(in, "last");
    expect_end(in, NULL);
    inflow_close(f);
    http_inbox_free(in);
}

static void test_error_drops_the_unfinished_line(void **state)
{
    (void)state;
    struct http_inbox *in = http_inbox_new(65536, 64);
    struct inflow *f = flow_new(in, HTTP_LINES, NULL);
    put(f, "one\ntw", 6);
    inflow_end(f, err_new(ERR_TRANSIENT, "ConnectionLost", "gone"));
    expect_data(in, "one");
    expect_end(in, "ConnectionLost");
    inflow_close(f);
    http_inbox_free(in);
}

static void test_chunks_and_head(void **state)
{
    (void)state;
    struct http_inbox *in = http_inbox_new(65536, 4);
    int arg;
    struct inflow *f = flow_new(in, HTTP_CHUNKS, &arg);
    inflow_head(f, 429, x_strdup("7"));
    put(f, "a\nlong chunk\0with", 17);
    inflow_end(f, NULL);
    struct http_message m = must_next(in);
    assert_int_equal(m.type, HTTP_MSG_HEAD);
    assert_int_equal(m.status, 429);
    assert_string_equal(m.retry_after, "7");
    assert_ptr_equal(m.arg, &arg);
    http_message_release(&m);
    m = must_next(in);
    assert_int_equal(m.len, 17);
    assert_memory_equal(m.data, "a\nlong chunk\0with", 18);
    http_message_release(&m);
    expect_end(in, NULL);
    inflow_close(f);
    http_inbox_free(in);
}

static void test_overlong_line(void **state)
{
    (void)state;
    static const char bytes[] = "12345678\n123456789\nnever\n";
    struct http_inbox *in = http_inbox_new(65536, 8);
    for (size_t piece = 1; piece < sizeof(bytes); piece++) {
        struct inflow *f = flow_new(in, HTTP_LINES, NULL);
        bool over = false;
        for (size_t at = 0; at < strlen(bytes) && !over; at += piece) {
            size_t left = strlen(bytes) - at;
            put(f, bytes + at, left < piece ? left : piece);
        }
        inflow_end(f, NULL);
        expect_data(in, "12345678");
        expect_end(in, "TooLarge");
        assert_nothing(in);
        assert_int_equal(aborted, 1);
        assert_int_equal(f->queued, 0);
        assert_int_equal(inflow_data(f, "x", 1), INFLOW_OVER);
        inflow_end(f, NULL);
        assert_nothing(in);
        inflow_close(f);
    }
    http_inbox_free(in);
}

static void test_quota_and_resume(void **state)
{
    (void)state;
    enum { QUOTA = 10000, PIECE = 1000 };
    char piece[PIECE];
    memset(piece, 'x', sizeof(piece));
    piece[PIECE - 1] = '\n';
    struct http_inbox *in = http_inbox_new(QUOTA, PIECE);
    struct inflow *f = flow_new(in, HTTP_LINES, NULL);
    size_t taken = 0;
    while (inflow_data(f, piece, PIECE) == INFLOW_TAKEN)
        taken++;
    assert_in_range(taken, 5, 9);
    assert_true(f->queued <= QUOTA);
    assert_true(f->paused);
    /* What was handed out counts until it is released. */
    struct http_message held[16];
    for (size_t i = 0; i < taken; i++)
        held[i] = must_next(in);
    assert_int_equal(inflow_data(f, piece, PIECE), INFLOW_PAUSED);
    assert_int_equal(resumed, 0);
    size_t released = 0;
    while (resumed == 0)
        http_message_release(&held[released++]);
    assert_true(f->queued <= QUOTA / 2);
    assert_in_range(released, 2, taken - 1);
    put(f, piece, PIECE);
    while (released < taken)
        http_message_release(&held[released++]);
    assert_int_equal(resumed, 1);
    struct http_message m = must_next(in);
    http_message_release(&m);
    assert_int_equal(f->queued, 0);
    inflow_close(f);
    http_inbox_free(in);
}

/* A flood of empty lines, or of single bytes, costs more than its bytes: that is counted. */
static void test_small_pieces_count_whole(void **state)
{
    (void)state;
    struct http_inbox *in = http_inbox_new(10000, 64);
    struct inflow *f = flow_new(in, HTTP_LINES, NULL);
    size_t taken = 0;
    while (inflow_data(f, "\n", 1) == INFLOW_TAKEN)
        taken++;
    assert_true(taken < 200);
    for (size_t i = 0; i < taken; i++)
        expect_data(in, "");
    assert_nothing(in);
    inflow_close(f);
    http_inbox_free(in);
}

static void test_piece_over_the_quota(void **state)
{
    (void)state;
    struct http_inbox *in = http_inbox_new(10, 100);
    struct inflow *f = flow_new(in, HTTP_LINES, NULL);
    put(f, "more than ten bytes\n", 20);
    assert_int_equal(inflow_data(f, "x\n", 2), INFLOW_PAUSED);
    expect_data(in, "more than ten bytes");
    assert_int_equal(resumed, 1);
    put(f, "x\n", 2);
    expect_data(in, "x");
    inflow_close(f);
    http_inbox_free(in);
}

static void test_close_keeps_messages_that_are_out(void **state)
{
    (void)state;
    struct http_inbox *in = http_inbox_new(65536, 64);
    struct inflow *f = flow_new(in, HTTP_LINES, NULL);
    struct inflow *other = flow_new(in, HTTP_LINES, NULL);
    put(f, "one\ntwo\nthr", 11);
    put(other, "a\n", 2);
    put(f, "ee\nfour\n", 8);
    put(other, "b\n", 2);
    struct http_message one = must_next(in);
    struct http_message two = must_next(in);
    inflow_close(f);
    expect_data(in, "a");
    expect_data(in, "b");
    assert_nothing(in);
    assert_string_equal(one.data, "one");
    assert_string_equal(two.data, "two");
    http_message_release(&one);
    assert_string_equal(two.data, "two");
    http_message_release(&two);
    http_message_release(&two); /* harmless */
    inflow_close(other);
    http_inbox_free(in);
}

static void test_streams_do_not_mix(void **state)
{
    (void)state;
    struct http_inbox *in = http_inbox_new(65536, 64);
    int a, b;
    struct inflow *fa = flow_new(in, HTTP_LINES, &a);
    struct inflow *fb = flow_new(in, HTTP_LINES, &b);
    put(fa, "aa", 2);
    put(fb, "b", 1);
    put(fa, "a\naa", 4);
    put(fb, "b\n", 2);
    put(fa, "\n", 1);
    const struct {
        const char *line;
        void *arg;
    } rows[] = {{"aaa", &a}, {"bb", &b}, {"aa", &a}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_message m = must_next(in);
        assert_string_equal(m.data, rows[i].line);
        assert_ptr_equal(m.arg, rows[i].arg);
        http_message_release(&m);
    }
    inflow_close(fa);
    inflow_close(fb);
    http_inbox_free(in);
}

static void *wake_thread(void *arg)
{
    http_inbox_wake(arg);
    return NULL;
}

static void test_wake_and_deadline(void **state)
{
    (void)state;
    struct http_inbox *in = http_inbox_new(65536, 64);
    struct http_message m;
    int64_t start = now_ns();
    assert_false(http_inbox_next(in, start + 20 * NS_PER_MS, &m));
    assert_true(now_ns() - start >= 20 * NS_PER_MS);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wake_thread, in), 0);
    assert_false(http_inbox_next(in, now_ns() + NS_PER_MIN, &m));
    assert_true(now_ns() - start < 30 * NS_PER_SEC);
    pthread_join(thread, NULL);
    /* A wake that nobody waited for is seen once, before messages. */
    struct inflow *f = flow_new(in, HTTP_LINES, NULL);
    put(f, "x\n", 2);
    http_inbox_wake(in);
    assert_false(http_inbox_next(in, now_ns() + NS_PER_MIN, &m));
    expect_data(in, "x");
    inflow_close(f);
    http_inbox_free(in);
    http_inbox_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_error_drops_the_unfinished_line),
        cmocka_unit_test(test_chunks_and_head),
        cmocka_unit_test(test_overlong_line),
        cmocka_unit_test(test_quota_and_resume),
        cmocka_unit_test(test_small_pieces_count_whole),
        cmocka_unit_test(test_piece_over_the_quota),
        cmocka_unit_test(test_close_keeps_messages_that_are_out),
        cmocka_unit_test(test_streams_do_not_mix),
        cmocka_unit_test(test_wake_and_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
