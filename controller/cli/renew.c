/* SPDX-License-Identifier: Apache-2.0 */
/* `renew`: asks for a new certificate now, through the condition Issuing (as cert-manager's tools do). */
#include <string.h>

#include "api/kinds.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/lookup.h"

#define TRIES 5 /* against others who write the same status */

static struct err *check(const struct cli *cli, const char *const *args)
{
    const struct cli_flags *f = &cli->flags;
    int ways = (args[0] != NULL) + (f->selector != NULL) + f->all;
    if (ways != 1)
        return err_new(ERR_INVALID, "InvalidUsage",
                       "write the names of Certificates, --selector or --all");
    return args[0] != NULL ? cli_one_namespace(cli) : NULL;
}

/* The resourceVersion makes it a conflict when somebody else wrote since: the list is replaced as a whole. */
static json_t *patch_of(const struct certificate *crt, int64_t now)
{
    AUTO(condition_set_release) struct condition_set set;
    condition_set_init(&set, crt->status.conditions.items, crt->status.conditions.len);
    condition_set_put(&set,
                      &(struct condition){.type = "Issuing",
                                          .status = "True",
                                          .reason = "ManuallyTriggered",
                                          .message = "Certificate re-issuance manually triggered",
                                          .observed_generation = crt->obj.meta.generation},
                      now);
    json_t *conditions = json_new_array();
    for (size_t i = 0; i < set.len; i++)
        json_push(conditions, bind_encode(&condition_table, &set.items[i]));
    return json_build("{s:{s:s},s:{s:o}}", "metadata", "resourceVersion",
                      crt->obj.meta.resource_version, "status", "conditions", conditions);
}

static struct err *patch(const struct cli *cli, const struct certificate *crt)
{
    const struct object_meta *meta = &crt->obj.meta;
    if (crt->status.conditions.len >= CONDITIONS_MAX) /* there would be no room for ours */
        return err_new(ERR_INVALID, "TooMany", "Certificate %s/%s has over %d conditions",
                       meta->namespace, meta->name, CONDITIONS_MAX - 1);
    const struct kube_ref ref = {.res = &kind_certificate.res,
                                 .ns = meta->namespace,
                                 .name = meta->name,
                                 .subresource = "status"};
    json_auto_t *body = patch_of(crt, clock_wall(cli->clock));
    return kube_merge_patch(cli->kube, &ref, body, NULL);
}

/* crt is what was read last. */
static struct err *renew(struct cli *cli, const struct certificate *crt)
{
    AUTO_OBJECT(struct certificate) again = NULL;
    struct err *e = patch(cli, crt);
    for (int i = 1; i < TRIES && err_is(e, ERR_CONFLICT); i++) {
        err_free(e);
        object_unref(TAKE(again));
        TRY(lookup_object(cli, &kind_certificate, crt->obj.meta.namespace, crt->obj.meta.name,
                          (const void **)&again));
        e = patch(cli, again);
    }
    if (e == NULL)
        buf_putf(&cli->out, "Manually triggered issuance of Certificate %s/%s\n",
                 crt->obj.meta.namespace, crt->obj.meta.name);
    return e;
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
