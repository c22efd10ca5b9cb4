/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certroll-sim [--seeds A-B] [--seed N] [--verbose] [--junit FILE]
 * Runs the simulator over a range of seeds. Exit code 1 when one of them failed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/group.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "json/json.h"
#include "pki/key.h"
#include "sim/sim.h"
#include "sim/sim_pki.h"

#define SEEDS 500
#define FAILURES_MAX 10 /* then it is enough */
#define CASE_SEEDS 50   /* seeds that one test case of the results stands for */

struct options {
    uint64_t first, last;
    bool verbose;
    char *junit; /* or NULL */
};

static const char usage[] =
    "usage: certroll-sim [--seeds A-B] [--seed N] [--verbose] [--junit FILE]\n";

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

static bool parse(char *const *argv, struct options *o)
{
    for (size_t i = 1; argv[i] != NULL; i++) {
        const char *value = argv[i + 1];
        if (str_eq(argv[i], "--verbose")) {
            o->verbose = true;
            continue;
        }
        if (value == NULL)
            return false;
        if (str_eq(argv[i], "--seeds") && !parse_range(value, o))
            return false;
        if (str_eq(argv[i], "--seed") && !parse_seed(value, &o->first))
            return false;
        if (str_eq(argv[i], "--seed"))
            o->last = o->first;
        if (str_eq(argv[i], "--junit")) {
            free(o->junit);
            o->junit = x_strdup(value);
        }
        if (!str_eq(argv[i], "--seeds") && !str_eq(argv[i], "--seed") &&
            !str_eq(argv[i], "--junit"))
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

static void put_case(FILE *f, uint64_t first, uint64_t last, const char *why)
{
    fprintf(f, "<testcase name=\"seeds %llu-%llu\">", (unsigned long long)first,
            (unsigned long long)last);
    if (why != NULL) {
        fputs("<failure message=\"", f);
        put_xml(f, why);
        fputs("\"/>", f);
    }
    fputs("</testcase>\n", f);
}

static void report(uint64_t seed, const char *why)
{
    printf("FAILED seed %llu: %s", (unsigned long long)seed, why);
    printf("    replay: certroll-sim --seed %llu --verbose\n", (unsigned long long)seed);
}

/* ---- running ---- */

/* The seeds of one test case, whose first failure is its message; returns the failures so far. */
static unsigned run_case(const struct options *o, uint64_t first, uint64_t last, unsigned failures,
                         char **ret_why)
{
    for (uint64_t seed = first; seed <= last && failures < FAILURES_MAX; seed++) {
        auto_free char *why = NULL;
        if (sim_run(seed, o->verbose, &why))
            continue;
        report(seed, why);
        fflush(stdout);
        failures++;
        if (*ret_why == NULL)
            *ret_why = x_printf("seed %llu: %s", (unsigned long long)seed, why);
    }
    return failures;
}

static unsigned run(const struct options *o, FILE *junit)
{
    unsigned failures = 0;
    for (uint64_t first = o->first; first <= o->last && failures < FAILURES_MAX;) {
        uint64_t last = first + CASE_SEEDS - 1 < o->last ? first + CASE_SEEDS - 1 : o->last;
        auto_free char *why = NULL;
        failures = run_case(o, first, last, failures, &why);
        if (junit != NULL)
            put_case(junit, first, last, why);
        first = last + 1;
    }
    return failures;
}

static void init(const struct options *o)
{
    map_fix_seed(1, 2);
    json_room_init();
    pki_init();
    sim_pki_init();
    err_drop(api_init(API_DEFAULT_GROUP)); /* its own default is a good one */
    log_configure(o->verbose ? LOG_INFO : LOG_ERROR, LOG_LOGFMT);
}

int main(int argc, char **argv)
{
    (void)argc;
    struct options o = {.first = 1, .last = SEEDS, .junit = junit_from_environment()};
    if (!parse(argv, &o)) {
        fputs(usage, stderr);
        return 2;
    }
    init(&o);
    FILE *junit = o.junit != NULL ? fopen(o.junit, "we") : NULL;
    if (o.junit != NULL && junit == NULL) {
        perror(o.junit);
        return 2;
    }
    if (junit != NULL)
        fputs("<testsuites><testsuite name=\"sim\">\n", junit);
    unsigned failures = run(&o, junit);
    if (junit != NULL) {
        fputs("</testsuite></testsuites>\n", junit);
        fclose(junit);
    }
    free(o.junit);
    printf("%" PRIu64 " seeds, %u failed\n", o.last - o.first + 1, failures);
    return failures > 0 ? 1 : 0;
}
