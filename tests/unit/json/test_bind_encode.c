/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding, and that decoding and encoding are inverse to each other. */
#include "json/bind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/timefmt.h"
#include "json/sample.h"

static void assert_encodes(const struct bind_table *t, const void *value, const char *expected)
{
    json_auto_t *json = bind_encode(t, value);
    auto_free char *text = NULL;
    assert_null(json_to_string(json, 1 << 20, &text));
    assert_string_equal(text, expected);
}

static void every_type_is_written(void **state)
{
    (void)state;
    static const char *const names[] = {"x.y", "z"};
    static const struct bind_pair labels[] = {{"a", "1"}, {"b", ""}};
    static const struct sample_key keys[] = {{.algorithm = "ECDSA", .size = 256},
                                             {.encode_usages = true}};
    static const struct sample_condition conditions[] = {
        {.type = "Ready", .status = "True", .changed = NS_PER_SEC + 999, .generation = 7}};
    static const struct sample_marker marker = {0};
    static const struct sample_store store = {.password = {.name = "p"}};
    const struct sample s = {
        .name = "web",
        .labels = {labels, ARRAY_LEN(labels)},
        .spec = {.is_ca = true,
                 .secret_name = "web-tls",
                 .duration = 48 * NS_PER_HOUR,
                 .renew_before = 90 * NS_PER_MIN,
                 .history_limit = -3,
                 .dns_names = {names, ARRAY_LEN(names)},
                 .key = {.algorithm = "RSA", .encode_usages = true},
                 .issuer = {.name = "ca"},
                 .store = &store,
                 .self_signed = &marker,
                 .pod_template = "{\"a\": [1, null]}",
                 .additional_keys = {keys, ARRAY_LEN(keys)}},
        .status = {.conditions = {conditions, ARRAY_LEN(conditions)}, .not_after = NS_PER_DAY},
    };
    assert_encodes(
        &sample_table, &s,
        "{\"name\":\"web\",\"labels\":{\"a\":\"1\",\"b\":\"\"},\"spec\":{\"isCA\":true,"
        "\"secretName\":\"web-tls\",\"duration\":\"48h0m0s\",\"renewBefore\":\"1h30m0s\","
        "\"revisionHistoryLimit\":-3,\"dnsNames\":[\"x.y\",\"z\"],"
        "\"privateKey\":{\"algorithm\":\"RSA\",\"encodeUsages\":true},"
        "\"issuerRef\":{\"name\":\"ca\"},"
        "\"keystore\":{\"create\":false,\"password\":{\"name\":\"p\"}},"
        "\"selfSigned\":{},\"podTemplate\":{\"a\":[1,null]},"
        "\"additionalKeys\":[{\"algorithm\":\"ECDSA\",\"size\":256,\"encodeUsages\":false},"
        "{\"encodeUsages\":true}]},\"status\":{\"conditions\":[{\"type\":\"Ready\","
        "\"status\":\"True\",\"lastTransitionTime\":\"1970-01-01T00:00:01Z\","
        "\"observedGeneration\":7}],\"notAfter\":\"1970-01-02T00:00:00Z\"}}");
}

/* Absent members stay absent, unless that would decode to something else. */
static void zero_is_left_out_where_it_may_be(void **state)
{
    (void)state;
    assert_encodes(&sample_ref_table, &(struct sample_ref){0}, "{\"name\":\"\"}");
    assert_encodes(&sample_ref_table, &(struct sample_ref){.name = "n", .kind = ""},
                   "{\"name\":\"n\",\"kind\":\"\"}");
    assert_encodes(&sample_condition_table, &(struct sample_condition){.type = "Ready"},
                   "{\"type\":\"Ready\",\"status\":\"\"}");
    assert_encodes(&sample_status_table, &(struct sample_status){0}, "{}");
    /* Its required name alone does not bring an object back, its default set to nothing does. */
    assert_encodes(&sample_status_table, &(struct sample_status){.next = {.name = "", .kind = ""}},
                   "{\"next\":{\"name\":\"\",\"kind\":\"\"}}");
    assert_encodes(&sample_table, &(struct sample){0},
                   "{\"spec\":{\"secretName\":\"\",\"duration\":\"0s\",\"revisionHistoryLimit\":0,"
                   "\"privateKey\":{\"encodeUsages\":false},\"issuerRef\":{\"name\":\"\"}}}");
}

struct flags {
    const char *text;
    int64_t time;
    struct bind_strings list;
    struct bind_map map;
    const struct sample_ref *pointer;
    const char *json;
};
static const struct bind_field always_fields[] = {
    BIND_ROW(struct flags, STRING, text, "text", .flags = BIND_ALWAYS),
    BIND_ROW(struct flags, TIME, time, "time", .flags = BIND_ALWAYS),
    BIND_ROW(struct flags, STRINGS, list, "list", .flags = BIND_ALWAYS),
    BIND_ROW(struct flags, MAP, map, "map", .flags = BIND_ALWAYS),
    BIND_ROW(struct flags, POINTER, pointer, "pointer", .flags = BIND_ALWAYS,
             .table = &sample_ref_table),
    BIND_ROW(struct flags, JSON, json, "json", .flags = BIND_ALWAYS),
};
static const struct bind_table always_table = BIND_TABLE("Always", struct flags, always_fields);

static void always_writes_every_kind_of_nothing(void **state)
{
    (void)state;
    assert_encodes(&always_table, &(struct flags){0},
                   "{\"text\":\"\",\"time\":\"1970-01-01T00:00:00Z\",\"list\":[],\"map\":{},"
                   "\"pointer\":null,\"json\":null}");
}

static void text_that_is_not_utf8_is_still_written(void **state)
{
    (void)state;
    assert_encodes(&sample_ref_table, &(struct sample_ref){.name = "M\xFCller"},
                   "{\"name\":\"M?ller\"}");
}

static void equality(void **state)
{
    (void)state;
    static const char *const ab[] = {"a", "b"};
    static const char *const ba[] = {"b", "a"};
    const struct sample_condition x = {.type = "Ready", .hints = {ab, 2}};
    struct sample_condition y = x;
    assert_true(bind_equal(&sample_condition_table, &x, &y));
    y.status = "";
    assert_true(bind_equal(&sample_condition_table, &x, &y));
    y.hints.items = ba;
    assert_false(bind_equal(&sample_condition_table, &x, &y));
    y = x;
    y.generation = 1;
    assert_false(bind_equal(&sample_condition_table, &x, &y));
    const struct flags compact = {.json = "{\"a\":1,\"b\":[]}"};
    const struct flags spaced = {.json = "{ \"b\": [], \"a\": 1 }"};
    assert_true(bind_equal(&always_table, &compact, &spaced));
}

/* Equality is defined by what is encoded, though nothing is. */
static void assert_same_opinion(const struct bind_table *t, const void *a, const void *b, int *same)
{
    json_auto_t *x = bind_encode(t, a);
    json_auto_t *y = bind_encode(t, b);
    assert_int_equal(bind_equal(t, a, b), json_same(x, y));
    *same += json_same(x, y);
}

static void append_path(void *arg, const char *path, const struct bind_field *f)
{
    buf_putf(arg, "%s:%d\n", path, (int)f->type);
}

static void the_walk_names_every_field(void **state)
{
    (void)state;
    AUTO(buf_release) struct buf b = BUF_INIT(4096);
    bind_walk(&sample_status_table, append_path, &b);
    AUTO(buf_release) struct buf expected = BUF_INIT(4096);
    buf_putf(&expected,
             "conditions:%d\nconditions[].type:%d\nconditions[].status:%d\n"
             "conditions[].lastTransitionTime:%d\nconditions[].observedGeneration:%d\n"
             "conditions[].hints:%d\nnotAfter:%d\nnext:%d\nnext.name:%d\nnext.kind:%d\n",
             BIND_LIST, BIND_STRING, BIND_STRING, BIND_TIME, BIND_INT, BIND_STRINGS, BIND_TIME,
             BIND_OBJECT, BIND_STRING, BIND_STRING);
    assert_string_equal(buf_str(&b), buf_str(&expected));
}

/* Properties: random objects of the sample's schema. */
static uint64_t below(const struct rng *r, uint64_t bound)
{
    return rng_below(r, bound);
}

static json_t *random_json(const struct rng *r, int depth)
{
    switch (below(r, depth > 3 ? 4 : 6)) {
    case 0:
        return json_build("i", (int)below(r, 1000) - 500);
    case 1:
        return json_build("b", (int)below(r, 2));
    case 2:
        return json_build("s", "text \xE2\x82\xAC \"\\\n");
    case 3:
        return json_build("f", (double)below(r, 1000) / 8);
    case 4:
        return json_build("[o,o]", random_json(r, depth + 1), random_json(r, depth + 1));
    default:
        return json_build("{s:o,s:n}", "k", random_json(r, depth + 1), "z");
    }
}

static json_t *random_text(const struct rng *r)
{
    static const char *const texts[] = {
        "a",
        "example.com",
        "\xF0\x9F\x98\x80",
        "true",
        "0",
        " ",
        "a much longer text, which moves what follows in the block"};
    return json_new_string(texts[below(r, ARRAY_LEN(texts))]);
}

static json_t *random_choice(const struct rng *r, const char *const *choices)
{
    size_t n = 0;
    while (choices[n] != NULL)
        n++;
    return json_new_string(choices[below(r, n)]);
}

static json_t *random_struct(const struct rng *r, const struct bind_table *t);

static json_t *random_list(const struct rng *r, const struct bind_table *t)
{
    json_t *list = json_new_array();
    for (uint64_t n = below(r, 4) + 1; n > 0; n--)
        json_push(list, t == NULL ? random_text(r) : random_struct(r, t));
    return list;
}

static json_t *random_map(const struct rng *r)
{
    json_t *map = json_new_object();
    for (uint64_t n = below(r, 4) + 1; n > 0; n--) {
        auto_free char *key = x_printf("k%d", (int)below(r, 10));
        json_put(map, key, random_text(r));
    }
    return map;
}

static json_t *random_value(const struct rng *r, const struct bind_field *f)
{
    char text[RFC3339_MAX > DURATION_MAX ? RFC3339_MAX : DURATION_MAX];
    switch (f->type) {
    case BIND_STRING:
        return f->enumeration != NULL ? random_choice(r, f->enumeration) : random_text(r);
    case BIND_BOOL:
        return json_build("b", 1);
    case BIND_INT:
        return json_build("I", (json_int_t)(rng_u64(r) | 1));
    case BIND_TIME:
        rfc3339_format((int64_t)(1 + below(r, UINT64_C(7000000000))) * NS_PER_SEC, text);
        return json_new_string(text);
    case BIND_DURATION:
        duration_format(rng_between(r, 1, 1000 * NS_PER_DAY), text);
        return json_new_string(text);
    case BIND_OBJECT:
    case BIND_POINTER:
        return random_struct(r, f->table);
    case BIND_STRINGS:
        return random_list(r, NULL);
    case BIND_MAP:
        return random_map(r);
    case BIND_LIST:
        return random_list(r, f->table);
    case BIND_JSON:
        return random_json(r, 0);
    }
    fail();
    return NULL;
}

/* In the form that encoding gives: what has a default is there, what is there is not zero. */
static json_t *random_struct(const struct rng *r, const struct bind_table *t)
{
    json_t *object = json_new_object();
    for (size_t i = 0; i < t->count; i++) {
        const struct bind_field *f = &t->fields[i];
        if (f->flags != 0 || f->dflt != NULL || f->type == BIND_OBJECT || below(r, 2) == 0)
            json_put(object, f->name, random_value(r, f));
    }
    return object;
}

static void encoding_inverts_decoding(void **state)
{
    (void)state;
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, 20261121);
    for (int round = 0; round < 2000; round++) {
        json_auto_t *json = random_struct(&seeded.rng, &sample_table);
        void *block = NULL;
        struct err *e = bind_decode(&sample_table, json, &block);
        if (e != NULL)
            fail_msg("round %d: %s", round, e->message);
        json_auto_t *again = bind_encode(&sample_table, block);
        if (!json_same(json, again)) {
            auto_free char *in = NULL;
            auto_free char *out = NULL;
            assert_null(json_to_string(json, 1 << 20, &in));
            assert_null(json_to_string(again, 1 << 20, &out));
            fail_msg("round %d:\n%s\n%s", round, in, out);
        }
        free(block);
    }
}

/* Anywhere in the object another type: an error or an object that survives the round trip. */
static void mutate(const struct rng *r, json_t *value)
{
    size_t n = json_count(value);
    if (n == 0)
        return;
    json_t *at = NULL;
    if (json_item(value, 0) != NULL) {
        at = json_item(value, below(r, n));
        if (below(r, 3) == 0)
            json_push(value, random_json(r, 0));
        else
            mutate(r, at);
        return;
    }
    static const char *const names[] = {"spec",      "status",     "labels",         "privateKey",
                                        "algorithm", "conditions", "duration",       "dnsNames",
                                        "name",      "notAfter",   "additionalKeys", "keystore"};
    const char *name = names[below(r, ARRAY_LEN(names))];
    at = JGET(value, name);
    if (at == NULL || below(r, 4) == 0)
        json_put(value, name, random_json(r, 0));
    else
        mutate(r, at);
}

static void damaged_objects_fail_or_survive_the_round_trip(void **state)
{
    (void)state;
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, 42);
    int refused = 0;
    for (int round = 0; round < 2000; round++) {
        json_auto_t *json = random_struct(&seeded.rng, &sample_table);
        for (int i = 0; i < 3; i++)
            mutate(&seeded.rng, json);
        void *first = NULL;
        AUTO_ERR e = bind_decode(&sample_table, json, &first);
        if (e != NULL) {
            refused++;
            continue;
        }
        json_auto_t *again = bind_encode(&sample_table, first);
        void *second = NULL;
        assert_null(bind_decode(&sample_table, again, &second));
        assert_true(bind_equal(&sample_table, first, second));
        free(first);
        free(second);
    }
    assert_in_range(refused, 200, 1900);
}

static void equality_is_that_of_what_is_encoded(void **state)
{
    (void)state;
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, 7);
    int compared = 0, same = 0;
    for (int round = 0; round < 4000; round++) {
        json_auto_t *json = random_struct(&seeded.rng, &sample_table);
        json_auto_t *other = json_copy_deep(json);
        mutate(&seeded.rng, other);
        void *a = NULL, *b = NULL;
        AUTO_ERR e = bind_decode(&sample_table, json, &a);
        if (e == NULL)
            e = bind_decode(&sample_table, other, &b);
        if (e == NULL) {
            assert_same_opinion(&sample_table, a, b, &same);
            compared++;
        }
        free(a);
        free(b);
    }
    assert_in_range(compared, 500, 4000);
    assert_in_range(same, 50, compared - 50);
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_written),
        cmocka_unit_test(zero_is_left_out_where_it_may_be),
        cmocka_unit_test(always_writes_every_kind_of_nothing),
        cmocka_unit_test(text_that_is_not_utf8_is_still_written),
        cmocka_unit_test(equality),
        cmocka_unit_test(the_walk_names_every_field),
        cmocka_unit_test(encoding_inverts_decoding),
        cmocka_unit_test(damaged_objects_fail_or_survive_the_round_trip),
        cmocka_unit_test(equality_is_that_of_what_is_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
