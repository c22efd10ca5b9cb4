/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/plugin.h"
#include "cli/verb.h"
#include "support/temp.h"
#include "words.h"

/* What the program wrote to stdout and stderr. */
struct said {
    char out[8192];
    char err[8192];
};

static void read_back(FILE *f, char *to, size_t size)
{
    rewind(f);
    size_t n = fread(to, 1, size - 1, f);
    to[n] = '\0';
    fclose(f);
}

static int divert(FILE *from, FILE *to)
{
    fflush(from);
    int saved = dup(fileno(from));
    assert_true(saved >= 0 && dup2(fileno(to), fileno(from)) >= 0);
    return saved;
}

static void restore(FILE *f, int saved)
{
    fflush(f);
    dup2(saved, fileno(f));
    close(saved);
}

static int run(const char *line, struct said *said)
{
    FILE *out = tmpfile();
    FILE *err = tmpfile();
    assert_true(out != NULL && err != NULL);
    int saved_out = divert(stdout, out);
    int saved_err = divert(stderr, err);
    int code = cli_main("kubectl certroll", WORDS(line));
    restore(stdout, saved_out);
    restore(stderr, saved_err);
    read_back(out, said->out, sizeof(said->out));
    read_back(err, said->err, sizeof(said->err));
    return code;
}

static void test_verbs(void **state)
{
    (void)state;
    assert_true(cli_has_verb("status") && cli_has_verb("renew") && cli_has_verb("why") &&
                cli_has_verb("preflight"));
    assert_false(cli_has_verb("controller") || cli_has_verb("") || cli_has_verb(NULL));
}

static void test_help(void **state)
{
    (void)state;
    struct said s;
    static const char *const asks[] = {"help", "--help", "-h"};
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        assert_int_equal(run(asks[i], &s), 0);
        assert_true(str_starts(s.out, "usage: kubectl certroll COMMAND"));
        assert_string_equal(s.err, "");
    }
    assert_int_equal(run("status -h", &s), 0);
    assert_true(str_starts(s.out, "usage: kubectl certroll status ["));
    assert_non_null(strstr(s.out, "-o, --output TEXT"));
    assert_null(strstr(s.out, "--all "));
    assert_int_equal(run("why --help", &s), 0);
    assert_null(strstr(s.out, "--output"));
}

static void test_wrong_usage(void **state)
{
    (void)state;
    struct said s;
    static const struct {
        const char *line;
        const char *err;
    } rows[] = {
        {"", "usage: "},
        {"nope", "kubectl certroll: unknown command \"nope\": see kubectl certroll --help\n"},
        {"-n x status", "kubectl certroll: unknown command \"-n\""},
        {"status --nope", "kubectl certroll: unknown flag --nope: see --help\n"},
        {"status -n", "kubectl certroll: --namespace: a value is missing\n"},
        {"status -o yaml", "kubectl certroll: --output: \"yaml\": write text or json\n"},
        {"status -A -n x", "kubectl certroll: write --namespace or --all-namespaces\n"},
        {"status --api-group=x", "kubectl certroll: --api-group: "},
        {"why -A x", "kubectl certroll: unknown flag -A"},
        {"preflight --timeout 2h x", "kubectl certroll: --timeout: "},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(run(rows[i].line, &s), 2);
        assert_string_equal(s.out, "");
        if (!str_starts(s.err, rows[i].err))
            fail_msg("%s", s.err);
    }
}

/* The arguments are looked at before a cluster is. api_init() takes one group for the life of the process, so this is
 * one test. */
static void test_no_cluster(void **state)
{
    (void)state;
    struct said s;
    AUTO(temp_release) struct temp t;
    temp_init(&t);
    auto_free char *path = temp_path(&t, "kubeconfig");
    auto_free char *line = x_printf("status --kubeconfig %s", path);
    assert_int_equal(run(line, &s), 1);
    auto_free char *expected =
        x_printf("kubectl certroll: kubeconfig: %s: No such file or directory\n", path);
    assert_string_equal(s.err, expected);
    assert_string_equal(s.out, "");
}

static void test_complaints(void **state)
{
    (void)state;
    struct cli cli = {.name = "certroll", .complaints = BUF_INIT(64)};
    cli_complain(&cli, NULL);
    assert_int_equal(cli.code, 0);
    cli_complain(&cli, err_new(ERR_NOT_FOUND, "X", "one"));
    cli_complain(&cli, err_new(ERR_NOT_FOUND, "X", "two\nlines"));
    assert_int_equal(cli.code, 1);
    assert_string_equal(buf_str(&cli.complaints), "certroll: one\ncertroll: two?lines\n");
    for (int i = 0; i < 100; i++) /* more than fit are dropped */
        cli_complain(&cli, err_new(ERR_NOT_FOUND, "X", "more"));
    assert_true(cli.complaints.len <= 64);
    buf_release(&cli.complaints);
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verbs),       cmocka_unit_test(test_help),
        cmocka_unit_test(test_wrong_usage), cmocka_unit_test(test_no_cluster),
        cmocka_unit_test(test_complaints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
