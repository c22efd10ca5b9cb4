/* SPDX-License-Identifier: Apache-2.0 */
#include "api/tls_secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/group.h"
#include "base/mem.h"
#include "support/scripted_kube.h"

#define HEAD "{\"metadata\":{\"name\":\"web-tls\",\"namespace\":\"shop\",\"resourceVersion\":\"9\""
#define OURS HEAD ",\"annotations\":{\"certroll.dev/certificate-name\":\"web\"}"
#define PAIR "\"f:data\":{\".\":{},\"f:tls.crt\":{},\"f:tls.key\":{}}"
#define LABELS "\"f:metadata\":{\"f:labels\":{\"f:x\":{}}}"
#define ENTRY(manager, operation, fields)                                                          \
    "{\"manager\":\"" manager "\",\"operation\":\"" operation "\",\"fieldsV1\":{" fields "}}"

static const struct tls_secret *decoded(const char *text)
{
    json_auto_t *json = parsed(text);
    const void *object = NULL;
    expect_ok(object_decode(&kind_secret, json, &object));
    return object;
}

static void ours_are_kept_whole(void **state)
{
    (void)state;
    AUTO_OBJECT(struct tls_secret)
    s = decoded(HEAD ",\"uid\":\"u\",\"labels\":{\"controller.certroll.dev/fao\":\"true\"},"
                     "\"annotations\":{\"certroll.dev/certificate-name\":\"web\","
                     "\"certroll.dev/fingerprint\":\"f\",\"other\":\"o\"}}}");
    assert_true(s->ours);
    assert_string_equal(s->obj.meta.uid, "u");
    assert_string_equal(tls_secret_annotation(s, "certroll.dev/certificate-name"), "web");
    assert_string_equal(tls_secret_annotation(s, API_FINGERPRINT), "f");
    assert_string_equal(tls_secret_annotation(s, "other"), "o");
    assert_null(tls_secret_annotation(s, "absent"));
    assert_null(tls_secret_annotation(NULL, "other"));
    assert_string_equal(bind_map_get(&s->obj.meta.labels, "controller.certroll.dev/fao"), "true");
}

static void foreign_ones_are_but_a_name(void **state)
{
    (void)state;
    AUTO_OBJECT(struct tls_secret)
    s = decoded(HEAD ",\"labels\":{\"a\":\"b\"},\"annotations\":{\"c\":\"d\"},\"uid\":\"u\","
                     "\"managedFields\":[" ENTRY("certroll", "Apply", PAIR) "]}}");
    assert_false(s->ours);
    assert_false(s->sole_owner);
    assert_string_equal(s->obj.meta.name, "web-tls");
    assert_string_equal(s->obj.meta.namespace, "shop");
    assert_string_equal(s->obj.meta.resource_version, "9");
    assert_int_equal(s->obj.meta.labels.len, 0);
    assert_int_equal(s->obj.meta.annotations.len, 0);
}

static void a_label_makes_it_ours_too(void **state)
{
    (void)state;
    static const struct {
        const char *labels;
        bool ours;
    } rows[] = {
        {"{\"certroll.dev/next-private-key\":\"true\"}", true},
        {"{\"controller.certroll.dev/fao\":\"true\"}", true},
        {"{\"cert-manager.io/next-private-key\":\"true\"}", false},
        {"{\"controller.cert-manager.io/fao\":\"true\"}", false},
        {"{}", false},
        {"null", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *text = x_printf(HEAD ",\"labels\":%s}}", rows[i].labels);
        AUTO_OBJECT(struct tls_secret) s = decoded(text);
        assert_int_equal(s->ours, rows[i].ours);
    }
}

static void only_our_apply_is_trusted(void **state)
{
    (void)state;
    static const struct {
        const char *managed;
        bool sole;
    } rows[] = {
        {"[" ENTRY("certroll", "Apply", PAIR "," LABELS) "]", true},
        {"[" ENTRY("certroll", "Apply", PAIR) "," ENTRY("kubectl", "Update", LABELS) "]", true},
        {"[" ENTRY("kubectl", "Update", LABELS) "," ENTRY("certroll", "Apply", PAIR) "]", true},
        /* Somebody else wrote the pair, or a half of it, after us or with us. */
        {"[" ENTRY("certroll", "Apply", PAIR) "," ENTRY("kubectl", "Update", PAIR) "]", false},
        {"[" ENTRY("kubectl", "Update", PAIR) "," ENTRY("certroll", "Apply", PAIR) "]", false},
        {"[" ENTRY("certroll", "Apply", PAIR) "," ENTRY("x", "Apply",
                                                        "\"f:data\":{\"f:tls.crt\":{}}") "]",
         false},
        {"[" ENTRY("certroll", "Apply", PAIR) "," ENTRY("x", "Update",
                                                        "\"f:data\":{\"f:tls.key\":{}}") "]",
         false},
        /* Somebody took a half of it away: what is left is still ours. */
        {"[" ENTRY("certroll", "Apply", "\"f:data\":{\"f:tls.crt\":{}}") "]", false},
        {"[" ENTRY("certroll", "Apply", "\"f:data\":{\"f:tls.key\":{}}") "]", false},
        /* Our name is not our apply. */
        {"[" ENTRY("certroll", "Update", PAIR) "]", false},
        {"[" ENTRY("certroll", "Apply", PAIR) "," ENTRY("certroll", "Update", PAIR) "]", false},
        /* Another key of the Secret is no concern of ours. */
        {"[" ENTRY("certroll", "Apply", PAIR) "," ENTRY("x", "Update",
                                                        "\"f:data\":{\"f:ca.crt\":{}}") "]",
         true},
        /* Nobody owns the pair: nothing is known. */
        {"[" ENTRY("certroll", "Apply", LABELS) "]", false},
        {"[]", false},
        {"null", false},
        {"{\"manager\":\"certroll\"}", false},
        {"[null,7,\"x\",{}]", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *text = x_printf(OURS ",\"managedFields\":%s}}", rows[i].managed);
        AUTO_OBJECT(struct tls_secret) s = decoded(text);
        assert_true(s->ours);
        if (s->sole_owner != rows[i].sole)
            fail_msg("%s", rows[i].managed);
    }
}

static void a_secret_without_a_name_is_refused(void **state)
{
    (void)state;
    json_auto_t *json = parsed("{\"metadata\":{}}");
    const void *object = NULL;
    expect_err(object_decode(&kind_secret, json, &object), ERR_INVALID, NULL, "metadata.name");
    assert_null(object);
}

static int prepare(void **state)
{
    (void)state;
    json_room_init();
    expect_ok(api_init(API_DEFAULT_GROUP));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours_are_kept_whole),
        cmocka_unit_test(foreign_ones_are_but_a_name),
        cmocka_unit_test(a_label_makes_it_ours_too),
        cmocka_unit_test(only_our_apply_is_trusted),
        cmocka_unit_test(a_secret_without_a_name_is_refused),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
