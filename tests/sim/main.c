/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certroll-sim [--seeds A-B] [--seed N] [--jobs N] [--verbose] [--junit FILE]
 * Runs the simulator over a range of seeds; without one over the seeds that once failed (sim_seeds.c)
 * and then over the first so many, on all processors. Exit code 1 when one of them failed. A run that takes
 * long says each minute on stderr from where it could go on.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "api/group.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "json/json.h"
#include "pki/key.h"
#include "sim/sim.h"
#include "sim/sim_pki.h"
#include "sim/sim_seeds.h"

/* A sanitized seed takes several times as long, and looks for something else: errors in memory. */
#ifdef CERTROLL_SANITIZED
#define SEEDS 150
#else
#define SEEDS 10000
#endif
#define JOBS_MAX 64
#define FAILURES_MAX 10 /* then it is enough */
#define CASE_SEEDS 50   /* seeds that one test case of the results stands for */
#define REPORT_EVERY 60 /* seconds */

struct options {
    uint64_t first, last;
    bool named; /* those of sim_seeds.c, too */
    bool verbose;
    unsigned jobs;
    char *junit; /* or NULL */
};

static const char usage[] =
    "usage: certroll-sim [--seeds A-B] [--seed N] [--jobs N] [--verbose] [--junit FILE]\n";

static bool parse_seed(const char *text, uint64_t *ret_seed)
{
    int64_t n = 0;
    struct err *e = str_to_i64(text, 0, INT64_MAX / 4, &n);
    bool good = e == NULL;
    err_free(e);
    if (good)
        *ret_seed = (uint64_t)n;
    return good;
}

static bool parse_range(const char *text, struct options *o)
{
    const char *dash = strchr(text, '-');
    if (dash == NULL)
        return false;
    auto_free char *first = x_strndup(text, (size_t)(dash - text));
    return parse_seed(first, &o->first) && parse_seed(dash + 1, &o->last) && o->first <= o->last;
}

/* hack/run-tests says where results go as it says to cmocka's binaries. */
static char *junit_from_environment(void)
{
    const char *pattern = getenv("CMOCKA_XML_FILE");
    const char *group = pattern != NULL ? strstr(pattern, "%g") : NULL;
    if (group == NULL)
        return NULL;
    return x_printf("%.*sseeds%s", (int)(group - pattern), pattern, group + 2);
}

static bool parse_jobs(const char *text, struct options *o)
{
    uint64_t n = 0;
    bool good = parse_seed(text, &n) && n > 0 && n <= JOBS_MAX;
    o->jobs = good ? (unsigned)n : o->jobs;
    return good;
}

static bool parse_one(const char *name, const char *value, struct options *o)
{
    if (str_eq(name, "--jobs"))
        return parse_jobs(value, o);
    if (str_eq(name, "--junit")) {
        free(o->junit);
        o->junit = x_strdup(value);
        return true;
    }
    o->named = false;
    if (str_eq(name, "--seeds"))
        return parse_range(value, o);
    bool good = str_eq(name, "--seed") && parse_seed(value, &o->first);
    o->last = o->first;
    return good;
}

static bool parse(char *const *argv, struct options *o)
{
    for (size_t i = 1; argv[i] != NULL; i++) {
        if (str_eq(argv[i], "--verbose")) {
            o->verbose = true;
            continue;
        }
        if (argv[i + 1] == NULL || !parse_one(argv[i], argv[i + 1], o))
            return false;
        i++;
    }
    return true;
}

/* ---- results ---- */

static void put_xml(FILE *f, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '<' || *text == '>' || *text == '&' || *text == '"')
            fprintf(f, "&#%d;", *text);
        else
            fputc(*text, f);
    }
}

static void put_case(FILE *f, const char *name, const char *why, bool cut_short)
{
    fprintf(f, "<testcase name=\"%s\">", name);
    if (why == NULL && cut_short)
        fputs("<skipped/>", f);
    if (why != NULL) {
        fputs("<failure message=\"", f);
        put_xml(f, why);
        fputs("\"/>", f);
    }
    fputs("</testcase>\n", f);
}

/* ---- running ---- */

/* What the processes share: cases are given out one by one, so that none waits for a slow one. */
struct shared {
    _Atomic uint64_t next_case;
    _Atomic unsigned failures;
    _Atomic uint64_t seed[JOBS_MAX]; /* that each job is at; 0 before the first */
    _Atomic int64_t report_at;       /* s */
    struct sim_counts counts[JOBS_MAX];
};

struct job {
    const struct options *o;
    struct shared *shared;
    unsigned number;
    pid_t process; /* 0 when it is this one */
    FILE *results;
};

static bool is_enough(const struct job *j)
{
    return j->shared->failures >= FAILURES_MAX;
}

/* One seed; its failure is told, and kept in *ret_why when it is the first. */
static void run_seed(const struct job *j, uint64_t seed, char **ret_why)
{
    auto_free char *why = NULL;
    j->shared->seed[j->number] = seed;
    if (is_enough(j) || sim_run(seed, j->o->verbose, &j->shared->counts[j->number], &why))
        return;
    j->shared->failures++;
    printf("FAILED seed %" PRIu64 ": %s    replay: certroll-sim --seed %" PRIu64 " --verbose\n",
           seed, why, seed);
    fflush(stdout);
    if (*ret_why == NULL)
        *ret_why = x_printf("seed %" PRIu64 ": %s", seed, why);
}

static void run_named(const struct job *j)
{
    auto_free char *why = NULL;
    for (size_t i = 0; i < sim_named_seed_count; i++)
        run_seed(j, sim_named_seeds[i].seed, &why);
    put_case(j->results, "seeds that once failed", why, is_enough(j));
}

static int64_t seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Now and then, by whoever comes first: from where a run that is stopped here can go on. */
static void report(const struct job *j)
{
    struct shared *s = j->shared;
    int64_t at = s->report_at, now = seconds();
    if (now < at || !atomic_compare_exchange_strong(&s->report_at, &at, now + REPORT_EVERY))
        return;
    uint64_t done = j->o->last;
    for (unsigned i = 0; i < j->o->jobs; i++)
        done = s->seed[i] < done ? s->seed[i] : done;
    fprintf(stderr, "all seeds before %" PRIu64 " of %" PRIu64 "-%" PRIu64 " are done, %u failed\n",
            done, j->o->first, j->o->last, s->failures);
}

/* Takes cases until none is left. With named seeds they are case 0. */
static void work(const struct job *j)
{
    for (;;) {
        uint64_t n = j->shared->next_case++;
        if (j->o->named && n == 0) {
            run_named(j);
            continue;
        }
        uint64_t first = j->o->first + (n - j->o->named) * CASE_SEEDS;
        uint64_t last = first + CASE_SEEDS - 1 < j->o->last ? first + CASE_SEEDS - 1 : j->o->last;
        if (first > last)
            break;
        auto_free char *why = NULL;
        for (uint64_t seed = first; seed <= last; seed++)
            run_seed(j, seed, &why);
        auto_free char *name = x_printf("seeds %" PRIu64 "-%" PRIu64, first, last);
        put_case(j->results, name, why, is_enough(j));
        report(j);
    }
    j->shared->seed[j->number] = UINT64_MAX;
    fflush(j->results);
}

static FILE *need_file(FILE *f, const char *what)
{
    if (f == NULL) {
        perror(what);
        exit(2);
    }
    return f;
}

static void append(FILE *to, FILE *from)
{
    char block[4096];
    rewind(from);
    for (size_t n; (n = fread(block, 1, sizeof(block), from)) > 0;)
        fwrite(block, 1, n, to);
    fclose(from);
}

static void start(struct job *j)
{
    j->results = need_file(tmpfile(), "a temporary file");
    fflush(stdout);
    j->process = j->o->jobs > 1 ? fork() : 0;
    if (j->process < 0) {
        perror("fork");
        exit(2);
    }
    if (j->process > 0)
        return;
    work(j);
    if (j->o->jobs > 1)
        _exit(0);
}

/* A process that crashed has failed at the seed that it was at. */
static void end(const struct job *j)
{
    int status = 0;
    if (j->process == 0 || waitpid(j->process, &status, 0) != j->process || status == 0)
        return;
    auto_free char *why = x_printf("seed %" PRIu64 ": the simulator crashed (status %d)",
                                   j->shared->seed[j->number], status);
    j->shared->failures++;
    put_case(j->results, "a process of the simulator", why, false);
    printf("FAILED %s\n", why);
}

static void put_means(const struct shared *shared, unsigned jobs)
{
    struct sim_counts all = {0};
    for (unsigned i = 0; i < jobs; i++)
        sim_counts_add(&all, &shared->counts[i]);
    double n = all.lives > 0 ? (double)all.lives : 1;
    printf("a life: %.1f calls, %.1f of them faulty, %.2f kills, %.1f reconciles, %.1f writes, "
           "%.2f orders\n",
           (double)all.calls / n, (double)all.faults / n, (double)all.kills / n,
           (double)all.reconciles / n, (double)all.writes / n, (double)all.orders / n);
}

static unsigned run(const struct options *o, FILE *junit)
{
    struct shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        x_abort("no shared memory");
    shared->report_at = seconds() + REPORT_EVERY;
    struct job jobs[JOBS_MAX];
    for (unsigned i = 0; i < o->jobs; i++) {
        jobs[i] = (struct job){.o = o, .shared = shared, .number = i};
        start(&jobs[i]);
    }
    for (unsigned i = 0; i < o->jobs; i++) {
        end(&jobs[i]);
        append(junit, jobs[i].results);
    }
    put_means(shared, o->jobs);
    return shared->failures;
}

/* ---- main ---- */

static void init(const struct options *o)
{
    map_fix_seed(1, 2);
    json_room_init();
    json_set_alloc_funcs(malloc, free); /* nothing here is worth wiping */
    pki_init();
    sim_pki_init();
    err_drop(api_init(API_DEFAULT_GROUP)); /* its own default is a good one */
    log_configure(o->verbose ? LOG_INFO : LOG_ERROR, LOG_LOGFMT);
}

static unsigned processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > JOBS_MAX ? JOBS_MAX : (unsigned)n;
}

int main(int argc, char **argv)
{
    (void)argc;
    struct options o = {.first = 1,
                        .last = SEEDS,
                        .named = true,
                        .jobs = processors(),
                        .junit = junit_from_environment()};
    if (!parse(argv, &o)) {
        fputs(usage, stderr);
        return 2;
    }
    if (o.first == o.last)
        o.jobs = 1; /* for a debugger */
    init(&o);
    const char *path = str_or(o.junit, "/dev/null");
    FILE *junit = need_file(fopen(path, "we"), path);
    fputs("<testsuites><testsuite name=\"sim\">\n", junit);
    unsigned failures = run(&o, junit);
    fputs("</testsuite></testsuites>\n", junit);
    fclose(junit);
    free(o.junit);
    printf("%" PRIu64 " seeds, %u failed\n", o.last - o.first + 1, failures);
    return failures > 0 ? 1 : 0;
}
