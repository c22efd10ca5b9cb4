/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

#define MANY 5000

static void finds_what_was_put(void **state)
{
    (void)state;
    AUTO(map_release) struct map m = MAP_INIT(NULL);
    int values[MANY];
    char key[16];
    assert_null(map_get(&m, "none"));
    assert_false(map_has(&m, "none"));
    for (int i = 0; i < MANY; i++) {
        snprintf(key, sizeof(key), "key-%d", i);
        map_put(&m, key, &values[i]);
    }
    assert_int_equal(m.len, MANY);
    assert_true(m.bucket_count >= MANY / 2); /* it grew */
    for (int i = 0; i < MANY; i++) {
        snprintf(key, sizeof(key), "key-%d", i);
        assert_ptr_equal(map_get(&m, key), &values[i]);
    }
    assert_null(map_get(&m, "key-"));
    assert_null(map_get(&m, ""));
}

static void takes_and_removes(void **state)
{
    (void)state;
    AUTO(map_release) struct map m = MAP_INIT(free);
    char key[16];
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "%d", i);
        map_put(&m, key, x_strdup(key));
    }
    for (int i = 0; i < 100; i += 2) {
        snprintf(key, sizeof(key), "%d", i);
        auto_free char *value = map_take(&m, key);
        assert_string_equal(value, key);
        assert_null(map_take(&m, key));
    }
    assert_int_equal(m.len, 50);
    map_remove(&m, "1");
    map_remove(&m, "1");
    map_remove(&m, "2");
    assert_int_equal(m.len, 49);
    assert_false(map_has(&m, "1"));
    assert_string_equal(map_get(&m, "3"), "3");
    map_clear(&m);
    assert_int_equal(m.len, 0);
    assert_null(map_get(&m, "3"));
    assert_null(map_take(&m, "3"));
    map_put(&m, "3", x_strdup("again"));
    assert_string_equal(map_get(&m, "3"), "again");
}

static void replaces_and_frees_the_earlier_value(void **state)
{
    (void)state;
    AUTO(map_release) struct map m = MAP_INIT(free);
    map_put(&m, "k", x_strdup("old"));
    char *value = x_strdup("new");
    map_put(&m, "k", value);
    map_put(&m, "k", value); /* putting the same again must not free it */
    assert_int_equal(m.len, 1);
    assert_string_equal(map_get(&m, "k"), "new");
}

static void copies_keys(void **state)
{
    (void)state;
    AUTO(map_release) struct map m = MAP_INIT(NULL);
    char key[] = "key";
    map_put(&m, key, key);
    key[0] = 'X';
    assert_ptr_equal(map_get(&m, "key"), key);
    assert_null(map_get(&m, "Xey"));
}

static void null_is_a_value(void **state)
{
    (void)state;
    AUTO(map_release) struct map m = MAP_INIT(free);
    map_put(&m, "k", NULL);
    assert_null(map_get(&m, "k"));
    assert_true(map_has(&m, "k"));
    map_put(&m, "k", x_strdup("v"));
    map_put(&m, "k", NULL);
    map_remove(&m, "k");
    assert_false(map_has(&m, "k"));
}

struct visit {
    int seen[10];
    int count, limit;
};

static bool visit(void *arg, const char *key, void *value)
{
    struct visit *v = arg;
    v->seen[*key - '0']++;
    assert_int_equal(*(int *)value, *key - '0');
    return ++v->count < v->limit;
}

static void visits_each_once(void **state)
{
    (void)state;
    AUTO(map_release) struct map m = MAP_INIT(NULL);
    struct visit v = {.limit = 100};
    map_each(&m, visit, &v);
    assert_int_equal(v.count, 0);
    int values[10];
    for (int i = 0; i < 10; i++) {
        values[i] = i;
        map_put(&m, (const char[]){(char)('0' + i), '\0'}, &values[i]);
    }
    map_each(&m, visit, &v);
    for (int i = 0; i < 10; i++)
        assert_int_equal(v.seen[i], 1);
    v = (struct visit){.limit = 3};
    map_each(&m, visit, &v);
    assert_int_equal(v.count, 3);
}

static void hashes_all_bytes(void **state)
{
    (void)state;
    unsigned char data[32] = {0};
    for (size_t len = 0; len < sizeof(data); len++) {
        size_t hash = map_hash(data, len);
        assert_int_equal(hash, map_hash(data, len));
        assert_int_not_equal(hash, map_hash(data, len + 1));
        for (size_t i = 0; i < len; i++) {
            data[i] = 1;
            assert_int_not_equal(hash, map_hash(data, len));
            data[i] = 0;
        }
    }
}

/* The known answers were computed from the specification by an independent implementation. */
static void is_siphash_1_3(void **state)
{
    (void)state;
    unsigned char data[64];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)i;
    map_fix_seed(UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908));
    assert_int_equal(map_hash(data, 0), UINT64_C(0xabac0158050fc4dc));
    assert_int_equal(map_hash(data, 1), UINT64_C(0xc9f49bf37d57ca93));
    assert_int_equal(map_hash(data, 7), UINT64_C(0xd3927d989bb11140));
    assert_int_equal(map_hash(data, 8), UINT64_C(0x369095118d299a8e));
    assert_int_equal(map_hash(data, 63), UINT64_C(0x9d199062b7bbb3a8));
    map_fix_seed(1, 2);
    size_t hash = map_hash(data, 8);
    map_fix_seed(1, 3);
    assert_int_not_equal(hash, map_hash(data, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_put),
        cmocka_unit_test(takes_and_removes),
        cmocka_unit_test(replaces_and_frees_the_earlier_value),
        cmocka_unit_test(copies_keys),
        cmocka_unit_test(null_is_a_value),
        cmocka_unit_test(visits_each_once),
        cmocka_unit_test(hashes_all_bytes),
        cmocka_unit_test(is_siphash_1_3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
