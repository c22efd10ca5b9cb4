/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/provider_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NOW (1000 * NS_PER_SEC)

struct scene {
    struct clock_manual hands;
    struct dns_env env;
};

static void scene_open(struct scene *s)
{
    *s = (struct scene){.env = {.clock = &s->hands.clock, .scope = "one"}};
    clock_manual_init(&s->hands, NOW);
    s->env.memory = dns_memory_new();
}

static void scene_close(struct scene *s)
{
    dns_memory_free(s->env.memory);
}
#define SCENE AUTO(scene_close) struct scene

static void set(struct scene *s, const char *key, const char *text, int64_t until)
{
    AUTO(secret_release) struct secret copy = secret_copy(text, strlen(text));
    dns_memory_set(&s->env, key, &copy, until);
}

/* NULL = nothing. */
static void expect(struct scene *s, const char *key, const char *text)
{
    AUTO(secret_release) struct secret found = {0};
    dns_memory_get(&s->env, key, &found);
    if (text == NULL)
        assert_null(found.data);
    else
        assert_string_equal(found.data, text);
}

static void what_is_set_is_there_until_its_end(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    expect(&s, "token", NULL);
    set(&s, "token", "abc", NOW + 10);
    expect(&s, "token", "abc");
    set(&s, "token", "def", NOW + 20);
    expect(&s, "token", "def");
    clock_manual_advance(&s.hands, 19);
    expect(&s, "token", "def");
    clock_manual_advance(&s.hands, 1);
    expect(&s, "token", NULL);
    set(&s, "token", "late", NOW);
    expect(&s, "token", NULL);
}

static void scopes_do_not_see_each_other(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    set(&s, "token", "abc", NOW + NS_PER_SEC);
    s.env.scope = "two";
    expect(&s, "token", NULL);
    set(&s, "token", "def", NOW + NS_PER_SEC);
    dns_memory_drop(&s.env, "token");
    expect(&s, "token", NULL);
    s.env.scope = "one";
    expect(&s, "token", "abc");
    dns_memory_drop(&s.env, "token");
    dns_memory_drop(&s.env, "token");
    expect(&s, "token", NULL);
}

static void the_first_to_end_makes_room(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    for (int i = 0; i < 4096; i++) {
        auto_free char *key = x_printf("k%d", i);
        set(&s, key, "v", NOW + NS_PER_SEC + (i == 77 ? 0 : i + 1));
    }
    set(&s, "k77", "again", NOW + NS_PER_SEC); /* in its own place */
    expect(&s, "k0", "v");
    set(&s, "more", "v", NOW + NS_PER_HOUR);
    expect(&s, "more", "v");
    expect(&s, "k77", NULL);
    expect(&s, "k0", "v");
    set(&s, "evenmore", "v", NOW + NS_PER_HOUR);
    expect(&s, "k0", NULL);
    expect(&s, "k4095", "v");
}

static void what_is_too_long_is_not_kept(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    char text[8194];
    memset(text, 'x', sizeof(text));
    text[8192] = '\0';
    set(&s, "key", text, NOW + NS_PER_SEC);
    expect(&s, "key", text);
    text[8192] = 'x';
    text[8193] = '\0';
    set(&s, "key", text, NOW + NS_PER_SEC);
    expect(&s, "key", NULL); /* nor is what was there before */
}

static void *work(void *arg)
{
    struct scene *s = arg;
    for (int i = 0; i < 500; i++) {
        auto_free char *key = x_printf("k%d", i % 7);
        AUTO(secret_release) struct secret found = {0};
        dns_memory_set(&s->env, key, &(struct secret){.data = key, .len = strlen(key)},
                       NOW + NS_PER_SEC);
        dns_memory_get(&s->env, key, &found);
        if (i % 5 == 0)
            dns_memory_drop(&s->env, key);
        if (found.data != NULL && strcmp(found.data, key) != 0)
            return s;
    }
    return NULL;
}

static void threads_share_it(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &s), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    dns_memory_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_set_is_there_until_its_end),
        cmocka_unit_test(scopes_do_not_see_each_other),
        cmocka_unit_test(the_first_to_end_makes_room),
        cmocka_unit_test(what_is_too_long_is_not_kept),
        cmocka_unit_test(threads_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
