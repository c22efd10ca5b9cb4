/* SPDX-License-Identifier: Apache-2.0 */
/* The process metrics under the names that all Prometheus clients use. What /proc does not tell is
 * left out. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "metrics/metrics.h"

/* Reads a small file of /proc as a string. */
static bool read_proc(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, out, size - 1);
    close(fd);
    if (n <= 0)
        return false;
    out[n] = '\0';
    return true;
}

/* The number in the field with that index; fields are separated by single spaces. */
static bool field(const char *text, int index, int64_t *ret_value)
{
    for (; index > 0; index--) {
        text = strchr(text, ' ');
        if (text == NULL)
            return false;
        text++;
    }
    char digits[24];
    size_t len = strcspn(text, " \n");
    if (len >= sizeof(digits))
        return false;
    memcpy(digits, text, len);
    digits[len] = '\0';
    AUTO_ERR e = str_to_i64(digits, 0, INT64_MAX, ret_value);
    return e == NULL;
}

static double start_time; /* seconds since the epoch; 0 = unknown */

/* proc(5): field 22 of stat is the start in ticks since boot; the second field, the program's name
 * in parentheses, may itself contain spaces and parentheses. */
static void find_start_time(void)
{
    char text[1024];
    int64_t ticks = 0;
    if (!read_proc("/proc/self/stat", text, sizeof(text)))
        return;
    const char *rest = strrchr(text, ')');
    if (rest == NULL || !field(rest, 20, &ticks))
        return;
    const struct clock *c = clock_system();
    double booted = (double)(clock_wall(c) - clock_mono(c)) / (double)NS_PER_SEC;
    start_time = booted + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static int count_open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return -1;
    int count = -1; /* the directory itself */
    const struct dirent *d;
    while ((d = readdir(dir)) != NULL) /* NOLINT(concurrency-mt-unsafe): dir is ours alone */
        count += d->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void collect_process(void *arg, struct metrics_scrape *s)
{
    (void)arg;
    char text[256];
    int64_t pages;
    if (read_proc("/proc/self/statm", text, sizeof(text)) && field(text, 1, &pages)) {
        metrics_family(s, METRIC_GAUGE, "process_resident_memory_bytes",
                       "Resident memory size in bytes.");
        metrics_sample(s, (double)pages * (double)sysconf(_SC_PAGESIZE));
    }
    struct timespec cpu;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0) {
        metrics_family(s, METRIC_COUNTER, "process_cpu_seconds_total",
                       "Total user and system CPU time spent in seconds.");
        metrics_sample(s, (double)cpu.tv_sec + (double)cpu.tv_nsec / (double)NS_PER_SEC);
    }
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_start_time);
    if (start_time > 0) {
        metrics_family(s, METRIC_GAUGE, "process_start_time_seconds",
                       "Start time of the process since unix epoch in seconds.");
        metrics_sample(s, start_time);
    }
    int files = count_open_files();
    if (files >= 0) {
        metrics_family(s, METRIC_GAUGE, "process_open_fds", "Number of open file descriptors.");
        metrics_sample(s, files);
    }
}

void metrics_add_process(struct metrics *m)
{
    metrics_add_collector(m, collect_process, NULL);
}
