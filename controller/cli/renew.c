/* SPDX-License-Identifier: Apache-2.0 */
/* `renew`: asks for a new certificate now, by the annotation that everyone with edit rights may write. */
#include "api/group.h"
#include "api/kinds.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/lookup.h"

static struct err *check(const struct cli *cli, const char *const *args)
{
    if (cli->flags.dry_run)
        return verb_preflight.check(cli, args);
    if (cli->flags.issuer != NULL)
        return err_new(ERR_INVALID, "InvalidUsage", "--issuer goes with --dry-run only");
    return lookup_check_targets(cli, args);
}

/* The value says when: each call is another wish, and the wish outlives a failed attempt. */
static struct err *renew(struct cli *cli, const struct certificate *crt)
{
    const struct object_meta *meta = &crt->obj.meta;
    const struct kube_ref ref = {
        .res = &kind_certificate.res, .ns = meta->namespace, .name = meta->name};
    char when[RFC3339_MAX];
    rfc3339_format_micro(clock_wall(cli->clock), when);
    json_auto_t *body = json_build("{s:{s:s,s:{s:s}}}", "metadata", "uid", meta->uid, "annotations",
                                   API_RENEW, when);
    TRY(kube_merge_patch(cli->kube, &ref, body, NULL));
    buf_putf(&cli->out, "Manually triggered issuance of Certificate %s/%s\n", meta->namespace,
             meta->name);
    return NULL;
}

/* One that cannot be renewed does not keep the others from it. */
static struct err *run(struct cli *cli, const char *const *args)
{
    if (cli->flags.dry_run)
        return verb_preflight.run(cli, args);
    AUTO_OBJECT_LIST all = {0};
    TRY(lookup_targets(cli, args, &all));
    for (size_t i = 0; i < all.len; i++)
        cli_complain(cli, renew(cli, all.items[i]));
    return NULL;
}

const struct verb verb_renew = {
    .name = "renew",
    .arguments = "NAME... | --selector LABELS | --all",
    .help = "ask for a new certificate now; with --dry-run only try, as preflight does",
    .flags = VERB_SELECTS | VERB_ALL | VERB_TRIES | VERB_DRY_RUN,
    .check = check,
    .run = run,
};
