/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/fresh_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

struct stage {
    struct clock_manual clock;
    struct fresh_keys *keys;
};

static void stage_open(struct stage *g)
{
    clock_manual_init(&g->clock, 1);
    g->keys = fresh_keys_new(&g->clock.clock);
}

static void put(struct stage *g, const char *uid, const char *version, const char *text)
{
    AUTO(secret_release) struct secret pem = secret_copy(text, strlen(text));
    fresh_keys_put(g->keys, uid, version, &pem);
}

/* want: NULL when there is none. */
static void expect_taken(struct stage *g, const char *uid, const char *version, const char *want)
{
    AUTO(secret_release) struct secret pem = {0};
    bool found = fresh_keys_take(g->keys, uid, version, &pem);
    assert_int_equal(found, want != NULL);
    if (want != NULL)
        assert_string_equal(pem.data, want);
    else
        assert_null(pem.data);
}

static void a_key_is_handed_out_once(void **state)
{
    (void)state;
    struct stage g;
    stage_open(&g);
    expect_taken(&g, "a", "1", NULL);
    put(&g, "a", "1", "key a");
    put(&g, "b", "2", "key b");
    expect_taken(&g, "a", "1", "key a");
    expect_taken(&g, "a", "1", NULL);
    expect_taken(&g, "b", "2", "key b");
    fresh_keys_free(g.keys);
    fresh_keys_free(NULL);
}

/* Somebody has written the Secret since: what it holds now is to be read. */
static void another_version_is_another_key(void **state)
{
    (void)state;
    struct stage g;
    stage_open(&g);
    put(&g, "a", "1", "key a");
    expect_taken(&g, "a", "2", NULL);
    expect_taken(&g, "a", "1", NULL); /* it was of no use any more */
    put(&g, "a", "1", "key a");
    put(&g, "a", "3", "another");
    expect_taken(&g, "a", "3", "another");
    put(&g, NULL, "1", "key");
    put(&g, "c", NULL, "key");
    expect_taken(&g, "c", "1", NULL);
    fresh_keys_free(g.keys);
}

static void it_is_forgotten_after_two_minutes(void **state)
{
    (void)state;
    struct stage g;
    stage_open(&g);
    put(&g, "a", "1", "key a");
    put(&g, "b", "1", "key b");
    clock_manual_advance(&g.clock, 119 * NS_PER_SEC);
    put(&g, "c", "1", "key c");
    fresh_keys_trim(g.keys);
    expect_taken(&g, "a", "1", "key a");
    clock_manual_advance(&g.clock, NS_PER_SEC);
    expect_taken(&g, "b", "1", NULL);
    put(&g, "b", "1", "key b");
    fresh_keys_trim(g.keys);
    expect_taken(&g, "b", "1", "key b");
    expect_taken(&g, "c", "1", "key c");
    fresh_keys_free(g.keys);
}

/* However many are stored at once: the ones before have to be read, and none is taken for another's. */
static void it_is_bounded(void **state)
{
    (void)state;
    struct stage g;
    stage_open(&g);
    char uid[16];
    unsigned found = 0;
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(uid, sizeof(uid), "%u", i);
        put(&g, uid, "1", uid);
    }
    for (unsigned i = 0; i < 10000; i++) {
        AUTO(secret_release) struct secret pem = {0};
        snprintf(uid, sizeof(uid), "%u", i);
        if (fresh_keys_take(g.keys, uid, "1", &pem)) {
            assert_string_equal(pem.data, uid);
            found++;
        }
    }
    assert_in_range(found, 2048, 4096);
    fresh_keys_free(g.keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_handed_out_once),
        cmocka_unit_test(another_version_is_another_key),
        cmocka_unit_test(it_is_forgotten_after_two_minutes),
        cmocka_unit_test(it_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
