/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/timefmt.h"

static void formats_times(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *plain, *milli, *micro;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.000000Z"},
        {-1, "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999999Z"},
        {INT64_C(951826154) * NS_PER_SEC + 7008009, "2000-02-29T12:09:14Z",
         "2000-02-29T12:09:14.007Z", "2000-02-29T12:09:14.007008Z"},
        {INT64_MAX, "2262-04-11T23:47:16Z", "2262-04-11T23:47:16.854Z",
         "2262-04-11T23:47:16.854775Z"},
        {INT64_MIN, "1677-09-21T00:12:43Z", "1677-09-21T00:12:43.145Z",
         "1677-09-21T00:12:43.145224Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[RFC3339_MAX];
        rfc3339_format(rows[i].ns, out);
        assert_string_equal(out, rows[i].plain);
        rfc3339_format_milli(rows[i].ns, out);
        assert_string_equal(out, rows[i].milli);
        rfc3339_format_micro(rows[i].ns, out);
        assert_string_equal(out, rows[i].micro);
    }
}

static void agrees_with_the_c_library(void **state)
{
    (void)state;
    struct rng_seeded r;
    rng_seeded_init(&r, 1);
    for (int i = 0; i < 20000; i++) {
        time_t secs = (time_t)rng_between(&r.rng, 0, INT64_C(7289654400)); /* 2201-01-01 */
        struct tm tm;
        char expected[RFC3339_MAX], out[RFC3339_MAX];
        gmtime_r(&secs, &tm);
        strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &tm);
        rfc3339_format(secs * NS_PER_SEC, out);
        assert_string_equal(out, expected);
        int64_t back = -1;
        assert_null(rfc3339_parse(out, &back));
        assert_true(back == secs * NS_PER_SEC);
    }
}

static void parses_times(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        int64_t secs, ns;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0, 0},
        {"1970-01-01T00:00:00-00:00", 0, 0},
        {"1970-01-01T01:00:00+01:00", 0, 0},
        {"1970-01-01T00:00:00-23:59", 86340, 0},
        {"2000-02-29T12:09:14.007008009Z", 951826154, 7008009},
        {"2000-02-29t12:09:14.5z", 951826154, 500000000},
        {"2000-02-29T17:39:14.1234567899999999999+05:30", 951826154, 123456789},
        {"2200-12-31T23:59:59Z", INT64_C(7289654399), 0},
        {"2100-02-28T00:00:00Z", INT64_C(4107456000), 0},
        {"2201-01-01T00:00:00Z", INT64_C(7289654400), 0},
        {"2262-04-11T23:47:16.8Z", INT64_C(9223372036), 800000000},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t ns = -1;
        assert_null(rfc3339_parse(rows[i].s, &ns));
        assert_true(ns == rows[i].secs * NS_PER_SEC + rows[i].ns);
    }
}

/* RFC 5280 section 4.1.2.5: 99991231235959Z, what has no end. */
static void later_than_can_be_held_is_the_latest(void **state)
{
    (void)state;
    static const char *const late[] = {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59",
                                       "2262-04-11T23:47:16.9Z", "2262-04-11T23:47:17Z"};
    for (size_t i = 0; i < ARRAY_LEN(late); i++) {
        int64_t ns = 0;
        assert_null(rfc3339_parse(late[i], &ns));
        assert_true(ns == INT64_MAX);
        char text[RFC3339_MAX];
        rfc3339_format(ns, text);
        assert_null(rfc3339_parse(text, &ns)); /* what is written can be read */
    }
}

static void refuses_what_is_no_time(void **state)
{
    (void)state;
    static const char *const bad[] = {
        NULL,
        "",
        "2026",
        "2026-11-21",
        "2026-11-21T09:24:42",
        "2026-11-21 09:24:42Z",
        "2026-11-21T09:24Z",
        "2026-11-21T09:24:42Z ",
        " 2026-11-21T09:24:42Z",
        "2026-11-21T09:24:42ZZ",
        "2026-11-21T09:24:42.Z",
        "2026-11-21T09:24:42,5Z",
        "2026-11-21T09:24:42+0100",
        "2026-11-21T09:24:42+01",
        "2026-11-21T09:24:42+24:00",
        "2026-11-21T09:24:42+01:60",
        "2026-11-21T09:24:42+01:00Z",
        "2026-00-21T09:24:42Z",
        "2026-13-21T09:24:42Z",
        "2026-11-00T09:24:42Z",
        "2026-11-31T09:24:42Z",
        "2026-02-29T09:24:42Z",
        "2100-02-29T09:24:42Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T09:60:42Z",
        "2026-11-21T09:24:60Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "-026-11-21T09:24:42Z",
        "+2026-11-21T09:24:42Z",
        "02026-11-21T09:24:42Z",
        "2026-1-21T09:24:42Z",
        "2026-11-21T9:24:42Z",
        "2026-11-21T0x:24:42Z",
        "２026-11-21T09:24:42Z",
        "\xff\xff\xff\xff-11-21T09:24:42Z",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t ns = -77;
        AUTO_ERR e = rfc3339_parse(bad[i], &ns);
        if (!err_is(e, ERR_INVALID) || ns != -77)
            fail_msg("accepted \"%s\"", bad[i]);
    }
}

static const struct {
    const char *s;
    int64_t ns;
} durations[] = {
    /* what Go's ParseDuration gives */
    {"0", 0},
    {"+0", 0},
    {"-0", 0},
    {"0h", 0},
    {"2160h0m0s", 2160 * NS_PER_HOUR},
    {"90m", 90 * NS_PER_MIN},
    {"1.5h", 90 * NS_PER_MIN},
    {"-1.5h", -90 * NS_PER_MIN},
    {"+5s", 5 * NS_PER_SEC},
    {"1h15m30.918s", NS_PER_HOUR + 15 * NS_PER_MIN + 30918 * NS_PER_MS},
    {".5s", 500 * NS_PER_MS},
    {"1.s", NS_PER_SEC},
    {"1h1h", 2 * NS_PER_HOUR},
    {"3s2h", 2 * NS_PER_HOUR + 3 * NS_PER_SEC},
    {"10us", 10 * NS_PER_US},
    {"10\xC2\xB5s", 10 * NS_PER_US},
    {"10\xCE\xBCs", 10 * NS_PER_US},
    {"12ns", 12},
    {"0.1h", 360 * NS_PER_SEC},
    {"0.3333333333333333333h", 1199999999999},
    {"0.9999999999s", 999999999},
    {"0.100000000000000000000h", 360 * NS_PER_SEC},
    {"9007199254.740993s", INT64_C(9007199254740993000)},
    {"9223372036854775807ns", INT64_MAX},
    {"-9223372036854775808ns", INT64_MIN},
    {"2562047h47m16.854775807s", INT64_MAX},
};

static void parses_durations(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
        int64_t ns = -77;
        AUTO_ERR e = duration_parse(durations[i].s, &ns);
        if (e != NULL || ns != durations[i].ns)
            fail_msg("%s: %lld", durations[i].s, (long long)ns);
    }
}

static void refuses_what_is_no_duration(void **state)
{
    (void)state;
    static const char *const bad[] = {
        NULL,
        "",
        " ",
        "-",
        "+",
        "1",
        "90",
        "h",
        "m5",
        ".",
        ".s",
        "1.2.3s",
        "1h ",
        " 1h",
        "1 h",
        "1d",
        "1w",
        "1H",
        "--1h",
        "1h-5m",
        "1h+5m",
        "1hm",
        "1,5h",
        "1e3s",
        "0x1h",
        "00",
        "0.0",
        "1msm",
        "\xC2\xB5s",
        "5\xB5s",
        "9223372036854775808ns",
        "-9223372036854775809ns",
        "2562048h",
        "-2562048h",
        "2562047h47m16.854775808s",
        "99999999999999999999h",
        "9223372036s9223372036s",
        "9223372036.854775807s0.000000001s",
        "１h",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t ns = -77;
        AUTO_ERR e = duration_parse(bad[i], &ns);
        if (!err_is(e, ERR_INVALID) || ns != -77)
            fail_msg("accepted \"%s\"", bad[i]);
    }
}

static void formats_durations_as_go_does(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *s;
    } rows[] = {
        {0, "0s"},
        {1, "1ns"},
        {-1, "-1ns"},
        {1100, "1.1\xC2\xB5s"},
        {2200000, "2.2ms"},
        {3300000000, "3.3s"},
        {NS_PER_MIN, "1m0s"},
        {4 * NS_PER_MIN + 5 * NS_PER_SEC, "4m5s"},
        {4 * NS_PER_MIN + 5001 * NS_PER_MS, "4m5.001s"},
        {5 * NS_PER_HOUR + 6 * NS_PER_MIN + 7001 * NS_PER_MS, "5h6m7.001s"},
        {8 * NS_PER_MIN + 1, "8m0.000000001s"},
        {2160 * NS_PER_HOUR, "2160h0m0s"},
        {-90 * NS_PER_MIN, "-1h30m0s"},
        {INT64_MAX, "2562047h47m16.854775807s"},
        {INT64_MIN, "-2562047h47m16.854775808s"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[DURATION_MAX];
        duration_format(rows[i].ns, out);
        assert_string_equal(out, rows[i].s);
        int64_t back = -77;
        assert_null(duration_parse(out, &back));
        assert_true(back == rows[i].ns);
    }
}

static void formats_durations_for_people(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *s;
    } rows[] = {
        {0, "0 ms"},
        {NS_PER_MS - 1, "0 ms"},
        {-1, "0 ms"},
        {300 * NS_PER_MS, "300 ms"},
        {45 * NS_PER_SEC + 900 * NS_PER_MS, "45 s"},
        {12 * NS_PER_MIN + 59 * NS_PER_SEC, "12 min"},
        {NS_PER_HOUR, "1 h"},
        {4 * NS_PER_HOUR + 5 * NS_PER_MIN, "4 h 5 min"},
        {3 * NS_PER_DAY + 4 * NS_PER_HOUR + 59 * NS_PER_MIN, "3 d 4 h"},
        {60 * NS_PER_DAY, "60 d"},
        {-2 * NS_PER_HOUR, "-2 h"},
        {INT64_MIN, "-106751 d 23 h"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[DURATION_MAX];
        duration_human(rows[i].ns, out);
        assert_string_equal(out, rows[i].s);
    }
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOV_1994 (INT64_C(784111777) * NS_PER_SEC)

static void parses_retry_after(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        int64_t now, at;
    } rows[] = {
        {"0", 1000, 1000},
        {"120", 1000, 1000 + 120 * NS_PER_SEC},
        {"00120", 0, 120 * NS_PER_SEC},
        {"86400", 5, 5 + NS_PER_DAY},
        {"86401", 5, 5 + NS_PER_DAY},
        {"99999999999999999999999999", 5, 5 + NS_PER_DAY},
        {"Sun, 06 Nov 1994 08:49:37 GMT", NOV_1994 - NS_PER_MIN - 7, NOV_1994},
        {"Mon, 06 Nov 1994 08:49:37 GMT", NOV_1994 - NS_PER_MIN, NOV_1994},
        {"Sun, 06 Nov 1994 08:49:37 GMT", NOV_1994 + 9, NOV_1994 + 9}, /* past: now */
        {"Tue, 08 Nov 1994 08:49:37 GMT", NOV_1994, NOV_1994 + NS_PER_DAY},
        {"Fri, 31 Dec 9999 23:59:59 GMT", NOV_1994, NOV_1994 + NS_PER_DAY},
        {"Sat, 01 Jan 0000 00:00:00 GMT", NOV_1994, NOV_1994},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t at = -77;
        AUTO_ERR e = retry_after_parse(rows[i].s, rows[i].now, &at);
        if (e != NULL || at != rows[i].at)
            fail_msg("%s: %lld", rows[i].s, (long long)at);
    }
}

static void refuses_what_is_no_retry_after(void **state)
{
    (void)state;
    static const char *const bad[] = {
        NULL,
        "",
        " ",
        "-1",
        "+1",
        "1.5",
        "12 ",
        "1h",
        "soon",
        "Sunday, 06-Nov-94 08:49:37 GMT", /* RFC 850 */
        "Sun Nov  6 08:49:37 1994",       /* asctime */
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:60 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Xyz, 06 Nov 1994 08:49:37 GMT",
        "unM, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t at = -77;
        AUTO_ERR e = retry_after_parse(bad[i], NOV_1994, &at);
        if (!err_is(e, ERR_INVALID) || at != -77)
            fail_msg("accepted \"%s\"", bad[i]);
    }
}

/* Cut at each place, a valid text must be refused without being read beyond its end. */
static void prefixes_are_refused(void **state)
{
    (void)state;
    static const char *const whole[] = {"2000-02-29T12:09:14.5+05:30",
                                        "Sun, 06 Nov 1994 08:49:37 GMT"};
    for (size_t len = 0; len < strlen(whole[0]); len++) {
        auto_free char *cut = x_strndup(whole[0], len);
        int64_t ns;
        AUTO_ERR e = rfc3339_parse(cut, &ns);
        assert_non_null(e);
    }
    for (size_t len = 0; len < strlen(whole[1]); len++) {
        auto_free char *cut = x_strndup(whole[1], len);
        int64_t ns;
        AUTO_ERR e = retry_after_parse(cut, 0, &ns);
        assert_non_null(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_times),
        cmocka_unit_test(agrees_with_the_c_library),
        cmocka_unit_test(parses_times),
        cmocka_unit_test(later_than_can_be_held_is_the_latest),
        cmocka_unit_test(refuses_what_is_no_time),
        cmocka_unit_test(parses_durations),
        cmocka_unit_test(refuses_what_is_no_duration),
        cmocka_unit_test(formats_durations_as_go_does),
        cmocka_unit_test(formats_durations_for_people),
        cmocka_unit_test(parses_retry_after),
        cmocka_unit_test(refuses_what_is_no_retry_after),
        cmocka_unit_test(prefixes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
