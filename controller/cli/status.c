/* SPDX-License-Identifier: Apache-2.0 */
/* `status`: one Certificate or Order with all that hangs on it, or an overview. */
#include "api/kinds.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/report.h"
#include "cli/text.h"

#define NEXT_ACTION_MAX 100 /* bytes in the overview */
#define ALL_PARTS ((1U << CHAIN_PARTS) - 1)

enum target_kind { TARGET_ALL, TARGET_CERTIFICATE, TARGET_ORDER };
struct target {
    enum target_kind kind;
    const char *name;
};

/* "", "all", "NAME", "certificate NAME", "order NAME". */
static struct err *read_target(const char *const *args, struct target *ret_target)
{
    struct target t = {TARGET_ALL, NULL};
    bool two = args[0] != NULL && args[1] != NULL;
    if (two && (args[2] != NULL || (!str_eq(args[0], "certificate") && !str_eq(args[0], "order"))))
        return err_new(ERR_INVALID, "InvalidUsage",
                       "write a name, certificate NAME, order NAME, or all");
    if (two)
        t.kind = str_eq(args[0], "order") ? TARGET_ORDER : TARGET_CERTIFICATE;
    else if (args[0] != NULL && !str_eq(args[0], "all"))
        t.kind = TARGET_CERTIFICATE;
    if (t.kind != TARGET_ALL)
        t.name = args[two ? 1 : 0];
    *ret_target = t;
    return NULL;
}

static struct err *check(const struct cli *cli, const char *const *args)
{
    struct target t = {0};
    TRY(read_target(args, &t));
    return t.kind == TARGET_ALL ? NULL : cli_one_namespace(cli);
}

/* ---- the overview ---- */

static const struct column columns[] = {
    {.head = "NAMESPACE", .key = "namespace"}, /* only with -A */
    {.head = "READY", .key = "ready"},
    {.head = "NAME", .key = "name"},
    {.head = "SECRET", .key = "secretName"},
    {.head = "ISSUER", .key = "issuer"},
    {.head = "EXPIRES IN", .key = "notAfter", .type = COLUMN_UNTIL},
    {.head = "RENEWS IN", .key = "renewalTime", .type = COLUMN_UNTIL},
    {.head = "NEXT ACTION", .key = "nextAction", .max = NEXT_ACTION_MAX},
};

static struct err *overview(const struct cli *cli, json_t **ret_report)
{
    AUTO_OBJECT_LIST all = {0};
    TRY(lookup_list(cli, &kind_certificate, cli->flags.selector, NULL, NULL, &all));
    json_t *rows = json_new_array();
    for (size_t i = 0; i < all.len; i++)
        json_push(rows, report_row(all.items[i]));
    *ret_report = json_build("{s:o}", "items", rows);
    return NULL;
}

static void put_overview(struct cli *cli, const json_t *report)
{
    size_t skip = cli->ns != NULL ? 1 : 0;
    const json_t *rows = JGET(report, "items");
    if (json_count(rows) == 0)
        buf_putf(&cli->out, "No Certificates found%s%s.\n", skip ? " in namespace " : "",
                 str_or(cli->ns, ""));
    else
        text_table(&cli->out, columns + skip, ARRAY_LEN(columns) - skip, rows,
                   clock_wall(cli->clock));
}

/* ---- the verb ---- */

static struct err *make_report(const struct cli *cli, const struct target *t, json_t **ret_report)
{
    if (t->kind == TARGET_ALL)
        return overview(cli, ret_report);
    AUTO(chain_release) struct chain chain = {0};
    if (t->kind == TARGET_CERTIFICATE) {
        TRY(lookup_certificate(cli, t->name, ALL_PARTS, &chain));
        *ret_report = report_certificate(&chain);
    } else {
        TRY(lookup_order(cli, t->name, ALL_PARTS, &chain));
        *ret_report = report_order(&chain);
    }
    return NULL;
}

static struct err *run(struct cli *cli, const char *const *args)
{
    struct target t = {0};
    TRY(read_target(args, &t));
    json_auto_t *report = NULL;
    TRY(make_report(cli, &t, &report));
    if (str_eq(cli->flags.output, "json")) {
        TRY(json_print(report, &cli->out));
        buf_puts(&cli->out, "\n");
    } else if (t.kind == TARGET_ALL) {
        put_overview(cli, report);
    } else {
        text_outline(&cli->out, report, clock_wall(cli->clock));
    }
    return NULL;
}

const struct verb verb_status = {
    .name = "status",
    .arguments = "[NAME | certificate NAME | order NAME | all]",
    .help = "show a Certificate or an Order with all that hangs on it, or an overview",
    .flags = VERB_SELECTS | VERB_OUTPUT,
    .check = check,
    .run = run,
};
