/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/flags.h"
#include "json/json.h"
#include "support/temp.h"
#include "words.h"

struct values {
    char *name;
    bool loud;
    bool careful;
    int64_t count;
    int64_t wait;
};

#define FLAGS 5
struct fixture {
    struct values v;
    struct flag table[FLAGS];
    const char *args[8];
};

static int setup(void **state)
{
    struct fixture *f = x_calloc(1, sizeof(*f));
    f->table[0] = FLAG(STRING, &f->v.name, "name", "anna", "who", .letter = 'n');
    f->table[1] = FLAG(BOOL, &f->v.loud, "loud", "false", "how", .letter = 'L');
    f->table[2] = FLAG(BOOL, &f->v.careful, "careful", "true", "how else");
    f->table[3] = FLAG(INT, &f->v.count, "count", "3", "how many", .min = 1, .max = 9);
    f->table[4] = FLAG(DURATION, &f->v.wait, "wait", "1m", "how long", .letter = 'w',
                       .min = NS_PER_SEC, .max = NS_PER_HOUR);
    flags_init(f->table, FLAGS);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    flags_release(f->table, FLAGS);
    free(f);
    return 0;
}

static struct err *parse(struct fixture *f, char *const *argv)
{
    return flags_parse(f->table, FLAGS, argv, f->args);
}

static void refuses(struct fixture *f, char *const *argv, const char *message)
{
    AUTO_ERR e = parse(f, argv);
    assert_true(err_is(e, ERR_INVALID));
    assert_string_equal(e->message, message);
}

static void test_defaults(void **state)
{
    struct fixture *f = *state;
    assert_null(parse(f, WORDS("")));
    assert_string_equal(f->v.name, "anna");
    assert_false(f->v.loud);
    assert_true(f->v.careful);
    assert_int_equal(f->v.count, 3);
    assert_int_equal(f->v.wait, NS_PER_MIN);
    assert_null(f->args[0]);
}

static void test_long_flags(void **state)
{
    struct fixture *f = *state;
    assert_null(parse(f, WORDS("--name bert --loud --careful=false --count=9 --wait 90s")));
    assert_string_equal(f->v.name, "bert");
    assert_true(f->v.loud);
    assert_false(f->v.careful);
    assert_int_equal(f->v.count, 9);
    assert_int_equal(f->v.wait, 90 * NS_PER_SEC);
}

static void test_the_last_one_counts_and_may_be_empty(void **state)
{
    struct fixture *f = *state;
    assert_null(parse(f, WORDS("--name=bert --name=")));
    assert_string_equal(f->v.name, "");
    assert_null(parse(f, WORDS("--name --loud"))); /* what follows is the value */
    assert_string_equal(f->v.name, "--loud");
    assert_false(f->v.loud);
}

static void test_short_flags(void **state)
{
    static const struct {
        const char *line;
        const char *name;
    } rows[] = {
        {"-n bert", "bert"}, {"-nbert", "bert"},   {"-n=bert", "bert"},
        {"-n=", ""},         {"-nb=ert", "b=ert"}, {"-n -x", "-x"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_null(parse(f, WORDS(rows[i].line)));
        assert_string_equal(f->v.name, rows[i].name);
    }
    assert_null(parse(f, WORDS("-L -w5s x")));
    assert_true(f->v.loud);
    assert_int_equal(f->v.wait, 5 * NS_PER_SEC);
    assert_string_equal(f->args[0], "x");
    assert_null(parse(f, WORDS("-L=false")));
    assert_false(f->v.loud);
}

static void test_arguments(void **state)
{
    struct fixture *f = *state;
    assert_null(parse(f, WORDS("a --loud b - -- --count -n")));
    static const char *const expected[] = {"a", "b", "-", "--count", "-n"};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_string_equal(f->args[i], expected[i]);
    assert_null(f->args[ARRAY_LEN(expected)]);
    assert_true(f->v.loud);
    assert_int_equal(f->v.count, 3);
}

static void test_no_arguments_allowed(void **state)
{
    struct fixture *f = *state;
    AUTO_ERR e = flags_parse(f->table, FLAGS, WORDS("--loud a"), NULL);
    assert_true(err_is(e, ERR_INVALID));
    assert_string_equal(e->message, "unexpected argument \"a\": see --help");
}

static void test_refuses(void **state)
{
    struct fixture *f = *state;
    refuses(f, WORDS("--nope"), "unknown flag --nope: see --help");
    refuses(f, WORDS("--nope=secret"), "unknown flag --nope: see --help");
    refuses(f, WORDS("--nam x"), "unknown flag --nam: see --help");
    refuses(f, WORDS("--=x"), "unknown flag --: see --help");
    refuses(f, WORDS("-xyz"), "unknown flag -x: see --help");
    refuses(f, WORDS("-\xc3\xa9"), "unknown flag -?: see --help");
    refuses(f, WORDS("--name"), "--name: a value is missing");
    refuses(f, WORDS("-n"), "--name: a value is missing");
    refuses(f, WORDS("--loud=yes"), "--loud: \"yes\": write true or false");
    refuses(f, WORDS("-Ln"), "--loud: \"n\": write true or false");
    refuses(f, WORDS("--count 10"), "--count: \"10\": write a number from 1 to 9");
    refuses(f, WORDS("--count 1x"), "--count: \"1x\": write a number from 1 to 9");
    refuses(f, WORDS("--wait=0s"),
            "--wait: \"0s\": write a duration such as 90s or 1h30m, at least 1s");
    refuses(f, WORDS("-w 2h"),
            "--wait: \"2h\": write a duration such as 90s or 1h30m, at least 1s");
    refuses(f, WORDS("-w soon"),
            "--wait: \"soon\": write a duration such as 90s or 1h30m, at least 1s");
}

static struct err *load(struct fixture *f, const char *text)
{
    AUTO(temp_release) struct temp t;
    temp_init(&t);
    auto_free char *path = temp_puts(&t, "config.yaml", text);
    return flags_load(f->table, FLAGS, path);
}

static void test_configuration(void **state)
{
    struct fixture *f = *state;
    assert_null(load(f, "name: bert\nloud: true\ncount: 4\nwait: 1h\n"));
    assert_string_equal(f->v.name, "bert");
    assert_true(f->v.loud);
    assert_int_equal(f->v.count, 4);
    assert_int_equal(f->v.wait, NS_PER_HOUR);
    assert_null(load(f, "{}\n"));
    assert_string_equal(f->v.name, "bert");
}

static void test_refuses_configurations(void **state)
{
    static const struct {
        const char *text;
        const char *message; /* its end */
    } rows[] = {
        {"nope: 1\n", "unknown setting \"nope\""},
        {"n: bert\n", "unknown setting \"n\""}, /* letters are for people */
        {"name: [a, b]\n", "name: write a single value"},
        {"name: {a: b}\n", "name: write a single value"},
        {"count: 10\n", "--count: \"10\": write a number from 1 to 9"},
        {"- name\n", "write a mapping of settings"},
        {"name\n", "write a mapping of settings"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_ERR e = load(f, rows[i].text);
        assert_true(err_is(e, ERR_INVALID));
        if (!str_ends(e->message, rows[i].message))
            fail_msg("%s", e->message);
    }
    AUTO_ERR absent = flags_load(f->table, FLAGS, "/nonexistent/config.yaml");
    assert_true(err_is(absent, ERR_NOT_FOUND));
}

static char *help_of(const struct flag *table, size_t n)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    flags_help(table, n, out);
    fclose(out);
    return text;
}

static void test_help(void **state)
{
    struct fixture *f = *state;
    auto_free char *text = help_of(f->table, FLAGS);
    assert_string_equal(text, "  -n, --name TEXT                          who (default anna)\n"
                              "  -L, --loud                               how\n"
                              "      --careful                            how else (default true)\n"
                              "      --count N                            how many (default 3)\n"
                              "  -w, --wait DURATION                      how long (default 1m)\n");
    auto_free char *plain = help_of(f->table + 2, 2);
    assert_string_equal(plain,
                        "  --careful                                how else (default true)\n"
                        "  --count N                                how many (default 3)\n");
}

int main(void)
{
    json_room_init();
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_defaults),
        TEST(test_long_flags),
        TEST(test_the_last_one_counts_and_may_be_empty),
        TEST(test_short_flags),
        TEST(test_arguments),
        TEST(test_no_arguments_allowed),
        TEST(test_refuses),
        TEST(test_configuration),
        TEST(test_refuses_configurations),
        TEST(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
