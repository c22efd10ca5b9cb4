/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "metrics/metrics.h"

/* The value of an unlabelled metric of the process-wide registry. */
static double value_of(const char *name)
{
    AUTO(buf_release) struct buf out = BUF_INIT(1024 * 1024);
    assert_null(metrics_write(metrics_default(), &out));
    auto_free char *start = x_printf("\n%s ", name);
    const char *line = strstr(buf_str(&out), start);
    assert_non_null(line);
    return strtod(line + strlen(start), NULL);
}

static void the_default_registry_is_one(void **state)
{
    (void)state;
    assert_ptr_equal(metrics_default(), metrics_default());
}

static void tells_resident_memory(void **state)
{
    (void)state;
    const size_t size = 64 * 1024 * 1024;
    double before = value_of("process_resident_memory_bytes");
    auto_free char *block = x_alloc(size);
    memset(block, 1, size);
    double after = value_of("process_resident_memory_bytes");
    assert_true(before > 100 * 1024);
    assert_true(after - before > 0.9 * (double)size);
}

static void tells_cpu_time(void **state)
{
    (void)state;
    double before = value_of("process_cpu_seconds_total");
    double after = before;
    for (long tries = 0; after <= before && tries < 1000000; tries++)
        after = value_of("process_cpu_seconds_total");
    assert_true(after > before);
    assert_true(after < 600);
}

static void tells_the_start(void **state)
{
    (void)state;
    double start = value_of("process_start_time_seconds");
    double now = (double)time(NULL);
    assert_true(start <= now + 1);
    assert_true(start > now - 600);
    double again = value_of("process_start_time_seconds");
    assert_true(start <= again && start >= again);
}

static void tells_open_files(void **state)
{
    (void)state;
    double before = value_of("process_open_fds");
    int a = open("/dev/null", O_RDONLY | O_CLOEXEC), b = dup(a);
    assert_true(b >= 0);
    double during = value_of("process_open_fds");
    close(a);
    close(b);
    double after = value_of("process_open_fds");
    assert_true(before >= 3);
    assert_int_equal((int)during - (int)before, 2);
    assert_int_equal((int)after, (int)before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_registry_is_one),
        cmocka_unit_test(tells_resident_memory),
        cmocka_unit_test(tells_cpu_time),
        cmocka_unit_test(tells_the_start),
        cmocka_unit_test(tells_open_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
