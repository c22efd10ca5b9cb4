/* SPDX-License-Identifier: Apache-2.0 */
#include "api/revocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "support/expect.h"

static void wishes_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int reason;
        const char *serial;
    } rows[] = {
        {"unspecified", 0, ""},
        {"0", 0, ""},
        {"keyCompromise", 1, ""},
        {"KEYCOMPROMISE:0a1B", 1, "0a1b"},
        {"superseded:04:be:EF", 4, "04beef"},
        {"10:00", 10, "00"},
        {"8:0000ff", 8, "ff"},
        {"aACompromise:00", 10, "00"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct revocation_request r;
        expect_ok(revocation_request_parse(rows[i].text, &r));
        assert_int_equal(r.reason, rows[i].reason);
        assert_string_equal(r.serial, rows[i].serial);
    }
}

static void all_else_is_refused(void **state)
{
    (void)state;
    char huge[400];
    memset(huge, 'a', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = '\0';
    memcpy(huge, "4:", 2);
    const char *const bad[] = {"",      "7",      "11",      "-1", "1x",     "because", ":aa", "4:",
                               "4:abc", "4:0x12", "4:aa bb", huge, huge + 2, "4:::",    "+1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct revocation_request r;
        expect_err(revocation_request_parse(bad[i], &r), ERR_INVALID, "InvalidRevocation", "write");
    }
}

static void reasons_have_their_names(void **state)
{
    (void)state;
    assert_string_equal(revocation_reason_name(0), "unspecified");
    assert_string_equal(revocation_reason_name(10), "aACompromise");
    assert_null(revocation_reason_name(7));
    assert_null(revocation_reason_name(11));
    assert_null(revocation_reason_name(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wishes_are_read),
        cmocka_unit_test(all_else_is_refused),
        cmocka_unit_test(reasons_have_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
