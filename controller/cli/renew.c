/* SPDX-License-Identifier: Apache-2.0 */
/* `renew`: asks for a new certificate now, by the annotation that everyone with edit rights may write. */
#include "api/group.h"
#include "api/kinds.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/lookup.h"

static struct err *check(const struct cli *cli, const char *const *args)
{
    const struct cli_flags *f = &cli->flags;
    int ways = (args[0] != NULL) + (f->selector != NULL) + f->all;
    if (ways != 1)
        return err_new(ERR_INVALID, "InvalidUsage",
                       "write the names of Certificates, --selector or --all");
    return args[0] != NULL ? cli_one_namespace(cli) : NULL;
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

static void renew_named(struct cli *cli, const char *name)
{
    AUTO(chain_release) struct chain chain = {0};
    struct err *e = lookup_certificate(cli, name, 0, &chain);
    if (e == NULL)
        e = renew(cli, chain.crt);
    cli_complain(cli, e);
}

static struct err *renew_listed(struct cli *cli)
{
    AUTO_OBJECT_LIST all = {0};
    TRY(lookup_list(cli, &kind_certificate, cli->flags.selector, NULL, NULL, &all));
    if (all.len == 0)
        return err_new(ERR_NOT_FOUND, "NotFound", "no Certificates found%s%s%s%s",
                       cli->ns != NULL ? " in namespace " : "", str_or(cli->ns, ""),
                       cli->flags.selector != NULL ? " with labels " : "",
                       str_or(cli->flags.selector, ""));
    for (size_t i = 0; i < all.len; i++)
        cli_complain(cli, renew(cli, all.items[i]));
    return NULL;
}

/* One that cannot be renewed does not keep the others from it. */
static struct err *run(struct cli *cli, const char *const *args)
{
    if (args[0] == NULL)
        return renew_listed(cli);
    for (; *args != NULL; args++)
        renew_named(cli, *args);
    return NULL;
}

const struct verb verb_renew = {
    .name = "renew",
    .arguments = "NAME... | --selector LABELS | --all",
    .help = "ask for a new certificate now",
    .flags = VERB_SELECTS | VERB_ALL,
    .check = check,
    .run = run,
};
