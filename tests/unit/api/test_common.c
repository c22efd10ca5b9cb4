/* SPDX-License-Identifier: Apache-2.0 */
#include "api/common.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/group.h"
#include "api/order.h"
#include "base/mem.h"
#include "json/json.h"
#include "support/expect.h"

static void a_bare_reference_is_an_issuer_of_ours(void **state)
{
    (void)state;
    static const struct issuer_ref refs[] = {{.name = "i"}, {.name = "i", .kind = "", .group = ""}};
    for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
        assert_string_equal(issuer_ref_kind(&refs[i]), "Issuer");
        assert_string_equal(issuer_ref_group(&refs[i]), "certroll.dev");
        assert_true(issuer_ref_is_ours(&refs[i]));
    }
}

static void another_group_is_not_ours(void **state)
{
    (void)state;
    const struct issuer_ref foreign = {
        .name = "i", .kind = "Vault", .group = "issuers.example.org"};
    assert_string_equal(issuer_ref_kind(&foreign), "Vault");
    assert_false(issuer_ref_is_ours(&foreign));
    /* The ACME group has Orders and Challenges, no issuers. */
    const struct issuer_ref acme = {.name = "i", .group = "acme.certroll.dev"};
    assert_false(issuer_ref_is_ours(&acme));
}

static void references_are_equal_by_what_they_mean(void **state)
{
    (void)state;
    const struct issuer_ref bare = {.name = "i"};
    const struct issuer_ref full = {.name = "i", .kind = "Issuer", .group = "certroll.dev"};
    const struct issuer_ref empty = {.name = "i", .kind = "", .group = ""};
    const struct issuer_ref others[] = {
        {.name = "j"}, {.name = "i", .kind = "ClusterIssuer"}, {.name = "i", .group = "x.y"}};
    assert_true(issuer_ref_equal(&bare, &full));
    assert_true(issuer_ref_equal(&full, &empty));
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_false(issuer_ref_equal(&bare, &others[i]));
        assert_false(issuer_ref_equal(&others[i], &full));
    }
}

static void an_alias_is_found_by_its_name(void **state)
{
    (void)state;
    static const struct order_alias items[] = {
        {"*.a.test", "a.acme.test"}, {NULL, "x"}, {"w.a.test", "w.acme.test"}};
    static const order_alias_list some = {items, ARRAY_LEN(items)};
    static const order_alias_list none = {0};
    assert_string_equal(order_alias_of(&some, "w.a.test"), "w.acme.test");
    assert_string_equal(order_alias_of(&some, "W.A.test"), "w.acme.test");
    assert_string_equal(order_alias_of(&some, "*.a.test"), "a.acme.test");
    assert_null(order_alias_of(&some, "a.test"));
    assert_null(order_alias_of(&none, "a.test"));
}

static void orders_end_in_four_states(void **state)
{
    (void)state;
    static const char *const ends[] = {"valid", "invalid", "expired", "errored"};
    static const char *const ways[] = {NULL, "", "pending", "ready", "processing", "Valid", "x"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        assert_true(order_state_is_final(ends[i]));
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        assert_false(order_state_is_final(ways[i]));
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
        cmocka_unit_test(an_alias_is_found_by_its_name),
        cmocka_unit_test(a_bare_reference_is_an_issuer_of_ours),
        cmocka_unit_test(another_group_is_not_ours),
        cmocka_unit_test(references_are_equal_by_what_they_mean),
        cmocka_unit_test(orders_end_in_four_states),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
