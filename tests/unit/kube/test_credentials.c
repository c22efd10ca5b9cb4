/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "kube/credentials.h"
#include "support/temp.h"

struct scene {
    struct temp temp;
    struct clock_manual hands;
    char *token_file;
    char *ca_file;
    struct credentials *c;
};

static void open_scene(struct scene *s)
{
    *s = (struct scene){0};
    temp_init(&s->temp);
    clock_manual_init(&s->hands, NS_PER_DAY);
    s->token_file = temp_puts(&s->temp, "token", " one\r\n");
    s->ca_file = temp_puts(&s->temp, "ca.crt", "CA1");
    char ca[] = "CA1";
    const struct kube_config config = {
        .ca_pem = ca, .ca_file = s->ca_file, .token_file = s->token_file};
    assert_null(credentials_new(&config, &s->hands.clock, &s->c));
}

static void close_scene(struct scene *s)
{
    credentials_free(s->c);
    free(s->token_file);
    free(s->ca_file);
    temp_release(&s->temp);
}

static void expect_token(struct scene *s, const char *want)
{
    auto_free char *header = credentials_authorization(s->c);
    assert_string_equal(header, want);
}

/* Writes the file; its modification time is told, as a clock would not tell fast changes apart. */
static void rewrite(struct scene *s, const char *name, const char *text, time_t when)
{
    auto_free char *path = temp_puts(&s->temp, name, text);
    const struct timespec times[] = {{.tv_sec = when}, {.tv_sec = when}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_token_is_read_every_minute(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    expect_token(&s, "Bearer one");
    rewrite(&s, "token", "two", 1);
    clock_manual_advance(&s.hands, NS_PER_MIN - 1);
    expect_token(&s, "Bearer one");
    clock_manual_advance(&s.hands, 1);
    expect_token(&s, "Bearer two");
    rewrite(&s, "token", "three", 1);
    expect_token(&s, "Bearer two");
    credentials_refused(s.c);
    expect_token(&s, "Bearer three");
    close_scene(&s);
}

/* The last good one stays while the file is gone or nonsense. */
static void test_unreadable_token(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    static const char *const nonsense[] = {"", "\n", "a b", "a\nX-Evil: 1", "a\x01", "\xc3\xa9"};
    for (size_t i = 0; i < ARRAY_LEN(nonsense); i++) {
        rewrite(&s, "token", nonsense[i], 1);
        credentials_refused(s.c);
        expect_token(&s, "Bearer one");
    }
    unlink(s.token_file);
    credentials_refused(s.c);
    expect_token(&s, "Bearer one");
    rewrite(&s, "token", "two", 1);
    expect_token(&s, "Bearer two"); /* looked for at each use */
    close_scene(&s);
}

static void test_bad_token_at_the_start(void **state)
{
    (void)state;
    struct clock_manual hands;
    clock_manual_init(&hands, NS_PER_DAY);
    char gone[] = "/nonexistent/token", evil[] = "a\r\nX-Evil: 1";
    const struct kube_config configs[] = {
        {.token_file = gone},
        {.token = {evil, sizeof(evil) - 1}},
    };
    static const enum err_kind kinds[] = {ERR_NOT_FOUND, ERR_INVALID};
    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        struct credentials *c = NULL;
        AUTO_ERR e = credentials_new(&configs[i], &hands.clock, &c);
        assert_true(err_is(e, kinds[i]));
        assert_null(strstr(e->message, "Evil"));
        assert_null(c);
    }
}

static void test_static_credentials(void **state)
{
    (void)state;
    struct clock_manual hands;
    clock_manual_init(&hands, NS_PER_DAY);
    char token[] = "fixed", cert[] = "CRT", key[] = "KEY";
    const struct kube_config config = {
        .token = {token, 5}, .cert_pem = cert, .key_pem = {key, 3}, .insecure = true};
    struct credentials *c = NULL;
    assert_null(credentials_new(&config, &hands.clock, &c));
    memset(token, 'x', 5); /* copied */
    memset(key, 'x', 3);
    credentials_refused(c);
    clock_manual_advance(&hands, NS_PER_HOUR);
    auto_free char *header = credentials_authorization(c);
    assert_string_equal(header, "Bearer fixed");
    const struct http_tls *tls = credentials_tls(c);
    assert_null(tls->ca_pem);
    assert_string_equal(tls->cert_pem, "CRT");
    assert_string_equal(tls->key_pem->data, "KEY");
    assert_true(tls->skip_verify);
    credentials_free(c);
}

static void test_nobody(void **state)
{
    (void)state;
    const struct kube_config config = {0};
    struct credentials *c = NULL;
    assert_null(credentials_new(&config, clock_system(), &c));
    assert_null(credentials_authorization(c));
    credentials_refused(c);
    assert_null(credentials_authorization(c));
    assert_null(credentials_tls(c)->key_pem);
    credentials_free(c);
    credentials_free(NULL);
}

static void test_ca_rotation(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    const struct http_tls *first = credentials_tls(s.c);
    assert_string_equal(first->ca_pem, "CA1");
    clock_manual_advance(&s.hands, NS_PER_MIN);
    assert_ptr_equal(credentials_tls(s.c), first); /* touched, but the same */
    rewrite(&s, "ca.crt", "CA2", 1000);
    assert_ptr_equal(credentials_tls(s.c), first); /* looked at once a minute */
    clock_manual_advance(&s.hands, NS_PER_MIN);
    const struct http_tls *second = credentials_tls(s.c);
    assert_string_equal(second->ca_pem, "CA2");
    assert_string_equal(first->ca_pem, "CA1"); /* requests in flight still read it */
    unlink(s.ca_file);
    clock_manual_advance(&s.hands, NS_PER_MIN);
    assert_ptr_equal(credentials_tls(s.c), second);
    close_scene(&s);
}

/* However often it changes: the newest is taken, and the one before is still there. */
static void test_ca_rotates_for_ever(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    const struct http_tls *before = credentials_tls(s.c);
    for (int i = 2; i < 100; i++) {
        auto_free char *pem = x_printf("CA%d", i), *old = x_printf("CA%d", i - 1);
        rewrite(&s, "ca.crt", pem, 1000 + i);
        clock_manual_advance(&s.hands, NS_PER_MIN);
        const struct http_tls *now = credentials_tls(s.c);
        assert_string_equal(now->ca_pem, pem);
        assert_string_equal(before->ca_pem, old);
        before = now;
    }
    close_scene(&s);
}

static void *use(void *arg)
{
    struct scene *s = arg;
    for (int i = 0; i < 200; i++) {
        auto_free char *header = credentials_authorization(s->c);
        assert_non_null(header);
        assert_non_null(credentials_tls(s->c)->ca_pem);
        credentials_refused(s->c);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use, &s), 0);
    for (int i = 2; i < 8; i++) {
        auto_free char *pem = x_printf("CA%d", i);
        rewrite(&s, "ca.crt", pem, 1000 + i);
        clock_manual_advance(&s.hands, NS_PER_MIN);
        assert_string_equal(credentials_tls(s.c)->ca_pem, pem);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_is_read_every_minute),
        cmocka_unit_test(test_unreadable_token),
        cmocka_unit_test(test_bad_token_at_the_start),
        cmocka_unit_test(test_static_credentials),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_ca_rotation),
        cmocka_unit_test(test_ca_rotates_for_ever),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
