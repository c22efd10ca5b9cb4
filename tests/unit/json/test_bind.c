/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding: what arrives in the struct, what is refused and with which words. */
#include "json/bind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "json/sample.h"

#define MINIMAL "{\"spec\": {\"secretName\": \"s\", \"issuerRef\": {\"name\": \"i\"}}}"

static json_t *parsed(const char *text)
{
    json_t *value = NULL;
    struct err *e = json_parse(text, strlen(text), &value);
    if (e != NULL)
        fail_msg("%s: %s", text, e->message);
    return value;
}

static void *decoded(const struct bind_table *t, const char *text)
{
    json_auto_t *json = parsed(text);
    void *block = NULL;
    struct err *e = bind_decode(t, json, &block);
    if (e != NULL)
        fail_msg("%s: %s", text, e->message);
    return block;
}

static void assert_refused_json(const struct bind_table *t, const json_t *json, const char *message)
{
    void *block = NULL;
    AUTO_ERR e = bind_decode(t, json, &block);
    assert_non_null(e);
    assert_null(block);
    assert_int_equal(e->kind, ERR_INVALID);
    assert_string_equal(e->reason, "InvalidField");
    assert_string_equal(e->message, message);
}

static void every_type_arrives(void **state)
{
    (void)state;
    auto_free struct sample *s = decoded(
        &sample_table,
        "{\"name\": \"web\", \"labels\": {\"b\": \"2\", \"a\": \"1\", \"c\": \"\"}, \"unknown\": "
        "[{}],"
        " \"spec\": {\"isCA\": true, \"secretName\": \"web-tls\", \"duration\": \"48h\","
        "  \"renewBefore\": \"1h30m\", \"revisionHistoryLimit\": -3, \"dnsNames\": [\"x.y\", "
        "\"z\"],"
        "  \"privateKey\": {\"algorithm\": \"ECDSA\", \"size\": 256, \"encodeUsages\": false},"
        "  \"issuerRef\": {\"name\": \"ca\", \"kind\": \"ClusterIssuer\"},"
        "  \"keystore\": {\"create\": true, \"password\": {\"name\": \"p\"}}, \"selfSigned\": {},"
        "  \"podTemplate\": {\"a\": [1, null, \"x\"]},"
        "  \"additionalKeys\": [{\"size\": 1}, {\"algorithm\": \"Ed25519\"}]},"
        " \"status\": {\"notAfter\": \"2026-11-21T09:24:42Z\", \"conditions\": ["
        "  {\"type\": \"Ready\", \"status\": \"True\", \"hints\": [\"h\"],"
        "   \"lastTransitionTime\": \"1970-01-01T00:00:01Z\", \"observedGeneration\": 7},"
        "  {\"type\": \"Issuing\"}]}}");
    assert_string_equal(s->name, "web");
    assert_int_equal(s->labels.len, 3);
    assert_string_equal(s->labels.items[0].key, "a");
    assert_string_equal(s->labels.items[1].key, "b");
    assert_string_equal(s->labels.items[2].value, "");
    assert_true(s->spec.is_ca);
    assert_string_equal(s->spec.secret_name, "web-tls");
    assert_int_equal(s->spec.duration, 48 * NS_PER_HOUR);
    assert_int_equal(s->spec.renew_before, 90 * NS_PER_MIN);
    assert_int_equal(s->spec.history_limit, -3);
    assert_int_equal(s->spec.dns_names.len, 2);
    assert_string_equal(s->spec.dns_names.items[1], "z");
    assert_string_equal(s->spec.key.algorithm, "ECDSA");
    assert_int_equal(s->spec.key.size, 256);
    assert_false(s->spec.key.encode_usages);
    assert_string_equal(s->spec.issuer.kind, "ClusterIssuer");
    assert_true(s->spec.store->create);
    assert_string_equal(s->spec.store->password.name, "p");
    assert_string_equal(s->spec.store->password.kind, "Issuer");
    assert_non_null(s->spec.self_signed);
    assert_string_equal(s->spec.pod_template, "{\"a\":[1,null,\"x\"]}");
    assert_int_equal(s->spec.additional_keys.len, 2);
    assert_string_equal(s->spec.additional_keys.items[0].algorithm, "RSA");
    assert_int_equal(s->spec.additional_keys.items[0].size, 1);
    assert_string_equal(s->spec.additional_keys.items[1].algorithm, "Ed25519");
    assert_int_equal(s->status.not_after, INT64_C(1795253082) * NS_PER_SEC);
    assert_int_equal(s->status.conditions.len, 2);
    assert_int_equal(s->status.conditions.items[0].changed, NS_PER_SEC);
    assert_int_equal(s->status.conditions.items[0].generation, 7);
    assert_string_equal(s->status.conditions.items[0].hints.items[0], "h");
    assert_string_equal(s->status.conditions.items[1].type, "Issuing");
    assert_null(s->status.conditions.items[1].status);
}

static void assert_minimal(const char *text)
{
    auto_free struct sample *s = decoded(&sample_table, text);
    assert_null(s->name);
    assert_int_equal(s->labels.len, 0);
    assert_null(s->labels.items);
    assert_false(s->spec.is_ca);
    assert_int_equal(s->spec.duration, 2160 * NS_PER_HOUR);
    assert_int_equal(s->spec.renew_before, 0);
    assert_int_equal(s->spec.history_limit, 1);
    assert_null(s->spec.dns_names.items);
    assert_string_equal(s->spec.key.algorithm, "RSA");
    assert_true(s->spec.key.encode_usages);
    assert_string_equal(s->spec.issuer.kind, "Issuer");
    assert_null(s->spec.store);
    assert_null(s->spec.self_signed);
    assert_null(s->spec.pod_template);
    assert_null(s->spec.additional_keys.items);
    assert_null(s->status.next.name);
    assert_string_equal(s->status.next.kind, "Issuer");
}

static void absent_null_and_empty_give_zero_and_defaults(void **state)
{
    (void)state;
    assert_minimal(MINIMAL);
    assert_minimal("{\"name\": null, \"labels\": null, \"status\": null, \"spec\": {\"isCA\": null,"
                   " \"secretName\": \"s\", \"duration\": null, \"revisionHistoryLimit\": null,"
                   " \"dnsNames\": null, \"privateKey\": null, \"keystore\": null,"
                   " \"selfSigned\": null, \"podTemplate\": null, \"additionalKeys\": null,"
                   " \"issuerRef\": {\"name\": \"i\", \"kind\": null}}}");
    assert_minimal(
        "{\"labels\": {}, \"status\": {\"conditions\": []}, \"spec\": {\"secretName\": \"s\","
        " \"dnsNames\": [], \"privateKey\": {}, \"additionalKeys\": [],"
        " \"issuerRef\": {\"name\": \"i\"}}}");
}

static const struct {
    const char *json;
    const char *message;
} refusals[] = {
    {"[]", "Sample: expected object, got list"},
    {"null", "Sample: expected object, got null"},
    {"{}", "spec: required"},
    {"{\"spec\": null}", "spec: required"},
    {"{\"spec\": {}}", "spec.secretName: required"},
    {"{\"spec\": {\"secretName\": \"s\", \"issuerRef\": {\"name\": 5}}}",
     "spec.issuerRef.name: expected string, got number"},
    {"{\"spec\": {\"secretName\": \"s\", \"issuerRef\": {}}}", "spec.issuerRef.name: required"},
    {"{\"spec\": {\"secretName\": \"s\", \"issuerRef\": {\"name\": null}}}",
     "spec.issuerRef.name: required"},
    {"{\"spec\": {\"secretName\": [\"s\"]}}", "spec.secretName: expected string, got list"},
    {"{\"spec\": {\"isCA\": \"true\"}}", "spec.isCA: expected boolean, got string"},
    {"{\"spec\": {\"secretName\": \"s\", \"revisionHistoryLimit\": 1.0}}",
     "spec.revisionHistoryLimit: expected integer, got number"},
    {"{\"spec\": {\"secretName\": \"s\", \"duration\": 1}}",
     "spec.duration: expected string, got number"},
    {"{\"spec\": {\"secretName\": \"s\", \"duration\": \"1y\"}}",
     "spec.duration: \"1y\" is not a duration such as 2160h"},
    {"{\"spec\": {\"secretName\": \"s\", \"dnsNames\": [\"a\", \"b\", \"c\", true]}}",
     "spec.dnsNames[3]: expected string, got boolean"},
    {"{\"spec\": {\"secretName\": \"s\", \"dnsNames\": [null]}}",
     "spec.dnsNames[0]: expected string, got null"},
    {"{\"spec\": {\"secretName\": \"s\", \"dnsNames\": \"a\"}}",
     "spec.dnsNames: expected list, got string"},
    {"{\"spec\": {\"secretName\": \"s\", \"privateKey\": {\"algorithm\": \"FOO\"}}}",
     "spec.privateKey.algorithm: \"FOO\" is not one of RSA, ECDSA, Ed25519"},
    {"{\"spec\": {\"secretName\": \"s\", \"privateKey\": \"RSA\"}}",
     "spec.privateKey: expected object, got string"},
    {"{\"spec\": {\"secretName\": \"s\", \"issuerRef\": {\"name\": \"i\"}, \"keystore\": []}}",
     "spec.keystore: expected object, got list"},
    {"{\"spec\": {\"secretName\": \"s\", \"issuerRef\": {\"name\": \"i\"}, \"keystore\": {}}}",
     "spec.keystore.create: required"},
    {"{\"spec\": {\"secretName\": \"s\", \"issuerRef\": {\"name\": \"i\"},"
     " \"additionalKeys\": [{}, 1]}}",
     "spec.additionalKeys[1]: expected object, got number"},
    {"{\"spec\": {\"secretName\": \"s\", \"issuerRef\": {\"name\": \"i\"},"
     " \"additionalKeys\": {}}}",
     "spec.additionalKeys: expected list, got object"},
    {"{\"labels\": []}", "labels: expected object, got list"},
    {"{\"labels\": {\"app.x/y\": 1}}", "labels[app.x/y]: expected string, got number"},
    {"{\"spec\": {\"secretName\": \"s\", \"issuerRef\": {\"name\": \"i\"}},"
     " \"status\": {\"conditions\": [{\"type\": \"a\"}, {\"status\": \"True\"}]}}",
     "status.conditions[1].type: required"},
    {"{\"spec\": {\"secretName\": \"s\", \"issuerRef\": {\"name\": \"i\"}},"
     " \"status\": {\"conditions\": [{\"type\": \"a\", \"hints\": [\"\", {}]}]}}",
     "status.conditions[0].hints[1]: expected string, got object"},
    {"{\"spec\": {\"secretName\": \"s\", \"issuerRef\": {\"name\": \"i\"}},"
     " \"status\": {\"notAfter\": \"tomorrow\"}}",
     "status.notAfter: \"tomorrow\" is not a time such as 2026-11-21T09:24:42Z"},
    {"{\"spec\": {\"secretName\": \"s\", \"issuerRef\": {\"name\": \"i\"}},"
     " \"status\": {\"next\": {}}}",
     "status.next.name: required"},
};

static void errors_name_the_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        json_auto_t *json = parsed(refusals[i].json);
        assert_refused_json(&sample_table, json, refusals[i].message);
    }
    assert_refused_json(&sample_table, NULL, "Sample: expected object, got nothing");
}

static void messages_quote_little_and_nothing_harmful(void **state)
{
    (void)state;
    json_auto_t *json =
        json_build("{s:s}", "algorithm",
                   "FOO\n\x1B[31m 0123456789012345678901234567890123456789012345678901\xC3\xBC!");
    assert_refused_json(
        &sample_key_table, json,
        "algorithm: \"FOO??[31m 0123456789012345678901234567890123456789012345678901\""
        " is not one of RSA, ECDSA, Ed25519");

    auto_free char *key = x_alloc(100001);
    memset(key, 'k', 100000);
    key[100000] = '\0';
    json_auto_t *labels = json_build("{s:{s:n}}", "labels", key);
    void *block = NULL;
    AUTO_ERR e = bind_decode(&sample_table, labels, &block);
    assert_true(err_is(e, ERR_INVALID));
    assert_true(strlen(e->message) < 200);
}

/* The block ends where its content ends: ASan watches its borders, this test what lies between. */
static void one_block_holds_all_and_is_aligned(void **state)
{
    (void)state;
    for (size_t pad = 0; pad < 20; pad++) {
        auto_free char *name = x_calloc(1, pad + 1);
        memset(name, 'n', pad);
        json_auto_t *json = json_build(
            "{s:s, s:{s:s}, s:{s:s, s:{s:s}, s:{s:b}, s:[s,s], s:[{s:i}, {s:i}]}}", "name", name,
            "labels", "k", name, "spec", "secretName", name, "issuerRef", "name", "", "keystore",
            "create", 1, "dnsNames", "", name, "additionalKeys", "size", 3, "size", 4);
        void *block = NULL;
        assert_null(bind_decode(&sample_table, json, &block));
        const struct sample *s = block;
        assert_int_equal((uintptr_t)s->labels.items % _Alignof(struct bind_pair), 0);
        assert_int_equal((uintptr_t)s->spec.dns_names.items % _Alignof(char *), 0);
        assert_int_equal((uintptr_t)s->spec.store % _Alignof(struct sample_store), 0);
        assert_int_equal((uintptr_t)s->spec.additional_keys.items % _Alignof(struct sample_key), 0);
        assert_int_equal(s->spec.additional_keys.items[1].size, 4);
        assert_string_equal(s->name, name);
        assert_string_equal(s->labels.items[0].value, name);
        assert_string_equal(s->spec.dns_names.items[1], name);
        free(block);
    }
}

static void lists_and_maps_have_a_maximum(void **state)
{
    (void)state;
    json_auto_t *names = json_new_array();
    json_auto_t *keys = json_new_array();
    json_auto_t *labels = json_new_object();
    for (int i = 0; i < 10000; i++) {
        auto_free char *text = x_printf("%d", i);
        json_push(names, json_new_string(text));
        json_push(keys, json_new_object());
        json_put_str(labels, text, text);
    }
    json_auto_t *json =
        json_build("{s:O, s:{s:s, s:{s:s}, s:O, s:O}}", "labels", labels, "spec", "secretName", "s",
                   "issuerRef", "name", "i", "dnsNames", names, "additionalKeys", keys);
    void *block = NULL;
    assert_null(bind_decode(&sample_table, json, &block));
    const struct sample *s = block;
    assert_int_equal(s->spec.dns_names.len, 10000);
    assert_int_equal(s->spec.additional_keys.len, 10000);
    assert_string_equal(s->spec.dns_names.items[9999], "9999");
    for (size_t i = 1; i < s->labels.len; i++)
        assert_true(strcmp(s->labels.items[i - 1].key, s->labels.items[i].key) < 0);
    free(block);

    json_push(keys, json_new_object());
    assert_refused_json(&sample_table, json, "spec.additionalKeys: 10001 items, more than 10000");
    json_push(names, json_new_string("x"));
    assert_refused_json(&sample_table, json, "spec.dnsNames: 10001 items, more than 10000");
    json_put_str(labels, "x", "x");
    assert_refused_json(&sample_table, json, "labels: 10001 items, more than 10000");
}

static void the_block_has_a_maximum(void **state)
{
    (void)state;
    const size_t max = (size_t)4 << 20;
    const size_t fits = max - sizeof(struct sample_key) - 1;
    auto_free char *text = x_alloc(fits + 2);
    memset(text, 'x', fits + 1);
    text[fits + 1] = '\0';
    static const struct bind_field free_text_fields[] = {
        BIND_ROW(struct sample_key, STRING, algorithm, "text"),
    };
    static const struct bind_table free_text =
        BIND_TABLE("FreeText", struct sample_key, free_text_fields);
    json_auto_t *too_large = json_build("{s:s}", "text", text);
    assert_refused_json(&free_text, too_large,
                        "FreeText: 4194305 bytes when decoded, more than 4194304");
    text[fits] = '\0';
    json_auto_t *json = json_build("{s:s}", "text", text);
    void *block = NULL;
    assert_null(bind_decode(&free_text, json, &block));
    free(block);
}

/* A table that holds lists of itself, as JSON schemas do, and a peer that nests as deep as it may. */
struct tree {
    const char *name;
    BIND_LIST_OF(struct tree) children;
};
static const struct bind_table tree_table;
static const struct bind_field tree_fields[] = {
    BIND_ROW(struct tree, STRING, name, "name"),
    BIND_ROW(struct tree, LIST, children, "children", .table = &tree_table),
};
static const struct bind_table tree_table = BIND_TABLE("Tree", struct tree, tree_fields);

static json_t *nested(int levels, const char *innermost)
{
    AUTO(buf_release) struct buf b = BUF_INIT(1 << 20);
    for (int i = 0; i < levels; i++)
        buf_puts(&b, "{\"children\":[");
    buf_puts(&b, innermost);
    for (int i = 0; i < levels; i++)
        buf_puts(&b, "]}");
    return parsed(buf_str(&b));
}

static void hostile_depth_is_survived(void **state)
{
    (void)state;
    json_auto_t *bad = nested(1000, "{\"name\":1}");
    void *block = NULL;
    AUTO_ERR e = bind_decode(&tree_table, bad, &block);
    assert_true(err_is(e, ERR_INVALID));
    assert_true(str_starts(e->message, "children[0].children[0]."));
    assert_true(str_ends(e->message, ": expected string, got number"));
    assert_true(strlen(e->message) < 1100);

    json_auto_t *good = nested(1000, "{\"name\":\"leaf\"}");
    assert_null(bind_decode(&tree_table, good, &block));
    json_auto_t *again = bind_encode(&tree_table, block);
    assert_true(json_same(good, again));
    free(block);
}

/* A wrong default is our bug; it shows with the first object that lacks the field. */
static void wrong_defaults_are_bugs(void **state)
{
    (void)state;
    static const struct bind_field fields[] = {
        BIND_ROW(struct sample_spec, INT, history_limit, "limit", .dflt = "one"),
        BIND_ROW(struct sample_spec, DURATION, duration, "duration", .dflt = "90"),
        BIND_ROW(struct sample_spec, BOOL, is_ca, "isCA", .dflt = "yes"),
        BIND_ROW(struct sample_spec, STRINGS, dns_names, "names", .dflt = "x"),
    };
    json_auto_t *json = json_new_object();
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct bind_table t = {"T", sizeof(struct sample_spec), &fields[i], 1};
        void *block = NULL;
        AUTO_ERR e = bind_decode(&t, json, &block);
        assert_true(err_is(e, ERR_BUG));
        assert_string_equal(e->reason, "BadTable");
        assert_non_null(strstr(e->message, fields[i].name));
    }
}

static void look_ups(void **state)
{
    (void)state;
    auto_free struct sample *s =
        decoded(&sample_table,
                "{\"labels\": {\"b\": \"2\", \"a\": \"1\"}, \"spec\": {\"secretName\": \"s\","
                " \"issuerRef\": {\"name\": \"i\"}, \"dnsNames\": [\"x\", \"y\"]}}");
    assert_string_equal(bind_map_get(&s->labels, "a"), "1");
    assert_string_equal(bind_map_get(&s->labels, "b"), "2");
    assert_null(bind_map_get(&s->labels, "c"));
    assert_true(bind_strings_has(&s->spec.dns_names, "y"));
    assert_false(bind_strings_has(&s->spec.dns_names, "xy"));
    assert_false(bind_strings_has(&(struct bind_strings){0}, ""));
    assert_null(bind_map_get(&(struct bind_map){0}, ""));
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_arrives),
        cmocka_unit_test(absent_null_and_empty_give_zero_and_defaults),
        cmocka_unit_test(errors_name_the_path),
        cmocka_unit_test(messages_quote_little_and_nothing_harmful),
        cmocka_unit_test(one_block_holds_all_and_is_aligned),
        cmocka_unit_test(lists_and_maps_have_a_maximum),
        cmocka_unit_test(the_block_has_a_maximum),
        cmocka_unit_test(hostile_depth_is_survived),
        cmocka_unit_test(wrong_defaults_are_bugs),
        cmocka_unit_test(look_ups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
