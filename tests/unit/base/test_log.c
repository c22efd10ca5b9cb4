/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#define LINE_LIMIT 8192

static int saved_stderr, captured;

/* Everything written to standard error goes to a file in memory. */
static int capture(void **state)
{
    (void)state;
    saved_stderr = dup(STDERR_FILENO);
    captured = memfd_create("stderr", MFD_CLOEXEC);
    assert_true(dup2(captured, STDERR_FILENO) >= 0);
    log_configure(LOG_INFO, LOG_LOGFMT);
    return 0;
}

static int restore(void **state)
{
    (void)state;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(captured);
    log_scope_clear();
    return 0;
}

/* What was written since the last call, owned. */
static char *written(void)
{
    off_t size = lseek(captured, 0, SEEK_END);
    char *text = x_calloc(1, (size_t)size + 1);
    assert_int_equal(pread(captured, text, (size_t)size, 0), size);
    assert_int_equal(ftruncate(captured, 0), 0);
    lseek(captured, 0, SEEK_SET);
    lseek(STDERR_FILENO, 0, SEEK_SET);
    return text;
}

/* The one line that was written, without time stamp (checked) and newline. */
static char *line_without_time(void)
{
    auto_free char *text = written();
    size_t len = strlen(text);
    assert_true(len > 0 && text[len - 1] == '\n');
    assert_ptr_equal(strchr(text, '\n'), text + len - 1);
    text[len - 1] = '\0';
    static const char shape[] = "ts=0000-00-00T00:00:00.000Z ";
    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        if (shape[i] == '0')
            assert_in_range(text[i], '0', '9');
        else
            assert_int_equal(text[i], shape[i]);
    }
    return x_strdup(text + sizeof(shape) - 1);
}

static json_t *json_line(void)
{
    auto_free char *text = written();
    size_t len = strlen(text);
    assert_true(len > 0 && len <= LINE_LIMIT && text[len - 1] == '\n');
    json_error_t error;
    json_t *line = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (line == NULL)
        fail_msg("%s: %s", error.text, text);
    return line;
}

static const char *text_of(const json_t *line, const char *name)
{
    return json_string_value(json_object_get(line, name));
}

static void writes_logfmt(void **state)
{
    (void)state;
    log_info("order ready", L_STR("url", "https://ca/1?a=b"), L_INT("attempt", -3),
             L_BOOL("staging", true), L_BOOL("last", false), L_STR("bare", "a/b:c[1]"));
    auto_free char *line = line_without_time();
    assert_string_equal(line, "level=info msg=\"order ready\" url=\"https://ca/1?a=b\" attempt=-3 "
                              "staging=true last=false bare=a/b:c[1]");
}

static void quotes_in_logfmt(void **state)
{
    (void)state;
    static const struct {
        const char *value, *expected;
    } rows[] = {
        {"", "v=\"\""},
        {" ", "v=\" \""},
        {"a=b", "v=\"a=b\""},
        {"say \"hi\"", "v=\"say \\\"hi\\\"\""},
        {"back\\slash", "v=\"back\\\\slash\""},
        {"two\nlines\r\t", "v=\"two\\nlines\\r\\t\""},
        {"\x1b[31mred\x7f", "v=\"\\u001b[31mred\\u007f\""},
        {"del\x7f", "v=\"del\\u007f\""},
        {"\xC2\x9b", "v=\"\\u009b\""},
        {"\xC3\xA9", "v=\"\xC3\xA9\""},
        {"bad \xff\xC3 \xE2\x82", "v=\"bad \xEF\xBF\xBD\xEF\xBF\xBD \xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        log_warn("m", L_STR("v", rows[i].value));
        auto_free char *line = line_without_time();
        auto_free char *expected = x_printf("level=warn msg=m %s", rows[i].expected);
        assert_string_equal(line, expected);
    }
}

static void writes_json(void **state)
{
    (void)state;
    log_configure(LOG_INFO, LOG_JSON);
    log_error("not \"ready\"", L_STR("text", "a\n\x01\x7f\\\xC2\x85\xC3\xA9"),
              L_INT("big", INT64_MIN), L_BOOL("yes", true), L_STR("bad", "\xff"));
    json_auto_t *line = json_line();
    assert_string_equal(text_of(line, "level"), "error");
    assert_string_equal(text_of(line, "msg"), "not \"ready\"");
    assert_string_equal(text_of(line, "text"), "a\n\x01\x7f\\\xC2\x85\xC3\xA9");
    assert_string_equal(text_of(line, "bad"), "\xEF\xBF\xBD");
    assert_true(json_integer_value(json_object_get(line, "big")) == INT64_MIN);
    assert_true(json_is_true(json_object_get(line, "yes")));
    assert_int_equal(strlen(text_of(line, "ts")), strlen("2026-11-21T09:24:42.123Z"));
}

static void leaves_out_what_is_not_there(void **state)
{
    (void)state;
    log_info("m", L_STR("none", NULL), L_ERR(NULL), L_INT("n", 1));
    auto_free char *line = line_without_time();
    assert_string_equal(line, "level=info msg=m n=1");
    log_write(LOG_INFO, "no fields", NULL);
    auto_free char *bare = line_without_time();
    assert_string_equal(bare, "level=info msg=\"no fields\"");
    log_configure(LOG_INFO, LOG_JSON);
    log_info("m", L_STR("none", NULL), L_ERR(NULL));
    json_auto_t *json = json_line();
    assert_int_equal(json_object_size(json), 3);
}

static void unfolds_errors(void **state)
{
    (void)state;
    AUTO_ERR e = err_new(ERR_RATE_LIMITED, "TooMany", "wait a bit");
    log_error("failed", L_ERR(e));
    auto_free char *line = line_without_time();
    assert_string_equal(line, "level=error msg=failed error=\"wait a bit\" "
                              "error_kind=rate_limited error_reason=TooMany");
}

static void a_scope_adds_who_and_what(void **state)
{
    (void)state;
    log_scope_set("certificate", "ns/name", 42);
    log_info("m", L_INT("n", 1));
    auto_free char *line = line_without_time();
    assert_string_equal(line, "level=info msg=m controller=certificate object=ns/name "
                              "reconcile=42 n=1");
    log_scope_set("lease", NULL, 0);
    log_info("m");
    auto_free char *partly = line_without_time();
    assert_string_equal(partly, "level=info msg=m controller=lease");
    log_scope_clear();
    log_info("m");
    auto_free char *none = line_without_time();
    assert_string_equal(none, "level=info msg=m");
}

static int evaluated;

static const char *expensive(void)
{
    evaluated++;
    return "x";
}

static void levels_filter_before_evaluating(void **state)
{
    (void)state;
    evaluated = 0;
    log_configure(LOG_WARN, LOG_LOGFMT);
    assert_false(log_enabled(LOG_INFO));
    log_debug("m", L_STR("v", expensive()));
    log_info("m", L_STR("v", expensive()));
    auto_free char *nothing = written();
    assert_string_equal(nothing, "");
    assert_int_equal(evaluated, 0);
    log_warn("m", L_STR("v", expensive()));
    auto_free char *warning = line_without_time();
    assert_string_equal(warning, "level=warn msg=m v=x");
    log_configure(LOG_DEBUG, LOG_LOGFMT);
    log_debug("m");
    auto_free char *debug = line_without_time();
    assert_string_equal(debug, "level=debug msg=m");
}

static void keeps_errno(void **state)
{
    (void)state;
    errno = ENOENT;
    log_info("m");
    assert_int_equal(errno, ENOENT);
    close(STDERR_FILENO);
    errno = ENOENT;
    log_info("nowhere to go");
    assert_int_equal(errno, ENOENT);
    dup2(captured, STDERR_FILENO);
    auto_free char *first = written();
    assert_non_null(strstr(first, "msg=m"));
}

/* To be repeated beyond the limit: plain, escaped to two and to six, multi-byte, invalid. */
static const char *const units[] = {"x", "\"", "\x01", "\xF0\x9F\x98\x80", "\xff", "a\n\xC2\x85"};

static char *repeated(const char *unit, size_t len)
{
    char *s = x_calloc(1, len + 1);
    size_t unit_len = strlen(unit);
    for (size_t i = 0; i < len - len % unit_len; i++)
        s[i] = unit[i % unit_len];
    return s;
}

static void long_values_are_cut_and_the_line_stays_valid(void **state)
{
    (void)state;
    log_configure(LOG_INFO, LOG_JSON);
    for (size_t u = 0; u < ARRAY_LEN(units); u++) {
        auto_free char *big = repeated(units[u], 100000);
        log_info("m", L_STR("big", big), L_INT("after", 1), L_STR("big2", big), L_INT("last", 2),
                 L_STR("big3", big));
        json_auto_t *line = json_line();
        const char *cut = text_of(line, "big");
        assert_string_equal(cut + strlen(cut) - 3, "...");
        assert_int_equal(json_integer_value(json_object_get(line, "after")), 1);
    }
}

static void every_length_around_the_limit_is_valid(void **state)
{
    (void)state;
    for (size_t u = 0; u < ARRAY_LEN(units); u++) {
        for (size_t len = 900; len < 2200; len += 1 + len % 3) {
            auto_free char *a = repeated(units[u], len);
            auto_free char *b = repeated("y", 6000);
            const struct log_field fields[] = {L_STR("b", b),      L_STR("a", a),
                                               L_INT("n", 123456), L_BOOL("t", true),
                                               L_STR("z", "end"),  L_END};
            log_configure(LOG_INFO, LOG_JSON);
            log_write(LOG_INFO, "m", fields);
            json_auto_t *json = json_line();
            assert_non_null(json_object_get(json, "b"));
            log_configure(LOG_INFO, LOG_LOGFMT);
            log_write(LOG_INFO, "m", fields);
            auto_free char *line = line_without_time();
            assert_true(strlen(line) < LINE_LIMIT);
            assert_non_null(json_object_get(json, "msg"));
        }
    }
}

static void many_fields_are_left_out_whole(void **state)
{
    (void)state;
    struct log_field fields[1001];
    char names[1000][16];
    for (int i = 0; i < 1000; i++) {
        snprintf(names[i], sizeof(names[i]), "f%d", i);
        fields[i] = i % 3 == 0 ? L_INT(names[i], i) : L_STR(names[i], "some value");
    }
    fields[1000] = L_END;
    log_configure(LOG_INFO, LOG_JSON);
    log_write(LOG_INFO, "m", fields);
    json_auto_t *line = json_line();
    assert_in_range(json_object_size(line), 300, 600);
    assert_int_equal(json_integer_value(json_object_get(line, "f99")), 99);
}

#define THREADS 4
#define LINES 200

static void *write_lines(void *arg)
{
    const char *who = arg;
    auto_free char *padding = repeated(who, 5000); /* beyond what a pipe takes at once */
    log_scope_set(who, "object", 1);
    for (int i = 0; i < LINES; i++) {
        log_configure(LOG_INFO, LOG_JSON);
        log_info("m", L_INT("i", i), L_STR("padding", padding));
    }
    log_scope_clear();
    return NULL;
}

/* Reads the pipe to its end; each line must be whole and of one thread. */
static void *read_lines(void *arg)
{
    FILE *f = fdopen(*(int *)arg, "r");
    static char line[2 * LINE_LIMIT];
    intptr_t good = 0;
    while (fgets(line, sizeof(line), f) != NULL) {
        json_auto_t *json = json_loads(line, 0, NULL);
        const char *who = text_of(json, "controller"), *padding = text_of(json, "padding");
        if (who != NULL && padding != NULL && strlen(padding) == 5000 &&
            strspn(padding, who) == strlen(padding))
            good++;
    }
    fclose(f);
    return (void *)good;
}

static void lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    pthread_t reader, writers[THREADS];
    static char names[THREADS][2] = {"a", "b", "c", "d"};
    assert_int_equal(pthread_create(&reader, NULL, read_lines, &ends[0]), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, write_lines, names[i]), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(writers[i], NULL);
    dup2(captured, STDERR_FILENO); /* closes the pipe's last writing end */
    void *good = NULL;
    pthread_join(reader, &good);
    assert_int_equal((intptr_t)good, THREADS * LINES);
}

static void parses_options(void **state)
{
    (void)state;
    enum log_level level = LOG_WARN;
    assert_null(log_level_parse("debug", &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_null(log_level_parse("error", &level));
    assert_int_equal(level, LOG_ERROR);
    enum log_format format = LOG_LOGFMT;
    assert_null(log_format_parse("json", &format));
    assert_int_equal(format, LOG_JSON);
    static const char *const bad[] = {NULL, "", "DEBUG", "warning", "inf", "info ", "text"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_ERR e1 = log_level_parse(bad[i], &level);
        AUTO_ERR e2 = log_format_parse(bad[i], &format);
        assert_true(err_is(e1, ERR_INVALID));
        assert_true(err_is(e2, ERR_INVALID));
        assert_int_equal(level, LOG_ERROR);
        assert_int_equal(format, LOG_JSON);
    }
    assert_null(log_format_parse("logfmt", &format));
    assert_int_equal(format, LOG_LOGFMT);
}

#define CAPTURED(fn) cmocka_unit_test_setup_teardown(fn, capture, restore)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CAPTURED(writes_logfmt),
        CAPTURED(quotes_in_logfmt),
        CAPTURED(writes_json),
        CAPTURED(leaves_out_what_is_not_there),
        CAPTURED(unfolds_errors),
        CAPTURED(a_scope_adds_who_and_what),
        CAPTURED(levels_filter_before_evaluating),
        CAPTURED(keeps_errno),
        CAPTURED(long_values_are_cut_and_the_line_stays_valid),
        CAPTURED(every_length_around_the_limit_is_valid),
        CAPTURED(many_fields_are_left_out_whole),
        CAPTURED(lines_of_threads_do_not_mix),
        CAPTURED(parses_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
