/* SPDX-License-Identifier: Apache-2.0 */
/* `preflight`: the whole way to a certificate by a staging issuer, for one or many; nothing that is served changes. */
#include "cli/preflight.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/kinds.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/text.h"

#define AT_ONCE 8
/* Between looks: often while there is news. */
#define PAUSE_MIN (500 * NS_PER_MS)
#define PAUSE_MAX (3 * NS_PER_SEC)

struct run {
    struct cli *cli;
    struct issuer_ref issuer; /* of --issuer; kind and name are borrowed from text */
    char *text;
    struct trial *trials;
    size_t count;
};

/* ---- arguments ---- */

/* "staging", "ClusterIssuer/staging". Cuts text in two, and borrows from it. */
static struct err *parse_issuer(char *text, struct issuer_ref *ret_ref)
{
    static const char *const kinds[] = {"Issuer", "ClusterIssuer"};
    char *slash = strchr(text, '/');
    const char *name = slash != NULL ? slash + 1 : text;
    if (slash != NULL)
        *slash = '\0';
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!name_is_subdomain(name) || (slash != NULL && strcasecmp(text, kinds[i]) != 0))
            continue;
        *ret_ref = (struct issuer_ref){.name = name, .kind = kinds[i]};
        return NULL;
    }
    return err_new(ERR_INVALID, "InvalidFlag",
                   "--issuer: write NAME, Issuer/NAME or ClusterIssuer/NAME");
}

static struct err *check(const struct cli *cli, const char *const *args)
{
    auto_free char *text = x_strdup(str_or(cli->flags.issuer, "none"));
    struct issuer_ref ref = {0};
    TRY(parse_issuer(text, &ref));
    return lookup_check_targets(cli, args);
}

/* ---- many at once ---- */

static void run_release(struct run *r)
{
    for (size_t i = 0; i < r->count; i++)
        trial_release(&r->trials[i]);
    free(r->trials);
    free(r->text);
}

static struct err *run_init(struct run *r, const struct object_list *certificates)
{
    const char *issuer = r->cli->flags.issuer;
    if (issuer != NULL) {
        r->text = x_strdup(issuer);
        TRY(parse_issuer(r->text, &r->issuer));
    }
    r->trials = x_calloc(certificates->len + 1, sizeof(*r->trials));
    for (; r->count < certificates->len; r->count++) {
        const struct certificate *crt = certificates->items[r->count];
        const struct certificate_preflight *own = crt->spec.preflight;
        struct trial *t = &r->trials[r->count];
        t->crt = crt;
        if (issuer != NULL)
            t->issuer = &r->issuer;
        else if (own != NULL)
            t->issuer = &own->issuer_ref;
    }
    return NULL;
}

static size_t count_of(const struct run *r, enum trial_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < r->count; i++)
        n += r->trials[i].state == state;
    return n;
}

/* One list serves all: Challenges are there only while names are proven. That they cannot be read is no reason to
 * fail, as the request tells the verdict. */
static void list_challenges(struct cli *cli, struct object_list *ret_list)
{
    err_drop(lookup_list(cli, &kind_challenge, NULL, NULL, NULL, ret_list));
}

/* Looks at all that run, and begins others in the places that became free. */
static void look_round(struct run *r)
{
    AUTO_OBJECT_LIST challenges = {0};
    size_t running = count_of(r, TRIAL_RUNS);
    if (running > 0)
        list_challenges(r->cli, &challenges);
    for (size_t i = 0; i < r->count; i++)
        if (r->trials[i].state == TRIAL_RUNS)
            trial_step(r->cli, &r->trials[i], &challenges);
    running = count_of(r, TRIAL_RUNS);
    for (size_t i = 0; i < r->count && running < AT_ONCE; i++) {
        if (r->trials[i].state != TRIAL_TO_COME)
            continue;
        trial_begin(r->cli, &r->trials[i]);
        running += r->trials[i].state == TRIAL_RUNS;
        cli_show(r->cli);
    }
}

static void interrupt(struct run *r, const struct err *why)
{
    for (size_t i = 0; i < r->count; i++) {
        struct trial *t = &r->trials[i];
        if (t->state == TRIAL_RUNS || t->state == TRIAL_TO_COME)
            trial_end(r->cli, t, x_printf("ended before its time: %s", why->message));
    }
}

static void follow(struct run *r)
{
    struct cli *cli = r->cli;
    int64_t pause = 0; /* the first one begins to hold signals back */
    AUTO_ERR interrupted = cli->pause(cli, pause);
    while (interrupted == NULL &&
           count_of(r, TRIAL_PASSED) + count_of(r, TRIAL_FAILED) < r->count) {
        size_t lines = cli->out.len;
        look_round(r);
        bool news = cli->out.len != lines;
        pause = news || pause == 0 ? PAUSE_MIN : pause * 5 / 4;
        pause = pause < PAUSE_MAX ? pause : PAUSE_MAX;
        cli_show(cli);
        if (count_of(r, TRIAL_RUNS) > 0)
            interrupted = cli->pause(cli, pause);
    }
    if (interrupted != NULL)
        interrupt(r, interrupted);
}

/* ---- the summary ---- */

static const struct column columns[] = {
    {.head = "RESULT", .key = "result"}, {.head = "NAMESPACE", .key = "namespace"},
    {.head = "NAME", .key = "name"},     {.head = "ISSUER", .key = "issuer"},
    {.head = "TOOK", .key = "took"},     {.head = "REASON", .key = "reason"},
};

static json_t *summary_row(const struct trial *t)
{
    const struct object_meta *meta = &t->crt->obj.meta;
    bool passed = t->state == TRIAL_PASSED;
    char took[DURATION_MAX];
    duration_human(t->ended - t->begun, took);
    json_t *row = json_build("{s:s,s:s,s:s}", "result", passed ? "PASSED" : "FAILED", "namespace",
                             meta->namespace, "name", meta->name);
    if (t->issuer != NULL) {
        auto_free char *issuer = x_printf("%s/%s", issuer_ref_kind(t->issuer), t->issuer->name);
        json_put_str(row, "issuer", issuer);
    }
    json_put_str(row, "took", t->begun != 0 ? took : NULL);
    json_put_str(row, "reason", t->reason);
    return row;
}

static void summarize(struct run *r)
{
    json_auto_t *rows = json_new_array();
    for (size_t i = 0; i < r->count; i++)
        json_push(rows, summary_row(&r->trials[i]));
    struct cli *cli = r->cli;
    size_t failed = count_of(r, TRIAL_FAILED);
    buf_puts(&cli->out, "\n");
    text_table(&cli->out, columns, ARRAY_LEN(columns), rows, clock_wall(cli->clock));
    buf_putf(&cli->out, "%zu passed, %zu failed\n", r->count - failed, failed);
    if (failed > 0)
        cli->code = EXIT_FAILURE;
}

static struct err *run(struct cli *cli, const char *const *args)
{
    AUTO_OBJECT_LIST certificates = {0};
    TRY(lookup_targets(cli, args, &certificates));
    AUTO(run_release) struct run r = {.cli = cli};
    TRY(run_init(&r, &certificates));
    follow(&r);
    if (r.count > 0)
        summarize(&r);
    return NULL;
}

const struct verb verb_preflight = {
    .name = "preflight",
    .arguments = "NAME... | --selector LABELS | --all",
    .help = "try to get a certificate from a staging issuer, and change nothing that is served",
    .flags = VERB_SELECTS | VERB_ALL | VERB_TRIES,
    .check = check,
    .run = run,
};
