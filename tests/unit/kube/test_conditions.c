/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/conditions.h"

#define T0 (INT64_C(1790000000) * NS_PER_SEC)

static void put(struct condition_set *s, const char *type, const char *status, int64_t now)
{
    const struct condition c = {
        .type = type, .status = status, .reason = "R", .message = "m", .observed_generation = 3};
    condition_set_put(s, &c, now);
}

static int64_t since(const struct condition_set *s, const char *type)
{
    const struct condition *c = condition_find(s->items, s->len, type);
    assert_non_null(c);
    return c->last_transition_time;
}

static void test_transition_time(void **state)
{
    (void)state;
    AUTO(condition_set_release) struct condition_set s;
    condition_set_init(&s, NULL, 0);
    put(&s, "Ready", "False", T0 + 5);
    assert_true(since(&s, "Ready") == T0); /* whole seconds, as on the wire */
    put(&s, "Ready", "False", T0 + NS_PER_HOUR);
    assert_true(since(&s, "Ready") == T0);
    put(&s, "Ready", "True", T0 + NS_PER_HOUR);
    assert_true(since(&s, "Ready") == T0 + NS_PER_HOUR);
    assert_int_equal(s.len, 1);
    assert_true(condition_is_true(s.items, s.len, "Ready"));
}

static void test_starts_from_what_is_there(void **state)
{
    (void)state;
    const struct condition old[] = {
        {.type = "Ready", .status = "True", .last_transition_time = T0, .message = "old"},
        {.type = "Issuing", .status = "True", .last_transition_time = T0},
    };
    AUTO(condition_set_release) struct condition_set s;
    condition_set_init(&s, old, 2);
    put(&s, "Ready", "True", T0 + NS_PER_HOUR);
    assert_true(since(&s, "Ready") == T0);
    assert_string_equal(s.items[0].message, "m");
    assert_string_equal(s.items[0].reason, "R");
    assert_int_equal(s.items[0].observed_generation, 3);
    assert_string_equal(old[0].message, "old");
}

static void test_remove(void **state)
{
    (void)state;
    AUTO(condition_set_release) struct condition_set s;
    condition_set_init(&s, NULL, 0);
    put(&s, "A", "True", T0);
    put(&s, "B", "False", T0);
    put(&s, "C", "Unknown", T0);
    condition_set_remove(&s, "A");
    condition_set_remove(&s, "A");
    assert_int_equal(s.len, 2);
    assert_null(condition_find(s.items, s.len, "A"));
    assert_false(condition_is_true(s.items, s.len, "A"));
    assert_false(condition_is_true(s.items, s.len, "B"));
    assert_false(condition_is_true(s.items, s.len, "C"));
    put(&s, "D", "True", T0);
    condition_set_remove(&s, "D");
    put(&s, "B", "True", T0);
    assert_string_equal(s.items[0].type, "B");
    assert_string_equal(s.items[1].type, "C");
}

static void test_message_is_cut_and_cleaned(void **state)
{
    (void)state;
    AUTO(condition_set_release) struct condition_set s;
    condition_set_init(&s, NULL, 0);
    char text[2000];
    memset(text, 'x', sizeof(text));
    memcpy(text, "a\nb", 3);
    memcpy(text + CONDITION_MESSAGE_MAX - 1, "\xe2\x82\xac", 3); /* across the limit */
    text[sizeof(text) - 1] = '\0';
    const struct condition c = {.type = "Ready", .status = "False", .message = text};
    condition_set_put(&s, &c, T0);
    assert_int_equal(strlen(s.items[0].message), CONDITION_MESSAGE_MAX - 1);
    assert_memory_equal(s.items[0].message, "a?bx", 4);
    assert_int_equal(s.items[0].message[CONDITION_MESSAGE_MAX - 2], 'x');

    const struct condition none = {.type = "Ready", .status = "False"};
    condition_set_put(&s, &none, T0);
    assert_string_equal(s.items[0].message, "");
    condition_set_put(&s, &s.items[0], T0); /* its own message */
    assert_string_equal(s.items[0].message, "");
}

static void test_maximum(void **state)
{
    (void)state;
    struct condition many[CONDITIONS_MAX + 2];
    char types[CONDITIONS_MAX + 2][8];
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        snprintf(types[i], sizeof(types[i]), "T%zu", i);
        many[i] = (struct condition){.type = types[i], .status = "True"};
    }
    AUTO(condition_set_release) struct condition_set s;
    condition_set_init(&s, many, ARRAY_LEN(many));
    assert_int_equal(s.len, CONDITIONS_MAX);
    put(&s, "One more", "True", T0);
    assert_int_equal(s.len, CONDITIONS_MAX);
    put(&s, "T0", "False", T0);
    assert_string_equal(s.items[0].status, "False");
}

struct holder {
    condition_list conditions;
};

static void test_wire_form(void **state)
{
    (void)state;
    static const struct bind_field fields[] = {
        BIND_ROW(struct holder, LIST, conditions, "conditions", .table = &condition_table),
    };
    static const struct bind_table table = BIND_TABLE("Holder", struct holder, fields);
    AUTO(condition_set_release) struct condition_set s;
    condition_set_init(&s, NULL, 0);
    put(&s, "Ready", "True", T0);
    const struct holder h = {.conditions = {.items = s.items, .len = s.len}};
    json_auto_t *json = bind_encode(&table, &h);
    auto_free char *text = NULL;
    assert_null(json_to_string(json, 1024, &text));
    assert_string_equal(text, "{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\","
                              "\"lastTransitionTime\":\"2026-09-21T14:13:20Z\",\"reason\":\"R\","
                              "\"message\":\"m\",\"observedGeneration\":3}]}");
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transition_time), cmocka_unit_test(test_starts_from_what_is_there),
        cmocka_unit_test(test_remove),          cmocka_unit_test(test_message_is_cut_and_cleaned),
        cmocka_unit_test(test_maximum),         cmocka_unit_test(test_wire_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
